//! Where connections go.

use std::io::{self, ErrorKind};

use anyhow::{Error, Result, anyhow, bail};

use crate::cli::args::Args;
use crate::model::error::Plain;
use crate::model::text::Printable;
use crate::policy::address::{Addresses, Family, Interface};

/// What the system says of a device that there is not.
const NO_DEVICE: i32 = rustix::io::Errno::NODEV.raw_os_error();

/// Returns what the user says of addresses.
///
/// # Errors
/// Two options that contradict each other.
pub(super) fn addresses(args: &Args) -> Result<Addresses> {
    let has_proxy = args.proxies.proxy.as_deref().is_some_and(|proxy| !proxy.trim().is_empty());
    let args = &args.addresses;
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Some(Family::V4),
        (false, true) => Some(Family::V6),
        (false, false) => None,
    };
    let interface = args.interface.as_ref().map(|text| match text.parse() {
        Ok(address) => Interface::Address(address),
        Err(_) => Interface::Device(text.clone()),
    });
    if args.unix_socket.is_some() {
        let unused = [
            ("--proxy", has_proxy),
            ("--ipv4` or `--ipv6", family.is_some()),
            ("--resolve", !args.resolve.is_empty()),
            ("--connect-to", !args.connect_to.is_empty()),
            ("--interface", interface.is_some()),
        ];
        if let Some((option, _)) = unused.iter().find(|(_, is_given)| *is_given) {
            bail!("`{option}` says how to reach hosts, and with `--unix-socket` none is reached");
        }
    }
    if let (Some(family), Some(Interface::Address(address))) = (family, &interface)
        && !family.has(*address)
    {
        bail!("`--interface {address}` is of the other family than the one that is to be used");
    }
    Ok(Addresses {
        family,
        given: args.resolve.clone(),
        detours: args.connect_to.clone(),
        interface,
        unix_socket: args.unix_socket.clone(),
    })
}

/// Says why connections cannot come from where they are to come from.
pub fn refused(interface: Option<&Interface>, error: &io::Error) -> Error {
    let name = match interface {
        Some(Interface::Address(address)) => address.to_string(),
        Some(Interface::Device(name)) => Printable(name).to_string(),
        None => String::new(),
    };
    let why = match (interface, error.kind()) {
        (Some(Interface::Address(_)), ErrorKind::AddrNotAvailable) => {
            "no address of this machine; `ip address` lists them".to_owned()
        }
        (Some(Interface::Device(_)), _) if error.raw_os_error() == Some(NO_DEVICE) => {
            "no network device; `ip link` lists them".to_owned()
        }
        _ => Plain(error).to_string(),
    };
    anyhow!("`--interface {name}`: {why}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn resolve(args: &[&str]) -> Result<Addresses> {
        addresses(&Args::try_parse_from(["haul"].iter().chain(args)).unwrap())
    }

    #[test]
    fn the_last_family_holds_and_interfaces_are_addresses_or_names() {
        assert_eq!(resolve(&["-4", "-6"]).unwrap().family, Some(Family::V6));
        assert_eq!(resolve(&["-6", "--ipv4"]).unwrap().family, Some(Family::V4));
        let interface = |text| resolve(&["--interface", text]).unwrap().interface.unwrap();
        assert_eq!(interface("::1"), Interface::Address("::1".parse().unwrap()));
        assert_eq!(interface("eth0"), Interface::Device("eth0".to_owned()));
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        let socket = ["--unix-socket", "/run/x"];
        for other in [
            &["--proxy", "p"] as &[_],
            &["-6"],
            &["--resolve", "h:80:::1"],
            &["--connect-to", ":::"],
            &["--interface", "lo"],
        ] {
            assert!(resolve(&[&socket, other].concat()).is_err(), "{other:?}");
        }
        assert!(resolve(&[&socket[..], &["--proxy", ""]].concat()).is_ok());
        assert!(resolve(&["-4", "--interface", "::1"]).is_err());
        assert!(resolve(&["-6", "--interface", "::1"]).is_ok());
    }
}
