//! What a connection notices that ureq does not pass on.
//!
//! A worker has one agent and one request at a time, so one `Link` a worker is enough. The lock is
//! never contended but by a signal that shuts the agent down, and never taken for a read that
//! brings bytes.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::error::Cause;
use crate::model::size::Span;

/// How the server's side of a connection ended.
#[derive(Debug, Default)]
pub(super) enum Ending {
    /// It has not.
    #[default]
    Open,
    /// As the protocol wants it: FIN, and close_notify before it over TLS.
    Orderly,
    /// In any other way.
    Broken(io::Error),
}

/// How many bytes may come without being of use: more than a buffer (128 KiB) holds.
const MAX_IDLE_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
struct Notes {
    opened: bool,
    cause: Option<Cause>,
    ending: Ending,
    patience: Option<Duration>,
    /// Bytes that came since the last ones that were of use, and when the first of them was waited for.
    idle_bytes: usize,
    idle_since: Option<Instant>,
}

/// The notes that a worker's connections take for its client.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Notes>);

impl Link {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything: a request begins.
    pub(super) fn begin(&self) {
        let mut notes = self.notes();
        notes.opened = false;
        notes.cause = None;
        notes.ending = Ending::Open;
        notes.idle_bytes = 0;
        notes.idle_since = Some(Instant::now());
    }

    /// Says that what came was of use: a head is complete, or bytes of a body were read.
    pub(super) fn progress(&self) {
        let mut notes = self.notes();
        notes.idle_bytes = 0;
        notes.idle_since = None;
    }

    /// Takes note that so many bytes came, and bounds how many and how long they may be of no use:
    /// interim responses, header fields, chunk extensions and trailers without end.
    pub(super) fn receive(&self, bytes: usize, stall_timeout: Duration) -> Result<(), Cause> {
        let mut notes = self.notes();
        notes.idle_bytes += bytes;
        if notes.idle_bytes > MAX_IDLE_BYTES {
            let detail = "the server sends and sends, and nothing of it is a file".to_owned();
            return Err(Cause::Protocol { detail });
        }
        let after = notes.idle_since.get_or_insert_with(Instant::now).elapsed();
        if after > 2 * stall_timeout {
            return Err(Cause::Protocol {
                detail: format!("the server sent nothing of use for {}", Span(after)),
            });
        }
        Ok(())
    }

    /// Says that this request needed a new connection.
    pub(super) fn note_opened(&self) {
        self.notes().opened = true;
    }

    /// Says that the new connection is ready: from now on it is the server that is waited for. Opening
    /// it has a bound of its own.
    pub(super) fn note_ready(&self) {
        self.notes().idle_since = Some(Instant::now());
    }

    /// Returns whether this request was sent on a connection that was there before.
    pub(super) fn was_reused(&self) -> bool {
        !self.notes().opened
    }

    /// Keeps the cause of a failure that ureq's error type has no words for.
    pub(super) fn fail(&self, cause: Cause) -> ureq::Error {
        self.notes().cause = Some(cause);
        ureq::Error::ConnectionFailed
    }

    /// Returns the cause that was kept.
    pub(super) fn take_cause(&self) -> Option<Cause> {
        self.notes().cause.take()
    }

    /// Says how the connection ended.
    pub(super) fn note_ending(&self, ending: Ending) {
        self.notes().ending = ending;
    }

    /// Returns how the connection ended.
    pub(super) fn take_ending(&self) -> Ending {
        std::mem::take(&mut self.notes().ending)
    }

    /// Returns how long reads may wait, if that is not the stall timeout.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.notes().patience
    }

    /// Bounds how long the next reads may wait, on this connection and on one that is still to be
    /// opened; `None` is the stall timeout.
    pub(super) fn set_patience(&self, patience: Option<Duration>) {
        self.notes().patience = patience;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_long_in_opening_is_not_held_against_the_server() {
        const STALL: Duration = Duration::from_secs(1);
        let link = Link::default();
        link.begin();
        link.notes().idle_since = Instant::now().checked_sub(5 * STALL);
        assert!(link.receive(1, STALL).is_err());
        link.note_ready();
        assert!(link.receive(1, STALL).is_ok());
    }
}
