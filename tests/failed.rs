//! `--failed`: what another run has to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::folder::Entry;
use crate::harness::objects::sha256;
use crate::harness::{Gate, Output, Reply, Server, Test, wait_until};

const LIST: &str = "failed.jsonl";

/// Lets haul write the list, and expects that it does.
fn listing(test: Test) -> Test {
    test.args(["--failed", LIST]).expect_entry(LIST, Entry::AnyFile)
}

/// Returns what is listed, in the order of the URLs.
#[track_caller]
fn listed(output: &Output) -> Vec<Value> {
    let text = fs::read_to_string(output.folder.path().join(LIST)).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["url"].as_str().unwrap_or_default().to_owned());
    lines
}

/// Returns the URLs and kinds of what is listed, in the order of the URLs.
#[track_caller]
fn kinds(output: &Output) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listed(output).iter().map(|line| (text(&line["url"]), text(&line["error"]["kind"]))).collect()
}

/// Returns the kinds of what is listed, in the order of the URLs.
#[track_caller]
fn kinds_of(output: &Output) -> Vec<String> {
    listed(output).iter().map(|line| line["error"]["kind"].as_str().unwrap().to_owned()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_failed_is_listed_so_that_it_can_be_fetched_again() {
    let server = Server::start();
    let secret = format!("http://u:s3cret@{}/a?token=s3cret", server.authority());
    server.serve("/a?token=s3cret", Reply::status(403, "Forbidden"));
    server.serve("/ok", Reply::ok("x"));
    server.serve("/z", Reply::status(404, "Not Found"));
    server.serve("/y?sig=s3cret", Reply::status(404, "Not Found"));
    let both = format!("{}\thttp://u@{}/y?sig=s3cret", server.url("/z"), server.authority());
    let list = [&secret, "", &server.url("/ok"), &both, "word", "ftp://u:s3cret@h/x"];
    let list = list.map(|line| format!("{line}\n")).concat();
    let test = listing(server.test()).stdin(list).any_stderr().status(1);
    let output = test.expect_file("ok", "x").run();
    assert_eq!(mode(&output.folder.path().join(LIST)), 0o600);
    let found = listed(&output);
    let (urls, errors): (Vec<_>, Vec<_>) =
        found.iter().map(|line| (line["url"].as_str().unwrap(), &line["error"])).unzip();
    assert_eq!(urls, ["ftp://u:s3cret@h/x", &server.url("/z"), &secret, "word"]);
    assert_eq!(found[0].get("out"), None);
    let mirrors = json!([format!("http://u@{}/y?sig=s3cret", server.authority())]);
    assert_eq!(found[1]["mirrors"], mirrors);
    assert_eq!(
        found[2],
        json!({
            "haul": 1, "url": secret, "out": "a",
            "error": {
                "kind": "status", "phase": "header", "http_status": 403, "message": "403 Forbidden",
                "hint": "it may want a login; `--user`, `--bearer` or `--netrc` give one",
            },
        })
    );
    // What people read has no secrets.
    assert!(errors.iter().all(|error| !error.to_string().contains("s3cret")), "{errors:?}");
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
}

/// Runs haul on the list of an earlier run.
fn again(server: &Server, output: Output) -> Test {
    let test = listing(server.test()).in_folder(output.folder);
    test.args(["-i", LIST])
}

#[test]
fn the_list_of_one_run_is_the_input_of_the_next() {
    let server = Server::start();
    let login = format!("http://u:s3cret@{}/a?token=s3cret", server.authority());
    server.serve("/a?token=s3cret", Reply::status(403, "Forbidden"));
    server.serve("/x/b", Reply::ok("first"));
    server.serve("/y/b", Reply::status(404, "Not Found"));
    server.serve("/m1", Reply::status(404, "Not Found"));
    server.serve("/m2", Reply::status(404, "Not Found"));
    let mirrors = format!("{}\t{}", server.url("/m1"), server.url("/m2"));
    let test =
        listing(server.test()).args([login, server.url("/x/b"), server.url("/y/b"), mirrors]);
    let output = test.any_stderr().status(1).expect_file("b", "first").run();
    assert_eq!(listed(&output).len(), 3);

    // The name that it had to itself is not taken for that of the file which is there.
    server.serve("/a?token=s3cret", Reply::ok("a"));
    server.serve("/y/b", Reply::ok("second"));
    server.serve("/m1", Reply::status(404, "Not Found"));
    server.serve("/m2", Reply::ok("m"));
    let test = again(&server, output).expect_entry("b", Entry::File(b"first".to_vec()));
    let test = test.expect_file("a", "a").expect_file("b.1", "second").expect_file("m1", "m");
    let output = test.any_stderr().run();
    assert!(listed(&output).is_empty());
    let asked = server.requests();
    let logins = asked.iter().filter(|request| request.target == "/a?token=s3cret");
    let logins: Vec<_> = logins.map(|request| request.header("authorization")).collect();
    assert_eq!(logins, [Some("Basic dTpzM2NyZXQ="); 2]);
}

#[test]
fn the_headers_of_a_list_go_with_its_file_and_others_do_not() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "-"));
    let headers = json!({"Accept": null, "X-Key": ["s3cret", ""]});
    let list = json!({"url": server.url("/a"), "headers": headers}).to_string();
    let test = listing(server.test()).args(["-H", "X-All: s3cret"]).stdin(list);
    let output = test.any_stderr().status(1).run();
    assert_eq!(listed(&output)[0]["headers"], headers);
    server.serve("/a", Reply::ok("x"));
    again(&server, output).any_stderr().expect_file("a", "x").run();
    let fields = &server.requests()[1].headers;
    let sent: Vec<_> = fields.iter().filter(|(name, _)| name == "X-Key").collect();
    assert_eq!(sent.len(), 2);
    assert!(!fields.iter().any(|(name, _)| name == "accept" || name == "X-All"));
}

