//! `--spider`: what servers say of files that are not downloaded.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::folder::Entry;
use crate::harness::objects::{now, objects, take_times};
use crate::harness::{Gate, Reply, Request, Server, Test};

const MODIFIED: &str = "Mon, 24 Aug 2020 10:00:00 GMT";

/// Asks about these targets of a server, one after the other.
fn spider(server: &Server, targets: &[&str]) -> Test {
    server.get(targets.iter().copied()).args(["--spider", "-j", "1"])
}

/// The head of a file with so many bytes.
fn head(length: &str) -> Reply {
    Reply::status(200, "OK").length(length)
}

/// A file of which ranges are served.
fn ranged(length: &str) -> Reply {
    head(length).header("Accept-Ranges", "bytes").header("ETag", "\"v1\"")
}

/// The answer to a request for the first byte of a file.
fn first_byte(total: &str) -> Reply {
    Reply::status(206, "Partial Content")
        .header("Content-Range", format!("bytes 0-0/{total}"))
        .body("x")
}

/// Returns method and target of each request, and what range it asks for.
fn asked(server: &Server) -> Vec<String> {
    let shown = |request: &Request| match request.header("range") {
        Some(range) => format!("{} {} {range}", request.method, request.target),
        None => format!("{} {}", request.method, request.target),
    };
    server.requests().iter().map(shown).collect()
}

/// Returns the objects of a run, without times.
#[track_caller]
fn told(test: Test) -> (Vec<Value>, Value) {
    let before = now();
    let (mut found, totals) = objects(&test.arg("--json").any_stdout().any_stderr().run());
    for object in &mut found {
        take_times(object, &before);
    }
    (found, totals)
}

#[test]
fn size_type_and_date_are_told_without_a_byte_of_the_file() {
    let server = Server::start();
    let fields = ranged("3000000").header("Last-Modified", MODIFIED);
    server.serve("/a?sig=s3cret", fields.header("Content-Type", "application/zip"));
    server.serve("/b", Reply::redirect(302, "/c?token=s3cret"));
    server.serve("/c?token=s3cret", head("5"));
    let test = spider(&server, &["/a?sig=s3cret", "/b"]);
    let lines = format!(
        "found {}: 200 OK, 2.9 MiB, application/zip, {MODIFIED}, ranges, for a\n\
         found {}: 200 OK, 5 B, no ranges, for b\n",
        server.url("/a?sig=***"),
        server.url("/b")
    );
    test.stdout(lines).stderr(["found 2 files, 2.9 MiB, in …"]).run();
    assert_eq!(asked(&server), ["HEAD /a?sig=s3cret", "HEAD /b", "HEAD /c?token=s3cret"]);
}

#[test]
fn as_an_object_a_file_has_all_that_is_known() {
    let server = Server::start();
    server.serve("/a?sig=s3cret", Reply::redirect(302, "/b"));
    let fields = ranged("3000000").header("Last-Modified", MODIFIED);
    server.serve("/b", fields.header("Content-Type", "application/zip"));
    server.serve("/c", head("5").header("Accept-Ranges", "bytes").header("ETag", "W/\"v1\""));
    let test = spider(&server, &["/a?sig=s3cret", "/c"]).args(["-d", "out"]);
    let (found, totals) = told(test);
    let a = json!({
        "haul": 1, "url": server.url("/a?sig=***"), "final_url": server.url("/b"),
        "path": "out/a", "status": "found", "http_status": 200, "size": 3_000_000,
        "etag": "\"v1\"", "last_modified": MODIFIED, "content_type": "application/zip",
        "ranges": true, "attempts": 1,
    });
    let c = json!({
        "haul": 1, "url": server.url("/c"), "final_url": server.url("/c"), "path": "out/c",
        "status": "found", "http_status": 200, "size": 5, "etag": "W/\"v1\"", "ranges": false,
        "attempts": 1,
    });
    assert_eq!(found, [a, c]);
    let expected = json!({
        "completed": 0, "found": 2, "found_bytes": 3_000_005, "found_unsized": 0, "skipped": 0,
        "failed": 0, "cancelled": 0, "bytes": 0, "seconds": totals["seconds"],
        "interrupted": false,
    });
    assert_eq!(totals, expected);
}

