//! No secret is in anything that a run leaves or shows, however it was given and however the run ends.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::process::Signal;
use serde_json::{Value, json};

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

/// How results are told.
const RESULTS: [&str; 2] = ["--json", "--json=events"];

/// Files with secrets, and the arguments that name them.
fn given(test: Test) -> Test {
    let test = test.existing("netrc", format!("machine 127.0.0.1 login me password {SECRET}"));
    let jar = format!("127.0.0.1\tFALSE\t/\tFALSE\t0\tb\t{SECRET}\n");
    let test = test.existing("jar", jar).args(["--cookies", "jar", "--save-cookies", "saved"]);
    let netrc = test.path().join("netrc");
    fs::set_permissions(netrc, fs::Permissions::from_mode(0o600)).unwrap();
    test.existing("token", SECRET)
        .existing("headers", format!("X-Key: {SECRET}\nCookie: a={SECRET}\n"))
        .args(["--bearer", "@token", "-H", "@headers", "-v", "--lock", "lock"])
        .args(["--netrc-file", "netrc"])
        .args(["--retries", "0", "--failed", "failed"])
}

const KNOWN: [&str; 6] = ["token", "headers", "netrc", "jar", "saved", "failed"];

#[test]
fn no_secret_is_in_what_an_interrupted_run_leaves() {
    for results in RESULTS {
        interrupted(results);
    }
}

fn interrupted(results: &str) {
    let (first, second) = (Server::start(), Server::start());
    let gate = Gate::default();
    let body = content(1, 400_000);
    let held = Reply::ok(&body).header("ETag", "\"v\"").hold_after(300_000, &gate);
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", held);
    let test = given(first.test().server(&second)).arg(results).any_result();
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
    for results in RESULTS {
        failing(results);
    }
}

fn failing(results: &str) {
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
    let test = given(server.test()).arg(results).args(targets.map(login)).any_result();
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
    is_locked(&output, "/good");
}

/// Fails unless the lock has a line for this file, which says nothing of headers.
#[track_caller]
fn is_locked(output: &Output, target: &str) {
    let lock = fs::read_to_string(output.folder.path().join("lock")).unwrap();
    let lines = lock.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: Vec<Value> = lines
        .filter(|line| line["url"].as_str().is_some_and(|url| url.ends_with(target)))
        .collect();
    assert!(!found.is_empty() && found.iter().all(|line| line.get("headers").is_none()), "{lock}");
}

#[test]
fn no_secret_of_a_proxy_is_told_however_it_was_given() {
    const WAYS: [&str; 3] = ["url", "option", "environment"];
    for (results, way) in RESULTS.iter().flat_map(|&results| WAYS.map(|way| (results, way))) {
        let server = Server::start();
        let wanted = Reply::status(407, SECRET).header("Proxy-Authenticate", "Basic realm=s3cret");
        server.maybe("http://one.invalid/a", Reply::ok("x"));
        server.maybe("http://one.invalid/b", Reply::redirect(302, "http://two.invalid/c"));
        server.maybe("http://two.invalid/c", wanted.body(SECRET));
        server.maybe("one.invalid:443", Reply::status(403, SECRET).body(SECRET));
        let test = server.test().args(["--retries", "0", "-v", "--failed", "failed"]);
        let test = test.args(["--lock", "lock", results]).any_result();
        let proxy = format!("http://me:{SECRET}@{}", server.authority());
        let test = match way {
            "url" => test.args(["--proxy", &proxy]),
            "option" => test.args(["--proxy", &server.authority(), "--proxy-user", "me:s3cret"]),
            _ => test.env("all_proxy", &proxy),
        };
        let urls = ["http://one.invalid/a", "http://one.invalid/b", "https://one.invalid/d"];
        let output = test.args(urls).run();
        assert_eq!(output.status, Some(1));
        let login = format!("Basic {}", BASE64_STANDARD.encode(format!("me:{SECRET}")));
        for request in server.requests() {
            assert_eq!(request.header("proxy-authorization"), Some(&*login));
        }
        all_is_clean(&output, &[]);
        is_locked(&output, "/a");
    }
}

#[test]
fn no_secret_of_a_proxy_is_told_when_it_is_of_no_use() {
    for proxy in ["ftp://me:s3cret@h", "http://me:s3cret@h:x", "me:s3cret@", "http://me:s3cret@/ h"]
    {
        for by in ["--proxy", "all_proxy"] {
            let test = Test::new().any_result().arg("http://h.invalid/a");
            let test = match by {
                "--proxy" => test.args([by, proxy]),
                _ => test.env(by, proxy),
            };
            let output = test.run();
            assert_eq!(output.status, Some(2), "{proxy}: {}", output.stderr);
            all_is_clean(&output, &[]);
        }
    }
}

#[test]
fn headers_of_a_list_are_in_no_result_but_the_list_of_what_failed() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::status(404, "-"));
    let list = ["/a", "/b"].map(|target| {
        let entry = json!({"url": server.url(target), "headers": {"X-Key": SECRET}});
        format!("{entry}\n")
    });
    let test = server.test().existing("list", list.concat()).args(["-i", "list", "-v", "--json"]);
    let output = test.args(["--lock", "lock", "--failed", "failed"]).any_result().run();
    all_is_clean(&output, &["list", "failed"]);
    is_locked(&output, "/a");
    let failed = fs::read_to_string(output.folder.path().join("failed")).unwrap();
    let failed: Value = serde_json::from_str(&failed).unwrap();
    assert_eq!(failed["headers"], json!({"X-Key": [SECRET]}));
    // The same list checks what is there, and says no more.
    let test =
        Test::new().in_folder(output.folder).args(["--verify", "-i", "list", "-v", "--json"]);
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1), "{}", output.stderr);
    all_is_clean(&output, &["list", "failed"]);
}

#[test]
fn no_secret_of_a_list_is_told_that_is_read_as_another() {
    let list = "x y\n  header=Authorization: Bearer s3cret\n  http-passwd=s3cret x\n\
                {\"url\": \"http://h/\", \"headers\": {\"X\": \"s3cret\"}}\n";
    let test = Test::new().stdin(list).args(["--input-format", "lines", "--json", "-i", "-"]);
    let output = test.any_stdout().any_stderr().status(1).run();
    assert!(output.stderr.contains("`header=***`"), "{}", output.stderr);
    let told = output.stderr + &String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains("s3cret"), "{told}");
}
