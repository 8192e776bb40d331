//! Between a response and its bytes: where they begin, and whether there is room for them.

use url::Url;

use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::engine::transfer::answer::fresh;
use crate::http::head::{self, Head};
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::range::ByteRange;
use crate::model::redact::{Redacted, shorten};
use crate::policy::coding;
use crate::policy::resume::{Held, Verdict};
use crate::policy::status;

impl<'a> Transfer<'a> {
    /// Goes on with what is held or begins anew, by an answer of `url`, and returns the bytes that the body
    /// has.
    pub(super) fn begin(
        &mut self,
        verdict: Option<Verdict>,
        sink: &mut Sink<'a>,
        held: &mut Option<Held>,
        answer: &mut Head,
        url: &Url,
    ) -> Result<ByteRange, Cause> {
        if let Some(Verdict::GoOn { range, total }) = verdict {
            let held = held.get_or_insert_with(|| fresh(answer, url));
            held.length = Some(total);
            held.adopt(&answer.validators);
            return Ok(range);
        }
        let has_bytes = held.as_ref().is_some_and(|held| !held.ranges.is_empty());
        if let Some(Verdict::StartOver(reason)) = verdict.filter(|_| has_bytes) {
            self.start_over(sink, reason)?;
        }
        *held = Some(fresh(answer, url));
        Ok(ByteRange { start: 0, end: answer.length().unwrap_or(u64::MAX) })
    }

    /// Prepares for the bytes of a response; returns whether they are worth having.
    pub(super) fn prepare(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
        response: &Head,
        range: ByteRange,
    ) -> Result<bool, Cause> {
        self.note_declared(sink, held, response);
        self.note_status(response);
        self.note_coding(response);
        if self.has_other_size(sink, held)? {
            return Ok(false);
        }
        if let Some(check) = &self.work.check {
            check.keep_at_most(held.ranges.prefix());
        }
        self.make_room(sink, held, Some(range.end).filter(|&end| end < u64::MAX))?;
        self.progress.set_length(held.length);
        self.progress.set_position(held.ranges.len());
        Ok(true)
    }

    /// Says that a status is taken as another.
    pub(in crate::engine) fn note_status(&self, response: &Head) {
        let told = response.told_status;
        let Some(doubt) = status::doubt(told).filter(|_| self.work.attempts == 0) else { return };
        let (url, reason) = (Redacted(self.work.target().0), head::reason(told));
        let told = format!("{told} {reason}");
        let text = format!("{url}: status {}, taken as 200 OK: {doubt}", told.trim_end());
        self.shared.observer.event(&Event::Warned { text: &text });
    }

    /// Says that a file is saved as its server packed it, unless its name says so.
    fn note_coding(&self, response: &Head) {
        let Some(coding) = response.coding.as_deref().filter(|_| self.work.attempts == 0) else {
            return;
        };
        let url = self.work.target().0;
        let known = coding::read(coding);
        if known.as_ref().is_ok_and(|codings| coding::is_in_name(codings, url.path())) {
            return;
        }
        let is_simple = known.is_ok_and(|codings| codings.len() <= coding::MAX_LAYERS);
        let hint = if is_simple { "; `--compressed` saves it unpacked" } else { "" };
        let (url, coding) = (Redacted(url), shorten(coding));
        let text = format!("{url}: saved as the server packed it ({coding}){hint}");
        self.shared.observer.event(&Event::Warned { text: &text });
    }
}