#[test]
fn where_head_is_refused_the_first_byte_is_asked_for() {
    let server = Server::start();
    let refused = [204, 400, 403, 404, 405, 501];
    for status in refused {
        let target = format!("/{status}");
        server.serve(&target, Reply::redirect(302, format!("/for-get{target}")));
        server.serve(&format!("/for-get{target}"), head("0").with_status(status));
        server.serve(&target, first_byte("7").header("ETag", "\"v1\""));
    }
    let targets = refused.map(|status| format!("/{status}"));
    let (found, totals) = told(spider(&server, &targets.each_ref().map(String::as_str)));
    for object in &found {
        assert_eq!((&object["size"], &object["http_status"]), (&7.into(), &206.into()));
        assert_eq!(object["ranges"], true);
    }
    assert_eq!((&totals["found"], &totals["found_bytes"]), (&6.into(), &42.into()));
    // Again from the beginning: a redirect may depend on the method.
    assert_eq!(asked(&server)[..3], ["HEAD /204", "HEAD /for-get/204", "GET /204 bytes=0-0"]);
    assert!(server.requests().iter().all(|request| request.header("if-range").is_none()));
}

#[test]
fn where_no_size_is_told_the_first_byte_is_asked_for_at_the_end_of_redirects() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b"));
    server.serve("/b", Reply::status(200, "OK").until_close());
    server.serve("/b", first_byte("7"));
    server.serve("/zero", head("0"));
    server.serve("/zero", first_byte("9"));
    server.serve("/empty", head("0"));
    server.serve("/empty", Reply::status(416, "-").header("Content-Range", "bytes */0"));
    server.serve("/unknown", head("0"));
    server.serve("/unknown", first_byte("*"));
    let (found, totals) = told(spider(&server, &["/a", "/zero", "/empty", "/unknown"]));
    let sizes: Vec<Option<u64>> = found.iter().map(|object| object["size"].as_u64()).collect();
    assert_eq!(sizes, [Some(7), Some(9), Some(0), None]);
    assert_eq!(asked(&server)[..3], ["HEAD /a", "HEAD /b", "GET /b bytes=0-0"]);
    assert_eq!(totals["found_unsized"], 1);
}

