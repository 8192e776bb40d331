//! Sizes, rates and times as people read them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, shown in binary units with three digits: `0 B`, `1.2 KiB`, `512 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// The text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSize;

impl fmt::Display for BadSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a size such as 500, 64K, 1.5M, 2GiB or 10MB")
    }
}

impl std::error::Error for BadSize {}

impl FromStr for ByteSize {
    type Err = BadSize;

    /// Reads `500`, `64K`, `1.5MiB` (powers of 1024, as curl, wget and aria2 have it) and `10MB`
    /// (powers of 1000).
    fn from_str(text: &str) -> Result<Self, BadSize> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim().to_ascii_lowercase();
        let (prefix, base) = match unit.strip_suffix("ib") {
            Some(prefix) => (prefix, 1024.0_f64),
            None => match unit.strip_suffix('b') {
                Some("") => ("", 1024.0),
                Some(prefix) => (prefix, 1000.0),
                None => (unit.as_str(), 1024.0),
            },
        };
        let power = match prefix {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            _ => return Err(BadSize),
        };
        let number: f64 = number.parse().map_err(|_| BadSize)?;
        let bytes = number * base.powi(power);
        if bytes < u64::MAX as f64 { Ok(Self(bytes as u64)) } else { Err(BadSize) }
    }
}

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = 0;
        // 999.5 would be shown as 1000: the next unit says it in fewer digits.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let name = UNITS[unit];
        // A shown value under 10 gets a decimal; whole bytes never do.
        if unit == 0 || value >= 9.95 {
            show(f, format_args!("{} {name}", value.round_ties_even() as u64))
        } else {
            let tenths = (value * 10.0).round_ties_even() as u64;
            show(f, format_args!("{}.{} {name}", tenths / 10, tenths % 10))
        }
    }
}

/// Shows a text as wide as it is wanted. Lines for files are made of such, and most have no width.
fn show(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    match f.width() {
        None => f.write_fmt(text),
        Some(_) => f.pad(&text.to_string()),
    }
}

/// Bytes a second, shown as `1.2 MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl Rate {
    /// Returns the mean rate of `bytes` in `time`, or `None` when the time is too short to tell.
    pub fn mean(bytes: u64, time: Duration) -> Option<Self> {
        let seconds = time.as_secs_f64();
        (seconds > 0.0).then(|| Self(bytes as f64 / seconds))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, format_args!("{}/s", ByteSize(self.0.max(0.0).round() as u64)))
    }
}

/// A time span, shown as `0.34s`, `12s`, `4m05s`, `3h02m` or `2d03h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 10 {
            let hundredths = (self.0.as_nanos() + 5_000_000) / 10_000_000;
            show(f, format_args!("{}.{:02}s", hundredths / 100, hundredths % 100))
        } else if seconds < 60 {
            show(f, format_args!("{seconds}s"))
        } else if seconds < 3600 {
            show(f, format_args!("{}m{:02}s", seconds / 60, seconds % 60))
        } else if seconds < 86400 {
            show(f, format_args!("{}h{:02}m", seconds / 3600, seconds / 60 % 60))
        } else {
            show(f, format_args!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24))
        }
    }
}

/// Returns `1 file`, `2 files` and so on.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits() {
        #[track_caller]
        fn case(bytes: u64, shown: &str) {
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
        case(0, "0 B");
        case(999, "999 B");
        case(1000, "1.0 KiB");
        case(1024, "1.0 KiB");
        case(10_188, "9.9 KiB");
        case(10_189, "10 KiB");
        case(1_023_000, "999 KiB");
        case(1_024_000, "1.0 MiB");
        case(5 * 1024 * 1024 * 1024, "5.0 GiB");
        case(u64::MAX, "16 EiB");
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        #[track_caller]
        fn case(text: &str, bytes: Option<u64>) {
            assert_eq!(text.parse::<ByteSize>().ok().map(|size| size.0), bytes, "{text}");
        }
        case("500", Some(500));
        case("500B", Some(500));
        case("64K", Some(65_536));
        case("64k", Some(65_536));
        case("1.5MiB", Some(1_572_864));
        case("10MB", Some(10_000_000));
        case("2 GiB", Some(2_147_483_648));
        case("", None);
        case("K", None);
        case("-5", None);
        case("5X", None);
        case("1.2.3", None);
        case("99999999T", None);
    }

    #[test]
    fn spans_keep_two_units() {
        #[track_caller]
        fn case(seconds: f64, shown: &str) {
            assert_eq!(Span(Duration::from_secs_f64(seconds)).to_string(), shown);
        }
        case(0.336, "0.34s");
        case(12.9, "12s");
        case(245.0, "4m05s");
        case(10_920.0, "3h02m");
        case(183_600.0, "2d03h");
    }
}
