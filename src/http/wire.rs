//! The transport under ureq: one socket, with or without TLS, that remembers how it ended.
//!
//! Reads and writes wait for the stall timeout at most, which the kernel counts (`SO_RCVTIMEO`, set
//! once), and end when the agent is shut down. A timed-out read can be tried again.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use ureq::Timeout;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::http::buffers::WireBuffers;
use crate::http::conduit::{Conduit, MIN_BYTES, is_unfit};
use crate::http::layers::Layers;
use crate::http::link::{Ending, Link};
use crate::http::low_water::{GATHER_TIME, LowWater, MIN_OWED};
use crate::http::normalizer::{Malformed, Normalizer};
use crate::http::proxy;
use crate::http::tls::Received;
use crate::model::error::Cause;
use crate::model::stop::Stop;

/// How much is read at once while it has to pass the normalizer: a head and a small file.
const RAW_BYTES: usize = 32 * 1024;

/// The form of a request's target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A path: the other end is the origin.
    Origin,
    /// A whole URL: the other end is a proxy. ureq knows no such form, so it is given the URL as a path.
    Absolute,
}

/// A connection.
pub(super) struct Wire {
    socket: Arc<TcpStream>,
    layers: Layers,
    form: Form,
    buffers: WireBuffers,
    link: Arc<Link>,
    stop: Arc<Stop>,
    /// Whether the last response was read to its end and no request was sent since.
    is_idle: bool,
    /// Whether a request, or its beginning, was sent and nothing came since.
    is_asking: bool,
    /// How many bytes the last read brought.
    last: usize,
    /// How long the kernel lets a read wait.
    patience: Duration,
    stall_timeout: Duration,
    low_water: LowWater,
    normalizer: Normalizer,
    /// What the normalizer made of the bytes that were read last; empty while nothing has to pass it.
    plain: Vec<u8>,
}

impl Wire {
    pub(super) fn new(
        socket: Arc<TcpStream>,
        layers: Layers,
        form: Form,
        link: Arc<Link>,
        stop: Arc<Stop>,
        stall_timeout: Duration,
    ) -> Self {
        Self {
            socket,
            layers,
            form,
            buffers: WireBuffers::default(),
            link,
            stop,
            is_idle: false,
            is_asking: false,
            last: 0,
            patience: stall_timeout,
            stall_timeout,
            low_water: LowWater::default(),
            normalizer: Normalizer::new(),
            plain: Vec::new(),
        }
    }

    /// Bounds the next read as the link says, and lets much gather where much comes; a system call only when
    /// that has changed.
    fn be_patient(&mut self) -> io::Result<()> {
        let (patience, owed) = self.link.outlook();
        let mut patience = patience.unwrap_or(self.stall_timeout);
        let gathers = owed >= MIN_OWED && self.last >= MIN_BYTES;
        if self.low_water.set(&self.socket, gathers) {
            patience = patience.min(GATHER_TIME);
        }
        if patience != self.patience {
            self.socket.set_read_timeout(Some(patience))?;
            self.patience = patience;
        }
        Ok(())
    }

    /// Reads what has come into the input buffer. What has let bytes gather in vain waits for the first one as
    /// long as any read does.
    fn receive(&mut self) -> Result<Received, ureq::Error> {
        match self.receive_once() {
            Err(ureq::Error::Timeout(_)) if self.low_water.is_high() => {
                self.last = 0;
                self.receive_once()
            }
            received => received,
        }
    }

    /// Reads what has come into the input buffer. While that has to pass the normalizer, a body that comes
    /// with its whole head stays where it was read, and the head is put right before it.
    fn receive_once(&mut self) -> Result<Received, ureq::Error> {
        self.be_patient().map_err(to_ureq)?;
        self.is_asking = false;
        if let Some(diverted) = self.divert() {
            return diverted.map_err(to_ureq);
        }
        let is_transparent = self.normalizer.is_transparent();
        let is_first = self.buffers.input().is_empty();
        let mut socket = Uninterrupted { socket: &self.socket, stop: &self.stop };
        let buffer = self.buffers.input_append_buf();
        // What comes out is at most twice as much, and a head that was pending.
        let most = if is_transparent { buffer.len() } else { RAW_BYTES.min(buffer.len() / 2) };
        let buffer = &mut buffer[..most];
        let received = self
            .layers
            .read(&mut socket, buffer)
            .map_err(|error| failure(&self.layers, &self.link, error))?;
        let Received::Bytes(count) = received else { return Ok(received) };
        if is_transparent {
            self.last = count;
            self.buffers.input_appended(count);
            return Ok(received);
        }
        self.plain.clear();
        let malformed = |malformed: Malformed| {
            self.link.fail(Cause::Protocol { detail: malformed.to_string() })
        };
        let input = &mut buffer[..count];
        let body = self.normalizer.take_head(input, &mut self.plain).map_err(malformed)?;
        let gap = body.and_then(|body| body.checked_sub(self.plain.len())).filter(|_| is_first);
        match (body, gap) {
            (Some(body), Some(gap)) => {
                input[gap..body].copy_from_slice(&self.plain);
                self.buffers.input_appended(count);
                self.buffers.input_consume(gap);
                return Ok(received);
            }
            (Some(body), None) => self.plain.extend_from_slice(&input[body..]),
            (None, _) => self.normalizer.push(input, &mut self.plain).map_err(malformed)?,
        }
        let buffer = self.buffers.input_append_buf();
        let Some(room) = buffer.get_mut(..self.plain.len()) else {
            let detail = Malformed::HeadTooLong.to_string();
            return Err(self.link.fail(Cause::Protocol { detail }));
        };
        room.copy_from_slice(&self.plain);
        self.buffers.input_appended(self.plain.len());
        Ok(received)
    }

