//! A disk that is full, and one that is told to keep what it was given.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::folder::Entry;
use crate::harness::helped::{KIB, LENGTH, RATE, body, small_parts, v1};
use crate::harness::part::check_part;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Reply, Server, Test, content, is_missing, skip};

/// A file system in memory, of a few MiB. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it at `folder`; `None` where that is not allowed.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        Self::mount_as("tmpfs", &format!("size={size}"), folder)
    }

    fn mount_as(kind: &str, options: &str, folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", kind, "-o", options, "none"]).arg(folder);
        let done = mount.output().is_ok_and(|output| output.status.success());
        if !done {
            skip("may not mount");
        }
        done.then(|| Self(folder.to_owned()))
    }

    fn resize(&self, size: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={size}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Starts a test that downloads to a small disk.
fn on_disk(server: &Server, targets: &[&str], size: &str) -> Option<(Test, SmallDisk)> {
    let test = server.get(targets.iter().copied()).args(["-d", "disk"]).existing_folder("disk");
    let disk = SmallDisk::mount(&test.path().join("disk"), size);
    if disk.is_none() {
        server.forget();
    }
    disk.map(|disk| (test, disk))
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_keeps_what_came() {
    let server = Server::start();
    let big = content(1, 3_000_000);
    let resource = Resource::new(&big, "\"v1\"");
    let copy = resource.clone();
    server.serve("/first", Reply::ok("first"));
    // Without a length: nobody can see that it does not fit.
    server.answer("/big", move |request| copy.answer(request).chunked(50_000));
    let targets = ["/first", "/big", "/later", "/last"];
    let Some((test, disk)) = on_disk(&server, &targets, "2m") else { return };
    let test = test.args(["-j", "1", "--failed", "failed.jsonl"]);
    let output = test.retries(5).any_result().run();
    assert_eq!(output.status, Some(1));
    let listed = std::fs::read_to_string(output.folder.path().join("failed.jsonl")).unwrap();
    assert_eq!(listed.matches("\"kind\":\"disk\"").count(), 1, "{listed}");
    assert_eq!(listed.matches("\"kind\":\"not_started\"").count(), 2, "{listed}");
    let cause =
        format!("error: {}: cannot write disk/big.part: no space left on", server.url("/big"));
    assert!(output.stderr.contains(&cause), "{}", output.stderr);
    assert!(output.stderr.contains("\n  hint: make room and run the same command again\n"));
    // Those that come later are not begun, and not forgotten.
    assert_eq!(server.targets(), ["/first", "/big"]);
    let totals = output.stderr.lines().last().unwrap();
    assert!(totals.starts_with("1 file, ") && totals.contains("1 failed"), "{totals}");
    assert!(totals.contains("2 cancelled") || totals.contains("not begun"), "{totals}");
    let kept = std::fs::read(output.folder.path().join("disk/big.part")).unwrap();
    assert!(big.starts_with(&kept) && kept.len() >= 700_000, "{}", kept.len());

    // There is room again, and the same command goes on.
    disk.resize("8m");
    server.answer("/big", move |request| resource.answer(request));
    server.serve("/later", Reply::ok("later"));
    server.serve("/last", Reply::ok("last"));
    server
        .get(targets)
        .args(["-d", "disk"])
        .in_folder(output.folder)
        .expect_entry("failed.jsonl", Entry::AnyFile)
        .expect_entry("disk/first", Entry::File(b"first".to_vec()))
        .expect_file("disk/big", big)
        .expect_file("disk/later", "later")
        .expect_file("disk/last", "last")
        .skips("disk/first", "exists already")
        .run();
    let rest = format!("bytes={}- ? \"v1\"", kept.len());
    assert!(server.asked().contains(&rest), "{:?}", server.asked());
}

#[test]
fn a_disk_that_fills_up_during_a_helped_transfer_fails_it_once_and_keeps_what_came() {
    for way in ["always", "never"] {
        fill_up_during_a_helped_transfer(way);
    }
}

fn fill_up_during_a_helped_transfer(way: &str) {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE / 2).on(&server, "/a");
    let Some((test, disk)) = on_disk(&server, &["/a"], "8m") else { return };
    let test = small_parts(test).env("__HAUL_SPLICE", way);
    let running = test.args(["-j", "4"]).retries(5).any_result().start();
    // More than the buffers, so that there is something to keep.
    ledger.wait_for_flow(4, 300 * KIB);
    // Somebody else takes the room that there was.
    let ballast = disk.0.join("ballast");
    assert!(std::fs::write(&ballast, vec![0; 16 << 20]).is_err());
    let output = running.finish();
    assert_eq!(output.status, Some(1));
    let cause = format!("error: {}: cannot write disk/a.part: no space left on", server.url("/a"));
    assert_eq!(output.stderr.matches(&cause).count(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("the disk is full").count(), 1, "{}", output.stderr);
    assert!(ledger.count() <= 12, "{:?}", ledger.asked());
    check_part(&disk.0, "a", &body());

    // There is room again, and the same command goes on.
    std::fs::remove_file(ballast).unwrap();
    let begun = ledger.count();
    let test = small_parts(server.get(["/a"])).args(["-d", "disk", "-j", "8"]);
    test.in_folder(output.folder).any_stderr().expect_file("disk/a", body()).run();
    let again: usize = ledger.given()[begun..].iter().map(|given| given.range.len()).sum();
    assert!(again < LENGTH, "all of it came again");
}

#[test]
fn a_file_that_does_not_fit_does_not_stop_smaller_ones() {
    let server = Server::start();
    server.serve("/big", Reply::ok(content(1, 3_000_000)));
    server.serve("/small", Reply::ok("small"));
    let Some((test, _disk)) = on_disk(&server, &["/big", "/small"], "2m") else { return };
    test.args(["-j", "1"])
        .retries(5)
        .fails(server.url("/big"), "needs 2.9 MiB and disk has 2.0 MiB free")
        .hint("make room, or give another folder with `--dir`")
        .expect_file("disk/small", "small")
        .run();
}

#[test]
fn an_older_file_survives_a_full_disk() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, 3_000_000)).chunked(50_000));
    let Some((test, disk)) = on_disk(&server, &["/a"], "2m") else { return };
    std::fs::write(disk.0.join("a"), "old").unwrap();
    test.args(["--if-exists", "overwrite"])
        .expect_entry("disk/a", Entry::File(b"old".to_vec()))
        .any_stderr()
        .status(1)
        .run();
}

