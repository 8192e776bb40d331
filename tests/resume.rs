//! Inside one run: a transfer that breaks goes on where it ended, if it can be shown that the file
//! is still the same, and starts over if not. Bytes of two versions are never joined.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::part::check_part;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Reply, Server, content};

const HALF: usize = 150_000;
const LENGTH: usize = 2 * HALF;

/// What is told about a body that was cut at half.
const CUT: &str = "the body ended after 146 KiB of 293 KiB";

/// A request for the second half of version 1.
const REST: &str = "bytes=150000- ? \"v1\"";

fn body() -> Vec<u8> {
    content(1, LENGTH)
}

fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

/// A server that offers `resource` as `/a` and spoils its first answers, each in its way.
fn spoiled(resource: &Resource, faults: impl IntoIterator<Item = fn(Reply) -> Reply>) -> Server {
    let server = Server::start();
    for fault in faults {
        let resource = resource.clone();
        server.answer("/a", move |request| fault(resource.answer(request)));
    }
    let resource = resource.clone();
    server.handle(move |request| resource.answer(request));
    server
}

fn cut_at_half(reply: Reply) -> Reply {
    reply.cut_after(HALF)
}

/// Expects that a file comes although its first answer was cut at half.
#[track_caller]
fn comes_after_a_cut(server: &Server, file: &[u8]) {
    server
        .get(["/a"])
        .retries(5)
        .retried(server.url("/a"), CUT, "after progress")
        .expect_file("a", file)
        .run();
}

#[test]
fn a_body_that_is_cut_once_goes_on_where_it_ended() {
    for resource in [v1(), v1().without_ranges()] {
        let server = spoiled(&resource, [cut_at_half as _]);
        comes_after_a_cut(&server, &body());
        assert_eq!(server.asked(), ["all", REST]);
    }
}

