//! Dates as servers write them, in more forms than RFC 9110 has.
//!
//! RFC 6265 §5.1.1 finds the parts of a date wherever they stand and passes over all else. Of a cookie that
//! is the law. Elsewhere it is a way out for a date that is no HTTP-date, and nothing that it passes over may
//! then say another time.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::timestamp;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

const DAYS: [&[u8]; 7] =
    [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];

/// What else a date in UTC may have in it. Signs are between words.
const UTC: [&[u8]; 7] = [b"gmt", b"utc", b"ut", b"z", b"0000", b"00:00", b"00"];

/// Returns the date of a cookie, which is in UTC whatever it says.
pub fn of_cookie(text: &[u8]) -> Option<SystemTime> {
    Parts::find(text).time()
}

/// Returns a date in which there is nothing but its parts, a day of the week, right or wrong, and names of
/// UTC. None is before 1970.
pub fn utc(text: &[u8]) -> Option<SystemTime> {
    let parts = Parts::find(text);
    parts.time().filter(|time| parts.is_utc && *time >= UNIX_EPOCH)
}

/// The parts of a date.
struct Parts {
    /// Hour, minute and second.
    time: Option<[u64; 3]>,
    day: Option<u64>,
    /// From 1.
    month: Option<u64>,
    year: Option<u64>,
    /// Whether what stands beside them says that they are of UTC, or nothing.
    is_utc: bool,
}

impl Parts {
    /// Takes of each part what comes first.
    fn find(text: &[u8]) -> Self {
        let mut parts = Self { time: None, day: None, month: None, year: None, is_utc: true };
        for word in text.split(|&byte| is_between(byte)) {
            let rest = if let (None, Some((time, rest))) = (parts.time, time(word)) {
                parts.time = Some(time);
                rest
            } else if let (None, Some((day, rest))) = (parts.day, number(word, 1..=2)) {
                parts.day = Some(day);
                rest
            } else if let (None, Some(month)) = (parts.month, month(word)) {
                parts.month = Some(month);
                b""
            } else if let (None, Some((year, rest))) = (parts.year, number(word, 2..=4)) {
                parts.year = Some(year);
                rest
            } else {
                word
            };
            parts.is_utc &= is_harmless(rest);
        }
        parts
    }

    /// Returns the time, if there is one of these parts.
    fn time(&self) -> Option<SystemTime> {
        /// After which the calendar repeats.
        const ERA: Duration = Duration::from_secs(146_097 * 86_400);
        let [hour, minute, second] = self.time?;
        let year = match self.year? {
            year @ 0..=69 => year + 2000,
            year @ 70..=99 => year + 1900,
            year => year,
        };
        if year < 1601 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Counted in the next era, so that no number is below zero.
        let days = timestamp::days((year + 400, self.month?, self.day?))?;
        let is_there = timestamp::date(days) == (year + 400, self.month?, self.day?);
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?.checked_sub(ERA);
        time.filter(|_| is_there)
    }
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// Reads a time of day at the beginning of a word, and returns the rest.
fn time(word: &[u8]) -> Option<([u64; 3], &[u8])> {
    let (hour, rest) = number(word, 1..=2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1..=2)?;
    let (second, rest) = number(rest.strip_prefix(b":")?, 1..=2)?;
    Some(([hour, minute, second], rest))
}

/// Reads a number of so many digits at the beginning of a word, and returns the rest.
fn number(word: &[u8], digits: RangeInclusive<usize>) -> Option<(u64, &[u8])> {
    let end = word.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(word.len());
    let (number, rest) = word.split_at(end);
    let value =
        |number: &[u8]| number.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    digits.contains(&end).then(|| (value(number), rest))
}

/// Returns the month that a word begins with, from 1.
fn month(word: &[u8]) -> Option<u64> {
    let name = word.get(..3)?;
    let at = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month))?;
    Some(at as u64 + 1)
}