#[test]
fn a_disk_that_becomes_read_only_ends_the_run_and_is_not_called_full() {
    let server = Server::start();
    server.serve("/first", Reply::ok("first"));
    let targets = ["/first", "/second", "/third"];
    let Some((test, _disk)) = on_disk(&server, &targets, "2m") else { return };
    let test = test.args(["-j", "1", "--exec", "sh -c 'mount -o remount,ro disk'"]);
    let output = test.retries(5).any_result().run();
    assert_eq!(output.status, Some(1));
    let cause = "cannot create disk/second.part: read-only file system";
    assert!(output.stderr.contains(cause), "{}", output.stderr);
    let told = "warning: the file system is read-only: no more transfers are begun\n";
    assert_eq!(output.stderr.matches(told).count(), 1, "{}", output.stderr);
    assert!(!output.stderr.contains("full"), "{}", output.stderr);
}

/// Bytes that a file has room for, in and behind it.
fn room(path: &Path) -> u64 {
    path.metadata().unwrap().blocks() * 512
}

/// Returns whether files in the folder for temporary files can have room that they do not use; says
/// that the test is skipped if not.
fn can_allocate() -> bool {
    let file = tempfile::tempfile().unwrap();
    let flags = rustix::fs::FallocateFlags::KEEP_SIZE;
    let can = rustix::fs::fallocate(&file, flags, 0, 4096).is_ok();
    if !can {
        skip("the file system cannot allocate in advance");
    }
    can
}

