//! A worker's client: one request, one response. Redirects, retries and ranges are decided above.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::config::AutoHeaderValue;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderValue, StatusCode};
use ureq::typestate::WithoutBody;
use ureq::{Agent, RequestBuilder};
use url::Url;

use crate::http::Options;
use crate::http::body::Body;
use crate::http::conduit::Conduit;
use crate::http::connector::{NoLookUp, Opener};
use crate::http::fields::{Fields, SET_COOKIE};
use crate::http::head::{Framing, Head};
use crate::http::link::{Ending, Link};
use crate::http::local::{self, Local};
use crate::http::proxy::{self, Via, takes_basic};
use crate::http::remote::Remote;
use crate::http::unpack;
use crate::http::words;
use crate::model::error::Cause;
use crate::model::field::Field;
use crate::model::problem::{LoginProblem, Phase};
use crate::model::proxy::{Proxy, ProxyProblem};
use crate::model::tls::{SPEAKS_TLS, TlsProblem};
use crate::policy::challenge;

pub use crate::http::connector::Common;
pub use crate::http::link::Canceller;
use crate::http::request::{IDENTITY, UNPACKED};
pub use crate::http::request::{Method, Request, Rest};

/// How often a request is sent again because a kept connection turned out to be closed. Each try
/// uses up one such connection, and an agent keeps no more than `MAX_IDLE`.
const MAX_STALE: usize = MAX_IDLE + 1;

/// Connections that a worker keeps for its next jobs.
const MAX_IDLE: usize = 4;

/// A response whose body has not been read.
pub struct Response {
    /// Status and header fields.
    pub head: Head,
    /// The body.
    pub body: Body,
    /// How many cookies were not sent, because servers refuse a longer field.
    pub cookies_left_out: usize,
}

impl Response {
    /// Makes a response that needed no request.
    pub(super) fn local(head: Head, body: Local) -> Self {
        Self { head, body: body.into(), cookies_left_out: 0 }
    }
}

/// Sends the requests of one worker and keeps its connections.
pub struct Client {
    agent: Agent,
    common: Arc<Common>,
    link: Arc<Link>,
    /// What ureq is told of all proxies, so that it keeps connections to them, those through them and
    /// others apart. To which proxy a request goes follows from its origin.
    marks: Marks,
    /// The last request's field Host: mostly it is that of the next.
    host: Mutex<HeaderValue>,
}

/// Proxies that there are not.
struct Marks {
    to: Option<ureq::Proxy>,
    through: Option<ureq::Proxy>,
}

impl Client {
    /// Makes a client that a stop interrupts.
    pub fn new(common: &Arc<Common>) -> Self {
        let link = Arc::new(Link::default());
        let opener = Opener { common: Arc::clone(common), link: Arc::clone(&link) };
        if common.options.addresses.unix_socket.is_some() {
            // On these sockets a splice that does not wait for its pipe does not wait for bytes either.
            link.with_conduit(Conduit::give_up);
        }
        let config = Agent::config_builder()
            // As an error a status loses its header fields, and its connection.
            .http_status_as_error(false)
            // Hops are judged above; ureq would take every header along.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // By default ureq looks into the environment.
            .proxy(None)
            // Another value, or none, would keep a request from the connections that are kept.
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .max_idle_connections(MAX_IDLE)
            .max_idle_connections_per_host(1)
            .build();
        let agent = Agent::with_parts(config, opener, NoLookUp);
        let handle = agent.clone();
        common.stop.on_stop(move || handle.shutdown());
        let mark = |text| ureq::Proxy::new(text).ok();
        let marks =
            Marks { to: mark("http://to.invalid"), through: mark("http://through.invalid") };
        let host = Mutex::new(HeaderValue::from_static(""));
        Self { agent, common: Arc::clone(common), link, marks, host }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// A kept connection that the server has closed in the meantime is not a failure: the request is
    /// sent again on another (RFC 9112 §9.3.1 allows it for GET and HEAD), as soon as `before_again` returns.
    ///
    /// # Errors
    /// What went wrong with the look-up, the connection or the response's head; what `before_again` says.
    pub fn send(
        &self,
        request: &Request<'_>,
        before_again: impl Fn() -> Result<(), Cause>,
    ) -> Result<Response, Cause> {
        if local::is_local(request.url) {
            return local::get(request);
        }
        let via = self.via(request.url);
        let via = via.as_ref();
        let cookies = self.common.jar.as_ref().map(|jar| request.cookies(jar)).unwrap_or_default();
        let mut stale = 0;
        let response = loop {
            self.link.begin(request.method == Method::Get, via);
            match self.build(request, &cookies.field, via).call() {
                Ok(response) => break response,
                Err(error) if stale < MAX_STALE && self.is_stale(&error) => {
                    stale += 1;
                    before_again()?;
                }
                Err(error) => return Err(self.failure(error)),
            }
        };
        let (parts, body) = response.into_parts();
        let mut head = self.link.read_head(|fields| {
            if let Some(Via { proxy, .. }) = via.filter(|via| via.is_absolute)
                && parts.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            {
                return Err(login_wanted(proxy, fields));
            }
            if let Some(jar) = &self.common.jar {
                for cookie in fields.all(SET_COOKIE) {
                    jar.take(request.url, cookie);
                }
            }
            let mut head = Head::read(parts.status, fields)?;
            head.login = login_problem(request, parts.status, fields);
            Ok(head)
        })?;
        self.check_identity(request.url, &head)?;
        let stall_timeout = self.common.options.stall_timeout;
        let framing = match request.method {
            Method::Get => head.framing,
            // Its fields speak of a body that does not come.
            Method::Head => Framing::Length(0),
        };
        let body = Remote::new(body, framing, Arc::clone(&self.link), stall_timeout);
        let body = if self.common.options.unpacks && request.method == Method::Get {
            unpack::unpack(body, &mut head, request.url)?
        } else {
            body.into()
        };
        Ok(Response { head, body, cookies_left_out: cookies.left_out })
    }

    /// Returns the proxy that a request for a URL goes through.
    pub fn proxy(&self, url: &Url) -> Option<&Proxy> {
        if local::is_local(url) {
            return None;
        }
        self.common.options.proxies.choose(url).map(|proxy| &**proxy)
    }

    /// Returns how a request for a URL goes through a proxy, if it does: as it is to an HTTP proxy if it is
    /// in the clear, and for the host of the URL.
    fn via(&self, url: &Url) -> Option<Via> {
        let Options { proxies, addresses, .. } = &self.common.options;
        let proxy = Arc::clone(proxies.choose(url)?);
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        let is_absolute = proxy.kind.is_http()
            && url.scheme() == "http"
            && addresses.detour(host, port) == (host, port);
        Some(Via { proxy, is_absolute })
    }

    fn build(
        &self,
        request: &Request<'_>,
        cookies: &[u8],
        via: Option<&Via>,
    ) -> RequestBuilder<WithoutBody> {
        let codings = if self.common.options.unpacks { &UNPACKED } else { &IDENTITY };
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        let builder = request.build(&self.agent, cookies, via, codings, &mut host);
        let Some(via) = via else { return builder };
        let mark = if via.is_absolute { &self.marks.to } else { &self.marks.through };
        builder.config().proxy(mark.clone()).build()
    }

    /// Begins a piece of work, of one request or several, that another thread can break off.
    pub fn begin_piece(&self) -> Canceller {
        self.link.begin_piece()
    }

    /// Ends the piece of work.
    pub fn end_piece(&self) {
        self.link.end_piece();
    }

    /// Bounds how long each read may wait, until the next call; `None` is the stall timeout.
    pub fn set_patience(&self, patience: Option<Duration>) {
        self.link.set_patience(patience);
    }

    /// Returns whether a kept connection was closed before it brought a byte of the response.
    fn is_stale(&self, error: &ureq::Error) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let ureq::Error::Io(error) = error else {
            return false;
        };
        matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
            && self.link.was_reused()
            && !self.link.is_cancelled()
            && !self.common.stop.is_stopped()
    }

