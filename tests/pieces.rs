//! Files that are wrong in places, and whose list has digests of their pieces: only those are fetched
//! again, and no wrong byte is ever in a file.

use std::fmt::Write as _;

use haul::model::digest::{Algorithm, Hasher};

use crate::harness::folder::Entry;
use crate::harness::part::{check_part, recorded};
use crate::harness::resource::Resource;
use crate::harness::{Gate, Ledger, Offer, Reply, Server, Test, content};

const LENGTH: usize = 100_000;
const PIECE: usize = 10_000;

/// What is told about the piece from 20,000 on.
const WRONG: &str = "the checksum of bytes 20000-29999 is sha1:…, not sha1:…";

const HINT: &str = "check where the checksum comes from, or try again later";

fn body() -> Vec<u8> {
    content(3, LENGTH)
}

fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

fn hex(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.digest().hex()
}

/// A document with the file `x`, its pieces, and, `is_whole`, its own digest.
fn document(urls: &[String], is_whole: bool) -> String {
    document_of(&body(), PIECE, urls, is_whole)
}

fn document_of(body: &[u8], piece: usize, urls: &[String], is_whole: bool) -> String {
    let mut text = format!("<metalink><file name=\"x\"><size>{}</size>", body.len());
    if is_whole {
        let _ = write!(text, "<hash type=\"sha-256\">{}</hash>", hex(Algorithm::Sha256, body));
    }
    let _ = write!(text, "<pieces length=\"{piece}\" type=\"sha-1\">");
    for piece in body.chunks(piece) {
        let _ = write!(text, "<hash>{}</hash>", hex(Algorithm::Sha1, piece));
    }
    text += "</pieces>";
    for url in urls {
        let _ = write!(text, "<url priority=\"1\">{url}</url>");
    }
    text + "</file></metalink>"
}

/// Makes the bytes of an answer wrong at these places of the file.
fn spoil(reply: Reply, places: &[usize]) -> Reply {
    let (mut bytes, begin) = (reply.body_bytes().to_vec(), reply.begins_at());
    for place in places {
        if let Some(byte) = place.checked_sub(begin).and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1;
        }
    }
    reply.body(bytes)
}

/// Offers a file whose first answers are wrong at these places.
fn offer(server: &Server, resource: &Resource, places: &'static [&'static [usize]]) -> Ledger {
    let spoiled = Offer::new(resource)
        .spoiled(|number, _, reply| spoil(reply, places.get(number).copied().unwrap_or_default()));
    spoiled.on(server, "/x")
}

/// Runs haul with the document as its list.
fn run(server: &Server, is_whole: bool) -> Test {
    server.test().stdin(document(&[server.url("/x")], is_whole))
}

#[test]
fn only_wrong_pieces_are_fetched_again_past_all_caches() {
    for is_whole in [true, false] {
        let server = Server::start();
        let given = offer(&server, &v1(), &[&[25_000, 26_000, 99_999]]);
        run(&server, is_whole)
            .line(format!(
                "warning: {}: {WRONG}, and another piece is wrong; fetching 20 KiB again",
                server.url("/x")
            ))
            .expect_file("x", body())
            .run();
        let ranges = ["all", "bytes=20000-29999 ? \"v1\"", "bytes=90000- ? \"v1\""];
        assert_eq!(given.asked(), ranges);
        let caches: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.header("cache-control").map(str::to_owned))
            .collect();
        assert_eq!(caches, [None, Some("no-cache".to_owned()), Some("no-cache".to_owned())]);
    }
}

#[test]
fn a_piece_that_is_wrong_again_fails_the_file_and_the_rest_is_kept() {
    for is_whole in [true, false] {
        let server = Server::start();
        let resource = v1();
        let given = offer(&server, &resource, &[&[25_000, 71_000], &[29_999]]);
        let url = server.url("/x");
        let test = run(&server, is_whole)
            .line(format!(
                "warning: {url}: {WRONG}, and another piece is wrong; fetching 20 KiB again"
            ))
            .fails(&url, WRONG)
            .hint(HINT)
            .hint("88 KiB are kept in x.part; run the same command again to go on")
            .expect_entry("x.part", Entry::AnyFile)
            .expect_entry("x.part.haul", Entry::AnyFile);
        let output = test.run();
        let folder = output.folder;
        assert_eq!(recorded(folder.path(), "x"), [0..20_000, 30_000..LENGTH]);
        check_part(folder.path(), "x", &body());
        // The next run needs that piece alone.
        run(&server, is_whole).in_folder(folder).expect_file("x", body()).run();
        assert_eq!(given.asked()[3..], ["bytes=20000-29999 ? \"v1\""]);
    }
}

