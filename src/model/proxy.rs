//! Proxies, and what may go wrong with one.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::model::error::{Plain, tls};
use crate::model::job::Credentials;
use crate::model::size::Span;
use crate::model::text::Printable;
use crate::model::tls::{SPEAKS_TLS, TlsProblem};

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP: requests for http URLs, tunnels (CONNECT) for https URLs.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 4: addresses only, of IPv4.
    Socks4,
    /// SOCKS 4A: names too.
    Socks4a,
    /// SOCKS 5 (RFC 1928), with addresses that are looked up here.
    Socks5,
    /// SOCKS 5, with names that the proxy looks up.
    Socks5h,
}

impl ProxyKind {
    /// Returns whether requests for http URLs are sent to it as they are, not through a tunnel.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        })
    }
}

/// A proxy. Shown without its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its host, as in a URL: an IPv6 address is in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it is logged in to with; for it alone.
    pub credentials: Option<Credentials>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.kind, Printable(&self.host), self.port)
    }
}

/// What went wrong with a proxy, as far as it is the proxy's doing and not the origin's.
#[derive(Debug)]
pub enum ProxyProblem {
    /// Its name does not exist.
    NotFound,
    /// No name server told its address.
    Unresolved {
        /// What the system said.
        detail: String,
    },
    /// No connection to it could be opened.
    Unreachable {
        /// What the last address that was tried said.
        source: io::Error,
    },
    /// It was not done in time.
    TimedOut {
        /// How long that took.
        after: Duration,
    },
    /// The connection broke before it was done.
    Broken {
        /// What the system said.
        source: io::Error,
    },
    /// TLS with it failed.
    Tls(Box<TlsProblem>),
    /// It wants a login and got none, or not that one.
    Login {
        /// Whether it got one.
        was_given: bool,
        /// Whether it takes what haul can give: a name and a password as they are.
        is_basic: bool,
    },
    /// It answered CONNECT with a status that opens no tunnel.
    Refused {
        /// The status code.
        code: u16,
        /// The registered reason phrase.
        reason: &'static str,
    },
    /// It answered a request of SOCKS with this code.
    Socks(SocksRefusal),
    /// It does not speak what its URL says.
    Protocol {
        /// What was wrong.
        detail: String,
    },
}

/// Why a SOCKS proxy opens no connection: the replies of RFC 1928 §6, and those of SOCKS 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocksRefusal {
    /// 1: general failure; of SOCKS 4 any failure (91).
    General,
    /// 2: its rules do not allow it.
    NotAllowed,
    /// 3
    NetworkUnreachable,
    /// 4
    HostUnreachable,
    /// 5
    ConnectionRefused,
    /// 6
    TtlExpired,
    /// 7
    CommandNotSupported,
    /// 8
    AddressNotSupported,
    /// Of SOCKS 4 (92, 93): the user's identd does not vouch for him.
    Ident,
    /// A code that has no meaning.
    Other(u8),
}

impl fmt::Display for ProxyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("its host is not found"),
            Self::Unresolved { detail } => {
                write!(f, "its host cannot be looked up: {}", Printable(detail))
            }
            Self::Unreachable { source } => write!(f, "cannot connect: {}", Plain(source)),
            Self::TimedOut { after } => write!(f, "no connection within {}", Span(*after)),
            Self::Broken { source } if source.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("it closed the connection before its answer was complete")
            }
            Self::Broken { source } => write!(f, "the connection broke: {}", Plain(source)),
            Self::Tls(problem) => tls::write(f, "the proxy", problem),
            Self::Login { is_basic: false, .. } => {
                f.write_str("it wants a login of a kind that haul does not know")
            }
            Self::Login { was_given: false, .. } => f.write_str("it wants a login"),
            Self::Login { was_given: true, .. } => f.write_str("it refuses the login"),
            Self::Refused { code, reason } => {
                write!(f, "it refuses a tunnel: {}", format!("{code} {reason}").trim_end())
            }
            Self::Socks(refusal) => write!(f, "{refusal}"),
            Self::Protocol { detail } => write!(f, "{}", Printable(detail)),
        }
    }
}

impl fmt::Display for SocksRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::General => "it cannot connect: general failure",
            Self::NotAllowed => "its rules do not allow this connection",
            Self::NetworkUnreachable => "it cannot connect: network unreachable",
            Self::HostUnreachable => "it cannot connect: host unreachable",
            Self::ConnectionRefused => "it cannot connect: connection refused",
            Self::TtlExpired => "it cannot connect: TTL expired",
            Self::CommandNotSupported => "it opens no connections: command not supported",
            Self::AddressNotSupported => "it does not take this kind of address",
            Self::Ident => "it refuses the user (identd)",
            Self::Other(code) => return write!(f, "it refuses with an unknown code, {code}"),
        })
    }
}

impl ProxyProblem {
    /// Returns the next step that the user can take, if there is one.
    pub(super) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound => "check the spelling of the proxy's host",
            Self::Unresolved { .. } => "check the network and the name servers",
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "is it the right proxy? `--proxy ''` uses none"
            }
            Self::Login { is_basic: false, .. } => "haul speaks Basic, and for SOCKS 5 RFC 1929",
            Self::Login { was_given: false, .. } => "give one with `--proxy-user NAME:PASSWORD`",
            Self::Login { was_given: true, .. } => "check the name and the password of the proxy",
            Self::Tls(problem) => match **problem {
                TlsProblem::NotTls | TlsProblem::PlainHttp => "is it an http:// proxy?",
                TlsProblem::CertificateWanted { .. } | TlsProblem::CertificateRefused { .. } => {
                    "haul shows its client certificate to servers, and to no proxy"
                }
                _ => return tls::hint(problem),
            },
            Self::Protocol { detail } if detail == SPEAKS_TLS => "is it an https:// proxy?",
            Self::Protocol { .. } => "check the scheme of the proxy's URL",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_login() {
        let credentials = Credentials { user: b"me".to_vec(), password: b"s3cret".to_vec() };
        let proxy = Proxy {
            kind: ProxyKind::Socks5h,
            host: "[::1]".to_owned(),
            port: 1080,
            credentials: Some(credentials),
        };
        assert_eq!(proxy.to_string(), "socks5h://[::1]:1080");
        let debug = format!("{proxy:?}");
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
