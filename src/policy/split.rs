//! How a transfer is cut into segments, each of which one connection brings.
//!
//! ```text
//!            ┌─────── give back ───────┐
//!            ▼                         │
//!   hole ► free ── take ──► open ── claim, advance ──► done
//!                           │  ▲
//!                           └──┴── split: the back part is open too, for somebody else
//! ```
//!
//! At any moment every byte of the representation is in exactly one of the three: done (written),
//! free (nobody's), or from an open segment's position to its end. Bytes are claimed before they are
//! written and nothing that is claimed is split off, so no two connections write the same byte.

use crate::model::range::ByteRange;
use crate::model::range_set::RangeSet;

/// Names an open segment, for as long as its table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(u32);

/// A segment that somebody brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its name.
    pub id: SegmentId,
    /// The first byte that is not written.
    pub position: u64,
    /// The first byte that nobody may be writing.
    pub claimed: u64,
    /// The byte after its last one.
    pub end: u64,
    /// The byte after the last one that its response can bring.
    pub reach: u64,
}

/// The segments of one transfer.
#[derive(Clone, Debug)]
pub struct Segments {
    length: u64,
    done: RangeSet,
    free: RangeSet,
    open: Vec<Open>,
    last_id: u32,
}

impl Segments {
    /// Makes the table of a representation of `length` bytes of which some are there.
    pub fn new(length: u64, done: RangeSet) -> Self {
        let mut free = RangeSet::default();
        done.gaps(length).for_each(|gap| free.insert(gap));
        Self { length, done, free, open: Vec::new(), last_id: 0 }
    }

    /// Returns what is written.
    pub fn done(&self) -> &RangeSet {
        &self.done
    }

    /// Returns what is open.
    pub fn open(&self) -> &[Open] {
        &self.open
    }

    /// Returns how many bytes are nobody's.
    pub fn free_bytes(&self) -> u64 {
        self.free.len()
    }

    /// Returns whether every byte is written.
    pub fn is_complete(&self) -> bool {
        self.done.prefix() == self.length
    }

    /// Opens the free bytes from `start` on that a response brings which ends at `reach`.
    pub fn open_at(&mut self, start: u64, reach: u64) -> Option<(SegmentId, ByteRange)> {
        let free = self.free.ranges().iter().find(|free| free.start == start)?;
        let range = ByteRange { start, end: free.end.min(reach) };
        (!range.is_empty()).then(|| (self.begin(range, reach), range))
    }

    /// Opens at most `most` bytes of the first free range that begins before `before`.
    pub fn take_free(&mut self, most: u64, before: u64) -> Option<(SegmentId, ByteRange)> {
        let free = self.free.ranges().iter().find(|free| free.start < before)?;
        let end = free.end.min(free.start.saturating_add(most));
        let range = ByteRange { start: free.start, end };
        (!range.is_empty()).then(|| (self.begin(range, range.end), range))
    }

    /// Ends an open segment at `at` and opens what was behind it. `None`, and nothing changes, when
    /// `at` is claimed already or not inside.
    pub fn split(&mut self, id: SegmentId, at: u64) -> Option<(SegmentId, ByteRange)> {
        let rest = self.cut(id, at)?;
        Some((self.begin(rest, rest.end), rest))
    }

    /// Ends an open segment at `at` and frees what was behind it, which is returned.
    pub fn cut(&mut self, id: SegmentId, at: u64) -> Option<ByteRange> {
        let open = self.find(id)?;
        if at < open.claimed || at >= open.end {
            return None;
        }
        let rest = ByteRange { start: at, end: std::mem::replace(&mut open.end, at) };
        self.free.insert(rest);
        Some(rest)
    }

    /// Says where the response of a segment ends; what it does not bring of it becomes free.
    pub fn set_reach(&mut self, id: SegmentId, reach: u64) {
        let Some(open) = self.find(id) else { return };
        open.reach = reach;
        if reach < open.end {
            let rest = ByteRange { start: reach.max(open.claimed), end: open.end };
            open.end = rest.start;
            self.free.insert(rest);
        }
    }

    /// Claims the next of `bytes` bytes that have come, and returns how many are the segment's: those
    /// are to be written now. When some are not, the segment has come to its end for good.
    pub fn claim(&mut self, id: SegmentId, bytes: u64) -> u64 {
        let Some(open) = self.find(id) else { return 0 };
        let wanted = bytes.min(open.end - open.position);
        open.claimed = open.position + wanted;
        if wanted < bytes {
            // What came behind the end is gone: the response cannot go on there.
            open.reach = open.end;
        }
        wanted
    }

