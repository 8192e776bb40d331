//! Idle workers help: which transfers, with how many connections, and when not.

use rustix::process::Signal;

use crate::harness::helped::{KIB, LENGTH, ON_THE_WAY, RATE, body, get, small_parts, v1};
use crate::harness::offer::Given;
use crate::harness::resource::Resource;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Gate, Ledger, Offer, Reply, Request, Server, Test, content};

/// Reads a request for a part with both ends, as `start..end`.
#[track_caller]
fn asked_range(request: &Request) -> std::ops::Range<usize> {
    let range = request.header("range").expect("a range");
    let ends = range.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let (first, last) = ends.expect("a range of bytes");
    let last: usize = last.parse().expect("a part that somebody helps with has an end");
    first.parse().unwrap()..last + 1
}

/// Checks that the first answer is to a request for all, and the others are to ones for parts.
#[track_caller]
fn check_requests(given: &[Given]) {
    assert_eq!(given[0].request.asks(), "all");
    for part in &given[1..] {
        assert!(asked_range(&part.request).end <= LENGTH, "{}", part.request.asks());
        assert_eq!(part.request.header("if-range"), Some("\"v1\""));
    }
}

#[test]
fn one_file_is_fetched_by_all_workers() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
    let output = get(&server).args(["-j", "8", "-v"]).any_stderr().expect_file("a", body()).run();
    let most = server.most_at_once();
    assert!((4..=8).contains(&most), "{most} at once");
    ledger.wait_for_all(LENGTH);
    let given = ledger.given();
    check_requests(&given);
    // The owner has given most of it away, and hardly anything came twice.
    assert!(given[0].range.len() < LENGTH / 2, "{:?}", given[0].range);
    let bytes = ledger.bytes();
    assert!(bytes <= LENGTH + given.len() * ON_THE_WAY, "{bytes}");

    let mut told: Vec<_> = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("#1 worker ")?.split_once(" helps: bytes "))
        .map(|(worker, range)| {
            assert!((1..=8).contains(&worker.parse::<usize>().unwrap()), "{worker}");
            format!("bytes={range}")
        })
        .collect();
    let mut asked: Vec<_> =
        given[1..].iter().map(|part| part.request.header("range").unwrap().to_owned()).collect();
    told.sort();
    asked.sort();
    assert_eq!(told, asked, "{}", output.stderr);
}

#[test]
fn one_worker_or_the_users_wish_never_sends_a_range() {
    for options in [&["-j", "1"] as &[_], &["-j", "8", "--no-split"]] {
        let server = Server::start();
        let ledger = Offer::new(&v1()).rate(8 * RATE).on(&server, "/a");
        get(&server).args(options.iter().copied()).expect_file("a", body()).run();
        assert_eq!(ledger.asked(), ["all"], "{options:?}");
    }
}

#[test]
fn parts_are_not_smaller_than_the_user_allows() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
    let test = server.get(["/a"]).args(["-j", "8", "--min-split", "512K"]);
    test.expect_file("a", body()).run();
    let parts = ledger.parts();
    assert!((1..=3).contains(&parts.len()), "{:?}", ledger.asked());
    for part in parts {
        let length = asked_range(&part.request).len();
        assert!(length >= 512 * KIB, "{}", part.request.asks());
    }
}

#[test]
fn a_host_gets_no_more_connections_for_one_file_than_allowed() {
    let server = Server::start();
    Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
    get(&server).args(["-j", "8", "--per-host", "2"]).expect_file("a", body()).run();
    assert_eq!(server.most_at_once(), 2);
}

#[test]
fn helpers_and_owners_together_are_no_more_than_jobs() {
    let server = Server::start();
    let mut test = small_parts(server.test()).args(["-j", "3"]);
    for number in 0..6 {
        let (target, bytes) = (format!("/{number}"), content(number, 300 * KIB));
        Offer::new(&Resource::new(&bytes, "\"v\"")).rate(2 * RATE).on(&server, &target);
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), bytes);
    }
    test.run();
    assert_eq!(server.most_at_once(), 3);
}

/// Downloads what `offer` makes of a file with these fields, and returns how many requests it took.
fn requests_for(fields: &[(&str, &str)], offer: impl Fn(&Resource) -> Offer) -> usize {
    let server = Server::start();
    let ledger = offer(&Resource::with_fields(&body(), fields)).on(&server, "/a");
    get(&server).args(["-j", "4"]).expect_file("a", body()).run();
    ledger.count()
}

fn steady(resource: &Resource) -> Offer {
    Offer::new(resource).rate(8 * RATE)
}

