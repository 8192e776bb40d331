//! Several URLs for one file: when one fails the next is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::harness::halves::{body, v1};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test};

/// What is told about a body that was cut at half.
pub(crate) const CUT: &str = "the body ended after 146 KiB of 293 KiB";

pub(crate) const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
pub(crate) const MODIFIED: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:40:00 GMT");
pub(crate) const MODIFIED_LATER: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:41:00 GMT");

/// A request for the second half under a date.
pub(crate) const REST_BY_DATE: &str = "bytes=150000- ? Sun, 06 Nov 1994 08:40:00 GMT";

/// The URLs of one file, as an argument or a line has them.
pub(crate) fn urls(urls: &[String]) -> String {
    urls.join("\t")
}

/// A server that offers this file under every name.
pub(crate) fn offering(resource: Resource) -> Server {
    let server = Server::start();
    server.handle(move |request| resource.answer(request));
    server
}

/// A server that has nothing.
pub(crate) fn empty() -> Server {
    let server = Server::start();
    server.handle(|_| Reply::status(404, "-"));
    server
}

/// Starts a test that downloads `/a` of one server, which others have too.
pub(crate) fn get<const N: usize>(servers: [&Server; N]) -> Test {
    let test = Test::new().arg(urls(&servers.map(|server| server.url("/a"))));
    servers.into_iter().fold(test, Test::server)
}

/// Expects the warning that a mirror is dropped.
pub(crate) fn dropped(test: Test, cause: &str, from: &Server, to: &Server) -> Test {
    let (from, to) = (from.url("/a"), to.url("/a"));
    test.line(format!("warning: {from}: {cause}; going on with {to}"))
}

/// Expects the warning that another mirror is tried.
pub(crate) fn passed(test: Test, cause: &str, from: &Server, to: &Server) -> Test {
    let (from, to) = (from.url("/a"), to.url("/a"));
    test.line(format!("warning: {from}: {cause}; trying {to}"))
}

#[test]
fn a_file_that_is_not_there_comes_from_its_mirror() {
    for code in [400, 401, 403, 404, 410, 451, 501] {
        let (main, mirror) = (Server::start(), Server::start());
        main.serve("/a", Reply::status(code, "-"));
        mirror.serve("/other/name", Reply::ok("x"));
        let line = urls(&[main.url("/a"), mirror.url("/other/name")]);
        let warning = format!("warning: {}: {code} …; going on with {}", main.url("/a"), {
            mirror.url("/other/name")
        });
        // The main URL gives the name, in a list as well.
        main.test().retries(5).stdin(line).line(warning).expect_file("a", "x").run();
    }
}

#[test]
fn a_server_that_refuses_connections_is_passed_by() {
    // A socket that is bound and does not listen refuses, and nobody else can take its port.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let refused = format!("warning: http://{address}/a: cannot connect to {address}: …refused; ");
    for (retries, what) in [(0, "going on with"), (5, "trying")] {
        let mirror = Server::start();
        mirror.serve("/a", Reply::ok("x"));
        let line = urls(&[format!("http://{address}/a"), mirror.url("/a")]);
        let warning = format!("{refused}{what} {}", mirror.url("/a"));
        mirror.test().arg(line).retries(retries).line(warning).expect_file("a", "x").run();
    }
}

#[test]
fn what_breaks_http_or_leads_nowhere_is_dropped() {
    for fault in [
        Reply::raw("garbage\r\n\r\n"),
        Reply::redirect(302, "/a"),
        Reply::redirect(302, "ftp://h/a"),
        Reply::status(204, "No Content"),
    ] {
        let (main, mirror) = (Server::start(), offering(v1()));
        main.handle(move |_| fault.clone());
        let test = get([&main, &mirror]).retries(5);
        dropped(test, "…", &main, &mirror).expect_file("a", body()).run();
    }
}

#[test]
fn mirrors_that_all_fail_are_one_failed_job() {
    let (a, b, c) = (empty(), empty(), Server::start());
    c.serve("/a", Reply::status(402, "-"));
    let test = dropped(get([&a, &b, &c]).retries(5), "404 Not Found", &a, &b);
    let test = dropped(test, "404 Not Found", &b, &c);
    let last = c.url("/a");
    let told =
        format!("402 Payment Required (3 attempts; all 3 mirrors failed, the last was {last})");
    test.fails(a.url("/a"), &told).run();
}

#[test]
fn each_mirror_has_its_own_count_of_retries() {
    let (a, b) = (Server::start(), Server::start());
    a.always("/a", Reply::status(500, "-"));
    b.always("/a", Reply::status(502, "-"));
    let output = get([&a, &b]).retries(2).any_stderr().status(1).run();
    assert_eq!((a.requests().len(), b.requests().len()), (3, 3));
    // The second is asked before the first is asked again.
    assert!(b.requests()[0].at < a.requests()[1].at);
    let told = format!(
        "error: {}: 502 Bad Gateway (6 attempts; all 2 mirrors failed, the last was {})",
        a.url("/a"),
        b.url("/a")
    );
    assert!(output.stderr.lines().any(|line| line == told), "{}", output.stderr);
}

#[test]
fn a_mirror_that_failed_for_a_moment_is_come_back_to() {
    let (a, b) = (Server::start(), Server::start());
    a.serve("/a", Reply::status(500, "-"));
    a.serve("/a", Reply::ok("x"));
    b.serve("/a", Reply::status(500, "-"));
    get([&a, &b]).retries(1).any_stderr().expect_file("a", "x").run();
}

