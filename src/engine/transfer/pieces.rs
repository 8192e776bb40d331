//! A file that is not what it should be, and whose pieces tell where: only what is wrong is fetched again.
//!
//! Bytes are right for what was looked at alone: whatever is fetched instead is judged again, and all of
//! the file by what it is checked by.

use std::iter::Peekable;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::disk::partial::Partial;
use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::model::digest::{Digest, Hasher};
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::pieces::{Pieces, WrongPieces};
use crate::model::range::ByteRange;
use crate::model::range_set::RangeSet;
use crate::model::redact::Redacted;
use crate::model::size::ByteSize;
use crate::policy::pieces::{Known, Next, next};
use crate::policy::resume::{Held, Restart};

impl<'a> Transfer<'a> {
    /// Returns whether only its pieces tell what the file must be.
    pub(super) fn has_only_pieces(&self) -> bool {
        self.work.job.checksum.is_none() && self.work.job.pieces.is_some()
    }

    /// Checks the pieces of a file that is complete and has no other check; returns whether all are right.
    /// Of one that is not, only what is right is held then.
    ///
    /// # Errors
    /// That it is not right and nothing is fetched again; what the disk says.
    pub(super) fn judge_pieces(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
    ) -> Result<bool, Cause> {
        let Some(pieces) = self.work.job.pieces.clone() else { return Ok(true) };
        let Sink::Partial(partial) = sink else {
            let url = Redacted(self.work.target().0);
            let text = format!("{url}: not checked: pieces are not checked in a stream");
            self.shared.observer.event(&Event::Warned { text: &text });
            return Ok(true);
        };
        match self.find_wrong(partial, &pieces, held.ranges.len())? {
            Some(found) => self.fetch_wrong_again(sink, held, found).map(|()| false),
            None => Ok(true),
        }
    }

    /// Takes a file that is not what it is checked by, which is `cause`. Only what is right of it is held
    /// then, as far as that can be told.
    ///
    /// # Errors
    /// That nothing is fetched again; what the disk says.
    pub(super) fn mend(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
        cause: Cause,
    ) -> Result<(), Cause> {
        let found = match (&*sink, self.work.job.pieces.clone()) {
            (Sink::Partial(partial), Some(pieces)) => {
                self.find_wrong(partial, &pieces, held.ranges.len())?
            }
            _ => None,
        };
        match found {
            Some(found) => self.fetch_wrong_again(sink, held, found),
            // Its pieces were made of another file.
            None => self.begin_again(sink, held, cause, Restart::Mismatch),
        }
    }

    /// Checks the pieces of a file that was there before, if it has no other check.
    ///
    /// # Errors
    /// [`Cause::WrongPiece`]; what the disk says.
    pub(in crate::engine) fn judge_existing_pieces(&self, path: &Path) -> Result<(), Cause> {
        let Some(pieces) = self.work.job.pieces.as_ref().filter(|_| self.has_only_pieces()) else {
            return Ok(());
        };
        let mut judge = self.judge(pieces, disk::found(path)?.size, Some(path))?;
        disk::read(path, |bytes| {
            judge.update(bytes);
            self.go_on()
        })?;
        judge.end().map_or(Ok(()), |found| Err(found.cause(Some(path.to_owned()), true)))
    }

    /// Begins to judge a file of `size` bytes.
    ///
    /// # Errors
    /// That there are bytes which no piece has, or pieces without bytes.
    fn judge<'p>(
        &self,
        pieces: &'p Pieces,
        size: u64,
        existing: Option<&Path>,
    ) -> Result<Judge<impl Iterator<Item = (ByteRange, Digest)> + use<'p>>, Cause> {
        if pieces.make(size) {
            return Ok(Judge::new(pieces.of(size)));
        }
        let wanted = self.work.job.size.unwrap_or_default();
        Err(Cause::WrongSize { existing: existing.map(Path::to_owned), wanted, found: Some(size) })
    }

    /// Reads a file of `size` bytes, and returns what is wrong with it, if anything is.
    fn find_wrong(
        &mut self,
        partial: &Partial,
        pieces: &Pieces,
        size: u64,
    ) -> Result<Option<Found>, Cause> {
        let mut judge = self.judge(pieces, size, None)?;
        let mut at = 0;
        while at < size {
            self.go_on()?;
            let count = (size - at).min(self.buffer.len() as u64);
            let bytes = &mut self.buffer[..count as usize];
            partial.read_at(bytes, at)?;
            judge.update(bytes);
            at += count;
        }
        Ok(judge.end())
    }

    fn fetch_wrong_again(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
        found: Found,
    ) -> Result<(), Cause> {
        let size = held.ranges.len();
        let missing = size - found.right.len();
        held.ranges = found.right.clone();
        // All of it was there.
        held.length = Some(size);
        let is_again = self.work.was_mismatched;
        let known = Known {
            is_again,
            can_go_on: !held.ranges.is_empty() && self.is_worth_keeping(held),
            // A date of modification says nothing about another mirror's file.
            has_others: held.validators.strong_etag().is_some()
                && self.work.others().next().is_some(),
            holes: held.ranges.gaps(size).count(),
        };
        let cause = found.cause(None, is_again);
        match next(known) {
            Next::All => self.begin_again(sink, held, cause, Restart::Mismatch),
            Next::Pass => {
                self.work.was_mismatched = true;
                Err(cause)
            }
            Next::Here => {
                self.work.was_mismatched = true;
                // The record must not vouch for the rest any more, whenever the process ends.
                if let Sink::Partial(partial) = sink
                    && partial.record(held).is_err()
                {
                    self.start_over(sink, Restart::Mismatch)?;
                    held.ranges.clear();
                }
                let url = Redacted(self.work.target().0);
                let text = format!("{url}: {cause}; fetching {} again", ByteSize(missing));
                self.shared.observer.event(&Event::Warned { text: &text });
                Ok(())
            }
        }
    }

    /// A large file takes seconds to hash: the run may have to end meanwhile.
    fn go_on(&self) -> Result<(), Cause> {
        if self.shared.stop.is_stopped() {
            return Err(Cause::Connection { source: std::io::ErrorKind::Interrupted.into() });
        }
        Ok(())
    }
}