#[test]
fn what_cannot_be_joined_for_certain_comes_in_one_piece() {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let minute_older = ("Last-Modified", "Sun, 06 Nov 1994 08:48:37 GMT");
    let younger = ("Last-Modified", "Sun, 06 Nov 1994 08:48:38 GMT");
    // These can, so that the others would have been split if they could.
    assert!(requests_for(&[("ETag", "\"v1\"")], steady) > 1);
    assert!(requests_for(&[minute_older, date], steady) > 1);
    for fields in [
        &[] as &[_],
        &[("ETag", "W/\"v1\"")],
        &[("ETag", "v1")],
        &[minute_older],
        &[younger, date],
        &[("ETag", "W/\"v1\""), minute_older, date],
    ] {
        assert_eq!(requests_for(fields, steady), 1, "{fields:?}");
    }
}

#[test]
fn what_has_no_ranges_or_no_length_comes_in_one_piece() {
    let strong = [("ETag", "\"v1\"")];
    let silent = |resource: &Resource| steady(&resource.clone().without_accept_ranges());
    assert_eq!(requests_for(&strong, silent), 1);
    for change in [
        (|reply| reply.with_field("Accept-Ranges", "none")) as fn(Reply) -> Reply,
        |reply| reply.chunked(50_000),
        Reply::until_close,
    ] {
        let offer =
            |resource: &Resource| steady(resource).spoiled(move |_, _, reply| change(reply));
        assert_eq!(requests_for(&strong, offer), 1);
    }
}

#[test]
fn a_small_file_comes_in_one_piece() {
    for (length, is_split) in [(128 * KIB - 1, false), (512 * KIB, true)] {
        let server = Server::start();
        let bytes = content(1, length);
        let resource = Resource::new(&bytes, "\"v1\"");
        let ledger = Offer::new(&resource).rate(length as u64 * 2).on(&server, "/a");
        get(&server).args(["-j", "4"]).expect_file("a", bytes).run();
        assert_eq!(ledger.count() > 1, is_split, "{:?}", ledger.asked());
    }
}

#[test]
fn a_rest_that_comes_as_a_range_shows_that_there_are_ranges() {
    let server = Server::start();
    let resource = v1().without_accept_ranges();
    let offer = Offer::new(&resource).rate(2 * RATE);
    let ledger = offer
        .spoiled(|number, _, reply| if number == 0 { reply.cut_after(200 * KIB) } else { reply })
        .on(&server, "/a");
    get(&server).args(["-j", "4"]).retries(1).any_stderr().expect_file("a", body()).run();
    let asked = ledger.asked();
    assert_eq!(asked[0], "all");
    assert!(asked[1].starts_with("bytes=204800-"), "{asked:?}");
    assert!(asked.len() > 2, "{asked:?}");
}

#[test]
fn new_jobs_go_before_helping() {
    let server = Server::start();
    let lengths = [200, 2048, 40, 40, 40, 40, 40, 40];
    let mut ledgers = Vec::new();
    let mut test = small_parts(server.test()).args(["-j", "2"]);
    for (number, kib) in (0..).zip(lengths) {
        let (target, bytes) = (format!("/{number}"), content(number, kib * KIB));
        let resource = Resource::new(&bytes, "\"v\"");
        ledgers.push(Offer::new(&resource).rate(RATE).on(&server, &target));
        test = test.arg(server.url(&target)).expect_file(&number.to_string(), bytes);
    }
    test.run();
    let requests = server.requests();
    let first_part = requests.iter().position(|request| request.header("range").is_some());
    assert_eq!(first_part, Some(lengths.len()), "{:?}", server.asked());
    assert!(requests[lengths.len()..].iter().all(|request| request.target == "/1"));
}

#[test]
fn workers_help_while_a_list_trickles_in() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
    let test = small_parts(server.test()).args(["-j", "4"]).open_stdin();
    let mut running = test.expect_file("a", body()).start();
    running.write(format!("{}\n", server.url("/a")));
    ledger.wait_for_answers(4);
    running.wait_for_file("a");
    running.finish();
}

