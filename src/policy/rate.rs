//! A rate limit: a token bucket that may go into debt.
//!
//! Whoever has read bytes takes them from the bucket and waits until it is level again; several
//! readers that share it so take turns, each with one read. The bucket holds little, so that a pause
//! is not followed by a burst.

use std::time::Duration;

/// How much time's worth of bytes the bucket holds.
const HELD: f64 = 0.05;

/// How much time's worth of bytes one read may bring.
const PER_READ: f64 = 0.05;

/// The least and the most that one read may bring.
const READ_BYTES: (f64, f64) = (1024.0, 64.0 * 1024.0);

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
        let elapsed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + self.rate * elapsed).min(self.rate * HELD) - bytes as f64;
        Duration::from_secs_f64((-self.level / self.rate).max(0.0))
    }

    /// Returns how many bytes one read should bring at most, so that the flow is even.
    pub fn read_bytes(&self) -> usize {
        (self.rate * PER_READ).clamp(READ_BYTES.0, READ_BYTES.1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers that always have something to read; returns the bytes read in each second.
    fn flow(rate: u64, readers: usize, seconds: usize) -> Vec<f64> {
        let mut bucket = Bucket::new(rate);
        let bytes = bucket.read_bytes() as u64;
        let mut free_at = vec![Duration::ZERO; readers];
        let mut read = vec![0.0; seconds];
        loop {
            let (reader, &now) = free_at.iter().enumerate().min_by_key(|(_, at)| **at).unwrap();
            let Some(second) = read.get_mut(now.as_secs() as usize) else { return read };
            *second += bytes as f64;
            free_at[reader] = now + bucket.take(bytes, now);
        }
    }

    #[test]
    fn the_flow_is_even_for_any_number_of_readers() {
        for rate in [10_000, 1_000_000, 100_000_000] {
            for readers in [1, 8] {
                for (second, bytes) in flow(rate, readers, 6).into_iter().enumerate().skip(1) {
                    let off = (bytes / rate as f64 - 1.0).abs();
                    assert!(
                        off < 0.05 + 1024.0 / rate as f64,
                        "{rate} {readers} {second}: {bytes}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_pause_is_not_followed_by_a_burst() {
        let mut bucket = Bucket::new(1000);
        bucket.take(0, Duration::from_secs(3600));
        assert!(bucket.take(1050, Duration::from_secs(3600)) >= Duration::from_millis(999));
    }
}
