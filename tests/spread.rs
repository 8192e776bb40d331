//! Several URLs for one file, at once: idle workers bring parts of it from its mirrors, as far as these
//! show that they have the same.

use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::harness::objects::sha256;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Reply, Request, Server, Test, content};

/// The bytes of the file.
const LENGTH: usize = 2_000_000;

/// What a connection brings each 10 ms, so that a file takes long enough to be helped with.
const PIECE: usize = 20_000;

const EVERY: Duration = Duration::from_millis(10);

const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
const MODIFIED: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:40:00 GMT");
const MODIFIED_LATER: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:41:00 GMT");

fn body() -> Vec<u8> {
    content(1, LENGTH)
}

fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

/// A server that offers a file under every name, so many bytes each 10 ms on each connection.
fn pacing(resource: Resource, piece: usize) -> Server {
    let server = Server::start();
    server.handle(move |request| resource.answer(request).trickle(piece, EVERY));
    server
}

/// Downloads `/a` of one server, which others have too.
fn get<const N: usize>(servers: [&Server; N], workers: u32) -> Test {
    let urls = servers.map(|server| server.url("/a"));
    let test = splitting(workers).arg(urls.join("\t"));
    servers.into_iter().fold(test, Test::server)
}

/// Lets so many workers help with small parts.
fn splitting(workers: u32) -> Test {
    Test::new().args(["-j", &workers.to_string(), "--min-split", "64K"])
}

/// Expects that a server was asked for parts, and only for parts, under the ETag.
#[track_caller]
fn gave_parts(server: &Server) {
    let asked = server.asked();
    assert!(!asked.is_empty());
    let is_part = |asks: &String| asks.starts_with("bytes=") && asks.ends_with(" ? \"v1\"");
    assert!(asked.iter().all(is_part), "{asked:?}");
}

#[test]
fn parts_come_from_every_mirror_under_one_etag() {
    // Dates are each mirror's own.
    let dated = |date| Resource::with_fields(&body(), &[("ETag", "\"v1\""), date, DATE]);
    let servers = [v1(), dated(MODIFIED), dated(MODIFIED_LATER)];
    let [a, b, c] = servers.map(|resource| pacing(resource, PIECE));
    get([&a, &b, &c], 4).expect_file("a", body()).run();
    assert_eq!(a.asked()[0], "all");
    for server in [&b, &c] {
        gave_parts(server);
        assert!(server.sent() > PIECE, "{}", server.sent());
    }
}

#[test]
fn who_helps_with_what_and_from_where_is_told_when_many_lines_are_wanted() {
    let (a, b) = (pacing(v1(), PIECE), pacing(v1(), PIECE));
    let line = format!("{}\thttp://zoe:apple@{}/a?token=quince", a.url("/a"), b.authority());
    let output = splitting(2).args(["-v", &line]).any_stderr().expect_file("a", body()).run();
    let told = format!(" from http://{}/a?token=***", b.authority());
    let is_told = |line: &str| line.contains(" helps: bytes ") && line.ends_with(&told);
    assert!(output.stderr.lines().any(is_told), "{}", output.stderr);
    for secret in ["zoe", "apple", "quince"] {
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
    }
}

/// Expects that a mirror that answers like this is asked so often, told of once, and not used.
#[track_caller]
fn is_not_used(mirror: &Server, retries: u32, cause: &str, times: usize) {
    let main = pacing(v1(), PIECE);
    let warning = format!("warning: {}: {cause}; not used for a", mirror.url("/a"));
    let test = get([&main, mirror], 2).retries(retries).env("__HAUL_FIXED_BACKOFF_MS", "0");
    test.line(warning).expect_file("a", body()).run();
    assert_eq!(mirror.requests().len(), times, "{cause}");
    gave_parts(mirror);
}

