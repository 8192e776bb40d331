//! TLS by rustls: one session over one stream.

use std::io::{self, Read, Write};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::http::link::Ending;
use crate::http::tls::problem::Circumstances;
use crate::model::error::Cause;
use crate::model::tls::TlsProblem;

pub use crate::http::tls::trust::Options;
pub(super) use crate::http::tls::trust::Trust;

pub mod files;
mod problem;
mod roots;
mod trust;
mod verifier;

/// Raw bytes taken from the stream at once. rustls itself reads 4 KiB a call.
const RAW_BYTES: usize = 64 * 1024;

/// The largest plaintext of one record (RFC 8446 §5.1).
const RECORD_BYTES: usize = 16 * 1024;

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
            Err(error) => return Err(session.handshake_failure(error)),
        }
    }
}

/// What came of a try to read.
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more will come.
    End(Ending),
}

/// One TLS session.
#[derive(Debug)]
pub(super) struct Session {
    connection: ClientConnection,
    raw: RawInput,
    host: String,
    known: Circumstances,
}

impl Session {
    /// Prepares a session with `host`; nothing is sent yet.
    fn new(trust: &Trust, host: &str) -> Result<Self, Cause> {
        let failed = |problem| Cause::Tls { host: host.to_owned(), problem };
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|error| failed(TlsProblem::Other(error.to_string())))?;
        let connection = ClientConnection::new(trust.config()?, name)
            .map_err(|error| failed(TlsProblem::Other(error.to_string())))?;
        let known = Circumstances {
            least: trust.least(),
            has_identity: trust.has_identity(),
            is_asked: false,
            looks_like_http: false,
        };
        Ok(Self { connection, raw: RawInput::default(), host: host.to_owned(), known })
    }

    /// Runs one step of the handshake; returns whether it is done.
    fn handshake_step(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        if self.connection.wants_write() {
            self.send(stream)?;
        } else if self.connection.is_handshaking() && !self.fill(stream)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(!self.connection.is_handshaking() && !self.connection.wants_write())
    }

    fn handshake_failure(&self, error: io::Error) -> Cause {
        let Some(reason) = problem::of(&error) else { return Cause::Connection { source: error } };
        let known =
            Circumstances { looks_like_http: self.raw.bytes.starts_with(b"HTTP/"), ..self.known };
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

    /// Reads plaintext, as many whole records as are there and fit.
    pub(super) fn read(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<Received> {
        let mut total = 0;
        loop {
            match self.connection.reader().read(&mut buffer[total..]) {
                Ok(0) if total < buffer.len() => {
                    return Ok(if total > 0 {
                        Received::Bytes(total)
                    } else {
                        Received::End(Ending::Orderly)
                    });
                }
                Ok(count) => {
                    total += count;
                    if buffer.len() - total < RECORD_BYTES {
                        return Ok(Received::Bytes(total));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if total > 0 && self.raw.is_empty() {
                        return Ok(Received::Bytes(total));
                    }
                    self.fill(socket)?;
                }
                // rustls says so when the peer went away without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(if total > 0 {
                        Received::Bytes(total)
                    } else {
                        Received::End(Ending::Broken(io::Error::new(
                            error.kind(),
                            "closed without the end that TLS wants (close_notify)",
                        )))
                    });
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
        self.connection.writer().write_all(plaintext)?;
        self.send(socket)
    }

    /// Returns whether bytes are here that nobody has read.
    pub(super) fn has_unread(&mut self) -> bool {
        !self.raw.is_empty()
            || !matches!(
                self.connection.reader().read(&mut [0]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock
            )
    }

    /// Takes raw bytes from the socket, or those left of the last time, through the decryption;
    /// returns whether there were any.
    fn fill(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        let any = self.receive(socket)?;
        // Answers to key updates and the like.
        if !self.connection.is_handshaking() {
            self.send(socket)?;
        }
        Ok(any)
    }

    /// Does the same without answering.
    fn receive(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        self.raw.fill_from(socket)?;
        let any = self.connection.read_tls(&mut self.raw)? > 0;
        if let Err(error) = self.connection.process_new_packets() {
            // Tells the peer why, as far as it still listens.
            let _ = self.connection.write_tls(socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(any)
    }

    /// Sends what there is to send.
    fn send(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        while self.connection.wants_write() {
            if let Err(error) = self.connection.write_tls(socket) {
                return Err(self.last_word(socket, error));
            }
        }
        Ok(())
    }

    /// Returns the alert with which a peer has gone away, if it left one, else why nothing could be
    /// sent to it.
    fn last_word(&mut self, socket: &mut (impl Read + Write), error: io::Error) -> io::Error {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        // Of a connection that is gone a read returns at once: with what came before, then its end.
        while matches!(error.kind(), BrokenPipe | ConnectionReset) {
            match self.receive(socket) {
                Ok(true) => {}
                Err(alert) if problem::of(&alert).is_some() => return alert,
                Ok(false) | Err(_) => break,
            }
        }
        error
    }
}

/// A buffer between the socket and rustls.
#[derive(Debug, Default)]
struct RawInput {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl RawInput {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads from the socket if nothing is left. An end of the stream leaves the buffer empty.
    fn fill_from(&mut self, socket: &mut impl Read) -> io::Result<()> {
        if self.is_empty() {
            self.bytes.resize(RAW_BYTES, 0);
            (self.start, self.end) = (0, 0);
            self.end = socket.read(&mut self.bytes)?;
        }
        Ok(())
    }
}

impl Read for RawInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.end - self.start);
        buffer[..count].copy_from_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}