    /// Says that so many of the claimed bytes are written.
    pub fn advance(&mut self, id: SegmentId, bytes: u64) {
        let Some(open) = self.find(id) else { return };
        let written = ByteRange { start: open.position, end: open.position + bytes };
        open.position = written.end;
        self.done.insert(written);
    }

    /// Closes a segment if all of it is written; returns whether it was.
    pub fn finish(&mut self, id: SegmentId) -> bool {
        let is_done = self.open.iter().any(|open| open.id == id && open.position == open.end);
        if is_done {
            self.open.retain(|open| open.id != id);
        }
        is_done
    }

    /// Closes a segment as it is. What it lacks becomes free, unless the response of the one before it
    /// goes on there: then that one takes it, and what is free behind it. The one that grew is returned
    /// with its new end.
    pub fn give_back(&mut self, id: SegmentId) -> Option<(SegmentId, u64)> {
        let index = self.open.iter().position(|open| open.id == id)?;
        let Open { position, end, .. } = self.open.swap_remove(index);
        if position == end {
            return None;
        }
        self.free.insert(ByteRange { start: position, end });
        let free = *self.free.ranges().iter().find(|free| free.end >= end)?;
        let before =
            self.open.iter_mut().find(|open| open.end == free.start && open.reach > free.start)?;
        let taken = ByteRange { start: free.start, end: free.end.min(before.reach) };
        before.end = taken.end;
        let grown = (before.id, before.end);
        self.free.remove(taken);
        Some(grown)
    }

    fn begin(&mut self, range: ByteRange, reach: u64) -> SegmentId {
        self.last_id += 1;
        let id = SegmentId(self.last_id);
        self.free.remove(range);
        let ByteRange { start, end } = range;
        self.open.push(Open { id, position: start, claimed: start, end, reach });
        id
    }

    fn find(&mut self, id: SegmentId) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.id == id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: u64 = 1000;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    #[test]
    fn the_back_part_of_a_segment_is_somebody_elses() {
        let mut segments = Segments::new(LENGTH, RangeSet::default());
        let (first, all) = segments.open_at(0, LENGTH).unwrap();
        assert_eq!(all, range(0, LENGTH));
        assert_eq!(segments.claim(first, 100), 100);
        // What is being written is not given away.
        assert_eq!(segments.split(first, 99), None);
        let (second, back) = segments.split(first, 500).unwrap();
        assert_eq!(back, range(500, LENGTH));
        segments.advance(first, 100);
        assert_eq!(segments.claim(first, 450), 400);
        segments.advance(first, 400);
        assert!(segments.finish(first));
        assert_eq!(segments.claim(second, 500), 500);
        segments.advance(second, 500);
        assert!(segments.finish(second) && segments.is_complete());
    }

    #[test]
    fn what_is_given_back_goes_to_the_response_that_brings_it_anyway() {
        let mut segments = Segments::new(LENGTH, RangeSet::default());
        let (first, _) = segments.open_at(0, LENGTH).unwrap();
        let (second, _) = segments.split(first, 500).unwrap();
        assert_eq!(segments.give_back(second), Some((first, LENGTH)));
        assert_eq!(segments.free_bytes(), 0);
        // Once bytes behind its end were thrown away, it cannot go on there.
        let (third, _) = segments.split(first, 300).unwrap();
        assert_eq!(segments.claim(first, 301), 300);
        segments.advance(first, 300);
        assert_eq!(segments.give_back(third), None);
        assert_eq!(segments.free_bytes(), 700);
        assert!(segments.finish(first));
    }

    #[test]
    fn what_several_gave_back_goes_to_the_response_before_all_of_them() {
        let mut segments = Segments::new(LENGTH, RangeSet::default());
        let (first, _) = segments.open_at(0, LENGTH).unwrap();
        let (third, _) = segments.split(first, 600).unwrap();
        let (second, _) = segments.split(first, 300).unwrap();
        // The second's response ends where the third's begins.
        assert_eq!(segments.give_back(third), None);
        assert_eq!(segments.give_back(second), Some((first, LENGTH)));
        assert_eq!(segments.free_bytes(), 0);
    }