/// Returns whether a word says nothing, or something that is so of a date in UTC.
fn is_harmless(word: &[u8]) -> bool {
    let is_day = |day: &&[u8]| {
        word.len() >= 3 && day.get(..word.len()).is_some_and(|day| word.eq_ignore_ascii_case(day))
    };
    word.is_empty()
        || UTC.iter().any(|name| word.eq_ignore_ascii_case(name))
        || DAYS.iter().any(is_day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(time: SystemTime) -> i64 {
        let number = |time: Duration| time.as_secs().cast_signed();
        time.duration_since(UNIX_EPOCH).map_or_else(|before| -number(before.duration()), number)
    }

    /// 1994-11-06T08:49:37Z
    const SUNDAY: i64 = 784_111_777;

    #[test]
    fn the_parts_of_a_cookies_date_are_found_wherever_they_stand() {
        #[track_caller]
        fn case(text: &str, time: i64) {
            assert_eq!(of_cookie(text.as_bytes()).map(seconds), Some(time), "{text}");
        }
        case("Sun, 06 Nov 1994 08:49:37 GMT", SUNDAY);
        case("Sunday, 06-Nov-94 08:49:37 GMT", SUNDAY);
        case("Sun Nov  6 08:49:37 1994", SUNDAY);
        case("Sun, 6 Nov 1994 08:49:37 GMT", SUNDAY);
        case("Sun, 6-Nov-1994 8:49:37 UTC", SUNDAY);
        case("sun, 06 nov 1994 08:49:37 gmt", SUNDAY);
        case("6 Nov 1994 08:49:37", SUNDAY);
        case("1994 November 6 08:49:37", SUNDAY);
        case("08:49:37 06/Nov/1994", SUNDAY);
        case("\t;Someday,6-NOVEMBER-94!08:49:37(what not)", SUNDAY);
        case("Sun Nov 06 1994 08:49:37 GMT+0000 (UTC)", SUNDAY);
        // A cookie's time is of UTC.
        case("Sun, 06 Nov 1994 08:49:37 +0200", SUNDAY);
        case("Sun, 06 Nov 1994 08:49:37 PST", SUNDAY);
        // What comes first counts, and what follows a number is not looked at.
        case("6 7 Nov Dec 1994 1995 08:49:37 09:00:00", SUNDAY);
        case("6th Nov 1994AD 08:49:37Z", SUNDAY);
        case("\u{fc} 6 Nov 1994 08:49:37 \u{fc}", SUNDAY);
        case("Thu, 1 Jan 1970 00:00:00 GMT", 0);
        case("Wed, 31 Dec 69 23:59:59 GMT", 3_155_759_999);
        case("Thu, 01 Jan 70 00:00:01 GMT", 1);
        case("29 Feb 2000 00:00:00", 951_782_400);
        case("31 Dec 1969 23:59:59", -1);
        case("1 Jan 1601 00:00:00", -11_644_473_600);
        case("31 Dec 9999 23:59:59", 253_402_300_799);
    }

    #[test]
    fn what_is_no_date_has_no_time() {
        for text in [
            "",
            "0",
            "-1",
            "never",
            "6 Nov 1994",
            "6 Nov 08:49:37",
            "Nov 1994 08:49:37",
            "6 1994 08:49:37",
            "1994-11-06T08:49:37Z",
            "6 No 1994 08:49:37",
            "6 Nov 1994 08:49",
            "6 Nov 1994 08:49:371",
            "6 Nov 1994 24:00:00",
            "6 Nov 1994 08:60:37",
            "6 Nov 1994 08:49:60",
            "0 Nov 1994 08:49:37",
            "31 Nov 1994 08:49:37",
            "29 Feb 1900 08:49:37",
            "006 Nov 1994 08:49:37",
            "6 Nov 19941 08:49:37",
            "6 Nov 194 08:49:37",
            "6 Nov 1600 08:49:37",
            "6.Nov:1994 08:49:37",
        ] {
            assert_eq!(of_cookie(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn elsewhere_a_date_says_nothing_but_utc() {
        #[track_caller]
        fn case(text: &str, is_taken: bool) {
            let time = utc(text.as_bytes()).map(seconds);
            assert_eq!(time, is_taken.then_some(SUNDAY), "{text}");
        }
        case("Sun, 6 Nov 1994 08:49:37 GMT", true);
        case("Mon, 06 Nov 1994 08:49:37 GMT", true);
        case("sunday, 06-nov-1994 08:49:37 utc", true);
        case("Sun, 06 Nov 1994 08:49:37 +0000", true);
        case("Sun, 06 Nov 1994 08:49:37 -00:00", true);
        case("Sun, 06 Nov 1994 08:49:37Z", true);
        case("Sun, 06 Nov 1994 08:49:37", true);
        case("Sun Nov 06 08:49:37 UTC 1994", true);
        case("Sun Nov 06 1994 08:49:37 GMT+0000 (UTC)", true);
        case("Sun, 06 Nov 1994 08:49:37 +0200", false);
        case("Sun, 06 Nov 1994 08:49:37 GMT+02:00", false);
        case("Sun, 06 Nov 1994 08:49:37+02", false);
        case("Sun, 06 Nov 1994 08:49:37 PST", false);
        case("Sun, 06 Nov 1994 08:49:37PST", false);
        case("Sun, 06 Nov 1994 08:49:37 PM", false);
        case("Sun, 06 Nov 1994CET 08:49:37", false);
        // `0000` comes before the year, and is one.
        case("Sun Nov 06 08:49:37 +0000 1994", false);
        case("6 7 Nov 1994 08:49:37", false);
        case("Sun, 06 Nov 1994 08:49:37 \u{fc}", false);
        assert_eq!(utc(b"Wed, 31 Dec 1969 23:59:59 GMT"), None);
    }

    proptest! {
        #[test]
        fn any_date_in_utc_comes_back(seconds in 0..253_402_300_800_u64) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let text = httpdate::fmt_http_date(time);
            prop_assert_eq!(of_cookie(text.as_bytes()), Some(time));
            prop_assert_eq!(utc(text.as_bytes()), Some(time));
        }

        #[test]
        fn any_bytes_return(text: Vec<u8>, words in "[0-9: jan\\-]*") {
            for text in [&text, words.as_bytes()] {
                let _ = (of_cookie(text), utc(text));
            }
        }
    }
}
