//! Into a FIFO: its reader may come late, take its time, or never come.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, mkfifoat};
use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::{Reply, Server, Test, content};

/// More than a FIFO holds.
const MUCH: usize = 1_000_000;

/// Makes haul write into a FIFO.
fn into_fifo(test: Test) -> Test {
    mkfifoat(CWD, test.path().join("fifo"), 0o600.into()).unwrap();
    test.args(["-o", "fifo"]).expect_entry("fifo", Entry::Special)
}

/// Opens it as a reader that is there, and does not wait for haul.
fn idle_reader(folder: &Path) -> File {
    File::options().read(true).write(true).open(folder.join("fifo")).unwrap()
}

/// Reads it to its end.
fn read_all(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("fifo")).unwrap()
}

#[test]
fn a_reader_may_come_late_and_slowly_and_gets_all() {
    let server = Server::start();
    let body = content(1, MUCH);
    server.serve("/a", Reply::ok(&body));
    // A reader that rests is no silence of the server.
    let args = ["--stall-timeout", "0.3", "--max-time", "60"];
    let test = into_fifo(server.get(["/a"])).args(args).any_stderr().stdout("fifo\n");
    let running = test.start();
    std::thread::sleep(Duration::from_millis(200));
    assert!(server.requests().is_empty());
    let mut reader = File::open(running.path().join("fifo")).unwrap();
    server.wait_for_requests(1);
    std::thread::sleep(Duration::from_millis(600));
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == body);
    running.finish();
}

#[test]
fn a_reader_sees_no_end_before_the_last_attempt() {
    let server = Server::start();
    server.serve("/a", Reply::status(503, "Busy"));
    server.serve("/a", Reply::ok("hello"));
    let test = into_fifo(server.get(["/a"])).retries(1).any_stderr().stdout("fifo\n");
    let running = test.start();
    assert_eq!(read_all(running.path()), b"hello");
    running.finish();
}

#[test]
fn time_is_over_whether_nobody_reads_or_somebody_rests() {
    let server = Server::start();
    let started = into_fifo(server.get(["/a"])).args(["--max-time", "0.5"]);
    started.fails(server.url("/a"), "not done within 0.50s").run();
    server.serve("/a", Reply::ok(content(1, MUCH)));
    let test = into_fifo(server.get(["/a"])).args(["--max-time", "0.5"]);
    let _reader = idle_reader(test.path());
    test.fails(server.url("/a"), "not done within 0.50s…").run();
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_reader() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, MUCH)));
    for has_reader in [false, true] {
        let mut test = into_fifo(server.get(["/a"]));
        let _reader = has_reader.then(|| idle_reader(test.path()));
        test = test.totals_end("1 cancelled, interrupted").status(143);
        let mut running = test.start();
        if has_reader {
            server.wait_for_requests(1);
        }
        // It waits for the other end by then, of which nothing can be seen.
        std::thread::sleep(Duration::from_millis(300));
        running.signal(Signal::TERM);
        let since = running.finish().since_signal.unwrap();
        assert!(since < Duration::from_secs(1), "it took {since:?}");
    }
}
