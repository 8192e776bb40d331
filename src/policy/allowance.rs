//! How many requests a host gets at once: fewer after it has asked for fewer (429, 503), and when more.
//!
//! Additive increase, multiplicative decrease, as TCP does. A refusal by a host that had no more than it was
//! allowed halves what it is allowed, and pauses it. One by a host that has more in flight than that tells
//! nothing new: the others of one volley are refused together.
//!
//! More is earned in two ways. Each time as many requests have gone well as are allowed at once, one more is
//! allowed. And where nothing ends, because what is in flight is long, time tells: what has outlasted the pause
//! goes well, so one more is sent *on trial*; if that is not refused within a second two more are, then four. A
//! refused trial takes back what it was given and nothing else, pauses nobody but for a Retry-After, and makes
//! the next wait twice as long, up to 64 s.

use std::time::{Duration, Instant};

/// How long a trial lasts, and the least time from one to the next.
const TURN: Duration = Duration::from_secs(1);

/// The longest time from a refused trial to the next.
const MAX_PATIENCE: Duration = Duration::from_secs(64);

/// How much later than a job a helper may be on trial: who has nothing yet goes first.
const HEAD_START: Duration = Duration::from_millis(100);

/// What a host is allowed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What the user allows.
    most: usize,
    /// How many requests may be in flight.
    limit: usize,
    /// Requests that went well since the limit was last changed.
    successes: usize,
    paused_until: Option<Instant>,
    /// When more than the limit may be tried; `None` before the first refusal.
    try_at: Option<Instant>,
    /// What was in flight before the last trial, if that was not refused yet.
    proven: Option<usize>,
    /// How many a trial allows.
    step: usize,
    /// How long a refused trial makes the next one wait.
    patience: Duration,
}

/// Who asks for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// One that helps with a file that comes without it.
    Helper,
    /// A job.
    Job,
}

/// On which terms a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The host takes as many.
    Regular,
    /// It has not shown that it does.
    OnTrial,
}

/// An answer that asks for fewer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it came.
    pub at: Instant,
    /// How long whoever was refused waits.
    pub pause: Duration,
    /// Whether the host said how long to wait.
    pub is_asked: bool,
}

