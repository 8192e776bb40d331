//! When the next request may be begun, so that all of a run are evenly apart.
//!
//! Turns are given to who asks, in that order, each one gap after the last. Nothing is saved up: after
//! a pause the next turn is now, and the one after it is a gap later.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How often something may be done: so many times in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    count: u32,
    per: Duration,
}

/// The most times in one unit that can be asked for. The unit is a second at least, so the gap is a
/// microsecond at least: less than it takes to send a request.
const MAX_COUNT: u32 = 1_000_000;

impl Frequency {
    /// Returns the time between two, rounded up so that there are never more.
    pub fn gap(self) -> Duration {
        let gap = self.per / self.count;
        if gap * self.count < self.per { gap + Duration::from_nanos(1) } else { gap }
    }
}

/// Why a text is not a [`Frequency`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFrequency {
    /// There is no number, or not a whole one.
    Count(String),
    /// Nothing follows the number.
    NoUnit,
    /// The number is above a million.
    TooOften,
    /// What follows the slash is no unit.
    Unit(String),
    /// The number is zero.
    Zero,
}

impl fmt::Display for BadFrequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(text) => write!(f, "`{text}` is not a whole number")?,
            Self::NoUnit => f.write_str("it has no unit")?,
            Self::TooOften => write!(f, "more than {MAX_COUNT} in one unit")?,
            Self::Unit(text) => write!(f, "`{text}` is not a unit")?,
            Self::Zero => f.write_str("with a rate of zero nothing would ever be sent")?,
        }
        f.write_str("; give a whole number and s, m, h or d, such as 2/s, 30/m or 100/h")
    }
}

impl std::error::Error for BadFrequency {}

impl FromStr for Frequency {
    type Err = BadFrequency;

    /// Reads `N/UNIT`: a whole number, and seconds, minutes, hours or days.
    fn from_str(text: &str) -> Result<Self, BadFrequency> {
        let (count, unit) = match text.split_once('/') {
            Some((count, unit)) => (count, Some(unit)),
            None => (text, None),
        };
        // `parse` alone takes a sign.
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadFrequency::Count(count.to_owned()));
        }
        let seconds = match unit {
            Some("s") => 1,
            Some("m") => 60,
            Some("h") => 3600,
            Some("d") => 86_400,
            Some(other) if !other.is_empty() => return Err(BadFrequency::Unit(other.to_owned())),
            _ => return Err(BadFrequency::NoUnit),
        };
        match count.parse() {
            Ok(0) => Err(BadFrequency::Zero),
            Ok(count) if count <= MAX_COUNT => {
                Ok(Self { count, per: Duration::from_secs(seconds) })
            }
            // Only digits: it is too large for the type.
            _ => Err(BadFrequency::TooOften),
        }
    }
}

/// What one who asks for a turn gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A turn after so long.
    After(Duration),
    /// None: it would come when all is over for who asked, which is after so long. It is still there for
    /// the next.
    TooLate(Duration),
}

/// Gives turns. Times count from any fixed moment.
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    gap: Duration,
    /// The first moment that is not taken.
    next: Duration,
}

impl Spacing {
    /// The first turn is at once, the others are at least `gap` apart.
    pub fn new(gap: Duration) -> Self {
        Self { gap, next: Duration::ZERO }
    }

    /// Returns whether a turn that is asked for now is now.
    pub fn is_free(&self, now: Duration) -> bool {
        self.next <= now
    }

