//! TLS by rustls: the configuration that all workers share, and one session over one socket.
//!
//! The roots are the system's, loaded when the first https URL comes (it takes tens of milliseconds,
//! which a plain download should not pay). Sessions are resumed across workers because the
//! configuration is one.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

use crate::http::link::Ending;
use crate::model::error::Cause;
use crate::model::problem::TlsProblem;

/// Raw bytes taken from the socket at once. rustls itself reads 4 KiB a call.
const RAW_BYTES: usize = 64 * 1024;

/// The largest plaintext of one record (RFC 8446 §5.1).
const RECORD_BYTES: usize = 16 * 1024;

/// The configuration, made on first use.
#[derive(Debug, Default)]
pub(super) struct Trust(OnceLock<Result<Arc<ClientConfig>, String>>);

impl Trust {
    /// Returns the configuration.
    ///
    /// # Errors
    /// [`Cause::TrustStore`] when the system has no readable roots.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Cause> {
        self.0.get_or_init(load).clone().map_err(|detail| Cause::TrustStore { detail })
    }
}

fn load() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Single certificates that cannot be read are common in system stores; none at all is not.
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(
            || "the system's certificate store is empty".to_owned(),
            ToString::to_string,
        );
        return Err(why);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
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
}

impl Session {
    /// Prepares a session with `host`; nothing is sent yet.
    pub(super) fn new(config: Arc<ClientConfig>, host: &str) -> Result<Self, Cause> {
        let failed = |problem| Cause::Tls { host: host.to_owned(), problem };
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|error| failed(TlsProblem::Other(error.to_string())))?;
        let connection =
            ClientConnection::new(config, name).map_err(|error| failed(problem(&error)))?;
        Ok(Self { connection, raw: RawInput::default() })
    }

    /// Runs one step of the handshake; returns whether it is done.
    pub(super) fn handshake_step(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        if self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        } else if self.connection.is_handshaking() && !self.fill(socket)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(!self.connection.is_handshaking() && !self.connection.wants_write())
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
    pub(super) fn write(&mut self, socket: &mut impl Write, plaintext: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(plaintext)?;
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(())
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
        self.raw.fill_from(socket)?;
        let any = self.connection.read_tls(&mut self.raw)? > 0;
        let state = self.connection.process_new_packets();
        if state.is_err() {
            // Tells the peer why, as far as it still listens.
            let _ = self.connection.write_tls(socket);
        }
        let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        // Answers to key updates and the like.
        if state.tls_bytes_to_write() > 0 && !self.connection.is_handshaking() {
            self.connection.write_tls(socket)?;
        }
        Ok(any)
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

/// Returns the TLS problem inside an I/O error, if there is one.
pub(super) fn problem_of(error: &io::Error) -> Option<TlsProblem> {
    error.get_ref()?.downcast_ref::<rustls::Error>().map(problem)
}

fn problem(error: &rustls::Error) -> TlsProblem {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsProblem::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsProblem::NotYetValid
            }
            CertificateError::NotValidForName => TlsProblem::WrongHost { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names = presented.iter().map(|name| bare_name(name)).collect();
                TlsProblem::WrongHost { names }
            }
            CertificateError::Revoked => TlsProblem::Revoked,
            CertificateError::UnknownIssuer => TlsProblem::UnknownIssuer,
            // webpki says so of a certificate that is its own authority.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                TlsProblem::SelfSigned
            }
            other => TlsProblem::Other(other.to_string()),
        },
        Error::InvalidMessage(_) => TlsProblem::NotTls,
        other => TlsProblem::Other(other.to_string()),
    }
}

/// Takes the name out of rustls' `DnsName("h.example")`.
fn bare_name(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"').to_owned()
}
