//! `--lock`: what one run brought, the next one holds to.

use std::fs;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::folder::Entry;
use crate::harness::objects::sha256;
use crate::harness::{Gate, Output, Reply, Server, Test};

const LOCK: &str = "files.lock";
const LIST: &str = "urls";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Runs haul with a lock.
fn locking(test: Test) -> Test {
    test.args(["--lock", LOCK]).expect_entry(LOCK, Entry::AnyFile)
}

fn text(output: &Output) -> String {
    fs::read_to_string(output.folder.path().join(LOCK)).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(output: &Output) -> Vec<String> {
    lines(output).iter().map(|line| line["out"].as_str().unwrap().to_owned()).collect()
}

fn file(body: &str) -> Reply {
    Reply::ok(body).header("ETag", format!("\"{body}\"")).header("Last-Modified", MODIFIED)
}

/// Lists `/a`, `/b` and `/c`, whose files say their names.
fn three(server: &Server) -> Test {
    for name in ["a", "b", "c"] {
        server.serve(&format!("/{name}"), file(&name.repeat(5)));
    }
    listed(server, server.test(), &["/a", "/b", "/c"])
}

fn listed(server: &Server, test: Test, targets: &[&str]) -> Test {
    let urls: String = targets.iter().map(|target| server.url(target) + "\n").collect();
    locking(test.existing(LIST, urls).args(["-i", LIST, "-d", "out"]))
}

/// Expects that these files of the three are there already.
fn there(mut test: Test, names: &[&str]) -> Test {
    for name in names {
        let path = format!("out/{name}");
        test = test.expect_entry(&path, Entry::File(name.repeat(5).into_bytes()));
        test = test.skips(&path, "exists already");
    }
    test
}

/// Brings the three, and returns what that left.
fn brought(server: &Server) -> Output {
    let mut test = three(server);
    for name in ["a", "b", "c"] {
        test = test.expect_file(&format!("out/{name}"), name.repeat(5));
    }
    test.run()
}

#[test]
fn a_lock_has_what_came_in_the_order_of_the_list() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", file("aaaaa").hold_after(1, &gate));
    server.serve("/sub/b", file("bbbbb"));
    server.serve("/missing", Reply::status(404, "Not Found"));
    server.serve("/?token=s3cret", Reply::ok("c"));
    let targets = ["/a", "/sub/b", "/missing", "/?token=s3cret"];
    let running = listed(&server, server.test(), &targets).any_stderr().status(1);
    let running = running.expect_file("out/a", "aaaaa").expect_file("out/b", "bbbbb");
    let running = running.expect_file("out/index.html", "c").start();
    running.wait_for_file("out/b");
    running.wait_for_file("out/index.html");
    gate.open();
    let output = running.finish();
    let found = lines(&output);
    assert_eq!(names(&output), ["a", "b", "index.html"]);
    assert_eq!(
        found[0],
        json!({
            "haul": 1, "url": server.url("/a"), "out": "a", "size": 5, "sha256": sha256("aaaaa"),
            "etag": "\"aaaaa\"", "last_modified": MODIFIED, "mtime": "1994-11-06T08:49:37Z",
        })
    );
    assert!(!text(&output).contains("s3cret"));
    let mode =
        |name: &str| fs::metadata(output.folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode(LOCK), mode(LIST));
}

#[test]
fn what_is_locked_and_looks_untouched_needs_no_request() {
    let server = Server::start();
    let before = brought(&server);
    let (old, asked) = (text(&before), server.requests().len());
    let test = listed(&server, server.test().in_folder(before.folder), &["/a", "/b", "/c"]);
    let after = there(test, &["a", "b", "c"]).run();
    assert_eq!(server.requests().len(), asked);
    assert_eq!(text(&after), old);
}