#[test]
fn a_disk_without_room_for_all_of_a_file_is_found_full_before_its_first_byte() {
    let (server, never) = (Server::start(), Gate::default());
    // Too small to be looked at before; and its body never comes.
    server.serve("/big", Reply::ok(content(1, 900_000)).hold_after(0, &never));
    let Some((test, disk)) = on_disk(&server, &["/big", "/later"], "512k") else { return };
    let output = test.args(["-j", "1", "--prealloc"]).retries(5).any_stderr().status(1).run();
    let cause = "cannot allocate room for disk/big.part: no space left on device";
    let told = format!("error: {}: {cause}\n  hint: make room and ", server.url("/big"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    assert!(output.stderr.contains("warning: the disk is full: "), "{}", output.stderr);
    assert_eq!(server.targets(), ["/big"]);
    // All that was allocated is free again.
    let free = rustix::fs::statvfs(&disk.0).unwrap();
    assert_eq!(free.f_bavail * free.f_frsize, 512 * 1024);
}

#[test]
fn what_is_held_stays_when_its_rest_gets_no_room() {
    let (server, never) = (Server::start(), Gate::default());
    let body = content(1, 900_000);
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(300_000));
    server.answer("/a", move |request| resource.answer(request).hold_after(0, &never));
    let Some((test, _disk)) = on_disk(&server, &["/a"], "512k") else { return };
    let output = test.any_result().run();
    let part = output.folder.path().join("disk/a.part");
    assert_eq!(std::fs::read(&part).unwrap(), &body[..300_000], "{}", output.stderr);
    let test = server.get(["/a"]).args(["-d", "disk", "--prealloc"]).in_folder(output.folder);
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("cannot allocate room for disk/a.part"), "{}", output.stderr);
    assert_eq!(std::fs::read(&part).unwrap(), &body[..300_000]);
    assert!(room(&part) < 400_000, "{}", room(&part));
    assert_eq!(server.asked(), ["all", "bytes=300000- ? \"v1\""]);
}

#[test]
fn what_a_kept_file_has_allocated_is_not_asked_for_again() {
    let server = Server::start();
    let body = content(1, 3_000_000);
    let resource = Resource::new(&body, "\"v1\"");
    for cut in [400_000, 400_000] {
        let copy = resource.clone();
        server.answer("/a", move |request| copy.answer(request).cut_after(cut));
    }
    server.answer("/a", move |request| resource.answer(request));
    let Some((test, disk)) = on_disk(&server, &["/a"], "4m") else { return };
    // Each time more is missing than is free.
    let mut output = test.arg("--prealloc").any_result().run();
    let part = disk.0.join("a.part");
    for (options, held) in [(&["--prealloc"][..], 400_000), (&[], 800_000)] {
        assert_eq!(part.metadata().unwrap().len(), held, "{}", output.stderr);
        assert!(room(&part) >= 3_000_000, "{}", room(&part));
        let test = server.get(["/a"]).args(["-d", "disk"]).args(options.iter().copied());
        output = test.in_folder(output.folder).any_result().run();
    }
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    assert_eq!(std::fs::read(disk.0.join("a")).unwrap(), body);
}

