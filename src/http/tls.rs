//! TLS by rustls: one session over one stream.

use std::fmt;
use std::io::{self, Read, Write};

use rustls::Error;
use rustls::client::UnbufferedClientConnection;

use crate::http::link::Ending;
use crate::http::tls::problem::Circumstances;
use crate::http::tls::records::{Records, Turn};
use crate::model::error::Cause;
use crate::model::tls::TlsProblem;

pub use crate::http::tls::trust::Options;
pub(super) use crate::http::tls::trust::Trust;

pub mod files;
mod problem;
mod raw;
mod records;
mod roots;
#[cfg(test)]
mod tests;
mod trust;
mod verifier;

/// The largest plaintext of one record (RFC 8446 §5.1).
const PLAINTEXT_BYTES: usize = 16 * 1024;

/// Speaks TLS over `stream` with the server that is called `host`, and returns when the handshake is
/// done. How long each wait may be is up to the stream.
///
/// # Errors
/// [`Cause::Tls`] for what will not pass; [`Cause::Connection`] with what the stream said;
/// [`Cause::TrustStore`].
pub(super) fn wrap(
    trust: &Trust,
    stream: &mut (impl Read + Write),
    host: &str,
) -> Result<Session, Cause> {
    let mut session = Session::new(trust, host)?;
    loop {
        let step = session.handshake_step(stream);
        session.known.is_asked |= trust.take_question();
        match step {
            Ok(true) => return Ok(session),
            Ok(false) => {}
            Err(error) => {
                if matches!(problem::of(&error), Some(Error::DecryptError)) {
                    trust.forget(host);
                }
                return Err(session.handshake_failure(error));
            }
        }
    }
}

/// What came of a try to read.
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Something, but nothing of use yet: so many bytes of a record, or a message for TLS alone.
    Nothing(usize),
    /// Nothing more will come.
    End(Ending),
}

/// What a stream has that is a session itself, and has got nothing of use yet (see [`Received::Nothing`]).
#[derive(Debug)]
pub(super) struct NothingYet;

impl fmt::Display for NothingYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing of use has come yet")
    }
}

impl std::error::Error for NothingYet {}

impl NothingYet {
    fn is_in(error: &io::Error) -> bool {
        matches!(error.get_ref(), Some(inner) if inner.is::<Self>())
    }
}

/// One TLS session.
#[derive(Debug)]
pub(super) struct Session {
    records: Records,
    /// Whether the stream has ended.
    is_cut: bool,
    host: String,
    known: Circumstances,
}

impl Session {
    /// Prepares a session with `host`; nothing is sent yet.
    fn new(trust: &Trust, host: &str) -> Result<Self, Cause> {
        let failed = |problem| Cause::Tls { host: host.to_owned(), problem };
        let name =
            trust::name(host).map_err(|error| failed(TlsProblem::Other(error.to_string())))?;
        let connection = UnbufferedClientConnection::new(trust.config()?, name)
            .map_err(|error| failed(TlsProblem::Other(error.to_string())))?;
        let known = Circumstances {
            least: trust.least(),
            has_identity: trust.has_identity(),
            is_asked: false,
            looks_like_http: false,
        };
        let records = Records::new(connection);
        Ok(Self { records, is_cut: false, host: host.to_owned(), known })
    }

    /// Runs one step of the handshake; returns whether it is done.
    fn handshake_step(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        if self.turn(stream, &mut [], &[])? == Turn::Starved
            && self.records.is_handshaking()
            && !self.fill(stream)?
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(!self.records.is_handshaking() && !self.records.has_output())
    }

    fn handshake_failure(&self, error: io::Error) -> Cause {
        let Some(reason) = problem::of(&error) else { return Cause::Connection { source: error } };
        let looks_like_http = self.records.input.starts_with(b"HTTP/");
        let known = Circumstances { looks_like_http, ..self.known };
        Cause::Tls { host: self.host.clone(), problem: problem::of_handshake(reason, known) }
    }

    /// Returns whether the server has asked for a client certificate.
    pub(super) fn is_asked(&self) -> bool {
        self.known.is_asked
    }

