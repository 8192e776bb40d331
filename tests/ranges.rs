//! What a server may answer to a request for the rest of a file, right or wrong: the file is right in
//! the end, or there is none.

use std::fmt::Write as _;

use crate::harness::resource::Resource;
use crate::harness::{Reply, Server, content};

const HALF: usize = 150_000;
const LENGTH: usize = 2 * HALF;

/// A request for the second half.
const REST: &str = "bytes=150000- ? \"v1\"";

fn body() -> Vec<u8> {
    content(1, LENGTH)
}

/// A server that cuts the first answer at half, gives `answer` to the request for the rest, and is a
/// good one from there on.
fn server_with(answer: Reply) -> Server {
    let server = Server::start();
    server.serve("/a", Reply::ok(body()).header("ETag", "\"v1\"").cut_after(HALF));
    server.serve("/a", answer);
    let resource = Resource::new(&body(), "\"v1\"");
    server.handle(move |request| resource.answer(request));
    server
}

/// Expects that the answer is not used, and that all is asked for at once instead.
#[track_caller]
fn starts_over(answer: Reply, reason: &str) {
    let server = server_with(answer);
    let output =
        server.get(["/a"]).retries(1).arg("--verbose").any_stderr().expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST, "all"]);
    let told = format!("#1 starting over: {reason}\n");
    assert!(output.stderr.contains(&told), "{told}{}", output.stderr);
}

/// The bytes that were asked for, under this Content-Range.
fn rest(content_range: &str) -> Reply {
    Reply::status(206, "Partial Content")
        .body(&body()[HALF..])
        .header("ETag", "\"v1\"")
        .header("Content-Range", content_range)
}

#[test]
fn another_range_than_the_one_asked_for_is_not_joined() {
    let reason = "the server sent another range than it was asked for";
    let whole = body();
    for range in [0..HALF, 0..LENGTH, HALF - 1..LENGTH, HALF + 1..LENGTH, LENGTH - 1..LENGTH] {
        starts_over(Reply::part(&whole, range).header("ETag", "\"v1\""), reason);
    }
}

#[test]
fn a_content_range_that_says_nothing_sensible_is_not_believed() {
    let reason = "the server sent another range than it was asked for";
    starts_over(Reply::status(206, "Partial Content").body(&body()[HALF..]), reason);
    for content_range in [
        "",
        "bytes",
        "bytes 150000-",
        "bytes 150000-299999",
        "bytes -150000/300000",
        "bytes */300000",
        "bytes 150000-149999/300000",
        "bytes 150000-299999/150000",
        "bytes 150000-300000/300000",
        "bytes 150000-18446744073709551616/*",
        "bytes 0x249f0-299999/300000",
        "bytes +150000-299999/300000",
        "items 150000-299999/300000",
        "bytes 150000-299998/300000",
        "bytes 150000-199999,200000-299999/300000",
    ] {
        starts_over(rest(content_range), reason);
    }
}

#[test]
fn a_rest_of_a_file_of_another_length_is_not_joined() {
    let reason = "the file has another length on the server";
    starts_over(rest("bytes 150000-299999/300001"), reason);
    starts_over(rest("bytes 150000-299999/1000000"), reason);
    let longer = Reply::status(206, "Partial Content").body(&content(1, LENGTH + 8)[HALF..]);
    starts_over(longer.header("Content-Range", "bytes 150000-300007/*"), reason);
}

#[test]
fn a_rest_that_is_longer_than_it_says_is_not_joined() {
    let reason = "the server sent another range than it was asked for";
    let longer = rest("bytes 150000-299999/300000").body(&content(1, LENGTH + 8)[HALF..]);
    starts_over(longer, reason);
}

#[test]
fn a_rest_in_chunks_that_is_longer_than_it_says_does_not_make_the_file_longer() {
    // No length contradicts the range here; only counting tells.
    let longer = rest("bytes 150000-299999/300000").body(&content(1, LENGTH + 8)[HALF..]);
    for answer in [longer.clone().chunked(10_000), longer.until_close()] {
        let server = server_with(answer);
        server.get(["/a"]).retries(3).any_stderr().expect_file("a", body()).run();
    }
}

