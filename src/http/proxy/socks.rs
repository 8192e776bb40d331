//! SOCKS 4, 4A and 5 (RFC 1928, RFC 1929): the client's side of a connection.
//!
//! By hand: the crates for it open the connection to the proxy themselves, which nothing could break
//! off then, or are for async programs.

use std::io::{Read, Write};
use std::net::IpAddr;

use crate::http::proxy::{Failure, protocol};
use crate::model::error::Cause;
use crate::model::job::Credentials;
use crate::model::proxy::{ProxyKind, ProxyProblem, SocksRefusal};

/// What is asked for: a host by its address or by its name.
enum Target<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// Has the proxy connect to a host.
pub(super) fn open(
    stream: &mut (impl Read + Write),
    kind: ProxyKind,
    login: Option<&Credentials>,
    (host, port): (&str, u16),
    look_up: impl FnOnce() -> Result<Vec<IpAddr>, Cause>,
) -> Result<(), Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let takes_names = matches!(kind, ProxyKind::Socks4a | ProxyKind::Socks5h);
    let is_four = matches!(kind, ProxyKind::Socks4 | ProxyKind::Socks4a);
    let target = match bare.parse() {
        Ok(address) => Target::Address(address),
        Err(_) if takes_names => Target::Name(bare),
        Err(_) => {
            let found = look_up().map_err(Failure::LookUp)?;
            let usable = found.into_iter().find(|address| !is_four || address.is_ipv4());
            Target::Address(usable.ok_or_else(no_address)?)
        }
    };
    if is_four {
        return ask_four(stream, login, &target, port);
    }
    greet(stream, login)?;
    ask_five(stream, &target, port)
}

/// SOCKS 4 knows addresses of IPv4 only.
fn no_address() -> Failure {
    ProxyProblem::Socks(SocksRefusal::AddressNotSupported).into()
}

fn ask_four(
    stream: &mut (impl Read + Write),
    login: Option<&Credentials>,
    target: &Target<'_>,
    port: u16,
) -> Result<(), Failure> {
    let mut request = vec![4, 1];
    request.extend(port.to_be_bytes());
    match target {
        Target::Address(IpAddr::V4(address)) => request.extend(address.octets()),
        Target::Address(IpAddr::V6(_)) => return Err(no_address()),
        // An address that cannot be one says that a name follows.
        Target::Name(_) => request.extend([0, 0, 0, 1]),
    }
    request.extend(login.map(|login| login.user.as_slice()).unwrap_or_default());
    request.push(0);
    if let Target::Name(name) = target {
        request.extend(name.as_bytes());
        request.push(0);
    }
    stream.write_all(&request)?;
    let mut reply = [0; 8];
    stream.read_exact(&mut reply[..1])?;
    if reply[0] != 0 {
        return Err(protocol("its answer is not of SOCKS 4"));
    }
    stream.read_exact(&mut reply[1..])?;
    Err(match reply[1] {
        90 => return Ok(()),
        91 => ProxyProblem::Socks(SocksRefusal::General).into(),
        92 | 93 => ProxyProblem::Socks(SocksRefusal::Ident).into(),
        code => ProxyProblem::Socks(SocksRefusal::Other(code)).into(),
    })
}

const NO_LOGIN: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTED: u8 = 0xff;

/// Agrees on how to log in, and does it.
fn greet(stream: &mut (impl Read + Write), login: Option<&Credentials>) -> Result<(), Failure> {
    let greeting: &[u8] = match login {
        Some(_) => &[5, 2, NO_LOGIN, NAME_AND_PASSWORD],
        None => &[5, 1, NO_LOGIN],
    };
    stream.write_all(greeting)?;
    let mut choice = [0; 2];
    read_five(stream, &mut choice)?;
    match (choice[1], login) {
        (NO_LOGIN, _) => Ok(()),
        (NAME_AND_PASSWORD, Some(login)) => log_in(stream, login),
        (NONE_ACCEPTED, login) => {
            Err(ProxyProblem::Login { was_given: login.is_some(), is_basic: true }.into())
        }
        (other, _) => Err(protocol(format!("it chose a login that was not offered, {other}"))),
    }
}

/// Sends a name and a password (RFC 1929).
fn log_in(stream: &mut (impl Read + Write), login: &Credentials) -> Result<(), Failure> {
    let mut request = vec![1];
    for part in [&login.user, &login.password] {
        request.push(length(part)?);
        request.extend(part);
    }
    stream.write_all(&request)?;
    let mut reply = [0; 2];
    stream.read_exact(&mut reply)?;
    match reply[1] {
        0 => Ok(()),
        _ => Err(ProxyProblem::Login { was_given: true, is_basic: true }.into()),
    }
}

fn ask_five(
    stream: &mut (impl Read + Write),
    target: &Target<'_>,
    port: u16,
) -> Result<(), Failure> {
    let mut request = vec![5, 1, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Target::Name(name) => {
            request.extend([3, length(name.as_bytes())?]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;
    let mut reply = [0; 4];
    read_five(stream, &mut reply)?;
    if reply[1] != 0 {
        return Err(ProxyProblem::Socks(refusal(reply[1])).into());
    }
    // The address that the proxy connects from, which is of no use here.
    let rest = match reply[3] {
        1 => 4,
        4 => 16,
        3 => {
            let mut length = [0];
            stream.read_exact(&mut length)?;
            usize::from(length[0])
        }
        _ => return Err(protocol("its answer is not of SOCKS 5")),
    };
    stream.read_exact(&mut [0; 255 + 2][..rest + 2])?;
    Ok(())
}

/// Reads an answer that begins with the version; what is none is found by its first byte.
fn read_five(stream: &mut impl Read, answer: &mut [u8]) -> Result<(), Failure> {
    stream.read_exact(&mut answer[..1])?;
    if answer[0] != 5 {
        return Err(protocol("its answer is not of SOCKS 5"));
    }
    stream.read_exact(&mut answer[1..])?;
    Ok(())
}

fn length(bytes: &[u8]) -> Result<u8, Failure> {
    let too_long = |_| protocol("a name of more than 255 bytes cannot be told to a SOCKS proxy");
    u8::try_from(bytes.len()).map_err(too_long)
}

/// RFC 1928 §6.
fn refusal(code: u8) -> SocksRefusal {
    match code {
        1 => SocksRefusal::General,
        2 => SocksRefusal::NotAllowed,
        3 => SocksRefusal::NetworkUnreachable,
        4 => SocksRefusal::HostUnreachable,
        5 => SocksRefusal::ConnectionRefused,
        6 => SocksRefusal::TtlExpired,
        7 => SocksRefusal::CommandNotSupported,
        8 => SocksRefusal::AddressNotSupported,
        other => SocksRefusal::Other(other),
    }
}
