//! Another attempt: after which failures, how often, when, and what happens meanwhile.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::harness::resource::Resource;
use crate::harness::{Gate, Reply, Server, content};

const TRANSIENT: [(u16, &str); 7] = [
    (408, "408 Request Timeout"),
    (425, "425 Too Early"),
    (429, "429 Too Many Requests"),
    (500, "500 Internal Server Error"),
    (502, "502 Bad Gateway"),
    (503, "503 Service Unavailable"),
    (504, "504 Gateway Timeout"),
];

/// Returns the time between the first two requests.
fn first_gap(server: &Server) -> Duration {
    let requests = server.requests();
    requests[1].at - requests[0].at
}

#[test]
fn a_status_that_says_not_now_is_followed_by_another_attempt() {
    for (code, cause) in TRANSIENT {
        for times in [1, 2] {
            let server = Server::start();
            let mut test = server.get(["/a"]).args(["-j", "1"]).retries(5).expect_file("a", "x");
            for number in 1..=times {
                server.serve("/a", Reply::status(code, "-").body("not now"));
                let count = format!("retry {number} of 5");
                test = test.retried(server.url("/a"), cause, &count);
            }
            server.serve("/a", Reply::ok("x"));
            test.run();
            // A refusal is no reason for a new connection.
            assert_eq!(server.connections(), 1);
        }
    }
}

#[test]
fn a_status_that_says_no_gets_one_request() {
    for code in [400, 401, 402, 403, 404, 405, 406, 410, 414, 418, 421, 451, 501, 505, 511] {
        let server = Server::start();
        server.serve("/a", Reply::status(code, "-"));
        server.get(["/a"]).retries(5).any_stderr().status(1).run();
    }
}

#[test]
fn a_server_that_never_recovers_is_given_up_after_six_attempts() {
    for (code, cause) in TRANSIENT {
        let server = Server::start();
        server.always("/a", Reply::status(code, "-"));
        let mut test = server.get(["/a"]).default_retries();
        for number in 1..=5 {
            test = test.retried(server.url("/a"), cause, &format!("retry {number} of 5"));
        }
        test.fails(server.url("/a"), &format!("{cause} (6 attempts)")).run();
        assert_eq!(server.requests().len(), 6);
    }
}

#[test]
fn the_number_of_retries_can_be_chosen() {
    for retries in [0, 1, 20] {
        let server = Server::start();
        server.always("/a", Reply::status(500, "-"));
        server.get(["/a"]).retries(retries).any_stderr().status(1).run();
        assert_eq!(server.requests().len(), 1 + retries as usize);
    }
}

#[test]
fn the_wait_that_the_server_asks_for_is_kept() {
    #[track_caller]
    fn case(code: u16, field: &str, least: u64) {
        let server = Server::start();
        server.serve("/a", Reply::status(code, "-").header("Retry-After", field));
        server.serve("/a", Reply::ok("x"));
        server.get(["/a"]).retries(1).any_stderr().expect_file("a", "x").run();
        let gap = first_gap(&server);
        assert!(gap >= Duration::from_secs(least) && gap < Duration::from_secs(5), "{gap:?}");
    }
    case(503, "1", 1);
    case(429, "1", 1);
    case(500, "1", 1);
    // A date is in whole seconds, so that 3 s from now may be 2 and a bit.
    let date = SystemTime::now() + Duration::from_secs(3);
    case(503, &httpdate::fmt_http_date(date), 1);
}

#[test]
fn a_wait_that_makes_no_sense_is_not_kept() {
    for field in ["-5", "1.5e9", "soon", "", "Sun, 06 Nov 1994 08:49:37 GMT", "\u{fc}", "60 s"] {
        let server = Server::start();
        server.serve("/a", Reply::status(503, "-").header("Retry-After", field));
        server.serve("/a", Reply::ok("x"));
        server.get(["/a"]).retries(1).any_stderr().expect_file("a", "x").run();
        assert!(first_gap(&server) < Duration::from_secs(5));
    }
}

