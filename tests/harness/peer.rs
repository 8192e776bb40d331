//! The other end of a connection that plays the same dialogue with everyone who connects: what proxies
//! say before they pass bytes on, byte for byte, and what they should not say.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Gate, wait_until};

/// One step of the dialogue. After the last one the connection is closed.
#[derive(Clone)]
pub(crate) enum Step {
    /// Reads this many bytes.
    Take(usize),
    /// Reads to the end of a header.
    TakeHead,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, with a pause after each time, until the client goes.
    Trickle(Vec<u8>, Duration),
    /// Waits at a gate.
    Hold(Gate),
    /// Connects to another server, and passes on what comes from either side.
    Relay(String),
    /// The same with the server that the header before names, which is one of CONNECT.
    RelayAsked,
}

/// What its threads share.
#[derive(Default)]
struct State {
    stopped: bool,
    received: Vec<Vec<u8>>,
    clients: Vec<IpAddr>,
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

/// A listener on a free port of 127.0.0.1. Dropping it ends its connections.
pub(crate) struct Peer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: Arc<[Step]> = steps.into_iter().collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let copy = Arc::clone(&state);
        let acceptor = std::thread::spawn(move || accept(&listener, &steps, &copy));
        Self { address, state, acceptor: Some(acceptor) }
    }

    /// A proxy that takes CONNECT, says yes, and passes everything on to `to`.
    pub(crate) fn tunnel(to: &str) -> Self {
        let yes = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
        Self::start([Step::TakeHead, Step::Send(yes), Step::Relay(to.to_owned())])
    }

    /// A proxy that takes CONNECT, says yes, and passes everything on to who is named there.
    pub(crate) fn proxy() -> Self {
        let yes = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
        Self::start([Step::TakeHead, Step::Send(yes), Step::RelayAsked])
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns what the steps have read so far on each connection.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().received.clone()
    }

    /// Returns the addresses of the clients so far.
    pub(crate) fn clients(&self) -> Vec<IpAddr> {
        self.state.lock().unwrap().clients.clone()
    }

    /// Waits until so many clients have connected.
    #[track_caller]
    pub(crate) fn wait_for_connections(&self, count: usize) {
        wait_until("connections come", || self.received().len() >= count);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let (streams, threads) = {
            let mut state = self.state.lock().unwrap();
            state.stopped = true;
            (std::mem::take(&mut state.streams), std::mem::take(&mut state.threads))
        };
        for stream in streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The acceptor looks whether it is to end after each connection.
        let _ = TcpStream::connect(self.address);
        for thread in self.acceptor.take().into_iter().chain(threads) {
            let result = thread.join();
            assert!(result.is_ok() || std::thread::panicking(), "a peer panicked");
        }
    }
}

fn accept(listener: &TcpListener, steps: &Arc<[Step]>, shared: &Arc<Mutex<State>>) {
    for client in listener.incoming() {
        let client = client.unwrap();
        let address = client.peer_addr().map(|address| address.ip());
        let mut state = shared.lock().unwrap();
        if state.stopped {
            return;
        }
        state.streams.push(client.try_clone().unwrap());
        state.received.push(Vec::new());
        // One that has gone again has none.
        state.clients.extend(address);
        let number = state.received.len() - 1;
        let (steps, shared) = (Arc::clone(steps), Arc::clone(shared));
        state.threads.push(std::thread::spawn(move || {
            // Who goes away has its reason.
            let _ = play(&client, &steps, number, &shared);
            let _ = client.shutdown(Shutdown::Both);
        }));
    }
}

fn play(
    mut client: &TcpStream,
    steps: &[Step],
    number: usize,
    shared: &Mutex<State>,
) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Take(count) => {
                let mut bytes = vec![0; *count];
                client.read_exact(&mut bytes)?;
                shared.lock().unwrap().received[number].extend(bytes);
            }
            Step::TakeHead => {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    client.read_exact(&mut byte)?;
                    head.extend(byte);
                }
                shared.lock().unwrap().received[number].extend(head);
            }
            Step::Send(bytes) => client.write_all(bytes)?,
            Step::Trickle(bytes, pause) => loop {
                client.write_all(bytes)?;
                std::thread::sleep(*pause);
            },
            Step::Hold(gate) => gate.pass(|| shared.lock().unwrap().stopped),
            Step::Relay(to) => relay(client, to, shared)?,
            Step::RelayAsked => {
                let head = String::from_utf8(shared.lock().unwrap().received[number].clone());
                let head = head.unwrap();
                relay(client, head.split_whitespace().nth(1).unwrap(), shared)?;
            }
        }
    }
    Ok(())
}

fn relay(client: &TcpStream, to: &str, shared: &Mutex<State>) -> std::io::Result<()> {
    let upstream = TcpStream::connect(to)?;
    shared.lock().unwrap().streams.push(upstream.try_clone()?);
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, &upstream));
        copy(&upstream, client);
    });
    Ok(())
}

/// Copies to the end, and passes the end on.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
