//! SIGKILL, which nobody can catch: whatever it interrupts, no file under its final name is
//! incomplete, and the same command finishes the work.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use crate::harness::folder::{Entry, snapshot};
use crate::harness::resource::Resource;
use crate::harness::{Server, Test, content};

/// How much of a file may come twice after a kill: what comes between two records (4 MiB), and the
/// buffer that waits to be written, generously.
const TWICE: u64 = 8 * 1024 * 1024;

/// Every moment at which haul can be told to kill itself.
const CHECKPOINTS: [&str; 5] =
    ["data-written", "record-written", "record-replaced", "before-rename", "after-rename"];

/// A server of `/a`, as large as `length`.
fn server(length: usize) -> (Server, Vec<u8>) {
    let server = Server::start();
    let body = content(1, length);
    let resource = Resource::new(&body, "\"v1\"");
    server.handle(move |request| resource.answer(request));
    (server, body)
}

/// Runs haul until it kills itself at `checkpoint`, and returns whether it came there.
fn is_killed(test: Test, checkpoint: &str) -> (bool, tempfile::TempDir) {
    let output = test.env("__HAUL_KILL_AT", checkpoint).any_result().run();
    (output.status.is_none(), output.folder)
}

#[test]
fn a_process_that_dies_at_any_checkpoint_leaves_what_the_next_one_finishes() {
    // Large enough for two records on the way.
    let (server, body) = server(9_000_000);
    for options in [&[] as &[&str], &["--fsync"]] {
        for checkpoint in CHECKPOINTS {
            let get = || server.get(["/a"]).args(options.iter().copied());
            let (killed, folder) = is_killed(get(), checkpoint);
            assert!(killed, "{checkpoint} is never reached");
            let test = get().in_folder(folder);
            if checkpoint == "after-rename" {
                let file = Entry::File(body.clone());
                test.expect_entry("a", file).skips("a", "exists already").run();
            } else {
                assert!(!test.path().join("a").exists(), "{checkpoint}");
                test.expect_file("a", &body).run();
            }
        }
    }
}

#[test]
fn a_small_file_without_a_record_comes_anew() {
    let (server, body) = server(5000);
    for checkpoint in ["before-rename", "after-rename"] {
        let (killed, folder) = is_killed(server.get(["/a"]), checkpoint);
        assert!(killed);
        let test = server.get(["/a"]).in_folder(folder);
        test.expect_entry("a", Entry::File(body.clone())).any_stdout().any_stderr().run();
    }
    for checkpoint in ["data-written", "record-written", "record-replaced"] {
        let (killed, _) = is_killed(server.get(["/a"]), checkpoint);
        assert!(!killed, "a small file has a record");
    }
}

#[test]
fn an_older_file_is_whole_until_the_new_one_is() {
    let (server, body) = server(9_000_000);
    for checkpoint in CHECKPOINTS {
        let get = || server.get(["/a"]).args(["--if-exists", "overwrite"]);
        let (killed, folder) = is_killed(get().existing("a", "old"), checkpoint);
        assert!(killed);
        let now = fs::read(folder.path().join("a")).unwrap();
        let expected = if checkpoint == "after-rename" { &*body } else { b"old" };
        assert!(now == expected, "{checkpoint}: {} bytes", now.len());
        get().in_folder(folder).expect_file("a", &body).run();
    }
}

#[test]
fn a_process_that_dies_while_it_keeps_a_broken_transfer_loses_no_file() {
    let server = Server::start();
    let body = content(1, 300_000);
    let resource = Resource::new(&body, "\"v1\"");
    server.handle(move |request| {
        let reply = resource.answer(request);
        if request.header("range").is_none() { reply.cut_after(150_000) } else { reply }
    });
    for checkpoint in &CHECKPOINTS[..3] {
        let (killed, folder) = is_killed(server.get(["/a"]), checkpoint);
        assert!(killed);
        let test = server.get(["/a"]).in_folder(folder).retries(2);
        test.any_stderr().expect_file("a", &body).run();
    }
}

/// The sizes of all partial files.
fn parts(folder: &Path) -> HashMap<String, u64> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        Some((format!("/{}", name.strip_suffix(".part")?), entry.metadata().unwrap().len()))
    });
    sizes.collect()
}

/// Where the first request for each target began.
fn begins(server: &Server, skip: usize) -> HashMap<String, u64> {
    let mut begins = HashMap::new();
    for request in server.requests().into_iter().skip(skip) {
        let range = request.header("range").unwrap_or("bytes=0-");
        let from = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
        begins.entry(request.target).or_insert(from);
    }
    begins
}

#[test]
fn a_run_killed_again_and_again_at_any_moment_ends_with_every_file_right() {
    const KILLS: usize = 5;
    let mut random = Rng::with_seed(20_261_120);
    // Two that take a while and have records, and some that are soon done.
    let lengths = [20_000_000, 14_000_000, 100_000, 100_000, 1000, 1, 0];
    let bodies: Vec<Vec<u8>> =
        lengths.iter().zip(0..).map(|(&length, seed)| content(seed, length)).collect();
    let targets: Vec<String> = (0..bodies.len()).map(|number| format!("/{number}")).collect();
    for _ in 0..6 {
        let server = Server::start();
        for (body, target) in bodies.iter().zip(&targets) {
            let resource = Resource::new(body, "\"v1\"");
            server.maybe_with(target, move |request| {
                resource.answer(request).trickle(100_000, Duration::from_millis(1))
            });
        }
        // With one connection for each file, its size tells how much is there.
        let alone = || server.get(targets.iter().map(String::as_str)).args(["--no-split"]);
        let get = || alone().retries(5);
        let mut folder = tempfile::tempdir().unwrap();
        let (mut left, mut seen) = (HashMap::new(), 0);
        for _ in 0..KILLS {
            let mut running = get().in_folder(folder).any_result().start();
            // Not to wait for anything: the moment is what is tried.
            std::thread::sleep(Duration::from_millis(random.u64(5..150)));
            running.signal(Signal::KILL);
            folder = running.finish().folder;
            let begun = begins(&server, seen);
            seen = server.requests().len();
            for (target, from) in begun {
                let size: u64 = left.get(&target).copied().unwrap_or_default();
                assert!(size <= from + TWICE, "{target}: {size} bytes there, begun at {from}");
            }
            left = parts(folder.path());
            for (number, body) in bodies.iter().enumerate() {
                if let Ok(file) = fs::read(folder.path().join(number.to_string())) {
                    assert!(file == *body, "{number} is not whole");
                }
            }
        }
        let output = get().in_folder(folder).any_result().run();
        assert_eq!(output.status, Some(0), "{}", output.stderr);
        let found = snapshot(output.folder.path());
        assert!(found.keys().eq(targets.iter().map(|target| &target[1..])), "{:?}", found.keys());
        for (body, entry) in bodies.iter().zip(found.values()) {
            assert!(*entry == Entry::File(body.clone()), "wrong bytes");
        }
    }
}