#[test]
fn what_a_file_must_be_goes_with_it() {
    let server = Server::start();
    let sum = format!("sha256:{}", sha256("right"));
    let object = json!({"url": server.url("/a"), "out": "x/y", "size": 5, "checksum": sum});
    let list = format!("{object}\n{}\n", json!({"url": server.url("/b"), "checksum": "word"}));
    server.serve("/a", Reply::status(404, "Not Found"));
    let test = listing(server.test()).stdin(list).any_stderr().status(1);
    let output = test.expect_entry("x", Entry::Folder).run();
    let found = listed(&output);
    // Without its checksum the second is better not fetched.
    assert_eq!((found.len(), found[0].get("url")), (2, None));
    assert_eq!(found[0]["error"]["kind"], "bad_line");
    assert!(found[0]["error"]["message"].as_str().unwrap().starts_with("-:2: "), "{found:?}");
    for (key, value) in object.as_object().unwrap() {
        assert_eq!(found[1][key], *value, "{key}");
    }
    // It is still checked.
    server.serve("/a", Reply::ok("wrong"));
    server.serve("/a", Reply::ok("wrong"));
    let output = again(&server, output).any_stderr().status(1).expect_entry("x", Entry::Folder);
    assert_eq!(kinds_of(&output.run()), ["bad_line", "mismatch"]);
}

#[test]
fn what_a_signal_left_undone_is_listed() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::status(500, "-").header("Retry-After", "60"));
    server.serve("/b", Reply::ok("hello").hold_after(1, &gate));
    let targets: Vec<String> = ["/a", "/b"].map(str::to_owned).into_iter().chain(later()).collect();
    let test = listing(server.get(targets.iter().map(String::as_str))).args(["-j", "1"]);
    let mut running = test.retries(1).any_stderr().status(130).start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(output.stderr.contains(", 2 cancelled, interrupted"), "{}", output.stderr);
    assert!(!output.stderr.contains("not all of the input"), "{}", output.stderr);
    let expected = targets.iter().map(|target| {
        let kind = if target.len() == 2 { "cancelled" } else { "not_started" };
        (server.url(target), kind.to_owned())
    });
    assert_eq!(kinds(&output), expected.collect::<Vec<_>>());
}

/// Targets that a run has not come to: fewer than the queue has room for.
fn later() -> impl Iterator<Item = String> {
    (10..30).map(|number| format!("/c{number}"))
}

#[test]
fn what_was_not_read_when_a_signal_came_is_not_listed_and_that_is_told() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello").hold_after(1, &gate));
    let test = listing(server.test()).open_stdin();
    let warning = "warning: not all of the input was read; what failed is listed without the rest";
    let mut running = test.line(warning).totals_end("1 cancelled, interrupted").status(130).start();
    running.write(format!("{}\n", server.url("/a")));
    gate.wait_reached(1);
    running.signal(Signal::INT);
    // To finish closes the pipe, and then the list has ended.
    wait_until("the signal ends it", || running.has_ended());
    assert_eq!(kinds(&running.finish()), [(server.url("/a"), "cancelled".to_owned())]);
}