#[test]
fn a_mirror_with_another_file_is_not_used() {
    let other = content(2, LENGTH);
    let version = "it has another version of the file";
    let length = "its file has another length";
    let unidentified = "the server does not say which version it sent a range of";
    let all = "the server sent the whole file: it changed, or has no ranges";
    for (resource, cause) in [
        (Resource::new(&other, "\"v2\""), version),
        (Resource::new(&other, "\"v2\"").ignoring_if_range(), version),
        (Resource::new(&other, "W/\"v1\""), version),
        (Resource::with_fields(&other, &[]).ignoring_if_range(), unidentified),
        (Resource::with_fields(&other, &[MODIFIED, DATE]), all),
        (Resource::new(&content(2, LENGTH + 1), "\"v1\""), length),
        (Resource::new(&content(2, LENGTH / 4), "\"v1\""), "…"),
        (Resource::new(&body(), "\"v1\"").without_ranges(), all),
    ] {
        let mirror = Server::start();
        mirror.answer("/a", move |request| resource.answer(request));
        is_not_used(&mirror, 5, cause, 1);
    }
}

#[test]
fn a_mirror_that_does_not_tell_the_length_is_not_used() {
    let mirror = Server::start();
    mirror.answer("/a", |request| {
        let range = request.header("range").unwrap().replace('=', " ");
        let reply = Reply::status(206, "Partial Content").body(body()).until_close();
        reply.header("ETag", "\"v1\"").header("Content-Range", format!("{range}/*"))
    });
    is_not_used(&mirror, 5, "the server does not tell how long the file is", 1);
}

#[test]
fn a_mirror_that_has_nothing_is_not_used() {
    for (reply, cause) in [
        (Reply::status(404, "-"), "404 Not Found"),
        (Reply::status(403, "-"), "403 Forbidden"),
        (Reply::status(204, "No Content"), "…"),
        (Reply::raw("garbage\r\n\r\n"), "…"),
        (Reply::redirect(302, ""), "status 302 without a Location"),
        (Reply::redirect(302, "ftp://h/a"), "…"),
    ] {
        let mirror = Server::start();
        mirror.serve("/a", reply);
        is_not_used(&mirror, 5, cause, 1);
    }
}

#[test]
fn a_mirror_that_fails_again_and_again_is_not_used() {
    type Answer = fn(&Request) -> Reply;
    let faults: [(Answer, &str); 4] = [
        (|_| Reply::status(500, "-"), "500 Internal Server Error"),
        (|_| Reply::nothing(), "…"),
        (|_| Reply::nothing().reset(), "…"),
        (|request| v1().answer(request).cut_after(0), "the body …"),
    ];
    for (answer, cause) in faults {
        for (retries, times) in [(0, 1), (1, 2), (5, 3)] {
            let mirror = Server::start();
            mirror.maybe_with("/a", answer);
            is_not_used(&mirror, retries, cause, times);
        }
    }
}

#[test]
fn a_mirror_that_refuses_connections_is_not_used() {
    // A socket that is bound and does not listen refuses, and nobody else can take its port.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let refusing = format!("http://{}/a", socket.local_addr().unwrap().as_socket().unwrap());
    let main = pacing(v1(), PIECE);
    let warning = format!("warning: {refusing}: cannot connect to …refused; not used for a");
    let test = splitting(2).retries(0).arg(format!("{}\t{refusing}", main.url("/a")));
    test.line(warning).expect_file("a", body()).run();
}

#[test]
fn a_mirror_that_wants_to_be_left_alone_is() {
    for status in [429, 503] {
        let (main, mirror) = (pacing(v1(), PIECE), Server::start());
        mirror.serve("/a", Reply::status(status, "-").header("Retry-After", "60"));
        get([&main, &mirror], 4).retries(5).expect_file("a", body()).run();
        assert_eq!(mirror.requests().len(), 1);
    }
}