#[test]
fn a_file_whose_room_was_allocated_has_no_more_of_it_than_it_needs() {
    if !can_allocate() {
        return;
    }
    let server = Server::start();
    let (long, short) = (content(1, 8_000_000), content(2, 100_000));
    let resource = Resource::new(&long, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(50_000));
    let shorter = resource.clone();
    server.answer("/a", move |request| {
        shorter.change(&short, "\"v2\"");
        shorter.answer(request)
    });
    server.serve("/whole", Reply::ok(&long));
    // What is shorter than its length, and so than what was allocated, is no file.
    server.always("/cut", Reply::ok(&long).cut_after(50_000));
    let output = server
        .get(["/a", "/whole", "/cut"])
        .arg("--prealloc")
        .retries(1)
        .any_result()
        .expect_file("a", content(2, 100_000))
        .run();
    let file = |name: &str| output.folder.path().join(name);
    assert_eq!(std::fs::read(file("a")).unwrap(), content(2, 100_000), "{}", output.stderr);
    assert!(room(&file("a")) < 1_000_000, "{}", room(&file("a")));
    assert!(room(&file("whole")) < 9_000_000, "{}", room(&file("whole")));
    assert!(!file("cut").exists() && !file("cut.part").exists(), "{}", output.stderr);
}

#[test]
fn a_file_system_that_cannot_allocate_is_downloaded_to_all_the_same() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, 300_000)));
    let test = server.get(["/a"]).args(["-d", "disk", "-v", "--prealloc"]).existing_folder("disk");
    let disk = SmallDisk::mount_as("ramfs", "rw", &test.path().join("disk"));
    if disk.is_none() {
        return server.forget();
    }
    let output = test.expect_file("disk/a", content(1, 300_000)).any_stderr().run();
    assert!(output.stderr.contains("cannot allocate room in advance"), "{}", output.stderr);
}

/// One line of strace: the call with its arguments.
fn position(log: &[String], from: usize, parts: &[&str]) -> usize {
    let found = log[from..].iter().position(|line| parts.iter().all(|part| line.contains(part)));
    from + found.unwrap_or_else(|| panic!("no {parts:?} after line {from} of\n{}", log.join("\n")))
}

/// Downloads a file of 9 MB, which is recorded on its way, under strace, and returns the calls.
fn traced(options: &[&str]) -> Option<Vec<String>> {
    if is_missing("strace") {
        return None;
    }
    let server = Server::start();
    let body = content(1, 9_000_000);
    server.serve("/a", Reply::ok(&body).header("ETag", "\"v1\""));
    let calls =
        "trace=write,pwrite64,splice,fsync,fdatasync,rename,renameat,renameat2,openat,unlink";
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    let output = server
        .get(["/a"])
        .args(options.iter().copied())
        .shell(&format!("exec strace -f -y -s 0 -e {calls} -o {path} \"$@\""))
        .expect_file("a", body)
        .run();
    let folder = output.folder.path().file_name().unwrap().to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(log.path()).unwrap();
    // The folder has a name of its own in every run.
    Some(text.lines().map(|line| line.replace(&folder, "FOLDER")).collect())
}

#[test]
fn with_fsync_the_data_is_safe_before_its_name_and_the_name_before_it_is_told() {
    let Some(log) = traced(&["--fsync"]) else { return };
    let is_write = |line: &String| {
        let is_call = line.contains("write") || line.contains("splice(");
        is_call && line.contains("FOLDER/a.part>")
    };
    let last_write = log.iter().rposition(is_write).unwrap();
    let synced = position(&log, last_write + 1, &["sync(", "FOLDER/a.part>"]);
    let renamed = position(&log, synced, &["rename", "\"a.part\"", "\"a\""]);
    let folder_synced = position(&log, renamed, &["sync(", "FOLDER>"]);
    position(&log, folder_synced, &["write(", "<pipe:"]);
    // What a record says is on the disk before the record is.
    let record = position(&log, 0, &["openat", "a.part.haul~"]);
    position(&log[..record], 0, &["fdatasync", "FOLDER/a.part>"]);
    let record_synced = position(&log, record, &["fdatasync", "a.part.haul~>"]);
    position(&log, record_synced, &["rename", "\"a.part.haul~\"", "\"a.part.haul\""]);
}

#[test]
fn without_fsync_nothing_is_synced() {
    let Some(log) = traced(&[]) else { return };
    let synced: Vec<&String> = log.iter().filter(|line| line.contains("sync(")).collect();
    assert!(synced.is_empty(), "{synced:?}");
}
