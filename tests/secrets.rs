//! No secret is in anything that a run leaves or shows, however it was given and however the run ends.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Gate, Output, Reply, Server, Test, content};

/// What is in every secret of these tests.
const SECRET: &str = "s3cret";

/// The ways in which a secret would be seen: as it is, and as credentials have it, wherever it stands in
/// them.
fn forms() -> Vec<Vec<u8>> {
    let login = BASE64_STANDARD.encode(format!("me:{SECRET}"));
    [SECRET.to_owned(), login].map(String::into_bytes).to_vec()
}

/// Fails if a secret is in `bytes`.
#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes.windows(form.len()).any(|window| window == form);
        assert!(!found, "{what}: {}", String::from_utf8_lossy(bytes));
    }
}

/// Fails if a secret is in what a run has shown, or in a file of its folder but those that are `known`.
#[track_caller]
fn all_is_clean(output: &Output, known: &[&str]) {
    is_clean("stdout", &output.stdout);
    is_clean("stderr", output.stderr.as_bytes());
    for file in fs::read_dir(output.folder.path()).unwrap() {
        let file = file.unwrap();
        if !known.iter().any(|known| file.file_name() == OsStr::new(known)) {
            is_clean(&file.path().display().to_string(), &fs::read(file.path()).unwrap());
        }
    }
}

/// Files with secrets, and the arguments that name them.
fn given(test: Test) -> Test {
    let test = test.existing("netrc", format!("machine 127.0.0.1 login me password {SECRET}"));
    let jar = format!("127.0.0.1\tFALSE\t/\tFALSE\t0\tb\t{SECRET}\n");
    let test = test.existing("jar", jar).args(["--cookies", "jar", "--save-cookies", "saved"]);
    let netrc = test.path().join("netrc");
    fs::set_permissions(netrc, fs::Permissions::from_mode(0o600)).unwrap();
    test.existing("token", SECRET)
        .existing("headers", format!("X-Key: {SECRET}\nCookie: a={SECRET}\n"))
        .args(["--bearer", "@token", "-H", "@headers", "-v", "--json"])
        .args(["--netrc-file", "netrc"])
        .args(["--retries", "0", "--failed", "failed"])
}

const KNOWN: [&str; 6] = ["token", "headers", "netrc", "jar", "saved", "failed"];

#[test]
fn no_secret_is_in_what_an_interrupted_run_leaves() {
    let (first, second) = (Server::start(), Server::start());
    let gate = Gate::default();
    let body = content(1, 400_000);
    let held = Reply::ok(&body).header("ETag", "\"v\"").hold_after(300_000, &gate);
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", held);
    let test = given(first.test().server(&second)).any_result();
    let login = first.url("/a").replace("://", &format!("://me:{SECRET}@"));
    let mut running = test.arg("-i").arg("list").existing("list", login).start();
    gate.wait_reached(1);
    is_clean("the command line", &running.command_line());
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130));
    assert!(output.folder.path().join("a.part.haul").exists());
    all_is_clean(&output, &[&KNOWN[..], &["list"]].concat());
}

#[test]
fn no_secret_is_told_of_what_fails_in_any_way() {
    let server = Server::start();
    server.maybe("/status", Reply::status(401, SECRET).body(SECRET));
    server.maybe("/status?2", Reply::status(403, SECRET));
    server.maybe("/loop", Reply::redirect(302, "/loop"));
    server.maybe("/away", Reply::redirect(302, "ftp://me:s3cret@h/"));
    server.maybe("/cut", Reply::ok("half").cut_after(1));
    server.maybe("/broken", Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n"));
    server.maybe("/good", Reply::ok("x"));
    let targets = ["/status", "/loop", "/away", "/cut", "/broken", "/good"];
    let login = |target| server.url(target).replace("://", &format!("://me:{SECRET}@"));
    let test = given(server.test()).args(targets.map(login)).any_result();
    let lines = [
        json!({"url": server.url("/status?2"), "headers": {"X-Key": SECRET}}),
        json!({"url": server.url("/good"), "headers": {"X-Key": [SECRET, "\n"]}}),
        json!({"url": server.url("/good"), "headers": SECRET}),
        json!({"url": server.url("/good"), "headers": {SECRET: {SECRET: SECRET}}}),
    ];
    let list = lines.map(|line| format!("{line}\n")).concat();
    let test = test.args(["-i", "list"]).existing("list", list);
    let output = test.arg("http://me:s3cret@127.0.0.1:99999/").run();
    assert_eq!(output.status, Some(1));
    all_is_clean(&output, &[&KNOWN[..], &["list"]].concat());
}