#[test]
fn a_mirror_that_falls_silent_is_replaced() {
    for after in [None, Some(0), Some(100_000)] {
        let (main, mirror, never) = (pacing(v1(), PIECE), Server::start(), Gate::default());
        let resource = v1();
        mirror.answer("/a", move |request| {
            let reply = resource.answer(request);
            match after {
                Some(bytes) => reply.hold_after(bytes, &never),
                None => reply.hold_header(&never),
            }
        });
        get([&main, &mirror], 2).expect_file("a", body()).run();
        assert_eq!(mirror.requests().len(), 1);
    }
}

#[test]
fn a_mirror_with_wrong_bytes_under_the_same_etag_does_not_cost_the_file() {
    // As a copy has them that was spoiled on its disk: the ETag is made of date and length.
    let mut bytes = body();
    bytes.iter_mut().step_by(PIECE).for_each(|byte| *byte ^= 1);
    let spoiled = Resource::new(&bytes, "\"v1\"");
    for resources in [[v1(), spoiled.clone()], [spoiled, v1()]] {
        let servers = resources.map(|resource| pacing(resource, PIECE));
        let test = get([&servers[0], &servers[1]], 4).retries(5).any_stderr();
        let sum = format!("sha256:{}", sha256(body()));
        test.args(["--checksum", &sum]).expect_file("a", body()).run();
    }
}

#[test]
fn a_slow_mirror_brings_little() {
    let long = content(1, 3 * LENGTH);
    let resource = Resource::new(&long, "\"v1\"");
    for slow in [0, 1] {
        let pieces = if slow == 0 { [PIECE / 10, PIECE] } else { [PIECE, PIECE / 10] };
        let servers = pieces.map(|piece| pacing(resource.clone(), piece));
        // Half of the file at the slow one would take longer than a test may.
        get([&servers[0], &servers[1]], 3).expect_file("a", &long).run();
        let (sent, total) = (servers[slow].sent(), long.len());
        assert!(sent < total / 4, "{sent} of {total} bytes came from the slow one");
    }
}

#[test]
fn a_date_alone_lets_no_part_come_from_another_mirror() {
    let dated = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    // One that is asked anything fails the test.
    let (main, mirror) = (pacing(dated, PIECE), Server::start());
    get([&main, &mirror], 4).expect_file("a", body()).run();
    assert!(main.requests().len() > 1);
}

#[test]
fn what_the_main_url_does_not_give_any_more_comes_from_the_others() {
    let (main, mirror) = (Server::start(), pacing(v1(), PIECE));
    let resource = v1();
    main.answer("/a", move |request| {
        resource.answer(request).trickle(PIECE, EVERY).cut_after(LENGTH / 6)
    });
    let cause = "the body ended after …";
    let warning = format!("warning: {}: {cause}; not used for a", main.url("/a"));
    get([&main, &mirror], 2).line(warning).expect_file("a", body()).run();
    assert_eq!(main.asked(), ["all"]);
    gave_parts(&mirror);
}

#[test]
fn a_main_url_that_fails_for_a_moment_is_asked_again() {
    let (main, mirror) = (Server::start(), pacing(v1(), PIECE));
    let (resource, later) = (v1(), v1());
    main.answer("/a", move |request| {
        resource.answer(request).trickle(PIECE, EVERY).reset_after(LENGTH / 6)
    });
    main.handle(move |request| later.answer(request).trickle(PIECE, EVERY));
    get([&main, &mirror], 4).retries(5).expect_file("a", body()).run();
    assert!(main.asked()[1..].iter().all(|asks| asks.starts_with("bytes=")), "{:?}", main.asked());
    gave_parts(&mirror);
}