#[test]
fn more_jobs_than_the_queue_has_room_for_are_all_listed_or_unread() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello").hold_after(1, &gate));
    let targets: Vec<String> = (100..400).map(|number| format!("/{number}")).collect();
    let test = listing(server.get(["/a"])).args(targets.iter().map(|target| server.url(target)));
    let mut running = test.args(["-j", "1"]).any_stderr().status(130).start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let output = running.finish();
    // The first ones, without a gap.
    let listed: Vec<String> = kinds(&output).into_iter().map(|(url, _)| url).collect();
    let expected: Vec<String> = targets.iter().map(|target| server.url(target)).collect();
    assert_eq!(listed[..listed.len() - 1], expected[..listed.len() - 1]);
    assert_eq!(listed.last(), Some(&server.url("/a")));
    assert!(output.stderr.contains("warning: not all of the input was read"), "{}", output.stderr);
}

#[test]
fn the_old_list_stays_until_the_new_one_is_complete() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::status(404, "Not Found"));
    server.serve("/b", Reply::ok("hello").hold_after(1, &gate));
    let test = server.get(["/a", "/b"]).args(["--failed", LIST, "-j", "1"]).any_result();
    let list = test.path().join(LIST);
    fs::write(&list, "old").unwrap();
    let mut running = test.start();
    gate.wait_reached(1);
    assert_eq!(fs::read_to_string(&list).unwrap(), "old");
    // Another run cannot write it meanwhile, and says so before it asks anybody.
    let other = Test::new().arg("--failed").arg(&list).arg(server.url("/c"));
    let other = other.stderr([format!(
        "error: cannot list what fails: another haul is writing {}.haul",
        list.display()
    )]);
    other.status(2).run();
    running.signal(Signal::KILL);
    let output = running.finish();
    assert_eq!(fs::read_to_string(&list).unwrap(), "old");
    assert_eq!(mode(&output.folder.path().join("failed.jsonl.haul")), 0o600);

    // What the killed run left is in nobody's way.
    server.serve("/a", Reply::status(404, "Not Found"));
    let test = server.get(["/a"]).args(["--failed", LIST]).in_folder(output.folder);
    let output = test.any_result().run();
    assert_eq!(kinds(&output), [(server.url("/a"), "status".to_owned())]);
    assert!(!output.folder.path().join("failed.jsonl.haul").exists());
}

#[test]
fn a_list_that_cannot_be_written_is_wrong_usage() {
    for (path, why) in [
        ("folder", "folder is a folder"),
        ("no/list", "cannot create no/list.haul: no such file or directory"),
        ("/dev/null", "/dev/null is a device"),
        ("-", "`--failed` is written at the end and needs a name"),
        ("/dev/stdout", "needs a name"),
    ] {
        let test = Test::new().args(["--failed", path, "http://127.0.0.1:1/a"]);
        let output = test.existing_folder("folder").any_stderr().status(2).run();
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}

#[test]
fn what_a_stream_goes_to_is_not_replaced() {
    for option in ["--failed", "--lock", "--save-cookies"] {
        for stream in ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2", "/proc/thread-self/fd/2"] {
            let test = Test::new().args([option, stream, "data:,x"]).existing("log", "before\n");
            let output = test.shell("exec \"$@\" 2>> log").any_result().run();
            assert_eq!(output.status, Some(2), "{option} {stream}");
            let log = fs::read_to_string(output.folder.path().join("log")).unwrap();
            let told =
                format!("before\nerror: `{option}` is written at the end and needs a name; ");
            assert!(log.starts_with(&told), "{log}");
        }
    }
}

#[test]
fn a_list_that_does_not_get_its_name_is_told_and_fails_the_run() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("x").hold_header(&gate));
    let test = server.get(["/a"]).args(["--failed", LIST]).expect_file("a", "x");
    let cause = "error: cannot rename failed.jsonl.haul: is a directory; what failed is not listed";
    let test = test.expect_entry(LIST, Entry::Folder).line(cause).status(1);
    let list = test.path().join(LIST);
    let running = test.start();
    gate.wait_reached(1);
    fs::create_dir(list).unwrap();
    gate.open();
    running.finish();
}

#[test]
fn a_list_of_lines_that_cannot_be_read_is_no_line_of_the_list() {
    let output = listing(Test::new()).shell("exec \"$@\" < .").any_stderr().status(1).run();
    assert!(listed(&output).is_empty());
    assert!(output.stderr.contains("warning: not all of the input was read"), "{}", output.stderr);
}
