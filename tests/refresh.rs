//! `--refresh-cmd`: a new URL in the place of one that has expired.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::objects::{object, sha256};
use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, Test, content};
use crate::mirrors::{DATE, MODIFIED};

/// A command that writes what `script` says, and what it was called with to `calls`.
fn with_command(test: Test, script: &str) -> Test {
    let path = test.path().join("sign");
    let program = format!("#!/bin/sh\necho \"$@\" >> calls\n{script}\n");
    let test = test.existing("sign", program);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    test.args(["--refresh-cmd", "sh ./sign new {}"])
        .expect_entry("calls", crate::harness::folder::Entry::AnyFile)
}

fn calls(output: &crate::harness::Output) -> Vec<String> {
    let text = std::fs::read_to_string(output.folder.path().join("calls")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn refused(server: &Server, target: &str, code: u16) {
    server.serve(target, Reply::status(code, "Forbidden"));
}

#[test]
fn a_link_that_has_expired_is_signed_again() {
    for code in [401, 403] {
        let server = Server::start();
        refused(&server, "/a?sig=old", code);
        server.serve("/a?sig=new", Reply::ok("the file"));
        let answer =
            format!("echo; echo '  {}  '; echo more; echo told >&2", server.url("/a?sig=new"));
        let test = with_command(server.get(["/a?sig=old"]).arg("--json"), &answer).any_stdout();
        let output = test.any_stderr().expect_file("a", "the file").run();
        assert_eq!(calls(&output), [format!("new {}", server.url("/a?sig=old"))]);
        let found = object(&output);
        assert_eq!(found["url"], json!(server.url("/a?sig=***")));
        assert_eq!((&found["attempts"], &found["sha256"]), (&json!(2), &json!(sha256("the file"))));
        assert!(output.stderr.contains("told"), "{}", output.stderr);
        assert!(!output.stderr.contains("sig=new"), "{}", output.stderr);
    }
}

#[test]
fn what_is_there_is_gone_on_with_under_the_new_link() {
    let body = content(4, 600_000);
    let server = Server::start();
    let file = Resource::new(&body, "\"v1\"");
    let (first, second) = (file.clone(), file);
    server.answer("/a?sig=old", move |request| first.answer(request).cut_after(400_000));
    refused(&server, "/a?sig=old", 403);
    server.answer("/b?sig=new", move |request| second.answer(request));
    let answer = format!("echo {}", server.url("/b?sig=new"));
    let test = with_command(server.get(["/a?sig=old"]), &answer).retries(1).any_stderr();
    test.expect_file("a", &body).run();
    let asked = server.requests();
    assert_eq!(asked[2].header("range"), Some("bytes=400000-"));
    assert_eq!(asked[2].header("if-range"), Some("\"v1\""));
}

#[test]
fn another_file_under_the_new_link_comes_whole() {
    let server = Server::start();
    let old = Resource::new(&content(4, 600_000), "\"v1\"");
    let new = Resource::new(&content(5, 600_000), "\"v2\"");
    server.answer("/a", move |request| old.answer(request).cut_after(400_000));
    refused(&server, "/a", 403);
    server.answer("/b", move |request| new.answer(request));
    let test = with_command(server.get(["/a"]), &format!("echo {}", server.url("/b"))).retries(1);
    test.any_stderr().expect_file("a", content(5, 600_000)).run();
}

#[test]
fn a_date_joins_no_bytes_of_two_links() {
    let dated = |body: &[u8]| Resource::with_fields(body, &[MODIFIED, DATE]);
    let server = Server::start();
    let (old, new) = (dated(&content(4, 600_000)), dated(&content(5, 600_000)));
    server.answer("/a", move |request| old.answer(request).cut_after(400_000));
    refused(&server, "/a", 403);
    server.handle(move |request| new.answer(request));
    let test = with_command(server.get(["/a"]), &format!("echo {}", server.url("/b"))).retries(1);
    test.any_stderr().expect_file("a", content(5, 600_000)).run();
}

#[test]
fn a_partial_file_is_found_again_by_the_link_that_was_given() {
    let server = Server::start();
    let file = Resource::new(&content(4, 600_000), "\"v1\"");
    let (first, second) = (file.clone(), file);
    refused(&server, "/a?sig=1", 403);
    server.answer("/b?sig=2", move |request| first.answer(request).cut_after(400_000));
    let test = with_command(server.get(["/a?sig=1"]), &format!("echo {}", server.url("/b?sig=2")));
    let test = test.keeps("a", &content(4, 600_000)[..400_000]).any_stderr();
    let output = test.status(1).run();
    server.answer("/a?sig=3", move |request| second.answer(request));
    let test = server.get(["/a?sig=3"]).in_folder(output.folder).any_stderr();
    let entry = || crate::harness::folder::Entry::AnyFile;
    let test = test.expect_entry("sign", entry()).expect_entry("calls", entry());
    test.expect_file("a", content(4, 600_000)).run();
    assert!(server.requests().last().unwrap().header("range").is_some());
}

#[test]
fn a_command_without_an_answer_fails_the_job_as_before() {
    for (script, why) in [
        ("true", "it wrote nothing"),
        ("echo word", "not a URL: `word`"),
        ("echo http://127.0.0.1:1/; exit 3", "it ended with status 3"),
    ] {
        let server = Server::start();
        refused(&server, "/a", 403);
        let test = with_command(server.get(["/a"]), script).any_stderr().status(1);
        let output = test.run();
        let warned = format!("warning: {}: no new URL from sh: {why}\n", server.url("/a"));
        assert!(output.stderr.contains(&warned), "{}", output.stderr);
        assert!(output.stderr.contains("/a: 403 Forbidden\n"), "{}", output.stderr);
    }
}

#[test]
fn a_command_is_not_asked_without_end() {
    let server = Server::start();
    server.always("/a", Reply::status(403, "Forbidden"));
    let test = with_command(server.get(["/a"]), &format!("echo {}", server.url("/a")));
    let output = test.any_stderr().status(1).run();
    assert_eq!(calls(&output).len(), 3);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn other_statuses_ask_for_no_new_link() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "Not Found"));
    let test = server.get(["/a"]).args(["--refresh-cmd", "false"]).any_stderr();
    test.status(1).run();
}

#[test]
fn a_command_that_is_not_there_is_wrong_usage() {
    #[track_caller]
    fn case(args: &[&str], told: &str) {
        let test = Test::new().args(args).arg("http://127.0.0.1:1/a").stdout("").any_stderr();
        let output = test.status(2).run();
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    case(&["--refresh-cmd", "no-such-program {}"], "`--refresh-cmd`: no program `no-such-program`");
    case(&["--refresh-cmd", "true", "--verify"], "this run asks none");
}
