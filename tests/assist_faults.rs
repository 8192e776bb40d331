//! Helpers and bad servers: whatever a helper is answered, the file is right in the end, the first
//! connection goes on, and the server is not asked again and again.

use std::time::Duration;

use crate::harness::helped::{KIB, LENGTH, RATE, body, get, v1};
use crate::harness::resource::Resource;
use crate::harness::{Gate, Ledger, Offer, Reply, Server, content};

/// Which requests of helpers a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    Once,
}

/// Downloads with four workers from a server that is good but for what it gives helpers.
#[track_caller]
fn helped_with(when: When, rate: u64, fault: fn(Reply) -> Reply) -> Ledger {
    let server = Server::start();
    let offer = Offer::new(&v1()).rate(rate).spoiled(move |number, request, reply| {
        let is_meant = when == When::Always || number == 1;
        let is_part = request.header("range").is_some();
        if is_meant && is_part { fault(reply) } else { reply }
    });
    let ledger = offer.on(&server, "/a");
    get(&server).args(["-j", "4"]).retries(5).any_stderr().expect_file("a", body()).run();
    assert!(ledger.count() > 1, "nobody helped");
    assert!(server.most_at_once() <= 4, "{}", server.most_at_once());
    ledger
}

#[test]
fn a_server_that_answers_a_range_with_everything_is_left_alone() {
    let server = Server::start();
    let offer = Offer::new(&v1().without_ranges()).rate(2 * RATE);
    let ledger = offer.on(&server, "/a");
    get(&server).args(["-j", "8"]).expect_file("a", body()).run();
    let asked = ledger.asked();
    assert!((2..=4).contains(&asked.len()), "{asked:?}");
    let mut parts = asked[1..].to_vec();
    parts.sort();
    parts.dedup();
    assert_eq!(parts.len(), asked.len() - 1, "a range is asked for twice: {asked:?}");
    // The first connection is used to its end.
    crate::harness::wait_until("the first answer is complete", || {
        ledger.given()[0].range == (0..LENGTH)
    });
}

/// Puts other words in the place of a 206's Content-Range.
fn says(reply: &Reply, start: usize, length: usize, total: &str) -> Reply {
    let range = format!("bytes {start}-{}/{total}", start + length - 1);
    reply.clone().with_field("Content-Range", range)
}

/// Expects that the file is right although helpers get such answers, now and then or always.
#[track_caller]
fn is_got_over(fault: fn(Reply) -> Reply) {
    for when in [When::Once, When::Always] {
        let ledger = helped_with(when, 6 * RATE, fault);
        let asked = ledger.asked();
        assert!(asked.len() <= 24, "{when:?}: {asked:?}");
    }
}

#[test]
fn a_part_from_another_place_is_not_put_in() {
    is_got_over(|reply| says(&reply, reply.begins_at() + 1, reply.body_len(), &LENGTH.to_string()));
    is_got_over(|reply| says(&reply, 0, reply.body_len(), &LENGTH.to_string()));
}

#[test]
fn a_part_of_a_file_of_another_length_is_not_put_in() {
    is_got_over(|reply| {
        says(&reply, reply.begins_at(), reply.body_len(), &(LENGTH + 1).to_string())
    });
}

#[test]
fn a_part_of_a_file_of_unknown_length_does_no_harm() {
    is_got_over(|reply| says(&reply, reply.begins_at(), reply.body_len(), "*"));
}

#[test]
fn a_part_that_does_not_say_what_it_is_is_not_put_in() {
    is_got_over(|reply| reply.with_field("Content-Range", "items 0-1/2"));
    is_got_over(|reply| reply.with_field("ETag", "W/\"v1\""));
}

#[test]
fn a_part_that_is_smaller_than_asked_for_leaves_no_hole() {
    is_got_over(|reply| {
        let length = reply.body_len() - 1000;
        let bytes = reply.body_bytes()[..length].to_vec();
        says(&reply, reply.begins_at(), length, &LENGTH.to_string()).body(bytes)
    });
}

#[test]
fn a_part_that_breaks_off_leaves_no_hole() {
    // What is left at last comes whole: half of one byte would never come.
    is_got_over(|reply| match reply.body_len() {
        length @ 10_000.. => reply.cut_after(length / 2),
        _ => reply,
    });
    is_got_over(|reply| match reply.body_len() {
        length @ 10_000.. => reply.reset_after(length / 2),
        _ => reply,
    });
    is_got_over(|reply| reply.cut_after(0));
}

#[test]
fn a_part_that_goes_on_after_its_end_puts_nothing_behind_it() {
    is_got_over(|reply| {
        let bytes = [reply.body_bytes(), &[b'x'; 5000]].concat();
        reply.body(bytes)
    });
    is_got_over(|reply| {
        let bytes = [reply.body_bytes(), &[b'x'; 5000]].concat();
        reply.body(bytes).chunked(10_000)
    });
    is_got_over(|reply| reply.until_close().endless("more "));
}

