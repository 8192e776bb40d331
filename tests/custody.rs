//! A partial file that is not what it was any more: under another name, or with bytes that the disk has lost.

use std::path::Path;

use crate::harness::folder::Entry;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Output, Reply, Server, Test, content, is_missing};

/// Long enough for records in between.
const LENGTH: usize = 9_000_017;

fn body() -> Vec<u8> {
    content(1, LENGTH)
}

/// Lets somebody do something to the partial file of a transfer when its first bytes have come.
fn meddle(test: impl FnOnce(Test) -> Test, act: impl FnOnce(&Path)) -> Output {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok("new").header("ETag", "\"v1\"").hold_after(1, &gate));
    let test = test(server.get(["/a"]));
    let folder = test.path().to_owned();
    let cause = "cannot rename a.part: it was removed, moved or replaced meanwhile";
    let running = test.fails(server.url("/a"), cause).start();
    gate.wait_reached(1);
    act(&folder);
    gate.open();
    running.finish()
}

#[test]
fn what_took_the_partial_files_name_is_neither_saved_nor_removed() {
    let theirs = || Entry::File(b"theirs".to_vec());
    meddle(
        |test| test.expect_entry("a.part", theirs()),
        |folder| {
            std::fs::remove_file(folder.join("a.part")).unwrap();
            std::fs::write(folder.join("a.part"), "theirs").unwrap();
        },
    );
    // What was moved away stays where it was moved to.
    meddle(
        |test| {
            test.expect_entry("a.part", theirs()).expect_entry("b", Entry::File(b"new".to_vec()))
        },
        |folder| {
            std::fs::rename(folder.join("a.part"), folder.join("b")).unwrap();
            std::fs::write(folder.join("a.part"), "theirs").unwrap();
        },
    );
    meddle(|test| test, |folder| std::fs::remove_file(folder.join("a.part")).unwrap());
}

/// Downloads with `--fsync`, while a system call fails.
fn failing(fault: &str) -> Option<Output> {
    if is_missing("strace") {
        return None;
    }
    let server = Server::start();
    let resource = Resource::new(&body(), "\"v1\"");
    server.handle(move |request| resource.answer(request));
    let test = server.get(["/a"]).args(["-j", "1", "--fsync"]).inject(fault);
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1), "{fault}: {}", output.stderr);
    Some(output)
}

fn names(output: &Output) -> Vec<String> {
    let entries = output.folder.path().read_dir().unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn bytes_that_the_disk_may_have_lost_are_neither_saved_nor_kept() {
    // The system tells of it once, here before a record is written or at the end: no later sync fails.
    for fault in
        ["fdatasync:error=EIO:when=1", "fdatasync:error=ENOSPC:when=1", "fsync:error=EIO:when=1"]
    {
        let Some(output) = failing(fault) else { return };
        assert!(output.stderr.contains("cannot sync a.part: "), "{fault}: {}", output.stderr);
        assert!(!output.stderr.contains("kept"), "{fault}: {}", output.stderr);
        assert!(names(&output).is_empty(), "{fault}: {:?}", names(&output));
    }
}

#[test]
fn a_record_that_cannot_be_written_leaves_nothing_of_it() {
    if is_missing("strace") {
        return;
    }
    let server = Server::start();
    server.serve("/a", Reply::ok(body()).header("ETag", "\"v1\""));
    // The second one is the record's own.
    let fault = "fdatasync:error=EIO:when=2";
    let test = server.get(["/a"]).args(["-j", "1", "--fsync"]).inject(fault);
    test.expect_file("a", body()).run();
}

#[test]
fn a_file_whose_folder_cannot_be_synced_has_its_name_all_the_same() {
    // The first is the file's.
    let Some(output) = failing("fsync:error=EIO:when=2") else { return };
    let cause = "cannot sync the folder of the complete a: ";
    assert!(output.stderr.contains(cause), "{}", output.stderr);
    assert!(!output.stderr.contains("kept"), "{}", output.stderr);
    assert_eq!(names(&output), ["a"]);
    assert_eq!(std::fs::read(output.folder.path().join("a")).unwrap(), body());
}
