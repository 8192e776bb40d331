//! A server that waits before each answer, as one far away does.
//!
//! `delay MILLISECONDS DIR` prints its port and serves the files of the folder until it is ended. Each
//! connection has a thread, so that one that waits holds up no other. `GET /status` is answered at
//! once, as nginx's `stub_status` does it, with the number of connections so far.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Enough for a thread that serves small files: there may be hundreds.
const STACK_BYTES: usize = 128 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [milliseconds, folder] = arguments.as_slice() else {
        panic!("usage: delay MILLISECONDS DIR");
    };
    let delay = Duration::from_millis(milliseconds.parse().expect("a number of milliseconds"));
    let folder: Arc<PathBuf> = Arc::new(PathBuf::from(folder));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    let accepted = Arc::new(AtomicUsize::new(0));
    for socket in listener.incoming() {
        let (folder, accepted) = (Arc::clone(&folder), Arc::clone(&accepted));
        accepted.fetch_add(1, Ordering::Relaxed);
        let socket = socket.expect("a connection");
        // A client that goes away, or asks for what is not there, ends its own thread only.
        let serve = move || serve(socket, delay, &folder, &accepted);
        thread::Builder::new().stack_size(STACK_BYTES).spawn(serve).expect("a thread");
    }
}

/// Answers the requests of one connection until it is closed.
fn serve(socket: TcpStream, delay: Duration, folder: &Path, accepted: &AtomicUsize) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(&socket);
    loop {
        let path = request(&mut reader)?;
        if path == "/status" {
            let count = accepted.load(Ordering::Relaxed);
            let text = format!("server accepts handled requests\n {count} {count} 0\n");
            answer(&socket, text.as_bytes())?;
        } else {
            thread::sleep(delay);
            answer(&socket, &fs::read(folder.join(path.trim_start_matches('/'))).ok()?)?;
        }
    }
}

/// Reads one request and returns its path.
fn request(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    Some(path)
}

/// Sends head and body in one piece.
fn answer(mut socket: &TcpStream, body: &[u8]) -> Option<()> {
    let mut whole =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    whole.extend_from_slice(body);
    socket.write_all(&whole).ok()
}