#[test]
fn several_parts_in_one_answer_are_not_put_in() {
    is_got_over(|reply| {
        let (start, end) = (reply.begins_at(), reply.begins_at() + reply.body_len() - 1);
        let head = format!("--x\r\nContent-Range: bytes {start}-{end}/{LENGTH}\r\n\r\n");
        let bytes = [head.as_bytes(), reply.body_bytes(), b"\r\n--x--\r\n"].concat();
        Reply::status(206, "Partial Content")
            .header("ETag", "\"v1\"")
            .header("Content-Type", "multipart/byteranges; boundary=x")
            .body(bytes)
    });
}

/// Puts another version in the file's place when `resource` is asked for the third time.
#[track_caller]
fn changes(resource: &Resource, new: &[u8], etag: &'static str) {
    let server = Server::start();
    let (copy, bytes) = (resource.clone(), new.to_vec());
    let offer = Offer::new(resource).rate(2 * RATE).spoiled(move |number, request, reply| {
        if number != 2 {
            return reply;
        }
        copy.change(&bytes, etag);
        copy.answer(request).rate(2 * RATE)
    });
    let ledger = offer.on(&server, "/a");
    get(&server).args(["-j", "4"]).retries(1).any_stderr().expect_file("a", new).run();
    let asked = ledger.asked();
    let whole = asked.iter().filter(|asked| *asked == "all").count();
    assert!(whole <= 2, "started over more than once: {asked:?}");
}

#[test]
fn a_file_that_changes_while_it_is_helped_comes_whole_in_its_new_version() {
    // As long as it was, shorter, longer.
    for length in [LENGTH, LENGTH / 2, LENGTH + 100 * KIB] {
        changes(&v1(), &content(2, length), "\"v2\"");
        changes(&v1().ignoring_if_range(), &content(2, length), "\"v2\"");
    }
}

#[test]
fn a_file_whose_length_changes_while_it_is_helped_comes_whole_in_its_new_version() {
    for length in [LENGTH / 2, LENGTH + 100 * KIB] {
        changes(&v1(), &content(2, length), "\"v1\"");
    }
}

#[test]
fn a_server_that_never_gives_the_same_etag_twice_still_gives_the_file() {
    // As some CDNs do, whose nodes each make their own.
    for resource in [v1(), v1().ignoring_if_range()] {
        let server = Server::start();
        let offer = Offer::new(&resource)
            .rate(4 * RATE)
            .spoiled(|number, _, reply| reply.with_field("ETag", format!("\"n{number}\"")));
        let ledger = offer.on(&server, "/a");
        get(&server).args(["-j", "4"]).retries(2).any_stderr().expect_file("a", body()).run();
        assert!(ledger.count() <= 16, "{:?}", ledger.asked());
    }
}

#[test]
fn a_server_that_refuses_helpers_is_not_asked_by_them_again_and_again() {
    for fault in [
        (|_| Reply::status(429, "-")) as fn(Reply) -> Reply,
        |_| Reply::status(429, "-").header("Retry-After", "60"),
        |_| Reply::status(503, "-"),
        |_| Reply::status(503, "-").header("Retry-After", "60").close(),
        |_| Reply::status(403, "-"),
        |_| Reply::status(404, "-"),
        |_| Reply::status(416, "-"),
        |_| Reply::status(500, "-"),
        |_| Reply::redirect(302, "/a"),
        |_| Reply::nothing(),
        |_| Reply::nothing().reset(),
        |_| Reply::raw("SSH-2.0\r\n"),
    ] {
        let asked = helped_with(When::Always, 8 * RATE, fault).asked();
        assert!(asked.len() <= 9, "{asked:?}");
    }
}

#[test]
fn one_refusal_costs_a_helper_and_not_the_file() {
    for fault in [
        (|_| Reply::status(429, "-").header("Retry-After", "1")) as fn(Reply) -> Reply,
        |_| Reply::status(503, "-"),
        |_| Reply::status(403, "-"),
        |_| Reply::nothing().reset(),
    ] {
        let asked = helped_with(When::Once, 4 * RATE, fault).asked();
        assert!(asked.len() <= 24, "{asked:?}");
    }
}

