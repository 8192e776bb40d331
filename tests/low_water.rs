//! Bytes that gather before a worker is woken for them: only where many come fast, and none is waited for
//! that does not come.

use crate::harness::part::check_part;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Output, Reply, Server, Test, content, is_missing};

/// Several times what gathers.
const LENGTH: usize = 4_000_013;

/// Where a server stops, long after bytes began to gather, and between two times that they have.
const CUT: usize = 2_500_007;

/// Runs a test under strace; returns the values that the option was set to, and what came of it.
fn values(test: Test) -> (Vec<String>, Output) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    let output = test
        .env("__HAUL_SPLICE", "never")
        .args(["-j", "1"])
        .shell(&format!("exec strace -f -e trace=setsockopt -o {path} \"$@\""))
        .run();
    let calls = std::fs::read_to_string(log.path()).unwrap();
    let value = |line: &str| {
        let (_, value) = line.split_once("SO_RCVLOWAT, [")?;
        Some(value.split_once(']')?.0.to_owned())
    };
    (calls.lines().filter_map(value).collect(), output)
}

#[test]
fn much_gathers_where_much_comes_and_the_next_file_is_not_waited_for() {
    if is_missing("strace") {
        return;
    }
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, LENGTH)));
    server.serve("/b", Reply::ok("hello"));
    let test = server.get(["/a", "/b"]).expect_file("a", content(1, LENGTH));
    assert_eq!(values(test.expect_file("b", "hello")).0, ["262144", "1"]);
    assert_eq!(server.connections(), 1);

    let server = Server::start();
    server.serve("/b", Reply::ok("hello"));
    server.serve("/c", Reply::ok(content(1, LENGTH)).chunked(100_000));
    server.serve("/d", Reply::ok(content(2, LENGTH)).until_close());
    let test = server.get(["/b", "/c", "/d"]).expect_file("b", "hello");
    let test = test.expect_file("c", content(1, LENGTH)).expect_file("d", content(2, LENGTH));
    assert!(values(test).0.is_empty(), "nobody knows how much is to come");
}

#[test]
fn what_came_before_a_stall_is_not_lost() {
    if is_missing("strace") {
        return;
    }
    let never = Gate::default();
    let server = Server::start();
    let resource = Resource::new(&content(1, LENGTH), "\"v1\"");
    server.handle(move |request| resource.answer(request).hold_after(CUT, &never));
    let test = server.get(["/a"]).args(["--stall-timeout", "1"]).any_result();
    let (values, output) = values(test);
    assert_eq!(values, ["262144", "1"]);
    assert_eq!(output.status, Some(1));
    assert_eq!(check_part(output.folder.path(), "a", &content(1, LENGTH)), CUT);
}

#[test]
fn a_system_without_it_does_without() {
    if is_missing("strace") {
        return;
    }
    let server = Server::start();
    server.serve("/a", Reply::ok(content(1, LENGTH)));
    server
        .get(["/a"])
        .args(["-j", "1"])
        .env("__HAUL_SPLICE", "never")
        // The three before it are for the connection.
        .inject("setsockopt:error=ENOPROTOOPT:when=4+")
        .expect_file("a", content(1, LENGTH))
        .run();
}
