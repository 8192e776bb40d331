//! A socket whose reads and writes all end at one deadline, however little each brings.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::http::wire::Uninterrupted;
use crate::model::stop::Stop;

/// What a connection is opened over: TCP, and a deadline for all that comes before the request.
pub(super) struct Bounded<'a> {
    pub(super) socket: &'a TcpStream,
    pub(super) stop: &'a Stop,
    pub(super) deadline: Instant,
}

impl Bounded<'_> {
    /// Gives the next read and write the time that is left. Zero would mean for ever.
    fn bound(&self) -> io::Result<Uninterrupted<'_>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))?;
        Ok(Uninterrupted { socket: self.socket, stop: self.stop })
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bound()?.read(buffer)
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bound()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether a read or write ended because its time was over.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
