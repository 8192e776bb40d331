//! A rate limit: a token bucket that may go into debt.
//!
//! Whoever has read bytes takes them from the bucket and waits until it is level again. Debts are paid
//! in the order in which they were made, so that several readers that share a bucket take turns, each
//! with one read. The bucket holds little, so that a pause is not followed by a burst.

use std::time::Duration;

/// How much time's worth of bytes the bucket holds: enough to make good for a wait that ends late.
const HELD: f64 = 0.04;

/// How much time's worth of bytes one read by each reader may bring, all of them together. With
/// [`HELD`] it is what may come early: less than 5 % of 2 s.
const PER_TURN: f64 = 0.05;

/// The least and the most that one read may bring. Below the least, waking up costs more than an even
/// flow is worth.
const READ_BYTES: (f64, f64) = (256.0, 64.0 * 1024.0);

/// A bucket. Times count from any fixed moment.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Bytes a second.
    rate: f64,
    /// Bytes that may be read at once; negative when they were read already.
    level: f64,
    at: Duration,
}

impl Bucket {
    /// Makes an empty bucket for `rate` bytes a second, at least one.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1) as f64, level: 0.0, at: Duration::ZERO }
    }

    /// Takes bytes that were read at `now`; returns how long to wait before the next read.
    pub fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        self.level = self.level_at(now).min(self.rate * HELD) - bytes as f64;
        self.at = self.at.max(now);
        Duration::from_secs_f64((-self.level / self.rate).max(0.0))
    }

    /// Returns whether nothing is owed at `now`: then an empty bucket is as good as this one.
    pub fn is_level(&self, now: Duration) -> bool {
        self.level_at(now) >= 0.0
    }

    fn level_at(&self, now: Duration) -> f64 {
        self.level + self.rate * now.saturating_sub(self.at).as_secs_f64()
    }
}

/// Returns how many bytes one read should bring at most, so that the flow of `rate` bytes a second to
/// so many readers is even, and so is its beginning, when nobody owes anything yet.
pub fn read_bytes(rate: u64, readers: usize) -> usize {
    let turn = rate as f64 * PER_TURN / readers.max(1) as f64;
    turn.clamp(READ_BYTES.0, READ_BYTES.1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers that always have something to read, from `since` on for so many seconds; returns when
    /// and what they read.
    fn flow(rate: u64, readers: usize, since: Duration, seconds: u64) -> Vec<(Duration, u64)> {
        let mut bucket = Bucket::new(rate);
        let bytes = read_bytes(rate, readers) as u64;
        let mut free_at = vec![since; readers];
        let mut reads = Vec::new();
        loop {
            let (reader, &now) = free_at.iter().enumerate().min_by_key(|(_, at)| **at).unwrap();
            if now >= since + Duration::from_secs(seconds) {
                return reads;
            }
            reads.push((now, bytes));
            free_at[reader] = now + bucket.take(bytes, now);
        }
    }

    #[test]
    fn the_flow_is_even_from_its_beginning_for_any_number_of_readers() {
        const WINDOW: Duration = Duration::from_secs(2);
        for rate in [100_000, 1_000_000, 100_000_000] {
            for (readers, since) in [(1, 0), (8, 0), (1, 3600), (8, 3600)] {
                let reads = flow(rate, readers, Duration::from_secs(since), 5);
                let whole = reads.iter().filter(|(at, _)| at.as_secs() < since + 3);
                // A step that is no multiple of anything: there are thousands of windows.
                for (began, _) in whole.step_by(readers * 7 - 2) {
                    let inside =
                        reads.iter().filter(|(at, _)| at >= began && *at < *began + WINDOW);
                    let mean = inside.map(|(_, bytes)| bytes).sum::<u64>() as f64 / 2.0;
                    let off = (mean / rate as f64 - 1.0).abs();
                    assert!(off < 0.05, "{rate} {readers} {began:?}: {mean}");
                }
            }
        }
    }

    #[test]
    fn readers_take_turns() {
        let mut bucket = Bucket::new(1000);
        let waits: Vec<_> = (0..4).map(|_| bucket.take(100, Duration::ZERO)).collect();
        assert_eq!(waits, [100, 200, 300, 400].map(Duration::from_millis));
        // Nobody gets in between by coming at another time.
        assert_eq!(bucket.take(100, Duration::from_millis(50)), Duration::from_millis(450));
    }

    #[test]
    fn a_pause_is_not_followed_by_a_burst() {
        let mut bucket = Bucket::new(1000);
        bucket.take(0, Duration::from_secs(3600));
        assert!(bucket.take(1050, Duration::from_secs(3600)) >= Duration::from_millis(999));
    }

    #[test]
    fn a_bucket_is_level_again_when_its_debt_is_paid() {
        let mut bucket = Bucket::new(1000);
        assert!(bucket.is_level(Duration::ZERO));
        bucket.take(500, Duration::from_secs(1));
        assert!(!bucket.is_level(Duration::from_secs(1)));
        assert!(bucket.is_level(Duration::from_millis(1501)));
    }

    #[test]
    fn one_read_brings_neither_too_little_nor_too_much() {
        assert_eq!(read_bytes(1_000_000, 1), 50_000);
        assert_eq!(read_bytes(1_000_000, 5), 10_000);
        assert_eq!(read_bytes(1, 1), 256);
        assert_eq!(read_bytes(u64::MAX, 1), 65_536);
        assert_eq!(read_bytes(1_000_000, 0), 50_000);
    }
}
