//! `-o -`: one stream, in order, however many workers fetch it, in bounded memory.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::helped::{KIB, LENGTH, RATE, body, get, small_parts, v1};
use crate::harness::nginx::Nginx;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Ledger, Offer, Reply, Running, Server, content};

const MIB: usize = KIB * KIB;

#[test]
fn one_body_is_fetched_by_all_workers_and_comes_in_order() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
    get(&server).args(["-j", "8", "-o", "-"]).any_stderr().stdout(body()).run();
    let most = server.most_at_once();
    assert!((4..=8).contains(&most), "{most} at once");
    assert_eq!(ledger.asked()[0], "all");
    assert!(ledger.asked()[1..].iter().all(|asked| asked.ends_with(" ? \"v1\"")));
}

#[test]
fn one_worker_or_the_users_wish_takes_one_connection_for_a_body() {
    for options in [&["-j", "1"] as &[_], &["-j", "8", "--no-split"]] {
        let server = Server::start();
        let ledger = Offer::new(&v1()).rate(8 * RATE).on(&server, "/a");
        let test = get(&server).args(options.iter().copied()).args(["-o", "-"]);
        test.any_stderr().stdout(body()).run();
        assert_eq!(ledger.asked(), ["all"], "{options:?}");
    }
}

#[test]
fn bodies_of_several_workers_come_in_the_order_of_the_list() {
    let server = Server::start();
    let lengths = [700 * KIB, 0, 1, 300 * KIB, 64 * KIB, 900 * KIB];
    let mut test = small_parts(server.test()).args(["-j", "8", "-o", "-"]);
    let mut bodies = Vec::new();
    for (number, length) in (0..).zip(lengths) {
        let (target, bytes) = (format!("/{number}"), content(number, length));
        Offer::new(&Resource::new(&bytes, "\"v\"")).rate(2 * RATE).on(&server, &target);
        test = test.arg(server.url(&target));
        bodies.push(bytes);
    }
    // One that has no length, and cannot be shared.
    server.serve("/last", Reply::ok(content(9, 100 * KIB)).until_close());
    bodies.push(content(9, 100 * KIB));
    test.arg(server.url("/last")).any_stderr().stdout(bodies.concat()).run();
    assert!(server.most_at_once() <= 8);
}

#[test]
fn a_small_buffer_slows_and_does_not_stop() {
    let server = Server::start();
    Offer::new(&v1()).rate(2 * RATE).on(&server, "/a");
    let test = get(&server).args(["-j", "8", "-o", "-", "--stdout-buffer", "256K"]);
    test.any_stderr().stdout(body()).run();
}

#[test]
fn parts_of_a_body_that_break_off_are_asked_for_again() {
    for fault in [
        (|reply| Reply::reset_after(reply, 10_000)) as fn(Reply) -> Reply,
        |reply| reply.cut_after(10_000),
        |_| Reply::status(503, "-"),
    ] {
        let server = Server::start();
        let offer = Offer::new(&v1())
            .rate(3 * RATE)
            .spoiled(move |number, _, reply| if number % 3 == 1 { fault(reply) } else { reply });
        offer.on(&server, "/a");
        let test = get(&server).args(["-j", "4", "-o", "-"]).retries(5);
        test.any_stderr().stdout(body()).run();
    }
}

/// Waits until haul has taken all the memory that it takes while nobody reads.
fn wait_until_held_back(running: &Running) -> u64 {
    running.wait_for_unread_stdout();
    let (mut peak, mut since) = (running.peak_memory(), Instant::now());
    while since.elapsed() < Duration::from_millis(500) {
        std::thread::sleep(Duration::from_millis(20));
        let now = running.peak_memory();
        if now > peak {
            (peak, since) = (now, Instant::now());
        }
    }
    peak
}

/// Makes a file that is mostly holes, so that it costs nothing, and shows where each MiB belongs.
fn write_stamped(path: &Path, mebibytes: usize) {
    let file = std::fs::File::create(path).unwrap();
    file.set_len((mebibytes * MIB) as u64).unwrap();
    for number in 0..mebibytes {
        file.write_all_at(&content(number as u32, 64), (number * MIB) as u64).unwrap();
    }
}

