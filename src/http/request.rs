//! Requests, and how they are written.

use std::borrow::Cow;

use ureq::http::HeaderValue;
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, COOKIE, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, PROXY_AUTHORIZATION, RANGE, USER_AGENT,
};
use ureq::typestate::WithoutBody;
use ureq::{Agent, RequestBuilder};
use url::{Position, Url};

use crate::http::jar::{Jar, Sent};
use crate::http::proxy::Via;
use crate::model::field::Field;
use crate::model::range::ByteRange;
use crate::policy::coding;
use crate::policy::secrets::basic_value;
use crate::policy::update::Condition;

/// The name that servers are told, unless the user gives another.
static NAME: HeaderValue = HeaderValue::from_static(concat!("haul/", env!("CARGO_PKG_VERSION")));

/// Any kind of file is welcome.
static ANY: HeaderValue = HeaderValue::from_static("*/*");

/// The codings that a body may have: none.
pub(super) static IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The same where bodies are unpacked.
pub(super) static UNPACKED: HeaderValue = HeaderValue::from_static(coding::ACCEPTED);

/// The longest value of a Cookie field: with its name it has 8190 bytes, the most that Apache takes of a field,
/// and that curl sends.
const MAX_COOKIES: usize = 8190 - "Cookie: ".len();

/// What is between two cookies.
const SEPARATOR: &[u8] = b"; ";

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

impl Request<'_> {
    /// Writes it for `agent`, as it goes through a proxy or not. `cookies`, unless empty, is a Cookie field in
    /// the place of its own; `codings` are those that a body may have; `host` is the value of the last
    /// request's field Host.
    pub(super) fn build(
        &self,
        agent: &Agent,
        cookies: &[u8],
        via: Option<&Via>,
        codings: &HeaderValue,
        host: &mut HeaderValue,
    ) -> RequestBuilder<WithoutBody> {
        let Request { fields, rest, no_cache, condition, .. } = *self;
        let mut builder = self.begin(agent, via, host);
        let own = [(USER_AGENT, &NAME), (ACCEPT, &ANY), (ACCEPT_ENCODING, codings)];
        // None when ureq refuses the URL, which it tells when the request is sent.
        if let Some(headers) = builder.headers_mut() {
            for (name, value) in own.into_iter().filter(|(name, _)| self.is_free(name.as_str())) {
                headers.append(name, value.clone());
            }
        }
        for field in fields {
            let is_overruled = (no_cache && field.is(CACHE_CONTROL.as_str()))
                || (!cookies.is_empty() && field.is(COOKIE.as_str()));
            if let Some(value) = field.value.as_deref().filter(|_| !is_overruled) {
                builder = builder.header_raw(&field.name, value);
            }
        }
        if !cookies.is_empty() {
            builder = builder.header_raw("Cookie", cookies);
        }
        if no_cache {
            builder = builder.header(CACHE_CONTROL, "no-cache");
        }
        if let Some(condition) = condition {
            builder = match condition {
                Condition::NoneMatch(etag) => builder.header(IF_NONE_MATCH, etag),
                Condition::ModifiedSince(time) => {
                    builder.header(IF_MODIFIED_SINCE, httpdate::fmt_http_date(*time))
                }
            };
        }
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

    /// Begins it. One that goes to a proxy itself is for ureq one to that host, so that URLs of all hosts
    /// share the connections to it; the URL is in its path, from where the wire takes it.
    fn begin(
        &self,
        agent: &Agent,
        via: Option<&Via>,
        host: &mut HeaderValue,
    ) -> RequestBuilder<WithoutBody> {
        let Self { method, url, .. } = *self;
        let ask = |uri: &str| match method {
            Method::Get => agent.get(uri),
            Method::Head => agent.head(uri),
        };
        let proxy = via.filter(|via| via.is_absolute).map(|via| &via.proxy);
        let mut builder = match proxy {
            Some(proxy) => ask(&format!("http://{}:{}/{url}", proxy.host, proxy.port)),
            None => ask(url.as_str()),
        };
        if self.is_free(HOST.as_str()) {
            // ureq would make it of its own URL, which takes longer, and is the proxy's if there is one.
            let name = &url[Position::BeforeHost..Position::AfterPort];
            if host != name {
                // No host of a URL is one that cannot be sent.
                *host =
                    HeaderValue::from_str(name).unwrap_or_else(|_| HeaderValue::from_static(""));
            }
            if let Some(headers) = builder.headers_mut() {
                headers.append(HOST, host.clone());
            }
        }
        if let Some(login) = proxy.and_then(|proxy| proxy.credentials.as_ref()) {
            builder = builder.header(PROXY_AUTHORIZATION, basic_value(login));
        }
        builder
    }

    /// Returns whether the user says nothing of the field of this name.
    fn is_free(&self, name: &str) -> bool {
        !self.fields.iter().any(|field| field.is(name))
    }

    /// Returns its Cookie field if the jar has any for it: its own come first, then those that the user
    /// gives. The user can also want none.
    pub(super) fn cookies(&self, jar: &Jar) -> Sent {
        let given = self.fields.iter().find(|field| field.is(COOKIE.as_str()));
        let Some(given) = given else { return jar.cookies_for(self.url, MAX_COOKIES) };
        let Some(given) = &given.value else { return Sent::default() };
        let room = MAX_COOKIES.saturating_sub(given.len() + SEPARATOR.len());
        let mut sent = jar.cookies_for(self.url, room);
        if !sent.field.is_empty() {
            sent.field.extend_from_slice(SEPARATOR);
            sent.field.extend_from_slice(given);
        }
        sent
    }
}
