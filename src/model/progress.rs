//! How far a transfer is: atomics that its workers write and the reporter reads.
//!
//! Nobody waits here. A reader may see a position that is a moment old, which is all a bar needs;
//! nothing is decided by these numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const UNKNOWN: u64 = u64::MAX;

/// Position and length of one running transfer, in bytes.
#[derive(Debug)]
pub struct Progress {
    position: AtomicU64,
    length: AtomicU64,
    received: AtomicU64,
    connections: AtomicUsize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            position: AtomicU64::new(0),
            length: AtomicU64::new(UNKNOWN),
            received: AtomicU64::new(0),
            connections: AtomicUsize::new(1),
        }
    }
}

impl Progress {
    /// Says how long the representation is; `None` when the server does not tell.
    pub fn set_length(&self, length: Option<u64>) {
        self.length.store(length.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Returns the length, if it is known.
    pub fn length(&self) -> Option<u64> {
        Some(self.length.load(Ordering::Relaxed)).filter(|&length| length != UNKNOWN)
    }

    /// Counts `bytes` more that were received.
    pub fn advance(&self, bytes: u64) {
        self.advance_by(bytes, bytes);
    }

    /// Counts `received` bytes of which only `useful` are new to the file.
    pub fn advance_by(&self, received: u64, useful: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.position.fetch_add(useful, Ordering::Relaxed);
    }

    /// Takes back bytes that were counted and are not used after all.
    pub fn retreat(&self, bytes: u64) {
        self.position.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Says how many connections bring it.
    pub fn set_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }

    /// Returns how many connections bring it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Sets the position, for a transfer that resumes or starts over.
    pub fn set_position(&self, bytes: u64) {
        self.position.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that were received, also those that had to be thrown away.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Returns the bytes that are there so far.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }
}