impl Allowance {
    /// Allows what the user does.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            limit: most,
            successes: 0,
            paused_until: None,
            try_at: None,
            proven: None,
            step: 1,
            patience: TURN,
        }
    }

    /// Returns whether less is allowed than the user does.
    pub fn is_restrained(&self) -> bool {
        self.limit < self.most || self.paused_until.is_some()
    }

    /// Returns how long the host must be left alone.
    pub fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.paused_until = self.paused_until.filter(|until| now < *until);
        self.paused_until.map(|until| until - now)
    }

    /// Returns how many more requests are allowed beside so many.
    pub fn room(&self, active: usize) -> usize {
        self.limit.saturating_sub(active)
    }

    /// Returns on which terms one more may be sent now beside so many, if at all.
    pub fn admits(&self, active: usize, asker: Asker, now: Instant) -> Option<Admission> {
        if self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        if active < self.limit {
            return Some(Admission::Regular);
        }
        let head_start = if asker == Asker::Helper { HEAD_START } else { Duration::ZERO };
        let may_try = active < self.most && self.try_at.is_some_and(|at| now >= at + head_start);
        may_try.then_some(Admission::OnTrial)
    }

    /// Takes note of a request that is sent on these terms beside so many.
    pub fn admit(&mut self, active: usize, asker: Asker, admission: Admission, now: Instant) {
        self.paused_until = None;
        let next = self.try_at.map(|at| at.max(now + TURN));
        match admission {
            // What is new has to be answered before it says anything.
            Admission::Regular if asker == Asker::Job => self.try_at = next,
            Admission::Regular => {}
            Admission::OnTrial => {
                if self.proven.is_some() {
                    (self.step, self.patience) = (self.step.saturating_mul(2), TURN);
                }
                self.limit = active.saturating_add(self.step).min(self.most);
                (self.proven, self.successes, self.try_at) = (Some(active), 0, next);
            }
        }
    }

    /// Takes note of a refusal to one of so many requests in flight.
    pub fn refuse(&mut self, active: usize, refusal: Refusal) {
        let Refusal { at, pause, is_asked } = refusal;
        let until = at + pause;
        let next = if let Some(proven) = self.proven.take() {
            self.limit = proven.max(1);
            let next = until.max(at + self.patience);
            self.patience = (self.patience * 2).min(MAX_PATIENCE);
            if is_asked {
                self.pause(until);
            }
            next
        } else {
            if active <= self.limit {
                self.limit = (active / 2).max(1);
            }
            self.pause(until);
            until
        };
        (self.step, self.successes) = (1, 0);
        self.try_at = Some(self.try_at.map_or(next, |old| old.max(next)));
    }

    /// Takes note of a request that went well.
    pub fn succeed(&mut self) {
        self.successes += 1;
        if self.successes >= self.limit {
            self.limit = self.limit.saturating_add(1).min(self.most);
            self.successes = 0;
            // With as many gone well, no later refusal is the trial's.
            self.proven = None;
        }
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = Some(self.paused_until.map_or(until, |old| old.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A host with long requests, in virtual time.
    struct Host {
        allowance: Allowance,
        active: usize,
        /// How many it answers at once.
        takes: usize,
        began: Instant,
        now: Instant,
    }

    impl Host {
        fn new(most: usize, takes: usize) -> Self {
            let now = Instant::now();
            Self { allowance: Allowance::new(most), active: 0, takes, began: now, now }
        }

        /// Sends what is allowed, at most so much, before anything of it is answered; returns how many were
        /// refused.
        fn send(&mut self, at_most: usize, asker: Asker, pause: Duration) -> usize {
            for _ in 0..at_most {
                let Some(admission) = self.allowance.admits(self.active, asker, self.now) else {
                    break;
                };
                self.allowance.admit(self.active, asker, admission, self.now);
                self.active += 1;
            }
            let refused = self.active.saturating_sub(self.takes);
            for _ in 0..refused {
                let refusal = Refusal { at: self.now, pause, is_asked: false };
                self.allowance.refuse(self.active, refusal);
                self.active -= 1;
            }
            refused
        }

        /// Sends what is allowed for so long; returns when, in milliseconds, and how many were refused.
        fn run(&mut self, time: Duration) -> Vec<(u128, usize)> {
            let (mut sent, end) = (Vec::new(), self.now + time);
            while self.now < end {
                let before = self.active;
                let refused = self.send(usize::MAX, Asker::Job, Duration::ZERO);
                if refused > 0 || self.active > before {
                    sent.push(((self.now - self.began).as_millis(), refused));
                }
                self.now += 10 * MS;
            }
            sent
        }
    }

    #[test]
    fn one_passing_refusal_beside_a_long_request_is_followed_by_another_try_in_time() {
        let mut host = Host::new(8, 1);
        assert_eq!(host.send(2, Asker::Job, 530 * MS), 1);
        host.takes = 8;
        host.now += 529 * MS;
        assert_eq!(host.allowance.admits(host.active, Asker::Job, host.now), None);
        host.now += MS;
        // The one that was refused goes before those that help.
        assert_eq!(host.allowance.admits(host.active, Asker::Helper, host.now), None);
        host.send(1, Asker::Job, Duration::ZERO);
        assert_eq!(host.active, 2);
        // Then all come back though nothing ends.
        let sent = host.run(Duration::from_secs(10));
        assert_eq!(sent, [(1530, 0), (2530, 0)]);
        assert_eq!(host.active, 8);
        assert!(!host.allowance.is_restrained());
    }

    #[test]
    fn a_host_that_refuses_all_above_some_is_tried_ever_more_rarely() {
        for takes in [1, 2, 4] {
            let mut host = Host::new(8, takes);
            // One volley: what came through of it is what it is left with.
            assert_eq!(host.send(8, Asker::Job, Duration::ZERO), 8 - takes);
            assert_eq!(host.active, takes);
            let sent = host.run(Duration::from_secs(3600));
            assert!(sent.len() <= 64, "{takes}: {sent:?}");
            assert!(sent.iter().all(|(_, refused)| *refused == 1), "{takes}: {sent:?}");
            assert!(host.allowance.limit >= takes.max(1));
        }
    }

    #[test]
    fn many_long_requests_and_one_refusal_cost_nobody_a_place() {
        let mut host = Host::new(8, 7);
        assert_eq!(host.send(8, Asker::Job, 500 * MS), 1);
        assert_eq!(host.allowance.limit, 4);
        host.takes = 8;
        host.now += 500 * MS;
        host.send(1, Asker::Job, Duration::ZERO);
        assert_eq!((host.active, host.allowance.limit), (8, 8));
    }

    #[test]
    fn half_of_short_requests_are_allowed_after_a_refusal_and_the_rest_is_earned() {
        let mut host = Host::new(8, 7);
        assert_eq!(host.send(8, Asker::Job, 500 * MS), 1);
        (host.active, host.takes) = (0, 8);
        host.now += 500 * MS;
        host.send(8, Asker::Job, Duration::ZERO);
        assert_eq!(host.active, 4);
        for _ in 0..4 {
            host.allowance.succeed();
        }
        assert_eq!(host.allowance.room(host.active), 1);
    }

    #[test]
    fn a_refused_trial_pauses_only_when_the_host_says_so() {
        for is_asked in [false, true] {
            let mut host = Host::new(8, 1);
            host.send(2, Asker::Job, Duration::ZERO);
            let admission = host.allowance.admits(1, Asker::Job, host.now);
            assert_eq!(admission, Some(Admission::OnTrial));
            host.allowance.admit(1, Asker::Job, Admission::OnTrial, host.now);
            let pause = Duration::from_secs(60);
            host.allowance.refuse(2, Refusal { at: host.now, pause, is_asked });
            // What was in flight has ended.
            let admission = host.allowance.admits(0, Asker::Job, host.now);
            assert_eq!(admission.is_none(), is_asked);
        }
    }

    #[test]
    fn one_more_than_the_user_allows_is_never_tried() {
        let mut host = Host::new(2, 1);
        host.send(2, Asker::Job, Duration::ZERO);
        host.takes = 9;
        host.run(Duration::from_secs(100));
        assert_eq!(host.active, 2);
    }
}
