//! Which mirror of a file is asked next, when an attempt at one of them has failed.
//!
//! One is in use at a time. A failure that will not pass drops it, and the next in the list is asked at
//! once. After a failure that may pass it stays, with its own count of retries and its own backoff, and
//! those that need not wait are asked meanwhile, in the order of the list and round again. Only when all
//! that are left have to wait does the job wait, for the one that may be asked first.

use std::time::{Duration, Instant};

use crate::model::error::Cause;
use crate::model::proxy::ProxyProblem;
use crate::policy::resume::Restart;
use crate::policy::retry::{self, Decision};

/// The mirrors of one job by their numbers: 0 is the URL that stands first, the main one.
#[derive(Debug, Default)]
pub struct Mirrors {
    current: usize,
    /// Empty, and not allocated, for a job with one URL.
    states: Vec<State>,
}

/// What is known of a mirror.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Failures in a row without progress; that of the mirror in use is kept by whoever counts.
    failures: u32,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// It may be asked.
    #[default]
    Ready,
    /// It may be asked from then on.
    Waits(Instant),
    /// It will not be asked again.
    Dropped,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The mirror in use is dropped, and another is asked after this wait, which may be none.
    Drop(Duration),
    /// The job fails.
    Fail,
    /// Another mirror is asked at once; the one that failed may come again.
    Pass,
    /// All that are left have to wait this long.
    Wait(Duration),
}

impl Mirrors {
    /// Begins with the main URL of a job that has so many others.
    pub fn new(others: usize) -> Self {
        let states =
            if others == 0 { Vec::new() } else { vec![State::default(); others.saturating_add(1)] };
        Self { current: 0, states }
    }

    /// Returns the number of the mirror in use.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Returns the numbers of the others that may be asked, in their order from the one in use on, and
    /// since when.
    pub fn others(&self) -> impl Iterator<Item = (usize, Option<Instant>)> {
        let count = self.states.len();
        let others = (1..count).map(move |step| (self.current + step) % count);
        others.filter_map(|number| match self.states[number].standing {
            Standing::Ready => Some((number, None)),
            Standing::Waits(until) => Some((number, Some(until))),
            Standing::Dropped => None,
        })
    }

    /// Returns how many mirrors were tried and dropped, if none is left.
    pub fn exhausted(&self) -> Option<usize> {
        let is_dropped = |state: &State| state.standing == Standing::Dropped;
        let count = self.states.len();
        (count > 0 && self.states.iter().all(is_dropped)).then_some(count)
    }

    /// Decides what follows a failure of the mirror in use, of which `decision` was made as if there
    /// were no other. `failures` is its count, and becomes that of the mirror in use next.
    pub fn after(&mut self, decision: Decision, failures: &mut u32, now: Instant) -> Next {
        let current = self.current;
        let Some(state) = self.states.get_mut(current) else { return alone(decision) };
        state.standing = match decision {
            Decision::GiveUp => Standing::Dropped,
            Decision::Retry { after, .. } => Standing::Waits(now + after),
        };
        let wait = self.choose(failures, now);
        match (decision, wait) {
            (_, None) => Next::Fail,
            (Decision::GiveUp, Some(wait)) => Next::Drop(wait),
            (Decision::Retry { .. }, Some(Duration::ZERO)) if self.current != current => Next::Pass,
            (Decision::Retry { .. }, Some(wait)) => Next::Wait(wait),
        }
    }

    /// Chooses another because the mirror in use must not be asked for a while, through no failure of
    /// this job; returns how long to wait all the same.
    pub fn step_aside(&mut self, wait: Duration, failures: &mut u32, now: Instant) -> Duration {
        let Some(state) = self.states.get_mut(self.current) else { return wait };
        state.standing = Standing::Waits(now + wait);
        self.choose(failures, now).unwrap_or(wait)
    }

    /// Puts the mirror into use that may be asked first, of several the next in the list; returns how
    /// long it has to wait, `None` when none is left.
    fn choose(&mut self, failures: &mut u32, now: Instant) -> Option<Duration> {
        let count = self.states.len();
        // The one in use comes last.
        let others = (1..=count).map(|step| (self.current + step) % count);
        let waits = others.filter_map(|number| match self.states[number].standing {
            Standing::Ready => Some((Duration::ZERO, number)),
            Standing::Waits(until) => Some((until.saturating_duration_since(now), number)),
            Standing::Dropped => None,
        });
        // Of equal ones the first is taken.
        let (wait, next) = waits.min_by_key(|(wait, _)| *wait)?;
        self.states[self.current].failures = *failures;
        *failures = self.states[next].failures;
        self.current = next;
        Some(wait)
    }
}