#[test]
fn a_wait_of_a_day_is_capped_and_that_is_told() {
    for field in ["86400", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let server = Server::start();
        server.serve("/a", Reply::status(503, "-").header("Retry-After", field));
        server.serve("/a", Reply::ok("x"));
        let output = server
            .get(["/a"])
            .retries(1)
            .args(["-v", "--retry-max-wait", "0.3"])
            .any_stderr()
            .expect_file("a", "x")
            .run();
        let gap = first_gap(&server);
        assert!(gap >= Duration::from_millis(300) && gap < Duration::from_secs(5), "{gap:?}");
        let told = "#1 the server asks to wait longer than --retry-max-wait allows\n";
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
}

#[test]
fn a_job_that_waits_does_not_hold_its_worker() {
    let server = Server::start();
    // Not an overload, which would make the whole host wait.
    server.serve("/a", Reply::status(500, "-").header("Retry-After", "1"));
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::ok("y"));
    server
        .get(["/a", "/b"])
        .args(["-j", "1"])
        .retries(1)
        .any_stderr()
        .expect_file("a", "x")
        .expect_file("b", "y")
        .run();
    assert_eq!(server.targets(), ["/a", "/b", "/a"]);
}

#[test]
fn a_host_that_wants_to_be_left_alone_is_left_alone_by_all_jobs() {
    let server = Server::start();
    server.serve("/a", Reply::status(429, "-").header("Retry-After", "1"));
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::ok("y"));
    server
        .get(["/a", "/b"])
        .args(["-j", "1"])
        .retries(1)
        .any_stderr()
        .expect_file("a", "x")
        .expect_file("b", "y")
        .run();
    let gap = first_gap(&server);
    assert!(gap >= Duration::from_secs(1), "{gap:?}");
}

#[test]
fn a_host_that_is_overloaded_does_not_slow_another() {
    let (slow, fast) = (Server::start(), Server::start());
    slow.serve("/a", Reply::status(429, "-").header("Retry-After", "1"));
    slow.serve("/a", Reply::ok("x"));
    let mut test = slow.get(["/a"]).server(&fast).args(["-j", "1"]).retries(1);
    for number in 0..100 {
        let target = format!("/{number}");
        fast.serve(&target, Reply::ok(&target));
        test = test.arg(fast.url(&target)).expect_file(&number.to_string(), &target);
    }
    test.any_stderr().expect_file("a", "x").run();
    let last = fast.requests()[99].at;
    assert!(last < slow.requests()[1].at, "the other host's jobs waited");
}

/// One of the requests that a server answers at the same time.
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_server_that_answers_two_at_once_is_not_asked_for_eight_for_long() {
    for code in [429, 503] {
        let server = Server::start();
        let active = Arc::new(AtomicUsize::new(0));
        server.handle(move |request| {
            let permit = Permit(Arc::clone(&active));
            if active.fetch_add(1, Ordering::SeqCst) >= 2 {
                return Reply::status(code, "-").carry(permit);
            }
            let body = request.target.repeat(1000);
            let piece = body.len() / 4 + 1;
            Reply::ok(body).trickle(piece, Duration::from_millis(2)).carry(permit)
        });
        let mut test = server.test().args(["-j", "8"]).retries(5).any_stderr();
        for number in 0..40 {
            let target = format!("/{number}");
            let body = target.repeat(1000);
            test = test.arg(server.url(&target)).expect_file(&number.to_string(), body);
        }
        test.run();
        let refused = server.requests().len() - 40;
        assert!(refused <= 60, "{refused} requests were refused");
    }
}

#[test]
fn a_server_that_comes_up_late_is_waited_for() {
    // A socket that is bound and does not listen refuses, and nobody else can take its port.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let test = crate::harness::Test::new().arg(format!("http://{address}/a")).retries(1000);
    let running = test.any_stderr().expect_file("a", "x").start();
    running.wait_for_stderr("connection refused; retrying in 0.01s (retry 2 of 1000)");
    socket.listen(16).unwrap();
    let server = Server::on(TcpListener::from(socket));
    server.serve("/a", Reply::ok("x"));
    running.finish();
}

#[test]
fn a_signal_ends_a_run_in_which_all_jobs_wait() {
    let server = Server::start();
    for target in ["/a", "/b"] {
        server.serve(target, Reply::status(500, "-").header("Retry-After", "60"));
    }
    let mut running = server.get(["/a", "/b"]).retries(1).any_stderr().status(130).start();
    running.wait_for_stderr("/a: 500 Internal Server Error; retrying");
    running.wait_for_stderr("/b: 500 Internal Server Error; retrying");
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(output.since_signal.unwrap() < Duration::from_secs(1));
    assert!(output.stderr.contains("2 cancelled, interrupted"), "{}", output.stderr);
}

