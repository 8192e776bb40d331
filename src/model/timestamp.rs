//! Points in time, as RFC 3339 writes them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shows a time in UTC with milliseconds, such as `2026-08-24T13:19:19.123Z`. What is before 1970, where no
/// clock that is right can be, is shown as its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp(pub SystemTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        write_seconds(f, since)?;
        write!(f, ".{:03}Z", since.subsec_millis())
    }
}

/// Shows a time in UTC to the minute, such as `2026-08-24 13:19 UTC`, for people.
#[derive(Clone, Copy, Debug)]
pub struct Minute(pub SystemTime);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// Shows the time of a file in UTC, to the nanosecond, such as `2026-08-24T13:19:19.123456789Z`; without a
/// fraction when that is zero. Read, it is the same time again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTime(pub SystemTime);

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        write_seconds(f, since)?;
        match since.subsec_nanos() {
            0 => f.write_str("Z"),
            nanos => write!(f, ".{nanos:09}Z"),
        }
    }
}

impl FileTime {
    /// Returns it as text, if that can be read again: not before 1970, and not after 9999.
    pub fn text(self) -> Option<String> {
        let text = self.to_string();
        (text.parse() == Ok(self)).then_some(text)
    }
}

impl FromStr for FileTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a time such as 2026-08-24T13:19:19Z"))
    }
}

fn read(text: &str) -> Option<SystemTime> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let bytes = seconds.as_bytes();
    let number = |from: usize, to: usize| -> Option<u64> {
        bytes[from..to].iter().all(u8::is_ascii_digit).then(|| seconds[from..to].parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !seconds.is_ascii() || marks.iter().any(|&(at, mark)| bytes[at] != mark) {
        return None;
    }
    let nanos = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => 0,
        Some(digits)
            if (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{digits:0<9}").parse().ok()?
        }
        _ => return None,
    };
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let written = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let days = days(written).filter(|&days| date(days) == written)?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let seconds = is_time.then(|| days * 86_400 + hour * 3600 + minute * 60 + second)?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

fn write_seconds(f: &mut fmt::Formatter<'_>, since: Duration) -> fmt::Result {
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Returns the days from 1970-01-01 to a date, the other way round than [`date`]; any number for what is
/// no date, and nothing for what is before.
pub(super) fn days((year, month, day): (u64, u64, u64)) -> Option<u64> {
    let (year, month) =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400;
    (days + (153 * month + 2) / 5 + day.checked_sub(1)?).checked_sub(719_468)
}

/// Returns the year, month and day of a number of days since 1970-01-01, in the Gregorian calendar. Years
/// are counted from March here, so that the day that may be missing is the last one.
pub(super) fn date(days: u64) -> (u64, u64, u64) {
    /// Days of 400 years, after which the calendar repeats.
    const ERA: u64 = 146_097;
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, is_next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + is_next_year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_those_of_other_programs() {
        #[track_caller]
        fn case(millis: u64, shown: &str) {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(Timestamp(time).to_string(), shown);
        }
        case(0, "1970-01-01T00:00:00.000Z");
        case(951_782_399_999, "2000-02-28T23:59:59.999Z");
        case(951_782_400_000, "2000-02-29T00:00:00.000Z");
        case(951_868_800_000, "2000-03-01T00:00:00.000Z");
        case(1_709_164_800_001, "2024-02-29T00:00:00.001Z");
        case(1_735_689_599_000, "2024-12-31T23:59:59.000Z");
        case(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        assert_eq!(
            Timestamp(UNIX_EPOCH - Duration::from_secs(1)).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn minutes_are_those_of_the_time() {
        let time = UNIX_EPOCH + Duration::from_millis(1_735_689_599_999);
        assert_eq!(Minute(time).to_string(), "2024-12-31 23:59 UTC");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..200_000 {
            let (year, month, day) = date(days);
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match before.1 {
                2 if is_leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match before {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == last => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            assert_eq!((year, month, day), expected);
            before = (year, month, day);
        }
    }

    #[test]
    fn what_cannot_be_read_again_has_no_text() {
        let text = |seconds: u64| FileTime(UNIX_EPOCH + Duration::from_secs(seconds)).text();
        assert_eq!(text(253_402_300_799).unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(text(253_402_300_800), None);
        assert_eq!(FileTime(UNIX_EPOCH - Duration::from_secs(1)).text(), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "2026-08-24",
            "2026-08-24T13:19:19",
            "2026-08-24T13:19:19+01:00",
            "2026-02-30T13:19:19Z",
            "2026-00-01T13:19:19Z",
            "2026-13-01T13:19:19Z",
            "2026-01-00T13:19:19Z",
            "2026-08-24T24:00:00Z",
            "2026-08-24T23:59:60Z",
            "2026-08-24 13:19:19Z",
            "2026-08-24T13:19:19.Z",
            "2026-08-24T13:19:19.1234567890Z",
            "+026-08-24T13:19:19Z",
            "1969-12-31T23:59:59Z",
            "\u{fc}26-08-24T13:19:19Z",
        ] {
            assert!(text.parse::<FileTime>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_time_of_a_file_comes_back(seconds in 0..250_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let time = FileTime(UNIX_EPOCH + Duration::new(seconds, nanos));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn any_text_returns(text: String) {
            let _ = text.parse::<FileTime>();
        }
    }
}