#[test]
fn a_mirror_that_wants_to_be_left_alone_does_not_hold_up_its_files() {
    let (main, mirror) = (Server::start(), Server::start());
    main.serve("/a", Reply::status(503, "-").header("Retry-After", "60"));
    mirror.handle(|request| Reply::ok(&request.target));
    let line = |target| urls(&[main.url(target), mirror.url(target)]);
    // The second file does not even ask the one that is overloaded.
    main.test()
        .args([line("/a"), line("/b")])
        .args(["-j", "1"])
        .retries(5)
        .any_stderr()
        .expect_file("a", "/a")
        .expect_file("b", "/b")
        .run();
    assert_eq!(main.targets(), ["/a"]);
}

#[test]
fn a_wait_longer_than_the_time_that_is_left_fails_the_job() {
    let (a, b) = (Server::start(), Server::start());
    for server in [&a, &b] {
        server.serve("/a", Reply::status(503, "-").header("Retry-After", "60"));
    }
    let test = passed(get([&a, &b]).retries(5), "503 Service Unavailable", &a, &b);
    let cause = "503 Service Unavailable (2 attempts)";
    let test = test.args(["--max-time", "30"]).fails(a.url("/a"), cause);
    test.hint("the server wants to be left alone for 1m00s").run();
}

#[test]
fn what_no_mirror_can_change_fails_the_job_at_once() {
    #[track_caller]
    fn case(prepare: impl FnOnce(Test) -> Test, cause: &str) {
        let (main, mirror) = (Server::start(), Server::start());
        main.maybe("/a", Reply::ok("xyz"));
        let output = prepare(get([&main, &mirror])).retries(5).any_stderr().status(1).run();
        assert!(output.stderr.contains(cause), "{}", output.stderr);
        assert_eq!(mirror.requests().len(), 0);
    }
    case(|test| test.args(["--max-size", "2"]), "larger than 2 B\n");
    case(|test| test.existing("a", "old").args(["--if-exists", "error"]), "a exists already\n");
    case(|test| test.existing_folder("a"), "a is a folder\n");
    case(|test| test.args(["-o", "/dev/full"]), "/dev/full: no space left on device\n");
}

#[test]
fn credentials_of_a_mirror_are_sent_to_it_alone() {
    let (main, mirror, open) = (Server::start(), Server::start(), Server::start());
    main.serve("/a", Reply::status(401, "-"));
    mirror.serve("/a", Reply::redirect(302, main.url("/b")));
    main.serve("/b", Reply::status(403, "-"));
    open.serve("/a", Reply::ok("x"));
    let line = urls(&[
        format!("http://zoe:apple@{}/a", main.authority()),
        format!("http://ivo:quince@{}/a", mirror.authority()),
        open.url("/a"),
    ]);
    let output = main.test().arg(line).arg("-v").any_stderr().expect_file("a", "x").run();
    let sent = |server: &Server| -> Vec<Option<String>> {
        let requests = server.requests();
        requests.iter().map(|r| r.header("authorization").map(str::to_owned)).collect()
    };
    let basic = |text: &str| Some(format!("Basic {text}"));
    // zoe:apple and ivo:quince; what the mirror leads to gets neither.
    assert_eq!(sent(&main), [basic("em9lOmFwcGxl"), None]);
    assert_eq!(sent(&mirror), [basic("aXZvOnF1aW5jZQ==")]);
    assert_eq!(sent(&open), [None]);
    for secret in ["zoe", "apple", "ivo", "quince"] {
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
    }
}

#[test]
fn a_mirror_that_is_no_url_fails_its_line_alone() {
    let server = Server::start();
    server.serve("/b", Reply::ok("x"));
    let list = format!(
        "{}\n{}\tword\t{}\n{}\tftp://h/c\n",
        server.url("/b"),
        server.url("/a"),
        server.url("/a"),
        server.url("/c"),
    );
    server
        .test()
        .stdin(list)
        .fails("-:2", "not a URL: `word`")
        .fails("ftp://h/c", "scheme `ftp` is not supported")
        .hint(
            "haul speaks http, https, file and data; for others there are curl, rclone and aws s3",
        )
        .expect_file("b", "x")
        .run();
    let argument = urls(&[server.url("/a"), "word".to_owned()]);
    let hint = "a URL looks like https://host.example/path";
    server.test().arg(argument).fails("word", "not a URL: `word`").hint(hint).run();
}

#[test]
fn blanks_empty_fields_and_repetitions_between_tabs_say_nothing() {
    let (main, mirror) = (empty(), Server::start());
    mirror.serve("/a", Reply::ok("x"));
    let (a, b) = (main.url("/a"), mirror.url("/a"));
    let list = format!("\t {a} \t\t{a}#top\t \t{a}\t  {b}\t\r\n");
    let test = main.test().server(&mirror).stdin(list);
    dropped(test, "404 Not Found", &main, &mirror).expect_file("a", "x").run();
    assert_eq!(main.requests().len(), 1);
    // One URL that is given twice is no mirror of itself.
    let test = main.test().arg(urls(&[a.clone(), a.clone()]));
    test.fails(a, "404 Not Found").hint("check the URL").run();
}

#[test]
fn a_request_to_a_mirror_counts_for_its_host() {
    // Each main host has room for one, which is not what counts.
    let (mains, mirror) = ([(); 6].map(|()| empty()), Server::start());
    let (active, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let noted = Arc::clone(&most);
    mirror.handle(move |request| {
        noted.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        active.fetch_sub(1, Ordering::SeqCst);
        Reply::ok(&request.target)
    });
    let mut test = mirror.test().args(["-j", "8", "--per-host", "1"]);
    for number in 0..30 {
        let target = format!("/{number}");
        let line = urls(&[mains[number % mains.len()].url(&target), mirror.url(&target)]);
        test = test.arg(line).expect_file(&number.to_string(), target);
    }
    test.any_stderr().run();
    assert_eq!(most.load(Ordering::SeqCst), 1);
}