#[test]
fn a_body_that_nobody_asked_for_is_not_downloaded() {
    let server = Server::start();
    let (gate, body) = (Gate::default(), vec![b'x'; 100_000]);
    server.serve("/long", head("0"));
    server.serve("/long", Reply::ok(&body).length("10000000000").hold_after(1, &gate));
    server.serve("/chunked", head("0"));
    server.serve("/chunked", Reply::ok(&body).chunked(9).hold_after(1, &gate));
    server.serve("/short", head("0"));
    server.serve("/short", Reply::ok("hello").header("Accept-Ranges", "bytes"));
    server.serve("/last", head("5"));
    let (found, _) = told(spider(&server, &["/long", "/chunked", "/short", "/last"]));
    let told: Vec<(Option<u64>, bool)> = found
        .iter()
        .map(|object| (object["size"].as_u64(), object["ranges"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        told,
        [(Some(10_000_000_000), false), (None, false), (Some(5), false), (Some(5), false)]
    );
    // The two that were left in the middle cost a connection each.
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_connection_is_used_again_after_answers_without_a_body() {
    let server = Server::start();
    server.serve("/a", head("3000000"));
    server.serve("/b", Reply::redirect(302, "/c"));
    // Its framing is that of the body that GET would have.
    server.serve("/c", head("3000000").header("Transfer-Encoding", "chunked"));
    server.serve("/c", first_byte("7"));
    server.serve("/d", head("9").with_status(405));
    server.serve("/d", Reply::status(404, "Not Found").body("no such file").chunked(5));
    server.serve("/e", head("3000000"));
    let test = spider(&server, &["/a", "/b", "/d", "/e"]).status(1);
    let (found, _) = told(test);
    assert_eq!(found.iter().filter(|object| object["status"] == "found").count(), 3);
    assert_eq!((server.connections(), server.requests().len()), (1, 7));
}

#[test]
fn a_body_after_an_answer_to_head_spoils_no_other_answer() {
    let server = Server::start();
    // In one piece: what comes only after the connection was used again is taken for the next answer.
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    server.serve("/a", Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{body}")));
    server.serve("/b", head("3"));
    let (found, _) = told(spider(&server, &["/a", "/b"]));
    let sizes: Vec<Option<u64>> = found.iter().map(|object| object["size"].as_u64()).collect();
    assert_eq!(sizes, [Some(38), Some(3)]);
}

#[test]
fn what_is_not_there_fails_and_is_listed() {
    let server = Server::start();
    server.serve("/a", head("3"));
    for target in ["/gone", "/missing"] {
        let status = if target == "/gone" { 410 } else { 404 };
        server.serve(target, head("9").with_status(status));
    }
    server.serve("/missing", Reply::status(404, "Not Found").body("no"));
    let test = spider(&server, &["/a", "/gone", "/missing"]).args(["--failed", "dead.jsonl"]);
    let line = format!("found {}: 200 OK, 3 B, no ranges, for a\n", server.url("/a"));
    let test = test.stdout(line).any_stderr().status(1);
    let output = test.expect_entry("dead.jsonl", Entry::AnyFile).run();
    assert!(output.stderr.contains("\nfound 1 file, 3 B, in "), "{}", output.stderr);
    assert!(output.stderr.ends_with(", 2 failed\n"), "{}", output.stderr);
    let dead = std::fs::read_to_string(output.folder.path().join("dead.jsonl")).unwrap();
    assert_eq!(dead.lines().count(), 2);
}

#[test]
fn failures_that_may_pass_are_tried_again() {
    let server = Server::start();
    server.serve("/a", Reply::status(503, "Busy"));
    server.serve("/a", Reply::status(500, "-"));
    server.serve("/a", head("3"));
    let (found, _) = told(spider(&server, &["/a"]).retries(2));
    assert_eq!((&found[0]["size"], &found[0]["attempts"]), (&3.into(), &3.into()));
}

#[test]
fn sizes_that_are_not_wanted_fail() {
    let server = Server::start();
    server.serve("/large", head("3000000"));
    server.serve("/other", head("4"));
    let list = format!(
        "{}\n{}\n",
        json!({"url": server.url("/large")}),
        json!({"url": server.url("/other"), "size": 5})
    );
    let test = server.test().args(["--spider", "--max-size", "1M"]).stdin(list).status(1);
    let (found, _) = told(test);
    let mut kinds: Vec<&str> =
        found.iter().map(|object| object["error"]["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["too_large", "wrong_size"]);
}

#[test]
fn the_name_is_the_one_that_a_download_would_give() {
    let server = Server::start();
    let disposition = "attachment; filename=\"s.bin\"";
    server.serve("/", head("3").header("Content-Disposition", disposition));
    server.serve("/x/s.bin", head("3"));
    server.serve("/y/s.bin", head("3"));
    // A file that is there is asked about too, and is in nobody's way.
    let test = spider(&server, &["/x/s.bin", "/y/s.bin", "/"]).existing("s.bin", "old");
    let (found, _) = told(test);
    let paths: Vec<&str> = found.iter().map(|object| object["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["s.bin", "s.1.bin", "s.2.bin"]);
}

#[test]
fn a_mirror_is_asked_when_the_first_fails() {
    let server = Server::start();
    server.serve("/a", head("9").with_status(410));
    server.serve("/m", head("3"));
    let argument = format!("{}\t{}", server.url("/a"), server.url("/m"));
    let (found, _) = told(server.test().arg("--spider").arg(argument));
    assert_eq!((&found[0]["size"], &found[0]["path"]), (&3.into(), &"a".into()));
    assert_eq!(found[0]["final_url"], server.url("/m"));
}

#[test]
fn what_is_found_is_a_list_that_checks() {
    let server = Server::start();
    server.serve("/a", head("5"));
    let test = spider(&server, &["/a"]).arg("--json").any_stdout().any_stderr();
    let output = test.run();
    server.serve("/a", Reply::ok("hello"));
    server.test().stdin(&output.stdout).expect_file("a", "hello").run();
}

#[test]
fn a_signal_ends_it() {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", head("5").hold_header(&gate));
    let mut running = spider(&server, &["/a"])
        .stdout("")
        .stderr(["found 0 files, 0 B, in …, 1 cancelled, interrupted"]);
    running = running.status(130);
    let mut running = running.start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    running.finish();
}

#[test]
fn what_contradicts_it_is_wrong_usage() {
    for (args, why) in [
        (&["-o", "-"] as &[_], "`--spider` and `--output -` both want standard output"),
        (&["-0"], "`--spider` prints none; `--json` is for any name"),
        (&["--checksum", "d41d8cd98f00b204e9800998ecf8427e"], "`--checksum` needs the bytes"),
    ] {
        let test = Test::new().args(["--spider", "http://h/a"]).args(args.to_vec());
        let output = test.any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}
