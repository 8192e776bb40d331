//! `--checksum`: what a file must be, however it comes.

use std::fs::File;
use std::time::Duration;

use haul::model::digest::{Algorithm, Hasher};

use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::helped::{KIB, LENGTH, RATE, body, get, small_parts, v1};
use crate::harness::objects::object;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Reply, Server, Test, content};

/// The checksum of some bytes, as the option takes it.
fn sum(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.digest().to_string()
}

fn sha256(bytes: &[u8]) -> String {
    sum(Algorithm::Sha256, bytes)
}

fn checked(test: Test, sum: &str) -> Test {
    test.args(["--checksum", sum])
}

#[test]
fn a_file_that_is_what_it_must_be_is_kept() {
    for algorithm in Algorithm::NAMED {
        let server = Server::start();
        server.serve("/a", Reply::ok(body()));
        checked(server.get(["/a"]), &sum(algorithm, &body())).expect_file("a", body()).run();
    }
    let server = Server::start();
    server.serve("/empty", Reply::ok(""));
    checked(server.get(["/empty"]), &sha256(b"")).expect_file("empty", "").run();
}

#[test]
fn a_file_that_is_something_else_is_fetched_once_more_past_the_caches() {
    let server = Server::start();
    server.serve("/a", Reply::ok(content(2, LENGTH)));
    server.serve("/a", Reply::ok(body()));
    let told = format!(
        "warning: {}: the checksum is {}, not {}; fetching all of it again",
        server.url("/a"),
        sha256(&content(2, LENGTH)),
        sha256(&body()),
    );
    checked(server.get(["/a"]), &sha256(&body())).line(told).expect_file("a", body()).run();
    let asked = server.requests();
    let wishes: Vec<_> = asked.iter().map(|request| request.header("cache-control")).collect();
    assert_eq!(wishes, [None, Some("no-cache")]);
}

#[test]
fn a_file_that_stays_something_else_fails_and_leaves_nothing() {
    for resource in [v1(), v1().without_ranges()] {
        let server = Server::start();
        Offer::new(&resource).rate(4 * RATE).on(&server, "/a");
        let wanted = sha256(b"another");
        let cause = format!("the checksum is {}, not {wanted}", sha256(&body()));
        let test = checked(get(&server), &wanted).retries(5).any_stderr();
        let output = test.status(1).totals_end("1 failed").run();
        let told = format!("error: {}: {cause}\n", server.url("/a"));
        assert!(output.stderr.contains(&told), "{}", output.stderr);
        let plain = server.asked().iter().filter(|asked| *asked == "all").count();
        assert_eq!(plain, 2, "{:?}", server.asked());
    }
}

#[test]
fn a_helped_file_is_checked_all_of_it() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
    checked(get(&server), &sha256(&body())).expect_file("a", body()).run();
    assert!(ledger.count() > 2, "nobody helped");

    // One part is not what it should be, and its server says that it is.
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).spoiled(|number, _, reply| match number {
        2 => {
            let bytes: Vec<u8> = reply.body_bytes().iter().map(|byte| !byte).collect();
            reply.body(bytes)
        }
        _ => reply,
    });
    let ledger = ledger.on(&server, "/a");
    checked(get(&server), &sha256(&body())).any_stderr().expect_file("a", body()).run();
    assert!(ledger.count() > 3);
}

#[test]
fn what_an_earlier_run_left_is_checked_too() {
    let server = Server::start();
    let resource = v1();
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(900 * KIB));
    server.handle(move |request| resource.answer(request));
    let output = server.get(["/a"]).any_result().run();
    assert_eq!(output.status, Some(1));
    let mut part = std::fs::read(output.folder.path().join("a.part")).unwrap();
    let test = checked(server.get(["/a"]), &sha256(&body()));
    test.in_folder(output.folder).expect_file("a", body()).run();

    // A byte of it has changed meanwhile, and the record does not tell.
    let (server, resource) = (Server::start(), v1());
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(900 * KIB));
    server.handle(move |request| resource.answer(request));
    let output = server.get(["/a"]).any_result().run();
    part[5] ^= 1;
    std::fs::write(output.folder.path().join("a.part"), part).unwrap();
    let test = checked(server.get(["/a"]), &sha256(&body())).any_stderr();
    test.in_folder(output.folder).expect_file("a", body()).run();
}

#[test]
fn a_file_that_is_there_is_checked_without_a_request() {
    let server = Server::start();
    let test = checked(server.get(["/a"]), &sha256(b"there")).existing("a", "there");
    test.skips("a", "exists already").run();
    let test = checked(server.get(["/a"]), &sha256(b"wanted")).existing("a", "there");
    let cause =
        format!("a exists, and its checksum is {}, not {}", sha256(b"there"), sha256(b"wanted"));
    test.expect_entry("a", Entry::File(b"there".to_vec()))
        .fails(server.url("/a"), &cause)
        .hint("`--if-exists overwrite` replaces it")
        .run();
    assert!(server.requests().is_empty());
    server.serve("/a", Reply::ok("wanted"));
    let test = checked(server.get(["/a"]), &sha256(b"wanted")).existing("a", "there");
    test.args(["--if-exists", "overwrite"]).expect_file("a", "wanted").run();
}

