//! Content-Range fields: what is accepted can be true and says the same when it is written out, and
//! what RFC 9110 §14.4 writes strictly is read as that and nothing else.

#![no_main]

use haul::model::range::{ByteRange, ContentRange};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|field: &[u8]| {
    let read = ContentRange::parse(field);
    if let Some(read) = read {
        let written = match read {
            ContentRange::Satisfied { range, total } => {
                assert!(!range.is_empty(), "no byte in {range:?}");
                assert!(total.is_none_or(|total| range.end <= total), "{range:?} of {total:?}");
                assert_eq!(
                    u128::from(range.len()),
                    u128::from(range.end) - u128::from(range.start)
                );
                match total {
                    Some(total) => format!("bytes {range}/{total}"),
                    None => format!("bytes {range}/*"),
                }
            }
            ContentRange::Unsatisfied { total } => format!("bytes */{total}"),
        };
        assert_eq!(ContentRange::parse(written.as_bytes()), Some(read), "as `{written}`");
    }
    if let Some(expected) = strict(field) {
        assert_eq!(read, expected, "a field of the strict form");
    }
});

/// Reads a field of the strict form; the inner value is `None` when it cannot be true. Numbers of
/// more than 18 digits are left to `parse`.
fn strict(field: &[u8]) -> Option<Option<ContentRange>> {
    let text = std::str::from_utf8(field).ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    if range == "*" {
        return Some(Some(ContentRange::Unsatisfied { total: number(total)? }));
    }
    let total = if total == "*" { None } else { Some(number(total)?) };
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let is_possible = first <= last && total.is_none_or(|total| last < total);
    let range = ByteRange { start: first, end: last + 1 };
    Some(is_possible.then_some(ContentRange::Satisfied { range, total }))
}

fn number(text: &str) -> Option<u64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.bytes().fold(0, |sum, b| sum * 10 + u64::from(b - b'0')))
}
