//! From a URL to an open connection: look up, dial, TLS, all within one deadline.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout, ShutdownHandle};

use crate::http::Options;
use crate::http::dial::{DialError, dial};
use crate::http::jar::Jar;
use crate::http::link::Link;
use crate::http::resolver::Resolver;
use crate::http::tls::{self, Session, Trust};
use crate::http::wire::{Uninterrupted, Wire};
use crate::model::error::Cause;
use crate::model::problem::Phase;
use crate::model::stop::Stop;

/// What the connections of all workers have in common.
#[derive(Debug)]
pub struct Common {
    pub(super) options: Options,
    pub(super) resolver: Resolver,
    pub(super) trust: Trust,
    pub(super) jar: Option<Arc<Jar>>,
    pub(super) stop: Arc<Stop>,
}

impl Common {
    /// Prepares for a run. Nothing is looked up, opened or loaded yet.
    pub fn new(options: Options, stop: Arc<Stop>) -> Self {
        let trust = Trust::new(options.tls.clone());
        Self { options, resolver: Resolver::default(), trust, jar: None, stop }
    }

    /// Lets requests send cookies and responses set them.
    #[must_use]
    pub fn with_jar(self, jar: Option<Arc<Jar>>) -> Self {
        Self { jar, ..self }
    }
}

impl Common {
    /// Returns how long a server may send nothing.
    pub fn stall_timeout(&self) -> Duration {
        self.options.stall_timeout
    }
}

/// Opens the connections of one worker.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) common: Arc<Common>,
    pub(super) link: Arc<Link>,
}

impl Connector for Opener {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, ureq::Error> {
        self.link.note_opened();
        let deadline = Instant::now() + self.common.options.connect_timeout;
        let (host, port) = host_and_port(details.uri);
        let socket = self.dial(&host, port, deadline).map_err(|cause| self.link.fail(cause))?;
        // Registered before the handshake, so that a stop breaks that too.
        let handle: Arc<dyn ShutdownHandle> = Arc::<TcpStream>::clone(&socket);
        (details.register_shutdown)(Arc::downgrade(&handle))?;
        drop(handle);
        self.link.note_socket(&socket)?;
        let session = if details.uri.scheme() == Some(&Scheme::HTTPS) {
            let session =
                self.handshake(&socket, &host, deadline).map_err(|cause| self.link.fail(cause))?;
            if session.is_asked() {
                self.common.trust.note_curious(format!("{host}:{port}"));
            }
            Some(Box::new(session))
        } else {
            None
        };
        let patience = self.common.options.stall_timeout;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        self.link.note_ready();
        let (link, stop) = (Arc::clone(&self.link), Arc::clone(&self.common.stop));
        Ok(Some(Wire::new(socket, session, link, stop, patience)))
    }
}

impl Opener {
    fn dial(&self, host: &str, port: u16, deadline: Instant) -> Result<Arc<TcpStream>, Cause> {
        let Common { options, resolver, stop, .. } = &*self.common;
        let is_unwanted = || stop.is_stopped() || self.link.is_cancelled();
        let addresses = resolver.look_up(host, port, deadline, stop, is_unwanted)?;
        let place = || format!("{host}:{port}");
        let socket = dial(&addresses, deadline, is_unwanted).map_err(|error| match error {
            DialError::Io(source) => Cause::Connect { host: place(), source },
            DialError::Unwanted => {
                Cause::Connect { host: place(), source: io::ErrorKind::Interrupted.into() }
            }
            DialError::TimedOut => {
                Cause::ConnectTimeout { host: place(), after: options.connect_timeout }
            }
        })?;
        // Requests are sent in one piece; waiting for more of it would only delay them.
        socket.set_nodelay(true).map_err(|source| Cause::Connect { host: place(), source })?;
        Ok(Arc::new(socket))
    }

    fn handshake(
        &self,
        socket: &TcpStream,
        host: &str,
        deadline: Instant,
    ) -> Result<Session, Cause> {
        let mut wire = Uninterrupted { socket, stop: &self.common.stop };
        let bound = || bounded(socket, deadline.saturating_duration_since(Instant::now()));
        tls::wrap(&self.common.trust, &mut wire, host, bound).map_err(|cause| match cause {
            Cause::Connection { source } if is_timeout(&source) => Cause::Stalled {
                after: self.common.options.connect_timeout,
                phase: Phase::Handshake,
            },
            cause => cause,
        })
    }
}

/// Gives the next read and write of `socket` so long. Zero would mean for ever.
fn bounded(socket: &TcpStream, left: Duration) -> io::Result<()> {
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    socket.set_read_timeout(Some(left))?;
    socket.set_write_timeout(Some(left))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn host_and_port(uri: &Uri) -> (String, u16) {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    (uri.host().unwrap_or_default().to_owned(), uri.port_u16().unwrap_or(default))
}

/// Looks up nothing: the connector does, when a connection is opened. ureq asks for every request.
#[derive(Debug)]
pub(super) struct NoLookUp;

impl UreqResolver for NoLookUp {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
