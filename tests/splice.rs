//! Bytes that go from the socket to the file by a pipe: whatever a server does, it comes to the same as when
//! they are read.

use rustix::process::Signal;

use crate::harness::part::check_part;
use crate::harness::resource::Resource;
use crate::harness::{Gate, Offer, Reply, Server, Test, content, is_missing, wait_until};

/// All of the file: several pipes full, and no multiple of anything.
const LENGTH: usize = 3_000_017;

/// Where it is cut: in the middle of a page.
const CUT: usize = 2_000_003;

/// Wherever it can be, nowhere, and where haul thinks that it is of use.
const WAYS: [&str; 3] = ["always", "never", "as it likes"];

fn body() -> Vec<u8> {
    content(1, LENGTH)
}

fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

fn get<'t>(server: &Server, targets: impl IntoIterator<Item = &'t str>, way: &str) -> Test {
    server.get(targets).args(["-j", "1"]).env("__HAUL_SPLICE", way)
}

/// A server that offers `/a`, and spoils its first answer.
fn spoiled(fault: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Server {
    let server = Server::start();
    let resource = v1();
    server.answer("/a", move |request| fault(resource.answer(request)));
    let resource = v1();
    server.handle(move |request| resource.answer(request));
    server
}

/// Downloads a file under strace, and returns how often bytes were moved by a pipe.
fn splices(options: &[&str], way: &str, reply: Reply) -> usize {
    let server = Server::start();
    server.serve("/a", reply);
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    get(&server, ["/a"], way)
        .args(options.iter().copied())
        .shell(&format!("exec strace -f -e trace=splice -o {path} \"$@\""))
        .expect_file("a", body())
        .any_stdout()
        .run();
    std::fs::read_to_string(log.path()).unwrap().matches("splice(").count()
}

#[test]
fn bytes_that_nobody_has_to_see_go_by_a_pipe() {
    if is_missing("strace") {
        return;
    }
    // What came with the head is read.
    assert!(splices(&[], "always", Reply::ok(body())) >= 2);
    assert_eq!(splices(&[], "never", Reply::ok(body())), 0);
    assert_eq!(splices(&[], "always", Reply::ok(body()).chunked(100_000)), 0);
    assert_eq!(splices(&[], "always", Reply::ok(body()).until_close()), 0);
    assert_eq!(splices(&["--limit-rate", "1G"], "always", Reply::ok(body())), 0);
    assert_eq!(splices(&["--json", "--hash", "sha256"], "always", Reply::ok(body())), 0);
}

#[test]
fn where_no_splice_is_to_be_had_no_byte_is_lost() {
    if is_missing("strace") {
        return;
    }
    for fault in [
        // From no socket; into no file; not any more; not at the first attempt; without a pipe.
        "splice:error=EINVAL",
        "splice:error=EINVAL:when=2+",
        "splice:error=ENOSYS:when=4+",
        "splice:error=EINTR:when=1+2",
        "pipe2:error=EMFILE",
    ] {
        let server = Server::start();
        server.serve("/a", Reply::ok(body()));
        server.serve("/b", Reply::ok(content(2, LENGTH)));
        get(&server, ["/a", "/b"], "always")
            .inject(fault)
            .expect_file("a", body())
            .expect_file("b", content(2, LENGTH))
            .run();
        assert_eq!(server.connections(), 1, "{fault}");
    }
}

#[test]
fn the_connection_is_used_again() {
    for way in WAYS {
        let server = Server::start();
        server.serve("/0", Reply::redirect(302, "/a"));
        server.serve("/a", Reply::ok(body()));
        server.serve("/b", Reply::ok(content(2, LENGTH)));
        server.serve("/c", Reply::ok("hello"));
        get(&server, ["/0", "/b", "/c"], way)
            .expect_file("0", body())
            .expect_file("b", content(2, LENGTH))
            .expect_file("c", "hello")
            .run();
        assert_eq!(server.connections(), 1, "{way}");
    }
}

#[test]
fn a_body_that_is_cut_goes_on_where_it_ended() {
    for way in WAYS {
        let server = spoiled(|reply| reply.cut_after(CUT));
        get(&server, ["/a"], way)
            .retries(5)
            .retried(server.url("/a"), "the body ended after 1.9 MiB of 2.9 MiB", "after progress")
            .expect_file("a", body())
            .run();
        assert_eq!(server.asked(), ["all", &format!("bytes={CUT}- ? \"v1\"")], "{way}");
        // What a reset finds unread is lost.
        let server = spoiled(|reply| reply.reset_after(CUT));
        get(&server, ["/a"], way).retries(5).any_stderr().expect_file("a", body()).run();
        assert_eq!(server.asked().len(), 2, "{way}");
    }
}

#[test]
fn a_body_that_stalls_goes_on_with_its_next_byte() {
    for way in WAYS {
        let never = Gate::default();
        let server = spoiled(move |reply| reply.hold_after(CUT, &never));
        let cause = "the transfer stalled: nothing came for 1…s";
        get(&server, ["/a"], way)
            .args(["--stall-timeout", "1"])
            .retries(5)
            .retried(server.url("/a"), cause, "after progress")
            .expect_file("a", body())
            .run();
        assert_eq!(server.asked(), ["all", &format!("bytes={CUT}- ? \"v1\"")], "{way}");
    }
}

#[test]
fn a_silent_server_is_too_slow_before_it_has_stalled() {
    for way in WAYS {
        let never = Gate::default();
        let server = Server::start();
        server.serve("/a", Reply::ok(body()).hold_after(CUT, &never));
        get(&server, ["/a"], way)
            .args(["--min-speed", "1:0.4"])
            .fails(server.url("/a"), "too slow: … over 0.…s")
            .run();
    }
}

#[test]
fn what_is_behind_a_body_is_not_in_the_file() {
    for way in WAYS {
        let server = Server::start();
        server.serve("/a", Reply::ok(body()).length(&CUT.to_string()));
        server.serve("/b", Reply::ok("hello"));
        get(&server, ["/a", "/b"], way)
            .expect_file("a", &body()[..CUT])
            .expect_file("b", "hello")
            .run();
        assert_eq!(server.connections(), 2, "{way}");
    }
}

#[test]
fn a_part_that_is_shorter_than_its_file_is_followed_by_the_rest() {
    for way in WAYS {
        let server = spoiled(|reply| reply.cut_after(CUT));
        let folder = {
            let output = get(&server, ["/a"], way).any_result().run();
            assert_eq!(output.status, Some(1), "{way}");
            assert_eq!(check_part(output.folder.path(), "a", &body()), CUT, "{way}");
            output.folder
        };
        get(&server, ["/a"], way).in_folder(folder).any_stderr().expect_file("a", body()).run();
        assert_eq!(server.asked(), ["all", &format!("bytes={CUT}- ? \"v1\"")], "{way}");
    }
}

#[test]
fn a_signal_keeps_every_byte_that_has_come() {
    for way in WAYS {
        let gate = Gate::default();
        let held = gate.clone();
        let server = spoiled(move |reply| reply.hold_after(CUT, &held));
        let mut running = get(&server, ["/a"], way).any_result().start();
        gate.wait_reached(1);
        let part = running.path().join("a.part");
        wait_until("bytes are written", || part.metadata().is_ok_and(|found| found.len() > 0));
        running.signal(Signal::INT);
        let output = running.finish();
        assert_eq!(output.status, Some(130), "{way}");
        // The last of them may still have been on their way.
        let kept = check_part(output.folder.path(), "a", &body());
        assert!(kept > 0, "{way}");
        let test = get(&server, ["/a"], way).in_folder(output.folder);
        test.any_stderr().expect_file("a", body()).run();
        assert_eq!(server.asked(), ["all", &format!("bytes={kept}- ? \"v1\"")], "{way}");
    }
}

#[test]
fn the_record_of_a_killed_process_tells_the_truth() {
    const LONG: usize = 9_000_017;
    let long = content(3, LONG);
    for way in WAYS {
        for checkpoint in ["data-written", "record-written", "record-replaced", "before-rename"] {
            let server = Server::start();
            let resource = Resource::new(&long, "\"v1\"");
            server.handle(move |request| resource.answer(request));
            let test = get(&server, ["/a"], way).env("__HAUL_KILL_AT", checkpoint);
            let output = test.any_result().run();
            assert_eq!(output.status, None, "{way} {checkpoint}");
            check_part(output.folder.path(), "a", &long);
            let test = get(&server, ["/a"], way).in_folder(output.folder);
            test.any_stderr().expect_file("a", &long).run();
        }
    }
}

#[test]
fn a_file_that_may_not_grow_fails_and_keeps_what_was_written() {
    for way in WAYS {
        let server = spoiled(|reply| reply);
        // In blocks of 512 or 1024 bytes, as the shell has it; both are less than the file.
        let test = get(&server, ["/a"], way).shell("ulimit -f 2000; exec \"$@\"");
        let output = test.any_result().run();
        assert_eq!(output.status, Some(1), "{way}");
        let told = "cannot write a.part: file too large";
        assert!(output.stderr.contains(told), "{way}: {}", output.stderr);
        assert!(check_part(output.folder.path(), "a", &body()) > 0, "{way}");
        let test = get(&server, ["/a"], way).in_folder(output.folder);
        test.any_stderr().expect_file("a", body()).run();
    }
}

#[test]
fn helped_transfers_are_whole_and_no_part_comes_twice() {
    for way in WAYS {
        let server = Server::start();
        let ledger = Offer::new(&v1()).rate(2_000_000).on(&server, "/a");
        let test = server.get(["/a"]).args(["-j", "4", "--min-split", "64K"]);
        test.env("__HAUL_SPLICE", way).expect_file("a", body()).run();
        assert!(ledger.count() > 1, "{way}: nobody helped");
        ledger.wait_for_all(LENGTH);
        // What was on its way when a part was given away may come twice.
        let most = LENGTH + ledger.count() * 512 * 1024;
        assert!(ledger.bytes() <= most, "{way}: {} bytes", ledger.bytes());
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    for way in WAYS {
        let server = Server::start();
        server.maybe("/a", Reply::ok(body()));
        let test = get(&server, ["/a"], way).args(["--max-size", "2M"]);
        let output = test.any_result().run();
        assert_eq!(output.status, Some(1), "{way}");
        assert!(!output.folder.path().join("a").exists(), "{way}");
    }
}
