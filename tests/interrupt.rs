//! The end before the end: signals, and a reader of standard output that goes away.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::black_hole::BlackHole;
use crate::harness::{Gate, Output, Reply, Running, Server, Test, content};

const PROMPT: Duration = Duration::from_secs(1);

/// A test of eight transfers that all end by a signal with this status.
fn eight(test: Test, status: i32) -> Test {
    test.args(["-j", "8"]).totals_end("8 cancelled, interrupted").status(status)
}

#[track_caller]
fn end(mut running: Running, signal: Signal) -> Output {
    running.signal(signal);
    let output = running.finish();
    let time = output.since_signal.unwrap();
    assert!(time < PROMPT, "it took {time:?}");
    output
}

/// Stalls all eight workers at a gate in `reply`, and ends the run with a signal.
#[track_caller]
fn stalled(reply: impl Fn(&Gate) -> Reply, signal: Signal, status: i32) {
    let server = Server::start();
    let gate = Gate::default();
    let targets: Vec<String> = (0..8).map(|number| format!("/{number}")).collect();
    for target in &targets {
        server.serve(target, reply(&gate));
    }
    let test = server.get(targets.iter().map(String::as_str));
    let running = eight(test, status).start();
    gate.wait_reached(8);
    end(running, signal);
}

#[test]
fn a_signal_ends_transfers_that_stall_in_the_body() {
    let body = content(1, 400_000);
    let reply = |gate: &Gate| Reply::ok(&body).hold_after(300_000, gate);
    stalled(reply, Signal::INT, 130);
    stalled(reply, Signal::TERM, 143);
    stalled(reply, Signal::HUP, 129);
}

#[test]
fn a_signal_ends_transfers_that_wait_for_the_header() {
    let reply = |gate: &Gate| Reply::ok("x").hold_header(gate);
    stalled(reply, Signal::INT, 130);
    stalled(reply, Signal::TERM, 143);
}

#[test]
fn a_body_without_length_that_a_signal_cuts_off_is_not_saved() {
    let reply = |gate: &Gate| Reply::ok("hello").until_close().hold_after(5, gate);
    stalled(reply, Signal::INT, 130);
}

#[test]
fn a_signal_ends_transfers_that_wait_for_a_connection() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let hole = BlackHole::new();
        let urls = (0..8).map(|number| format!("http://{}/{number}", hole.address()));
        let running = eight(Test::new().args(urls), status).start();
        hole.wait_for_connects(8);
        end(running, signal);
    }
}

#[test]
fn a_signal_ends_transfers_that_wait_for_a_tls_handshake() {
    let server = Server::start();
    let gate = Gate::default();
    server.always("hello", Reply::nothing().hold_header(&gate));
    let urls = (0..8).map(|number| format!("https://{}/{number}", server.authority()));
    let running = eight(server.test().args(urls), 130).start();
    gate.wait_reached(8);
    end(running, Signal::INT);
}

#[test]
fn what_was_complete_before_the_signal_stays() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello"));
    server.serve("/b", Reply::ok("hello").hold_after(1, &gate));
    let running = server
        .get(["/a", "/b"])
        .expect_file("a", "hello")
        .totals_end("1 cancelled, interrupted")
        .status(130)
        .start();
    gate.wait_reached(1);
    running.wait_for_stderr("saved a");
    end(running, Signal::INT);
}

#[test]
fn an_older_file_survives_a_signal() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("newer").hold_after(1, &gate));
    let running = server
        .get(["/a"])
        .existing("a", "old")
        .args(["--if-exists", "overwrite"])
        .totals_end("1 cancelled, interrupted")
        .status(143)
        .start();
    gate.wait_reached(1);
    end(running, Signal::TERM);
}

#[test]
fn a_signal_that_was_to_be_ignored_is_ignored() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello").hold_after(1, &gate));
    let mut running =
        server.get(["/a"]).shell("trap '' HUP INT; exec \"$@\"").expect_file("a", "hello").start();
    gate.wait_reached(1);
    running.signal(Signal::HUP);
    running.signal(Signal::INT);
    gate.open();
    running.finish();
}

#[test]
fn a_second_signal_ends_what_the_first_cannot() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    // A command that heeds no signal is given some time.
    let command = "sh -c 'trap \"\" TERM INT; echo up; for _ in 1 2 3 4 5; do sleep 1; done'";
    let mut running = server.get(["/a"]).args(["--exec", command]).any_result().start();
    running.wait_for_stderr("up");
    crate::harness::wait_until("the second signal ends it", || {
        running.signal(Signal::INT);
        running.has_ended()
    });
    let output = running.finish();
    assert_eq!(output.status, Some(130));
    assert!(output.since_signal.unwrap() < PROMPT);
}

#[test]
fn a_signal_ends_a_run_whose_output_nobody_reads() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, 4_000_000)));
    let mut running = server
        .get(["/a"])
        .args(["-o", "-"])
        .unread_stdout()
        .any_stdout()
        .totals_end("1 cancelled, interrupted")
        .status(130)
        .start();
    running.wait_for_unread_stdout();
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(output.since_signal.unwrap() < PROMPT);
    let sent = content(1, 4_000_000);
    assert!(sent.starts_with(&output.stdout) && output.stdout.len() < sent.len());
}

#[test]
fn a_reader_of_the_paths_that_has_seen_enough_ends_the_run() {
    let server = Server::start();
    let targets: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    for target in &targets {
        server.maybe(target, Reply::ok("x"));
    }
    let output = server
        .get(targets.iter().map(String::as_str))
        .args(["-j", "1"])
        .read_lines(1)
        .any_result()
        .run();
    assert_eq!(output.status, Some(1));
    assert_eq!(output.stdout, b"0\n");
    let told = output.stderr.lines().all(|line| {
        line.starts_with("saved ") || line.contains(" files, ") || line.starts_with("1 file, ")
    });
    assert!(told, "{}", output.stderr);
    let asked = server.requests().len();
    assert!(asked < 100);
    let told =
        format!(", {} not begun, stopped: the reader of standard output went away\n", 100 - asked);
    assert!(output.stderr.ends_with(&told), "{}", output.stderr);
    for entry in std::fs::read_dir(output.folder.path()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().ends_with(".part"));
    }
}

#[test]
fn a_reader_of_the_bodies_that_has_seen_enough_ends_the_run() {
    let server = Server::start();
    // More than the pipe holds, which is a mebibyte.
    server.serve("/a", Reply::ok("line\n".repeat(1_000_000)));
    server.maybe("/b", Reply::ok("more"));
    let output = server.get(["/a", "/b"]).args(["-o", "-"]).read_lines(1).any_result().run();
    assert_eq!(output.status, Some(1));
    assert_eq!(output.stdout, b"line\n");
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.starts_with("0 files, "), "{}", output.stderr);
    // Whether the second is known by then is a matter of luck.
    assert!(output.stderr.contains(", 1 cancelled, "), "{}", output.stderr);
    let told = "stopped: the reader of standard output went away\n";
    assert!(output.stderr.ends_with(told), "{}", output.stderr);
    assert_eq!(server.requests().len(), 1);
}