#[test]
fn a_rest_in_chunks_that_is_shorter_than_it_says_is_completed() {
    let shorter = rest("bytes 150000-299999/300000").body(&body()[HALF..LENGTH - 100]);
    for answer in [shorter.clone().chunked(10_000), shorter.until_close()] {
        let server = server_with(answer);
        server.get(["/a"]).retries(3).any_stderr().expect_file("a", body()).run();
        let last = format!("bytes={}- ? \"v1\"", LENGTH - 100);
        assert_eq!(server.asked(), ["all", REST, &last]);
    }
}

#[test]
fn a_rest_of_another_version_is_not_joined() {
    let reason = "the file changed on the server";
    let fits = |field: &str, value: &str| {
        let content_range = "bytes 150000-299999/300000";
        Reply::status(206, "Partial Content")
            .body(&content(2, LENGTH)[HALF..])
            .header("Content-Range", content_range)
            .header(field, value)
    };
    starts_over(fits("ETag", "\"v2\""), reason);
    starts_over(fits("ETag", "W/\"v1\""), reason);
    starts_over(fits("ETag", "v1"), reason);
}

#[test]
fn an_answer_that_contradicts_itself_is_not_joined() {
    let (fits, other) = ("bytes 150000-299999/300000", "bytes 0-149999/300000");
    let reason = "the server sent another range than it was asked for";
    starts_over(rest(fits).header("Content-Range", other), reason);
    starts_over(rest(other).header("Content-Range", fits), reason);
    let reason = "the server does not say which version it sent a range of";
    for etag in ["\"v2\"", "W/\"v1\"", "*"] {
        starts_over(rest(fits).header("ETag", etag), reason);
    }
}

#[test]
fn what_is_said_twice_in_the_same_words_is_said_once() {
    let fits = "bytes 150000-299999/300000";
    let server = server_with(rest(fits).header("ETag", "\"v1\"").header("Content-Range", fits));
    server.get(["/a"]).retries(1).any_stderr().expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST]);
}

#[test]
fn several_ranges_in_one_answer_are_not_joined() {
    let mut parts = String::new();
    for range in ["0-9", "150000-299999"] {
        let _ = write!(parts, "--x\r\nContent-Range: bytes {range}/300000\r\n\r\nwhatever\r\n");
    }
    let answer = |media_type: &str| {
        Reply::status(206, "Partial Content")
            .body(format!("{parts}--x--\r\n"))
            .header("Content-Type", media_type)
    };
    let reason = "the server sent several ranges in one";
    starts_over(answer("multipart/byteranges; boundary=x"), reason);
    starts_over(answer("Multipart/ByteRanges;boundary=x"), reason);
    // A Content-Range does not make it better.
    let fits = "bytes 150000-299999/300000";
    starts_over(
        rest(fits).header("Content-Type", "multipart/byteranges; boundary=x"),
        "the server sent several ranges in one",
    );
}

#[test]
fn a_range_that_is_not_there_though_it_must_be_starts_over() {
    let reason = "the server has no such range";
    let refused = Reply::status(416, "Range Not Satisfiable");
    starts_over(refused.clone(), reason);
    starts_over(refused.clone().header("Content-Range", "bytes */300000"), reason);
    // The length that is held: a server may say so of a file that is not complete here.
    starts_over(refused.clone().header("Content-Range", "bytes */150000"), reason);
    starts_over(refused.body("no such range").until_close(), reason);
}

#[test]
fn the_whole_instead_of_the_rest_is_taken_as_the_whole() {
    for answer in [
        Reply::ok(body()).header("ETag", "\"v1\""),
        Reply::ok(body()),
        Reply::ok(body()).chunked(7777),
        // A Content-Range has no meaning in a 200.
        Reply::ok(body()).header("Content-Range", "bytes 150000-299999/300000"),
    ] {
        let server = server_with(answer);
        server.get(["/a"]).retries(1).any_stderr().expect_file("a", body()).run();
        assert_eq!(server.asked(), ["all", REST]);
    }
}

#[test]
fn a_rest_that_comes_in_parts_is_asked_for_part_by_part() {
    let part = |range| Reply::part(&body(), range).header("ETag", "\"v1\"");
    let server = server_with(part(HALF..HALF + 1));
    server.serve("/a", part(HALF + 1..200_000));
    server.serve("/a", part(200_000..LENGTH - 1));
    let cut = "the body ended after 146 KiB of 293 KiB";
    // One retry for the cut; a server that gives less than it could has not failed.
    server
        .get(["/a"])
        .retries(1)
        .retried(server.url("/a"), cut, "after progress")
        .expect_file("a", body())
        .run();
    let asked = |from: usize| format!("bytes={from}- ? \"v1\"");
    assert_eq!(
        server.asked(),
        ["all", REST, &asked(HALF + 1), &asked(200_000), &asked(LENGTH - 1)]
    );
}