/// Judges the bytes of a file, in order, by its pieces.
struct Judge<P: Iterator<Item = (ByteRange, Digest)>> {
    pieces: Peekable<P>,
    hasher: Option<Hasher>,
    at: u64,
    right: RangeSet,
    wrong: Option<WrongPieces>,
}

/// What is wrong with a file, and what is right.
struct Found {
    wrong: WrongPieces,
    right: RangeSet,
}

impl<P: Iterator<Item = (ByteRange, Digest)>> Judge<P> {
    fn new(pieces: P) -> Self {
        let right = RangeSet::default();
        Self { pieces: pieces.peekable(), hasher: None, at: 0, right, wrong: None }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while let Some((range, wanted)) = self.pieces.peek().filter(|_| !bytes.is_empty()) {
            let hasher = self.hasher.get_or_insert_with(|| Hasher::new(wanted.algorithm()));
            let count = (range.end - self.at).min(bytes.len() as u64);
            let (here, rest) = bytes.split_at(count as usize);
            hasher.update(here);
            bytes = rest;
            self.at += count;
            if self.at == range.end {
                let found = hasher.digest();
                self.hasher = None;
                self.take(&found);
            }
        }
    }

    /// Takes the digest of the next piece.
    fn take(&mut self, found: &Digest) {
        let Some((range, wanted)) = self.pieces.next() else { return };
        if wanted == *found {
            self.right.insert(range);
        } else {
            let found = found.clone();
            let first = WrongPieces { range, wanted, found, count: 0 };
            self.wrong.get_or_insert(first).count += 1;
        }
    }

    /// Returns what is wrong with the file, if anything is.
    fn end(mut self) -> Option<Found> {
        // A file that became shorter meanwhile ends within a piece.
        if let Some((_, wanted)) = self.pieces.peek() {
            let hasher = self.hasher.take().unwrap_or_else(|| Hasher::new(wanted.algorithm()));
            self.take(&hasher.digest());
        }
        let Self { right, wrong, .. } = self;
        wrong.map(|wrong| Found { wrong, right })
    }
}

impl Found {
    fn cause(self, existing: Option<PathBuf>, is_again: bool) -> Cause {
        Cause::WrongPiece { existing, wrong: Box::new(self.wrong), is_again }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::digest::Algorithm;

    fn pieces(bytes: &[u8], length: u64) -> Pieces {
        let mut pieces = Pieces::new(length, Algorithm::Sha1).unwrap();
        for piece in bytes.chunks(length as usize) {
            let mut hasher = Hasher::new(Algorithm::Sha1);
            hasher.update(piece);
            assert!(pieces.push(&hasher.digest()));
        }
        pieces
    }

    proptest! {
        #[test]
        fn exactly_the_pieces_with_a_wrong_byte_are_wrong(
            bytes in proptest::collection::vec(0_u8..4, 1..200),
            length in 1_u64..50,
            spoiled in proptest::collection::vec(0_usize..200, 0..5),
            read in 1_usize..70,
        ) {
            let pieces = pieces(&bytes, length);
            let mut file = bytes.clone();
            for at in spoiled {
                let at = at % file.len();
                file[at] = 9;
            }
            let mut judge = Judge::new(pieces.of(file.len() as u64));
            for part in file.chunks(read) {
                judge.update(part);
            }
            let (step, mut right, mut wrong) = (length as usize, RangeSet::default(), 0);
            for (number, (is, should)) in file.chunks(step).zip(bytes.chunks(step)).enumerate() {
                let start = (number * step) as u64;
                if is == should {
                    right.insert(ByteRange { start, end: start + is.len() as u64 });
                } else {
                    wrong += 1;
                }
            }
            match judge.end() {
                None => prop_assert_eq!(wrong, 0),
                Some(found) => {
                    prop_assert_eq!((found.wrong.count, found.right), (wrong, right));
                }
            }
        }
    }
}
