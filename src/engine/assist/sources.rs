//! Where the bytes of a shared transfer can come from, and how each place has done so far.
//!
//! The first source is the one that the transfer began with, and the only one of most. The others are
//! mirrors of the same file. Their bytes are mixed with the first one's only under its strong ETag.

use std::time::{Duration, Instant};

use url::Url;

use crate::engine::ask::Reached;
use crate::model::error::Cause;
use crate::model::job::Credentials;
use crate::policy::sources::{self, Standing};

/// The number of the source that a transfer began with.
pub(in crate::engine) const FIRST: usize = 0;

/// How many connections of a source that have ended are remembered by their speeds.
const MAX_PAST: usize = 4;

/// A place that has the file.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Source {
    /// Its URL as the user gave it.
    pub(in crate::engine) given: Url,
    /// Credentials for its origin.
    pub(in crate::engine) credentials: Option<Credentials>,
    /// Its host, as connections are counted.
    pub(in crate::engine) host: String,
    /// Where it has answered from already.
    pub(in crate::engine) reached: Option<Reached>,
    /// It may be asked from then on.
    pub(in crate::engine) not_before: Instant,
}

/// Whose a connection is, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    /// The number of its source.
    pub(super) source: usize,
    /// Whether it is brought by the worker that leads the transfer.
    pub(super) is_leaders: bool,
}

impl Seat {
    /// Returns whether it takes room at its host. The job's own attempt has some at the first source.
    pub(super) fn takes_room(self) -> bool {
        !self.is_leaders || self.source != FIRST
    }
}

/// What has become of the sources of a transfer, by their numbers.
#[derive(Debug)]
pub(super) struct Sources(Vec<State>);

#[derive(Debug)]
struct State {
    /// Where redirects led the last time.
    reached: Option<Reached>,
    standing: Standing,
    is_proven: bool,
    /// Whether the user knows that it is not used any more.
    is_told: bool,
    /// Failures one after the other.
    failures: u32,
    /// Why the transfer fails if nothing else is left.
    last_failure: Option<Cause>,
    /// The speeds of connections that have ended, the last ones.
    past: Vec<f64>,
}

impl Sources {
    pub(super) fn new(sources: &[Source]) -> Self {
        let state = |source: &Source| State {
            reached: source.reached.clone(),
            standing: Standing::NotBefore(source.not_before),
            is_proven: source.reached.is_some(),
            is_told: false,
            failures: 0,
            last_failure: None,
            past: Vec::new(),
        };
        Self(sources.iter().map(state).collect())
    }