#[test]
fn a_new_line_goes_before_more_help() {
    let (server, gate) = (Server::start(), Gate::default());
    let held = gate.clone();
    let ledger = Offer::new(&v1())
        .rate(RATE)
        .spoiled(move |number, _, reply| match number {
            1 => reply.hold_after(10 * KIB, &held).rate(100 * RATE),
            _ => reply,
        })
        .on(&server, "/a");
    server.serve("/b", Reply::ok("hello"));
    let test = small_parts(server.test()).args(["-j", "2"]).open_stdin();
    let mut running = test.expect_file("a", body()).expect_file("b", "hello").start();
    running.write(format!("{}\n", server.url("/a")));
    gate.wait_reached(1);
    // Both workers are busy now. Nothing tells when the line has been read; if that takes longer,
    // the test may miss what it is there for, and does not fail.
    running.write(format!("{}\n", server.url("/b")));
    std::thread::sleep(std::time::Duration::from_millis(150));
    gate.open();
    running.finish();
    let targets = server.targets();
    assert_eq!(targets[..3], ["/a", "/a", "/b"]);
    ledger.wait_for_all(LENGTH);
}

#[test]
fn helpers_of_a_redirected_file_ask_where_it_led_to_and_take_no_secret_along() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    let ledger = Offer::new(&v1()).rate(2 * RATE).on(&second, "/b");
    let url = format!("http://user:secret@{}/a", first.authority());
    let test = small_parts(first.test()).server(&second).args(["-j", "4"]).arg(url);
    test.expect_file("a", body()).run();
    assert!(first.requests()[0].header("authorization").is_some());
    assert_eq!(first.requests().len(), 1);
    assert!(ledger.count() > 1);
    check_requests(&ledger.given());
    let given = ledger.given();
    assert!(given.iter().all(|given| given.request.header("authorization").is_none()));
}

#[test]
fn helpers_give_credentials_only_where_the_owner_did() {
    let (first, second) = (Server::start(), Server::start());
    let within = Offer::new(&v1()).rate(2 * RATE).on(&first, "/b");
    let behind = Offer::new(&v1()).rate(2 * RATE).on(&first, "/c");
    for (location, ledger, given) in [
        (first.url("/b"), within, true),
        // Whoever was in between chose this URL, so that nothing is picked up again.
        (second.url("/hop"), behind, false),
    ] {
        first.serve("/a", Reply::redirect(302, location));
        if !given {
            second.serve("/hop", Reply::redirect(302, first.url("/c")));
        }
        let url = format!("http://user:secret@{}/a", first.authority());
        let test = small_parts(first.test()).server(&second).args(["-j", "4"]).arg(url);
        test.expect_file("a", body()).run();
        assert!(ledger.count() > 1);
        for answer in ledger.given() {
            assert_eq!(answer.request.header("authorization").is_some(), given);
        }
    }
}

/// Offers two files on `server` and downloads both, each with helpers, from where `url` says.
fn two_at_once(
    server: &Server,
    test: Test,
    url: impl Fn(&str) -> String,
    change: fn(Reply) -> Reply,
) {
    let bytes = [content(1, 1_000_003), content(2, 900_001)];
    let mut test = small_parts(test).args(["-j", "6"]);
    let mut ledgers: Vec<Ledger> = Vec::new();
    for (target, bytes) in ["/a", "/b"].into_iter().zip(&bytes) {
        let offer = Offer::new(&Resource::new(bytes, "\"v\"")).rate(RATE / 2);
        ledgers.push(offer.spoiled(move |_, _, reply| change(reply)).on(server, target));
        test = test.arg(url(target)).expect_file(&target[1..], bytes);
    }
    test.run();
    for ledger in ledgers {
        assert!(ledger.count() > 1, "{:?}", ledger.asked());
    }
}

#[test]
fn two_files_are_helped_at_once() {
    let server = Server::start();
    two_at_once(&server, server.test(), |target| server.url(target), |reply| reply);
    assert_eq!(server.most_at_once(), 6);
}

#[test]
fn two_files_are_helped_at_once_over_tls() {
    let server = Server::start();
    let front = TlsFront::start(&server, true);
    // The front takes one request a connection.
    let change = |reply: Reply| reply.header("Connection", "close").close();
    two_at_once(&server, front.test().server(&server), |target| front.url(target), change);
}

#[test]
fn a_signal_ends_a_helped_transfer_at_once() {
    let (server, never) = (Server::start(), Gate::default());
    let held = never.clone();
    let offer = Offer::new(&v1()).spoiled(move |_, _, reply| reply.hold_after(50 * KIB, &held));
    offer.on(&server, "/a");
    let mut running = get(&server).args(["-j", "4"]).any_result().start();
    never.wait_reached(4);
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.status, Some(143));
    assert!(output.since_signal.unwrap() < std::time::Duration::from_secs(1));
    // One job, however many worked at it.
    assert!(output.stderr.contains("1 cancelled, interrupted"), "{}", output.stderr);
}
