//! One JSON object for each job that ends.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::helped::{self, KIB, RATE};
use crate::harness::objects::{now, object, objects, sha256, take_file_time, take_times};
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Output, Reply, Server, Test, content};

/// Runs haul on a list with some of every kind of end, one after the other, and returns its objects.
fn run_on_a_bit_of_everything(server: &Server) -> (Vec<Value>, Value) {
    server.serve("/a?key=s3cret", Reply::redirect(302, "/b?token=s3cret"));
    let a = Reply::ok("hello").header("ETag", "\"v1\"").header("Last-Modified", MODIFIED);
    server.serve("/b?token=s3cret", a.header("Content-Type", "text/plain; charset=utf-8"));
    server.serve("/c", Reply::status(500, "-"));
    server.serve("/c", Reply::ok("").chunked(5));
    server.serve("/gone", Reply::redirect(301, "/missing"));
    server.serve("/missing", Reply::status(404, "Not Found").header("Content-Type", "text/html"));
    let list = [
        format!("http://u:s3cret@{}/a?key=s3cret", server.authority()),
        server.url("/there"),
        server.url("/c"),
        server.url("/c"),
        server.url("/gone"),
        "http://u:s3cret@h:99999/".to_owned(),
        "ftp://u:s3cret@h/x".to_owned(),
        "http://127.0.0.1:1/d\thttp://u:s3cret@127.0.0.1:1/d?sig=s3cret".to_owned(),
    ];
    let test = server.test().retries(1).existing("out/there", "old").any_stderr();
    let output = test
        .args(["--json", "-j", "1", "-d", "out", "-i", "-"])
        .stdin(list.join("\n"))
        .expect_file("out/a", "hello")
        .expect_file("out/c", "")
        .any_stdout()
        .status(1)
        .run();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
    objects(&output)
}

const MODIFIED: &str = "Mon, 24 Aug 2020 10:00:00 GMT";

/// Takes the one object of a URL that ends so.
#[track_caller]
fn take(found: &mut Vec<Value>, target: &str, status: &str) -> Value {
    let is_it = |object: &Value| {
        object["url"].as_str().unwrap().ends_with(target) && object["status"] == status
    };
    let at = found.iter().position(is_it);
    found.remove(at.unwrap_or_else(|| panic!("nothing for {target} in {found:#?}")))
}

#[test]
fn every_kind_of_end_has_one_object_with_its_fields() {
    let (server, before) = (Server::start(), now());
    let (mut found, totals) = run_on_a_bit_of_everything(&server);
    let url = |target: &str| server.url(target);

    let mut a = take(&mut found, "/a?key=***", "completed");
    take_times(&mut a, &before);
    let expected = json!({
        "haul": 1,
        "url": url("/a?key=***"),
        "final_url": url("/b?token=***"),
        "path": "out/a",
        "status": "completed",
        "size": 5,
        "sha256": sha256("hello"),
        "etag": "\"v1\"",
        "mtime": "2020-08-24T10:00:00Z",
        "last_modified": MODIFIED,
        "content_type": "text/plain; charset=utf-8",
        "attempts": 1,
    });
    assert_eq!(a, expected);

    let there = json!({
        "haul": 1, "url": url("/there"), "path": "out/there", "status": "skipped",
        "reason": "exists", "size": 3,
    });
    let mut found_there = take(&mut found, "/there", "skipped");
    take_file_time(&mut found_there, &before);
    assert_eq!(found_there, there);

    let twice = json!({
        "haul": 1, "url": url("/c"), "status": "skipped", "reason": "duplicate",
    });
    assert_eq!(take(&mut found, "/c", "skipped"), twice);
    let mut c = take(&mut found, "/c", "completed");
    take_times(&mut c, &before);
    take_file_time(&mut c, &before);
    let expected = json!({
        "haul": 1, "url": url("/c"), "final_url": url("/c"), "path": "out/c",
        "status": "completed", "size": 0, "sha256": sha256(""), "attempts": 2,
    });
    assert_eq!(c, expected);

    assert!(found.iter().all(|object| object["status"] == "failed"), "{found:#?}");
    let seconds = totals["seconds"].as_f64().unwrap();
    let expected = json!({
        "completed": 2, "skipped": 2, "failed": 4, "cancelled": 0, "bytes": 5,
        "seconds": seconds, "interrupted": false,
    });
    assert_eq!(totals, expected);
}

