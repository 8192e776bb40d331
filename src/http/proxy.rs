//! From a connection to a proxy to one that ends at the origin.

mod connect;
mod socks;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::http::bounded::is_timeout;
use crate::model::error::Cause;
use crate::model::problem::Phase;
use crate::model::proxy::{Proxy, ProxyKind, ProxyProblem};

pub(super) use crate::http::proxy::connect::takes_basic;

/// How a request goes through a proxy.
#[derive(Clone, Debug)]
pub(super) struct Via {
    /// The proxy.
    pub(super) proxy: Arc<Proxy>,
    /// Whether it goes to the proxy itself, with the whole URL as its target, and not through a tunnel.
    pub(super) is_absolute: bool,
}

/// Why there is no tunnel.
enum Failure {
    /// The connection to the proxy broke, or its time is over.
    Io(io::Error),
    /// The proxy said no, or nothing that makes sense.
    Problem(ProxyProblem),
    /// A name was to be looked up here.
    LookUp(Cause),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProxyProblem> for Failure {
    fn from(problem: ProxyProblem) -> Self {
        Self::Problem(problem)
    }
}

fn protocol(detail: impl Into<String>) -> Failure {
    Failure::Problem(ProxyProblem::Protocol { detail: detail.into() })
}

/// Has the proxy at the other end of `stream` open a connection to a host: what follows is between
/// here and there. `look_up` tells an address of the host to proxies that take no names.
///
/// # Errors
/// [`Cause::Proxy`], or what `look_up` says. `patience` is what a wait that was too long is told as.
pub(super) fn open_tunnel(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    (host, port): (&str, u16),
    look_up: impl FnOnce() -> Result<Vec<IpAddr>, Cause>,
    patience: Duration,
) -> Result<(), Cause> {
    let login = proxy.credentials.as_ref();
    let opened = match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => connect::open(stream, login, (host, port)),
        kind => socks::open(stream, kind, login, (host, port), look_up),
    };
    opened.map_err(|failure| match failure {
        Failure::LookUp(cause) => cause,
        Failure::Problem(problem) => of(proxy, problem),
        Failure::Io(error) if is_timeout(&error) => {
            of(proxy, ProxyProblem::TimedOut { after: patience })
        }
        Failure::Io(source) => of(proxy, ProxyProblem::Broken { source }),
    })
}

/// Says of what went wrong on the way to the proxy that it was with the proxy, not with the origin.
pub(super) fn blame(proxy: &Proxy, cause: Cause) -> Cause {
    let problem = match cause {
        Cause::HostNotFound { .. } => ProxyProblem::NotFound,
        Cause::ResolverSilent { detail, .. } => ProxyProblem::Unresolved { detail },
        Cause::Connect { source, .. } => ProxyProblem::Unreachable { source },
        Cause::Connection { source } => ProxyProblem::Broken { source },
        Cause::ConnectTimeout { after, .. } | Cause::Stalled { after, phase: Phase::Handshake } => {
            ProxyProblem::TimedOut { after }
        }
        Cause::Tls { problem, .. } => ProxyProblem::Tls(Box::new(problem)),
        // The machine's own certificates.
        other => return other,
    };
    of(proxy, problem)
}

/// Names the proxy with a problem.
pub(super) fn of(proxy: &Proxy, problem: ProxyProblem) -> Cause {
    Cause::Proxy { proxy: proxy.to_string(), problem }
}
