//! `--if-exists update`: what the server has changed comes anew, and nothing else.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use crate::harness::folder::Entry;
use crate::harness::objects::{object, sha256};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Request, Server, Test};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
/// [`DATE`], in seconds since 1970.
const SECONDS: u64 = 784_111_777;

fn updating(test: Test) -> Test {
    test.args(["--if-exists", "update"])
}

/// Puts a file there that was modified at [`DATE`].
fn there(test: Test, bytes: &str) -> Test {
    let test = test.existing("a", bytes);
    let file = File::options().write(true).open(test.path().join("a")).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(SECONDS)).unwrap();
    test
}

fn not_modified() -> Reply {
    Reply::status(304, "Not Modified").body("")
}

/// Answers as a server that knows conditions.
fn conditionally(server: &Server, etag: &'static str, date: &'static str, body: &'static str) {
    server.maybe_with("/a", move |request: &Request| {
        let etag_is_same = request.header("if-none-match").map(|tag| tag == etag);
        let date_is_same = request.header("if-modified-since").map(|since| since == date);
        match etag_is_same.or(date_is_same) {
            Some(true) => not_modified().header("ETag", etag),
            _ => Reply::ok(body).header("ETag", etag).header("Last-Modified", date),
        }
    });
}

fn conditions(server: &Server) -> Vec<(Option<String>, Option<String>)> {
    let field = |request: &Request, name: &str| request.header(name).map(str::to_owned);
    let both =
        |request: &Request| (field(request, "if-none-match"), field(request, "if-modified-since"));
    server.requests().iter().map(both).collect()
}

#[test]
fn the_time_of_a_file_tells_whether_it_is_current() {
    let server = Server::start();
    conditionally(&server, "\"v1\"", DATE, "same!");
    there(updating(server.get(["/a"])), "same!").skips("a", "unchanged").run();
    assert_eq!(conditions(&server), [(None, Some(DATE.to_owned()))]);

    let server = Server::start();
    conditionally(&server, "\"v2\"", LATER, "newer");
    there(updating(server.get(["/a"])), "older").expect_file("a", "newer").run();
    assert_eq!(conditions(&server), [(None, Some(DATE.to_owned()))]);
}

#[test]
fn the_etag_of_a_list_tells_it_better() {
    let line = |server: &Server, etag: &str| {
        json!({"url": server.url("/a"), "etag": etag, "last_modified": DATE}).to_string()
    };
    let server = Server::start();
    conditionally(&server, "W/\"v1\"", LATER, "newer");
    let test = updating(server.test()).stdin(line(&server, "W/\"v1\""));
    there(test, "older").skips("a", "unchanged").run();
    assert_eq!(conditions(&server), [(Some("W/\"v1\"".to_owned()), None)]);
    let test = updating(server.test()).stdin(line(&server, "\"v0\""));
    there(test, "older").expect_file("a", "newer").run();
}

#[test]
fn what_is_no_etag_is_not_sent_as_one() {
    for etag in ["*", "\"v1\", \"v2\"", "v 1"] {
        let server = Server::start();
        conditionally(&server, "*", LATER, "newer");
        let line = json!({"url": server.url("/a"), "etag": etag, "last_modified": DATE});
        let test = updating(server.test()).stdin(line.to_string());
        there(test, "older").expect_file("a", "newer").run();
        assert_eq!(conditions(&server), [(None, Some(DATE.to_owned()))], "{etag}");
    }
}

#[test]
fn a_server_without_conditions_is_not_downloaded_from_for_nothing() {
    let server = Server::start();
    server.serve("/a", Reply::ok("same!").header("Last-Modified", DATE));
    there(updating(server.get(["/a"])), "same!").skips("a", "unchanged").run();
    // As old, but of another length.
    server.serve("/a", Reply::ok("longer").header("Last-Modified", DATE));
    there(updating(server.get(["/a"])), "same!").expect_file("a", "longer").run();
    // Nothing tells.
    server.serve("/a", Reply::ok("same?"));
    there(updating(server.get(["/a"])), "same!").expect_file("a", "same?").run();
}

#[test]
fn what_is_not_there_or_empty_is_asked_for_without_a_condition() {
    let server = Server::start();
    for _ in 0..2 {
        server.serve("/a", Reply::ok("new"));
    }
    updating(server.get(["/a"])).expect_file("a", "new").run();
    there(updating(server.get(["/a"])), "").expect_file("a", "new").run();
    assert_eq!(conditions(&server), [(None, None), (None, None)]);
}

#[test]
fn a_file_that_is_wrong_by_the_list_is_replaced_whatever_its_time() {
    let server = Server::start();
    conditionally(&server, "\"v1\"", DATE, "right");
    let line = json!({
        "url": server.url("/a"), "etag": "\"v1\"", "size": 5, "sha256": sha256("right"),
    });
    let test = updating(server.test()).stdin(line.to_string());
    there(test, "wrong").expect_file("a", "right").run();
    assert_eq!(conditions(&server), [(None, None)]);
    let test = updating(server.test()).stdin(line.to_string());
    there(test, "right").skips("a", "unchanged").run();
    assert_eq!(conditions(&server)[1..], [(Some("\"v1\"".to_owned()), None)]);
}

