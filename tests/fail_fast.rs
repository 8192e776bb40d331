//! `--max-failures` and `--fail-fast`: the run ends when enough files have failed.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::folder::Entry;
use crate::harness::helped::{self, KIB, RATE};
use crate::harness::objects::objects;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Reply, Server, Test, content, wait_until};

const LIST: &str = "failed.jsonl";

/// Targets of a server that answers each with 404.
fn missing(server: &Server, count: usize) -> Vec<String> {
    let targets: Vec<String> = (10..10 + count).map(|number| format!("/{number}")).collect();
    for target in &targets {
        server.maybe(target, Reply::status(404, "Not Found"));
    }
    targets
}

fn get(server: &Server, targets: &[String]) -> Test {
    server.get(targets.iter().map(String::as_str))
}

#[test]
fn after_so_many_failures_no_job_is_begun() {
    for (args, most) in [
        (&["--fail-fast"] as &[_], 1),
        (&["--max-failures", "1"], 1),
        (&["--max-failures", "3"], 3),
    ] {
        let server = Server::start();
        let targets = missing(&server, 20);
        let mut test = get(&server, &targets).args(args.to_vec()).args(["-j", "1"]);
        for target in &targets[..most] {
            test = test.fails(server.url(target), "404 Not Found").hint("check the URL");
        }
        let words = haul::model::size::count(most as u64, "failure");
        test.totals_end(&format!("stopped after {words}")).run();
        assert_eq!(server.targets(), targets[..most]);
    }
}

#[test]
fn fewer_failures_end_nothing() {
    let server = Server::start();
    let targets = missing(&server, 2);
    server.serve("/a", Reply::ok("x"));
    let test = get(&server, &targets).arg(server.url("/a")).args(["--max-failures", "3"]);
    test.any_stderr().status(1).expect_file("a", "x").run();
}

#[test]
fn with_many_workers_at_least_so_many_fail_and_every_job_has_an_end() {
    let server = Server::start();
    let targets = missing(&server, 100);
    let test = get(&server, &targets).args(["--max-failures", "5", "-j", "8", "--json"]);
    let test = test.args(["--failed", LIST]).any_result();
    let output = test.run();
    let (found, totals) = objects(&output);
    let count = |status: &str| found.iter().filter(|object| object["status"] == status).count();
    let (failed, cancelled) = (count("failed"), count("cancelled"));
    // Each other worker may have been at one.
    assert!((5..=12).contains(&failed), "{failed}");
    assert!(failed + cancelled <= 12, "{failed} {cancelled}");
    assert_eq!(totals["stopped"], "failures");
    assert_eq!((&totals["failed"], &totals["interrupted"]), (&failed.into(), &false.into()));
    assert!(server.requests().len() <= 12);
    let listed = fs::read_to_string(output.folder.path().join(LIST)).unwrap();
    let kinds: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let unstarted = kinds.iter().filter(|line| line["error"]["kind"] == "not_started").count();
    assert_eq!((output.status, kinds.len()), (Some(1), failed + cancelled + unstarted));
    // What was still to be read is told of as one.
    let is_cut = output.stderr.contains("warning: not all of the input was read");
    assert!(is_cut || kinds.len() == 100, "{}", output.stderr);
}

#[test]
fn what_runs_is_cancelled_and_gone_on_with_later() {
    let (server, gate, other) = (Server::start(), Gate::default(), Gate::default());
    let body = content(1, 900 * KIB);
    let resource = Resource::new(&body, "\"v1\"");
    let (copy, hold) = (resource.clone(), gate.clone());
    server.answer("/a", move |request| copy.answer(request).hold_after(600 * KIB, &hold));
    server.serve("/b", Reply::status(404, "Not Found").hold_header(&other));
    server.serve("/b", Reply::ok("x"));
    let test = server.get(["/a", "/b"]).args(["--fail-fast", "--failed", LIST]);
    let test = test.fails(server.url("/b"), "404 Not Found").hint("check the URL");
    let test = test.expect_entry(LIST, Entry::AnyFile).expect_entry("a.part", Entry::AnyFile);
    let test = test.expect_entry("a.part.haul", Entry::AnyFile);
    let part = test.path().join("a.part");
    let test = test.totals_hint("600 KiB are kept; run the same command again to go on");
    let running = test.totals_end("1 cancelled, stopped after 1 failure").start();
    wait_until("a part is written", || {
        part.metadata().is_ok_and(|found| found.len() >= 256 * KIB as u64)
    });
    gate.wait_reached(1);
    other.wait_reached(1);
    other.open();
    let output = running.finish();
    assert!(output.took < Duration::from_secs(5));

    server.answer("/a", move |request| resource.answer(request));
    let test = server.test().args(["-i", LIST]).in_folder(output.folder);
    let test = test.expect_entry(LIST, Entry::AnyFile);
    test.expect_file("a", &body).expect_file("b", "x").run();
    assert!(
        server.asked().iter().any(|asked| asked.ends_with("- ? \"v1\"")),
        "{:?}",
        server.asked()
    );
}

