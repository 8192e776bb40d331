//! What a file must be: its size as soon as it is told, its checksum once all of it is there.
//!
//! A file that is something else is fetched once more, past all caches, before the job fails.

use std::path::Path;
use std::sync::Arc;

use crate::disk;
use crate::engine::Account;
use crate::engine::check::Check;
use crate::engine::sink::Sink;
use crate::engine::transfer::settle::Settled;
use crate::engine::transfer::{Done, Transfer};
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::known::Found;
use crate::model::redact::Redacted;
use crate::policy::resume::{Held, Restart};

impl<'a> Transfer<'a> {
    /// Returns whether the length that was announced is another than the file should have, so that all of
    /// it is to be fetched once more.
    ///
    /// # Errors
    /// [`Cause::WrongSize`] when it was already.
    pub(super) fn has_other_size(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
    ) -> Result<bool, Cause> {
        let other = |length| self.wrong_size(length).or_else(|| self.drift(length, None));
        let Some(cause) = held.length.and_then(other) else { return Ok(false) };
        self.begin_again(sink, held, cause, Restart::WrongSize)?;
        Ok(true)
    }

    /// Checks a file that is complete, if it is known what it should be, and gives it its name. `None` when
    /// it is something else, and what is not held of it any more is to be fetched once more.
    pub(super) fn finish(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
    ) -> Result<Option<Done>, Cause> {
        let size = held.ranges.len();
        if let Some(cause) = self.wrong_size(size) {
            self.begin_again(sink, held, cause, Restart::WrongSize)?;
            return Ok(None);
        }
        let mut digests = Vec::new();
        if let Some(check) = self.work.check.clone() {
            if let Sink::Partial(partial) = sink {
                let read = |buffer: &mut [u8], offset| partial.read_at(buffer, offset);
                check.catch_up(size, self.shared.stop, read)?;
            }
            match check.judge(size) {
                Ok(told) => digests = told,
                Err(cause) => {
                    self.mend(sink, held, cause)?;
                    return Ok(None);
                }
            }
        }
        let sha256 = Digest::sha256_of(&digests);
        if let Some(cause) = self.drift(size, sha256) {
            self.begin_again(sink, held, cause, Restart::Mismatch)?;
            return Ok(None);
        }
        if self.has_only_pieces() && !self.judge_pieces(sink, held)? {
            return Ok(None);
        }
        let modified = self.modified(held.validators.modified());
        let path = match self.settle(sink, modified, size, sha256)? {
            Settled::Saved(path) => path,
            Settled::There(path) => {
                // By its name it has this content.
                let sha256 = sha256.cloned();
                let found = disk::found(&path).ok().map(|found| Found { sha256, ..found });
                return Ok(Some(Done::skipped(path, found)));
            }
        };
        let is_told = self.shared.options.account == Account::Full;
        // A file that is gone or replaced already is whose doing that was.
        let found = path.as_deref().filter(|_| is_told).and_then(|path| disk::found(path).ok());
        let modified = found.and_then(|found| found.modified);
        // Nothing is asked under them any more.
        let validators = std::mem::take(&mut held.validators);
        Ok(Some(Done::Completed { path, size, digests, modified, validators }))
    }

    /// Looks up the checksum of a file whose name only its response told, before any byte is hashed.
    ///
    /// # Errors
    /// [`Cause::Contradiction`], [`Cause::NoChecksum`].
    pub(super) fn look_up_checksum(&mut self, path: &Path) -> Result<(), Cause> {
        let options = self.shared.options;
        let name = path.strip_prefix(&options.folder).unwrap_or(path);
        options.checksums.apply(&mut self.work.job, options, std::iter::once(name))?;
        let wanted = self.work.job.checksum.as_deref();
        let told = self.shared.told_of(&self.work.job);
        self.work.check = Check::new(wanted, &told).map(Arc::new);
        Ok(())
    }

    /// Forgets what was written, and says why, if anything was.
    pub(super) fn start_over(&mut self, sink: &mut Sink<'a>, reason: Restart) -> Result<(), Cause> {
        if let Some(check) = &self.work.check {
            check.keep_at_most(0);
        }
        self.work.resumed_from = Some(0);
        self.note(&format!("starting over: {reason}"));
        sink.start_over(&reason)
    }

    /// Returns how many bytes may come.
    pub(super) fn most(&self) -> Option<u64> {
        let max_size = self.shared.options.max_size;
        [max_size, self.work.job.size].into_iter().flatten().min()
    }

    /// Says of a file that outgrew [`most`](Self::most) which of the two limits that was.
    pub(super) fn of_size(&self, cause: Cause) -> Cause {
        match (cause, self.work.job.size) {
            (Cause::TooLarge { limit }, Some(wanted))
                if limit == wanted && self.shared.options.max_size != Some(limit) =>
            {
                Cause::WrongSize { existing: None, wanted, found: None }
            }
            (cause, _) => cause,
        }
    }

    /// Returns what is wrong with a size, if it is known what it should be.
    pub(in crate::engine) fn wrong_size(&self, found: u64) -> Option<Cause> {
        let wanted = self.work.job.size.filter(|&wanted| wanted != found)?;
        Some(Cause::WrongSize { existing: None, wanted, found: Some(found) })
    }

    fn drift(&self, size: u64, sha256: Option<&Digest>) -> Option<Cause> {
        self.shared.options.lock.as_ref()?.drift(&self.work.job, size, sha256)
    }

    /// Forgets a file that is something else, the first time.
    ///
    /// # Errors
    /// `cause`, the second time.
    pub(super) fn begin_again(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
        cause: Cause,
        reason: Restart,
    ) -> Result<(), Cause> {
        // A stream cannot take back what it has written.
        let is_written = sink.is_stream() && !held.ranges.is_empty();
        if is_written || std::mem::replace(&mut self.work.was_mismatched, true) {
            return Err(cause);
        }
        let url = Redacted(self.work.target().0);
        let text = format!("{url}: {cause}; fetching all of it again");
        self.shared.observer.event(&Event::Warned { text: &text });
        if !sink.is_stream() {
            self.start_over(sink, reason)?;
        }
        held.ranges.clear();
        Ok(())
    }
}
