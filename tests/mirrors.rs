//! Several URLs for one file: when one fails the next is asked, and what came from one is gone on with
//! at another only if it can be shown that both have the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::harness::halves::{HALF, LENGTH, REST, body, cutting, v1};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test, content};

/// What is told about a body that was cut at half.
const CUT: &str = "the body ended after 146 KiB of 293 KiB";

const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
const MODIFIED: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:40:00 GMT");
const MODIFIED_LATER: (&str, &str) = ("Last-Modified", "Sun, 06 Nov 1994 08:41:00 GMT");

/// A request for the second half under a date.
const REST_BY_DATE: &str = "bytes=150000- ? Sun, 06 Nov 1994 08:40:00 GMT";

/// The URLs of one file, as an argument or a line has them.
fn urls(urls: &[String]) -> String {
    urls.join("\t")
}

/// A server that offers this file under every name.
fn offering(resource: Resource) -> Server {
    let server = Server::start();
    server.handle(move |request| resource.answer(request));
    server
}

/// A server that has nothing.
fn empty() -> Server {
    let server = Server::start();
    server.handle(|_| Reply::status(404, "-"));
    server
}

/// Starts a test that downloads `/a` of one server, which others have too.
fn get<const N: usize>(servers: [&Server; N]) -> Test {
    let test = Test::new().arg(urls(&servers.map(|server| server.url("/a"))));
    servers.into_iter().fold(test, Test::server)
}

/// Expects the warning that a mirror is dropped.
fn dropped(test: Test, cause: &str, from: &Server, to: &Server) -> Test {
    let (from, to) = (from.url("/a"), to.url("/a"));
    test.line(format!("warning: {from}: {cause}; going on with {to}"))
}

/// Expects the warning that another mirror is tried.
fn passed(test: Test, cause: &str, from: &Server, to: &Server) -> Test {
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
        main.serve("/a", fault);
        let test = get([&main, &mirror]).retries(5);
        dropped(test, "…", &main, &mirror).expect_file("a", body()).run();
    }
}

#[test]
fn a_body_that_breaks_off_goes_on_at_a_mirror_with_the_same_etag() {
    let with_date = |date| Resource::with_fields(&body(), &[("ETag", "\"v1\""), date, DATE]);
    for (ours, theirs) in [(v1(), v1()), (with_date(MODIFIED), with_date(MODIFIED_LATER))] {
        for reset in [false, true] {
            let (main, mirror) = (Server::start(), offering(theirs.clone()));
            let resource = ours.clone();
            main.answer("/a", move |request| {
                let reply = resource.answer(request);
                if reset { reply.reset_after(0) } else { reply.cut_after(HALF) }
            });
            let test = get([&main, &mirror]).retries(5);
            let cause = if reset { "the connection broke: …" } else { CUT };
            passed(test, cause, &main, &mirror).expect_file("a", body()).run();
            assert_eq!(main.asked(), ["all"]);
            assert_eq!(mirror.asked(), [if reset { "all" } else { REST }]);
        }
    }
}

#[test]
fn a_mirror_goes_on_after_a_mirror_until_all_is_there() {
    let servers = [(); 3].map(|()| Server::start());
    for (number, server) in servers.iter().enumerate() {
        let resource = v1();
        server.handle(move |request| {
            let reply = resource.answer(request);
            if number < 2 { reply.cut_after(HALF / 2) } else { reply }
        });
    }
    let [a, b, c] = &servers;
    get([a, b, c]).retries(5).any_stderr().expect_file("a", body()).run();
    assert_eq!(a.asked(), ["all"]);
    assert_eq!(b.asked(), ["bytes=75000- ? \"v1\""]);
    assert_eq!(c.asked(), [REST]);
}

#[test]
fn a_mirror_with_another_version_gives_all_of_it() {
    for length in [LENGTH, HALF / 2, 2 * LENGTH] {
        let other = content(2, length);
        let two = |fields| Resource::with_fields(&other, fields);
        for (resource, asked) in [
            (two(&[("ETag", "\"v2\"")]), &[REST] as &[_]),
            (two(&[("ETag", "\"v2\"")]).ignoring_if_range(), &[REST, "all"]),
            (two(&[("ETag", "W/\"v1\"")]), &[REST]),
            (two(&[]).ignoring_if_range(), &[REST, "all"]),
        ] {
            let (main, mirror) = (cutting(&v1()), offering(resource));
            let test = get([&main, &mirror]).retries(5);
            passed(test, CUT, &main, &mirror).expect_file("a", &other).run();
            assert_eq!(main.asked(), ["all"]);
            assert_eq!(mirror.asked(), asked);
        }
    }
}

#[test]
fn a_mirror_with_the_same_etag_and_another_length_gives_all_of_it() {
    for length in [LENGTH - 1, 2 * LENGTH] {
        let other = content(2, length);
        let (main, mirror) = (cutting(&v1()), offering(Resource::new(&other, "\"v1\"")));
        get([&main, &mirror]).retries(5).any_stderr().expect_file("a", &other).run();
        assert_eq!(mirror.asked(), [REST, "all"]);
    }
}

