//! Which source the next connection of a transfer goes to, when several have the same file, and when one
//! is given up.
//!
//! A source of which nothing is known gets one connection, to see how fast it is. After that each new
//! connection goes where one more is expected to be the fastest, which is told by those that a source
//! has and had. Sources that are about equally fast take turns.

use std::time::{Duration, Instant};

/// How much faster than another a source must be to be preferred to one with fewer connections.
const ALIKE: f64 = 1.5;

/// How often connections to a source may fail one after the other before no more are opened.
const MAX_FAILURES: u32 = 3;

/// What is known of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// How many connections to it are at work.
    pub lanes: usize,
    /// The mean speed of its connections, in bytes a second, if it was measured.
    pub speed: Option<f64>,
    /// Whether it has answered with what it was asked for.
    pub is_proven: bool,
    /// Whether it may be asked.
    pub standing: Standing,
}

/// Whether a source may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Never again.
    Dropped,
    /// From then on.
    NotBefore(Instant),
}

impl Standing {
    /// Returns whether it may be asked now.
    pub fn is_open(self, now: Instant) -> bool {
        matches!(self, Self::NotBefore(time) if now >= time)
    }

    /// Returns what follows a failure, of which `failures` came one after the other: a pause, unless
    /// there is no use in waiting.
    #[must_use]
    pub fn after_failure(self, failures: u32, pause: Option<Duration>, now: Instant) -> Self {
        match (self, pause.filter(|_| failures < MAX_FAILURES)) {
            (Self::Dropped, _) | (_, None) => Self::Dropped,
            (Self::NotBefore(time), Some(pause)) => Self::NotBefore(time.max(now + pause)),
        }
    }
}

/// Returns the numbers of the sources that may get one more connection now, the best first.
pub fn order(sources: &[Source], now: Instant) -> Vec<usize> {
    let best = sources.iter().filter_map(|source| source.speed).fold(0.0, f64::max);
    let mut ranked: Vec<(u64, usize, usize)> = sources
        .iter()
        .enumerate()
        .filter(|(_, source)| source.standing.is_open(now))
        .filter_map(|(number, source)| Some((rank(source, best)?, source.lanes, number)))
        .collect();
    // Of equal ones the first in the list is taken.
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, number)| number).collect()
}

/// Returns how soon a source's turn comes; `None` when it is still to be seen whether it is one.
fn rank(source: &Source, best: f64) -> Option<u64> {
    match source.speed {
        None if source.lanes == 0 => Some(0),
        // Those in one class are about equally fast. What stands still divides by next to nothing.
        Some(speed) => Some(1 + (best / speed.max(0.1)).max(1.0).log(ALIKE) as u64),
        None => source.is_proven.then_some(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1024.0 * 1024.0;
    const SECOND: Duration = Duration::from_secs(1);

    /// Sources of which each has these lanes and this speed, and nothing against it.
    fn measured<const N: usize>(now: Instant, sources: [(usize, Option<f64>); N]) -> [Source; N] {
        sources.map(|(lanes, speed)| Source {
            lanes,
            speed,
            is_proven: speed.is_some(),
            standing: Standing::NotBefore(now),
        })
    }

    #[track_caller]
    fn case<const N: usize>(sources: [(usize, Option<f64>); N], order: &[usize]) {
        let now = Instant::now();
        assert_eq!(super::order(&measured(now, sources), now), order);
    }

    #[test]
    fn what_was_never_tried_gets_one_connection() {
        case([(7, Some(MIB)), (0, None), (0, None)], &[1, 2, 0]);
        case([(6, Some(MIB)), (1, None), (0, None)], &[2, 0]);
        case([(1, None)], &[]);
    }

    #[test]
    fn a_source_that_has_answered_is_asked_again_before_its_speed_is_known() {
        let now = Instant::now();
        let mut sources = measured(now, [(1, None), (2, Some(1.0))]);
        sources[0].is_proven = true;
        assert_eq!(order(&sources, now), [1, 0]);
        assert_eq!(order(&sources[..1], now), [0]);
    }

    #[test]
    fn the_fastest_comes_first_and_equal_ones_take_turns() {
        case([(1, Some(MIB)), (3, Some(3.0 * MIB)), (0, Some(MIB / 9.0))], &[1, 0, 2]);
        case([(2, Some(1.2 * MIB)), (1, Some(MIB)), (1, Some(1.1 * MIB))], &[1, 2, 0]);
        // One that stands still is the last, and alone is better than none.
        case([(0, Some(0.0)), (9, Some(1.0))], &[1, 0]);
        case([(0, Some(0.0))], &[0]);
    }

    #[test]
    fn what_has_failed_waits_or_is_dropped() {
        let now = Instant::now();
        let mut sources = measured(now, [(0, Some(MIB)), (0, Some(1.0)), (0, None)]);
        sources[0].standing = Standing::NotBefore(now + SECOND);
        sources[2].standing = Standing::Dropped;
        assert_eq!(order(&sources, now), [1]);
        assert_eq!(order(&sources, now + SECOND), [0, 1]);
    }

    #[test]
    fn failures_one_after_the_other_drop_a_source() {
        let now = Instant::now();
        let ready = Standing::NotBefore(now);
        let paused = ready.after_failure(1, Some(2 * SECOND), now);
        assert_eq!(paused, Standing::NotBefore(now + 2 * SECOND));
        assert!(!paused.is_open(now + SECOND) && paused.is_open(now + 2 * SECOND));
        // A shorter pause does not end a longer one.
        assert_eq!(paused.after_failure(2, Some(SECOND), now), paused);
        assert_eq!(paused.after_failure(3, Some(SECOND), now), Standing::Dropped);
        assert_eq!(ready.after_failure(1, None, now), Standing::Dropped);
        assert_eq!(Standing::Dropped.after_failure(1, Some(SECOND), now), Standing::Dropped);
    }
}
