//! What lies beside an unfinished file: the partial file, and what its record says of it.

use std::ops::Range;
use std::path::Path;

/// Returns the finished ranges in the record of `name`'s partial file; nothing without a record.
#[track_caller]
pub(crate) fn recorded(folder: &Path, name: &str) -> Vec<Range<usize>> {
    let Ok(text) = std::fs::read(folder.join(format!("{name}.part.haul"))) else {
        return Vec::new();
    };
    let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let ranges: Vec<(usize, usize)> = serde_json::from_value(record["ranges"].clone()).unwrap();
    ranges.into_iter().map(|(start, end)| start..end).collect()
}

/// Checks that the partial file holds the bytes of `body` wherever its record says so, and returns how
/// many these are.
#[track_caller]
pub(crate) fn check_part(folder: &Path, name: &str, body: &[u8]) -> usize {
    let ranges = recorded(folder, name);
    let apart = ranges.windows(2).all(|pair| pair[0].end < pair[1].start);
    assert!(apart, "ranges of a record are in order and apart: {ranges:?}");
    let part = std::fs::read(folder.join(format!("{name}.part"))).unwrap_or_default();
    for range in &ranges {
        let right = part.get(range.clone()) == Some(&body[range.clone()]);
        assert!(right, "{name}.part is wrong somewhere in {range:?}, which its record vouches for");
    }
    ranges.iter().map(Range::len).sum()
}
