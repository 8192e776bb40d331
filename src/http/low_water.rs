//! How much has to have come before a read of a socket returns (`SO_RCVLOWAT`, see `socket(7)`).
//!
//! Where bytes come fast, a worker that waits for the next ones is woken for each packet, and goes through
//! them sooner than the next packet comes. It is cheaper to let some of them gather. The kernel does not wait
//! for more than fits into its buffer, and returns what there is at the end of the stream, at a time-out,
//! and after a shutdown.

use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// How much gathers: with 128 KiB there were twice as many waits, and 512 KiB cost no less CPU.
const GATHERED_BYTES: libc::c_int = 256 * 1024;

/// How much of a body must still be to come, so that what is waited for does come: what gathers, and what
/// may be in ureq's buffer already.
pub(super) const MIN_OWED: u64 = 1024 * 1024;

/// How long a read may wait for it: what does not come fast any more is not to look as if nothing came.
pub(super) const GATHER_TIME: Duration = Duration::from_millis(200);

/// What is set for a socket.
#[derive(Debug, Default)]
pub(super) struct LowWater {
    is_high: bool,
    is_unknown: bool,
}

impl LowWater {
    /// Lets bytes gather from now on, or wakes who waits for each of them; returns whether they gather. A
    /// system call only where that changes; a socket that knows no such option stays as it is.
    pub(super) fn set(&mut self, socket: &TcpStream, is_high: bool) -> bool {
        if is_high != self.is_high && !self.is_unknown {
            self.is_unknown = !set_bytes(socket, if is_high { GATHERED_BYTES } else { 1 });
            self.is_high = is_high && !self.is_unknown;
        }
        self.is_high
    }

    /// Returns whether bytes gather.
    pub(super) fn is_high(&self) -> bool {
        self.is_high
    }
}

/// Returns whether the system took the value.
#[expect(unsafe_code, reason = "neither std nor rustix, socket2 or nix have this option")]
fn set_bytes(socket: &TcpStream, bytes: libc::c_int) -> bool {
    let size = libc::socklen_t::try_from(size_of_val(&bytes)).unwrap_or_default();
    // SAFETY: the descriptor is open as long as the socket is borrowed, and the kernel reads `size` bytes of
    // an integer that outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size,
        )
    };
    result == 0
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{Shutdown, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const A_MOMENT: Duration = Duration::from_millis(50);
    const MUCH: usize = GATHERED_BYTES as usize;

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_read_waits_for_what_gathers_and_for_no_more() {
        let (mut client, mut server) = connected();
        let mut low_water = LowWater::default();
        low_water.set(&client, true);
        let (sender, counts) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut buffer = vec![0; 2 * MUCH];
                sender.send(client.read(&mut buffer).unwrap()).unwrap();
            });
            server.write_all(&vec![1; MUCH / 2]).unwrap();
            assert!(counts.recv_timeout(4 * A_MOMENT).is_err(), "it did not wait");
            server.write_all(&vec![1; MUCH]).unwrap();
            assert!(counts.recv_timeout(100 * A_MOMENT).unwrap() >= MUCH);
        });
    }

    #[test]
    fn what_came_is_read_at_a_time_out_at_the_end_and_after_a_shutdown() {
        let (mut client, mut server) = connected();
        let mut low_water = LowWater::default();
        low_water.set(&client, true);
        client.set_read_timeout(Some(A_MOMENT)).unwrap();
        let mut buffer = vec![0; MUCH];
        server.write_all(b"slow").unwrap();
        assert_eq!(client.read(&mut buffer).unwrap(), 4);
        assert_eq!(client.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.set_read_timeout(None).unwrap();
        server.write_all(b"last").unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut buffer).unwrap(), 4);
        assert_eq!(client.read(&mut buffer).unwrap(), 0);

        let (client, mut server) = connected();
        LowWater::default().set(&client, true);
        server.write_all(b"here").unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut bytes, mut client) = (Vec::new(), &client);
                client.read_to_end(&mut bytes).map(|_| bytes)
            });
            thread::sleep(A_MOMENT);
            client.shutdown(Shutdown::Both).unwrap();
            assert_eq!(reader.join().unwrap().unwrap(), b"here");
        });
    }

    #[test]
    fn afterwards_each_byte_is_read_as_it_comes() {
        let (mut client, mut server) = connected();
        let mut low_water = LowWater::default();
        for is_high in [true, false, false] {
            assert_eq!(low_water.set(&client, is_high), is_high);
        }
        server.write_all(b"x").unwrap();
        assert_eq!(client.read(&mut [0; 100]).unwrap(), 1);
    }
}