#[test]
fn a_transfer_fails_only_when_no_source_is_left_and_keeps_what_came() {
    let servers = [(); 2].map(|()| Server::start());
    for server in &servers {
        let resource = v1();
        server.answer("/a", move |request| {
            resource.answer(request).trickle(PIECE, EVERY).cut_after(LENGTH / 6)
        });
        server.maybe("/a", Reply::status(404, "-"));
    }
    let [a, b] = &servers;
    let output = get([a, b], 2).any_result().run();
    assert_eq!(output.status, Some(1), "{}", output.stderr);
    let told = format!("error: {}: 404 Not Found after 651 KiB of 1.9 MiB ", a.url("/a"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    for server in &servers {
        let resource = v1();
        server.maybe_with("/a", move |request| resource.answer(request));
    }
    get([b, a], 2).in_folder(output.folder).expect_file("a", body()).run();
    let asked = [a.asked(), b.asked()].concat();
    assert_eq!(asked.iter().filter(|asks| *asks == "all").count(), 1, "{asked:?}");
}

#[test]
fn credentials_of_each_mirror_go_with_its_parts() {
    let [a, b, c] = [(); 3].map(|()| pacing(v1(), PIECE));
    b.serve("/a", Reply::redirect(302, c.url("/b")));
    let line =
        format!("http://zoe:apple@{}/a\thttp://ivo:quince@{}/a", a.authority(), b.authority());
    splitting(3).arg(line).expect_file("a", body()).run();
    // zoe:apple and ivo:quince; what the mirror leads to gets neither.
    for (server, sent) in
        [(&a, Some("Basic em9lOmFwcGxl")), (&b, Some("Basic aXZvOnF1aW5jZQ==")), (&c, None)]
    {
        let requests = server.requests();
        assert!(!requests.is_empty());
        assert!(requests.iter().all(|request| request.header("authorization") == sent));
    }
}

#[test]
fn where_a_mirror_leads_is_remembered() {
    let (main, mirror, behind) = (pacing(v1(), PIECE / 4), Server::start(), pacing(v1(), PIECE));
    mirror.serve("/a", Reply::redirect(302, "/hop"));
    mirror.serve("/hop", Reply::redirect(307, behind.url("/x")));
    let test = get([&main, &mirror], 4).server(&behind);
    test.expect_file("a", body()).run();
    gave_parts(&mirror);
    gave_parts(&behind);
    assert!(behind.requests().len() > 1, "{:?}", behind.asked());
}

#[test]
fn where_a_mirror_led_for_a_while_only_is_asked_for_again() {
    let (main, mirror, behind) = (pacing(v1(), PIECE / 4), Server::start(), Server::start());
    for number in [1, 2] {
        mirror.serve("/a", Reply::redirect(302, behind.url(&format!("/{number}"))));
    }
    let (resource, later) = (v1(), v1());
    behind.answer("/1", move |request| resource.answer(request).trickle(PIECE, EVERY));
    behind.serve("/1", Reply::status(403, "-"));
    behind.maybe_with("/2", move |request| later.answer(request).trickle(PIECE, EVERY));
    get([&main, &mirror], 2).expect_file("a", body()).run();
    gave_parts(&behind);
}

#[test]
fn each_mirror_gets_no_more_requests_at_once_than_a_host_may() {
    let servers = [(); 3].map(|()| pacing(v1(), PIECE));
    let test = get([&servers[0], &servers[1], &servers[2]], 8).args(["--per-host", "1"]);
    test.expect_file("a", body()).run();
    for server in &servers {
        assert_eq!(server.most_at_once(), 1);
    }
}

#[test]
fn a_killed_run_is_gone_on_with_by_mirrors_in_another_order() {
    // Large enough for a record on the way.
    let body = content(1, 9_000_000);
    for order in [[0, 1], [1, 0]] {
        let servers = [(); 2].map(|()| pacing(Resource::new(&body, "\"v1\""), 4 * PIECE));
        let killed = get([&servers[0], &servers[1]], 4).env("__HAUL_KILL_AT", "record-replaced");
        let output = killed.any_result().run();
        assert_eq!(output.status, None);
        let before = servers.each_ref().map(|server| server.requests().len());
        let test = get(order.map(|number| &servers[number]), 4).in_folder(output.folder);
        test.expect_file("a", &body).run();
        for (server, before) in servers.iter().zip(before) {
            let asked = &server.asked()[before..];
            assert!(asked.iter().all(|asks| asks.ends_with(" ? \"v1\"")), "{asked:?}");
        }
    }
}
