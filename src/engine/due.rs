//! When a record is due: what a killed process loses at most, with the buffers.

use std::time::{Duration, Instant};

/// How many bytes may come between two records, where writing one does not take long.
const RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// How much time may pass between two records while bytes come.
const RECORD_TIME: Duration = Duration::from_secs(1);

/// A record takes no more than this part of the time. On a disk the system begins to write a file that
/// replaces another at once: of 4 GiB to ext4 at 1.7 GiB/s a third of the time went into records.
const PART_OF_TIME: u32 = 50;

/// Counts what the last record does not speak of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    bytes: u64,
    since: Instant,
    /// How long the last record took to write.
    cost: Duration,
}

impl Due {
    /// Begins with nothing to write down.
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, since: now, cost: Duration::ZERO }
    }

    /// Takes note of bytes that were written.
    pub(super) fn note(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Says that what was noted so far is being written down.
    pub(super) fn begin_record(&mut self, now: Instant) {
        (self.bytes, self.since) = (0, now);
    }

    /// Says that it is, which was begun then.
    pub(super) fn end_record(&mut self, began: Instant) {
        self.cost = began.elapsed();
    }

    /// Returns whether it is time for a record.
    pub(super) fn is_now(&self) -> bool {
        self.bytes > 0 && self.is_after(self.since.elapsed())
    }

    fn is_after(&self, elapsed: Duration) -> bool {
        let is_worth_it = self.bytes >= RECORD_BYTES && elapsed >= self.cost * PART_OF_TIME;
        is_worth_it || elapsed >= RECORD_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_due_by_bytes_by_time_and_not_before_the_last_one_has_paid() {
        #[track_caller]
        fn case(bytes: u64, cost_millis: u64, elapsed_millis: u64, is_due: bool) {
            let cost = Duration::from_millis(cost_millis);
            let due = Due { bytes, cost, ..Due::new(Instant::now()) };
            assert_eq!(due.is_after(Duration::from_millis(elapsed_millis)), is_due);
        }
        case(RECORD_BYTES - 1, 0, 999, false);
        case(1, 0, 1000, true);
        case(RECORD_BYTES, 0, 0, true);
        case(RECORD_BYTES, 2, 99, false);
        case(RECORD_BYTES, 2, 100, true);
        case(RECORD_BYTES, 100, 1000, true);
        assert!(!Due::new(Instant::now()).is_now());
    }
}
