//! Files arrive whole, however the server frames them, or not at all.

use std::collections::HashSet;

use crate::harness::{Gate, Reply, Server, content};

#[test]
fn a_file_is_saved_under_the_name_in_its_url() {
    let server = Server::start();
    let body = content(1, 300_000);
    server.serve("/dir/a.bin?x=1", Reply::ok(&body));
    server.get(["/dir/a.bin?x=1"]).expect_file("a.bin", &body).run();
}

#[test]
fn many_files_are_saved_in_one_run() {
    let server = Server::start();
    let mut test = server.test();
    for number in 0..40 {
        let body = content(number, 1000 * number as usize);
        let name = format!("{number}.bin");
        let target = format!("/{name}");
        server.serve(&target, Reply::ok(&body));
        test = test.arg(server.url(&target)).expect_file(&name, body);
    }
    test.run();
}

#[test]
fn connections_are_kept_and_no_more_than_jobs() {
    let server = Server::start();
    let mut test = server.test().args(["--jobs", "3"]);
    for number in 0..60 {
        let target = format!("/{number}");
        server.serve(&target, Reply::ok(&target));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), &target);
    }
    test.run();
    assert!(server.connections() <= 3, "{}", server.connections());
}

#[test]
fn as_many_files_come_at_once_as_there_are_jobs() {
    let server = Server::start();
    let gate = Gate::default();
    let mut test = server.test().args(["-j", "5"]);
    for number in 0..6 {
        let target = format!("/{number}");
        server.serve(&target, Reply::ok(&target).hold_after(1, &gate));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), &target);
    }
    let running = test.start();
    gate.wait_reached(5);
    assert_eq!(server.requests().len(), 5);
    gate.open();
    running.finish();
}

#[test]
fn a_request_says_what_it_is_and_asks_for_the_bytes_as_they_are() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.get(["/a"]).expect_file("a", "x").run();
    let [request] = server.requests().try_into().expect("one request");
    assert_eq!(request.method, "GET");
    assert_eq!(request.header("host"), Some(&*server.authority()));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("accept"), Some("*/*"));
    let agent = request.header("user-agent").unwrap_or_default();
    assert!(agent.starts_with("haul/"), "{agent}");
    let names: HashSet<_> = request.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 4, "{:?}", request.headers);
}

#[test]
fn bodies_of_every_framing_are_whole() {
    #[track_caller]
    fn case(body: &[u8], reply: Reply) {
        let server = Server::start();
        server.serve("/a", reply);
        server.get(["/a"]).expect_file("a", body).run();
    }
    let body = content(2, 200_001);
    let small = content(3, 100);
    case(&body, Reply::ok(&body));
    case(&body, Reply::ok(&body).close());
    case(&body, Reply::ok(&body).chunked(4096));
    case(&body, Reply::ok(&body).chunked(200_001));
    case(&small, Reply::ok(&small).chunked(1));
    case(&body, Reply::ok(&body).until_close());
    case(&body, Reply::ok(&body).http10());
    case(&body, Reply::ok(&body).http10().length("200001"));
    case(b"", Reply::ok(""));
    case(b"", Reply::ok("").chunked(1));
    case(b"", Reply::ok("").until_close());
    case(b"x", Reply::ok("x"));
}

#[test]
fn a_body_in_a_coding_is_saved_as_it_was_sent() {
    let server = Server::start();
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    server.serve("/a", Reply::ok(gzip).header("Content-Encoding", "gzip"));
    server.get(["/a"]).any_stderr().expect_file("a", gzip).run();
}

#[test]
fn interim_responses_are_passed_over() {
    let server = Server::start();
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    server.serve("/a", Reply::raw(format!("{interim}{last}")));
    server.get(["/a"]).expect_file("a", "hello").run();
}

#[test]
fn chunk_extensions_and_trailers_are_passed_over() {
    let server = Server::start();
    server.serve(
        "/a",
        Reply::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;note=1\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
        ),
    );
    server.get(["/a"]).expect_file("a", "hello").run();
}

