//! A disk that is full, and one that is told to keep what it was given.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::folder::Entry;
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test, content, is_missing, skip};

/// A file system in memory, of a few MiB. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it at `folder`; `None` where that is not allowed.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(folder);
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
    let output = test.args(["-j", "1"]).retries(5).any_result().run();
    assert_eq!(output.status, Some(1));
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
    let calls = "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,openat,unlink";
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
    let is_write = |line: &String| line.contains("write") && line.contains("FOLDER/a.part>");
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
