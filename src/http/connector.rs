//! From a URL to an open connection: look up, dial, proxy, TLS, all within one deadline.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout, ShutdownHandle};

use crate::http::Options;
use crate::http::bounded::{Bounded, is_timeout};
use crate::http::dial::{DialError, dial};
use crate::http::jar::Jar;
use crate::http::layers::Layers;
use crate::http::link::Link;
use crate::http::proxy::{self, Via};
use crate::http::resolver::Resolver;
use crate::http::tls::{self, Session, Trust};
use crate::http::unix;
use crate::http::wire::{Form, Wire};
use crate::http::words;
use crate::model::error::Cause;
use crate::model::problem::Phase;
use crate::model::proxy::{Proxy, ProxyKind, ProxyProblem};
use crate::model::stop::Stop;
use crate::policy::address::{Addresses, Family};

/// What the connections of all workers have in common.
#[derive(Debug)]
pub struct Common {
    pub(super) options: Options,
    pub(super) resolver: Resolver,
    pub(super) trust: Trust,
    pub(super) trust_in_proxies: Trust,
    pub(super) jar: Option<Arc<Jar>>,
    pub(super) stop: Arc<Stop>,
}

impl Common {
    /// Prepares for a run. Nothing is looked up, opened or loaded yet.
    pub fn new(options: Options, stop: Arc<Stop>) -> Self {
        let trust = Trust::new(options.tls.clone());
        let trust_in_proxies = Trust::new(options.tls.for_proxies());
        let resolver = Resolver::default();
        Self { options, resolver, trust, trust_in_proxies, jar: None, stop }
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
        let most = self.common.options.connect_timeout;
        // No more of it than is left of the transfer's own time.
        let most = self.link.outlook().0.map_or(most, |patience| patience.min(most));
        let deadline = Instant::now() + most;
        let (host, port) = host_and_port(details.uri);
        let is_https = details.uri.scheme() == Some(&Scheme::HTTPS);
        let via = self.link.via();
        // The name in the URL stays that of the certificate.
        let (to_host, to_port) = self.common.options.addresses.detour(&host, port);
        let socket = match &via {
            Some(Via { proxy, .. }) => self
                .dial(&proxy.host, proxy.port, deadline)
                .map_err(|cause| proxy::blame(proxy, cause)),
            None => self.dial(to_host, to_port, deadline),
        };
        let socket = socket.map_err(|cause| self.link.fail(cause))?;
        // Registered before the handshake, so that a stop breaks that too.
        let handle: Arc<dyn ShutdownHandle> = Arc::<TcpStream>::clone(&socket);
        (details.register_shutdown)(Arc::downgrade(&handle))?;
        drop(handle);
        self.link.note_socket(&socket)?;
        let mut stream = Bounded { socket: &socket, stop: &self.common.stop, deadline };
        let mut layers = Layers::default();
        let mut form = Form::Origin;
        if let Some(via) = &via {
            let entered = self.enter(&mut layers, &mut stream, via, (to_host, to_port));
            form = entered.map_err(|cause| self.link.fail(cause))?;
        }
        if is_https {
            let trust = &self.common.trust;
            let session = self.handshake(trust, &mut layers.outside(&mut stream), &host);
            let session = session.map_err(|cause| self.link.fail(cause))?;
            if session.is_asked() {
                trust.note_curious(format!("{host}:{port}"));
            }
            layers.set_inner(session);
        }
        let patience = self.common.options.stall_timeout;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        self.link.note_ready();
        let (link, stop) = (Arc::clone(&self.link), Arc::clone(&self.common.stop));
        Ok(Some(Wire::new(socket, layers, form, link, stop, patience)))
    }
}

