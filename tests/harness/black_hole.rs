//! An address at which connecting waits for ever: a listener whose queue is full.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use super::wait_until;

/// A listener that accepts nobody, with its queue filled.
pub(crate) struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    queued: Vec<Socket>,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        // The kernel takes one or two more than it was told.
        let queued = (0..4)
            .map(|_| {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.set_nonblocking(true).unwrap();
                let _ = socket.connect(&address.into());
                socket
            })
            .collect();
        let hole = Self { address, _listener: listener, queued };
        // One of the four that did not get in shows that the queue is full.
        hole.wait_for(1);
        hole
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until this many others are trying to connect.
    #[track_caller]
    pub(crate) fn wait_for_connects(&self, count: usize) {
        let ours = self.queued.iter().filter(|s| s.peer_addr().is_err()).count();
        self.wait_for(ours + count);
    }

    #[track_caller]
    fn wait_for(&self, count: usize) {
        // /proc/net/tcp: the remote address is the third column, the state the fourth; 02 is
        // SYN_SENT.
        let remote = format!("0100007F:{:04X} 02 ", self.address.port());
        wait_until("connections wait", || {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            table.matches(&remote).count() >= count
        });
    }
}
