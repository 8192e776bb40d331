//! Where connections go when the user says so, as curl understands it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use url::Host;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Returns whether an address is of it.
    pub fn has(self, address: IpAddr) -> bool {
        address.is_ipv6() == (self == Self::V6)
    }
}

/// Where connections come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// An address of this machine.
    Address(IpAddr),
    /// A network device, by its name.
    Device(String),
}

/// What the user says of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Only addresses of this family are used.
    pub family: Option<Family>,
    /// Addresses that are not looked up. They are used whatever their family.
    pub given: Vec<Given>,
    /// Hosts in the place of others.
    pub detours: Vec<Detour>,
    /// Where connections come from.
    pub interface: Option<Interface>,
    /// The socket that all connections go to.
    pub unix_socket: Option<PathBuf>,
}

impl Addresses {
    /// Returns the host and the port to connect to for those of a URL: the first detour that fits.
    pub fn detour<'a>(&'a self, host: &'a str, port: u16) -> (&'a str, u16) {
        let fits = |detour: &&Detour| {
            detour.from_host.as_deref().is_none_or(|from| from == host)
                && detour.from_port.is_none_or(|from| from == port)
        };
        match self.detours.iter().find(fits) {
            Some(Detour { to_host, to_port, .. }) => {
                (to_host.as_deref().unwrap_or(host), to_port.unwrap_or(port))
            }
            None => (host, port),
        }
    }

    /// Returns the addresses that were given for a host and a port: the last ones for its name, else the
    /// last ones for any.
    pub fn given(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        let find = |wanted: Option<&str>| {
            self.given.iter().rev().find(|g| g.port == port && g.host.as_deref() == wanted)
        };
        find(Some(host)).or_else(|| find(None)).map(|given| given.addresses.as_slice())
    }

    /// Returns the family that all looked-up addresses must have.
    pub fn only_family(&self) -> Option<Family> {
        match &self.interface {
            Some(Interface::Address(IpAddr::V4(_))) => Some(Family::V4),
            Some(Interface::Address(IpAddr::V6(_))) => Some(Family::V6),
            _ => self.family,
        }
    }
}

/// `HOST:PORT:ADDRESS[,ADDRESS]...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    host: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "not HOST:PORT:ADDRESS such as h.example:443:127.0.0.1".to_owned();
        let (host, rest) = split(text).ok_or_else(wrong)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(wrong)?;
        let host = if host == "*" { None } else { Some(parse_host(host)?) };
        let addresses = addresses.split(',').map(parse_address).collect::<Result<_, _>>()?;
        Ok(Self { host, port: parse_port(port)?, addresses })
    }
}

/// `HOST1:PORT1:HOST2:PORT2`, in which any may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detour {
    from_host: Option<String>,
    from_port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

impl FromStr for Detour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "not HOST1:PORT1:HOST2:PORT2, in which any may be empty".to_owned();
        let (from_host, rest) = split(text).ok_or_else(wrong)?;
        let (from_port, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (to_host, to_port) = split(rest).ok_or_else(wrong)?;
        let host = |text: &str| (!text.is_empty()).then(|| parse_host(text)).transpose();
        let port = |text: &str| (!text.is_empty()).then(|| parse_port(text)).transpose();
        Ok(Self {
            from_host: host(from_host)?,
            from_port: port(from_port)?,
            to_host: host(to_host)?,
            to_port: port(to_port)?,
        })
    }
}

/// Splits at the first colon that is not inside of brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let after = if text.starts_with('[') { text.find(']')? } else { 0 };
    let colon = after + text[after..].find(':')?;
    Some((&text[..colon], &text[colon + 1..]))
}

/// Reads a host as URLs have it: in small letters, an address of IPv6 in brackets.
fn parse_host(text: &str) -> Result<String, String> {
    let host = Host::parse(text).map_err(|error| format!("host `{text}`: {error}"))?;
    Ok(host.to_string())
}

fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("`{text}` is no port")),
    }
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| format!("`{text}` is no address"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses(given: &[&str], detours: &[&str]) -> Addresses {
        Addresses {
            given: given.iter().map(|text| text.parse().unwrap()).collect(),
            detours: detours.iter().map(|text| text.parse().unwrap()).collect(),
            ..Addresses::default()
        }
    }

    #[test]
    fn addresses_are_given_for_a_name_and_a_port_or_for_any_name() {
        let addresses = addresses(
            &[
                "*:80:10.0.0.9",
                "h.example:80:10.0.0.1",
                "H.example:80:10.0.0.2,[::1],::2",
                "[::1]:80:10.0.0.3",
                "b\u{fc}cher.example:443:::3",
            ],
            &[],
        );
        let given = |host, port| {
            let found = addresses.given(host, port)?;
            Some(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(given("h.example", 80).as_deref(), Some("10.0.0.2 ::1 ::2"));
        assert_eq!(given("h.example", 443), None);
        assert_eq!(given("other", 80).as_deref(), Some("10.0.0.9"));
        assert_eq!(given("[::1]", 80).as_deref(), Some("10.0.0.3"));
        assert_eq!(given("xn--bcher-kva.example", 443).as_deref(), Some("::3"));
    }

    #[test]
    fn the_first_detour_that_fits_is_taken() {
        let addresses = addresses(
            &[],
            &["a:80:b:8080", "a:80:c:1", "[::1]:443:[::2]:", ":81:d:", "e:::82", "::[::9]:9"],
        );
        assert_eq!(addresses.detour("a", 80), ("b", 8080));
        assert_eq!(addresses.detour("[::1]", 443), ("[::2]", 443));
        assert_eq!(addresses.detour("x", 81), ("d", 81));
        assert_eq!(addresses.detour("e", 1), ("e", 82));
        assert_eq!(addresses.detour("x", 5), ("[::9]", 9));
        assert_eq!(Addresses::default().detour("x", 5), ("x", 5));
    }

    #[test]
    fn texts_that_say_nothing_are_refused() {
        #[track_caller]
        fn given(text: &str, why: &str) {
            let error = text.parse::<Given>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        #[track_caller]
        fn detour(text: &str, why: &str) {
            let error = text.parse::<Detour>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        given("h", "not HOST:PORT:ADDRESS");
        given("h:80", "not HOST:PORT:ADDRESS");
        given("[::1:80:1.2.3.4", "not HOST:PORT:ADDRESS");
        given("h:x:1.2.3.4", "`x` is no port");
        given("h:0:1.2.3.4", "`0` is no port");
        given("h:80:", "`` is no address");
        given("h:80:1.2.3.4,other", "`other` is no address");
        given(":80:1.2.3.4", "host ``");
        detour("a:1:b", "not HOST1:PORT1:HOST2:PORT2");
        detour("a", "not HOST1:PORT1:HOST2:PORT2");
        detour("a:1:b:99999", "`99999` is no port");
        detour("a:1:b:1:c", "`1:c` is no port");
        detour("a b:1::", "host `a b`");
    }

    #[test]
    fn an_address_of_this_machine_decides_the_family() {
        let from = |address: &str| Addresses {
            interface: Some(Interface::Address(address.parse().unwrap())),
            ..Addresses::default()
        };
        assert_eq!(from("10.0.0.1").only_family(), Some(Family::V4));
        assert_eq!(from("::1").only_family(), Some(Family::V6));
        assert_eq!(Addresses::default().only_family(), None);
    }

    proptest! {
        #[test]
        fn any_text_returns(text: String) {
            let _ = (text.parse::<Given>(), text.parse::<Detour>());
        }
    }
}
