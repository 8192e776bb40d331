//! Connecting to a socket in the file system, in the place of a host.
//!
//! What comes of it is used as a [`TcpStream`]: reading, writing, time limits and shutting down are the
//! same calls for both.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::http::dial::DialError;
use crate::model::stop::Stop;

/// How often a server that has no room for another connection is tried again.
const TICK: Duration = Duration::from_millis(20);

/// Connects to the socket at `path`. The kernel answers at once, but for a queue that is full.
pub(super) fn dial(
    path: &Path,
    deadline: Instant,
    stop: &Stop,
    is_unwanted: impl Fn() -> bool,
) -> Result<TcpStream, DialError> {
    let address = SockAddr::unix(path).map_err(DialError::Io)?;
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(DialError::Io)?;
        socket.set_nonblocking(true).map_err(DialError::Io)?;
        match socket.connect(&address) {
            Ok(()) => {
                socket.set_nonblocking(false).map_err(DialError::Io)?;
                return Ok(socket.into());
            }
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => {}
            Err(error) => return Err(DialError::Io(error)),
        }
        if is_unwanted() {
            return Err(DialError::Unwanted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(DialError::TimedOut);
        }
        stop.wait(left.min(TICK));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_is_connected_to_and_a_full_queue_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let path = folder.path().join("socket");
        let missing =
            dial(&path, Instant::now() + Duration::from_secs(9), &stop, || false).unwrap_err();
        assert!(matches!(missing, DialError::Io(error) if error.kind() == io::ErrorKind::NotFound));
        let listener = UnixListener::bind(&path).unwrap();
        let soon = || Instant::now() + Duration::from_secs(10);
        let mut client = dial(&path, soon(), &stop, || false).unwrap();
        client.write_all(b"hello").unwrap();
        let mut server = listener.accept().unwrap().0;
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        let small = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let path = folder.path().join("small");
        small.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        small.listen(0).unwrap();
        let mut held = Vec::new();
        let full = loop {
            match dial(&path, Instant::now() + Duration::from_millis(60), &stop, || false) {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
        };
        assert!(matches!(full, DialError::TimedOut));
        assert!(matches!(dial(&path, soon(), &stop, || true), Err(DialError::Unwanted)));
    }
}
