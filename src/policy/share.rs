//! Which segment of a transfer an idle worker takes over, and how much of it.
//!
//! The one that would end last is cut so that both parts end together: in the middle when both
//! connections are alike or nothing is known of them, nearer to its position when it is slow. A segment
//! whose connection hardly moves is taken over altogether.

use std::time::Duration;

use crate::policy::split::SegmentId;

/// Cuts are at multiples of this, so that they lie at the edges of pages and of TLS records.
const GRAIN: u64 = 64 * 1024;

/// Under this part of its transfer's median a connection is slow.
const SLOW: f64 = 1.0 / 3.0;

/// How many round trips' worth of bytes a part must have to be worth a request.
const ROUND_TRIPS: f64 = 3.0;

/// How long a part must take at the least: what ends sooner needs no help, whatever its size.
const MIN_TIME: f64 = 0.05;

/// How much of one processor a transfer's workers may be busy with together before no more may help: what
/// holds it up is then this machine, not its server. (1 GiB from this machine itself took 0.7 s with one
/// connection and 2 s with eight, which wait for each other at the file.)
const MOST_BUSY: f64 = 0.6;

/// How much of a window must have passed before a speed is believed.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// Over how long a connection's speed is measured. Servers that hold a connection to a rate count in whole
/// seconds: nothing for one, then all of it at once.
const WINDOW: Duration = Duration::from_secs(2);

/// When the mean since the beginning, which no such pause makes small, tells a slow connection: then, or
/// after so many round trips, for TCP begins slowly.
const FIRST_WINDOW: (Duration, u32) = (Duration::from_millis(300), 10);

/// What an idle worker knows of an open segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The segment.
    pub id: SegmentId,
    /// The first byte that has not come.
    pub position: u64,
    /// The byte after its last one.
    pub end: u64,
    /// The speed of its connection.
    pub speed: Speed,
    /// For which part of its time its worker did not wait for bytes.
    pub busy: f64,
}

/// The speed of a connection, in bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// The mean over its life; `None` while that is too short to tell.
    pub mean: Option<f64>,
    /// What tells a slow connection: the mean over the last whole window. `None` before there was one.
    pub recent: Option<f64>,
}

impl Speed {
    /// Returns the best guess.
    pub fn guess(self) -> Option<f64> {
        self.recent.or(self.mean)
    }
}

/// Measures a connection. Times count from any fixed moment, and do not go back.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    began: Duration,
    first_window: Duration,
    window_began: Duration,
    window_bytes: u64,
    recent: Option<f64>,
}

impl Meter {
    /// Begins at `now`, with a connection on which a round trip takes `latency`.
    pub fn new(now: Duration, latency: Duration) -> Self {
        let first_window = FIRST_WINDOW.0.max(latency * FIRST_WINDOW.1).min(WINDOW);
        Self { began: now, first_window, window_began: now, window_bytes: 0, recent: None }
    }

    /// Returns how long ago it began.
    pub fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began)
    }

    /// Returns the speed, when so many bytes came since the beginning.
    pub fn speed(&mut self, now: Duration, bytes: u64) -> Speed {
        let window = now.saturating_sub(self.window_began);
        if window >= WINDOW {
            let came = bytes.saturating_sub(self.window_bytes);
            self.recent = Some(came as f64 / window.as_secs_f64());
            (self.window_began, self.window_bytes) = (now, bytes);
        }
        let age = self.age(now);
        // A connection that has brought nothing yet may be on its way.
        let mean = (age >= FIRST_LOOK && bytes > 0).then(|| bytes as f64 / age.as_secs_f64());
        Speed { mean, recent: self.recent.or(mean.filter(|_| age >= self.first_window)) }
    }
}

/// What a part must have to be worth a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The least bytes of a part.
    pub min_part: u64,
    /// From a request to the head of its response.
    pub latency: Duration,
}

/// Chooses the segment to cut, and where; `None` when none is worth it, or nothing is known yet.
/// `past` are the speeds of connections that have ended, `helper` is that of the new one, if something is
/// known of its source; else it is taken to be like the others.
pub fn choose(
    loads: &[Load],
    past: &[f64],
    terms: Terms,
    helper: Option<f64>,
) -> Option<(SegmentId, u64)> {
    if is_held_up(loads) {
        return None;
    }
    let speeds = loads.iter().filter_map(|load| load.speed.guess());
    let typical = median(speeds.chain(past.iter().copied()))?;
    let time = |load: &Load| {
        let speed = load.speed.guess().unwrap_or(typical);
        (load.end - load.position.min(load.end)) as f64 / speed.max(1.0)
    };
    let mut order: Vec<&Load> = loads.iter().filter(|load| load.position < load.end).collect();
    order.sort_by(|a, b| time(b).total_cmp(&time(a)));
    order.into_iter().find_map(|load| Some((load.id, cut(load, typical, terms, helper)?)))
}

