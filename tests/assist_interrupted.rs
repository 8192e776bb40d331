//! Helped transfers that are interrupted: what is recorded is right, in however many pieces, and a
//! run with any number of workers fetches the rest and hardly more.
//!
//! `HAUL_SOAK=1` makes it 200 rounds of kills.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::folder::{Entry, snapshot};
use crate::harness::helped::{KIB, LENGTH, ON_THE_WAY, RATE, body, get, small_parts, v1};
use crate::harness::part::{check_part, recorded};
use crate::harness::resource::Resource;
use crate::harness::{Offer, Server, content};

/// What each connection gets in the rounds of kills, in bytes a second.
const KILL_RATE: u64 = 6 * RATE;

/// What may be lost with a process: what comes between two records, and for each worker a buffer
/// that waits to be written, and what its connection had on the way: on a busy machine that is what
/// comes in a twentieth of a second.
const BETWEEN_RECORDS: usize = 4096 * KIB;
const EACH_WORKER: usize = 256 * KIB + ON_THE_WAY + KILL_RATE as usize / 20;

/// Returns how many bytes two ranges have in common.
fn common(one: &Range<usize>, other: &Range<usize>) -> usize {
    one.end.min(other.end).saturating_sub(one.start.max(other.start))
}

#[test]
fn a_signal_keeps_all_pieces_and_another_number_of_workers_fetches_the_rest() {
    for jobs in ["1", "3", "8"] {
        let server = Server::start();
        let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
        let mut running = get(&server).args(["-j", "4"]).any_result().start();
        ledger.wait_for_flow(4, 70 * KIB);
        running.signal(Signal::INT);
        let output = running.finish();
        assert_eq!(output.status, Some(130));
        let first = ledger.given();
        let sent: usize = first.iter().map(|given| given.range.len()).sum();
        let held = check_part(output.folder.path(), "a", &body());
        let ranges = recorded(output.folder.path(), "a");
        assert!(ranges.len() >= 3, "{ranges:?} of {:?}", ledger.covered());
        assert!(held + first.len() * ON_THE_WAY >= sent, "{held} of {sent} are kept");

        let again = get(&server).in_folder(output.folder).args(["-j", jobs]);
        again.any_stderr().expect_file("a", body()).run();
        let second = &ledger.given()[first.len()..];
        for given in second {
            assert_eq!(given.request.header("if-range"), Some("\"v1\""));
            let twice: usize = ranges.iter().map(|range| common(range, &given.range)).sum();
            assert!(twice <= ON_THE_WAY, "{}: {twice} bytes again", given.request.asks());
        }
        let sent: usize = second.iter().map(|given| given.range.len()).sum();
        let most = LENGTH - held + second.len() * ON_THE_WAY;
        assert!(sent <= most, "{sent} bytes for {} that were missing", LENGTH - held);
    }
}

#[test]
fn what_changed_since_a_helped_run_comes_whole_in_its_new_version() {
    let (server, resource) = (Server::start(), v1());
    let ledger = Offer::new(&resource).rate(2 * RATE).on(&server, "/a");
    let mut running = get(&server).args(["-j", "4"]).any_result().start();
    ledger.wait_for_flow(3, 70 * KIB);
    running.signal(Signal::INT);
    let output = running.finish();
    assert!(recorded(output.folder.path(), "a").len() >= 2);
    let new = content(2, LENGTH);
    resource.change(&new, "\"v2\"");
    get(&server).in_folder(output.folder).any_stderr().expect_file("a", new).run();
}

/// Downloads a file with a number of workers that changes, is killed at any moment, and goes on.
#[track_caller]
fn round(random: &mut Rng, body: &[u8]) {
    const KILLS: usize = 6;
    let server = Server::start();
    let resource = Resource::new(body, "\"v1\"");
    let ledger = Offer::new(&resource).rate(KILL_RATE).on(&server, "/a");
    let mut folder = TempDir::new().unwrap();
    let (mut held, mut sent) = (0, 0);
    for _ in 0..KILLS {
        let jobs = *random.choice(&[1, 2, 3, 8]).unwrap();
        let test = small_parts(server.get(["/a"])).args(["-j", &jobs.to_string()]).retries(5);
        let mut running = test.in_folder(folder).any_result().start();
        // Not to wait for anything: the moment is what is tried.
        std::thread::sleep(Duration::from_millis(random.u64(5..600)));
        running.signal(Signal::KILL);
        let output = running.finish();
        folder = output.folder;
        if folder.path().join("a").exists() {
            break;
        }
        assert_eq!(output.status, None, "it failed before it was killed: {}", output.stderr);
        let (held_now, sent_now) = (check_part(folder.path(), "a", body), ledger.bytes());
        assert!(held_now >= held, "{held} bytes were recorded, and {held_now} are now");
        let lost = (sent_now - sent).saturating_sub(held_now - held);
        let most = BETWEEN_RECORDS + jobs * EACH_WORKER;
        assert!(lost <= most, "{lost} bytes of {jobs} workers were lost at once");
        (held, sent) = (held_now, sent_now);
    }
    let test = small_parts(server.get(["/a"])).args(["-j", "8"]).retries(5);
    let output = test.in_folder(folder).any_result().run();
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    let found = snapshot(output.folder.path());
    assert!(found.keys().eq(["a"]), "{:?}", found.keys());
    assert!(found["a"] == Entry::File(body.to_vec()), "wrong bytes");
}

#[test]
fn a_helped_run_killed_again_and_again_at_any_moment_ends_with_the_file_right() {
    let rounds = if std::env::var_os("HAUL_SOAK").is_some() { 200 } else { 3 };
    let mut random = Rng::with_seed(20_261_121);
    let body = content(3, 24 * KIB * KIB + 1013);
    for _ in 0..rounds {
        round(&mut random, &body);
    }
}
