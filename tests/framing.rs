//! HTTP as it should not be: the file is right, or there is an error; and nothing without end is read
//! for ever.

use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::{Reply, Server, content};

/// Downloads `/a`, answered with these bytes, and expects this file.
#[track_caller]
fn comes(wire: &str, body: &str) {
    let server = Server::start();
    server.serve("/a", Reply::raw(wire));
    server.get(["/a"]).expect_file("a", body).run();
}

/// Downloads `/a`, answered with these bytes, and expects an error.
#[track_caller]
fn fails(wire: &str) {
    let server = Server::start();
    server.serve("/a", Reply::raw(wire));
    server.get(["/a"]).any_stderr().status(1).run();
}

/// Downloads `/a`, answered with these bytes, and expects this file or an error.
#[track_caller]
fn is_right_or_fails(wire: &str, body: &str) {
    let server = Server::start();
    server.serve("/a", Reply::raw(wire));
    let output = server.get(["/a"]).any_result().run();
    let file = std::fs::read(output.folder.path().join("a")).ok();
    match output.status {
        Some(0) => assert_eq!(file.as_deref(), Some(body.as_bytes()), "{wire:?}"),
        status => assert_eq!((status, file), (Some(1), None), "{wire:?}: {}", output.stderr),
    }
}

/// Downloads `/a`, answered with this, in little memory, and expects an error soon.
#[track_caller]
fn is_given_up(reply: Reply) {
    let server = Server::start();
    server.serve("/a", reply);
    server
        .get(["/a"])
        .args(["--stall-timeout", "1"])
        // In KiB: an eighth of it would do.
        .shell("ulimit -d 300000; exec \"$@\"")
        .any_stderr()
        .status(1)
        .run();
}

fn chunked(chunks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

#[test]
fn chunks_may_be_written_in_several_ways() {
    let hello = |chunks: &str| comes(&chunked(chunks), "hello");
    hello("5\r\nhello\r\n0\r\n\r\n");
    hello("05\r\nhello\r\n00\r\n\r\n");
    hello("1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n");
    hello("5;a\r\nhello\r\n0;b\r\n\r\n");
    hello("5;a=\"b\"\r\nhello\r\n0\r\n\r\n");
    hello("5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n\r\n");
    comes(&chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), &"0123456789".repeat(2));
    comes(&chunked("0\r\n\r\n"), "");
}

#[test]
fn chunks_that_are_wrong_make_no_file() {
    for chunks in [
        "",
        "\r\n",
        "5",
        "5\r\n",
        "5\r\nhel",
        "5\r\nhello",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "8000000000000005\r\nhello\r\n0\r\n\r\n",
        ";a\r\nhello\r\n0\r\n\r\n",
        "five\r\nhello\r\n0\r\n\r\n",
    ] {
        fails(&chunked(chunks));
    }
}

#[test]
fn a_last_chunk_without_the_empty_line_behind_it_is_the_last_all_the_same() {
    // Nothing of the file can be missing; whether it counts is a matter of taste.
    is_right_or_fails(&chunked("5\r\nhello\r\n0\r\n"), "hello");
    is_right_or_fails(&chunked("5\r\nhello\r\n0\r\nX-A: 1\r\n"), "hello");
}

#[test]
fn line_ends_that_are_not_quite_right_never_make_a_wrong_file() {
    for wire in [
        chunked("5\nhello\n0\n\n"),
        chunked("5\r\nhello\n0\r\n\r\n"),
        chunked("5 \r\nhello\r\n0 \r\n\r\n"),
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1  200  OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n".to_owned(),
    ] {
        is_right_or_fails(&wire, "hello");
    }
}

#[test]
fn a_length_beside_chunks_never_makes_a_wrong_file() {
    for length in ["5", "4", "6", "1000000", "0", "-1", "x"] {
        for order in [0, 1] {
            let mut fields =
                [format!("Content-Length: {length}"), "Transfer-Encoding: chunked".into()];
            fields.rotate_left(order);
            let fields = fields.join("\r\n");
            let wire = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
            is_right_or_fails(&wire, "hello");
        }
    }
}

