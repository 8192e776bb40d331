//! `--json=events`: what happens, as it happens.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::helped::{self, KIB, RATE};
use crate::harness::objects::{sha256, take_file_time, take_times};
use crate::harness::{Gate, Offer, Output, Reply, Server, Test, content};

/// Returns what a run printed, but for how far transfers were: a busy machine may take seconds for any.
#[track_caller]
fn lines(output: &Output) -> Vec<Value> {
    let mut lines = all_lines(output);
    lines.retain(|line| name(line) != "progress");
    lines
}

/// Returns everything that a run printed.
#[track_caller]
fn all_lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert_eq!(line["haul"], 1);
        let is_of_run = line["totals"].is_object() || line["event"] == "warning";
        assert_eq!(line["id"].is_u64() && line["url"].is_string(), !is_of_run, "{line}");
    }
    lines
}

/// Returns what a line is about: an event, an end, or the totals.
fn name(line: &Value) -> &str {
    line["event"].as_str().or_else(|| line["status"].as_str()).unwrap_or("totals")
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(name).collect()
}

fn with_events(test: Test) -> Test {
    test.arg("--json=events").any_stdout().any_stderr()
}

#[test]
fn the_life_of_a_job_is_told_in_its_order() {
    let server = Server::start();
    server.serve("/a?key=s3cret", Reply::redirect(302, "/b?token=s3cret"));
    server.serve("/b?token=s3cret", Reply::status(500, "-"));
    server.serve("/a?key=s3cret", Reply::ok("hello"));
    let url = format!("http://u:s3cret@{}/a?key=s3cret", server.authority());
    let before = crate::harness::objects::now();
    let test = with_events(server.test().arg(url)).retries(1).expect_file("a", "hello");
    let output = test.run();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
    let mut lines = lines(&output);
    let shown = server.url("/a?key=***");
    let of_job = |event: &str, rest: Value| {
        let mut line = json!({"haul": 1, "event": event, "id": 1, "url": shown});
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        line
    };
    take_times(&mut lines[4], &before);
    take_file_time(&mut lines[4], &before);
    let error = json!({
        "kind": "status", "phase": "header", "http_status": 500,
        "message": "500 Internal Server Error",
    });
    let retrying = json!({
        "from": shown, "after": 0.01, "retry": 1, "retries": 1, "error": error,
    });
    let to = json!({"http_status": 302, "to": server.url("/b?token=***")});
    assert_eq!(
        lines[..4],
        [
            of_job("started", json!({"name": "a"})),
            of_job("redirected", to),
            of_job("retrying", retrying),
            of_job("started", json!({"name": "a"})),
        ]
    );
    let end = json!({
        "haul": 1, "id": 1, "url": shown, "final_url": shown, "path": "a", "status": "completed",
        "size": 5, "sha256": sha256("hello"), "attempts": 2,
    });
    assert_eq!(lines[4], end);
    assert_eq!(names(&lines[5..]), ["totals"]);
}

#[test]
fn ends_have_the_number_of_what_happened_before_them() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::status(404, "Not Found"));
    let list = format!("{0}\n{1}\n{0}\n", server.url("/a"), server.url("/b"));
    let test = with_events(server.test().stdin(list)).status(1).expect_file("a", "x");
    let lines = lines(&test.run());
    for (id, url, last) in [(1, "/a", "completed"), (2, "/b", "failed"), (3, "/a", "skipped")] {
        let of_job: Vec<&Value> = lines.iter().filter(|line| line["id"] == id).collect();
        assert!(of_job.iter().all(|line| line["url"] == server.url(url)), "{lines:#?}");
        assert_eq!(name(of_job.last().unwrap()), last);
        assert_eq!(of_job.len(), if last == "skipped" { 1 } else { 2 });
    }
}

#[test]
fn a_transfer_that_takes_long_tells_how_far_it_is() {
    let (server, gate, body) = (Server::start(), Gate::default(), content(1, 300 * KIB));
    server.serve("/a?sig=s3cret", Reply::ok(&body).hold_after(200 * KIB, &gate));
    let test = with_events(server.get(["/a?sig=s3cret"])).expect_file("a", &body);
    let running = test.start();
    running.wait_for_stdout("\"event\":\"progress\"");
    gate.open();
    let lines = all_lines(&running.finish());
    let told: Vec<&Value> = lines.iter().filter(|line| name(line) == "progress").collect();
    let (first, last) = (names(&lines)[0], names(&lines)[told.len() + 1]);
    assert_eq!((first, last), ("started", "completed"), "{lines:#?}");
    let here = told[0]["position"].as_u64().unwrap();
    assert!((1..=200 * KIB as u64).contains(&here), "{here}");
    let mut expected = json!({
        "haul": 1, "event": "progress", "id": 1, "url": server.url("/a?sig=***"),
        "position": here, "received": here, "size": 300 * KIB, "connections": 1,
    });
    if let Some(rate) = told[0].get("rate") {
        expected["rate"] = rate.clone();
    }
    assert_eq!(*told[0], expected);
}