#[test]
fn bodies_of_every_framing_go_on_after_a_cut() {
    for fault in [
        (|reply| reply.chunked(1000).cut_after(HALF)) as fn(Reply) -> Reply,
        |reply| reply.chunked(1000).reset_after(HALF),
        |reply| reply.chunked(HALF).cut_after(HALF + 8),
        |reply| reply.until_close().reset_after(HALF),
        |reply| reply.http10().reset_after(HALF),
        |reply| reply.reset_after(HALF),
        |reply| reply.reset_after(0),
    ] {
        let server = spoiled(&v1(), [fault]);
        server.get(["/a"]).retries(5).any_stderr().expect_file("a", body()).run();
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn answers_that_give_a_piece_each_are_followed_to_the_end() {
    // One retry without progress would be allowed; each piece is progress.
    let server = spoiled(&v1(), [(|reply: Reply| reply.cut_after(30_000)) as _; 9]);
    let mut test = server.get(["/a"]).retries(1).expect_file("a", body());
    for _ in 0..9 {
        test = test.retried(server.url("/a"), "the body ended after …", "after progress");
    }
    test.run();
    let asked = server.asked();
    assert_eq!(asked.len(), 10);
    assert_eq!(asked[9], "bytes=270000- ? \"v1\"");
}

#[test]
fn a_body_that_is_always_cut_at_the_same_place_is_given_up() {
    let server = Server::start();
    server.always("/a", Reply::ok(body()).cut_after(HALF));
    server
        .get(["/a"])
        .retries(2)
        .retried(server.url("/a"), CUT, "after progress")
        .retried(server.url("/a"), CUT, "retry 1 of 2")
        .retried(server.url("/a"), CUT, "retry 2 of 2")
        .fails(server.url("/a"), &format!("{CUT} (4 attempts)"))
        .run();
    assert_eq!(server.asked(), ["all"; 4]);
}

#[test]
fn a_body_whose_last_byte_never_comes_is_given_up_and_kept() {
    let server = Server::start();
    let resource = v1();
    server.handle(move |request| {
        let left = if request.header("range").is_some() { 0 } else { LENGTH - 1 };
        resource.answer(request).cut_after(left)
    });
    let short = "the body of 293 KiB ended 1 B too early";
    server
        .get(["/a"])
        .retries(2)
        .retried(server.url("/a"), short, "after progress")
        .retried(server.url("/a"), short, "retry 1 of 2")
        .retried(server.url("/a"), short, "retry 2 of 2")
        .fails(server.url("/a"), &format!("{short} (4 attempts)"))
        .kept_hint("a")
        .keeps("a", &body()[..LENGTH - 1])
        .run();
    let last = "bytes=299999- ? \"v1\"";
    assert_eq!(server.asked(), ["all", last, last, last]);
}

#[test]
fn a_connection_that_is_always_reset_is_given_up() {
    let server = Server::start();
    server.always("/a", Reply::ok(body()).reset_after(1000));
    let output = server.get(["/a"]).retries(2).any_result().run();
    assert_eq!(output.status, Some(1));
    // The bytes before a reset may or may not be read, so that the number of attempts varies.
    let told = format!("\nerror: {}: the connection broke: ", server.url("/a"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    assert_eq!(std::fs::read_dir(output.folder.path()).unwrap().count(), 0);
    assert!(server.requests().len() <= 9, "{}", server.requests().len());
}

#[test]
fn a_break_before_or_in_the_header_is_got_over() {
    for broken in [
        Reply::nothing(),
        Reply::nothing().reset(),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 30"),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 30").reset(),
    ] {
        let server = Server::start();
        server.serve("/a", broken);
        server.serve("/a", Reply::ok(body()));
        server
            .get(["/a"])
            .retries(1)
            .retried(server.url("/a"), "…", "retry 1 of 1")
            .expect_file("a", body())
            .run();
        assert_eq!(server.connections(), 2);
    }
}

#[test]
fn a_silence_in_the_middle_is_got_over() {
    let server = Server::start();
    let (resource, never) = (v1(), Gate::default());
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).hold_after(HALF, &never));
    server.answer("/a", move |request| resource.answer(request));
    let cause = "the transfer stalled: nothing came for 0.20s";
    server
        .get(["/a"])
        .retries(1)
        .args(["--stall-timeout", "0.2"])
        .retried(server.url("/a"), cause, "after progress")
        .expect_file("a", body())
        .run();
    assert_eq!(server.asked(), ["all", REST]);
}

#[test]
fn nothing_is_joined_without_a_strong_validator() {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let minute_older = ("Last-Modified", "Sun, 06 Nov 1994 08:48:37 GMT");
    for fields in [
        &[] as &[_],
        &[("ETag", "W/\"v1\"")],
        &[("ETag", "v1")],
        &[("ETag", "\"v1")],
        &[("ETag", "\"v\"1\"")],
        &[("ETag", "")],
        &[minute_older],
        &[minute_older, ("Date", "yesterday")],
        &[("Last-Modified", "yesterday"), date],
        &[("Last-Modified", "Sun, 6 Nov 1994 08:48:37 GMT"), date],
        &[("Last-Modified", "Sun, 06 Nov 1994 08:48:38 GMT"), date],
        &[("Last-Modified", "Sun, 06 Nov 1994 08:50:37 GMT"), date],
        // Who sends a weak ETag says that the bytes may differ; the date does not make up for it.
        &[("ETag", "W/\"v1\""), minute_older, date],
    ] {
        let server = spoiled(&Resource::with_fields(&body(), fields), [cut_at_half as _]);
        comes_after_a_cut(&server, &body());
        assert_eq!(server.asked(), ["all", "all"], "{fields:?}");
    }
}

#[test]
fn an_old_date_of_modification_is_a_strong_validator() {
    let fields = [
        ("Last-Modified", "Sun, 06 Nov 1994 08:48:37 GMT"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    let server = spoiled(&Resource::with_fields(&body(), &fields), [cut_at_half as _]);
    server.get(["/a"]).retries(5).any_stderr().expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", "bytes=150000- ? Sun, 06 Nov 1994 08:48:37 GMT"]);
}

/// Cuts the first answer at half and puts another version in the file's place meanwhile.
#[track_caller]
fn changes(
    resource: Resource,
    new: &[u8],
    fields: &[(&'static str, &'static str)],
    asked: &[&str],
) {
    let server = Server::start();
    let (copy, body, fields) = (resource.clone(), new.to_vec(), fields.to_vec());
    server.answer("/a", move |request| {
        let reply = copy.answer(request).cut_after(HALF);
        copy.change_fields(&body, &fields);
        reply
    });
    server.handle(move |request| resource.answer(request));
    comes_after_a_cut(&server, new);
    assert_eq!(server.asked(), asked);
}

#[test]
fn a_file_that_changes_meanwhile_comes_whole_in_its_new_version() {
    // As long as it was, shorter than what is held, longer.
    for length in [LENGTH, HALF / 2, 2 * LENGTH] {
        let new = content(2, length);
        changes(v1(), &new, &[("ETag", "\"v2\"")], &["all", REST]);
        // The validator may also be gone, or no longer strong.
        changes(v1(), &new, &[], &["all", REST]);
        changes(v1(), &new, &[("ETag", "W/\"v1\"")], &["all", REST]);
    }
}

#[test]
fn a_changed_file_is_found_out_when_the_server_ignores_the_condition() {
    let again = ["all", REST, "all"];
    for length in [LENGTH, HALF / 2, 2 * LENGTH] {
        let new = content(2, length);
        changes(v1().ignoring_if_range(), &new, &[("ETag", "\"v2\"")], &again);
        changes(v1().ignoring_if_range(), &new, &[("ETag", "W/\"v1\"")], &again);
    }
    // The ETag is the same and the length tells.
    for length in [HALF / 2, LENGTH - 1, 2 * LENGTH] {
        let new = content(2, length);
        changes(v1().ignoring_if_range(), &new, &[("ETag", "\"v1\"")], &again);
    }
}

#[test]
fn a_changed_date_of_modification_is_found_out() {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let old = [("Last-Modified", "Sun, 06 Nov 1994 08:40:00 GMT"), date];
    let new = [("Last-Modified", "Sun, 06 Nov 1994 08:41:00 GMT"), date];
    let resource = || Resource::with_fields(&body(), &old);
    let other = content(2, LENGTH);
    let rest = "bytes=150000- ? Sun, 06 Nov 1994 08:40:00 GMT";
    changes(resource(), &other, &new, &["all", rest]);
    changes(resource().ignoring_if_range(), &other, &new, &["all", rest, "all"]);
}

#[test]
fn a_part_is_not_taken_for_the_whole_whatever_its_status() {
    // A server that forgets the 206, with and without saying which part it is.
    let says_part = |reply: Reply| reply.with_status(200);
    let says_nothing = |reply: Reply| Reply::ok(reply.body_bytes()).header("ETag", "\"v1\"");
    for fault in [says_part as fn(Reply) -> Reply, says_nothing] {
        let server = spoiled(&v1(), [cut_at_half, fault]);
        comes_after_a_cut(&server, &body());
        assert_eq!(server.asked(), ["all", REST, "all"]);
    }
    let server = Server::start();
    server.serve("/a", Reply::part(&body(), HALF..LENGTH).with_status(200));
    let cause = "status 200 OK with the Content-Range of a part";
    server.get(["/a"]).fails(server.url("/a"), cause).run();
}

#[test]
fn where_the_rest_is_refused_the_whole_is_asked_for() {
    for status in [400, 405, 406, 412, 417, 501] {
        let server = Server::start();
        let resource = v1();
        let first = resource.clone();
        server.answer("/a", move |request| cut_at_half(first.answer(request)));
        server.handle(move |request| match request.header("range") {
            Some(_) => Reply::status(status, "No").body("no"),
            None => resource.answer(request),
        });
        comes_after_a_cut(&server, &body());
        assert_eq!(server.asked(), ["all", REST, "all"], "{status}");
    }
}

#[test]
fn what_is_held_stays_where_the_whole_is_refused_too() {
    let server = Server::start();
    let resource = v1();
    server.answer("/a", move |request| cut_at_half(resource.answer(request)));
    server.handle(|_| Reply::status(405, "No").body("no"));
    let output = server.get(["/a"]).any_result().run();
    assert_eq!(check_part(output.folder.path(), "a", &body()), HALF);
    let output = server.get(["/a"]).in_folder(output.folder).any_result().run();
    assert_eq!(server.asked(), ["all", REST, "all"]);
    assert_eq!(output.status, Some(1));
    assert_eq!(check_part(output.folder.path(), "a", &body()), HALF);
}

#[test]
fn what_came_and_cannot_be_kept_is_told() {
    // With room for `.part` behind it, and none for the record's suffix.
    let name = "n".repeat(248);
    let resource = v1();
    let server = Server::start();
    server.answer("/a", move |request| cut_at_half(resource.answer(request)));
    let url = server.url("/a");
    let warning = format!(
        "warning: {url}: cannot write {name}.part.haul: file name too long; what came is removed"
    );
    server.get(["/a"]).args(["-o", &name]).fails(&url, CUT).line(warning).run();
}

#[test]
fn a_server_that_never_gives_the_rest_is_told_with_a_way_out() {
    let server = Server::start();
    let resource = v1();
    let first = resource.clone();
    server.answer("/a", move |request| cut_at_half(first.answer(request)));
    server.handle(move |request| match request.header("range") {
        Some(_) => Reply::nothing().reset(),
        None => resource.answer(request),
    });
    // The first run brings something.
    let output = server.get(["/a"]).fails(server.url("/a"), "…").kept_hint("a");
    let output = output.keeps("a", &body()[..HALF]).run();
    let hint = "146 KiB are kept in a.part; run the same command again to go on, or with `--restart` if no more ever comes";
    let again = server.get(["/a"]).in_folder(output.folder);
    let again = again.fails(server.url("/a"), "… after 146 KiB of 293 KiB").hint(hint);
    let output = again.keeps("a", &body()[..HALF]).run();
    let restart = server.get(["/a"]).arg("--restart").in_folder(output.folder);
    restart.expect_file("a", body()).run();
}

#[test]
fn an_answer_that_hides_its_etag_proves_nothing() {
    // RFC 9110 §15.3.7: a 206 has the ETag that a 200 would have. One without it comes from a server
    // that may not have looked at the condition either.
    let new = content(2, LENGTH);
    changes(v1().ignoring_if_range(), &new, &[], &["all", REST, "all"]);
}

#[test]
fn bytes_that_are_packed_are_not_joined_with_others() {
    // Such a server gives one ETag for both.
    let packed = [("ETag", "\"v1\""), ("Content-Encoding", "gzip")];
    changes(v1(), &content(2, LENGTH), &packed, &["all", REST, "all"]);
}

#[test]
fn a_server_that_never_gives_the_same_etag_twice_still_gives_the_file() {
    // As some CDNs do, whose nodes each make their own.
    for resource in [v1(), v1().ignoring_if_range()] {
        let server = Server::start();
        let answers = AtomicUsize::new(0);
        server.handle(move |request| {
            let number = answers.fetch_add(1, Ordering::Relaxed);
            resource.change(&body(), &format!("\"n{number}\""));
            let reply = resource.answer(request);
            if number < 2 { reply.cut_after(HALF) } else { reply }
        });
        server.get(["/a"]).retries(5).any_stderr().expect_file("a", body()).run();
        assert!(server.requests().len() <= 5, "{:?}", server.asked());
    }
}
