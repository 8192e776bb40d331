//! How a transfer is cut into segments, each of which one connection brings.
//!
//! ```text
//!            ┌─────── give back ───────┐
//!            ▼                         │
//!   hole ► free ── take ──► open ── claim, advance ──► done
//!                           │  ▲
//!                           └──┴── cut: the back part is free again, for somebody else
//! ```
//!
//! At any moment every byte of the representation is in exactly one of the three: done (written),
//! free (nobody's), or from an open segment's position to its end. Bytes are claimed before they are
//! written and nothing that is claimed is cut off, so no two connections write the same byte.

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

    /// Returns an open segment.
    pub fn find(&self, id: SegmentId) -> Option<&Open> {
        self.open.iter().find(|open| open.id == id)
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

    /// Ends an open segment at `at` and frees what was behind it, which is returned. `None`, and nothing
    /// changes, when `at` is claimed already or not inside.
    pub fn cut(&mut self, id: SegmentId, at: u64) -> Option<ByteRange> {
        let open = self.find_mut(id)?;
        if at < open.claimed || at >= open.end {
            return None;
        }
        let rest = ByteRange { start: at, end: std::mem::replace(&mut open.end, at) };
        self.free.insert(rest);
        Some(rest)
    }

    /// Says where the response of a segment ends; what it does not bring of it becomes free.
    pub fn set_reach(&mut self, id: SegmentId, reach: u64) {
        let Some(open) = self.find_mut(id) else { return };
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
        let Some(open) = self.find_mut(id) else { return 0 };
        let wanted = bytes.min(open.end - open.position);
        open.claimed = open.position + wanted;
        if wanted < bytes {
            // What came behind the end is gone: the response cannot go on there.
            open.reach = open.end;
        }
        wanted
    }

    /// Lengthens a segment over what is free behind it, as far as its response goes on there. Returns its
    /// new end; `None` when it takes nothing.
    pub fn extend(&mut self, id: SegmentId) -> Option<u64> {
        let Open { end, reach, .. } = *self.find(id)?;
        let free = self.free.ranges().iter().find(|free| free.start == end)?;
        let taken = ByteRange { start: end, end: free.end.min(reach) };
        if taken.start >= taken.end {
            return None;
        }
        self.free.remove(taken);
        self.find_mut(id)?.end = taken.end;
        Some(taken.end)
    }

    /// The same over another one right behind it, of which nothing is claimed, and what is free behind
    /// that. The other one is left without a byte.
    pub fn take_over(&mut self, id: SegmentId, next: SegmentId) -> Option<u64> {
        let Open { end, reach, .. } = *self.find(id)?;
        let behind = self.find_mut(next)?;
        if reach <= end || behind.position != end || behind.claimed != end {
            return None;
        }
        let given = ByteRange { start: end, end: std::mem::replace(&mut behind.end, end) };
        behind.reach = end;
        self.free.insert(given);
        self.extend(id)
    }

    /// Says that so many of the claimed bytes are written.
    pub fn advance(&mut self, id: SegmentId, bytes: u64) {
        let Some(open) = self.find_mut(id) else { return };
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
            self.open.iter().find(|open| open.end == free.start && open.reach > free.start)?;
        let heir = before.id;
        self.extend(heir).map(|end| (heir, end))
    }

    fn begin(&mut self, range: ByteRange, reach: u64) -> SegmentId {
        self.last_id += 1;
        let id = SegmentId(self.last_id);
        self.free.remove(range);
        let ByteRange { start, end } = range;
        self.open.push(Open { id, position: start, claimed: start, end, reach });
        id
    }

    fn find_mut(&mut self, id: SegmentId) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.id == id)
    }
}

#[cfg(test)]
mod tests;
