//! The TLS sessions of a connection: none, that with the origin, that with an https proxy, or the
//! first inside of the second.

use std::io::{self, Read, Write};

use crate::http::link::Ending;
use crate::http::tls::{NothingYet, Received, Session};
use crate::model::error::Cause;

/// The sessions over one socket.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// With the proxy.
    outer: Option<Box<Session>>,
    /// With the origin.
    inner: Option<Box<Session>>,
}

impl Layers {
    /// Puts a session with the proxy over the socket.
    pub(super) fn set_outer(&mut self, session: Session) {
        self.outer = Some(Box::new(session));
    }

    /// Puts a session with the origin over what is there.
    pub(super) fn set_inner(&mut self, session: Session) {
        self.inner = Some(Box::new(session));
    }

    /// Returns what a session with the origin is opened over.
    pub(super) fn outside<'a, S>(&'a mut self, socket: &'a mut S) -> Outside<'a, S> {
        Outside { session: self.outer.as_deref_mut(), socket, waits: true }
    }

    /// Reads what has come, from the socket at most once.
    pub(super) fn read(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<Received> {
        match (&mut self.inner, &mut self.outer) {
            (Some(inner), None) => inner.read(socket, buffer),
            (Some(inner), outer) => {
                let session = outer.as_deref_mut();
                inner.read(&mut Outside { session, socket, waits: false }, buffer)
            }
            (None, Some(outer)) => outer.read(socket, buffer),
            (None, None) => socket.read(buffer).map(|count| match count {
                0 if !buffer.is_empty() => Received::End(Ending::Orderly),
                count => Received::Bytes(count),
            }),
        }
    }

    /// Sends all of `bytes`.
    pub(super) fn write_all(
        &mut self,
        socket: &mut (impl Read + Write),
        bytes: &[u8],
    ) -> io::Result<()> {
        match &mut self.inner {
            Some(inner) => {
                let session = self.outer.as_deref_mut();
                inner.write(&mut Outside { session, socket, waits: true }, bytes)
            }
            None => self.outside(socket).write_all(bytes),
        }
    }

    /// Returns whether bytes are here that nobody has read.
    pub(super) fn has_unread(&mut self) -> bool {
        [&mut self.inner, &mut self.outer].into_iter().flatten().any(|session| session.has_unread())
    }

    /// Returns why reading or writing failed, if it will fail again on another connection: what the end
    /// that is spoken with says of the client certificate.
    pub(super) fn lasting_cause(&self, error: &io::Error) -> Option<Cause> {
        self.inner.as_ref().or(self.outer.as_ref())?.lasting_cause(error)
    }

    /// Returns whether that end is the proxy.
    pub(super) fn ends_at_proxy(&self) -> bool {
        self.inner.is_none() && self.outer.is_some()
    }

    /// Returns whether what comes and goes is what the socket carries.
    pub(super) fn are_none(&self) -> bool {
        self.inner.is_none() && self.outer.is_none()
    }

    /// Returns whether the origin, or the proxy in its place, is spoken with over TLS.
    pub(super) fn is_tls(&self) -> bool {
        !self.are_none()
    }
}

/// The socket, or what comes and goes through the session with the proxy.
pub(super) struct Outside<'a, S> {
    session: Option<&'a mut Session>,
    socket: &'a mut S,
    /// Whether a read goes on until something of use has come; else it may fail with [`NothingYet`].
    waits: bool,
}

impl<S: Read + Write> Read for Outside<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return self.socket.read(buffer) };
        loop {
            return match session.read(self.socket, buffer)? {
                Received::Bytes(count) => Ok(count),
                Received::Nothing(_) if self.waits => continue,
                Received::Nothing(_) => Err(io::Error::other(NothingYet)),
                Received::End(Ending::Broken(error)) => Err(error),
                Received::End(_) => Ok(0),
            };
        }
    }
}

impl<S: Read + Write> Write for Outside<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            Some(session) => session.write(self.socket, bytes).map(|()| bytes.len()),
            None => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