/// What follows a failure of something that has no mirrors, or that no other mirror would change.
pub fn alone(decision: Decision) -> Next {
    match decision {
        Decision::GiveUp => Next::Fail,
        Decision::Retry { after, .. } => Next::Wait(after),
    }
}

/// Says why bytes of a mirror cannot be put beside those of another.
pub fn unfit(reason: Restart) -> String {
    match reason {
        Restart::Changed => "it has another version of the file".to_owned(),
        Restart::OtherLength => "its file has another length".to_owned(),
        _ => reason.to_string(),
    }
}

/// Returns whether another mirror may fare better after this: whether the server, the way to it or what
/// it sent is to blame, and not the disk, the file's name, a limit of the user's or haul itself.
pub fn may_help(cause: &Cause) -> bool {
    match cause {
        Cause::Connect { source, .. }
        | Cause::Proxy { problem: ProxyProblem::Unreachable { source }, .. } => {
            !retry::is_scarcity(source)
        }
        // Of a body on standard output another mirror may have the very version that was begun.
        Cause::BadUrl { .. }
        | Cause::CannotGoOn { .. }
        | Cause::ConnectTimeout { .. }
        | Cause::Connection { .. }
        | Cause::HostNotFound { .. }
        | Cause::Login { .. }
        | Cause::Drifted { .. }
        | Cause::Mismatch { existing: None, .. }
        | Cause::NotAsDeclared { .. }
        | Cause::Protocol { .. }
        | Cause::Proxy { .. }
        | Cause::Redirect { .. }
        | Cause::ResolverSilent { .. }
        | Cause::Stalled { .. }
        | Cause::Status { .. }
        | Cause::Tls { .. }
        | Cause::TooSlow { .. }
        | Cause::TransferCoding { .. }
        | Cause::Truncated { .. }
        | Cause::TrustStore { .. }
        | Cause::ForbiddenScheme { .. }
        | Cause::UnsupportedScheme { .. }
        | Cause::WrongPiece { existing: None, .. }
        | Cause::WrongSize { existing: None, .. } => true,
        Cause::BadLine { .. }
        | Cause::Command { .. }
        | Cause::Contradiction { .. }
        | Cause::NoChecksum
        | Cause::Disk { .. }
        | Cause::Mismatch { existing: Some(_), .. }
        | Cause::Missing { .. }
        | Cause::Unchecked { .. }
        | Cause::WrongPiece { existing: Some(_), .. }
        | Cause::WrongSize { existing: Some(_), .. }
        | Cause::Exists { .. }
        | Cause::InUse { .. }
        | Cause::NoRoom { .. }
        | Cause::NotAFile { .. }
        | Cause::Panicked { .. }
        | Cause::SecondOutput { .. }
        | Cause::Stdout { .. }
        | Cause::StreamBroken
        | Cause::TimeOver { .. }
        | Cause::TooLarge { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};
    use std::path::PathBuf;

    use rustix::io::Errno;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retry(seconds: u32) -> Decision {
        Decision::Retry { after: seconds * SECOND, is_capped: false }
    }

    /// A job with `others` mirrors besides the main one, and a clock that only the test moves.
    struct Job {
        mirrors: Mirrors,
        failures: u32,
        now: Instant,
    }

    impl Job {
        fn new(others: usize) -> Self {
            Self { mirrors: Mirrors::new(others), failures: 0, now: Instant::now() }
        }

        /// Fails the attempt at mirror `number` after `failures` in a row.
        #[track_caller]
        fn fail(&mut self, number: usize, failures: u32, decision: Decision) -> Next {
            self.failures += 1;
            assert_eq!((self.mirrors.current(), self.failures), (number, failures));
            let next = self.mirrors.after(decision, &mut self.failures, self.now);
            if let Next::Wait(wait) | Next::Drop(wait) = next {
                self.now += wait;
            }
            next
        }
    }

    #[test]
    fn a_job_with_one_url_is_decided_as_before() {
        let mut job = Job::new(0);
        assert_eq!(job.mirrors.states.capacity(), 0);
        assert_eq!(job.fail(0, 1, retry(3)), Next::Wait(3 * SECOND));
        assert_eq!(job.fail(0, 2, Decision::GiveUp), Next::Fail);
        assert_eq!(job.mirrors.exhausted(), None);
        assert_eq!(job.mirrors.step_aside(SECOND, &mut job.failures, job.now), SECOND);
    }

    #[test]
    fn mirrors_that_fail_for_good_are_dropped_in_their_order() {
        let mut job = Job::new(2);
        assert_eq!(job.fail(0, 1, Decision::GiveUp), Next::Drop(Duration::ZERO));
        assert_eq!(job.fail(1, 1, Decision::GiveUp), Next::Drop(Duration::ZERO));
        assert_eq!(job.mirrors.exhausted(), None);
        assert_eq!(job.fail(2, 1, Decision::GiveUp), Next::Fail);
        assert_eq!(job.mirrors.exhausted(), Some(3));
    }

    #[test]
    fn the_others_are_those_that_were_not_dropped() {
        let mut job = Job::new(3);
        let others = |job: &Job| job.mirrors.others().collect::<Vec<_>>();
        assert_eq!(others(&job), [(1, None), (2, None), (3, None)]);
        job.fail(0, 1, retry(1));
        job.fail(1, 1, Decision::GiveUp);
        assert_eq!(others(&job), [(3, None), (0, Some(job.now + SECOND))]);
        assert_eq!(others(&Job::new(0)), []);
    }

    #[test]
    fn failures_that_may_pass_go_round_before_anything_waits() {
        let mut job = Job::new(2);
        assert_eq!(job.fail(0, 1, retry(1)), Next::Pass);
        assert_eq!(job.fail(1, 1, retry(1)), Next::Pass);
        assert_eq!(job.fail(2, 1, retry(1)), Next::Wait(SECOND));
        // The wait is over for all of them.
        assert_eq!(job.fail(0, 2, retry(2)), Next::Pass);
        assert_eq!(job.fail(1, 2, Decision::GiveUp), Next::Drop(Duration::ZERO));
        assert_eq!(job.fail(2, 2, retry(2)), Next::Wait(2 * SECOND));
        assert_eq!(job.fail(0, 3, Decision::GiveUp), Next::Drop(Duration::ZERO));
        assert_eq!(job.fail(2, 3, Decision::GiveUp), Next::Fail);
    }

    #[test]
    fn the_one_that_asks_for_a_long_wait_does_not_hold_up_the_others() {
        let mut job = Job::new(1);
        assert_eq!(job.fail(0, 1, retry(60)), Next::Pass);
        assert_eq!(job.fail(1, 1, retry(1)), Next::Wait(SECOND));
        assert_eq!(job.fail(1, 2, retry(2)), Next::Wait(2 * SECOND));
        assert_eq!(job.fail(1, 3, Decision::GiveUp), Next::Drop(57 * SECOND));
        assert_eq!(job.fail(0, 2, Decision::GiveUp), Next::Fail);
    }

    #[test]
    fn a_host_that_must_be_left_alone_is_stepped_aside_from() {
        let mut job = Job::new(1);
        let wait = |job: &mut Job, seconds: u32| {
            job.mirrors.step_aside(seconds * SECOND, &mut job.failures, job.now)
        };
        assert_eq!(wait(&mut job, 9), Duration::ZERO);
        assert_eq!(wait(&mut job, 5), 5 * SECOND);
        assert_eq!(job.mirrors.current(), 1);
    }

    #[test]
    fn another_mirror_is_asked_only_where_it_may_help() {
        #[track_caller]
        fn case(cause: &Cause, helps: bool) {
            assert_eq!(may_help(cause), helps, "{cause}");
        }
        let host = || "h".to_owned();
        let path = || PathBuf::from("x");
        case(&Cause::Status { code: 404, reason: String::new(), retry_after: None }, true);
        case(&Cause::HostNotFound { host: host() }, true);
        case(&Cause::CannotGoOn { reason: String::new() }, true);
        let refused = ErrorKind::ConnectionRefused.into();
        case(&Cause::Connect { host: host(), source: refused }, true);
        // The machine's own lack is the same for every mirror.
        let too_many_files = io::Error::from(Errno::MFILE);
        case(&Cause::Connect { host: host(), source: too_many_files }, false);
        let source = ErrorKind::PermissionDenied.into();
        case(&Cause::Disk { action: "write", path: path(), source }, false);
        case(&Cause::Exists { path: path(), is_new: false }, false);
        case(&Cause::InUse { path: path() }, false);
        case(&Cause::TimeOver { limit: SECOND }, false);
        case(&Cause::TooLarge { limit: 1 }, false);
    }
}
