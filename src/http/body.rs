//! The body of a response.

use std::time::Duration;

use crate::http::local::Local;
use crate::http::remote::Remote;
use crate::http::unpack::Unpacked;
use crate::model::error::Cause;

pub use crate::http::conduit::Piped;

/// The body of a response.
pub struct Body(Source);

/// What has come of a body.
pub enum Came {
    /// So many bytes, in the buffer; 0 is the end.
    Read(usize),
    /// Bytes in a pipe.
    Piped(Piped),
}

/// Where a body comes from.
enum Source {
    /// This machine.
    Local(Local),
    /// A server.
    Remote(Remote),
    /// A server that packed it.
    Unpacked(Box<Unpacked>),
}

impl From<Local> for Body {
    fn from(local: Local) -> Self {
        Self(Source::Local(local))
    }
}

impl From<Remote> for Body {
    fn from(remote: Remote) -> Self {
        Self(Source::Remote(remote))
    }
}

impl From<Unpacked> for Body {
    fn from(unpacked: Unpacked) -> Self {
        Self(Source::Unpacked(Box::new(unpacked)))
    }
}

impl Body {
    /// Reads into `buffer` what has come, at least one byte; 0 is the end, and then the body is whole.
    ///
    /// # Errors
    /// [`Cause::Stalled`], [`Cause::Truncated`], [`Cause::Connection`] or [`Cause::Protocol`]; of a local
    /// file [`Cause::Disk`]. After a stop the cause is any of them, and so may be an end: look at the token
    /// first.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        match &mut self.0 {
            Source::Local(local) => local.read(buffer),
            Source::Remote(remote) => remote.read(buffer),
            Source::Unpacked(unpacked) => unpacked.read(buffer),
        }
    }

    /// The same, or lets at most `most` bytes come by a pipe, if that is of use; the buffer holds nothing
    /// then.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_or_pipe(&mut self, buffer: &mut [u8], most: u64) -> Result<Came, Cause> {
        match &mut self.0 {
            Source::Remote(remote) if most > 0 => remote.read_or_pipe(buffer, most),
            _ => self.read(buffer).map(Came::Read),
        }
    }

    /// Takes a pipe back to use it again, if it is empty.
    pub fn give_back(&self, piped: Piped) {
        if let Source::Remote(remote) = &self.0 {
            remote.give_back(piped);
        }
    }

    /// Reads and forgets the rest if it is small, so that the connection can be used again.
    pub fn drain(self) {
        match self.0 {
            Source::Local(_) | Source::Unpacked(_) => {}
            Source::Remote(remote) => remote.drain(),
        }
    }

    /// Bounds how long each further read may wait; `None` is the stall timeout. A read that took
    /// longer fails as stalled, and may be tried again.
    pub fn set_patience(&self, patience: Option<Duration>) {
        match &self.0 {
            Source::Local(_) => {}
            Source::Remote(remote) => remote.set_patience(patience),
            Source::Unpacked(unpacked) => unpacked.remote().set_patience(patience),
        }
    }
}