#[test]
fn who_helps_with_which_bytes_is_told_and_ended_before_the_job_is() {
    let server = Server::start();
    Offer::new(&helped::v1()).rate(RATE).on(&server, "/a");
    let test = with_events(helped::get(&server)).expect_file("a", helped::body());
    let lines = lines(&test.run());
    let mut helping: Vec<(u64, u64)> = Vec::new();
    let (mut helped, mut brought) = (0, 0);
    for line in &lines {
        match name(line) {
            "helped" => {
                helped += 1;
                let (first, last) =
                    (line["first"].as_u64().unwrap(), line["last"].as_u64().unwrap());
                assert!(first < last && last < helped::LENGTH as u64, "{line}");
                assert_eq!(line["from"], server.url("/a"));
                let worker = line["worker"].as_u64().unwrap();
                assert!(helping.iter().all(|(other, _)| *other != worker), "{lines:#?}");
                helping.push((worker, last - first + 1));
            }
            "help_ended" => {
                let at = helping.iter().position(|(worker, _)| line["worker"] == *worker).unwrap();
                helping.remove(at);
                brought += line["received"].as_u64().unwrap();
            }
            "completed" => assert!(helping.is_empty(), "{lines:#?}"),
            _ => {}
        }
    }
    assert!(helped > 0 && brought > 0, "{lines:#?}");
}

#[test]
fn a_mirror_that_fails_is_told_with_the_one_that_follows() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "Not Found"));
    server.serve("/m", Reply::ok("x"));
    let argument = format!("{}\thttp://u:s3cret@{}/m", server.url("/a"), server.authority());
    let lines = lines(&with_events(server.test().arg(argument)).expect_file("a", "x").run());
    assert_eq!(names(&lines), ["started", "switched", "started", "completed", "totals"]);
    let switched = json!({
        "haul": 1, "event": "switched", "id": 1, "url": server.url("/a"), "from": server.url("/a"),
        "to": server.url("/m"), "dropped": true,
        "error": {
            "kind": "status", "phase": "header", "http_status": 404, "message": "404 Not Found",
            "hint": "check the URL",
        },
    });
    assert_eq!(lines[1], switched);
}

#[test]
fn warnings_are_told() {
    let server = Server::start();
    server.always("/a", Reply::ok("hello"));
    let object = json!({"url": server.url("/a"), "size": 4});
    let test = with_events(server.test().stdin(format!("{object}\n"))).status(1);
    let lines = lines(&test.run());
    assert_eq!(names(&lines), ["started", "warning", "failed", "totals"]);
    let message =
        format!("{}: the file has 5 bytes, not 4; fetching all of it again", server.url("/a"));
    assert_eq!(lines[1], json!({"haul": 1, "event": "warning", "message": message}));
}

#[test]
fn a_reader_that_sleeps_gets_everything_but_progress() {
    let (server, gate) = (Server::start(), Gate::default());
    let body = content(1, 300 * KIB);
    server.serve("/long", Reply::ok(&body).hold_after(200 * KIB, &gate));
    server.serve("/a", Reply::ok("x"));
    let list =
        format!("{}\n{}", server.url("/long"), format!("{}\n", server.url("/a")).repeat(3000));
    let test = with_events(server.test().stdin(list)).args(["-j", "2"]).unread_stdout();
    let mut running = test.expect_file("a", "x").expect_file("long", &body).start();
    running.wait_for_unread_stdout();
    gate.open();
    running.read_stdout();
    let lines = lines(&running.finish());
    let count = |wanted: &str| lines.iter().filter(|line| name(line) == wanted).count();
    assert_eq!((count("started"), count("completed"), count("skipped")), (2, 2, 2999));
}

#[test]
fn a_signal_ends_it_with_the_totals() {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok("hello").hold_after(1, &gate));
    let mut running = with_events(server.get(["/a"])).status(130).start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let lines = lines(&running.finish());
    assert_eq!(names(&lines), ["started", "cancelled", "totals"]);
}

#[test]
fn what_is_printed_is_a_list_of_the_files_alone() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b"));
    server.serve("/b", Reply::ok("x"));
    let output =
        with_events(server.get(["/a"]).args(["-d", "out"])).expect_file("out/a", "x").run();
    assert_eq!(names(&lines(&output)), ["started", "redirected", "completed", "totals"]);
    let test = server.test().args(["-d", "out", "-i", "-"]).stdin(&output.stdout);
    test.in_folder(output.folder).existing("out/a", "x").skips("out/a", "exists already").run();
}

#[test]
fn a_run_that_downloads_nothing_tells_its_events_too() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b"));
    server.serve("/b", Reply::status(200, "OK").length("7"));
    let found = lines(&with_events(server.get(["/a"]).arg("--spider")).run());
    assert_eq!(names(&found), ["started", "redirected", "found", "totals"]);
    let planned = lines(&with_events(server.get(["/a"]).arg("--dry-run")).run());
    assert_eq!(names(&planned), ["planned", "totals"]);
}

#[test]
fn a_url_behind_the_plain_option_is_a_url() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let test = server.test().args(["--json".to_owned(), server.url("/a")]).any_stdout();
    let lines: Vec<Value> = String::from_utf8(test.expect_file("a", "x").run().stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(names(&lines), ["completed", "totals"]);
    assert_eq!(lines[0].get("id"), None);
}

#[test]
fn another_word_is_wrong_usage() {
    let output = Test::new().args(["--json=all", "http://h/a"]).any_result().run();
    assert_eq!(output.status, Some(2));
    assert!(output.stderr.contains("[possible values: ends, events]"), "{}", output.stderr);
}