#[test]
fn a_name_that_a_server_chose_is_found_again() {
    let server = Server::start();
    let reply = file("aaaaa").header("Content-Disposition", "attachment; filename=chosen");
    server.serve("/", reply);
    let test = listed(&server, server.test(), &["/"]);
    let output = test.expect_file("out/chosen", "aaaaa").run();
    let test = listed(&server, server.test().in_folder(output.folder), &["/"]);
    let test = test.expect_entry("out/chosen", Entry::File(b"aaaaa".to_vec()));
    test.skips("out/chosen", "exists already").run();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_with_another_time_is_hashed_and_one_with_other_bytes_fails() {
    let server = Server::start();
    let output = brought(&server);
    let old = text(&output);
    let touch = |name: &str, seconds: u64| {
        let file = File::options().write(true).open(output.folder.path().join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    };
    touch("out/a", 86_400);
    fs::write(output.folder.path().join("out/b"), "wrong").unwrap();
    let test = listed(&server, server.test().in_folder(output.folder), &["/a", "/b", "/c"]);
    let told = format!("out/b exists, and its checksum is sha256:{}, not …", sha256("wrong"));
    let test = there(test, &["a", "c"]).expect_entry("out/b", Entry::File(b"wrong".to_vec()));
    let test = test.fails(server.url("/b"), &told).hint("`--if-exists overwrite` replaces it");
    let output = test.run();
    let [a, b, c] = lines(&output).try_into().unwrap();
    assert_eq!(a["mtime"], "1970-01-02T00:00:00Z");
    assert!(old.contains(&b.to_string().replace("\\/", "/")) || old.contains(&sha256("bbbbb")));
    assert_eq!((b["sha256"].as_str(), c["out"].as_str()), (Some(&*sha256("bbbbb")), Some("c")));
}

#[test]
fn a_file_that_only_looks_untouched_is_found_out_by_hashing() {
    let server = Server::start();
    let output = brought(&server);
    let path = output.folder.path().join("out/b");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "wrong").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let again = |folder| listed(&server, server.test().in_folder(folder), &["/a", "/b", "/c"]);
    let test = there(again(output.folder), &["a", "c"]).skips("out/b", "exists already");
    let output = test.expect_entry("out/b", Entry::File(b"wrong".to_vec())).run();
    let test = there(again(output.folder), &["a", "c"]).arg("--lock-verify").any_stderr();
    let output = test.expect_entry("out/b", Entry::File(b"wrong".to_vec())).status(1).run();
    assert!(output.stderr.contains("out/b exists, and its checksum is"), "{}", output.stderr);
}

/// Removes files of the three, so that they are asked for again.
fn remove(folder: &Path, names: &[&str]) {
    for name in names {
        fs::remove_file(folder.join("out").join(name)).unwrap();
    }
}

#[test]
fn what_the_server_has_changed_fails_until_it_is_accepted() {
    let server = Server::start();
    let output = brought(&server);
    let old = text(&output);
    remove(output.folder.path(), &["a", "b", "c"]);
    let again = |folder| listed(&server, server.test().in_folder(folder), &["/a", "/b", "/c"]);
    // As long, but with another byte.
    for _ in 0..2 {
        server.serve("/a", file("aaAaa"));
        server.serve("/b", file("longer"));
    }
    server.serve("/c", file("ccccc"));
    let test = again(output.folder).expect_file("out/c", "ccccc").any_stderr().status(1);
    let output = test.run();
    let told = |text: &str| assert!(output.stderr.contains(text), "{text}: {}", output.stderr);
    let drifted = "the server has another file than the lock";
    let (new, locked) = (sha256("aaAaa"), sha256("aaaaa"));
    told(&format!("error: {}: {drifted}: sha256:{new}, not sha256:{locked}\n", server.url("/a")));
    told(&format!("error: {}: {drifted}: 6 bytes, not 5\n", server.url("/b")));
    told("hint: `--lock-update` takes the new one into the lock\n");
    let asked: Vec<_> = server
        .requests()
        .iter()
        .rev()
        .take(5)
        .map(|r| r.header("cache-control") == Some("no-cache"))
        .collect();
    assert_eq!(asked.iter().filter(|past_caches| **past_caches).count(), 2);
    assert_eq!(text(&output), old);

    server.serve("/a", file("aaAaa"));
    server.serve("/b", file("longer"));
    let test = there(again(output.folder), &["c"]).arg("--lock-update");
    let changed =
        format!("changed {}: sha256 {:.12}... -> {:.12}...", server.url("/a"), locked, new);
    let test =
        test.line(changed).line(format!("changed {}: 5 -> 6 bytes, sha256 …", server.url("/b")));
    let output = test.expect_file("out/a", "aaAaa").expect_file("out/b", "longer").run();
    let found = lines(&output);
    assert_eq!((&found[0]["sha256"], &found[1]["size"]), (&json!(new), &json!(6)));
    assert_eq!(text(&output).lines().last(), old.lines().last());
}

#[test]
fn files_that_were_there_before_the_lock_are_hashed_into_it() {
    let server = Server::start();
    let test = listed(&server, server.test(), &["/a"]).existing("out/a", "aaaaa");
    let output = test.skips("out/a", "exists already").run();
    assert_eq!(lines(&output)[0]["sha256"], sha256("aaaaa"));
}

#[test]
fn what_is_no_more_in_the_list_goes_and_what_was_not_read_stays() {
    let server = Server::start();
    let output = brought(&server);
    let old = text(&output);
    let gate = Gate::default();
    server.serve("/slow", file("slow!").hold_after(1, &gate));
    let test = locking(server.test().in_folder(output.folder)).args(["-d", "out", "-j", "1"]);
    let test = test.expect_entry(LIST, Entry::AnyFile).open_stdin().any_stderr().status(130);
    let test = there(test, &["b"])
        .expect_entry("out/a", Entry::AnyFile)
        .expect_entry("out/c", Entry::AnyFile);
    let mut running = test.any_result().start();
    running.write(format!("{}\n{}\n", server.url("/b"), server.url("/slow")));
    server.wait_for_requests(4);
    running.signal(Signal::INT);
    running.wait_for_exit();
    let output = running.finish();
    gate.open();
    // First what was listed, then what might have been.
    assert_eq!(names(&output), ["b", "a", "c"]);
    let test = listed(&server, server.test().in_folder(output.folder), &["/c", "/a"]);
    let test = there(test, &["a", "c"]).expect_entry("out/b", Entry::AnyFile).any_result();
    let output = test.run();
    assert_eq!(names(&output), ["c", "a"]);
    assert!(text(&output).lines().all(|line| old.contains(line)));
}

#[test]
fn a_lock_that_cannot_be_used_ends_the_run_before_it_begins() {
    #[track_caller]
    fn case(args: &[&str], told: &str) {
        let test = Test::new().existing(LOCK, "{\"url\":\"http://h/\"}\n").stdout("");
        let output = test.args(args).any_stderr().status(2).run();
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    case(&["--lock", LOCK, "http://127.0.0.1:1/a"], "cannot read the lock files.lock: line 1: ");
    case(&["--lock", LOCK, "-i", LOCK], "is the list too");
    case(&["--lock", "-", "http://127.0.0.1:1/a"], "needs the name of a file");
    case(&["--lock", LOCK, "-o", "-", "http://127.0.0.1:1/a"], "`--output -` makes none");
    case(&["--lock-update", "http://127.0.0.1:1/a"], "--lock <FILE>");
    case(&["--lock", "no/folder", "http://127.0.0.1:1/a"], "cannot write the lock: ");
}

#[test]
fn one_lock_is_for_one_run_at_a_time() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", file("aaaaa").hold_after(1, &gate));
    let running = listed(&server, server.test(), &["/a"]).expect_file("out/a", "aaaaa").start();
    server.wait_for_requests(1);
    let lock = running.path().join(LOCK);
    let second = Test::new().args(["--lock", lock.to_str().unwrap(), "http://127.0.0.1:1/a"]);
    let told = second.stdout("").any_stderr().status(2).run().stderr;
    assert!(told.contains("another haul is writing"), "{told}");
    gate.open();
    running.finish();
}

#[test]
fn a_name_that_the_content_gave_is_found_again() {
    let server = Server::start();
    server.serve("/a", file("aaaaa"));
    let name = format!("out/{}", sha256("aaaaa"));
    let by_content = |test: Test| listed(&server, test, &["/a"]).args(["--name", "{sha256}"]);
    let output = by_content(server.test()).expect_file(&name, "aaaaa").run();
    let test = by_content(server.test().in_folder(output.folder));
    let test = test.expect_entry(&name, Entry::File(b"aaaaa".to_vec()));
    test.skips(&name, "exists already").run();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_lock_is_something_to_check_by() {
    let server = Server::start();
    let output = brought(&server);
    remove(output.folder.path(), &["a"]);
    server.serve("/a", file("aaaaa"));
    let test = listed(&server, server.test().in_folder(output.folder), &["/a", "/b", "/c"]);
    let test = there(test, &["b", "c"]).arg("--require-checksum");
    test.expect_file("out/a", "aaaaa").run();
    let test = listed(&server, server.test(), &["/a"]).arg("--require-checksum").any_stderr();
    test.expect_entry("out", Entry::Folder).status(1).run();
}