impl Opener {
    fn dial(&self, host: &str, port: u16, deadline: Instant) -> Result<Arc<TcpStream>, Cause> {
        let Addresses { interface, unix_socket, .. } = &self.common.options.addresses;
        let is_unwanted = || self.is_unwanted();
        if let Some(path) = unix_socket {
            let place = path.to_string_lossy();
            let socket = unix::dial(path, deadline, &self.common.stop, is_unwanted);
            return socket.map(Arc::new).map_err(|error| self.cause_of(error, &place));
        }
        let addresses = self.look_up(host, port, deadline)?;
        let place = format!("{host}:{port}");
        let socket = dial(&addresses, interface.as_ref(), deadline, is_unwanted)
            .map_err(|error| self.cause_of(error, &place))?;
        // Requests are sent in one piece; waiting for more of it would only delay them.
        socket.set_nodelay(true).map_err(|source| Cause::Connect { host: place, source })?;
        Ok(Arc::new(socket))
    }

    fn cause_of(&self, error: DialError, place: &str) -> Cause {
        let host = place.to_owned();
        match error {
            DialError::Io(source) => Cause::Connect { host, source },
            DialError::Unwanted => {
                Cause::Connect { host, source: io::ErrorKind::Interrupted.into() }
            }
            DialError::TimedOut => {
                Cause::ConnectTimeout { host, after: self.common.options.connect_timeout }
            }
        }
    }

    /// Makes a connection to a proxy one to a host, unless the proxy itself is what is asked.
    fn enter(
        &self,
        layers: &mut Layers,
        stream: &mut Bounded<'_>,
        Via { proxy, is_absolute }: &Via,
        (host, port): (&str, u16),
    ) -> Result<Form, Cause> {
        if proxy.kind == ProxyKind::Https {
            let session = self.handshake(&self.common.trust_in_proxies, stream, &proxy.host);
            layers.set_outer(session.map_err(|cause| proxy::blame(proxy, cause))?);
        }
        if *is_absolute {
            return Ok(Form::Absolute);
        }
        let deadline = stream.deadline;
        let look_up = || {
            let found = self.look_up(host, port, deadline)?;
            Ok(found.iter().map(SocketAddr::ip).collect())
        };
        let patience = self.common.options.connect_timeout;
        let stream = &mut layers.outside(stream);
        proxy::open_tunnel(stream, proxy, (host, port), look_up, patience)
            .map_err(|cause| last_word(layers, proxy, cause))?;
        Ok(Form::Origin)
    }

    fn look_up(&self, host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Cause> {
        let Common { options, resolver, stop, .. } = &*self.common;
        if let Some(given) = options.addresses.given(host, port) {
            return Ok(given.iter().map(|&address| SocketAddr::new(address, port)).collect());
        }
        let mut found = resolver.look_up(host, port, deadline, stop, || self.is_unwanted())?;
        if let Some(family) = options.addresses.only_family() {
            found.retain(|address| family.has(address.ip()));
            if found.is_empty() {
                let host = format!("{host}:{port}");
                return Err(Cause::Connect { host, source: no_address(family) });
            }
        }
        Ok(found)
    }

    fn is_unwanted(&self) -> bool {
        self.common.stop.is_stopped() || self.link.is_cancelled()
    }

    fn handshake(
        &self,
        trust: &Trust,
        stream: &mut (impl Read + Write),
        host: &str,
    ) -> Result<Session, Cause> {
        tls::wrap(trust, stream, host).map_err(|cause| match cause {
            Cause::Connection { source } if is_timeout(&source) => Cause::Stalled {
                after: self.common.options.connect_timeout,
                phase: Phase::Handshake,
            },
            cause => cause,
        })
    }
}

/// Returns what a proxy thinks of TLS with haul, if it says so only when it is spoken to (TLS 1.3).
fn last_word(layers: &Layers, proxy: &Proxy, cause: Cause) -> Cause {
    let Cause::Proxy { problem: ProxyProblem::Broken { source }, .. } = cause else {
        return cause;
    };
    match layers.lasting_cause(&source) {
        Some(lasting) => proxy::blame(proxy, lasting),
        None => proxy::of(proxy, ProxyProblem::Broken { source: words::plain(source) }),
    }
}

/// Not a kind of failure that may pass.
fn no_address(family: Family) -> io::Error {
    let text = match family {
        Family::V4 => "it has no address of IPv4",
        Family::V6 => "it has no address of IPv6",
    };
    io::Error::new(io::ErrorKind::Unsupported, text)
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
