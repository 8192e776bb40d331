//! `--lock` with names that are not simply those of the URLs.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::folder::Entry;
use crate::harness::objects::sha256;
use crate::harness::{Output, Reply, Server, Test};

const LOCK: &str = "files.lock";

fn locking(test: Test) -> Test {
    test.args(["--lock", LOCK]).expect_entry(LOCK, Entry::AnyFile)
}

fn lines(output: &Output) -> Vec<Value> {
    let text = fs::read_to_string(output.folder.path().join(LOCK)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn there(test: Test, path: &str, bytes: &str) -> Test {
    test.expect_entry(path, Entry::File(bytes.as_bytes().to_vec()))
}

#[test]
fn what_has_its_name_by_its_content_is_never_numbered() {
    let server = Server::start();
    for target in ["/a", "/b", "/b", "/a"] {
        server.serve(target, Reply::ok("aaaaa"));
    }
    let name = sha256("aaaaa");
    let by_content = |test: Test| locking(test.args(["--name", "{sha256}", "-j", "1"]));
    let output = by_content(server.get(["/a", "/b"])).any_stderr().expect_file(&name, "aaaaa");
    let output = output.run();
    assert_eq!(lines(&output).len(), 2);
    let again = |output: Output| {
        let test = server.get(["/a", "/b"]).in_folder(output.folder);
        there(by_content(test), &name, "aaaaa").skips(&name, "exists already")
    };
    let output = again(output).skips(&name, "exists already").run();
    assert_eq!(lines(&output).len(), 2);
    server.serve("/b", Reply::ok("aaaaa"));
    let output = again(output).skips(&name, "exists already");
    let output = output.args(["--if-exists", "rename"]).run();
    assert_eq!(lines(&output).len(), 2);
}

#[test]
fn a_lock_whose_names_are_contents_is_a_list_of_them() {
    let server = Server::start();
    let (name, bytes) = (sha256("aaaaa"), "aaaaa");
    let line = |target: &str| {
        let url = server.url(target);
        json!({"url": url, "out": name, "size": 5, "sha256": name}).to_string() + "\n"
    };
    server.serve("/a", Reply::ok(bytes));
    let test = || server.test().existing("list", line("/a") + &line("/b")).args(["-i", "list"]);
    test().expect_file(&name, bytes).skips(server.url("/b"), "listed twice").run();
    let test = test().args(["--verify"]).existing(&name, bytes).any_stderr();
    test.stdout(format!("{name}\n")).run();
}

#[test]
fn a_file_whose_command_fails_is_in_the_lock() {
    let server = Server::start();
    server.serve("/a", Reply::ok("old"));
    server.serve("/a", Reply::ok("newer"));
    let output = locking(server.get(["/a"])).expect_file("a", "old").run();
    let options = ["--lock-update", "--if-exists", "overwrite", "--exec", "false"];
    let test = locking(server.get(["/a"]).in_folder(output.folder)).args(options).any_stderr();
    let output = there(test, "a", "newer").status(1).run();
    assert_eq!(lines(&output).len(), 1);
    let test = locking(server.get(["/a"]).in_folder(output.folder)).arg("--lock-verify");
    there(test, "a", "newer").skips("a", "exists already").run();
}

#[test]
fn a_place_that_a_lock_cannot_have_is_wrong_usage() {
    for file in ["../x", "/tmp/x", "..."] {
        let test = Test::new().args(["--lock", LOCK, "-d", "out", "-o", file, "http://h/a"]);
        let told = test.stdout("").any_stderr().status(2).run().stderr;
        assert!(told.contains("has paths below the folder of `--dir`"), "{told}");
    }
}

#[test]
fn a_name_of_the_users_own_is_found_again() {
    let server = Server::start();
    server.serve("/a", Reply::ok("aaaaa"));
    let named = |test: Test| locking(test.args(["-d", "out", "-o", "./.sub/.a"]));
    let output = named(server.get(["/a"])).stdout("out/./.sub/.a\n").any_stderr();
    let output = there(output, "out/.sub/.a", "aaaaa").run();
    let test = named(server.get(["/a"]).in_folder(output.folder));
    there(test, "out/.sub/.a", "aaaaa").skips("out/./.sub/.a", "exists already").run();
}

#[test]
fn urls_that_differ_in_a_secret_alone_keep_their_files_apart() {
    let server = Server::start();
    let list = ["/x?token=1", "/x?token=2"];
    server.serve(list[0], Reply::status(404, "Not Found"));
    server.serve(list[1], Reply::ok("second"));
    let test = locking(server.get(list)).args(["-j", "1"]).any_stderr().status(1);
    let output = test.expect_file("x.1", "second").run();
    server.serve(list[0], Reply::ok("first!"));
    let test = locking(server.get(list).in_folder(output.folder)).expect_file("x", "first!");
    let output = there(test, "x.1", "second").skips("x.1", "exists already").run();
    let sums: Vec<_> = lines(&output).iter().map(|line| line["sha256"].clone()).collect();
    assert_eq!(sums, [json!(sha256("first!")), json!(sha256("second"))]);
}

#[test]
fn a_line_that_was_written_by_hand_holds_its_file() {
    let server = Server::start();
    let url = server.url("/up/../a").replace("http:", "HTTP:");
    let line = json!({"url": url, "out": "./a", "size": 5, "sha256": sha256("aaaaa")});
    for _ in 0..2 {
        server.serve("/a", Reply::ok("aaAaa"));
    }
    let test = server.get(["/a"]).existing(LOCK, line.to_string());
    let told = locking(test).any_stderr().status(1).run().stderr;
    assert!(told.contains("the server has another file than the lock"), "{told}");
}

#[test]
fn a_file_from_the_far_future_leaves_a_lock_that_can_be_read() {
    let server = Server::start();
    let test = locking(server.get(["/a"])).existing("a", "aaaaa");
    let time = UNIX_EPOCH + Duration::from_secs(300_000_000_000);
    let file = File::options().write(true).open(test.path().join("a")).unwrap();
    if file.set_modified(time).is_err() || file.metadata().unwrap().modified().unwrap() != time {
        return crate::harness::skip("the file system has no such time");
    }
    let output = test.skips("a", "exists already").run();
    let test = locking(server.get(["/a"]).in_folder(output.folder));
    there(test, "a", "aaaaa").skips("a", "exists already").run();
}

#[test]
fn a_url_that_is_listed_twice_is_found_once_again() {
    for options in [&["-J"] as &[&str], &["-J", "--name", "{name}"], &["--name", "{sha256}"], &[]] {
        let server = Server::start();
        server.serve("/", Reply::ok("aaaaa"));
        let test = |test: Test| locking(test.args(options)).any_stderr().any_stdout();
        let first = test(server.get(["/", "/"])).any_result().run();
        let again = test(server.get(["/", "/"]).in_folder(first.folder)).any_result().run();
        assert_eq!((again.status, server.requests().len()), (Some(0), 1), "{}", again.stderr);
        assert_eq!((lines(&again).len(), again.folder.path().read_dir().unwrap().count()), (1, 2));
    }
}

#[test]
fn a_template_goes_before_the_place_in_a_lock() {
    let server = Server::start();
    server.serve("/", Reply::ok("aaaaa"));
    let test = |test: Test| locking(test.args(["--name", "x/{name}"]));
    let output = test(server.get(["/"])).expect_file("x/index.html", "aaaaa").run();
    let test = test(server.get(["/"]).in_folder(output.folder));
    there(test, "x/index.html", "aaaaa").skips("x/index.html", "exists already").run();
}

#[test]
fn a_lock_does_not_vouch_for_another_checksum() {
    let server = Server::start();
    server.serve("/a", Reply::ok("aaaaa"));
    let output = locking(server.get(["/a"])).expect_file("a", "aaaaa").run();
    let run = |output: Output, sum: &str| {
        let test = locking(server.get(["/a"]).in_folder(output.folder));
        there(test.args(["--checksum", sum]), "a", "aaaaa")
    };
    let right = "md5:594f803b380a41396ed63dca39503542";
    let output = run(output, right).skips("a", "exists already").run();
    let wrong = format!("sha256:{}", sha256("other"));
    let output = run(output, &wrong).any_stderr().status(1).run();
    assert!(output.stderr.contains("a exists, and its checksum is"), "{}", output.stderr);
}

#[test]
fn what_failed_keeps_no_name_by_a_content_that_has_changed() {
    let server = Server::start();
    let test = |test: Test| locking(test.args(["--name", "{sha256}", "--failed", "failed"]));
    let test = |server: Test| test(server).expect_entry("failed", Entry::AnyFile);
    server.serve("/a", Reply::ok("old"));
    let output = test(server.get(["/a"])).expect_file(&sha256("old"), "old").run();
    fs::remove_file(output.folder.path().join(sha256("old"))).unwrap();
    for _ in 0..3 {
        server.serve("/a", Reply::ok("new"));
    }
    let again = test(server.get(["/a"]).in_folder(output.folder)).any_stderr().status(1).run();
    let again = server.test().in_folder(again.folder).args(["-i", "failed", "--lock-update"]);
    test(again).any_stderr().expect_file(&sha256("new"), "new").run();
}
