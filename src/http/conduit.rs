//! The way of bytes that nobody here has to see: from the socket into a pipe, and from there into a file,
//! without a copy of them in this process (splice(2)).
//!
//! ```text
//!  want ──► take ── fill ──► put ──► take_filled ── pour ──► give_back
//!  (body)   (wire)          (wire)     (body)      (engine)    (body)
//! ```
//!
//! A worker has one pipe, made when it is first of use. It is empty before it is filled, so that a fill
//! never waits for room in it; one in which bytes are left over is closed. Where there are no pipes, or
//! none that is large enough, or the socket knows no splice, bytes are read as ever.

use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::model::error::Cause;

/// How much a pipe holds. Twice as much cost the same CPU, and users without privileges have 64 MiB in all.
const PIPE_BYTES: usize = 512 * 1024;

/// What is less than this is read as ever: a pipe takes two system calls for each arrival, however
/// small, while a buffer gathers several. No more than one TCP segment over loopback (64 KiB less its head).
pub(super) const MIN_BYTES: usize = 32 * 1024;

/// A pipe without bytes in it.
#[derive(Debug)]
pub(super) struct Pipe {
    output: OwnedFd,
    input: OwnedFd,
}

impl Pipe {
    fn new() -> Result<Self, Errno> {
        let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setpipe_size(&input, PIPE_BYTES)?;
        Ok(Self { output, input })
    }

    /// Moves what has come to a socket, at most `most` bytes; 0 is the end. Waits for the socket alone:
    /// before Linux 4.9 a pipe that is full would be waited for too, and nobody else empties it.
    pub(super) fn fill(&self, socket: &TcpStream, most: usize) -> Result<usize, Errno> {
        splice(socket, None, &self.input, None, most, SpliceFlags::NONBLOCK)
    }
}

/// Bytes of a body that are in a pipe.
#[derive(Debug)]
pub struct Piped {
    pipe: Pipe,
    bytes: usize,
}

impl Piped {
    /// Returns how many bytes there are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets `write` take `count` bytes out of the pipe, no less.
    ///
    /// # Errors
    /// What `write` says. Nobody knows then how many bytes are left, and the pipe is of no more use.
    pub fn pour(
        &mut self,
        count: usize,
        write: impl FnOnce(BorrowedFd<'_>, usize) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let count = count.min(self.bytes);
        write(self.pipe.output.as_fd(), count)?;
        self.bytes -= count;
        Ok(())
    }
}

/// Whether bytes go by a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Use {
    /// When many come at once.
    #[default]
    WhenFast,
    /// However few come, for tests.
    Always,
    /// Not at all: it cannot be, or a test wants it so.
    Never,
}

/// A worker's pipe, and how many bytes are wanted in it.
#[derive(Debug)]
pub(super) struct Conduit {
    wanted: usize,
    usage: Use,
    /// `None` before it is made, and while somebody has it.
    pipe: Option<Pipe>,
    filled: Option<Piped>,
}

impl Default for Conduit {
    fn default() -> Self {
        Self { wanted: 0, usage: wish(), pipe: None, filled: None }
    }
}

impl Conduit {
    /// Says that the next bytes, at most so many, may come by a pipe.
    pub(super) fn want(&mut self, most: u64) {
        let most = usize::try_from(most).unwrap_or(PIPE_BYTES).min(PIPE_BYTES);
        self.wanted = if self.usage == Use::Never { 0 } else { most };
        // Of another body, if its worker panicked.
        self.filled = None;
    }

    /// Takes the pipe to fill it, with no more bytes than returned; `None` if none are wanted in it.
    /// `last` is how many came the last time: where that is little, the network is what is waited for.
    pub(super) fn take(&mut self, last: usize) -> Option<(Pipe, usize)> {
        let is_of_use = last >= MIN_BYTES || self.usage == Use::Always;
        if self.wanted == 0 || !is_of_use {
            return None;
        }
        let pipe = self.pipe.take().or_else(|| {
            let made = Pipe::new();
            if made.is_err() {
                self.give_up();
            }
            made.ok()
        });
        pipe.map(|pipe| (pipe, self.wanted))
    }

