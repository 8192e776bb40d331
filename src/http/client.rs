//! A worker's client: one request, one response. Redirects, retries and ranges are decided above.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::RequestBuilder;
use ureq::config::AutoHeaderValue;
use ureq::http::HeaderValue;
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, COOKIE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    RANGE, SET_COOKIE, USER_AGENT,
};
use ureq::typestate::WithoutBody;
use url::Url;

use crate::http::body::Body;
use crate::http::connector::{NoLookUp, Opener};
use crate::http::head::{Framing, Head};
use crate::http::link::{Ending, Link};
use crate::http::local;
use crate::http::remote::Remote;
use crate::model::error::Cause;
use crate::model::field::Field;
use crate::model::problem::Phase;
use crate::model::range::ByteRange;
use crate::model::tls::TlsProblem;
use crate::policy::update::Condition;

pub use crate::http::connector::Common;
pub use crate::http::link::Canceller;

/// How often a request is sent again because a kept connection turned out to be closed. Each try
/// uses up one such connection, and an agent keeps no more than `MAX_IDLE`.
const MAX_STALE: usize = MAX_IDLE + 1;

/// Connections that a worker keeps for its next jobs.
const MAX_IDLE: usize = 4;

/// The name that servers are told, unless the user gives another.
const NAME: &str = concat!("haul/", env!("CARGO_PKG_VERSION"));

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The representation.
    Get,
    /// The head of the answer to a GET (RFC 9110 §9.3.2).
    Head,
}

impl Method {
    /// Returns the method as it is sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is wanted.
    pub method: Method,
    /// What to ask for.
    pub url: &'a Url,
    /// What goes along with it, known to be right. Of haul's own fields those are left out that are here.
    pub fields: &'a [Cow<'a, Field>],
    /// Only these bytes, if the representation is still that of the validator.
    pub rest: Option<Rest<'a>>,
    /// Whether caches on the way are to ask the origin anew (RFC 9111 §5.2.1.4).
    pub no_cache: bool,
    /// On which condition a representation is sent.
    pub condition: Option<&'a Condition>,
}

/// A range (RFC 9110 §14.1.2), mostly on a condition (§13.1.5).
#[derive(Clone, Copy, Debug)]
pub struct Rest<'a> {
    /// The first byte.
    pub from: u64,
    /// The byte after the last one; `None` for all that follow.
    pub to: Option<u64>,
    /// A strong ETag, or a Last-Modified that is strong; `None` for a range of any version.
    pub validator: Option<&'a str>,
}

/// A response whose body has not been read.
pub struct Response {
    /// Status and header fields.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// Sends the requests of one worker and keeps its connections.
pub struct Client {
    agent: Agent,
    common: Arc<Common>,
    link: Arc<Link>,
}

impl Client {
    /// Makes a client that a stop interrupts.
    pub fn new(common: &Arc<Common>) -> Self {
        let link = Arc::new(Link::default());
        let opener = Opener { common: Arc::clone(common), link: Arc::clone(&link) };
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
        Self { agent, common: Arc::clone(common), link }
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
        let mut stale = 0;
        let response = loop {
            self.link.begin(request.method == Method::Get);
            match self.build(request).call() {
                Ok(response) => break response,
                Err(error) if stale < MAX_STALE && self.is_stale(&error) => {
                    stale += 1;
                    before_again()?;
                }
                Err(error) => return Err(self.failure(error)),
            }
        };
        self.link.progress();
        let (parts, body) = response.into_parts();
        if let Some(jar) = &self.common.jar {
            for field in parts.headers.get_all(SET_COOKIE) {
                jar.take(request.url, field.as_bytes());
            }
        }
        let head = Head::read(&parts)?;
        self.check_identity(request.url, &head)?;
        let stall_timeout = self.common.options.stall_timeout;
        let framing = match request.method {
            Method::Get => head.framing,
            // Its fields speak of a body that does not come.
            Method::Head => Framing::Length(0),
        };
        let body = Remote::new(body, framing, Arc::clone(&self.link), stall_timeout);
        Ok(Response { head, body: body.into() })
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
        if let Some(cause) = self.link.take_cause() {
            return cause;
        }
        match error {
            ureq::Error::Timeout(_) => {
                Cause::Stalled { after: self.common.options.stall_timeout, phase: Phase::Header }
            }
            ureq::Error::Io(source) => match self.link.take_ending() {
                Ending::Broken(source) => Cause::Connection { source },
                Ending::Orderly => Cause::Connection {
                    source: io::Error::new(
                        source.kind(),
                        "the server closed the connection without a response",
                    ),
                },
                Ending::Open => Cause::Connection { source },
            },
            ureq::Error::LargeResponseHeader(_, limit) => Cause::Protocol {
                detail: format!("the response's header is larger than {} KiB", limit / 1024),
            },
            ureq::Error::Http(error) => Cause::BadUrl { reason: error.to_string(), hint: None },
            other => Cause::Protocol { detail: format!("the response breaks HTTP: {other}") },
        }
    }

    /// Returns the Cookie field of a request if the jar has any for it: its own come first, then those that
    /// the user gives. The user can also want none.
    fn cookies(&self, url: &Url, fields: &[Cow<'_, Field>]) -> Option<Vec<u8>> {
        let jar = self.common.jar.as_ref()?;
        match fields.iter().find(|field| field.is(COOKIE.as_str())).map(|field| &field.value) {
            None => jar.cookies_for(url).map(String::into_bytes),
            Some(None) => None,
            Some(Some(given)) => Some([jar.cookies_for(url)?.as_bytes(), b"; ", given].concat()),
        }
    }

    fn build(&self, request: &Request<'_>) -> RequestBuilder<WithoutBody> {
        let Request { method, url, fields, rest, no_cache, condition } = *request;
        let is_free = |name: &str| !fields.iter().any(|field| field.is(name));
        let mut builder = match method {
            Method::Get => self.agent.get(url.as_str()),
            Method::Head => self.agent.head(url.as_str()),
        };
        let own = [(USER_AGENT, NAME), (ACCEPT, "*/*"), (ACCEPT_ENCODING, "identity")];
        for (name, value) in own.into_iter().filter(|(name, _)| is_free(name.as_str())) {
            builder = builder.header(name, HeaderValue::from_static(value));
        }
        let cookies = self.cookies(url, fields);
        for field in fields {
            let is_overruled = (no_cache && field.is(CACHE_CONTROL.as_str()))
                || (cookies.is_some() && field.is(COOKIE.as_str()));
            if let Some(value) = field.value.as_deref().filter(|_| !is_overruled) {
                builder = builder.header_raw(&field.name, value);
            }
        }
        if let Some(cookies) = cookies {
            builder = builder.header_raw("Cookie", &cookies);
        }
        if no_cache {
            builder = builder.header(CACHE_CONTROL, "no-cache");
        }
        builder = match condition {
            Some(Condition::NoneMatch(etag)) => builder.header(IF_NONE_MATCH, etag),
            Some(Condition::ModifiedSince(time)) => {
                builder.header(IF_MODIFIED_SINCE, httpdate::fmt_http_date(*time))
            }
            None => builder,
        };
        if let Some(Rest { from, to, validator }) = rest {
            let range = match to {
                Some(end) => format!("bytes={}", ByteRange { start: from, end }),
                None => format!("bytes={from}-"),
            };
            builder = builder.header(RANGE, range);
            if let Some(validator) = validator {
                builder = builder.header(IF_RANGE, validator);
            }
        }
        builder
    }
}
