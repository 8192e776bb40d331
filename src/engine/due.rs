//! When a record is due: what a killed process loses at most, with the buffers.

use std::time::{Duration, Instant};

/// How many bytes may come between two records.
const RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// How much time may pass between two records while bytes come.
const RECORD_TIME: Duration = Duration::from_secs(1);

/// Counts what the last record does not speak of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    bytes: u64,
    since: Instant,
}

impl Due {
    /// Begins with nothing to write down.
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, since: now }
    }

    /// Takes note of bytes that were written.
    pub(super) fn note(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Returns whether it is time for a record.
    pub(super) fn is_now(&self) -> bool {
        self.bytes >= RECORD_BYTES || (self.bytes > 0 && self.since.elapsed() >= RECORD_TIME)
    }
}
