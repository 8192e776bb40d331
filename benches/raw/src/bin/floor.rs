//! The floor: the least that a downloader of threads can do, with nothing between it and the sockets.
//!
//! `floor THREADS DIR LIST` fetches each `http://` URL of the list into the folder, under its last
//! path component. One socket a thread that is kept alive, a response head of which only the length
//! is read, and a loop that reads up to 256 KiB and writes them. No resume, no check, no `.part`, no
//! redirect, no progress; whatever is unexpected ends it with a panic.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const BUFFER_BYTES: usize = 256 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [threads, folder, list] = arguments.as_slice() else {
        panic!("usage: floor THREADS DIR LIST");
    };
    let threads: usize = threads.parse().expect("a number of threads");
    let list = fs::read_to_string(list).expect("a list");
    let urls: Vec<&str> = list.lines().collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.min(urls.len()) {
            scope.spawn(|| work(&urls, &next, Path::new(folder)));
        }
    });
}

/// Fetches URLs of one server until none is left.
fn work(urls: &[&str], next: &AtomicUsize, folder: &Path) {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut socket: Option<TcpStream> = None;
    while let Some(url) = urls.get(next.fetch_add(1, Ordering::Relaxed)) {
        let rest = url.strip_prefix("http://").expect("an http URL");
        let (host, path) = rest.split_once('/').expect("a path");
        let socket = socket.get_or_insert_with(|| {
            let socket = TcpStream::connect(host).expect("a connection");
            socket.set_nodelay(true).expect("no delay");
            socket
        });
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("a sent request");
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut file = File::create(folder.join(name)).expect("a file");
        fetch(socket, &mut file, &mut buffer);
    }
}

/// Reads one response and writes its body.
fn fetch(socket: &mut TcpStream, file: &mut File, buffer: &mut [u8]) {
    let mut filled = 0;
    let head = loop {
        let count = socket.read(&mut buffer[filled..]).expect("a response");
        assert!(count > 0, "the server closed the connection");
        filled += count;
        if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut left = length(&buffer[..head]) - (filled - head);
    file.write_all(&buffer[head..filled]).expect("a written file");
    while left > 0 {
        let most = left.min(buffer.len());
        let count = socket.read(&mut buffer[..most]).expect("a body");
        assert!(count > 0, "the server closed the connection");
        file.write_all(&buffer[..count]).expect("a written file");
        left -= count;
    }
}

/// Returns the `Content-Length` of a 200.
fn length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("a head in ASCII");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    value.and_then(|value| value.parse().ok()).expect("a length")
}