    /// Fills the worker's pipe with what has come, if that is asked for and of use; its bytes have
    /// stand-ins in the input buffer then.
    fn divert(&mut self) -> Option<io::Result<Received>> {
        let is_plain = self.layers.are_none() && self.normalizer.is_transparent();
        if !is_plain || !self.buffers.input().is_empty() {
            return None;
        }
        let last = self.last;
        let (pipe, most) = self.link.with_conduit(|conduit| conduit.take(last))?;
        let socket = Uninterrupted { socket: &self.socket, stop: &self.stop };
        let filled = socket.again(|socket| pipe.fill(socket, most).map_err(io::Error::from));
        if filled.as_ref().err().and_then(Errno::from_io_error).is_some_and(is_unfit) {
            self.link.with_conduit(Conduit::give_up);
            return None;
        }
        self.last = *filled.as_ref().unwrap_or(&0);
        self.link.with_conduit(|conduit| conduit.put(pipe, self.last));
        self.buffers.stand_in(self.last);
        Some(filled.map(|count| match count {
            0 => Received::End(Ending::Orderly),
            count => Received::Bytes(count),
        }))
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.is_idle = false;
        self.last = 0;
        self.normalizer.expect_head(self.link.note_request(&self.socket)?);
        let output = &self.buffers.output()[..amount];
        let mut socket = Uninterrupted { socket: &self.socket, stop: &self.stop };
        // A head that is longer than the buffer comes in several pieces.
        let is_first = !std::mem::replace(&mut self.is_asking, true);
        let result = match self.form {
            Form::Absolute if is_first => self.layers.write_all(&mut socket, &to_absolute(output)),
            Form::Absolute | Form::Origin => self.layers.write_all(&mut socket, output),
        };
        result.map_err(|error| failure(&self.layers, &self.link, error))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            let awaits_head = self.normalizer.awaits_head();
            match self.receive() {
                Ok(Received::Bytes(count)) => {
                    let has_head = awaits_head && !self.normalizer.awaits_head();
                    let head = has_head.then(|| self.normalizer.fields());
                    let useful = self.link.receive(count, head, self.stall_timeout);
                    useful.map_err(|cause| self.link.fail(cause))?;
                    // A piece of a head or of a chunk line may have left nothing to pass on yet.
                    if count == 0 || self.normalizer.is_transparent() || !self.plain.is_empty() {
                        return Ok(count > 0);
                    }
                }
                Ok(Received::Nothing(pending)) => {
                    let bounded = self.link.await_record(pending, self.stall_timeout);
                    bounded.map_err(|cause| self.link.fail(cause))?;
                }
                Ok(Received::End(ending)) => {
                    self.link.note_ending(ending);
                    return Ok(false);
                }
                Err(ureq::Error::Io(error)) => {
                    self.link.note_ending(Ending::Broken(copy_of(&error)));
                    return Err(ureq::Error::Io(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Looks whether the server has closed the connection or sent what nobody asked for.
    ///
    /// ureq asks when a connection is put aside and again when it is taken; only the second answer
    /// matters, and the first would cost a system call.
    fn is_open(&mut self) -> bool {
        if self.normalizer.is_ambiguous() || self.layers.has_unread() {
            return false;
        }
        if !std::mem::replace(&mut self.is_idle, true) {
            return true;
        }
        let peeked =
            rustix::net::recv(&*self.socket, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Err(rustix::io::Errno::AGAIN))
    }

    fn is_tls(&self) -> bool {
        self.layers.is_tls()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Keeps the cause of a failed read or write that is not the connection's but the other end's last word.
fn failure(layers: &Layers, link: &Link, error: io::Error) -> ureq::Error {
    match layers.lasting_cause(&error) {
        Some(cause) if layers.ends_at_proxy() => match link.via() {
            Some(via) => link.fail(proxy::blame(&via.proxy, cause)),
            None => link.fail(cause),
        },
        Some(cause) => link.fail(cause),
        None => to_ureq(error),
    }
}

/// Takes the slash off a request's target, which is a URL behind it.
fn to_absolute(request: &[u8]) -> Cow<'_, [u8]> {
    let Some(slash) = request.iter().position(|&byte| byte == b'/') else {
        return Cow::Borrowed(request);
    };
    Cow::Owned([&request[..slash], &request[slash + 1..]].concat())
}

/// A blocking read or write that a timeout ended comes as `WouldBlock`.
fn to_ureq(error: io::Error) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ureq::Error::Timeout(Timeout::PerRead)
        }
        _ => ureq::Error::Io(error),
    }
}

/// `io::Error` cannot be cloned; its kind and its text are what is told of it.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A socket whose waits go on after a signal that does not end the run.
pub(super) struct Uninterrupted<'a> {
    pub(super) socket: &'a TcpStream,
    pub(super) stop: &'a Stop,
}

impl Uninterrupted<'_> {
    fn again<T>(&self, mut call: impl FnMut(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            match call(self.socket) {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted && !self.stop.is_stopped() => {}
                result => return result,
            }
        }
    }
}

impl Read for Uninterrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.again(|mut socket| socket.read(buffer))
    }
}

impl Write for Uninterrupted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.again(|mut socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
