//! Over TLS an end without close_notify is no end, unless the body's own framing says that it is; and a
//! record is waited for as long as anything else that is of no use yet.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

use crate::harness::certificates::{Signer, says};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test, content};

/// Downloads `/a` through TLS; `body` is what must be saved, or `None` if it must fail.
#[track_caller]
fn case(reply: Reply, says_goodbye: bool, body: Option<&[u8]>) {
    let server = Server::start();
    server.serve("/a", reply);
    let front = TlsFront::start(&server, says_goodbye);
    let url = front.url("/a");
    let test = front.test().server(&server).arg(&url);
    match body {
        Some(body) => test.expect_file("a", body).run(),
        None => test.fails(&url, "the … broke…").run(),
    };
}

#[test]
fn a_body_without_length_is_whole_after_a_goodbye() {
    let body = content(1, 100_000);
    case(Reply::ok(&body).until_close(), true, Some(&body));
    case(Reply::ok("").until_close(), true, Some(b""));
}

#[test]
fn a_body_without_length_is_not_whole_without_a_goodbye() {
    let body = content(2, 100_000);
    case(Reply::ok(&body).until_close(), false, None);
    case(Reply::ok("").until_close(), false, None);
}

#[test]
fn a_body_that_tells_its_end_needs_no_goodbye() {
    let body = content(3, 100_000);
    case(Reply::ok(&body).close(), false, Some(&body));
    case(Reply::ok(&body).chunked(5000).close(), false, Some(&body));
}

#[test]
fn a_body_that_ends_too_early_is_not_whole_with_a_goodbye_either() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(4, 100_000)).cut_after(50_000));
    let front = TlsFront::start(&server, true);
    let url = front.url("/a");
    front
        .test()
        .server(&server)
        .arg(&url)
        .fails(&url, "the body ended after 49 KiB of 98 KiB")
        .run();
    case(Reply::ok(content(5, 5000)).chunked(1000).cut_after(2000), true, None);
}

#[test]
fn a_missing_goodbye_is_told_in_words_for_users() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").until_close());
    let front = TlsFront::start(&server, false);
    let url = front.url("/a");
    let output = front.test().arg(&url).fails(&url, "…").run();
    // The library's own words send to its manual, which is for programmers.
    assert!(!output.stderr.contains("rustls"), "{}", output.stderr);
}

/// Answers the request of one connection with a record of which a byte comes now and then.
fn drip(listener: &TcpListener, config: ServerConfig) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut session = ServerConnection::new(Arc::new(config)).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        session.complete_io(&mut stream).unwrap();
        let _ = session.reader().read_to_end(&mut request);
    }
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(10_000));
    session.writer().write_all(head.as_bytes()).unwrap();
    let mut record = Vec::new();
    session.write_tls(&mut record).unwrap();
    for byte in record {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_record_that_never_becomes_whole_holds_no_worker() {
    let signer = Signer::new("authority");
    let config = signer.sign(&says("leaf", &["127.0.0.1"])).server();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}/a", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || drip(&listener, config));
    let folder = tempfile::tempdir().unwrap();
    let test = Test::new().env("SSL_CERT_FILE", signer.write(folder.path(), "authority.pem"));
    let test = test.args(["--stall-timeout", "0.2", &url]);
    test.fails(&url, "the server sent nothing of use for …").run();
    server.join().unwrap();
}