#[test]
fn helpers_end_too() {
    let (server, held) = (Server::start(), Gate::default());
    let ledger = Offer::new(&helped::v1()).rate(RATE / 8).on(&server, "/a");
    server.serve("/b", Reply::status(404, "Not Found").hold_header(&held));
    let test = helped::small_parts(server.get(["/a", "/b"])).arg("--fail-fast").any_result();
    let running = test.start();
    wait_until("somebody helps", || ledger.count() > 2);
    held.open();
    let output = running.finish();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains(", 1 failed, 1 cancelled, stopped after 1 failure\n"));
    assert!(output.folder.path().join("a.part.haul").exists());
}

#[test]
fn a_list_that_is_still_read_ends_too() {
    let server = Server::start();
    server.serve("/a", Reply::status(404, "Not Found"));
    let test = server.test().arg("--fail-fast").open_stdin();
    let test = test.fails(server.url("/a"), "404 Not Found").hint("check the URL");
    let mut running = test.totals_end("stopped after 1 failure").start();
    running.write(format!("{}\n", server.url("/a")));
    running.wait_for_exit();
    running.finish();
}

#[test]
fn a_line_that_is_no_url_counts() {
    let server = Server::start();
    server.maybe("/a", Reply::ok("x"));
    let list = format!("ftp://h/x\nftp://h/y\n{}\n", server.url("/a"));
    let test = server.test().arg("--fail-fast").stdin(list);
    let test = test.fails("ftp://h/x", "scheme `ftp` is not supported");
    test.hint(
        "haul speaks http, https, file and data; for others there are curl, rclone and aws s3",
    )
    .totals_end("stopped after 1 failure")
    .run();
    assert!(server.requests().is_empty());
}

#[test]
fn a_job_that_waits_for_its_retry_is_cancelled() {
    let server = Server::start();
    server.serve("/a", Reply::status(500, "-").header("Retry-After", "60"));
    server.serve("/b", Reply::status(404, "Not Found"));
    let test = server.get(["/a", "/b"]).args(["--fail-fast", "-j", "1"]).retries(1);
    let test = test.retried(server.url("/a"), "500 Internal Server Error", "retry 1 of 1");
    let test = test.fails(server.url("/b"), "404 Not Found").hint("check the URL");
    test.totals_end("1 cancelled, stopped after 1 failure").run();
}

#[test]
fn a_limit_that_means_nothing_is_wrong_usage() {
    for (args, why) in [
        (&["--max-failures", "0"] as &[_], "not a whole number above zero"),
        (&["--max-failures", "2", "--fail-fast"], "cannot be used with"),
    ] {
        let output = Test::new().args(args.to_vec()).arg("http://h/a").any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}

#[test]
fn the_first_signal_after_it_still_ends_in_good_order() {
    let (server, gate) = (Server::start(), Gate::default());
    server.serve("/a", Reply::ok("hello"));
    server.serve("/b", Reply::status(404, "Not Found").hold_header(&gate));
    let command = "sh -c 'trap \": >told\" TERM; : >up; while [ ! -e end ]; do sleep 0.01; done'";
    let test = server.get(["/a", "/b"]).args(["--fail-fast", "--failed", LIST, "--exec", command]);
    let mut running = test.any_result().start();
    running.wait_for_file("up");
    gate.open();
    // The run ends, and waits for the command.
    running.wait_for_file("told");
    running.signal(Signal::INT);
    std::fs::write(running.path().join("end"), "").unwrap();
    let output = running.finish();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains(", 1 failed"), "{}", output.stderr);
    assert!(output.folder.path().join(LIST).exists());
    assert!(!output.folder.path().join(format!("{LIST}.haul")).exists());
}
