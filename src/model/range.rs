//! Byte ranges: half-open in code, inclusive only on the wire (RFC 9110 §14).

use std::fmt;

/// Bytes `start..end` of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one.
    pub end: u64,
}

impl ByteRange {
    /// Returns how many bytes it has.
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether it has none.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// What a Content-Range field says (RFC 9110 §14.4), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 0-9/20`; the total is `None` for `*`.
    Satisfied {
        /// The bytes that follow.
        range: ByteRange,
        /// The length of the whole representation.
        total: Option<u64>,
    },
    /// `bytes */20`: the range asked for is not there.
    Unsatisfied {
        /// The length of the whole representation.
        total: u64,
    },
}

impl ContentRange {
    /// Reads a field; `None` when it says nothing that can be true.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(field).ok()?.trim();
        let (unit, rest) = text.split_once([' ', '\t', '='])?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = match total.trim() {
            "*" => None,
            number => Some(decimal(number)?),
        };
        if range.trim() == "*" {
            return total.map(|total| Self::Unsatisfied { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (decimal(first.trim())?, decimal(last.trim())?);
        let range = ByteRange { start: first, end: last.checked_add(1)? };
        let is_possible = first <= last && total.is_none_or(|total| range.end <= total);
        is_possible.then_some(Self::Satisfied { range, total })
    }
}

/// Reads digits and nothing but digits: `str::parse` would take `+5`.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for ByteRange {
    /// As on the wire: both ends inclusive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_strictly() {
        #[track_caller]
        fn case(field: &str, read: Option<(u64, u64, Option<u64>)>) {
            let expected = read.map(|(start, end, total)| ContentRange::Satisfied {
                range: ByteRange { start, end },
                total,
            });
            assert_eq!(ContentRange::parse(field.as_bytes()), expected, "{field}");
        }
        case("bytes 0-9/20", Some((0, 10, Some(20))));
        case("Bytes  5-5/6", Some((5, 6, Some(6))));
        case("bytes 0-9/*", Some((0, 10, None)));
        case("bytes=0-9/20", Some((0, 10, Some(20))));
        case("bytes 9-0/20", None);
        case("bytes 0-20/20", None);
        case("bytes +1-9/20", None);
        case("bytes -9/20", None);
        case("bytes 0-9", None);
        case("items 0-9/20", None);
        case("bytes 0-18446744073709551615/*", None);
        case("", None);
        assert_eq!(
            ContentRange::parse(b"bytes */20"),
            Some(ContentRange::Unsatisfied { total: 20 })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_return(field: Vec<u8>) {
            let _ = ContentRange::parse(&field);
        }

        #[test]
        fn what_is_written_is_read(start in 0..u64::MAX / 2, len in 1..u64::MAX / 4) {
            let range = ByteRange { start, end: start + len };
            let field = format!("bytes {range}/*");
            prop_assert_eq!(
                ContentRange::parse(field.as_bytes()),
                Some(ContentRange::Satisfied { range, total: None })
            );
        }
    }
}