/// Returns whether it is this machine that holds a transfer up, so that no more connections are of use.
pub fn is_held_up(loads: &[Load]) -> bool {
    loads.iter().map(|load| load.busy).sum::<f64>() > MOST_BUSY
}

/// Returns whether transfers that are busy for this much of a processor all together keep a machine with so
/// many of them busy: then more connections would only take from each other. The server may be on it too.
pub fn is_machine_busy(busy: f64, processors: usize) -> bool {
    busy > MOST_BUSY * (processors as f64 / 2.0).max(1.0)
}

/// Returns where to cut a segment, if that is worth it.
fn cut(load: &Load, typical: f64, terms: Terms, helper: Option<f64>) -> Option<u64> {
    let left = load.end - load.position;
    let latency = terms.latency.as_secs_f64();
    let speed = load.speed.guess().unwrap_or(typical);
    let expected = helper.unwrap_or(typical);
    let keeps = (left as f64 * speed / (speed + expected).max(1.0)) as u64;
    let at = align(load.position + keeps);
    let alone = left as f64 / speed.max(1.0);
    // Only a whole window tells a slow connection from one that was held back for a moment.
    if load.speed.recent.is_some_and(|recent| recent < typical.max(expected) * SLOW) {
        let together = left as f64 / expected.max(1.0) + 2.0 * latency;
        if alone < 2.0 * together + MIN_TIME {
            return None;
        }
        // What it would keep is not worth its connection either.
        let is_hopeless = at < load.position + GRAIN || at >= load.end;
        return Some(if is_hopeless { load.position } else { at });
    }
    let worth = ((ROUND_TRIPS * latency).max(MIN_TIME) * typical) as u64;
    let least = terms.min_part.max(worth).max(1);
    if left < least.saturating_mul(2) {
        return None;
    }
    let (lowest, highest) = (load.position + least, load.end - least);
    let at = at.clamp(lowest, highest);
    // Clamping may have left the grid; the nearer multiple inside is as good.
    let aligned = if align(at) >= lowest { align(at) } else { align(at) + GRAIN };
    let at = if aligned <= highest { aligned } else { at };
    // One that is known to be slow would only hold up its part.
    let is_held_up = |helper: f64| (load.end - at) as f64 / helper.max(1.0) > alone;
    (!helper.is_some_and(is_held_up)).then_some(at)
}

/// Returns a segment whose connection is so slow that a new one would bring it in less than half the time,
/// and the first byte of it that has not come.
pub fn slow(loads: &[Load], past: &[f64], terms: Terms) -> Option<(SegmentId, u64)> {
    if is_held_up(loads) {
        return None;
    }
    let speeds = loads.iter().filter_map(|load| load.speed.guess());
    let typical = median(speeds.chain(past.iter().copied()))?;
    let is_better_elsewhere = |load: &&Load| {
        let left = load.end.saturating_sub(load.position) as f64;
        let alone = left / load.speed.guess().unwrap_or(typical).max(1.0);
        let elsewhere = left / typical + 2.0 * terms.latency.as_secs_f64();
        let is_slow = load.speed.recent.is_some_and(|recent| recent < typical * SLOW);
        left > 0.0 && is_slow && alone > 2.0 * elsewhere + MIN_TIME
    };
    loads.iter().find(is_better_elsewhere).map(|load| (load.id, load.position))
}

/// Returns how many seconds a transfer will take, if that can be guessed: `free` bytes are nobody's.
pub fn time_left(loads: &[Load], free: u64) -> Option<f64> {
    let typical = median(loads.iter().filter_map(|load| load.speed.guess()))?;
    let speed: f64 = loads.iter().map(|load| load.speed.guess().unwrap_or(typical)).sum();
    let left: u64 = loads.iter().map(|load| load.end - load.position.min(load.end)).sum();
    Some((left + free) as f64 / speed.max(1.0))
}