#[test]
fn what_failed_has_an_object_that_says_why() {
    let (server, before) = (Server::start(), now());
    let (mut found, _) = run_on_a_bit_of_everything(&server);
    let mut take = |target: &str| take(&mut found, target, "failed");

    let mut gone = take("/gone");
    take_times(&mut gone, &before);
    let expected = json!({
        "haul": 1, "url": server.url("/gone"), "final_url": server.url("/missing"),
        "status": "failed", "attempts": 1,
        "error": {
            "kind": "status", "phase": "header", "http_status": 404, "message": "404 Not Found",
            "hint": "check the URL",
        },
    });
    assert_eq!(gone, expected);

    let bad = json!({
        "haul": 1, "url": "http://***@h:99999/", "status": "failed",
        "error": {
            "kind": "bad_url",
            "message": "-:6: not a URL: `http://***@h:99999/`: invalid port number",
        },
    });
    assert_eq!(take("99999/"), bad);
    let foreign = json!({
        "haul": 1, "url": "ftp://***@h/x", "status": "failed",
        "error": {
            "kind": "unsupported_scheme", "message": "scheme `ftp` is not supported",
            "hint": "haul speaks http, https, file and data; for others there are curl, rclone and aws s3",
        },
    });
    assert_eq!(take("/x"), foreign);

    let mut refused = take("/d");
    take_times(&mut refused, &before);
    let expected = json!({
        "haul": 1, "url": "http://127.0.0.1:1/d", "mirrors": ["http://127.0.0.1:1/d?sig=***"],
        "status": "failed", "attempts": 4,
        "error": {
            "kind": "connect", "phase": "connect",
            "message": "cannot connect to 127.0.0.1:1: connection refused (4 attempts; \
                        all 2 mirrors failed, the last was http://127.0.0.1:1/d?sig=***)",
        },
    });
    assert_eq!(refused, expected);
    assert_eq!(found.len(), 4, "{found:#?}");
}

#[test]
fn a_job_that_was_begun_when_the_run_was_stopped_is_cancelled() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello").hold_after(1, &gate));
    server.maybe("/b", Reply::ok("x"));
    let before = now();
    let test = server.get(["/a", "/b"]).args(["--json", "-j", "1"]).any_stdout();
    let mut running = test.totals_end("1 cancelled, interrupted").status(130).start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let output = running.finish();
    let mut a = object(&output);
    take_times(&mut a, &before);
    let expected = json!({
        "haul": 1, "url": server.url("/a"), "final_url": server.url("/a"), "status": "cancelled",
        "attempts": 1,
    });
    assert_eq!(a, expected);
    let (_, totals) = objects(&output);
    assert_eq!((&totals["cancelled"], &totals["interrupted"]), (&1.into(), &true.into()));
}

#[test]
fn the_sum_of_a_helped_file_is_that_of_the_file() {
    let server = Server::start();
    let ledger = Offer::new(&helped::v1()).rate(RATE).on(&server, "/a");
    let test = helped::get(&server).arg("--json").any_stdout();
    let output = test.expect_file("a", helped::body()).run();
    assert!(ledger.count() > 2, "nobody helped");
    let a = object(&output);
    assert_eq!(
        (&a["sha256"], &a["size"]),
        (&sha256(helped::body()).into(), &helped::LENGTH.into())
    );
}

#[test]
fn the_sum_is_told_also_where_another_is_asked_for() {
    let server = Server::start();
    server.always("/a", Reply::ok("abc"));
    for (sum, status) in [
        ("md5:900150983cd24fb0d6963f7d28e17f72", "completed"),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "failed"),
    ] {
        let output = server.get(["/a"]).args(["--json", "--checksum", sum]).any_result().run();
        let a = object(&output);
        assert_eq!(a["status"], status);
        match status {
            "completed" => assert_eq!(a["sha256"], sha256("abc")),
            _ => assert_eq!(a["error"]["kind"], "mismatch"),
        }
    }
}

/// Leaves a part of `/a` and returns the run that did.
fn broken_off(server: &Server, resource: &Resource) -> Output {
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(900 * KIB));
    let output = server.get(["/a"]).arg("--json").any_result().run();
    let a = object(&output);
    assert_eq!((&a["status"], &a["error"]["kind"]), (&"failed".into(), &"truncated".into()));
    assert_eq!((&a["error"]["phase"], a.get("resumed_from")), (&"body".into(), None));
    assert!(a["error"]["hint"].as_str().unwrap().contains("are kept in a.part"));
    output
}

#[test]
fn what_an_earlier_run_left_is_told_and_hashed() {
    let (server, body) = (Server::start(), content(1, 1200 * KIB));
    let resource = Resource::new(&body, "\"v1\"");
    let output = broken_off(&server, &resource);
    let kept = output.folder.path().join("a.part").metadata().unwrap().len();
    // It is of the earlier run also when this one needs more than one attempt.
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(100 * KIB));
    server.answer("/a", move |request| resource.answer(request));
    let test = server.get(["/a"]).arg("--json").retries(1).any_stderr().any_stdout();
    let a = object(&test.in_folder(output.folder).expect_file("a", &body).run());
    assert_eq!((&a["resumed_from"], &a["attempts"]), (&kept.into(), &2.into()));
    assert_eq!((&a["sha256"], &a["etag"]), (&sha256(&body).into(), &"\"v1\"".into()));
}