    /// Puts the pipe back with so many bytes in it.
    pub(super) fn put(&mut self, pipe: Pipe, bytes: usize) {
        if bytes == 0 {
            self.pipe = Some(pipe);
        } else {
            self.filled = Some(Piped { pipe, bytes });
        }
    }

    /// Lets nothing go by a pipe any more.
    pub(super) fn give_up(&mut self) {
        self.usage = Use::Never;
        self.wanted = 0;
    }

    /// Takes what has come by the pipe. No more is wanted in it.
    pub(super) fn take_filled(&mut self) -> Option<Piped> {
        self.wanted = 0;
        self.filled.take()
    }

    /// Takes the pipe back if it is empty.
    pub(super) fn give_back(&mut self, piped: Piped) {
        if piped.bytes == 0 {
            self.pipe = Some(piped.pipe);
        }
    }
}

/// Returns whether a failure says that a socket knows no splice, or may not.
pub(super) fn is_unfit(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)
}

/// What a test wishes (`__HAUL_SPLICE=always` or `never`, not an interface). Only builds with debug
/// assertions ask.
fn wish() -> Use {
    #[cfg(debug_assertions)]
    match std::env::var("__HAUL_SPLICE").as_deref() {
        Ok("always") => return Use::Always,
        Ok("never") => return Use::Never,
        _ => {}
    }
    Use::WhenFast
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener};

    use super::*;

    const ENOUGH: u64 = PIPE_BYTES as u64;

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn conduit(usage: Use) -> Conduit {
        Conduit { usage, ..Conduit::default() }
    }

    #[test]
    fn a_pipe_is_of_use_where_many_bytes_come() {
        let mut conduit = conduit(Use::WhenFast);
        assert!(conduit.take(PIPE_BYTES).is_none(), "nothing is wanted");
        conduit.want(u64::MAX);
        assert!(conduit.take(MIN_BYTES - 1).is_none());
        let (pipe, most) = conduit.take(MIN_BYTES).unwrap();
        assert_eq!(most, PIPE_BYTES);
        conduit.put(pipe, 0);
        assert!(conduit.take_filled().is_none());
        assert!(conduit.take(PIPE_BYTES).is_none(), "nothing more is wanted");
        conduit.want(ENOUGH);
        conduit.give_up();
        conduit.want(ENOUGH);
        assert!(conduit.take(PIPE_BYTES).is_none());
    }

    #[test]
    fn bytes_go_through_and_a_pipe_is_used_again_only_when_it_is_empty() {
        let (client, mut server) = connected();
        let mut conduit = conduit(Use::Always);
        server.write_all(b"hello, world").unwrap();
        for (most, taken, is_left) in [(5, 5, false), (7, 3, true)] {
            conduit.want(most);
            let (pipe, most) = conduit.take(0).unwrap();
            let count = pipe.fill(&client, most).unwrap();
            conduit.put(pipe, count);
            let mut piped = conduit.take_filled().unwrap();
            assert_eq!(piped.bytes(), most);
            let read = |pipe: BorrowedFd<'_>, count| {
                let mut bytes = vec![0; count];
                let mut pipe = std::fs::File::from(pipe.try_clone_to_owned().unwrap());
                pipe.read_exact(&mut bytes).unwrap();
                assert!(b"hello, world".windows(count).any(|part| part == bytes));
                Ok(())
            };
            piped.pour(taken, read).unwrap();
            conduit.give_back(piped);
            assert_eq!(conduit.pipe.is_none(), is_left);
        }
        // The end of a connection, and a wait that takes too long, are told as a read tells them.
        server.shutdown(Shutdown::Write).unwrap();
        let pipe = Pipe::new().unwrap();
        assert_eq!(pipe.fill(&client, 1), Ok(0));
        let (client, _server) = connected();
        client.set_read_timeout(Some(std::time::Duration::from_millis(10))).unwrap();
        assert_eq!(pipe.fill(&client, 1), Err(Errno::AGAIN));
    }
}
