//! Statuses that are taken as another, and those that are not.

use serde_json::Value;

use crate::harness::objects::objects;
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, content};

const HALF: usize = 150_000;
const LENGTH: usize = 2 * HALF;

/// What is told of a file that came with 203.
fn doubted(server: &Server) -> String {
    format!(
        "warning: {}: status 203 Non-Authoritative Information, taken as 200 OK: \
         a proxy on the way may have changed it",
        server.url("/a")
    )
}

fn v1() -> Resource {
    Resource::new(&content(1, LENGTH), "\"v1\"")
}

#[test]
fn what_a_proxy_changed_and_what_nobody_has_registered_is_saved_with_a_warning() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").with_status(203));
    server.get(["/a"]).line(doubted(&server)).expect_file("a", "hello").run();
    for status in [209, 218, 299] {
        server.serve("/a", Reply::ok("hello").with_status(status));
        let doubt = "taken as 200 OK: nobody has registered it";
        let told = format!("warning: {}: status {status}, {doubt}", server.url("/a"));
        server.get(["/a"]).line(told).expect_file("a", "hello").run();
    }
}

#[test]
fn the_status_that_came_is_told_where_statuses_are() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").with_status(203));
    let output = server.get(["/a"]).arg("-v").any_stderr().expect_file("a", "hello").run();
    let told = "#1 203 Non-Authoritative Information, 5 B\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let reply = Reply::ok("").length("5").with_status(203);
    server.serve("/a", reply.header("ETag", "\"v1\"").header("Accept-Ranges", "bytes"));
    let test = server.get(["/a"]).args(["--spider", "--json"]).any_stdout().any_stderr();
    let output = test.run();
    assert!(output.stderr.contains(&doubted(&server)), "{}", output.stderr);
    let (found, _) = objects(&output);
    assert_eq!((&found[0]["http_status"], &found[0]["size"]), (&203.into(), &5.into()));
    assert_eq!((&found[0]["ranges"], &found[0]["etag"]), (&false.into(), &Value::Null));
}

#[test]
fn nothing_is_joined_with_what_a_proxy_changed() {
    // Neither behind it.
    let server = Server::start();
    server.answer("/a", |request| v1().answer(request).with_status(203).cut_after(HALF));
    server.answer("/a", |request| v1().answer(request));
    let test = server.get(["/a"]).retries(1).any_stderr();
    test.expect_file("a", content(1, LENGTH)).run();
    assert_eq!(server.asked(), ["all", "all"]);
    // Nor before it.
    let server = Server::start();
    server.answer("/a", |request| v1().answer(request).cut_after(HALF));
    server
        .answer("/a", |_| Reply::ok(content(2, LENGTH)).with_status(203).header("ETag", "\"v1\""));
    let test = server.get(["/a"]).retries(1).any_stderr();
    test.expect_file("a", content(2, LENGTH)).run();
    assert_eq!(server.asked(), ["all", "bytes=150000- ? \"v1\""]);
}

#[test]
fn nobody_helps_with_what_a_proxy_changed() {
    let server = Server::start();
    let reply = Reply::ok(content(1, LENGTH)).with_status(203).rate(LENGTH as u64 * 2);
    server.serve("/a", reply.header("ETag", "\"v1\"").header("Accept-Ranges", "bytes"));
    let test = server.get(["/a"]).args(["-j", "4", "--min-split", "64K"]).line(doubted(&server));
    test.expect_file("a", content(1, LENGTH)).run();
}

#[test]
fn other_statuses_of_success_are_no_file() {
    for (status, cause) in [
        (201, "201 Created"),
        (207, "207 Multi-Status"),
        (208, "208 Already Reported"),
        (226, "226 IM Used"),
    ] {
        let server = Server::start();
        server.serve("/a", Reply::ok("hello").with_status(status));
        server.get(["/a"]).fails(server.url("/a"), cause).run();
    }
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").with_status(202));
    let hint = "the server is still preparing it; try again later";
    server.get(["/a"]).fails(server.url("/a"), "202 Accepted").hint(hint).run();
    let server = Server::start();
    server.serve("/a", Reply::ok("hello").with_status(299).header("Content-Range", "bytes 0-4/9"));
    let cause = "status 299 with the Content-Range of a part";
    server.get(["/a"]).fails(server.url("/a"), cause).run();
}
