//! What a connection's thread does for a reply, step by step.

use std::io::{Error, ErrorKind, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::reply::{Reply, Step};
use super::server::Shared;

/// How often a reply with a rate sends a piece.
const TURN: Duration = Duration::from_millis(4);

/// How much time a late turn makes up for; more would be a burst.
const LATEST: Duration = Duration::from_millis(50);

/// Sends a reply.
///
/// # Errors
/// The client went away, or the test is over.
pub(super) fn perform_all(
    shared: &Shared,
    connection: usize,
    stream: &TcpStream,
    reply: &Reply,
) -> Result<()> {
    let sent = reply.sent();
    for step in reply.steps() {
        match step {
            Step::LastByte => shared.end(connection),
            step => perform(shared, stream, &step, &sent)?,
        }
    }
    shared.end(connection);
    Ok(())
}

fn perform(shared: &Shared, mut stream: &TcpStream, step: &Step, sent: &AtomicUsize) -> Result<()> {
    match step {
        Step::Send { bytes, is_body } => {
            stream.write_all(bytes)?;
            shared.count(bytes.len());
            sent.fetch_add(if *is_body { bytes.len() } else { 0 }, Ordering::SeqCst);
            Ok(())
        }
        Step::Paced { bytes, rate } => send_paced(shared, stream, bytes, *rate, sent),
        Step::Hold(gate) => {
            gate.pass(|| shared.is_stopped() || has_left(stream));
            if has_left(stream) { Err(Error::from(ErrorKind::ConnectionReset)) } else { Ok(()) }
        }
        Step::Pause(time) => {
            std::thread::sleep(*time);
            if shared.is_stopped() {
                return Err(Error::from(ErrorKind::Interrupted));
            }
            Ok(())
        }
        Step::Endless(bytes) => loop {
            stream.write_all(bytes)?;
        },
        Step::LastByte => Ok(()),
    }
}

/// Sends at a rate, from the first byte on. A turn that comes late sends what it owes, so that a busy
/// machine does not make the server a slower one, but a client that did not read gets no burst.
fn send_paced(
    shared: &Shared,
    mut stream: &TcpStream,
    bytes: &[u8],
    rate: u64,
    sent: &AtomicUsize,
) -> Result<()> {
    let (mut rest, mut owed, mut last) = (bytes, 0.0, Instant::now());
    while !rest.is_empty() {
        std::thread::sleep(TURN);
        if shared.is_stopped() {
            return Err(Error::from(ErrorKind::Interrupted));
        }
        let now = Instant::now();
        owed += now.duration_since(last).min(LATEST).as_secs_f64() * rate as f64;
        last = now;
        let (piece, after) = rest.split_at((owed as usize).min(rest.len()));
        stream.write_all(piece)?;
        shared.count(piece.len());
        sent.fetch_add(piece.len(), Ordering::SeqCst);
        owed -= piece.len() as f64;
        rest = after;
    }
    Ok(())
}

/// Returns whether the client has closed or reset the connection.
pub(super) fn has_left(stream: &TcpStream) -> bool {
    let mut byte = [0; 1];
    match rustix::net::recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, count)) => count == 0,
        Err(error) => error != Errno::AGAIN && error != Errno::INTR,
    }
}