#[test]
fn a_list_that_ends_while_a_job_waits_does_not_lose_it() {
    let server = Server::start();
    server.serve("/a", Reply::status(500, "-").header("Retry-After", "1"));
    server.serve("/a", Reply::ok("x"));
    let mut running =
        server.test().open_stdin().retries(1).any_stderr().expect_file("a", "x").start();
    running.write(format!("{}\n", server.url("/a")));
    running.wait_for_stderr("retrying");
    running.close_stdin();
    running.finish();
}

#[test]
fn more_jobs_than_fit_may_wait_at_once() {
    // More than the feeder lets wait before it stops reading.
    const JOBS: usize = 1500;
    let server = Server::start();
    let refused = Mutex::new(HashSet::new());
    server.handle(move |request| {
        if refused.lock().unwrap().insert(request.target.clone()) {
            return Reply::status(500, "-").header("Retry-After", "1");
        }
        Reply::ok(&request.target)
    });
    let mut test = server.test().args(["-j", "4"]).retries(3).any_stderr();
    let mut list = String::new();
    for number in 0..JOBS {
        let target = format!("/{number}");
        list.push_str(&server.url(&target));
        list.push('\n');
        test = test.expect_file(&number.to_string(), target);
    }
    test.stdin(list).within(Duration::from_secs(30)).run();
}

#[test]
fn bodies_for_standard_output_are_tried_again_in_their_place() {
    let server = Server::start();
    let bodies = [content(1, 300_000), content(2, 200_000), content(3, 100_000)];
    server.serve("/0", Reply::status(503, "-"));
    for (number, body) in bodies.iter().enumerate() {
        let resource = Resource::new(body, "\"v1\"");
        let copy = resource.clone();
        let target = format!("/{number}");
        server.answer(&target, move |request| copy.answer(request).cut_after(70_000));
        server.answer(&target, move |request| resource.answer(request));
    }
    server
        .get(["/0", "/1", "/2"])
        .args(["-o", "-"])
        .retries(2)
        .any_stderr()
        .stdout(bodies.concat())
        .run();
    let rest = "bytes=70000- ? \"v1\"";
    assert_eq!(server.asked(), ["all", "all", rest, "all", rest, "all", rest]);
}

#[test]
fn a_body_on_standard_output_that_changes_in_the_middle_is_an_error() {
    for resource in [
        Resource::new(&content(1, 300_000), "\"v1\""),
        Resource::new(&content(1, 300_000), "\"v1\"").ignoring_if_range(),
    ] {
        let server = Server::start();
        let copy = resource.clone();
        server.answer("/a", move |request| {
            let reply = copy.answer(request).cut_after(100_000);
            copy.change(&content(2, 300_000), "\"v2\"");
            reply
        });
        server.handle(move |request| resource.answer(request));
        let output = server
            .get(["/a"])
            .args(["-o", "-"])
            .retries(2)
            .any_stderr()
            .stdout(&content(1, 300_000)[..100_000])
            .status(1)
            .run();
        let cause = format!("error: {}: cannot go on after a part was written: ", server.url("/a"));
        assert!(output.stderr.contains(&cause), "{}", output.stderr);
    }
}

#[test]
fn a_body_on_standard_output_that_nothing_identifies_is_not_begun_twice() {
    let server = Server::start();
    server.always("/a", Reply::ok(content(1, 300_000)).cut_after(100_000));
    server
        .get(["/a"])
        .args(["-o", "-"])
        .retries(2)
        .any_stderr()
        .stdout(&content(1, 300_000)[..100_000])
        .status(1)
        .run();
}

#[test]
fn a_retry_under_way_does_not_make_way_for_a_stalled_one() {
    // One worker hangs in a body; the other one works off everything else, retries included.
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/stalled", Reply::ok("stalled").hold_after(3, &gate));
    let mut test = server.get(["/stalled"]).args(["-j", "2"]).retries(3).any_stderr();
    for number in 0..20 {
        let target = format!("/{number}");
        server.serve(&target, Reply::status(500, "-"));
        server.serve(&target, Reply::ok(&target));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), &target);
    }
    let running = test.expect_file("stalled", "stalled").start();
    server.wait_for_requests(41);
    gate.open();
    running.finish();
}
