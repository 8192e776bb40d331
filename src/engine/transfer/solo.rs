//! A body that one worker brings alone: to a stream, or to a file that is not split.

use std::time::Instant;

use crate::engine::Shared;
use crate::engine::check::Check;
use crate::engine::due::Due;
use crate::engine::load::Load;
use crate::engine::pump::{Next, Track};
use crate::engine::sink::Sink;
use crate::model::error::Cause;
use crate::model::progress::Progress;
use crate::model::range::ByteRange;
use crate::policy::resume::Held;

/// Bytes on their way behind what is held.
pub(super) struct Solo<'t, 's> {
    sink: &'t mut Sink<'s>,
    held: &'t mut Held,
    progress: &'t Progress,
    /// Where the next byte goes.
    position: u64,
    /// Where the body has to end.
    end: u64,
    max_size: Option<u64>,
    check: Option<&'t Check>,
    /// When a record is due, if any is kept.
    due: Option<Due>,
}

impl<'t, 's> Solo<'t, 's> {
    /// Begins at `range.start`; the body has to end at `range.end`.
    pub(super) fn new(
        sink: &'t mut Sink<'s>,
        held: &'t mut Held,
        progress: &'t Progress,
        range: ByteRange,
        max_size: Option<u64>,
        check: Option<&'t Check>,
        due: Option<Due>,
    ) -> Self {
        Self { sink, held, progress, position: range.start, end: range.end, max_size, check, due }
    }
}

impl Track for Solo<'_, '_> {
    fn receive(&mut self, count: usize, filled: usize) -> Result<Next, Cause> {
        self.progress.advance(count as u64);
        let size = self.position + filled as u64;
        if size > self.end {
            // None of the buffer is to be trusted, and all of it will come again.
            return Ok(Next::Refuse);
        }
        if let Some(limit) = self.max_size.filter(|limit| size > *limit) {
            return Err(Cause::TooLarge { limit });
        }
        Ok(if self.sink.is_stream() { Next::Write } else { Next::Read })
    }

    fn write(&mut self, _: &Shared<'_>, mut load: Load<'_>) -> Result<(), Cause> {
        let count = load.len();
        self.sink.write(&mut load, self.position)?;
        let written = ByteRange { start: self.position, end: self.position + count as u64 };
        // A stream hashes what it writes by itself.
        if let Some(check) = self.check.filter(|_| !matches!(self.sink, Sink::Stdout(..))) {
            check.offer(self.position, load.seen(count));
        }
        self.position = written.end;
        self.held.ranges.insert(written);
        // What is complete gets its name next.
        let is_complete = self.held.length == Some(self.position);
        if let Some(due) = self.due.as_mut().filter(|_| !is_complete) {
            due.note(written.len());
            if due.is_now() {
                let began = Instant::now();
                due.begin_record(began);
                self.sink.record(self.held);
                due.end_record(began);
            }
        }
        Ok(())
    }

    fn unseen(&self) -> u64 {
        let end = self.max_size.map_or(self.end, |limit| limit.min(self.end));
        match &self.sink {
            Sink::Partial(file) if self.check.is_none() && file.takes_pipes() => {
                end.saturating_sub(self.position)
            }
            _ => 0,
        }
    }

    fn is_over(&self) -> bool {
        false
    }

    fn is_recorded(&self) -> bool {
        self.due.is_some()
    }
}