    /// Tells a 400 that is about the client certificate from others: nginx lets a client through the
    /// handshake and refuses it then.
    fn check_identity(&self, url: &Url, head: &Head) -> Result<(), Cause> {
        if head.status != 400 || url.scheme() != "https" {
            return Ok(());
        }
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        let trust = &self.common.trust;
        if !trust.is_curious(&format!("{host}:{}", port.unwrap_or_default())) {
            return Ok(());
        }
        let answer = "400 Bad Request".to_owned();
        let problem = if trust.has_identity() {
            TlsProblem::CertificateRefused { answer }
        } else {
            TlsProblem::CertificateWanted { answer }
        };
        Err(Cause::Tls { host: host.to_owned(), problem })
    }

    fn failure(&self, error: ureq::Error) -> Cause {
        match (self.link.take_cause(), self.link.via()) {
            // Whoever is asked for it in the clear is the one that speaks TLS.
            (Some(Cause::Protocol { detail }), Some(Via { proxy, is_absolute: true }))
                if detail == SPEAKS_TLS =>
            {
                return proxy::of(&proxy, ProxyProblem::Protocol { detail });
            }
            (Some(cause), _) => return cause,
            (None, _) => {}
        }
        match error {
            ureq::Error::Timeout(_) => {
                Cause::Stalled { after: self.common.options.stall_timeout, phase: Phase::Header }
            }
            ureq::Error::Io(source) => match self.link.take_ending() {
                Ending::Broken(source) => Cause::Connection { source: words::plain(source) },
                Ending::Orderly => Cause::Connection {
                    source: io::Error::new(
                        source.kind(),
                        "the server closed the connection without a response",
                    ),
                },
                Ending::Open => Cause::Connection { source: words::plain(source) },
            },
            ureq::Error::LargeResponseHeader(_, limit) => Cause::Protocol {
                detail: format!("the response's header is larger than {} KiB", limit / 1024),
            },
            ureq::Error::Http(error) => Cause::BadUrl { reason: error.to_string(), hint: None },
            other => Cause::Protocol { detail: format!("the response breaks HTTP: {other}") },
        }
    }
}

/// Returns why a server says that it wants a login, if it does.
fn login_problem(
    request: &Request<'_>,
    status: StatusCode,
    fields: &Fields,
) -> Option<Box<LoginProblem>> {
    if status != StatusCode::UNAUTHORIZED {
        return None;
    }
    let offers = fields.all("www-authenticate");
    let was_given =
        |field: &Cow<'_, Field>| field.is(AUTHORIZATION.as_str()) && field.value.is_some();
    Some(Box::new(match challenge::unknown_schemes(offers) {
        Some(schemes) => LoginProblem::Unknown { schemes },
        None if request.fields.iter().any(was_given) => LoginProblem::Refused,
        None => LoginProblem::Wanted,
    }))
}

fn login_wanted(proxy: &Proxy, fields: &Fields) -> Cause {
    let is_basic = takes_basic(fields.all("proxy-authenticate"));
    let was_given = proxy.credentials.is_some();
    proxy::of(proxy, ProxyProblem::Login { was_given, is_basic })
}
