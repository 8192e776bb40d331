//! What a connection notices that ureq does not pass on.
//!
//! A worker has one agent and one request at a time, so one `Link` a worker is enough. The lock is
//! never contended but by a signal that shuts the agent down, and never taken for a read that
//! brings bytes.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::http::conduit::Conduit;
use crate::http::fields::Fields;
use crate::http::proxy::Via;
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

/// How much longer than two stalls that may take: on a busy machine a read comes late.
const GRACE: Duration = Duration::from_secs(1);

/// How many bytes a second of one record of TLS are enough: of a body that slow nothing is seen before.
const SLOWEST_RECORD: u64 = 64;

#[derive(Debug, Default)]
struct Notes {
    /// The proxy that the request goes through.
    via: Option<Via>,
    opened: bool,
    /// Whether the answer has a body, if its head says so.
    has_body: bool,
    cause: Option<Cause>,
    ending: Ending,
    /// What haul uses of the response's head.
    fields: Fields,
    patience: Option<Duration>,
    /// How many bytes of a body with a length are still to come, those in ureq's buffer included.
    owed: u64,
    /// Bytes that came since the last ones that were of use, and when the first of them was waited for.
    idle_bytes: usize,
    idle_since: Option<Instant>,
    /// The connection in use, and of which piece of work, by its number; whether that is unwanted.
    socket: Weak<TcpStream>,
    piece: u64,
    cancelled: bool,
    conduit: Conduit,
}

impl Notes {
    fn use_socket(&mut self, socket: &Arc<TcpStream>) -> io::Result<()> {
        if self.cancelled {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        // Mostly it is that of the last request.
        if self.socket.as_ptr() != Arc::as_ptr(socket) {
            self.socket = Arc::downgrade(socket);
        }
        Ok(())
    }

    fn progress(&mut self) {
        self.idle_bytes = 0;
        self.idle_since = None;
    }

    /// Fails when nothing of use has come for longer than this.
    fn check_idle(&mut self, most: Duration) -> Result<(), Cause> {
        let after = self.idle_since.get_or_insert_with(Instant::now).elapsed();
        if after > most {
            let detail = format!("the server sent nothing of use for {}", Span(after));
            return Err(Cause::Protocol { detail });
        }
        Ok(())
    }
}

/// The notes that a worker's connections take for its client.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Notes>);

/// Breaks off one piece of a worker's work from outside, and no other.
#[derive(Clone, Debug)]
pub struct Canceller {
    link: Arc<Link>,
    piece: u64,
}

impl Canceller {
    /// Ends what the piece waits for, now and from now on: its requests fail, its bodies end. Does
    /// nothing when the worker has gone on to another piece.
    pub fn cancel(&self) {
        let mut notes = self.link.notes();
        if notes.piece == self.piece {
            notes.cancelled = true;
            if let Some(socket) = notes.socket.upgrade() {
                // It may be closed already.
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Link {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything: a request begins, whose answer may have a body or has none, and which goes through
    /// a proxy or not.
    pub(super) fn begin(&self, has_body: bool, via: Option<&Via>) {
        let mut notes = self.notes();
        notes.has_body = has_body;
        notes.via = via.cloned();
        notes.opened = false;
        notes.cause = None;
        notes.ending = Ending::Open;
        notes.fields.clear();
        notes.owed = 0;
        notes.idle_bytes = 0;
        notes.idle_since = Some(Instant::now());
    }

    /// Returns the proxy that the request goes through.
    pub(super) fn via(&self) -> Option<Via> {
        self.notes().via.clone()
    }

    /// Begins a piece of work that can be broken off.
    pub(super) fn begin_piece(self: &Arc<Self>) -> Canceller {
        let mut notes = self.notes();
        notes.piece += 1;
        notes.cancelled = false;
        Canceller { link: Arc::clone(self), piece: notes.piece }
    }

    /// Ends it: nobody can break off what follows by its canceller.
    pub(super) fn end_piece(&self) {
        let mut notes = self.notes();
        notes.piece += 1;
        notes.cancelled = false;
    }

    /// Returns whether the piece of work was broken off.
    pub(super) fn is_cancelled(&self) -> bool {
        self.notes().cancelled
    }

    /// Says which connection is in use. One that comes too late is of no use.
    pub(super) fn note_socket(&self, socket: &Arc<TcpStream>) -> io::Result<()> {
        self.notes().use_socket(socket)
    }

    /// Says on which connection the request is sent; returns whether its answer may have a body.
    pub(super) fn note_request(&self, socket: &Arc<TcpStream>) -> io::Result<bool> {
        let mut notes = self.notes();
        notes.use_socket(socket)?;
        Ok(notes.has_body)
    }

    /// Says that what came was of use: bytes of a body were read.
    pub(super) fn progress(&self) {
        self.notes().progress();
    }

    /// Calls `read` with what haul uses of the response's head, which is complete.
    pub(super) fn read_head<T>(&self, read: impl FnOnce(&Fields) -> T) -> T {
        let mut notes = self.notes();
        notes.progress();
        read(&notes.fields)
    }

    /// Takes note that so many bytes came, and bounds how many and how long they may be of no use:
    /// interim responses, header fields, chunk extensions and trailers without end. What haul uses of a
    /// head that is complete with them is kept; `head` is something to use again then.
    pub(super) fn receive(
        &self,
        bytes: usize,
        head: Option<&mut Fields>,
        stall_timeout: Duration,
    ) -> Result<(), Cause> {
        let mut notes = self.notes();
        if let Some(fields) = head {
            std::mem::swap(&mut notes.fields, fields);
        }
        notes.owed = notes.owed.saturating_sub(bytes as u64);
        notes.idle_bytes += bytes;
        if notes.idle_bytes > MAX_IDLE_BYTES {
            let detail = "the server sends and sends, and nothing of it is a file".to_owned();
            return Err(Cause::Protocol { detail });
        }
        notes.check_idle(2 * stall_timeout + GRACE)
    }

    /// Takes note that a record of TLS is not whole yet, of which so many bytes are here, and bounds how long
    /// that may take. It need not be fast, but the less has come the sooner it ends.
    pub(super) fn await_record(
        &self,
        pending: usize,
        stall_timeout: Duration,
    ) -> Result<(), Cause> {
        let time = Duration::from_secs(pending as u64 / SLOWEST_RECORD);
        self.notes().check_idle(2 * stall_timeout + GRACE + time)
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

    /// Does something with the way past ureq, no system call that waits.
    pub(super) fn with_conduit<T>(&self, act: impl FnOnce(&mut Conduit) -> T) -> T {
        act(&mut self.notes().conduit)
    }

    /// Returns how long reads may wait, if that is not the stall timeout, and how many bytes of a body
    /// with a length are still to come, those in ureq's buffer included.
    pub(super) fn outlook(&self) -> (Option<Duration>, u64) {
        let notes = self.notes();
        (notes.patience, notes.owed)
    }

    /// Says how long the body is that begins.
    pub(super) fn expect_body(&self, length: u64) {
        self.notes().owed = length;
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
        link.begin(true, None);
        link.notes().idle_since = Instant::now().checked_sub(5 * STALL);
        assert!(link.receive(1, None, STALL).is_err());
        link.note_ready();
        assert!(link.receive(1, None, STALL).is_ok());
    }
}
