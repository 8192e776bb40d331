//! Whether a transfer is fast enough, and how long it may wait for its next bytes.
//!
//! Speeds are means over whole windows, so that a pause inside one does no harm.

use std::time::Duration;

use crate::model::error::Cause;

/// How often a blocked read looks up when there is more to watch than a stall.
const TICK: Duration = Duration::from_millis(250);

/// What the user can set about the time that a transfer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// The longest time for a file, over all its attempts.
    pub max_time: Option<Duration>,
    /// The least mean speed.
    pub min_speed: Option<MinSpeed>,
}

/// The least mean speed over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinSpeed {
    /// Bytes a second.
    pub rate: f64,
    /// The time.
    pub over: Duration,
}

/// Watches one attempt. Times count from its job's first attempt.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    options: Options,
    window_began: Duration,
    window_bytes: u64,
}

impl Pace {
    /// Begins to watch at `now`.
    pub fn new(options: Options, now: Duration) -> Self {
        Self { options, window_began: now, window_bytes: 0 }
    }

    /// Takes note that so many bytes came in this attempt so far.
    ///
    /// # Errors
    /// [`Cause::TimeOver`], [`Cause::TooSlow`].
    pub fn check(&mut self, now: Duration, bytes: u64) -> Result<(), Cause> {
        if let Some(limit) = self.options.max_time.filter(|limit| now >= *limit) {
            return Err(Cause::TimeOver { limit });
        }
        let Some(MinSpeed { rate, over }) = self.options.min_speed else { return Ok(()) };
        let elapsed = now.saturating_sub(self.window_began);
        if elapsed < over {
            return Ok(());
        }
        let mean = bytes.saturating_sub(self.window_bytes) as f64 / elapsed.as_secs_f64();
        if mean < rate {
            return Err(Cause::TooSlow { rate: mean, over: elapsed });
        }
        (self.window_began, self.window_bytes) = (now, bytes);
        Ok(())
    }

    /// Returns how long a read may block before it must be looked whether all is well; `None` when
    /// only stalls matter.
    pub fn patience(&self, stall_timeout: Duration) -> Option<Duration> {
        self.is_watching().then(|| TICK.min(stall_timeout))
    }

    /// Returns whether anything but stalls matters.
    pub fn is_watching(&self) -> bool {
        self.options.max_time.is_some() || self.options.min_speed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_that_is_too_slow_ends_the_attempt() {
        let min_speed = Some(MinSpeed { rate: 100.0, over: seconds(10) });
        let mut pace = Pace::new(Options { min_speed, max_time: None }, seconds(5));
        assert!(pace.check(seconds(14), 0).is_ok());
        assert!(pace.check(seconds(15), 1000).is_ok());
        assert!(pace.check(seconds(24), 1000).is_ok());
        assert!(matches!(pace.check(seconds(25), 1999), Err(Cause::TooSlow { .. })));
    }

    #[test]
    fn time_is_over_at_the_limit() {
        let options = Options { max_time: Some(seconds(10)), min_speed: None };
        let mut pace = Pace::new(options, seconds(0));
        assert!(pace.check(seconds(9), 0).is_ok());
        assert!(matches!(pace.check(seconds(10), 0), Err(Cause::TimeOver { .. })));
        assert_eq!(pace.patience(seconds(30)), Some(TICK));
        assert_eq!(Pace::new(Options::default(), seconds(0)).patience(seconds(30)), None);
    }
}