#[test]
fn lengths_that_say_the_same_twice_never_make_a_wrong_file() {
    for fields in ["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5"] {
        is_right_or_fails(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nhello"), "hello");
    }
}

#[test]
fn lengths_and_codings_that_are_wrong_make_no_file() {
    for field in [
        "Content-Length: +5",
        "Content-Length: 5.0",
        "Content-Length: 0x5",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nContent-Length: 4",
        "Content-Length: 18446744073709551616",
        "Content-Length: 18446744073709551621",
        "Content-Length: 4294967301",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: deflate, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: ",
    ] {
        fails(&format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\nhello"));
    }
}

#[test]
fn chunked_is_understood_however_it_is_said_and_the_connection_is_not_used_again() {
    for (version, field) in [
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("1.1", "Transfer-Encoding: chunked, chunked"),
        ("1.1", "Transfer-Encoding: , chunked"),
        ("1.1", "Transfer-Encoding: identity, chunked"),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        ("1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive"),
        ("1.0", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: keep-alive"),
    ] {
        let wire = format!("HTTP/{version} 200 OK\r\n{field}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        is_the_last(&wire);
    }
    comes("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello", "hello");
    is_the_last("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello");
    is_the_last(&chunked("5\nhello\n0\n\n"));
}

/// Downloads `/a`, answered with these bytes, which are a file with `hello`, and expects that no other file
/// comes on its connection.
#[track_caller]
fn is_the_last(wire: &str) {
    let server = Server::start();
    server.serve("/a", Reply::raw(wire).keep_alive());
    server.serve("/b", Reply::ok("world"));
    let test = server.get(["/a", "/b"]).args(["-j", "1"]);
    test.expect_file("a", "hello").expect_file("b", "world").run();
    assert_eq!(server.connections(), 2, "{wire:?}");
}

#[test]
fn a_transfer_coding_that_was_not_asked_for_is_told() {
    let hint =
        "it was not asked for; another mirror may do without, or another way there (`--proxy`)";
    for coding in ["gzip", "gzip, chunked"] {
        let server = Server::start();
        let field = format!("Transfer-Encoding: {coding}");
        let wire = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        server.serve("/a", Reply::raw(wire));
        let cause = format!("transfer coding `{coding}` is not understood");
        server.get(["/a"]).retries(5).fails(server.url("/a"), &cause).hint(hint).run();
    }
}

#[test]
fn names_of_fields_are_the_same_in_any_case() {
    comes("HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh: 5\r\n\r\nhello and more", "hello");
    comes("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: ChunkeD\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello");
}

#[test]
fn a_status_line_without_a_phrase_is_one() {
    comes("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", "hello");
    is_right_or_fails("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello");
}

#[test]
fn what_is_no_status_line_makes_no_file() {
    for line in [
        "ICY 200 OK",
        "HTTP/3.1 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 -200 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 OK",
        "HTTP/1.1",
        "200 OK",
        "",
    ] {
        fails(&format!("{line}\r\nContent-Length: 5\r\n\r\nhello"));
    }
}

#[test]
fn several_interim_responses_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n".repeat(3);
    comes(&format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello");
}

#[test]
fn a_large_header_is_read() {
    let mut fields = String::new();
    for number in 0..90 {
        let _ = write!(fields, "X-{number}: {}\r\n", "x".repeat(330));
    }
    comes(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello"), "hello");
    let field = format!("Set-Cookie: a={}\r\n", "x".repeat(30_000));
    comes(&format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 5\r\n\r\nhello"), "hello");
}

#[test]
fn a_header_that_is_far_too_large_is_given_up() {
    let end = "Content-Length: 5\r\n\r\nhello";
    let line = format!("X: {}\r\n", "x".repeat(8_000_000));
    is_given_up(Reply::raw(format!("HTTP/1.1 200 OK\r\n{line}{end}")));
    is_given_up(Reply::raw(format!("HTTP/1.1 200 OK\r\n{}{end}", "X-Y: z\r\n".repeat(200_000))));
}

#[test]
fn what_has_no_end_is_given_up() {
    is_given_up(Reply::raw("").endless("HTTP/1.1 100 Continue\r\n\r\n"));
    is_given_up(Reply::raw("").endless("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"));
    is_given_up(Reply::raw("").endless("x"));
    is_given_up(Reply::raw("").endless("\r\n"));
    is_given_up(Reply::raw("HTTP/1.1 200 ").endless("OK "));
    is_given_up(Reply::raw("HTTP/1.1 200 OK\r\nX: ").endless("xxxxxxxxx"));
    is_given_up(Reply::raw("HTTP/1.1 200 OK\r\n").endless("X: xxxxxxx\r\n"));
    is_given_up(Reply::raw("HTTP/1.1 200 OK\r\n").endless("\t folded\r\n"));
    is_given_up(Reply::raw(chunked("")).endless("0"));
    is_given_up(Reply::raw(chunked("5;")).endless("extension"));
    is_given_up(Reply::raw(chunked("5\r\nhello\r\n0\r\n")).endless("X-Trailer: x\r\n"));
    is_given_up(Reply::raw(chunked("5\r\nhello\r\n0\r\nX: ")).endless("trailer"));
}

#[test]
fn a_header_that_drips_in_is_given_up() {
    // Each byte comes before the stall timeout; the header never.
    for beginning in ["", "HTTP/1.1 200 OK\r\nX: ", &chunked("5;")] {
        let server = Server::start();
        let wire = format!("{beginning}{}", "x".repeat(1000));
        server.serve("/a", Reply::raw(wire).trickle(1, Duration::from_millis(20)));
        server
            .get(["/a"])
            .args(["--stall-timeout", "0.3"])
            .within(Duration::from_secs(5))
            .any_stderr()
            .status(1)
            .run();
    }
}

#[test]
fn a_refusal_without_end_is_not_read() {
    for reply in [
        Reply::status(404, "Not Found").until_close(),
        Reply::status(404, "Not Found").length("1000000000000"),
        Reply::raw("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let server = Server::start();
        server.serve("/a", reply.endless("6\r\nnot it\r\n"));
        server.serve("/b", Reply::ok("x"));
        server
            .get(["/a", "/b"])
            .args(["-j", "1"])
            .within(Duration::from_secs(5))
            .fails(server.url("/a"), "404 Not Found")
            .hint("check the URL")
            .expect_file("b", "x")
            .run();
    }
}

#[test]
fn codings_of_content_are_kept_as_they_are() {
    let codings = vec!["gzip"; 40].join(", ");
    for coding in [&*codings, "br", "identity", "no-such-coding", "aws-chunked"] {
        let server = Server::start();
        let body = content(1, 5000);
        server.serve("/a", Reply::ok(&body).header("Content-Encoding", coding));
        let output = server.get(["/a"]).any_stderr().expect_file("a", body).run();
        let is_told = output.stderr.contains("saved as the server packed it");
        assert_eq!(is_told, coding != "identity", "{}", output.stderr);
        assert!(output.stderr.len() < 400, "{}", output.stderr);
    }
}
