//! A body that comes over a connection: bytes, and whether their end is the real end.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::BodyReader;

use crate::http::body::{Came, Piped};
use crate::http::buffers::STAND_IN_BYTES;
use crate::http::conduit::{Conduit, MIN_BYTES};
use crate::http::head::Framing;
use crate::http::link::{Ending, Link};
use crate::http::words;
use crate::model::error::Cause;
use crate::model::problem::Phase;

/// How much of a body that nobody wants is read to keep its connection.
const DRAINED_BYTES: u64 = 64 * 1024;

/// How long each read of such a body may wait.
const DRAIN_PATIENCE: Duration = Duration::from_millis(300);

/// How long all of them may take: longer than a new connection does.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// A body that comes over a connection.
pub(super) struct Remote {
    reader: BodyReader<'static>,
    framing: Framing,
    received: u64,
    link: Arc<Link>,
    stall_timeout: Duration,
}

impl Remote {
    pub(super) fn new(
        body: ureq::Body,
        framing: Framing,
        link: Arc<Link>,
        stall_timeout: Duration,
    ) -> Self {
        if let Framing::Length(length) = framing {
            link.expect_body(length);
        }
        Self { reader: body.into_reader(), framing, received: 0, link, stall_timeout }
    }

    /// Reads into `buffer` what has come, at least one byte; 0 is the end, and then the body is whole.
    ///
    /// # Errors
    /// [`Cause::Stalled`], [`Cause::Truncated`], [`Cause::Connection`] or [`Cause::Protocol`]. After a
    /// stop the cause is any of them, and so may be an end: look at the token first.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        loop {
            return match self.reader.read(buffer) {
                Ok(0) => self.end().map(|()| 0),
                Ok(count) => {
                    self.link.progress();
                    self.received += count as u64;
                    Ok(count)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(self.failure(error)),
            };
        }
    }

    /// The same, or lets at most `most` bytes come by a pipe, if that is of use.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(super) fn read_or_pipe(&mut self, buffer: &mut [u8], most: u64) -> Result<Came, Cause> {
        // What is behind the body's end is nobody's.
        let left = match self.framing {
            Framing::Length(length) => length.saturating_sub(self.received),
            Framing::Chunked | Framing::Close => 0,
        };
        let most = most.min(left);
        if most < MIN_BYTES as u64 {
            return self.read(buffer).map(Came::Read);
        }
        self.link.with_conduit(|conduit| conduit.want(most));
        let read = self.read(buffer);
        let Some(piped) = self.link.with_conduit(Conduit::take_filled) else {
            return read.map(Came::Read);
        };
        let mut counted = read?;
        let mut scratch = [0; STAND_IN_BYTES];
        while counted < piped.bytes() {
            let left = STAND_IN_BYTES.min(piped.bytes() - counted);
            match self.read(&mut scratch[..left])? {
                0 => break,
                count => counted += count,
            }
        }
        Ok(Came::Piped(piped))
    }

    /// Returns whether the body says by itself where it ends.
    pub(super) fn has_known_end(&self) -> bool {
        !matches!(self.framing, Framing::Close)
    }

    /// Takes a pipe back if it is empty.
    pub(super) fn give_back(&self, piped: Piped) {
        self.link.with_conduit(|conduit| conduit.give_back(piped));
    }

    /// Reads and forgets the rest if it is small, so that the connection can be used again.
    pub(super) fn drain(mut self) {
        if matches!(self.framing, Framing::Close)
            || matches!(self.framing, Framing::Length(length) if length > DRAINED_BYTES)
        {
            return;
        }
        self.link.set_patience(Some(DRAIN_PATIENCE));
        let mut buffer = [0; 8 * 1024];
        let began = Instant::now();
        while self.received <= DRAINED_BYTES && began.elapsed() < DRAIN_TIME {
            if !matches!(self.read(&mut buffer), Ok(count) if count > 0) {
                break;
            }
        }
        self.link.set_patience(None);
    }

    /// Bounds how long each further read may wait; `None` is the stall timeout. A read that took
    /// longer fails as stalled, and may be tried again.
    pub(super) fn set_patience(&self, patience: Option<Duration>) {
        self.link.set_patience(patience);
    }

    /// Judges an end: ureq takes a reset for one when the body has no length.
    fn end(&self) -> Result<(), Cause> {
        match (self.framing, self.link.take_ending()) {
            (Framing::Length(expected), _) if self.received != expected => {
                Err(Cause::Truncated { received: self.received, expected: Some(expected) })
            }
            (Framing::Length(_) | Framing::Chunked, _) | (Framing::Close, Ending::Orderly) => {
                Ok(())
            }
            (Framing::Close, Ending::Broken(source)) => {
                Err(Cause::Connection { source: words::plain(source) })
            }
            (Framing::Close, Ending::Open) => {
                Err(Cause::Truncated { received: self.received, expected: None })
            }
        }
    }

    fn failure(&self, error: io::Error) -> Cause {
        let expected = match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::Close => None,
        };
        if let Some(cause) = self.link.take_cause() {
            return cause;
        }
        match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => {
                Cause::Stalled { after: self.stall_timeout, phase: Phase::Body }
            }
            // ureq's word for an end in the middle of a chunk's size.
            ureq::Error::BodyStalled => Cause::Truncated { received: self.received, expected },
            ureq::Error::Io(source) => match self.link.take_ending() {
                Ending::Broken(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                    Cause::Connection { source: words::plain(source) }
                }
                _ if source.kind() == io::ErrorKind::UnexpectedEof => {
                    Cause::Truncated { received: self.received, expected }
                }
                _ => Cause::Connection { source: words::plain(source) },
            },
            other => Cause::Protocol { detail: format!("the response breaks HTTP: {other}") },
        }
    }
}