#[test]
fn a_helper_that_is_told_to_wait_waits() {
    let server = Server::start();
    let offer = Offer::new(&v1()).rate(RATE).spoiled(|number, _, reply| match number {
        1 => Reply::status(429, "-").header("Retry-After", "1"),
        _ => reply,
    });
    let ledger = offer.on(&server, "/a");
    // One helper, so that no other has asked before the answer came.
    get(&server).args(["-j", "2"]).retries(5).any_stderr().expect_file("a", body()).run();
    let given = ledger.given();
    assert!(given.len() >= 2, "nobody helped");
    if let Some(next) = given.get(2) {
        let waited = next.request.at - given[1].request.at;
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}

#[test]
fn a_server_that_takes_one_connection_gives_the_file_on_it() {
    let server = Server::start();
    server.take_connections(1);
    let ledger = Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
    let test = get(&server).args(["-j", "8", "-v"]).retries(5).any_stderr();
    let output = test.expect_file("a", body()).run();
    assert_eq!(ledger.asked(), ["all"]);
    // A refused connection is nothing that the server's ledger could tell of.
    let helpers = output.stderr.matches(" helps: bytes ").count();
    assert!((1..=24).contains(&helpers), "{}", output.stderr);
}

/// Downloads from a server whose answers stall or crawl as `fault` has it, and expects that the
/// others do not wait for that.
#[track_caller]
fn is_taken_over(fault: impl Fn(usize, Reply) -> Reply + Send + Sync + 'static) {
    let server = Server::start();
    let offer = Offer::new(&v1()).rate(RATE);
    let ledger = offer.spoiled(move |number, _, reply| fault(number, reply)).on(&server, "/a");
    // By default a stall may last for 30 s.
    let test = get(&server).args(["-j", "4"]).retries(5).any_stderr();
    let output = test.within(Duration::from_secs(20)).expect_file("a", body()).run();
    assert!(output.took < Duration::from_secs(8), "{:?}", output.took);
    assert!(ledger.count() <= 60, "{:?}", ledger.asked());
}

#[test]
fn a_helper_that_stalls_does_not_hold_up_the_end() {
    let never = Gate::default();
    let gate = never.clone();
    is_taken_over(move |number, reply| match number {
        1 => reply.hold_header(&gate),
        _ => reply,
    });
    for bytes in [0, 50 * KIB] {
        let gate = never.clone();
        is_taken_over(move |number, reply| match number {
            1 => reply.hold_after(bytes, &gate),
            _ => reply,
        });
    }
}

/// Puts what asks for a range into a queue that never moves.
fn is_silent_about_ranges(offer: Offer) -> Offer {
    let never = Gate::default();
    offer.spoiled(move |_, request, reply| match request.header("range") {
        Some(_) => reply.hold_header(&never),
        None => reply,
    })
}

#[test]
fn a_server_that_does_not_answer_ranges_gives_the_file_on_the_first_connection() {
    let server = Server::start();
    let ledger = is_silent_about_ranges(Offer::new(&v1()).rate(RATE)).on(&server, "/a");
    let test = get(&server).args(["-j", "4"]).within(Duration::from_secs(20));
    // The first answer is read to its end, so nothing has to be tried again.
    test.expect_file("a", body()).run();
    let asked = ledger.asked();
    assert!((2..=8).contains(&asked.len()), "{asked:?}");
    assert_eq!(asked.iter().filter(|asked| *asked == "all").count(), 1, "{asked:?}");
}

#[test]
fn a_server_that_does_not_answer_ranges_gives_the_stream_on_the_first_connection() {
    let server = Server::start();
    let ledger = is_silent_about_ranges(Offer::new(&v1()).rate(RATE)).on(&server, "/a");
    let test = get(&server).args(["-j", "4", "-o", "-"]).within(Duration::from_secs(20));
    test.any_stderr().stdout(body()).run();
    let asked = ledger.asked();
    assert!((2..=8).contains(&asked.len()), "{asked:?}");
}

#[test]
fn a_first_connection_that_stalls_does_not_hold_up_the_end() {
    let never = Gate::default();
    for bytes in [0, 100 * KIB] {
        let gate = never.clone();
        is_taken_over(move |number, reply| match number {
            0 => reply.hold_after(bytes, &gate),
            _ => reply,
        });
    }
}

#[test]
fn a_connection_ten_times_slower_does_not_hold_up_the_end() {
    for slow in [0, 1, 3] {
        is_taken_over(
            move |number, reply| {
                if number == slow { reply.rate(RATE / 10) } else { reply }
            },
        );
    }
}

#[test]
fn a_helped_file_over_the_size_limit_fails_once() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
    let output = get(&server)
        .args(["-j", "4"])
        // In blocks of 512 or 1024 bytes, as the shell has it; both are less than the file.
        .shell("ulimit -f 1000; exec \"$@\"")
        .retries(5)
        .any_result()
        .run();
    assert_eq!(output.status, Some(1));
    let told = format!("error: {}: cannot write a.part: file too large", server.url("/a"));
    assert_eq!(output.stderr.matches(&told).count(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{}", output.stderr);
    assert!(!output.folder.path().join("a").exists());
    assert!(ledger.count() <= 8, "{:?}", ledger.asked());
}
