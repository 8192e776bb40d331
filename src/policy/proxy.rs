//! Which proxy a URL goes through: the rules are curl's.
//!
//! A proxy is chosen by the URL's scheme. Exceptions are names, which cover what is below them too,
//! addresses and networks, all with a port if only that is meant; names are not looked up for that.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use crate::model::proxy::{Proxy, ProxyKind};
use crate::model::redact::shorten;
use crate::policy::target::{check_sendable, take_credentials};

/// The most bytes that a name and a password may have (RFC 1929 §2).
const MAX_LOGIN_BYTES: usize = 255;

/// The proxies of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The one for http URLs.
    pub http: Option<Arc<Proxy>>,
    /// The one for https URLs.
    pub https: Option<Arc<Proxy>>,
    /// What goes past both.
    pub exceptions: Exceptions,
}

impl Proxies {
    /// Returns the proxy for a URL, if it goes through one. It depends on the scheme, the host and the
    /// port alone, so that URLs of one origin share connections.
    pub fn choose(&self, url: &Url) -> Option<&Arc<Proxy>> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.exceptions.cover(url))
    }
}

/// Reads the URL of a proxy. Without a scheme it is `http`, without a port 1080, or 443 for `https`.
///
/// # Errors
/// What is wrong with it, without its credentials.
pub fn parse(text: &str) -> Result<Proxy, String> {
    let text = text.trim();
    let bad = |why: &str| format!("`{}`: {why}", shorten(text));
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let kind = match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyKind::Http,
        "https" => ProxyKind::Https,
        "socks4" => ProxyKind::Socks4,
        "socks4a" => ProxyKind::Socks4a,
        "socks5" => ProxyKind::Socks5,
        "socks5h" => ProxyKind::Socks5h,
        _ => {
            let known = "a proxy is http, https, socks4, socks4a, socks5 or socks5h";
            return Err(bad(known));
        }
    };
    if rest.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(bad("has a character that no URL has"));
    }
    // A port that is the scheme's own is not kept, so each scheme tells what the other hides.
    let as_scheme = |scheme: &str| Url::parse(&format!("{scheme}://{rest}"));
    let (mut url, other) = match (as_scheme("http"), as_scheme("https")) {
        (Ok(url), Ok(other)) => (url, other),
        (Err(error), _) | (_, Err(error)) => return Err(bad(&error.to_string())),
    };
    let default_port = if kind == ProxyKind::Https { 443 } else { 1080 };
    let port = url.port().or(other.port()).unwrap_or(default_port);
    let credentials = take_credentials(&mut url);
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("has more than a host and a port"));
    }
    check_sendable(&url).map_err(|why| bad(&why))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let proxy = Proxy { kind, host, port, credentials };
    check_login(&proxy).map_err(bad)?;
    Ok(proxy)
}

/// Checks that the proxy can be told its credentials.
///
/// # Errors
/// What is wrong with them.
pub fn check_login(proxy: &Proxy) -> Result<(), &'static str> {
    let Some(login) = &proxy.credentials else { return Ok(()) };
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https if login.user.contains(&b':') => {
            Err("a name with a colon cannot be told to an HTTP proxy")
        }
        ProxyKind::Socks5 | ProxyKind::Socks5h
            if login.user.is_empty()
                || login.user.len() > MAX_LOGIN_BYTES
                || login.password.len() > MAX_LOGIN_BYTES =>
        {
            Err("SOCKS 5 takes a name of 1 to 255 bytes, and a password of at most 255")
        }
        ProxyKind::Socks4 | ProxyKind::Socks4a if !login.password.is_empty() => {
            Err("SOCKS 4 has no passwords")
        }
        ProxyKind::Socks4 | ProxyKind::Socks4a if login.user.contains(&0) => {
            Err("a name with a NUL cannot be told to a SOCKS 4 proxy")
        }
        _ => Ok(()),
    }
}

/// The hosts that no proxy is used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A name and all below it.
    Domain(String),
}

impl Exceptions {
    /// Reads a list that is separated by commas or blanks. Returns too what of it says nothing.
    pub fn parse(list: &str) -> (Self, Vec<&str>) {
        let mut wrong = Vec::new();
        let mut exceptions = Vec::new();
        for entry in list.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty()) {
            match parse_exception(entry) {
                Some(exception) => exceptions.push(exception),
                None => wrong.push(entry),
            }
        }
        (Self(exceptions), wrong)
    }

    /// Returns whether no proxy is used for a URL.
    pub fn cover(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        let is_covered = |exception: &Exception| {
            (exception.port.is_none() || exception.port == port)
                && match (&exception.hosts, &host) {
                    (Hosts::All, _) => true,
                    (Hosts::Network(net), Host::Ipv4(address)) => {
                        net.contains(&IpAddr::V4(*address))
                    }
                    (Hosts::Network(net), Host::Ipv6(address)) => {
                        net.contains(&IpAddr::V6(*address).to_canonical())
                            || net.contains(&IpAddr::V6(*address))
                    }
                    (Hosts::Domain(domain), Host::Domain(name)) => is_below(name, domain),
                    _ => false,
                }
        };
        self.0.iter().any(is_covered)
    }
}

/// Returns whether a name is this domain or a name in it.
fn is_below(name: &str, domain: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.strip_suffix(domain) {
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

fn parse_exception(entry: &str) -> Option<Exception> {
    if entry == "*" {
        return Some(Exception { hosts: Hosts::All, port: None });
    }
    if entry.contains('/') {
        let net = entry.parse::<IpNet>().ok()?;
        return Some(Exception { hosts: Hosts::Network(net), port: None });
    }
    // Of an address of IPv6 without brackets every colon is a part.
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some(Exception { hosts: Hosts::Network(address.into()), port: None });
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (entry, None),
    };
    let name = host.strip_prefix("*.").unwrap_or(host).trim_start_matches('.');
    // A pattern is none that anybody would match.
    if name.contains('*') {
        return None;
    }
    let hosts = match Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()? {
        Host::Ipv4(address) => Hosts::Network(IpAddr::V4(address).into()),
        Host::Ipv6(address) => Hosts::Network(IpAddr::V6(address).into()),
        Host::Domain(domain) => Hosts::Domain(domain),
    };
    Some(Exception { hosts, port })
}

#[cfg(test)]
mod tests;