#[test]
fn a_rest_of_a_file_of_unknown_length_is_not_taken_for_the_end() {
    // Neither the first answer nor this one says how long the file is.
    let server = Server::start();
    let whole = Reply::ok(body()).header("ETag", "\"v1\"");
    server.serve("/a", whole.chunked(HALF).cut_after(HALF + 8));
    let part = Reply::status(206, "Partial Content").body(&body()[HALF..200_000]);
    let part = part.header("ETag", "\"v1\"");
    server.serve("/a", part.header("Content-Range", "bytes 150000-199999/*"));
    let resource = Resource::new(&body(), "\"v1\"");
    server.handle(move |request| resource.answer(request));
    server.get(["/a"]).retries(3).any_stderr().expect_file("a", body()).run();
}

#[test]
fn a_length_that_only_the_rest_tells_counts() {
    // Chunks say no length; Content-Range does, and the answer ends before it.
    let server = Server::start();
    let whole = Reply::ok(body()).header("ETag", "\"v1\"");
    server.serve("/a", whole.chunked(HALF).cut_after(HALF + 8));
    server.serve("/a", Reply::part(&body(), HALF..200_000).header("ETag", "\"v1\""));
    let resource = Resource::new(&body(), "\"v1\"");
    server.handle(move |request| resource.answer(request));
    server.get(["/a"]).retries(3).any_stderr().expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST, "bytes=200000- ? \"v1\""]);
}

#[test]
fn a_refusal_of_the_rest_is_an_error_and_keeps_what_is_there() {
    for (answer, cause) in [
        (Reply::status(404, "Not Found"), "404 Not Found"),
        (Reply::status(402, "Pay"), "402 Payment Required"),
        (Reply::status(204, "No Content"), "status 204 No Content: …"),
        (Reply::raw("HTTP/1.1 304 Not Modified\r\n\r\n"), "status 304 Not Modified …"),
    ] {
        let server = server_with(answer);
        let mut test = server
            .get(["/a"])
            .retries(1)
            .retried(server.url("/a"), "the body ended after …", "after progress")
            .fails(server.url("/a"), &format!("{cause} after 146 KiB of 293 KiB (2 attempts)"))
            .kept_hint("a")
            .keeps("a", &body()[..HALF]);
        if cause.starts_with("404") {
            test = test.hint("check the URL");
        }
        test.run();
        assert_eq!(server.asked(), ["all", REST]);
    }
}

#[test]
fn a_rest_that_is_not_to_be_had_for_a_moment_is_asked_for_again() {
    let server = server_with(Reply::status(503, "Service Unavailable"));
    server.get(["/a"]).retries(1).any_stderr().expect_file("a", body()).run();
    assert_eq!(server.asked(), ["all", REST, REST]);
}

#[test]
fn a_server_that_lies_about_every_range_is_given_up() {
    let server = Server::start();
    server.handle(|request| match request.header("range") {
        None => Reply::ok(body()).header("ETag", "\"v1\"").cut_after(HALF),
        Some(_) => Reply::part(&body(), 0..HALF).header("ETag", "\"v1\""),
    });
    server
        .get(["/a"])
        .retries(2)
        .any_stderr()
        .stdout("")
        .keeps("a", &body()[..HALF])
        .status(1)
        .run();
    assert!(server.requests().len() <= 8, "{:?}", server.asked());
}

#[test]
fn a_redirect_to_a_new_place_each_time_does_not_keep_it_from_going_on() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/cdn?signature=1"));
    server.serve("/a", Reply::redirect(302, "/cdn?signature=2"));
    let whole = Reply::ok(body()).header("ETag", "\"v1\"");
    server.serve("/cdn?signature=1", whole.cut_after(HALF));
    let resource = Resource::new(&body(), "\"v1\"");
    server.answer("/cdn?signature=2", move |request| resource.answer(request));
    server.get(["/a"]).retries(1).any_stderr().expect_file("a", body()).run();
    let asked = server.asked();
    assert_eq!((&*asked[1], &*asked[3]), ("all", REST));
}
