//! Opening a TCP connection: happy eyeballs (RFC 8305) over all addresses of a host.
//!
//! Addresses of the two families take turns; each gets a head start before the next is tried as
//! well, and the first to answer wins. The wait is a poll with short ticks, so that one
//! that is not wanted any more ends at once, which a blocking `connect` would not.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use socket2::{Domain, Protocol, Socket, Type};

use crate::policy::address::Interface;

/// How long an address is alone before the next one is tried too (RFC 8305 §5 recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// How often is asked whether the connection is still wanted.
const TICK: Duration = Duration::from_millis(50);

/// Why no connection was opened.
#[derive(Debug)]
pub(super) enum DialError {
    /// The system's answer for the last address that failed.
    Io(io::Error),
    /// It is not wanted any more.
    Unwanted,
    /// The deadline came.
    TimedOut,
}

/// Connects to the first address that answers.
pub(super) fn dial(
    addresses: &[SocketAddr],
    interface: Option<&Interface>,
    deadline: Instant,
    is_unwanted: impl Fn() -> bool,
) -> Result<TcpStream, DialError> {
    let mut waiting = interleave(addresses).into_iter();
    let mut trying: Vec<Socket> = Vec::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut next_start = Instant::now();
    loop {
        if is_unwanted() {
            return Err(DialError::Unwanted);
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(DialError::TimedOut);
        }
        if now >= next_start || trying.is_empty() {
            match waiting.next() {
                Some(address) => {
                    match start(address, interface) {
                        Ok(socket) => {
                            trying.push(socket);
                            next_start = now + HEAD_START;
                        }
                        Err(error) => {
                            last_error = error;
                            next_start = now;
                        }
                    }
                    continue;
                }
                None if trying.is_empty() => return Err(DialError::Io(last_error)),
                None => next_start = deadline,
            }
        }
        let wait = next_start.min(deadline).saturating_duration_since(now).min(TICK);
        for index in poll(&trying, wait).map_err(DialError::Io)?.into_iter().rev() {
            let socket = trying.swap_remove(index);
            match socket.take_error() {
                Ok(None) => {
                    socket.set_nonblocking(false).map_err(DialError::Io)?;
                    return Ok(socket.into());
                }
                Ok(Some(error)) | Err(error) => {
                    last_error = error;
                    next_start = now;
                }
            }
        }
    }
}

/// Checks that connections can come from there.
pub(super) fn check(interface: &Interface) -> io::Result<()> {
    let domain = match interface {
        Interface::Address(address) => Domain::for_address(SocketAddr::new(*address, 0)),
        Interface::Device(_) => Domain::IPV4,
    };
    bind(&Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?, interface)
}

fn bind(socket: &Socket, interface: &Interface) -> io::Result<()> {
    match interface {
        Interface::Address(address) => socket.bind(&SocketAddr::new(*address, 0).into()),
        #[cfg(target_os = "linux")]
        Interface::Device(name) => socket.bind_device(Some(name.as_bytes())),
        #[cfg(not(target_os = "linux"))]
        Interface::Device(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Starts to connect without waiting.
fn start(address: SocketAddr, interface: Option<&Interface>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(interface) = interface {
        bind(&socket, interface)?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}

/// Returns the indices of the sockets that have connected or failed, ascending.
fn poll(sockets: &[Socket], wait: Duration) -> io::Result<Vec<usize>> {
    let mut fds: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    let timeout = Timespec::try_from(wait).ok();
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    Ok(fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(i, _)| i).collect())
}

/// Lets the families take turns, the first address's family first (RFC 8305 §4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (same, other): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut result = Vec::with_capacity(addresses.len());
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    loop {
        let (a, b) = (same.next(), other.next());
        if a.is_none() && b.is_none() {
            return result;
        }
        result.extend(a);
        result.extend(b);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A listener whose queue is full: a connection to it is never answered.
    fn black_hole() -> (Socket, SocketAddr, Vec<Socket>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let queued = (0..4).map(|_| start(address, None).unwrap()).collect();
        (socket, address, queued)
    }

    #[test]
    fn families_take_turns() {
        let addresses = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"]
            .map(|a| a.parse::<SocketAddr>().unwrap());
        let order = interleave(&addresses).into_iter().map(|a| a.to_string()).collect::<Vec<_>>();
        assert_eq!(order, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "1.1.1.3:1"]);
    }

    #[test]
    fn a_dead_address_costs_a_head_start() {
        let (_hole, dead, _queued) = black_hole();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let began = Instant::now();
        let addresses = [dead, listener.local_addr().unwrap()];
        dial(&addresses, None, began + Duration::from_secs(10), || false).unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[test]
    fn a_refused_address_costs_nothing() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let error = dial(&[free], None, deadline, || false).unwrap_err();
        let DialError::Io(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_deadline_and_who_does_not_want_it_end_it() {
        let (_hole, dead, _queued) = black_hole();
        let soon = Instant::now() + Duration::from_millis(60);
        assert!(matches!(dial(&[dead], None, soon, || false), Err(DialError::TimedOut)));
        let late = Instant::now() + Duration::from_secs(60);
        assert!(matches!(dial(&[dead], None, late, || true), Err(DialError::Unwanted)));
    }
}