#[test]
fn what_an_earlier_run_left_of_another_version_is_not_told() {
    let (server, body) = (Server::start(), content(2, 1200 * KIB));
    let output = broken_off(&server, &Resource::new(&content(1, 1200 * KIB), "\"v1\""));
    let resource = Resource::new(&body, "\"v2\"");
    server.answer("/a", move |request| resource.answer(request));
    let test = server.get(["/a"]).arg("--json").any_stdout();
    let a = object(&test.in_folder(output.folder).expect_file("a", &body).run());
    assert_eq!((a.get("resumed_from"), &a["sha256"]), (None, &sha256(&body).into()));
    assert_eq!(a["etag"], "\"v2\"");
}

#[test]
fn what_this_run_fetched_before_is_of_no_earlier_one() {
    let (server, body) = (Server::start(), content(1, 1200 * KIB));
    let resource = Resource::new(&body, "\"v1\"");
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(900 * KIB));
    server.answer("/a", move |request| resource.answer(request));
    let test = server.get(["/a"]).arg("--json").retries(1).any_stderr().any_stdout();
    let a = object(&test.expect_file("a", &body).run());
    assert_eq!((a.get("resumed_from"), &a["attempts"]), (None, &2.into()));
    assert_eq!(a["sha256"], sha256(&body));
}

#[test]
fn a_path_that_is_not_utf8_is_told_by_its_bytes() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let folder = OsString::from_vec(b"o\xff".to_vec());
    let output = server.get(["/a"]).arg("--json").arg("-d").arg(folder).any_result().run();
    let a = object(&output);
    // base64 of `o\xff/a`
    assert_eq!((&a["path_base64"], a.get("path")), (&"b/8vYQ==".into(), None));
}

#[test]
fn nothing_that_acts_on_a_terminal_is_in_an_object() {
    let server = Server::start();
    let evil = "\u{1b}[2J\u{202e}\u{9b}";
    server.serve("/a", Reply::ok("x").header("ETag", format!("\"{evil}\"")));
    let test = server.get(["/a"]).args(["--json", "-d", evil]).any_result();
    let output = test.arg(format!("h:99999/{evil}")).run();
    let printed = std::str::from_utf8(&output.stdout).unwrap();
    let acts = |c: char| c != '\n' && haul::model::text::is_deceptive(c);
    assert!(!printed.contains(acts), "{printed:?}");
    let (objects, _) = objects(&output);
    let path = format!("{evil}/a");
    assert!(objects.iter().any(|object| object["path"] == path), "{objects:?}");
}

#[test]
fn a_reader_that_sleeps_gets_every_object() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let list = format!("{}\n", server.url("/a")).repeat(3000);
    let test = server.test().stdin(list).arg("--json").any_stderr().expect_file("a", "x");
    let mut running = test.any_stdout().unread_stdout().start();
    running.wait_for_unread_stdout();
    running.read_stdout();
    let (objects, totals) = objects(&running.finish());
    assert_eq!((objects.len(), &totals["skipped"]), (3000, &2999.into()));
}

#[test]
fn a_reader_of_objects_that_has_seen_enough_ends_the_run() {
    let server = Server::start();
    let targets: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    for target in &targets {
        server.maybe(target, Reply::ok("x"));
    }
    let test = server.get(targets.iter().map(String::as_str)).args(["--json", "-j", "1"]);
    let output = test.read_lines(1).any_result().run();
    assert_eq!(output.status, Some(1));
    assert!(!output.stderr.contains("error"), "{}", output.stderr);
    let told = " not begun, stopped: the reader of standard output went away\n";
    assert!(output.stderr.ends_with(told), "{}", output.stderr);
    assert!(server.requests().len() < 100);
}

#[test]
fn quiet_silences_standard_error_only() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let test = server.get(["/a"]).quiet().arg("--json").expect_file("a", "x");
    assert_eq!(object(&test.any_stdout().run())["status"], "completed");
}

#[test]
fn objects_share_standard_output_with_nothing_else() {
    for (args, why) in [
        (&["--json", "-0"] as &[_], "cannot be used with '--null'"),
        (&["--json", "-o", "-"], "`--json` and `--output -` both want standard output"),
        (&["--json", "-o", "/dev/stdout"], "both want standard output"),
    ] {
        let output = Test::new().args(args.to_vec()).arg("http://h/a").any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}