#[test]
fn without_ranges_all_of_the_file_is_fetched_again() {
    for resource in [
        v1().without_ranges(),
        Resource::with_fields(&body(), &[]),
        Resource::new(&body(), "W/\"weak\""),
    ] {
        for is_whole in [true, false] {
            let server = Server::start();
            let given = offer(&server, &resource, &[&[25_000]]);
            run(&server, is_whole).any_stderr().expect_file("x", body()).run();
            assert_eq!(given.count(), 2);
            // And only once.
            let server = Server::start();
            offer(&server, &resource, &[&[25_000], &[25_001], &[25_000], &[25_001]]);
            let output = run(&server, is_whole).any_result().run();
            assert_eq!(output.status, Some(1));
            assert!(!output.folder.path().join("x").exists());
            assert!(
                output.stderr.contains("the checksum of bytes 20000-29999"),
                "{}",
                output.stderr
            );
        }
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_anew() {
    let server = Server::start();
    let resource = v1();
    let copy = resource.clone();
    Offer::new(&resource)
        .spoiled(move |number, _, reply| {
            if number == 0 {
                copy.clone().change(&body(), "\"v2\"");
            }
            spoil(reply, if number == 0 { &[25_000] } else { &[] })
        })
        .on(&server, "/x");
    run(&server, true).any_stderr().expect_file("x", body()).run();
    assert_eq!(server.asked(), ["all", "bytes=20000-29999 ? \"v1\""]);
}

#[test]
fn wrong_pieces_come_from_another_mirror_first() {
    let (bad, good) = (Server::start(), Server::start());
    offer(&bad, &v1(), &[&[25_000]]);
    let given = offer(&good, &v1(), &[]);
    let urls = [bad.url("/x"), good.url("/x")];
    bad.test()
        .server(&good)
        .retries(1)
        .stdin(document(&urls, true))
        .line(format!("warning: {}: {WRONG}; trying {}", urls[0], urls[1]))
        .expect_file("x", body())
        .run();
    assert_eq!(given.asked(), ["bytes=20000-29999 ? \"v1\""]);
    assert_eq!(good.requests()[0].header("cache-control"), Some("no-cache"));
}

#[test]
fn a_mirror_with_another_version_gives_all_of_it() {
    let (bad, good) = (Server::start(), Server::start());
    offer(&bad, &v1(), &[&[25_000]]);
    let given = offer(&good, &Resource::new(&body(), "\"other\""), &[]);
    let urls = [bad.url("/x"), good.url("/x")];
    let test = bad.test().server(&good).retries(1).stdin(document(&urls, true));
    test.any_stderr().expect_file("x", body()).run();
    assert_eq!(given.asked(), ["bytes=20000-29999 ? \"v1\""]);
}

#[test]
fn a_mirror_is_asked_again_past_its_caches_when_the_others_have_nothing() {
    let (bad, empty) = (Server::start(), Server::start());
    let given = offer(&bad, &v1(), &[&[25_000]]);
    empty.serve("/x", Reply::status(404, "-"));
    let urls = [bad.url("/x"), empty.url("/x")];
    let test = bad.test().server(&empty).retries(1).stdin(document(&urls, true));
    test.any_stderr().expect_file("x", body()).run();
    assert_eq!(given.asked(), ["all", "bytes=20000-29999 ? \"v1\""]);
    assert_eq!(bad.requests()[1].header("cache-control"), Some("no-cache"));
}

#[test]
fn when_all_mirrors_are_wrong_the_file_fails() {
    let (one, other) = (Server::start(), Server::start());
    for server in [&one, &other] {
        offer(server, &v1(), &[&[25_000_usize] as &[usize]; 9]);
    }
    let urls = [one.url("/x"), other.url("/x")];
    let test = one.test().server(&other).retries(3).stdin(document(&urls, true));
    let output = test.any_result().run();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("all 2 mirrors failed"), "{}", output.stderr);
    check_part(output.folder.path(), "x", &body());
    assert_eq!((one.requests().len(), other.requests().len()), (2, 1));
}

#[test]
fn the_record_vouches_for_no_wrong_piece_while_it_is_fetched_again() {
    let server = Server::start();
    let gate = Gate::default();
    let closed = gate.clone();
    Offer::new(&v1())
        .spoiled(move |number, _, reply| match number {
            0 => spoil(reply, &[25_000]),
            _ => reply.hold_header(&closed),
        })
        .on(&server, "/x");
    let test = run(&server, true).any_stderr().expect_file("x", body());
    let folder = test.path().to_owned();
    let running = test.start();
    server.wait_for_requests(2);
    assert_eq!(recorded(&folder, "x"), [0..20_000, 30_000..LENGTH]);
    check_part(&folder, "x", &body());
    gate.open();
    running.finish();
}

#[test]
fn pieces_of_another_file_cost_nothing_where_all_of_it_can_be_checked() {
    let server = Server::start();
    server.serve("/x", Reply::ok(body()));
    let wrong = hex(Algorithm::Sha1, &body()[..PIECE]);
    let list = document(&[server.url("/x")], true).replace(&wrong, &"0".repeat(40));
    server.test().stdin(list).expect_file("x", body()).run();

    let server = Server::start();
    let given = offer(&server, &v1(), &[]);
    let list = document(&[server.url("/x")], false).replace(&wrong, &"0".repeat(40));
    let output = server.test().stdin(list).any_result().run();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("the checksum of bytes 0-9999 is sha1:"), "{}", output.stderr);
    assert_eq!(given.asked(), ["all", "bytes=0-9999 ? \"v1\""]);

    // What the digest of the whole says goes before all pieces that are right.
    let server = Server::start();
    let given = offer(&server, &v1(), &[]);
    let wrong = hex(Algorithm::Sha256, &body());
    let list = document(&[server.url("/x")], true).replace(&wrong, &"0".repeat(64));
    let output = server.test().stdin(list).any_result().run();
    assert_eq!(output.status, Some(1));
    assert!(output.stderr.contains("the checksum is sha256:"), "{}", output.stderr);
    assert_eq!(given.asked(), ["all", "all"]);
    assert_eq!(std::fs::read_dir(output.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_there_is_checked_by_its_pieces() {
    let server = Server::start();
    let url = server.url("/x");
    run(&server, false).existing("x", body()).skips("x", "exists already").run();
    let mut wrong = body();
    wrong[25_000] ^= 1;
    run(&server, false)
        .existing("x", wrong)
        .fails(&url, &format!("x exists, and {WRONG}"))
        .hint("`--if-exists overwrite` replaces it")
        .run();
}

#[test]
fn a_stream_is_not_checked_by_pieces_and_that_is_told() {
    let server = Server::start();
    server.serve("/x", Reply::ok(body()));
    run(&server, false)
        .args(["-o", "-"])
        .line(format!(
            "warning: {}: not checked: pieces are not checked in a stream",
            server.url("/x")
        ))
        .any_stderr()
        .stdout(body())
        .run();
}

#[test]
fn many_holes_are_one_file() {
    let server = Server::start();
    let body = &body()[..130];
    let places: Vec<usize> = (0..body.len()).step_by(2).collect();
    Offer::new(&Resource::new(body, "\"v1\""))
        .spoiled(move |number, _, reply| if number == 0 { spoil(reply, &places) } else { reply })
        .on(&server, "/x");
    let list = document_of(body, 1, &[server.url("/x")], false);
    server.test().stdin(list).any_stderr().expect_file("x", body).run();
    assert_eq!(server.asked(), ["all", "all"]);
}

#[test]
fn whatever_is_spoiled_no_wrong_byte_is_in_a_file() {
    const LENGTH: usize = 600_000;
    let body = content(4, LENGTH);
    for seed in 0..16_usize {
        let server = Server::start();
        // Answers are wrong less and less, at places that follow no pattern.
        Offer::new(&Resource::new(&body, "\"v1\""))
            .rate(20_000_000)
            .spoiled(move |number, _, reply| {
                let wrong = (seed % 4 + 1).saturating_sub(number * (seed % 3));
                let place = |n: usize| (seed * 7919 + n * 131_337 + number * 50_101) % LENGTH;
                spoil(reply, &(0..wrong).map(place).collect::<Vec<_>>())
            })
            .on(&server, "/x");
        let list = document_of(&body, 50_000, &[server.url("/x")], seed % 2 == 0);
        let test = server.test().stdin(list).args(["-j", "3", "--min-split", "64K"]);
        let output = test.any_result().run();
        if let Ok(bytes) = std::fs::read(output.folder.path().join("x")) {
            assert!(bytes == body && output.status == Some(0), "{}", output.stderr);
        } else {
            assert_eq!(output.status, Some(1));
            check_part(output.folder.path(), "x", &body);
        }
    }
}

#[test]
fn an_update_replaces_a_file_with_a_wrong_piece() {
    let server = Server::start();
    let _ = offer(&server, &v1(), &[]);
    let mut wrong = body();
    wrong[20_001] ^= 1;
    let test = run(&server, false).existing("x", wrong).args(["--if-exists", "update"]);
    test.expect_file("x", body()).run();
    assert_eq!(server.requests()[0].header("if-modified-since"), None);
}
