//! A standard stream that a slow reader cannot turn into a hang.
//!
//! A write may wait as long as the reader of the pipe takes: that is the back-pressure. But when the
//! run is stopped, whoever waits here is released within a tenth of a second. So nothing in this
//! file blocks in `write`: pipes and terminals are written through an open file description of our
//! own that does not block (the one we were given is shared with other processes, and setting
//! `O_NONBLOCK` on it would break them), sockets with `MSG_DONTWAIT`, and the waiting is done in
//! `poll`, in short turns with a look at the stop token between them. Regular files and devices
//! never wait for a reader and are written plainly.
//!
//! One mutex, held for a whole line or piece of a body, keeps lines of several threads from mixing.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

use crate::disk::device::{TURN, takes_more};
use crate::model::stop::Stop;

/// How long lines may still wait for their reader, all together, once the run is stopped.
const GRACE: Duration = Duration::from_millis(40);

/// How much a pipe holds that bodies go through, the most that a user without privileges may ask for. With
/// the 64 KiB that it has, its two ends wait for each other 16 times as often: 2 GiB into `cat` took
/// 2.4 s, and 1.0 s with this.
const PIPE_BYTES: usize = 1024 * 1024;

/// Smaller pieces come too slowly for that to matter.
const LARGE_PIECE: usize = 64 * 1024;

/// A standard stream.
#[derive(Debug)]
pub(super) struct Stream {
    handle: Handle,
    method: Method,
    /// Disconnected when the run is stopped. Not a `&Stop`: the drawing thread outlives no borrow.
    stopped: Receiver<Infallible>,
    /// Holding it is the right to write. A thread waits here while another writes, and that one is
    /// released by the stop.
    state: Mutex<State>,
    /// Whether it was seen to it that a pipe holds much.
    is_widened: Once,
}

#[derive(Debug, Default)]
struct State {
    /// Until when lines may wait after the stop; set by the first that does.
    patience: Option<Instant>,
    /// What a line lacks that its reader took the beginning of and nobody waited for any more. It goes
    /// before everything else, so that no line is torn.
    rest: Vec<u8>,
}

#[derive(Debug)]
enum Handle {
    Own(OwnedFd),
    Standard(BorrowedFd<'static>),
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(fd) => fd.as_fd(),
            Self::Standard(fd) => *fd,
        }
    }
}

/// How to write without blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// `write` does not wait for a reader: a file, a device, or a description of our own that does
    /// not block.
    Plain,
    /// `write` could block: ask first, and never write more than surely fits then.
    Polled,
    /// A socket: `send` takes a flag.
    Send,
}

impl Stream {
    /// Returns standard error.
    pub(super) fn stderr(stop: &Stop) -> Self {
        Self::new(Handle::Standard(rustix::stdio::stderr()), stop)
    }

    /// Returns standard output.
    pub(super) fn stdout(stop: &Stop) -> Self {
        Self::new(Handle::Standard(rustix::stdio::stdout()), stop)
    }

    fn new(given: Handle, stop: &Stop) -> Self {
        let (handle, method) = prepare(given);
        let (stopped, state) = (stop.receiver().clone(), Mutex::default());
        Self { handle, method, stopped, state, is_widened: Once::new() }
    }

    /// Writes a piece of a body; waits for the reader until the run is stopped.
    ///
    /// # Errors
    /// What the system says; `Interrupted` when the run is stopped before all is written.
    pub(super) fn write_body(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() >= LARGE_PIECE {
            self.is_widened.call_once(|| widen(self.handle.as_fd()));
        }
        self.write(bytes, false)
    }

    /// Writes one or more whole lines; waits for the reader until the run is stopped. After the
    /// stop they are written if the reader takes them at once.
    ///
    /// # Errors
    /// What the system says; `Interrupted` when the run is stopped before all is written.
    pub(super) fn write_line(&self, line: &[u8]) -> io::Result<()> {
        self.write(line, true)
    }

