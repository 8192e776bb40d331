//! What servers declare of their files is checked without asking.

use haul::model::digest::{Algorithm, Digest, Hasher};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::harness::helped::{KIB, RATE, body, get, small_parts};
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Reply, Server, Test, content};

use rustix::process::Signal;

fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.digest()
}

fn base64(algorithm: Algorithm, bytes: &[u8]) -> String {
    let hex = digest(algorithm, bytes).hex();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    BASE64_STANDARD.encode((0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>())
}

/// A `Repr-Digest` of some bytes.
fn repr(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", base64(Algorithm::Sha256, bytes))
}

/// The file of `helped` as a server has it that declares something of it.
fn declaring(field: &str, value: &str) -> Resource {
    Resource::with_fields(&body(), &[("ETag", "\"v1\""), (field, value)])
}

fn is_not(bytes: &[u8], declared: &[u8]) -> String {
    let [found, declared] = [bytes, declared].map(|bytes| digest(Algorithm::Sha256, bytes));
    format!("the checksum is {found}, and the server declared {declared}")
}

const HINT: &str = "try again later; `--no-server-digests` takes the file as it comes";

#[test]
fn every_field_that_is_true_is_taken() {
    let of = |algorithm| base64(algorithm, b"hello");
    let fields = [
        ("Repr-Digest", repr(b"hello")),
        ("Content-Digest", format!("sha-512=:{}:", of(Algorithm::Sha512))),
        ("Digest", format!("SHA={},unixsum=1", of(Algorithm::Sha1))),
        ("Content-MD5", of(Algorithm::Md5)),
        ("x-goog-hash", format!("crc32c={}", of(Algorithm::Crc32c))),
        ("x-amz-checksum-crc32", of(Algorithm::Crc32)),
        ("x-amz-checksum-crc64nvme", of(Algorithm::Crc64Nvme)),
    ];
    let server = Server::start();
    let mut test = server.test();
    for (number, (field, value)) in fields.iter().enumerate() {
        let target = format!("/{number}");
        server.serve(&target, Reply::ok("hello").header(field, value));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), "hello");
    }
    test.run();
}

#[test]
fn every_field_that_is_wrong_fails_its_file() {
    let of = |algorithm| base64(algorithm, b"other");
    let fields = [
        ("Repr-Digest", repr(b"other")),
        ("Content-Digest", repr(b"other")),
        ("Digest", format!("SHA-256={}", of(Algorithm::Sha256))),
        ("Content-MD5", of(Algorithm::Md5)),
        ("x-goog-hash", format!("crc32c={}", of(Algorithm::Crc32c))),
        ("x-amz-checksum-crc64nvme", of(Algorithm::Crc64Nvme)),
    ];
    for (field, value) in fields {
        let server = Server::start();
        server.always("/a", Reply::ok("hello").header(field, &value));
        let output = server.get(["/a"]).any_stderr().status(1).run();
        assert!(output.stderr.contains(", and the server declared "), "{field}: {}", output.stderr);
        let wishes = server.requests();
        let wishes: Vec<_> = wishes.iter().map(|asked| asked.header("cache-control")).collect();
        assert_eq!(wishes, [None, Some("no-cache")]);
    }
}

#[test]
fn a_file_that_was_spoiled_on_its_way_is_fetched_once_more() {
    let server = Server::start();
    server.serve("/a", Reply::ok("jello").header("Repr-Digest", repr(b"hello")));
    server.serve("/a", Reply::ok("hello").header("Repr-Digest", repr(b"hello")));
    let told = format!(
        "warning: {}: {}; fetching all of it again",
        server.url("/a"),
        is_not(b"jello", b"hello")
    );
    server.get(["/a"]).line(told).expect_file("a", "hello").run();
}

