//! How fast bytes come, and how long the rest will take.
//!
//! The speed is an exponential average over the ticks of the drawing thread: what was seen
//! [`MEMORY`] ago weighs a third of what is seen now. It starts at the first byte, so the wait for
//! a server does not count, and it is divided by the weight seen so far, so a young average is not
//! pulled towards zero. No clock is read here: the time comes in.

use std::time::Duration;

/// The time constant of the average.
const MEMORY: Duration = Duration::from_secs(3);

/// Beyond this, a time left is a guess that helps nobody.
const LONGEST: Duration = Duration::from_secs(99 * 86400);

/// The speed of one transfer, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    last: Option<(Duration, u64)>,
    value: f64,
    weight: f64,
}

impl Speed {
    /// Takes note that `position` bytes are there at `now`.
    pub(super) fn update(&mut self, now: Duration, position: u64) {
        let Some((then, before)) = self.last else {
            if position > 0 {
                self.last = Some((now, position));
            }
            return;
        };
        let time = now.saturating_sub(then).as_secs_f64();
        if time <= 0.0 {
            return;
        }
        self.last = Some((now, position));
        // A transfer that started over: what was received is no less fast for it.
        if let Some(bytes) = position.checked_sub(before) {
            let kept = (-time / MEMORY.as_secs_f64()).exp();
            self.value = self.value * kept + bytes as f64 / time * (1.0 - kept);
            self.weight = self.weight * kept + (1.0 - kept);
        }
    }

    /// Returns the bytes a second, or `None` before there is anything to tell.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.value / self.weight)
    }

    /// Returns how long `bytes` more will take, if that can be told.
    pub(super) fn time_for(&self, bytes: u64) -> Option<Duration> {
        let rate = self.rate().filter(|&rate| rate >= 1.0)?;
        Duration::try_from_secs_f64(bytes as f64 / rate).ok().filter(|&time| time <= LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Duration {
        Duration::from_millis(100 * tenths)
    }

    #[test]
    fn the_clock_starts_at_the_first_byte() {
        let mut speed = Speed::default();
        for tenths in 0..100 {
            speed.update(at(tenths), 0);
        }
        assert_eq!(speed.rate(), None);
        speed.update(at(100), 5000);
        assert_eq!(speed.rate(), None);
        speed.update(at(101), 5100);
        assert!((speed.rate().unwrap() - 1000.0).abs() < 1e-6);
        let left = speed.time_for(2000).unwrap();
        assert!((left.as_secs_f64() - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_stalled_transfer_slows_down_until_no_time_can_be_told() {
        let mut speed = Speed::default();
        for tenths in 1..50 {
            speed.update(at(tenths), tenths * 100);
        }
        for tenths in 50..80 {
            speed.update(at(tenths), 4900);
        }
        let slower = speed.rate().unwrap();
        assert!((200.0..500.0).contains(&slower), "{slower}");
        for tenths in 80..400 {
            speed.update(at(tenths), 4900);
        }
        assert_eq!(speed.time_for(1000), None);
    }

    #[test]
    fn starting_over_keeps_the_speed() {
        let mut speed = Speed::default();
        for tenths in 1..10 {
            speed.update(at(tenths), tenths * 100);
        }
        let before = speed.rate();
        speed.update(at(10), 0);
        assert_eq!(speed.rate(), before);
        speed.update(at(11), 100);
        assert!((speed.rate().unwrap() - 1000.0).abs() < 1e-6);
    }
}
