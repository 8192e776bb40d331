//! What a connection notices that ureq does not pass on.
//!
//! A worker has one agent and one request at a time, so one `Link` a worker is enough. The lock is
//! never contended but by a signal that shuts the agent down, and never taken for a read that
//! brings bytes.

use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::model::error::Cause;

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

#[derive(Debug, Default)]
struct Notes {
    opened: bool,
    cause: Option<Cause>,
    ending: Ending,
    socket: Weak<TcpStream>,
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
    }

    /// Says that this request needed a new connection.
    pub(super) fn note_opened(&self) {
        self.notes().opened = true;
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

    /// Says which socket the request goes out on.
    pub(super) fn note_socket(&self, socket: Weak<TcpStream>) {
        self.notes().socket = socket;
    }

    /// Bounds how long the next reads may wait.
    pub(super) fn set_patience(&self, patience: Duration) {
        if let Some(socket) = self.notes().socket.upgrade() {
            // A socket that takes no timeout keeps the one it had.
            let _ = socket.set_read_timeout(Some(patience));
        }
    }
}