#[test]
fn a_body_shorter_than_its_length_fails_and_leaves_nothing() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(4, 300_000)).cut_after(299_999));
    server.get(["/a"]).fails(server.url("/a"), "the body of 293 KiB ended 1 B too early").run();
}

#[test]
fn a_chunked_body_without_its_last_chunk_fails() {
    // The last chunk is `0 CR LF CR LF`; a FIN is no substitute for it.
    for missing in [5, 6, 1000] {
        let server = Server::start();
        let reply = Reply::ok(content(5, 5000)).chunked(5000);
        server.serve("/a", reply.cut_after(5013 - missing));
        server.get(["/a"]).fails(server.url("/a"), "the body broke off after …").run();
    }
}

#[test]
fn a_reset_in_a_body_of_any_framing_fails() {
    #[track_caller]
    fn case(reply: Reply, cause: &str) {
        let server = Server::start();
        // The bytes before a reset may be lost with it; the gate makes sure that haul is reading.
        server.serve("/a", reply);
        server.get(["/a"]).fails(server.url("/a"), cause).run();
    }
    let body = content(6, 100_000);
    case(Reply::ok(&body).reset_after(50_000), "the connection broke: …");
    case(Reply::ok(&body).chunked(1000).reset_after(50_000), "the connection broke: …");
    case(Reply::ok(&body).until_close().reset_after(50_000), "the connection broke: …");
    // Even when all bytes have come: nothing says so.
    case(Reply::ok(&body).until_close().reset(), "the connection broke: …");
}

#[test]
fn a_connection_that_the_server_closed_between_two_files_costs_nothing() {
    let server = Server::start();
    server.serve("/a", Reply::ok("first").close());
    server.serve("/b", Reply::ok("second"));
    server
        .get(["/a", "/b"])
        .args(["-j", "1"])
        .expect_file("a", "first")
        .expect_file("b", "second")
        .run();
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_kept_connection_that_breaks_at_the_next_request_is_replaced_at_once() {
    for broken in [Reply::nothing(), Reply::nothing().reset()] {
        let server = Server::start();
        server.serve("/a", Reply::ok("first"));
        server.serve("/b", broken);
        server.serve("/b", Reply::ok("second"));
        server
            .get(["/a", "/b"])
            .args(["-j", "1"])
            .expect_file("a", "first")
            .expect_file("b", "second")
            .run();
        assert_eq!(server.connections(), 2);
        assert_eq!(server.targets(), ["/a", "/b", "/b"]);
    }
}

#[test]
fn a_fresh_connection_that_breaks_before_the_response_fails() {
    for broken in [Reply::nothing(), Reply::nothing().reset()] {
        let server = Server::start();
        server.serve("/a", broken);
        server.get(["/a"]).fails(server.url("/a"), "the connection broke: …").run();
        assert_eq!(server.targets(), ["/a"]);
    }
}

#[test]
fn a_connection_with_bytes_left_over_is_not_used_again() {
    let server = Server::start();
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n";
    let gate = Gate::default();
    server.serve("/a", Reply::raw(reply).hold_after(reply.len(), &gate));
    server.serve("/b", Reply::ok("second"));
    let running = server
        .get(["/a", "/b"])
        .args(["-j", "1"])
        .expect_file("a", "hello")
        .expect_file("b", "second")
        .start();
    server.wait_for_requests(2);
    gate.open();
    running.finish();
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_kept_connection_is_used_after_a_failed_and_a_redirected_request() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "Not Found").body(content(7, 20_000)));
    server.serve("/b", Reply::redirect(302, "/c").body("moved"));
    server.serve("/c", Reply::ok("third"));
    server
        .get(["/a", "/b"])
        .args(["-j", "1"])
        .fails(server.url("/a"), "404 Not Found")
        .hint("check the URL")
        .expect_file("b", "third")
        .run();
    assert_eq!(server.connections(), 1);
}
