//! How fast bytes may come from one host, and how often requests may be sent.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::resource::Resource;
use crate::harness::{Gate, Reply, Server, Test, content};

/// Downloads so many files of 50,000 bytes each from so many hosts; returns how long it took.
#[track_caller]
fn time_for(hosts: usize, files: usize, options: &[&str]) -> Duration {
    let body = content(1, 50_000);
    let servers: Vec<Server> = (0..hosts).map(|_| Server::start()).collect();
    let mut test = Test::new().args(options.iter().copied());
    for (number, server) in servers.iter().enumerate() {
        for file in 0..files {
            let name = format!("{number}-{file}");
            server.serve(&format!("/{name}"), Reply::ok(&body));
            test = test.server(server).arg(server.url(&format!("/{name}")));
            test = test.expect_file(&name, &body);
        }
    }
    let began = Instant::now();
    test.run();
    began.elapsed()
}

#[test]
fn a_host_keeps_to_its_rate_whatever_the_number_of_workers() {
    for jobs in ["1", "8"] {
        let took = time_for(1, 3, &["-j", jobs, "--limit-rate-host", "200KB"]);
        // 150,000 bytes at 200,000 a second, less what the bucket holds.
        assert!(took >= Duration::from_millis(600), "{took:?} with {jobs} workers");
    }
}

#[test]
fn the_rates_of_the_run_and_of_the_host_both_hold() {
    let rates = ["--limit-rate", "200KB", "--limit-rate-host", "150KB"];
    // By the host's rate alone 0.67 s, by the run's 1 s.
    let took = time_for(2, 2, &rates);
    assert!(took >= Duration::from_millis(850), "{took:?} for two hosts");
    // By the run's rate alone 0.75 s, by the host's 1 s.
    let took = time_for(1, 3, &rates);
    assert!(took >= Duration::from_millis(850), "{took:?} for one host");
}

#[test]
fn a_host_at_its_rate_does_not_hold_up_another() {
    let (slow, fast, gate) = (Server::start(), Server::start(), Gate::default());
    // A single read of the one is a debt of a minute, and behind it the other would wait as long.
    slow.serve("/slow", Reply::ok(content(1, 1_000_000)));
    fast.serve("/fast", Reply::ok("fast").hold_header(&gate));
    let mut running = Test::new()
        .server(&slow)
        .server(&fast)
        .args(["-j", "2", "--limit-rate-host", "4"])
        .args([slow.url("/slow"), fast.url("/fast")])
        .any_result()
        .start();
    slow.wait_for_requests(1);
    gate.open();
    running.wait_for_stderr("saved fast");
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130), "{}", output.stderr);
    assert!(!output.stderr.contains("saved slow"), "{}", output.stderr);
}

#[test]
fn a_signal_ends_the_wait_for_a_rate() {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok(content(1, 10_000)).hold_after(5000, &gate));
    gate.open();
    let mut running = server.get(["/a"]).args(["--limit-rate-host", "1"]).any_result().start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130), "{}", output.stderr);
    assert!(output.since_signal.unwrap() < Duration::from_secs(2), "{:?}", output.since_signal);
}

#[test]
fn the_wait_for_a_rate_ends_when_the_files_time_is_over() {
    let server = Server::start();
    server.always("/a", Reply::ok(content(1, 10_000)));
    server
        .get(["/a"])
        .retries(5)
        .args(["--limit-rate-host", "1", "--max-time", "0.5"])
        .fails(server.url("/a"), "not done within 0.50s…")
        .run();
}

