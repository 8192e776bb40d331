//! The harness must find what it is there to find: these tests make it fail, and talk to its
//! server without haul in between.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::harness::lines::matches;
use crate::harness::offer::joined;
use crate::harness::resource::Resource;
use crate::harness::{DEADLINE, Gate, Offer, Reply, Server, Test, content, is_installed};

/// Sends one request and returns all that comes, and whether the connection was reset after it.
fn ask(server: &Server, target: &str, fields: &str) -> (String, bool) {
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let result = stream.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), result.is_err())
}

/// Runs `body`, which must panic, and returns the message.
#[track_caller]
fn failure(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it should have failed");
    *panic.downcast::<String>().expect("a message")
}

#[test]
fn replies_are_sent_as_they_are_described() {
    #[track_caller]
    fn case(reply: Reply, wire: &str, reset: bool) {
        let server = Server::start();
        server.serve("/", reply);
        assert_eq!(ask(&server, "/", ""), (wire.to_owned(), reset));
    }
    let ok = || Reply::ok("hello");
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    case(ok(), &format!("{head}hello"), false);
    case(ok().cut_after(2), &format!("{head}he"), false);
    case(ok().trickle(2, Duration::ZERO), &format!("{head}hello"), false);
    case(ok().rate(100_000), &format!("{head}hello"), false);
    case(
        ok().header("ETag", "\"x\"").with_field("etag", "\"y\""),
        "HTTP/1.1 200 OK\r\netag: \"y\"\r\nContent-Length: 5\r\n\r\nhello",
        false,
    );
    case(ok().length("7, 8"), "HTTP/1.1 200 OK\r\nContent-Length: 7, 8\r\n\r\nhello", false);
    case(ok().http10(), "HTTP/1.0 200 OK\r\n\r\nhello", false);
    case(
        ok().header("ETag", "\"x\"").chunked(3),
        "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        false,
    );
    case(Reply::raw("SSH-2.0\r\n"), "SSH-2.0\r\n", false);
    case(Reply::nothing(), "", false);
    case(Reply::nothing().reset(), "", true);
}

#[test]
fn a_reset_is_a_reset() {
    let server = Server::start();
    server.serve("/", Reply::ok("hello").reset_after(2));
    let (_, reset) = ask(&server, "/", "");
    assert!(reset);
}

#[test]
fn a_gate_holds_a_reply_until_it_is_opened() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/", Reply::ok("hello").hold_after(3, &gate));
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    gate.wait_reached(1);
    let mut held = [0; 41];
    stream.read_exact(&mut held).unwrap();
    assert!(held.ends_with(b"\r\n\r\nhel"));
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert!(stream.read(&mut held).is_err());
    gate.open();
    let mut rest = String::new();
    stream.set_read_timeout(None).unwrap();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "lo");
}

#[test]
fn a_resource_answers_ranges_and_conditions() {
    #[track_caller]
    fn case(resource: &Resource, fields: &str, starts: &str, ends: &str) {
        let server = Server::start();
        let copy = resource.clone();
        server.answer("/", move |request| copy.answer(request));
        let (wire, _) = ask(&server, "/", fields);
        assert!(wire.starts_with(starts) && wire.ends_with(ends), "{wire}");
    }
    let file = Resource::new(b"0123456789", "\"a\"");
    let partial = "HTTP/1.1 206 ";
    case(&file, "", "HTTP/1.1 200 ", "\n0123456789");
    case(&file, "Range: bytes=2-3\r\n", partial, "\n23");
    case(&file, "Range: bytes=8-\r\n", partial, "\n89");
    case(&file, "Range: bytes=-1\r\n", partial, "\n9");
    case(&file, "Range: bytes=10-\r\n", "HTTP/1.1 416 ", "\n");
    let range = "Range: bytes=9-\r\nIf-Range: \"a\"\r\n";
    case(&file, range, partial, "\n9");
    file.change(b"abc", "\"b\"");
    case(&file, range, "HTTP/1.1 200 ", "\nabc");
    let server = Server::start();
    let silent = Resource::new(b"abc", "\"b\"").without_accept_ranges();
    server.answer("/", move |request| silent.answer(request));
    assert!(!ask(&server, "/", "").0.contains("Accept-Ranges"));
}