    /// Gives the next turn to who asks at `now` and has no use for one at or after `end`.
    pub fn take(&mut self, now: Duration, end: Option<Duration>) -> Turn {
        let at = self.next.max(now);
        if let Some(end) = end.filter(|end| at >= *end) {
            return Turn::TooLate(end.saturating_sub(now));
        }
        self.next = at.saturating_add(self.gap);
        Turn::After(at.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn turns_are_a_gap_apart_and_the_first_is_at_once() {
        #[track_caller]
        fn case(spacing: &mut Spacing, now: u64, wait: u64) {
            assert_eq!(spacing.take(millis(now), None), Turn::After(millis(wait)), "at {now}");
        }
        let mut spacing = Spacing::new(millis(100));
        case(&mut spacing, 7, 0);
        case(&mut spacing, 7, 100);
        case(&mut spacing, 50, 157);
        // A pause saves nothing up.
        case(&mut spacing, 5000, 0);
        case(&mut spacing, 5000, 100);
        case(&mut spacing, 5201, 0);
    }

    #[test]
    fn a_turn_that_comes_too_late_stays_for_the_next() {
        let mut spacing = Spacing::new(millis(100));
        assert_eq!(spacing.take(millis(1), Some(millis(0))), Turn::TooLate(millis(0)));
        assert_eq!(spacing.take(millis(0), Some(millis(1))), Turn::After(millis(0)));
        assert_eq!(spacing.take(millis(20), Some(millis(100))), Turn::TooLate(millis(80)));
        assert_eq!(spacing.take(millis(30), Some(millis(101))), Turn::After(millis(70)));
    }

    proptest! {
        #[test]
        fn no_two_turns_are_closer_than_the_gap(
            gap in 1_u64..1000,
            asked in prop::collection::vec((0_u64..300, prop::option::of(0_u64..2000)), 1..50),
        ) {
            let mut spacing = Spacing::new(millis(gap));
            let (mut now, mut last) = (0, None::<Duration>);
            for (pause, left) in asked {
                now += pause;
                let end = left.map(|left| millis(now + left));
                match spacing.take(millis(now), end) {
                    Turn::After(wait) => {
                        let at = millis(now) + wait;
                        prop_assert!(end.is_none_or(|end| at < end));
                        // As soon as may be, and no sooner.
                        let first = last.map_or(Duration::ZERO, |last| last + millis(gap));
                        prop_assert_eq!(at, first.max(millis(now)));
                        last = Some(at);
                    }
                    Turn::TooLate(left_over) => {
                        prop_assert!(last.is_some() || left == Some(0));
                        prop_assert_eq!(Some(left_over), left.map(millis));
                    }
                }
            }
        }
    }

    #[test]
    fn a_frequency_is_a_whole_number_and_a_unit() {
        #[track_caller]
        fn case(text: &str, gap: Duration) {
            assert_eq!(text.parse::<Frequency>().map(Frequency::gap), Ok(gap), "{text}");
        }
        case("2/s", millis(500));
        case("30/m", millis(2000));
        case("100/h", millis(36_000));
        case("1/d", Duration::from_secs(86_400));
        case("1000000/s", Duration::from_micros(1));
        // Never more often than was asked for.
        case("3/s", Duration::from_nanos(333_333_334));
        case("007/m", Duration::from_nanos(8_571_428_572));
    }

    #[test]
    fn anything_else_is_refused_by_its_cause() {
        #[track_caller]
        fn case(text: &str, why: BadFrequency) {
            assert_eq!(text.parse::<Frequency>(), Err(why), "{text}");
        }
        let count = |text: &str| BadFrequency::Count(text.to_owned());
        let unit = |text: &str| BadFrequency::Unit(text.to_owned());
        case("", count(""));
        case("2", BadFrequency::NoUnit);
        case("2/", BadFrequency::NoUnit);
        case("/s", count(""));
        case("0/s", BadFrequency::Zero);
        case("2.5/s", count("2.5"));
        case("-1/s", count("-1"));
        case("+1/s", count("+1"));
        case(" 1/s", count(" 1"));
        case("two/s", count("two"));
        case("1/2/s", unit("2/s"));
        case("2/S", unit("S"));
        case("2/sec", unit("sec"));
        case("1000001/d", BadFrequency::TooOften);
        case("99999999999999999999/d", BadFrequency::TooOften);
    }
}