    /// Returns whether one of them may be asked now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.0.iter().any(|state| state.standing.is_open(now))
    }

    /// Chooses the source of one more connection, of those for which `enter` finds room, and returns it
    /// with the speed that is expected of it, if it matters. `lanes` are the connections at work, by
    /// their sources and speeds.
    pub(super) fn choose(
        &self,
        lanes: impl Iterator<Item = (usize, Option<f64>)>,
        is_leaders: bool,
        now: Instant,
        mut enter: impl FnMut(usize) -> bool,
    ) -> Option<(usize, Option<f64>)> {
        if let [only] = &*self.0 {
            let is_chosen = only.standing.is_open(now) && enter(FIRST);
            return is_chosen.then_some((FIRST, None));
        }
        let known = self.measure(lanes);
        // Its leader has its place at the first one.
        let own = (is_leaders && known[FIRST].standing.is_open(now)).then_some(FIRST);
        let order = own.into_iter().chain(sources::order(&known, now));
        let number = order.into_iter().find(|&number| enter(number))?;
        Some((number, known[number].speed))
    }

    fn measure(&self, lanes: impl Iterator<Item = (usize, Option<f64>)>) -> Vec<sources::Source> {
        let mut speeds: Vec<Vec<f64>> = self.0.iter().map(|state| state.past.clone()).collect();
        let mut counts = vec![0; self.0.len()];
        for (number, speed) in lanes {
            counts[number] += 1;
            speeds[number].extend(speed);
        }
        let known = self.0.iter().zip(speeds).zip(counts);
        known
            .map(|((state, speeds), lanes)| {
                let sum: f64 = speeds.iter().sum();
                let speed = (!speeds.is_empty()).then(|| sum / speeds.len() as f64);
                let State { is_proven, standing, .. } = *state;
                sources::Source { lanes, speed, is_proven, standing }
            })
            .collect()
    }

    /// Returns where redirects of a source led the last time, if anywhere.
    pub(super) fn reached(&self, number: usize) -> Option<Reached> {
        self.0[number].reached.clone()
    }

    /// Says that a source has answered with what it was asked for, and where redirects led. Only bytes
    /// are a success.
    pub(super) fn prove(&mut self, number: usize, reached: Option<Reached>) {
        let state = &mut self.0[number];
        state.is_proven = true;
        state.reached = reached;
    }

    /// Says that a connection to a source has brought bytes: what failed before counts no more.
    pub(super) fn succeed(&mut self, number: usize) {
        self.0[number].failures = 0;
        self.0[number].last_failure = None;
    }

    /// Returns how often a source has failed since it last succeeded.
    pub(super) fn failures(&self, number: usize) -> u32 {
        self.0[number].failures
    }

    /// Takes note that a connection to a source failed, after which it may be asked again when `pause` is
    /// over, if that is of any use. Only what fails for its leader is the transfer's failure. Returns
    /// whether the user is to be told that the source was given up.
    pub(super) fn fail(
        &mut self,
        Seat { source: number, is_leaders }: Seat,
        cause: Cause,
        pause: Option<Duration>,
    ) -> bool {
        let state = &mut self.0[number];
        state.failures += 1;
        // Where redirects led to may have been there for a while only.
        let was_elsewhere = number != FIRST && state.reached.take().is_some();
        let pause = pause.or(was_elsewhere.then_some(Duration::ZERO));
        state.standing = state.standing.after_failure(state.failures, pause, Instant::now());
        if number == FIRST && is_leaders {
            state.last_failure = Some(cause);
        }
        // A first source that fails only for helpers has a connection that works.
        state.standing == Standing::Dropped && (number != FIRST || is_leaders) && self.tell(number)
    }

    /// Lets no further connection to a source be opened. Returns whether the user is to be told.
    pub(super) fn give_up(&mut self, number: usize) -> bool {
        self.0[number].standing = Standing::Dropped;
        number != FIRST && self.tell(number)
    }

    /// Returns whether the user is to be told that a source is not used any more: once, and of the first
    /// one only if others are left, for else the attempt fails.
    fn tell(&mut self, number: usize) -> bool {
        let is_left = |state: &State| state.standing != Standing::Dropped;
        let is_news = !std::mem::replace(&mut self.0[number].is_told, true);
        is_news && (number != FIRST || self.0.iter().any(is_left))
    }

    /// Takes note of the speed of a connection that has ended.
    pub(super) fn end_lane(&mut self, number: usize, speed: Option<f64>) {
        let past = &mut self.0[number].past;
        if past.len() >= MAX_PAST {
            past.remove(0);
        }
        past.extend(speed);
    }

    /// Returns why the transfer fails, if it does.
    pub(super) fn take_failure(&mut self) -> Option<Cause> {
        self.0[FIRST].last_failure.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: Seat = Seat { source: FIRST, is_leaders: true };
    const HELPER: Seat = Seat { source: FIRST, is_leaders: false };
    const AT_MIRROR: Seat = Seat { source: 1, is_leaders: false };

    fn sources(count: usize) -> Sources {
        let url: Url = "http://h/a".parse().unwrap();
        let reached = Reached { url: url.clone(), may_carry: true, login: None };
        let source = |number| Source {
            given: url.clone(),
            credentials: None,
            host: "h:80".to_owned(),
            reached: (number == FIRST).then(|| reached.clone()),
            not_before: Instant::now(),
        };
        Sources::new(&(0..count).map(source).collect::<Vec<_>>())
    }

    fn cause() -> Cause {
        Cause::HostNotFound { host: "h".to_owned() }
    }

    fn chosen(sources: &Sources, is_leaders: bool) -> Option<usize> {
        let chosen = sources.choose(std::iter::empty(), is_leaders, Instant::now(), |_| true);
        chosen.map(|(number, _)| number)
    }

    #[test]
    fn a_source_that_is_given_up_is_told_of_once() {
        let mut sources = sources(2);
        assert!(sources.fail(AT_MIRROR, cause(), None) && !sources.fail(AT_MIRROR, cause(), None));
        assert!(!sources.give_up(1));
        assert_eq!(chosen(&sources, false), Some(FIRST));
        // The last one fails with the attempt.
        assert!(!sources.fail(LEADER, cause(), None));
        assert!(sources.take_failure().is_some());
        assert_eq!(chosen(&sources, true), None);
    }

    #[test]
    fn a_first_source_that_is_closed_to_helpers_still_has_its_leader() {
        let mut sources = sources(2);
        assert!(!sources.fail(HELPER, cause(), None));
        assert!(sources.take_failure().is_none());
        assert_eq!(chosen(&sources, true), Some(1));
        assert!(sources.fail(LEADER, cause(), None));
    }

    #[test]
    fn where_redirects_led_is_forgotten_with_the_first_failure() {
        let mut sources = sources(2);
        sources.prove(1, sources.reached(FIRST));
        assert!(!sources.fail(AT_MIRROR, cause(), None));
        assert!(sources.reached(1).is_none() && sources.is_open(Instant::now()));
        assert!(sources.fail(AT_MIRROR, cause(), None));
    }

    #[test]
    fn its_leader_stays_at_the_first_source_and_helpers_try_another() {
        let sources = sources(3);
        assert_eq!((chosen(&sources, true), chosen(&sources, false)), (Some(FIRST), Some(FIRST)));
        let at_first = || std::iter::once((FIRST, Some(1.0)));
        let choose = |is_leaders, room: &[usize]| {
            let now = Instant::now();
            sources.choose(at_first(), is_leaders, now, |number| room.contains(&number))
        };
        assert_eq!(choose(true, &[0, 1, 2]), Some((FIRST, Some(1.0))));
        assert_eq!(choose(false, &[0, 1, 2]), Some((1, None)));
        // What has no room at its host is passed over.
        assert_eq!(choose(false, &[0, 2]), Some((2, None)));
        assert_eq!(choose(false, &[]), None);
    }
}