#[test]
fn a_server_that_is_wrong_about_its_file_is_believed_no_more_on_demand() {
    let server = Server::start();
    server.always("/a", Reply::ok("hello").header("Repr-Digest", repr(b"other")));
    let cause = is_not(b"hello", b"other");
    let again = format!("warning: {}: {cause}; fetching all of it again", server.url("/a"));
    server.get(["/a"]).line(again).fails(server.url("/a"), &cause).hint(HINT).run();
    server.get(["/a"]).arg("--no-server-digests").expect_file("a", "hello").run();
    // The user knows better.
    let sum = digest(Algorithm::Sha1, b"hello").to_string();
    server.get(["/a"]).args(["--checksum", &sum]).expect_file("a", "hello").run();
}

#[test]
fn what_is_broken_or_of_something_else_fails_nothing() {
    let other = base64(Algorithm::Sha256, b"other");
    let heads: [&[(&str, &str)]; 5] = [
        &[("Repr-Digest", "sha-256=:???:")],
        &[("Digest", "sha-256"), ("Content-MD5", "\u{fc}")],
        &[("Content-Encoding", "br"), ("Digest", &format!("sha-256={other}"))],
        &[("x-amz-checksum-sha256", &format!("{other}-2"))],
        &[("x-amz-checksum-sha256", &other), ("x-amz-checksum-type", "COMPOSITE")],
    ];
    for head in heads {
        let server = Server::start();
        let with = |reply: Reply, (field, value): &(&str, &str)| reply.header(field, value);
        server.serve("/a", head.iter().fold(Reply::ok("hello"), with));
        server.get(["/a"]).any_stderr().expect_file("a", "hello").run();
    }
}

#[test]
fn only_the_last_response_of_redirects_declares() {
    let server = Server::start();
    let redirect = Reply::redirect(302, "/b").header("Repr-Digest", repr(b"moved"));
    server.serve("/a", redirect.header("Content-MD5", base64(Algorithm::Md5, b"moved")));
    server.serve("/b", Reply::ok("hello").header("Repr-Digest", repr(b"hello")));
    server.get(["/a"]).expect_file("a", "hello").run();
}

#[test]
fn a_helped_file_is_checked_all_of_it() {
    for wrong in [false, true] {
        let server = Server::start();
        let declared = if wrong { repr(b"other") } else { repr(&body()) };
        let ledger = Offer::new(&declaring("Repr-Digest", &declared)).rate(RATE).on(&server, "/a");
        let output = get(&server).any_result().run();
        assert_eq!(output.status, Some(i32::from(wrong)), "{}", output.stderr);
        assert!(ledger.count() > 2, "nobody helped");
        if wrong {
            assert!(output.stderr.contains(&is_not(&body(), b"other")), "{}", output.stderr);
            assert!(!output.folder.path().join("a.part").exists());
        }
    }
}

#[test]
fn what_one_helper_spoils_is_found() {
    let server = Server::start();
    let resource = declaring("Content-MD5", &base64(Algorithm::Md5, &body()));
    let spoil = |number, _: &_, reply: Reply| match number {
        2 => {
            let bytes: Vec<u8> = reply.body_bytes().iter().map(|byte| !byte).collect();
            reply.body(bytes)
        }
        _ => reply,
    };
    let ledger = Offer::new(&resource).rate(RATE).spoiled(spoil).on(&server, "/a");
    let output = get(&server).any_stderr().expect_file("a", body()).run();
    assert!(ledger.count() > 3 && output.stderr.contains("and the server declared md5:"));
}

#[test]
fn what_the_first_answer_declared_holds_for_the_rest_of_it() {
    // Of a part only Repr-Digest says anything of the whole.
    for (field, value) in [
        ("Content-Digest", repr(b"other")),
        ("Repr-Digest", repr(b"other")),
        ("x-amz-checksum-sha256", base64(Algorithm::Sha256, b"other")),
    ] {
        let (server, resource) = (Server::start(), declaring(field, &value));
        let copy = resource.clone();
        server.answer("/a", move |request| copy.answer(request).cut_after(900 * KIB));
        server.handle(move |request| resource.answer(request));
        let test = server.get(["/a"]).args(["-j", "1"]).retries(3);
        let output = test.any_stderr().status(1).run();
        assert!(output.stderr.contains(&is_not(&body(), b"other")), "{field}: {}", output.stderr);
        let (rest, again) = (&server.asked()[1], &server.asked()[2..]);
        assert!(rest.starts_with("bytes=") && again == ["all"], "{:?}", server.asked());
    }
}