#[test]
fn a_date_joins_no_bytes_of_two_mirrors() {
    // The same date on both, to the second, and other bytes.
    let other = content(2, LENGTH);
    let main = cutting(&Resource::with_fields(&body(), &[MODIFIED, DATE]));
    let mirror = offering(Resource::with_fields(&other, &[MODIFIED, DATE]));
    let output =
        get([&main, &mirror]).retries(5).arg("-v").any_stderr().expect_file("a", &other).run();
    assert_eq!(main.asked(), ["all"]);
    assert_eq!(mirror.asked(), ["all"]);
    let note = "#1 starting over: what is held came from another mirror, and without a strong ETag";
    assert!(output.stderr.lines().any(|line| line == note), "{}", output.stderr);
}

#[test]
fn a_date_still_counts_at_the_mirror_that_gave_it() {
    let main = cutting(&Resource::with_fields(&body(), &[MODIFIED, DATE]));
    let mirror = empty();
    let test = passed(get([&main, &mirror]).retries(5), CUT, &main, &mirror);
    // What is held stays while another mirror has not answered with all of the file.
    dropped(test, "404 Not Found", &mirror, &main).expect_file("a", body()).run();
    assert_eq!(main.asked(), ["all", REST_BY_DATE]);
    assert_eq!(mirror.asked(), ["all"]);
}

#[test]
fn a_date_of_another_mirror_does_not_count_for_a_file_that_only_the_server_names() {
    let (main, mirror) = (Server::start(), Server::start());
    let named = |reply: Reply| reply.header("Content-Disposition", "attachment; filename=\"a\"");
    let resource = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    let first = resource.clone();
    main.answer("/?id=1", move |request| named(first.answer(request)).cut_after(HALF));
    let line = urls(&[main.url("/?id=1"), mirror.url("/?id=1")]);
    let test = main.test().arg(main.url("/?id=1")).any_stderr().status(1);
    let folder = test.keeps("a", &body()[..HALF]).run().folder;
    // Shorter than what is held, so that what would be left of that shows.
    let other = content(2, 1000);
    main.serve("/?id=1", Reply::status(404, "-"));
    let resource = Resource::with_fields(&other, &[MODIFIED, DATE]);
    mirror.answer("/?id=1", move |request| named(resource.answer(request)));
    let test = main.test().server(&mirror).in_folder(folder).arg(line).any_stderr();
    test.expect_file("a", other).run();
    assert_eq!(mirror.asked(), ["all"]);
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
    test.args(["--max-time", "30"]).fails(a.url("/a"), cause).run();
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
fn a_killed_run_is_gone_on_with_at_a_mirror_with_the_same_etag() {
    // Large enough for a record on the way.
    let body = content(1, 9_000_000);
    let resource = Resource::new(&body, "\"v1\"");
    for order in [[0, 1], [1, 0]] {
        let (main, mirror) = (Server::start(), offering(resource.clone()));
        let copy = resource.clone();
        main.answer("/a", move |request| copy.answer(request));
        let killed = get([&main, &mirror]).env("__HAUL_KILL_AT", "record-replaced");
        let output = killed.any_result().run();
        assert_eq!(output.status, None);
        main.maybe("/a", Reply::status(404, "-"));
        // In another order the mirror is the main URL of the second run.
        let test = get(order.map(|number| [&main, &mirror][number]));
        test.in_folder(output.folder).any_stderr().expect_file("a", &body).run();
        let asked = mirror.asked();
        assert!(asked.len() == 1 && asked[0].starts_with("bytes="), "{asked:?}");
        assert!(asked[0].ends_with("- ? \"v1\""), "{asked:?}");
    }
}

#[test]
fn a_later_run_goes_on_under_a_date_only_where_it_came_from() {
    let dated = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    for (order, asked_main, asked_mirror) in
        [([0, 1], &["all", REST_BY_DATE] as &[_], &[] as &[&str]), ([1, 0], &["all"], &["all"])]
    {
        let (main, mirror) = (cutting(&dated), offering(dated.clone()));
        let first = main.get(["/a"]).any_stderr().status(1).keeps("a", &body()[..HALF]).run();
        let test = get(order.map(|number| [&main, &mirror][number]));
        test.in_folder(first.folder).expect_file("a", body()).run();
        assert_eq!(main.asked(), asked_main);
        assert_eq!(mirror.asked(), asked_mirror);
    }
}

#[test]
fn a_body_on_standard_output_goes_on_at_a_mirror_with_the_same_etag() {
    let (main, mirror) = (cutting(&v1()), offering(v1()));
    let other = offering(Resource::new(&content(2, LENGTH), "\"v2\""));
    // A mirror with another version is of no use any more, and costs nothing.
    get([&main, &other, &mirror]).args(["-o", "-"]).retries(5).any_stderr().stdout(body()).run();
    assert_eq!((main.asked(), mirror.asked()), (vec!["all".to_owned()], vec![REST.to_owned()]));
}

#[test]
fn a_body_on_standard_output_stays_with_the_mirror_that_dated_it() {
    let dated = Resource::with_fields(&body(), &[MODIFIED, DATE]);
    let (main, mirror) = (cutting(&dated), Server::start());
    get([&main, &mirror]).args(["-o", "-"]).retries(5).any_stderr().stdout(body()).run();
    assert_eq!(main.asked(), ["all", REST_BY_DATE]);
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