    #[test]
    fn the_order_in_which_parts_are_given_back_does_not_matter() {
        let mut segments = Segments::new(LENGTH, RangeSet::default());
        let (first, _) = segments.open_at(0, LENGTH).unwrap();
        let (second, _) = segments.split(first, 250).unwrap();
        let (fourth, _) = segments.split(second, 750).unwrap();
        let (third, _) = segments.split(second, 500).unwrap();
        // The one before it ends there for good.
        assert_eq!(segments.give_back(fourth), None);
        assert_eq!(segments.give_back(second), Some((first, 500)));
        assert_eq!(segments.give_back(third), Some((first, LENGTH)));
        assert_eq!(segments.free_bytes(), 0);
    }

    #[test]
    fn holes_are_taken_from_the_front() {
        let mut done = RangeSet::prefix_of(100);
        done.insert(range(200, 300));
        let mut segments = Segments::new(LENGTH, done);
        let (first, hole) = segments.open_at(100, LENGTH).unwrap();
        assert_eq!(hole, range(100, 200));
        let (_, next) = segments.take_free(50, u64::MAX).unwrap();
        assert_eq!(next, range(300, 350));
        assert_eq!(segments.take_free(50, 350), None);
        // A response that is shorter than what was asked for leaves the rest to others.
        segments.set_reach(first, 150);
        assert_eq!(segments.take_free(u64::MAX, u64::MAX).unwrap().1, range(150, 200));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(u64),
        Split(usize, u64),
        Write(usize, u64),
        Short(usize, u64),
        GiveBack(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..LENGTH).prop_map(Step::Take),
            (0..8_usize, 0..LENGTH).prop_map(|(which, at)| Step::Split(which, at)),
            (0..8_usize, 1..200_u64).prop_map(|(which, bytes)| Step::Write(which, bytes)),
            (0..8_usize, 0..LENGTH).prop_map(|(which, reach)| Step::Short(which, reach)),
            (0..8_usize).prop_map(Step::GiveBack),
        ]
    }

    proptest! {
        /// Any sequence of splits and completions tiles the file exactly once.
        #[test]
        fn every_byte_is_in_one_place_and_written_once(
            holes in proptest::collection::vec((0..LENGTH, 0_u64..100), 0..5),
            steps in proptest::collection::vec(step(), 0..200),
        ) {
            let mut done = RangeSet::default();
            for (start, len) in holes {
                done.insert(range(start, (start + len).min(LENGTH)));
            }
            let mut written = vec![0_u8; LENGTH as usize];
            for byte in done.ranges().iter().flat_map(|range| range.start..range.end) {
                written[byte as usize] += 1;
            }
            let mut segments = Segments::new(LENGTH, done);
            let pick = |segments: &Segments, which: usize| {
                let open = segments.open();
                (!open.is_empty()).then(|| open[which % open.len()])
            };
            let write = |segments: &mut Segments, written: &mut Vec<u8>, open: Open, bytes| {
                let wanted = segments.claim(open.id, bytes);
                for byte in open.position..open.position + wanted {
                    written[byte as usize] += 1;
                }
                segments.advance(open.id, wanted);
                segments.finish(open.id);
            };
            for step in steps {
                match step {
                    Step::Take(most) => drop(segments.take_free(most, u64::MAX)),
                    Step::Split(which, at) => {
                        let open = pick(&segments, which);
                        open.map(|open| segments.split(open.id, at));
                    }
                    Step::Write(which, bytes) => {
                        if let Some(open) = pick(&segments, which) {
                            write(&mut segments, &mut written, open, bytes);
                        }
                    }
                    Step::Short(which, reach) => {
                        if let Some(open) = pick(&segments, which) {
                            segments.set_reach(open.id, reach);
                        }
                    }
                    Step::GiveBack(which) => {
                        let open = pick(&segments, which);
                        open.map(|open| segments.give_back(open.id));
                    }
                }
                let mut places = vec![0; LENGTH as usize];
                let open = segments.open().iter().map(|open| range(open.position, open.end));
                let all = segments.done.ranges().iter().chain(segments.free.ranges()).copied();
                for byte in all.chain(open).flat_map(|range| range.start..range.end) {
                    places[byte as usize] += 1;
                }
                prop_assert!(places.iter().all(|&count| count == 1), "{segments:?}");
            }
            // And it can always be brought to its end.
            while !segments.is_complete() {
                segments.take_free(u64::MAX, u64::MAX);
                for open in segments.open().to_vec() {
                    write(&mut segments, &mut written, open, LENGTH);
                }
            }
            prop_assert!(written.iter().all(|&count| count == 1));
        }
    }
}
