//! Which bytes of a representation are there: ranges that ascend and are apart from one another.

use crate::model::range::ByteRange;

/// A set of bytes. As many ranges as holes, so a few dozen at most: a sorted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet(Vec<ByteRange>);

impl RangeSet {
    /// Makes the set of the first `bytes` bytes.
    pub fn prefix_of(bytes: u64) -> Self {
        let mut set = Self::default();
        set.insert(ByteRange { start: 0, end: bytes });
        set
    }

    /// Makes a set of ranges that ascend, are not empty, and do not overlap; `None` when they are not so.
    pub fn from_ascending(ranges: impl IntoIterator<Item = ByteRange>) -> Option<Self> {
        let mut set = Self::default();
        for range in ranges {
            if range.is_empty() || range.start < set.end() {
                return None;
            }
            set.insert(range);
        }
        Some(set)
    }

    /// Adds bytes, some of which may be there.
    pub fn insert(&mut self, range: ByteRange) {
        if range.is_empty() {
            return;
        }
        // Those that touch it are one with it.
        let first = self.0.partition_point(|old| old.end < range.start);
        let last = self.0.partition_point(|old| old.start <= range.end);
        let merged = match self.0.get(first..last) {
            Some([one, .., other]) => {
                ByteRange { start: one.start.min(range.start), end: other.end.max(range.end) }
            }
            Some([one]) => {
                ByteRange { start: one.start.min(range.start), end: one.end.max(range.end) }
            }
            _ => range,
        };
        self.0.splice(first..last, [merged]);
    }

    /// Takes bytes away, some of which may not be there.
    pub fn remove(&mut self, range: ByteRange) {
        let mut left = Self::default();
        for old in &self.0 {
            left.insert(ByteRange { end: old.end.min(range.start), ..*old });
            left.insert(ByteRange { start: old.start.max(range.end), ..*old });
        }
        *self = left;
    }

    /// Takes away all bytes from `end` on.
    pub fn truncate(&mut self, end: u64) {
        self.0.retain_mut(|range| {
            range.end = range.end.min(end);
            !range.is_empty()
        });
    }

    /// Takes away everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns how many bytes are there.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Returns whether no byte is there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many bytes from the first on are there without a hole.
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
    }

    /// Returns the byte after the last one that is there.
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    /// Returns the ranges, ascending.
    pub fn ranges(&self) -> &[ByteRange] {
        &self.0
    }

    /// Returns what is missing of the first `length` bytes, ascending.
    pub fn gaps(&self, length: u64) -> impl Iterator<Item = ByteRange> + '_ {
        let starts = std::iter::once(0).chain(self.0.iter().map(|range| range.end));
        let ends = self.0.iter().map(|range| range.start).chain([length]);
        starts
            .zip(ends)
            .map(move |(start, end)| ByteRange { start, end: end.min(length) })
            .filter(|gap| !gap.is_empty())
    }

    /// Returns the first hole; it has no end when the length is not known and nothing is behind it.
    pub fn first_gap(&self, length: Option<u64>) -> Option<(u64, Option<u64>)> {
        let mut gaps = self.gaps(length.unwrap_or(u64::MAX));
        gaps.next().map(|gap| (gap.start, Some(gap.end).filter(|&end| end != u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        let mut set = RangeSet::default();
        for &(start, end) in ranges {
            set.insert(ByteRange { start, end });
        }
        set
    }

    fn pairs(ranges: &[ByteRange]) -> Vec<(u64, u64)> {
        ranges.iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(pairs(set(&[(0, 5), (10, 15), (5, 10)]).ranges()), [(0, 15)]);
        assert_eq!(pairs(set(&[(10, 15), (0, 5)]).ranges()), [(0, 5), (10, 15)]);
        assert_eq!(pairs(set(&[(0, 9), (3, 4), (4, 4)]).ranges()), [(0, 9)]);
        assert_eq!(pairs(set(&[(0, 1), (2, 3), (4, 5), (1, 9)]).ranges()), [(0, 9)]);
    }

    #[test]
    fn holes_are_what_is_missing() {
        let some = set(&[(5, 10), (20, 25)]);
        let gaps: Vec<_> = some.gaps(30).collect();
        assert_eq!(pairs(&gaps), [(0, 5), (10, 20), (25, 30)]);
        assert_eq!(some.first_gap(Some(30)), Some((0, Some(5))));
        assert_eq!(set(&[(0, 5)]).first_gap(None), Some((5, None)));
        assert_eq!(set(&[(0, 5), (9, 12)]).first_gap(None), Some((5, Some(9))));
        assert_eq!(set(&[(0, 30)]).first_gap(Some(30)), None);
        assert_eq!((some.prefix(), some.end(), some.len()), (0, 25, 10));
        assert_eq!(RangeSet::prefix_of(7).prefix(), 7);
        assert!(RangeSet::prefix_of(0).is_empty());
    }

    #[test]
    fn what_is_written_down_must_ascend() {
        let range = |start, end| ByteRange { start, end };
        assert!(RangeSet::from_ascending([range(0, 2), range(4, 5)]).is_some());
        assert!(RangeSet::from_ascending([range(0, 2), range(1, 5)]).is_none());
        assert!(RangeSet::from_ascending([range(4, 5), range(0, 2)]).is_none());
        assert!(RangeSet::from_ascending([range(4, 4)]).is_none());
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_its_bytes(
            ranges in proptest::collection::vec((0_u64..64, 0_u64..16), 0..12),
            cut in 0_u64..80,
            away in (0_u64..64, 0_u64..16),
        ) {
            let mut set = RangeSet::default();
            let mut bytes = std::collections::BTreeSet::new();
            for (start, len) in ranges {
                set.insert(ByteRange { start, end: start + len });
                bytes.extend(start..start + len);
            }
            set.truncate(cut);
            bytes.retain(|&byte| byte < cut);
            let away = ByteRange { start: away.0, end: away.0 + away.1 };
            set.remove(away);
            bytes.retain(|byte| !(away.start..away.end).contains(byte));
            prop_assert_eq!(set.len(), bytes.len() as u64);
            prop_assert!(set.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
            let missing: u64 = set.gaps(80).map(ByteRange::len).sum();
            prop_assert_eq!(missing, 80 - bytes.len() as u64);
            for gap in set.gaps(80) {
                prop_assert!((gap.start..gap.end).all(|byte| !bytes.contains(&byte)));
            }
        }
    }
}