    /// Writes a whole line if its reader takes it now; waits for nobody. Returns whether it was taken.
    pub(super) fn offer_line(&self, line: &[u8]) -> bool {
        let Ok(mut state) = self.state.try_lock() else { return false };
        while !state.rest.is_empty() {
            match self.write_some(&state.rest) {
                Ok(written) if written > 0 => state.rest.drain(..written),
                _ => return false,
            };
        }
        match self.write_some(line) {
            Ok(written) if written > 0 => {
                state.rest.extend_from_slice(&line[written..]);
                true
            }
            _ => false,
        }
    }

    fn write(&self, bytes: &[u8], is_line: bool) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = std::mem::take(&mut state.rest);
        let mut left = &rest[..];
        let written = self.write_all(&mut state, &mut left, is_line);
        if written.is_err() {
            state.rest = left.to_vec();
            return written;
        }
        left = bytes;
        let written = self.write_all(&mut state, &mut left, is_line);
        if is_line && written.is_err() && left.len() < bytes.len() {
            state.rest = left.to_vec();
        }
        written
    }

    /// Writes all bytes; `bytes` is what is left of them.
    fn write_all(&self, state: &mut State, bytes: &mut &[u8], is_line: bool) -> io::Result<()> {
        while !bytes.is_empty() {
            if !is_line && self.is_stopped() {
                return Err(stopped());
            }
            match self.write_some(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(&mut state.patience)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn write_some(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        match self.method {
            Method::Plain => rustix::io::write(&self.handle, bytes),
            Method::Polled => {
                if !self.poll(Duration::ZERO)? {
                    return Err(Errno::AGAIN);
                }
                // A pipe is writable when this much fits (POSIX: PIPE_BUF; Linux: a page).
                rustix::io::write(&self.handle, &bytes[..bytes.len().min(rustix::pipe::PIPE_BUF)])
            }
            Method::Send => {
                rustix::net::send(&self.handle, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            }
        }
    }

    /// Waits one turn for the reader.
    fn wait(&self, patience: &mut Option<Instant>) -> io::Result<()> {
        let mut turn = TURN;
        if self.is_stopped() {
            let now = Instant::now();
            let end = *patience.get_or_insert(now + GRACE);
            turn = end.saturating_duration_since(now).min(TURN);
            if turn.is_zero() {
                return Err(stopped());
            }
        }
        match self.poll(turn) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a write would say something at once, be it an error.
    fn poll(&self, timeout: Duration) -> rustix::io::Result<bool> {
        takes_more(&self.handle, timeout)
    }

    /// Returns whether the run must end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.try_recv() == Err(TryRecvError::Disconnected)
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the run was stopped")
}

/// Finds out how to write to `given` without blocking, and through which descriptor.
fn prepare(given: Handle) -> (Handle, Method) {
    let kind = rustix::fs::fstat(&given).map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::Socket) => (given, Method::Send),
        Ok(FileType::Fifo) => reopen(given),
        Ok(FileType::CharacterDevice) if given.as_fd().is_terminal() => reopen(given),
        _ => (given, Method::Plain),
    }
}

/// Lets a pipe hold more, if it is one and may.
fn widen(pipe: BorrowedFd<'_>) {
    if fcntl_getpipe_size(pipe).is_ok_and(|bytes| bytes < PIPE_BYTES) {
        // As it is it does too.
        let _ = fcntl_setpipe_size(pipe, PIPE_BYTES);
    }
}

/// Opens the same pipe or terminal once more, so that not blocking is our own affair.
fn reopen(given: Handle) -> (Handle, Method) {
    let path = format!("/proc/self/fd/{}", given.as_fd().as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => (Handle::Own(fd), Method::Plain),
        // No /proc, another user's terminal, or a pipe without a reader (whose write says so).
        Err(_) => (given, Method::Polled),
    }
}

#[cfg(test)]
pub(super) mod tests;
