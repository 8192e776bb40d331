//! A cookie, and where it belongs (RFC 6265 §5.1.3 and §5.1.4).

use std::time::Duration;

use url::Url;

use crate::http::jar::domain;
use crate::policy::set_cookie::SetCookie;

/// The longest path.
pub(super) const MAX_PATH: usize = 1024;

/// A cookie. Its name, value and path need not be UTF-8.
pub(super) struct Cookie {
    pub(super) name: Box<[u8]>,
    pub(super) value: Box<[u8]>,
    /// As URLs write it, without a dot before it.
    pub(super) domain: Box<str>,
    /// Whether it is for the hosts below its domain too.
    pub(super) has_subdomains: bool,
    pub(super) path: Box<[u8]>,
    /// Counted from 1970; `None` for the end of the session.
    pub(super) expires: Option<Duration>,
    pub(super) is_secure: bool,
    pub(super) is_http_only: bool,
}

impl Cookie {
    /// Makes the cookie that a response from `url` sets; `None` if it may not.
    pub(super) fn set(set: &SetCookie<'_>, url: &Url) -> Option<Self> {
        let host = url.host_str()?;
        let (domain, has_subdomains) = match set.domain {
            Some(domain) => domain::named(domain, host)?,
            None => (host.into(), false),
        };
        let cookie = Self {
            name: set.name.into(),
            value: set.value.into(),
            domain,
            has_subdomains,
            path: set.path.unwrap_or_else(|| default_path(url)).into(),
            expires: set.expires,
            is_secure: set.is_secure,
            is_http_only: set.is_http_only,
        };
        // Without a path of its own it has that of the URL.
        (cookie.path.len() <= MAX_PATH).then_some(cookie)
    }

    /// Returns whether it is sent to a URL.
    pub(super) fn is_for(&self, url: &Url) -> bool {
        self.is_on(url.path().as_bytes())
            && (!self.is_secure || is_safe(url))
            && url.host_str().is_some_and(|host| self.covers(host))
    }

    /// Returns whether a path is that of the cookie, or below it.
    pub(super) fn is_on(&self, path: &[u8]) -> bool {
        path.strip_prefix(&*self.path).is_some_and(|below| {
            below.is_empty() || self.path.ends_with(b"/") || below.starts_with(b"/")
        })
    }

    /// Returns whether a host is that of the cookie, or below its domain. Their owner has to be the same.
    pub(super) fn covers(&self, host: &str) -> bool {
        host == &*self.domain || (self.has_subdomains && domain::is_at_or_below(host, &self.domain))
    }

    /// Returns what two cookies have in common of which one takes the other's place: name, domain and path.
    pub(super) fn identity(&self) -> (&[u8], &str, bool, &[u8]) {
        (&self.name, &self.domain, self.has_subdomains, &self.path)
    }

    /// Returns whether it is gone at a time, counted from 1970.
    pub(super) fn has_expired(&self, now: Duration) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Returns whether nobody on the way to a URL reads along: it is of https, or of this machine by one of the
/// three names that curl takes for that (RFC 6265bis leaves it to the client).
pub(super) fn is_safe(url: &Url) -> bool {
    const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
    let is_here = || url.host_str().is_some_and(|host| THIS_MACHINE.contains(&host));
    url.scheme() == "https" || is_here()
}

/// Returns the path of a cookie that says none: that of the URL up to its last `/`.
fn default_path(url: &Url) -> &[u8] {
    let path = url.path().as_bytes();
    let last = path.iter().rposition(|&byte| byte == b'/').unwrap_or_default();
    if last == 0 { b"/" } else { &path[..last] }
}