    /// Returns why reading or writing failed, if it will fail again on another connection.
    pub(super) fn lasting_cause(&self, error: &io::Error) -> Option<Cause> {
        let problem = problem::after_handshake(problem::of(error)?, self.known)?;
        Some(Cause::Tls { host: self.host.clone(), problem })
    }

    /// Reads plaintext, as many whole records as are there and fit, and once from the stream if none is.
    pub(super) fn read(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<Received> {
        if buffer.is_empty() {
            return Ok(Received::Bytes(0));
        }
        let (mut total, mut has_filled) = (0, false);
        loop {
            match self.turn(socket, &mut buffer[total..], &[]) {
                Ok(Turn::Received(count)) => {
                    total += count;
                    if buffer.len() - total < PLAINTEXT_BYTES {
                        return Ok(Received::Bytes(total));
                    }
                }
                // An end or an error is still there the next time.
                _ if total > 0 => return Ok(Received::Bytes(total)),
                Ok(Turn::Closed) => return Ok(Received::End(Ending::Orderly)),
                // Whoever waits looks for how long it is that nothing of use has come.
                Ok(_) if std::mem::replace(&mut has_filled, true) => {
                    return Ok(Received::Nothing(self.records.input.pending().len()));
                }
                Ok(_) => {
                    if !self.fill(socket)? {
                        return Ok(Received::End(Ending::Broken(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "closed without the end that TLS wants (close_notify)",
                        ))));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends plaintext.
    pub(super) fn write(
        &mut self,
        socket: &mut (impl Read + Write),
        plaintext: &[u8],
    ) -> io::Result<()> {
        while !plaintext.is_empty() {
            match self.turn(socket, &mut [], plaintext)? {
                Turn::Encrypted => break,
                Turn::Starved => return Err(io::ErrorKind::NotConnected.into()),
                // Plaintext that has come is kept; and who has said goodbye may still listen.
                Turn::Received(_) | Turn::Closed | Turn::Sending => {}
            }
        }
        self.send(socket)
    }

    /// Returns whether bytes are here that nobody has read.
    pub(super) fn has_unread(&self) -> bool {
        self.is_cut || self.records.has_unread()
    }

    /// Goes on with what has come, and sends what there is to send.
    fn turn(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
        plaintext: &[u8],
    ) -> io::Result<Turn> {
        loop {
            match self.records.turn(buffer, plaintext) {
                Ok(Turn::Sending) => self.send(socket)?,
                Ok(turn) => return Ok(turn),
                Err(error) => {
                    // Tells the peer why, as far as it still listens.
                    let _ = self.records.output.send_to(socket);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }

    /// Takes raw bytes from the socket; returns whether it goes on.
    fn fill(&mut self, socket: &mut impl Read) -> io::Result<bool> {
        let any = match self.records.input.fill_from(socket) {
            Err(error) if NothingYet::is_in(&error) => true,
            filled => filled?,
        };
        self.is_cut |= !any;
        Ok(any)
    }

    /// Sends what there is to send.
    fn send(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        let sent = self.records.output.send_to(socket);
        sent.map_err(|error| self.last_word(socket, error))
    }

    /// Returns the alert with which a peer has gone away, if it left one, else why nothing could be
    /// sent to it.
    fn last_word(&mut self, socket: &mut impl Read, error: io::Error) -> io::Error {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        // Of a connection that is gone a read returns at once: with what came before, then its end.
        while matches!(error.kind(), BrokenPipe | ConnectionReset)
            && self.records.kept() <= PLAINTEXT_BYTES
        {
            match self.records.turn(&mut [], &[]) {
                Ok(Turn::Received(_)) => {}
                Ok(Turn::Closed) => break,
                // Nothing of the output will be sent.
                Ok(_) => match self.fill(socket) {
                    Ok(true) => {}
                    Ok(false) | Err(_) => break,
                },
                Err(alert) => return io::Error::new(io::ErrorKind::InvalidData, alert),
            }
        }
        error
    }
}