/// Sends a request and returns the connection, without reading what comes.
fn begin(server: &Server, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    stream.write_all(format!("GET /a HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap();
    stream
}

#[test]
fn a_rate_is_kept_from_the_first_byte_on() {
    let server = Server::start();
    server.serve("/", Reply::ok(content(1, 100_000)).rate(400_000));
    let began = Instant::now();
    ask(&server, "/", "");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(240) && took < DEADLINE, "{took:?}");
}

#[test]
fn requests_that_are_open_at_once_are_counted_and_those_that_were_left_are_not() {
    let (server, gate) = (Server::start(), Gate::default());
    let held = gate.clone();
    server.handle(move |_| Reply::ok("hello").hold_after(3, &held));
    for _ in 0..3 {
        drop(begin(&server, ""));
    }
    server.wait_for_requests(3);
    let first = begin(&server, "");
    server.wait_for_requests(4);
    let mut second = begin(&server, "Connection: close\r\n");
    server.wait_for_requests(5);
    gate.open();
    second.read_to_end(&mut Vec::new()).unwrap();
    // The first one has all of its answer too, or will not miss what comes now.
    drop(first);
    drop(begin(&server, ""));
    server.wait_for_requests(6);
    assert_eq!(server.most_at_once(), 2);
}

#[test]
fn connections_after_the_last_one_are_refused() {
    let (server, gate) = (Server::start(), Gate::default());
    server.take_connections(1);
    server.serve("/a", Reply::ok("hello").hold_after(3, &gate));
    let mut first = begin(&server, "Connection: close\r\n");
    gate.wait_reached(1);
    crate::harness::wait_until("a connection is refused", || {
        TcpStream::connect(server.authority()).is_err()
    });
    gate.open();
    let mut wire = String::new();
    first.read_to_string(&mut wire).unwrap();
    assert!(wire.ends_with("hello"), "{wire}");
}

#[test]
fn a_ledger_tells_what_went_out() {
    let server = Server::start();
    let file = Resource::new(b"0123456789", "\"a\"");
    let offer = Offer::new(&file).spoiled(|number, _, reply| match number {
        0 => reply.cut_after(3),
        _ => reply,
    });
    let ledger = offer.on(&server, "/a");
    ask(&server, "/a", "");
    ask(&server, "/a", "Range: bytes=5-6\r\nIf-Range: \"a\"\r\n");
    ledger.wait_for_flow(2, 2);
    assert_eq!(ledger.asked(), ["all", "bytes=5-6 ? \"a\""]);
    assert_eq!(ledger.bytes(), 5);
    assert_eq!(ledger.covered(), [0..3, 5..7]);
    assert_eq!(ledger.parts().len(), 1);
    assert_eq!(joined([4..6, 0..2, 2..3, 5..9, 7..7]), [0..3, 4..9]);
}

#[test]
fn a_request_that_is_not_in_the_script_fails_the_test() {
    let message = failure(|| {
        let server = Server::start();
        ask(&server, "/secret", "");
    });
    assert!(message.contains("unexpected request for /secret"));
}

#[test]
fn a_reply_that_nobody_asks_for_fails_the_test() {
    let message = failure(|| {
        let server = Server::start();
        server.serve("/a", Reply::ok(""));
        server.always("/b", Reply::ok(""));
        server.maybe("/c", Reply::ok(""));
    });
    assert!(message.contains("/a has replies"));
    assert!(message.contains("/b has replies"));
    assert!(!message.contains("/c has replies"));
}

#[test]
fn a_panic_in_an_answer_fails_the_test() {
    let message = failure(|| {
        let server = Server::start();
        server.answer("/", |_| panic!("on purpose"));
        ask(&server, "/", "");
    });
    assert!(message.contains("a thread of the server panicked"));
}

#[test]
fn everything_that_was_not_expected_is_told() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    let message = failure(|| {
        let _ = server
            .test()
            .arg(server.url("/a"))
            .existing("b", "old")
            .expect_no_file("b")
            .status(3)
            .run();
    });
    for part in [
        "status 3 expected, got Some(0)",
        "\"b\" should not be there",
        "\"a\" should not be there",
        "stdout should hold the paths []",
        "no line on stderr is like \"0 files, …\"",
        "\"a\": 5 bytes",
        "GET /a",
    ] {
        assert!(message.contains(part), "{part:?} is missing in {message}");
    }
}

#[test]
fn a_run_that_does_not_end_is_killed() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").hold_header(&Gate::default()));
    let message = failure(|| {
        let test = server.test().arg(server.url("/a"));
        let _ = test.within(Duration::from_millis(200)).run();
    });
    assert!(message.contains("haul did not end in time"));
}

#[test]
fn a_tool_is_installed_or_not() {
    assert!(is_installed("sh"));
    assert!(!is_installed("no-such-tool"));
}

#[test]
fn patterns_have_gaps() {
    #[track_caller]
    fn case(pattern: &str, line: &str, matched: bool) {
        assert_eq!(matches(pattern, line), matched, "{pattern} {line}");
    }
    case("a", "a", true);
    case("a", "ab", false);
    case("a…", "ab", true);
    case("a…c…e", "abcde", true);
    case("a…c", "abcd", false);
    case("2 files, …", "2 files, 1 B in 1s (1 B/s)", true);
    case("2 files, …", "2 files, 1 B in 1s (1 B/s), 1 failed", false);
    case("2 files, …, 1 failed", "2 files, 1 B in 1s, 1 failed", true);
    case("2 files, …, 1 failed", "2 files, 1 B in 1s, 1 skipped, 1 failed", false);
}

#[test]
fn content_repeats_no_word() {
    let bytes = content(7, 80_001);
    let mut words: Vec<&[u8]> = bytes.chunks_exact(8).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 10_000);
    assert_ne!(content(8, 8), content(7, 8));
    // A run of nothing but the builder must be possible, too.
    let _ = Test::new().stdin("").run();
}
