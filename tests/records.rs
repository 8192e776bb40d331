//! The record beside a partial file: believed only if it can be true; in doubt all begins anew.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::halves::{HALF, LENGTH, REST, body, cutting, v1};
use crate::harness::{Reply, Server, Test, content};

/// The record of a partial file of `/a`, with half of version 1; `change` may change its fields.
fn record(server: &Server, change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mut record = serde_json::json!({
        "haul_part": 1, "url": server.url("/a"), "length": LENGTH, "etag": "\"v1\"",
        "last_modified": null, "date": null, "ranges": [[0, HALF]], "boot": boot.trim(),
        "synced": false,
    });
    change(&mut record);
    serde_json::to_vec(&record).unwrap()
}

/// Starts a test that finds this partial file and this record.
fn finds(server: &Server, part: &[u8], record: &[u8]) -> Test {
    server
        .get(["/a"])
        .existing("a.part", part)
        .expect_no_file("a.part")
        .existing("a.part.haul", record)
        .expect_no_file("a.part.haul")
        .expect_file("a", body())
}

fn good() -> Server {
    let server = Server::start();
    server.handle(|request| v1().answer(request));
    server
}

#[test]
fn a_record_made_by_hand_is_like_one_of_haul() {
    // The tests below change one of these in one way each.
    let server = good();
    finds(&server, &body()[..HALF], &record(&server, |_| {})).run();
    assert_eq!(server.asked(), [REST]);
}

#[test]
fn a_record_that_cannot_be_believed_is_told_and_all_begins_anew() {
    #[track_caller]
    fn case(reason: &str, record: impl FnOnce(&Server) -> Vec<u8>) {
        let server = good();
        let output = finds(&server, &body()[..HALF], &record(&server)).arg("-v").any_stderr().run();
        let told = format!("#1 the partial file is not gone on with: {reason}\n");
        assert!(output.stderr.contains(&told), "{told}{}", output.stderr);
        assert_eq!(server.asked(), ["all"]);
    }
    let damaged = "its record is damaged";
    case(damaged, |_| Vec::new());
    case(damaged, |_| vec![0; 300]);
    case(damaged, |_| b"null".to_vec());
    case(damaged, |_| b"[".repeat(200_000));
    case(damaged, |_| vec![b' '; 3_000_000]);
    case(damaged, |server| record(server, |_| {}).split_last().unwrap().1.to_vec());
    case(damaged, |server| record(server, |r| r["ranges"] = "all".into()));
    case(damaged, |server| record(server, |r| r["ranges"] = serde_json::json!([[0, -1]])));
    case(damaged, |server| record(server, |r| r["ranges"] = serde_json::json!([[9, 5]])));
    case(damaged, |server| record(server, |r| r["ranges"] = serde_json::json!([[0, 9], [5, 20]])));
    case(damaged, |server| record(server, |r| r["length"] = (HALF - 1).into()));
    case("its record is of a newer version of haul", |server| {
        record(server, |r| r["haul_part"] = 2.into())
    });
    case("its record is of a newer version of haul", |_| b"{\"haul_part\": 9}".to_vec());
    case("it is of another URL", |server| record(server, |r| r["url"] = "http://x/a".into()));
    case("it is shorter than its record says", |server| {
        record(server, |r| r["ranges"] = serde_json::json!([[0, HALF + 1]]))
    });
    case("the machine was restarted before its data was synced", |server| {
        record(server, |r| r["boot"] = "another".into())
    });
}

#[test]
fn a_partial_file_without_a_record_is_told_and_begins_anew() {
    let server = good();
    let output = server
        .get(["/a"])
        .existing("a.part", &body()[..HALF])
        .expect_no_file("a.part")
        .arg("-v")
        .any_stderr()
        .expect_file("a", body())
        .run();
    assert!(output.stderr.contains("not gone on with: it has no record\n"), "{}", output.stderr);
    assert_eq!(server.asked(), ["all"]);
}

#[test]
fn a_record_that_is_no_file_is_not_followed() {
    let server = good();
    let test = server.get(["/a"]).existing("precious", record(&server, |_| {}));
    let test = test.existing("a.part", &body()[..HALF]).expect_no_file("a.part");
    symlink("precious", test.path().join("a.part.haul")).unwrap();
    test.expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all"]);
}

#[test]
fn a_record_whose_validator_is_not_strong_is_not_gone_on_with() {
    for etag in [None, Some("W/\"v1\""), Some("v1"), Some("")] {
        let server = good();
        let record = record(&server, |r| r["etag"] = etag.into());
        finds(&server, &body()[..HALF], &record).run();
        assert_eq!(server.asked(), ["all"], "{etag:?}");
    }
}

#[test]
fn a_file_that_only_the_server_names_does_not_keep_the_end_of_what_is_not_gone_on_with() {
    let server = Server::start();
    let named = "attachment; filename=\"a\"";
    server.serve("/?id=1", Reply::ok("short").header("Content-Disposition", named));
    let record = record(&server, |r| {
        r["url"] = server.url("/?id=1").into();
        r["etag"] = "W/\"v1\"".into();
    });
    server
        .get(["/?id=1"])
        .existing("a.part", &body()[..HALF])
        .expect_no_file("a.part")
        .existing("a.part.haul", record)
        .expect_no_file("a.part.haul")
        .expect_file("a", "short")
        .run();
}

