//! How many files come from one host at once, and that other hosts do not wait for it.

use std::time::Duration;

use crate::harness::{Gate, Reply, Server};

#[test]
fn a_host_gets_no_more_requests_at_once_than_allowed() {
    for allowed in [1, 3] {
        let server = Server::start();
        server.handle(|request| {
            let body = request.target.repeat(1000);
            let piece = body.len() / 2 + 1;
            Reply::ok(body).trickle(piece, Duration::from_millis(2))
        });
        let mut test = server.test().args(["-j", "8", "--per-host", &allowed.to_string()]);
        for number in 0..60 {
            let target = format!("/{number}");
            test =
                test.arg(server.url(&target)).expect_file(&number.to_string(), target.repeat(1000));
        }
        test.any_stderr().run();
        let most = server.most_at_once();
        assert_eq!(most, allowed, "at once");
    }
}

#[test]
fn files_of_other_hosts_pass_those_that_wait_for_their_host() {
    let (slow, gate) = (Server::start(), Gate::default());
    let held = gate.clone();
    slow.handle(move |_| Reply::ok("slow").hold_after(2, &held));
    let fast = Server::start();
    fast.always("/fast", Reply::ok("fast"));
    let mut test = slow.test().args(["-j", "4", "--per-host", "1"]);
    for number in 0..300 {
        let target = format!("/{number}");
        test = test.arg(slow.url(&target)).expect_file(&number.to_string(), "slow");
    }
    let test = test.arg(fast.url("/fast")).expect_file("fast", "fast");
    let running = test.any_stderr().start();
    running.wait_for_stderr("saved fast");
    gate.open();
    running.finish();
}

#[test]
fn a_signal_ends_a_run_whose_jobs_wait_for_their_host() {
    let (server, gate) = (Server::start(), Gate::default());
    server.handle(move |_| Reply::ok("held").hold_after(2, &gate));
    let targets: Vec<String> = (0..50).map(|number| format!("/{number}")).collect();
    let mut running = server
        .get(targets.iter().map(String::as_str))
        .args(["--per-host", "1"])
        .any_stderr()
        .status(130)
        .start();
    server.wait_for_requests(1);
    running.signal(rustix::process::Signal::INT);
    let output = running.finish();
    assert!(output.since_signal.unwrap() < Duration::from_secs(1));
    assert!(output.stderr.contains("interrupted"), "{}", output.stderr);
}

/// Begins a body that does not end before the gate opens, and only then another file of its host.
fn beside_a_long_one(server: &Server, gate: &Gate, retries: u32) -> crate::harness::Running {
    server.serve("/long", Reply::ok("long").hold_after(2, gate));
    let test = server.test().args(["-j", "8"]).retries(retries).open_stdin().any_stderr();
    let mut running = test.expect_file("long", "long").expect_file("a", "x").start();
    running.write(format!("{}\n", server.url("/long")));
    server.wait_for_requests(1);
    running.write(format!("{}\n", server.url("/a")));
    running.close_stdin();
    running
}

#[test]
fn a_retry_is_made_beside_a_transfer_that_does_not_end() {
    for code in [429, 503] {
        let (server, gate) = (Server::start(), Gate::default());
        server.serve("/a", Reply::status(code, "-"));
        server.serve("/a", Reply::ok("x"));
        let running = beside_a_long_one(&server, &gate, 5);
        running.wait_for_stderr("saved a");
        gate.open();
        running.finish();
    }
}

#[test]
fn a_file_is_not_given_up_because_its_host_is_busy_with_another() {
    let (server, gate) = (Server::start(), Gate::default());
    for _ in 0..3 {
        server.serve("/a", Reply::status(503, "-"));
    }
    server.serve("/a", Reply::ok("x"));
    let running = beside_a_long_one(&server, &gate, 1);
    // More refusals than retries.
    server.wait_for_requests(4);
    gate.open();
    running.finish();
}