#[test]
fn what_an_earlier_run_left_is_checked_by_what_the_rest_declares() {
    let (server, resource) = (Server::start(), declaring("Repr-Digest", &repr(&body())));
    let gate = Gate::default();
    let (copy, held) = (resource.clone(), gate.clone());
    server.answer("/a", move |request| copy.answer(request).hold_after(900 * KIB, &held));
    server.handle(move |request| resource.answer(request));
    let mut running = server.get(["/a"]).any_result().start();
    gate.wait_reached(1);
    running.signal(Signal::INT);
    let folder = running.finish().folder;
    let mut part = std::fs::read(folder.path().join("a.part")).unwrap();
    part[5] ^= 1;
    std::fs::write(folder.path().join("a.part"), part).unwrap();
    let test = server.get(["/a"]).any_stderr().in_folder(folder);
    let output = test.expect_file("a", body()).run();
    assert!(server.asked()[1].starts_with("bytes="), "{:?}", server.asked());
    assert!(output.stderr.contains("and the server declared sha256:"), "{}", output.stderr);
}

#[test]
fn another_version_is_not_checked_by_what_was_declared_of_the_first() {
    let server = Server::start();
    let resource = declaring("Content-Digest", &repr(&body()));
    let new = content(7, 500 * KIB);
    let (copy, later) = (resource.clone(), new.clone());
    server.answer("/a", move |request| {
        let reply = copy.answer(request).cut_after(900 * KIB);
        copy.change(&later, "\"v2\"");
        reply
    });
    server.handle(move |request| resource.answer(request));
    let test = server.get(["/a"]).args(["-j", "1"]).retries(3).any_stderr();
    test.expect_file("a", new).run();
}

#[test]
fn a_stream_is_checked_too() {
    for jobs in ["1", "4"] {
        for wrong in [false, true] {
            let server = Server::start();
            let declared = if wrong { repr(b"other") } else { repr(&body()) };
            Offer::new(&declaring("Repr-Digest", &declared)).rate(2 * RATE).on(&server, "/a");
            let test = small_parts(server.get(["/a"])).args(["-o", "-", "-j", jobs]);
            let output = test.any_result().run();
            assert!(output.stdout == body());
            assert_eq!(output.status, Some(i32::from(wrong)), "{}", output.stderr);
            assert_eq!(output.stderr.contains("the server declared"), wrong, "{}", output.stderr);
        }
    }
    // What was gone before anything was declared says nothing.
    let server = Server::start();
    let (plain, wrong) = (Resource::new(&body(), "\"v1\""), declaring("Repr-Digest", &repr(b"x")));
    server.answer("/a", move |request| plain.answer(request).cut_after(900 * KIB));
    server.handle(move |request| wrong.answer(request));
    let test = server.get(["/a"]).args(["-o", "-", "-j", "1"]).retries(3);
    test.any_stderr().stdout(body()).run();
}

#[test]
fn a_mirror_that_declares_the_truth_is_taken_after_one_that_does_not() {
    let server = Server::start();
    server.always("/a", Reply::ok("bad").header("Repr-Digest", repr(b"good")));
    server.serve("/b", Reply::ok("good").header("Repr-Digest", repr(b"good")));
    let both = format!("{}\t{}", server.url("/a"), server.url("/b"));
    server.test().arg(both).any_stderr().expect_file("a", "good").run();
}

#[test]
fn the_kind_of_the_error_tells_who_said_what_the_file_is() {
    let server = Server::start();
    server.always("/a", Reply::ok("hello").header("Repr-Digest", repr(b"other")));
    let output = Test::new().arg("--json").arg(server.url("/a")).any_result().run();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""kind":"not_as_declared""#), "{told}");
}