#[test]
fn an_etag_in_a_record_cannot_smuggle_header_fields() {
    let server = good();
    let record = record(&server, |r| r["etag"] = "\"v1\"\r\nX-Evil: \"1\"".into());
    finds(&server, &body()[..HALF], &record).any_stderr().run();
    assert!(server.requests().iter().all(|request| request.header("x-evil").is_none()));
}

#[test]
fn what_lies_behind_the_recorded_bytes_is_written_anew() {
    // After a crash the end of a partial file may be of any length and hold anything.
    let server = good();
    let mut part = body()[..HALF].to_vec();
    part.resize(HALF + 100_000, 0);
    finds(&server, &part, &record(&server, |_| {})).run();
    assert_eq!(server.asked(), [REST]);
}

#[test]
fn a_partial_file_longer_than_the_file_does_not_make_it_longer() {
    let server = good();
    let mut part = body()[..HALF].to_vec();
    part.resize(LENGTH + 8, b'x');
    finds(&server, &part, &record(&server, |_| {})).run();
}

#[test]
fn a_partial_file_that_is_complete_is_checked_with_one_byte() {
    let server = good();
    let record = record(&server, |r| r["ranges"] = serde_json::json!([[0, LENGTH]]));
    finds(&server, &body(), &record).run();
    assert_eq!(server.asked(), ["bytes=299999- ? \"v1\""]);
}

#[test]
fn a_complete_partial_file_of_an_older_version_comes_anew() {
    let old = content(2, LENGTH);
    let server = good();
    let record = record(&server, |r| {
        r["ranges"] = serde_json::json!([[0, LENGTH]]);
        r["etag"] = "\"v0\"".into();
    });
    finds(&server, &old, &record).run();
    assert_eq!(server.asked(), ["bytes=299999- ? \"v0\""]);
}

#[test]
fn restart_begins_with_the_first_byte_and_goes_on_inside_the_run() {
    let server = cutting(&v1());
    let record = record(&server, |_| {});
    finds(&server, &body()[..HALF], &record).arg("--restart").retries(1).any_stderr().run();
    assert_eq!(server.asked(), ["all", REST]);
}

#[test]
fn restart_forgets_what_was_left_under_a_name_that_only_a_later_attempt_learns() {
    let server = Server::start();
    server.serve("/", Reply::status(503, "Service Unavailable"));
    server.handle(|request| v1().answer(request));
    let record = record(&server, |record| record["url"] = server.url("/").into());
    let test = server.get(["/"]).args(["--restart"]).retries(1).any_stderr();
    test.existing("index.html.part", &body()[..HALF])
        .expect_no_file("index.html.part")
        .existing("index.html.part.haul", record)
        .expect_no_file("index.html.part.haul")
        .expect_file("index.html", body())
        .run();
    assert_eq!(server.asked(), ["all", "all"]);
}

#[test]
fn a_server_that_gives_a_byte_of_a_hole_each_time_is_not_asked_for_ever() {
    let server = Server::start();
    server.handle(|request| {
        let range = request.header("range").unwrap().trim_start_matches("bytes=");
        let from = range.split('-').next().unwrap().parse().unwrap();
        Reply::part(&body(), from..from + 1).header("ETag", "\"v1\"")
    });
    let hole = record(&server, |record| {
        record["ranges"] = serde_json::json!([[0, 1000], [HALF, LENGTH]]);
    });
    let test = server.get(["/a"]).existing("a.part", body()).existing("a.part.haul", hole);
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1), "{}", output.stderr);
    assert!(server.asked().len() <= 100, "{} requests", server.asked().len());
}

#[test]
fn no_resume_neither_goes_on_nor_keeps() {
    let server = cutting(&v1());
    let record = record(&server, |_| {});
    finds(&server, &body()[..HALF], &record).arg("--no-resume").retries(1).any_stderr().run();
    assert_eq!(server.asked(), ["all", "all"]);
    let server = cutting(&v1());
    let test = server.get(["/a"]).arg("--no-resume");
    test.fails(server.url("/a"), "the body ended after …").run();
}

#[test]
fn a_record_left_beside_a_finished_file_goes_when_it_is_met() {
    let server = good();
    server
        .get(["/a"])
        .existing("a", "done")
        .existing("a.part.haul", record(&server, |_| {}))
        .expect_no_file("a.part.haul")
        .skips("a", "exists already")
        .run();
}

#[test]
fn an_unfinished_record_is_no_obstacle_and_goes_with_the_file() {
    let server = cutting(&v1());
    server
        .get(["/a"])
        .retries(1)
        .existing("a.part.haul~", "half a rec")
        .expect_no_file("a.part.haul~")
        .existing("a.part", &body()[..HALF])
        .expect_no_file("a.part")
        .any_stderr()
        .expect_file("a", body())
        .run();
}