#[test]
fn a_reader_that_sleeps_holds_the_workers_back() {
    const SIZE: usize = 200;
    let Some(nginx) = Nginx::start("", |root| write_stamped(&root.join("file"), SIZE)) else {
        return;
    };
    for (options, buffer) in [(&["--stdout-buffer", "8M"] as &[_], 8), (&[], 64)] {
        let mut running = nginx
            .test()
            .args(["-j", "8", "-o", "-"])
            .args(options.iter().copied())
            .arg(nginx.http("/file"))
            .unread_stdout()
            .within(Duration::from_secs(60))
            .any_stderr()
            .stdout(std::fs::read(nginx.root().join("file")).unwrap())
            .start();
        let peak = wait_until_held_back(&running);
        assert!(peak <= ((buffer + 32) * MIB) as u64, "{peak} with a buffer of {buffer} MiB");
        running.read_stdout();
        running.finish();
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_several_workers() {
    let server = Server::start();
    let lines = b"line\n".repeat(2 * MIB);
    // Ten seconds for four workers.
    let ledger = Offer::new(&Resource::new(&lines, "\"v1\"")).rate(RATE / 4).on(&server, "/a");
    server.maybe("/b", Reply::ok("more"));
    let test = small_parts(server.get(["/a", "/b"])).args(["-j", "4", "-o", "-"]);
    // Enough for helpers to come.
    let output = test.read_lines(40_000).any_result().run();
    assert!(ledger.count() > 1, "nobody helped");
    assert_eq!(output.status, Some(1));
    assert!(output.stdout == b"line\n".repeat(40_000), "{} bytes", output.stdout.len());
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.starts_with("0 files, "), "{}", output.stderr);
    assert_eq!(output.stderr.matches("the reader of standard output went away").count(), 1);
    assert!(output.took < Duration::from_secs(4), "{:?}", output.took);
}

#[test]
fn a_server_that_fails_half_way_ends_the_stream_with_an_error() {
    const HALF: usize = LENGTH / 2;
    let server = Server::start();
    let offer = Offer::new(&v1()).rate(4 * RATE).spoiled(|_, _, reply| {
        match HALF.checked_sub(reply.begins_at()) {
            None | Some(0) => Reply::status(404, "-"),
            Some(left) if left < reply.body_len() => reply.cut_after(left),
            Some(_) => reply,
        }
    });
    offer.on(&server, "/a");
    server.maybe("/b", Reply::ok("more"));
    let output = small_parts(server.get(["/a", "/b"]))
        .args(["-j", "4", "-o", "-"])
        .retries(1)
        .any_result()
        .run();
    assert_eq!(output.status, Some(1));
    // Nothing but the beginning went out, and nothing came after it.
    assert!(body()[..HALF].starts_with(&output.stdout), "{} bytes", output.stdout.len());
    assert!(output.stdout.len() >= HALF - 300 * KIB, "{} bytes", output.stdout.len());
    let told = format!("error: {}: ", server.url("/a"));
    assert!(output.stderr.contains(&told), "{}", output.stderr);
}

#[test]
fn versions_are_never_mixed_in_a_stream() {
    let new = content(2, LENGTH);
    for resource in [v1(), v1().ignoring_if_range()] {
        let server = Server::start();
        let (copy, bytes) = (resource.clone(), new.clone());
        let offer = Offer::new(&resource).rate(2 * RATE).spoiled(move |number, request, reply| {
            if number != 2 {
                return reply;
            }
            copy.change(&bytes, "\"v2\"");
            copy.answer(request).rate(2 * RATE)
        });
        offer.on(&server, "/a");
        let test = get(&server).args(["-j", "4", "-o", "-"]).retries(2);
        let output = test.any_result().run();
        // What went out cannot be taken back; if nothing had, the new version may follow.
        let is_begun_again = output.status == Some(0) && output.stdout == new;
        let is_given_up = output.status == Some(1) && body().starts_with(&output.stdout);
        assert!(is_begun_again || is_given_up, "{:?}: {}", output.status, output.stderr);
    }
}

#[test]
fn a_signal_ends_several_workers_whose_output_nobody_reads() {
    let server = Server::start();
    let ledger: Ledger = Offer::new(&v1()).rate(4 * RATE).on(&server, "/a");
    let mut running = get(&server)
        .args(["-j", "4", "-o", "-", "--stdout-buffer", "1M"])
        .unread_stdout()
        .any_stdout()
        .totals_end("1 cancelled, interrupted")
        .status(130)
        .start();
    running.wait_for_unread_stdout();
    ledger.wait_for_answers(2);
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(output.since_signal.unwrap() < Duration::from_secs(1));
    assert!(body().starts_with(&output.stdout) && output.stdout.len() < LENGTH);
}

#[test]
fn a_body_whose_middle_stalls_is_taken_over() {
    let (server, never) = (Server::start(), Gate::default());
    let offer = Offer::new(&v1()).rate(RATE).spoiled(move |number, _, reply| match number {
        1 => reply.hold_after(20 * KIB, &never),
        _ => reply,
    });
    offer.on(&server, "/a");
    let test = get(&server).args(["-j", "4", "-o", "-"]).retries(5).any_stderr();
    let output = test.within(Duration::from_secs(20)).stdout(body()).run();
    assert!(output.took < Duration::from_secs(8), "{:?}", output.took);
}
