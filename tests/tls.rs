//! Over TLS an end without close_notify is no end, unless the body's own framing says that it is.

use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, content};

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
