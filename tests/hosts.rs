//! How many files come from one host at once, and that other hosts do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Gate, Reply, Server};

/// One request that is being answered; counts itself out when the answer is over.
struct Active(Arc<AtomicUsize>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server that notes how many requests it answered at once at the most.
fn counting() -> (Server, Arc<AtomicUsize>) {
    let server = Server::start();
    let (active, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let noted = Arc::clone(&most);
    server.handle(move |request| {
        let now = active.fetch_add(1, Ordering::SeqCst) + 1;
        noted.fetch_max(now, Ordering::SeqCst);
        let body = request.target.repeat(1000);
        let piece = body.len() / 2 + 1;
        let active = Active(Arc::clone(&active));
        Reply::ok(body).trickle(piece, Duration::from_millis(2)).carry(active)
    });
    (server, most)
}

#[test]
fn a_host_gets_no_more_requests_at_once_than_allowed() {
    for allowed in [1, 3] {
        let (server, most) = counting();
        let mut test = server.test().args(["-j", "8", "--per-host", &allowed.to_string()]);
        for number in 0..60 {
            let target = format!("/{number}");
            test =
                test.arg(server.url(&target)).expect_file(&number.to_string(), target.repeat(1000));
        }
        test.any_stderr().run();
        // A connection may be seen as busy for a moment after haul has read all of its answer.
        let most = most.load(Ordering::SeqCst);
        assert!(most <= allowed + 1, "{most} at once instead of {allowed}");
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