#[test]
fn a_host_rate_of_nothing_is_a_usage_error() {
    let test = Test::new().args(["--limit-rate-host", "0", "http://127.0.0.1:1/a"]);
    let output = test.stdout("").any_stderr().status(2).run();
    let told = "invalid value '0' for '--limit-rate-host <RATE>': a rate of zero would never end";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

/// Expects that no request came before its turn, with this gap between two turns.
#[track_caller]
fn in_turn(server: &Server, began: Instant, gap: Duration) {
    let mut times: Vec<Instant> = server.requests().iter().map(|request| request.at).collect();
    times.sort();
    for (number, at) in (0..).zip(times) {
        let after = at.duration_since(began);
        assert!(after >= gap * number, "request {number} after {after:?}");
    }
}

#[test]
fn requests_of_every_kind_are_begun_evenly() {
    let server = Server::start();
    let body = content(1, 10_000);
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.always("/a", Reply::redirect(302, "/b"));
    server.answer("/b", move |request| copy.answer(request).cut_after(5000));
    server.answer("/b", move |request| resource.answer(request));
    server.serve("/c", Reply::status(503, "-"));
    server.serve("/c", Reply::ok("c"));
    server.serve("/d", Reply::ok("d"));
    let began = Instant::now();
    server
        .get(["/a", "/c", "/d"])
        .args(["--rate", "20/s"])
        .retries(5)
        .any_stderr()
        .expect_file("a", body)
        .expect_file("c", "c")
        .expect_file("d", "d")
        .run();
    assert_eq!(server.requests().len(), 7, "{:?}", server.targets());
    in_turn(&server, began, Duration::from_millis(50));
}

#[test]
fn a_request_that_is_sent_again_on_another_connection_has_its_turn() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    // The server closes a connection that was kept.
    server.serve("/b", Reply::nothing());
    server.serve("/b", Reply::ok("b"));
    let began = Instant::now();
    let test = server.get(["/a", "/b"]).args(["-j", "1", "--rate", "600/m"]);
    test.expect_file("a", "a").expect_file("b", "b").run();
    in_turn(&server, began, Duration::from_millis(100));
}

#[test]
fn the_wait_for_a_turn_is_time_of_the_file() {
    let server = Server::start();
    server.serve("/a", Reply::ok("a"));
    let began = Instant::now();
    server
        .get(["/a", "/b"])
        .args(["-j", "1", "--rate", "1/h", "--max-time", "0.5"])
        .retries(5)
        .expect_file("a", "a")
        .fails(server.url("/b"), "not done within 0.50s")
        .run();
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
}

#[test]
fn a_signal_ends_the_wait_for_a_turn() {
    let server = Server::start();
    let targets = ["/a", "/a?1", "/a?2", "/a?3"];
    // Any of them may be the first.
    for target in targets {
        server.maybe(target, Reply::ok("a"));
    }
    let mut running = server.get(targets).args(["--rate", "1/d"]).any_result().start();
    running.wait_for_stderr("saved a");
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130), "{}", output.stderr);
    assert!(output.since_signal.unwrap() < Duration::from_secs(2), "{:?}", output.since_signal);
    assert_eq!(server.requests().len(), 1, "{:?}", server.targets());
}

#[test]
fn what_is_skipped_takes_no_turn() {
    let server = Server::start();
    server.serve("/c", Reply::ok("c"));
    server
        .get(["/a", "/b", "/c"])
        .existing("a", "old")
        .existing("b", "old")
        .args(["--rate", "1/h"])
        .skips("a", "exists already")
        .skips("b", "exists already")
        .expect_file("c", "c")
        .run();
}

#[test]
fn a_request_rate_that_means_nothing_is_a_usage_error() {
    const ACCEPTED: &str = "give a whole number and s, m, h or d, such as 2/s, 30/m or 100/h";
    for (value, cause) in [
        ("2", "it has no unit"),
        ("0/s", "with a rate of zero nothing would ever be sent"),
        ("1.5/s", "`1.5` is not a whole number"),
        ("2/week", "`week` is not a unit"),
        ("1000001/s", "more than 1000000 in one unit"),
    ] {
        let test = Test::new().args(["--rate", value, "http://127.0.0.1:1/a"]);
        let output = test.stdout("").any_stderr().status(2).run();
        let told = format!("invalid value '{value}' for '--rate <N/UNIT>': {cause}; {ACCEPTED}");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
    }
}