#[test]
fn a_stream_that_is_something_else_ends_in_an_error() {
    for options in [&["-j", "1"] as &[_], &["-j", "4"]] {
        let server = Server::start();
        Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
        let stream = |sum: &str| {
            checked(small_parts(server.get(["/a"])), sum).args(["-o", "-"]).args(options.to_vec())
        };
        stream(&sha256(&body())).any_stderr().stdout(body()).run();
        let output = stream(&sha256(b"another")).any_result().run();
        assert_eq!(output.status, Some(1));
        assert!(output.stdout == body() && output.stderr.contains("the checksum is"));
    }
}

#[test]
fn a_mirror_may_have_what_the_first_has_not() {
    let server = Server::start();
    server.serve("/a", Reply::ok("bad"));
    server.serve("/a", Reply::ok("bad"));
    server.serve("/b", Reply::ok("good"));
    let both = format!("{}\t{}", server.url("/a"), server.url("/b"));
    let test = checked(server.test().arg(both), &sha256(b"good"));
    test.any_stderr().expect_file("a", "good").run();
}

#[test]
fn a_signal_keeps_what_came_of_a_checked_file() {
    let server = Server::start();
    let gate = Gate::default();
    let (resource, held) = (Resource::new(&body(), "\"v1\""), gate.clone());
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).hold_after(900 * KIB, &held));
    server.handle(move |request| resource.answer(request));
    let test = checked(server.get(["/a"]), &sha256(&body())).any_result();
    let mut running = test.start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130));
    let test = checked(server.get(["/a"]), &sha256(&body()));
    test.in_folder(output.folder).expect_file("a", body()).run();
    assert!(server.asked()[1].starts_with("bytes="), "{:?}", server.asked());
}

#[test]
fn a_signal_ends_the_checking_of_a_large_file() {
    let server = Server::start();
    // All holes: a minute to hash, no room on the disk.
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("a")).unwrap().set_len(32 << 30).unwrap();
    let test = checked(server.get(["/a"]), &sha256(b"")).arg("-d").arg(folder.path());
    let mut running = test.any_result().start();
    std::thread::sleep(Duration::from_millis(300));
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.status, Some(130), "{}", output.stderr);
    assert!(output.since_signal.unwrap() < Duration::from_secs(1));
}

#[test]
fn any_digest_is_told_with_json_and_checked_as_input() {
    let server = Server::start();
    Offer::new(&v1()).rate(4 * RATE).on(&server, "/a");
    let algorithms = Algorithm::NAMED.map(Algorithm::name).join(",");
    let hash = ["--hash", &algorithms, "--hash", "SHA-512", "--json"];
    let output = get(&server).args(hash).any_stderr().any_stdout().expect_file("a", body()).run();
    let told = object(&output);
    for algorithm in Algorithm::NAMED {
        let wanted = sum(algorithm, &body());
        assert_eq!(
            format!("{}:{}", algorithm.name(), told[algorithm.name()].as_str().unwrap()),
            wanted
        );
    }

    for (algorithm, is_wrong) in Algorithm::NAMED.map(|of| [(of, false), (of, true)]).concat() {
        let server = Server::start();
        server.maybe("/a", Reply::ok("hello"));
        let digest = sum(algorithm, if is_wrong { b"other" } else { b"hello" });
        let (name, hex) = digest.split_once(':').unwrap();
        let line = format!(r#"{{"url":"{}","{name}":"{hex}"}}"#, server.url("/a"));
        let output = server.test().args(["-i", "-"]).stdin(line).any_result().run();
        assert_eq!(output.status, Some(i32::from(is_wrong)), "{}", output.stderr);
        assert_eq!(output.stderr.contains(", not "), is_wrong, "{}", output.stderr);
    }
}

#[test]
fn what_is_no_checksum_is_wrong_usage() {
    let usage = |args: &[&str], why: &str| {
        let output = Test::new().args(args.iter().copied()).any_result().run();
        assert_eq!(output.status, Some(2));
        assert!(output.stderr.contains(why), "{}", output.stderr);
    };
    usage(&["--checksum", "sha256:00", "http://h/a"], "has 1 byte, and sha256 has 32");
    usage(&["--checksum", "crc32:00", "http://h/a"], "known are md5, sha1");
    usage(&["--hash", "md5", "http://h/a"], "adds digests to the objects that `--json` prints");
    usage(&["--json", "--hash", "md5,crc32", "http://h/a"], "known are md5, sha1");
    let sum = sha256(b"");
    usage(&["--checksum", &sum, "http://h/a", "http://h/b"], "is of one file");
    usage(&["--checksum", &sum, "-i", "/dev/null", "http://h/a"], "is of one file");
}
