//! What the server of a file declares that it is.

use std::sync::Arc;

use crate::engine::Declared;
use crate::engine::check::Check;
use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::http::head::Head;
use crate::policy::resume::Held;

impl Transfer<'_> {
    /// Takes note of what a response declares that the file is, before its bytes come. Where nothing is held
    /// it is the first of its representation: what was declared of another is forgotten.
    pub(super) fn note_declared(&mut self, sink: &mut Sink<'_>, held: &Held, response: &Head) {
        let is_new = held.ranges.is_empty();
        if let Some(check) = self.work.check.as_ref().filter(|_| is_new) {
            check.forget_declared();
        }
        let Some(declared) = response.declared.as_deref() else { return };
        if self.shared.options.declared == Declared::Ignored {
            return;
        }
        let check = match &self.work.check {
            Some(check) => check,
            // What a stream has taken already cannot be hashed any more.
            None if sink.is_stream() && !is_new => return,
            None => self.work.check.insert(Arc::new(Check::of_declared())),
        };
        check.declare(declared, sink.is_stream());
        if let Sink::Stdout(_, of_stream) = sink {
            *of_stream = Some(Arc::clone(check));
        }
    }
}