fn align(at: u64) -> u64 {
    at / GRAIN * GRAIN
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::range_set::RangeSet;
    use crate::policy::split::Segments;

    const MIB: u64 = 1024 * 1024;
    const TERMS: Terms = Terms { min_part: MIB, latency: Duration::from_millis(1) };

    fn ids<const N: usize>() -> [SegmentId; N] {
        let mut segments = Segments::new(N as u64, RangeSet::default());
        std::array::from_fn(|_| segments.take_free(1, u64::MAX).unwrap().0)
    }

    fn steady(id: SegmentId, position: u64, end: u64, rate: u64) -> Load {
        let speed = Speed { mean: Some(rate as f64), recent: Some(rate as f64) };
        Load { id, position, end, speed, busy: 0.0 }
    }

    #[test]
    fn a_machine_is_busy_by_all_its_transfers() {
        assert!(!is_machine_busy(0.6, 1) && is_machine_busy(0.61, 1));
        assert!(!is_machine_busy(0.6, 2) && is_machine_busy(0.61, 2));
        assert!(!is_machine_busy(4.8, 16) && is_machine_busy(4.9, 16));
    }

    #[test]
    fn the_one_that_ends_last_is_cut_in_the_middle() {
        let [a, b] = ids();
        let loads = [steady(a, 0, 8 * MIB, MIB), steady(b, 8 * MIB, 32 * MIB, MIB)];
        assert_eq!(choose(&loads, &[], TERMS, None), Some((b, 20 * MIB)));
        // It is not the one with the most bytes, if that is faster.
        let loads = [steady(a, 0, 8 * MIB, MIB), steady(b, 8 * MIB, 32 * MIB, 4 * MIB)];
        assert_eq!(choose(&loads, &[], TERMS, None).unwrap().0, a);
    }

    #[test]
    fn parts_that_are_not_worth_a_connection_are_not_made() {
        let [a] = ids();
        assert_eq!(choose(&[steady(a, 0, 2 * MIB - 1, MIB)], &[], TERMS, None), None);
        assert_eq!(choose(&[steady(a, 0, 2 * MIB, MIB)], &[], TERMS, None), Some((a, MIB)));
        // Three round trips at 10 MiB/s are 30 MiB.
        let far = Terms { latency: Duration::from_secs(1), ..TERMS };
        assert_eq!(choose(&[steady(a, 0, 50 * MIB, 10 * MIB)], &[], far, None), None);
        assert!(choose(&[steady(a, 0, 61 * MIB, 10 * MIB)], &[], far, None).is_some());
        // Nothing is known yet.
        let new = Load { id: a, position: 0, end: 99 * MIB, speed: Speed::default(), busy: 0.0 };
        assert_eq!(choose(&[new], &[], TERMS, None), None);
    }

    #[test]
    fn a_transfer_that_this_machine_holds_up_is_not_helped() {
        let [a, b] = ids();
        let busy = |id, busy| Load { busy, ..steady(id, 0, 99 * MIB, MIB) };
        assert!(choose(&[busy(a, 0.3), busy(b, 0.2)], &[], TERMS, None).is_some());
        assert_eq!(choose(&[busy(a, 0.4), busy(b, 0.3)], &[], TERMS, None), None);
    }

    #[test]
    fn a_slow_connection_keeps_what_it_can_bring_in_the_time_of_the_other() {
        let [a, b, c] = ids();
        let others = [steady(b, 11 * MIB, 12 * MIB, MIB), steady(c, 12 * MIB, 13 * MIB, MIB)];
        let slow = steady(a, 0, 11 * MIB, MIB / 10);
        let loads = [slow, others[0], others[1]];
        let (id, at) = choose(&loads, &[], TERMS, None).unwrap();
        assert_eq!((id, at), (a, 15 * GRAIN));
        // Under what would be worth a connection otherwise, too.
        let loads = [steady(a, 0, MIB, MIB / 100), others[0], others[1]];
        assert_eq!(choose(&loads, &[], TERMS, None), Some((a, 0)));
        // Also when the others have ended.
        let past = [MIB as f64, MIB as f64];
        assert_eq!(choose(&[steady(a, 0, MIB, MIB / 100)], &past, TERMS, None), Some((a, 0)));
        // One that stands still is taken over altogether.
        let loads = [steady(a, 7, 11 * MIB, 0), others[0], others[1]];
        assert_eq!(choose(&loads, &[], TERMS, None), Some((a, 7)));
    }

    #[test]
    fn a_part_is_as_large_as_the_speed_of_its_source_allows() {
        let [a, b] = ids();
        let loads = [steady(a, 0, 11 * MIB, MIB)];
        let cut = |helper: u64| choose(&loads, &[], TERMS, Some(helper as f64));
        assert_eq!(cut(10 * MIB), Some((a, MIB)));
        assert_eq!(cut(MIB), Some((a, 11 * MIB / 2)));
        assert_eq!(cut(MIB / 10), Some((a, 10 * MIB)));
        // The least part would take longer there than all of it takes here.
        assert_eq!(cut(MIB / 20), None);
        assert_eq!(cut(0), None);
        // A slow connection is replaced by a faster one only, also where most are slow.
        let loads = [steady(a, 0, MIB, MIB / 10), steady(b, MIB, 2 * MIB, MIB / 10)];
        assert_eq!(choose(&loads, &[], TERMS, Some(MIB as f64)), Some((a, GRAIN)));
        assert_eq!(choose(&loads, &[], TERMS, Some(MIB as f64 / 10.0)), None);
        let past = [MIB as f64, MIB as f64, MIB as f64];
        assert_eq!(choose(&loads, &past, TERMS, Some(MIB as f64 / 10.0)), None);
    }

    #[test]
    fn a_connection_is_given_up_when_a_new_one_would_be_twice_as_fast() {
        let [a, b, c] = ids();
        let others = [steady(b, 11 * MIB, 12 * MIB, MIB), steady(c, 12 * MIB, 13 * MIB, MIB)];
        let slow = |load| super::slow(&[load, others[0], others[1]], &[], TERMS);
        assert_eq!(slow(steady(a, 7, 4 * MIB, MIB / 10)), Some((a, 7)));
        assert_eq!(slow(steady(a, 7, 4 * MIB, MIB / 2)), None);
        // The little that is left is there before a new one is.
        assert_eq!(slow(steady(a, 7, 2000, MIB / 10)), None);
        assert_eq!(slow(Load { busy: 0.9, ..steady(a, 7, 4 * MIB, MIB / 10) }), None);
    }

    #[test]
    fn a_pause_does_not_make_a_connection_slow() {
        let [a, b] = ids();
        let paused = Speed { mean: Some(1000.0), recent: None };
        let loads = [
            Load { id: a, position: 0, end: MIB, speed: paused, busy: 0.0 },
            steady(b, 11 * MIB, 12 * MIB, MIB),
        ];
        assert_eq!(choose(&loads, &[], TERMS, None), None);
    }

    #[test]
    fn speed_is_measured_over_whole_windows() {
        let seconds = Duration::from_secs_f64;
        let mut meter = Meter::new(seconds(5.0), seconds(0.1));
        assert_eq!(meter.speed(seconds(5.01), 100), Speed::default());
        assert_eq!(meter.speed(seconds(5.5), 50), Speed { mean: Some(100.0), recent: None });
        assert_eq!(meter.speed(seconds(6.0), 100).recent, Some(100.0));
        let speed = meter.speed(seconds(7.0), 400);
        assert_eq!(speed, Speed { mean: Some(200.0), recent: Some(200.0) });
        assert_eq!(meter.speed(seconds(8.0), 400).recent, Some(200.0));
        assert_eq!(meter.speed(seconds(9.0), 400).guess(), Some(0.0));
        // One that never brought anything is known to be slow only after a window.
        let mut silent = Meter::new(seconds(0.0), seconds(0.1));
        assert_eq!(silent.speed(seconds(1.9), 0).guess(), None);
        assert_eq!(silent.speed(seconds(2.0), 0).guess(), Some(0.0));
    }

    #[test]
    fn time_left_counts_all_connections() {
        let [a, b] = ids();
        let loads = [steady(a, 0, 4 * MIB, MIB), steady(b, 4 * MIB, 8 * MIB, MIB)];
        assert_eq!(time_left(&loads, 2 * MIB), Some(5.0));
        assert_eq!(time_left(&[], 2 * MIB), None);
    }

    proptest::proptest! {
        #[test]
        fn both_parts_are_inside(
            lanes in proptest::collection::vec((0_u64..100 * MIB, 0_u64..100 * MIB, 0_u64..9 * MIB), 1..9),
        ) {
            let mut segments = Segments::new(99, RangeSet::default());
            let loads: Vec<Load> = lanes.into_iter().map(|(position, len, rate)| {
                let id = segments.take_free(1, u64::MAX).unwrap().0;
                steady(id, position, position + len, rate)
            }).collect();
            if let Some((id, at)) = choose(&loads, &[], TERMS, None) {
                let load = loads.iter().find(|load| load.id == id).unwrap();
                proptest::prop_assert!((load.position..load.end).contains(&at));
            }
        }
    }
}
