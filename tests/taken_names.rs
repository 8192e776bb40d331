//! Names that others take while a run goes on.

use std::time::Duration;

use crate::harness::folder::Entry;
use crate::harness::{Gate, Output, Reply, Server, content};

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("new").hold_after(1, &gate));
    let test = server.get(["/a"]);
    let file = test.path().join("a");
    let running = test
        .expect_entry("a", Entry::File(b"theirs".to_vec()))
        .fails(server.url("/a"), "a appeared during the transfer")
        .hint("it is somebody else's and was left alone; what came for it was removed")
        .start();
    gate.wait_reached(1);
    // Until then it may as well have been there: the clock of file systems ticks 100 times a second.
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(file, "theirs").unwrap();
    gate.open();
    running.finish();
}

/// Lets somebody else make `b` while the first of two files comes, and so before the second is asked for.
fn with_a_file_of_others(body: &[u8], policy: &str) -> Output {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok("a's").hold_after(1, &gate));
    // Where another file is wanted after all, it is asked for again.
    let body = body.to_vec();
    server.handle(move |_| Reply::ok(&body));
    let test = server.get(["/a", "/b"]).args(["-j1", "--if-exists", policy]);
    let file = test.path().join("b");
    let running = test.any_result().start();
    gate.wait_reached(1);
    std::fs::write(file, "theirs").unwrap();
    gate.open();
    running.finish()
}

#[test]
fn a_file_that_others_finished_before_its_turn_is_as_one_that_was_there() {
    let large = content(1, 200 * 1024);
    for body in [b"new".as_slice(), &large] {
        for (policy, status, name, there) in [
            ("skip", 0, "b", b"theirs".as_slice()),
            ("error", 1, "b", b"theirs"),
            ("overwrite", 0, "b", body),
            ("rename", 0, "b", b"theirs"),
            ("rename", 0, "b.1", body),
        ] {
            let output = with_a_file_of_others(body, policy);
            assert_eq!(output.status, Some(status), "{policy}: {}", output.stderr);
            let folder = output.folder.path();
            assert!(std::fs::read(folder.join(name)).unwrap() == there, "{policy}: {name}");
            let count = 2 + usize::from(policy == "rename");
            assert_eq!(folder.read_dir().unwrap().count(), count, "{policy}");
        }
    }
}