#[test]
fn an_update_that_fails_leaves_the_old_file() {
    let server = Server::start();
    server.serve("/a", Reply::ok("newer").header("Last-Modified", LATER).cut_after(2));
    let test = there(updating(server.get(["/a"])), "older");
    test.fails(server.url("/a"), "the body ended after 2 B of 5 B").run();
    server.serve("/a", Reply::status(404, "Not Found"));
    let test = there(updating(server.get(["/a"])), "older");
    test.fails(server.url("/a"), "404 Not Found").hint("check the URL").run();
}

#[test]
fn an_update_that_breaks_off_is_gone_on_with() {
    let server = Server::start();
    let newer = Resource::new(b"a newer file", "\"v2\"");
    let (first, second) = (newer.clone(), newer);
    server.serve("/a", Reply::status(503, "Service Unavailable"));
    server.answer("/a", move |request| first.answer(request).cut_after(4));
    server.answer("/a", move |request| second.answer(request));
    let test = there(updating(server.get(["/a"])), "older").retries(2).any_stderr();
    test.expect_file("a", "a newer file").run();
    let asked = server.requests();
    let ranges: Vec<_> = asked.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [None, None, Some("bytes=4-")]);
    let since: Vec<_> = asked.iter().map(|r| r.header("if-modified-since").is_some()).collect();
    assert_eq!(since, [true, true, false]);
}

#[test]
fn what_an_earlier_run_left_of_the_new_version_is_used() {
    let server = Server::start();
    let newer = Resource::new(b"a newer file", "\"v2\"");
    let cut = newer.clone();
    server.answer("/a", move |request| cut.answer(request).cut_after(4));
    let test = there(updating(server.get(["/a"])), "older").any_stderr().status(1);
    let output = test.keeps("a", "a ne").run();
    server.maybe_with("/a", move |request| newer.answer(request));
    let test = updating(server.get(["/a"])).in_folder(output.folder).any_stderr();
    test.expect_file("a", "a newer file").run();
    let ranges: Vec<_> = server.requests().iter().map(|r| r.header("range").is_some()).collect();
    assert_eq!(ranges.last(), Some(&true), "{ranges:?}");
}

#[test]
fn what_a_server_was_only_asked_for_is_not_what_is_there() {
    let server = Server::start();
    conditionally(&server, "\"v2\"", LATER, "newer");
    let found = json!({
        "url": server.url("/a"), "path": "a", "status": "found", "size": 5, "etag": "\"v2\"",
        "last_modified": LATER,
    });
    let test = updating(server.test()).stdin(found.to_string());
    there(test, "older").expect_file("a", "newer").run();
}

#[test]
fn objects_say_that_a_file_is_unchanged() {
    let server = Server::start();
    conditionally(&server, "\"v1\"", DATE, "same!");
    let test = there(updating(server.get(["/a"])).arg("--json"), "same!");
    let found = object(&test.any_stdout().skips("a", "unchanged").run());
    let fields = (&found["status"], &found["reason"], &found["size"], &found["mtime"]);
    let expected =
        (&json!("skipped"), &json!("unchanged"), &json!(5), &json!("1994-11-06T08:49:37Z"));
    assert_eq!(fields, expected);
}

#[test]
fn a_lock_and_an_update_find_what_drifted() {
    let server = Server::start();
    conditionally(&server, "\"v1\"", DATE, "first");
    let locking = |test: Test| test.args(["--lock", "l"]).expect_entry("l", Entry::AnyFile);
    let output = locking(server.get(["/a"])).expect_file("a", "first").run();
    let first = || Entry::File(b"first".to_vec());
    let test = locking(updating(server.get(["/a"]))).in_folder(output.folder);
    let output = test.expect_entry("a", first()).skips("a", "unchanged").run();
    conditionally(&server, "\"v2\"", LATER, "other");
    let test = locking(updating(server.get(["/a"]))).in_folder(output.folder).any_stderr();
    let output = test.expect_entry("a", first()).status(1).run();
    assert!(output.stderr.contains("the server has another file than the lock"));
    let test = locking(updating(server.get(["/a"]))).in_folder(output.folder).arg("--lock-update");
    let test = test.line(format!("changed {}: sha256 …", server.url("/a")));
    test.expect_file("a", "other").run();
    let tags: Vec<_> = conditions(&server).into_iter().map(|(etag, _)| etag).collect();
    let v1 = Some("\"v1\"".to_owned());
    assert_eq!(tags, [None, v1.clone(), v1.clone(), None, v1]);
}

#[test]
fn names_that_only_the_server_knows_cannot_be_updated() {
    let test = updating(Test::new()).args(["-J", "http://127.0.0.1:1/a"]).stdout("");
    let output = test.any_stderr().status(2).run();
    assert!(output.stderr.contains("`--lock` notes those"), "{}", output.stderr);
}
