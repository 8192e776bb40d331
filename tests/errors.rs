//! A file that cannot be had is told by its URL and its cause, leaves nothing behind, and does not
//! stop the others.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use crate::harness::black_hole::BlackHole;
use crate::harness::folder::Entry;
use crate::harness::{Gate, Reply, Server, Test, content};

/// Downloads `/a`, answered with `reply`, and fails.
#[track_caller]
fn fails(reply: Reply, cause: &str) {
    let server = Server::start();
    server.serve("/a", reply);
    server.get(["/a"]).fails(server.url("/a"), cause).run();
}

#[test]
fn a_status_that_gives_no_file_is_told_in_registered_words() {
    #[track_caller]
    fn case(code: u16, phrase: &str, cause: &str) {
        fails(Reply::status(code, phrase).body("no file"), cause);
    }
    case(400, "Bad Request", "400 Bad Request");
    case(402, "Nope", "402 Payment Required");
    case(500, "", "500 Internal Server Error");
    case(503, "\u{fc}ber", "503 Service Unavailable");
    case(599, "Odd", "599");
}

#[test]
fn a_status_that_is_no_whole_file_is_an_error() {
    fails(
        Reply::status(204, "No Content"),
        "status 204 No Content: the server says that there is no content",
    );
    fails(
        Reply::status(206, "Partial Content").header("Content-Range", "bytes 0-4/10").body("hello"),
        "status 206 Partial Content for a request of the whole",
    );
    fails(
        Reply::raw("HTTP/1.1 304 Not Modified\r\n\r\n"),
        "status 304 Not Modified for an unconditional request",
    );
}

#[test]
fn some_errors_come_with_a_next_step() {
    #[track_caller]
    fn case(code: u16, cause: &str, hint: &str) {
        let server = Server::start();
        server.serve("/a", Reply::status(code, "-"));
        server.get(["/a"]).fails(server.url("/a"), cause).hint(hint).run();
    }
    case(401, "401 Unauthorized", "the server wants a login; …");
    case(404, "404 Not Found", "check the URL");
    case(410, "410 Gone", "check the URL");
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let server = Server::start();
    let mut test = server.test().args(["-j", "2"]);
    for number in 0..20 {
        let target = format!("/{number}");
        test = test.arg(server.url(&target));
        if number % 5 == 0 {
            server.serve(&target, Reply::ok("half").cut_after(2));
            test = test.fails(server.url(&target), "the body ended after 2 B of 4 B");
        } else {
            server.serve(&target, Reply::ok("whole"));
            test = test.expect_file(&number.to_string(), "whole");
        }
    }
    test.run();
}

#[test]
fn a_long_list_of_failures_is_cut_at_the_end_of_the_run() {
    let mut list = String::new();
    for number in 0..1003 {
        let _ = writeln!(list, "bad{number}");
    }
    let output = Test::new().stdin(list).any_stderr().status(1).run();
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(lines.len(), 1003 + 1 + 1000 + 1 + 1);
    assert_eq!(lines[0], "error: -:1: not a URL: `bad0`");
    assert_eq!(lines[1003], "failed:");
    assert_eq!(lines[2003], "  -:1000: not a URL: `bad999`");
    assert_eq!(lines[2004], "  ... and 3 more, shown above");
    assert!(lines[2005].ends_with(", 1003 failed"), "{}", lines[2005]);
}

#[test]
fn a_refused_connection_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let cause = format!("cannot connect to {address}: connection refused");
    Test::new()
        .arg(format!("http://{address}/a"))
        .fails(format!("http://{address}/a"), &cause)
        .run();
}

#[test]
fn an_unknown_host_is_told() {
    // Without any name server the system cannot say that there is no such host.
    let output = Test::new().arg("http://x.invalid/a").any_stderr().status(1).run();
    let first = output.stderr.lines().next().unwrap();
    assert!(
        first == "error: http://x.invalid/a: host `x.invalid` not found"
            || first.starts_with("error: http://x.invalid/a: cannot look up `x.invalid`: "),
        "{first}"
    );
}

#[test]
fn a_server_that_does_not_take_the_connection_is_given_up() {
    let hole = BlackHole::new();
    let url = format!("http://{}/a", hole.address());
    let cause = format!("cannot connect to {}: no answer within 0.20s", hole.address());
    Test::new().arg(&url).args(["--connect-timeout", "0.2"]).fails(&url, &cause).run();
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let never = Gate::default();
    for (reply, cause) in [
        (Reply::ok("hello").hold_header(&never), "no response: nothing came for 0.20s"),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nContent-").hold_after(20, &never),
            "no response: nothing came for 0.20s",
        ),
        (Reply::ok("hello").hold_after(0, &never), "the transfer stalled: nothing came for 0.20s"),
        (Reply::ok("hello").hold_after(3, &never), "the transfer stalled: nothing came for 0.20s"),
        (
            Reply::ok("hello").until_close().hold_after(5, &never),
            "the transfer stalled: nothing came for 0.20s",
        ),
        (
            Reply::ok("hello").chunked(2).hold_after(8, &never),
            "the transfer stalled: nothing came for 0.20s",
        ),
    ] {
        let server = Server::start();
        server.serve("/a", reply);
        server.get(["/a"]).args(["--stall-timeout", "0.2"]).fails(server.url("/a"), cause).run();
    }
}

#[test]
fn a_tls_handshake_that_is_never_answered_is_given_up() {
    let server = Server::start();
    server.serve("hello", Reply::nothing().hold_header(&Gate::default()));
    let url = format!("https://{}/a", server.authority());
    server
        .test()
        .arg(&url)
        .args(["--connect-timeout", "0.2"])
        .fails(&url, "the TLS handshake was not done within 0.20s")
        .run();
}

#[test]
fn a_slow_but_steady_server_is_never_given_up() {
    let server = Server::start();
    let body = content(1, 60);
    let reply = Reply::ok(&body).trickle(2, Duration::from_millis(20));
    server.serve("/a", reply);
    server.get(["/a"]).args(["--stall-timeout", "0.4"]).expect_file("a", body).run();
}

#[test]
fn a_refusal_that_trickles_in_does_not_hold_the_worker() {
    // What is read to keep a connection is worth a moment, not the ten minutes of this body.
    for reply in [Reply::status(404, "Not Found"), Reply::redirect(302, "/b")] {
        let server = Server::start();
        let slow = reply.body(content(1, 6000)).trickle(1, Duration::from_millis(100));
        server.serve("/a", slow);
        server.maybe("/b", Reply::status(404, "Not Found"));
        server
            .get(["/a"])
            .within(Duration::from_secs(5))
            .fails(server.url("/a"), "404 Not Found")
            .hint("check the URL")
            .run();
    }
}

#[test]
fn what_breaks_http_is_an_error() {
    for wire in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>HTTP/0.9</html>",
        "HTTP/1.1 abc OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    ] {
        fails(Reply::raw(wire), "…");
    }
}

#[test]
fn a_header_without_end_is_given_up() {
    fails(Reply::raw("HTTP/1.1 200 OK\r\n").endless("X-Filler: 0123456789\r\n"), "…");
}

#[test]
fn a_file_over_the_size_limit_fails_and_the_small_one_comes() {
    let server = Server::start();
    server.serve("/big", Reply::ok(content(1, 3_000_000)));
    server.serve("/small", Reply::ok("small"));
    server
        .get(["/big", "/small"])
        // In blocks of 512 or 1024 bytes, as the shell has it; both are less than the file.
        .shell("ulimit -f 1000; exec \"$@\"")
        .fails(server.url("/big"), "cannot write big.part: file too large")
        .hint("`ulimit -f` or the file system of big.part allows no larger files")
        .expect_file("small", "small")
        .run();
}

#[test]
fn a_full_disk_is_told_with_a_next_step() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    server
        .get(["/a"])
        .args(["-o", "/dev/full"])
        .fails(server.url("/a"), "cannot write to /dev/full: no space left on device")
        .hint("make room and run the same command again")
        .line("warning: the disk is full: no more transfers are begun")
        .run();
}

#[test]
fn a_partial_file_that_another_process_writes_is_left_alone() {
    let server = Server::start();
    let gate = Gate::default();
    server.serve("/a", Reply::ok("hello").hold_after(2, &gate));
    server.maybe("/other/a", Reply::ok("other"));
    let first = server.get(["/a"]).expect_file("a", "hello");
    let folder = first.path().to_owned();
    let first = first.start();
    gate.wait_reached(1);
    let second = server.get(["/other/a"]).arg("-d").arg(&folder);
    let part = folder.join("a.part");
    second
        .fails(server.url("/other/a"), &format!("another haul is writing {}", part.display()))
        .hint("`--wait-lock` waits for it to end")
        .run();
    gate.open();
    first.finish();
}

#[test]
fn a_folder_in_the_place_of_the_partial_file_is_an_error() {
    let server = Server::start();
    server.maybe("/a", Reply::ok("hello"));
    server
        .get(["/a"])
        .existing_folder("a.part")
        .expect_entry("a.part", Entry::Folder)
        .fails(server.url("/a"), "a.part is a folder")
        .hint("give the name of a file with `--output`")
        .run();
}

#[test]
fn more_jobs_than_descriptors_do_not_lose_files_silently() {
    let server = Server::start();
    let mut test = server.test().args(["-j", "64"]);
    for number in 0..64 {
        let target = format!("/{number}");
        server.maybe(&target, Reply::ok(&target));
        test = test.arg(server.url(&target));
    }
    let output = test.shell("ulimit -n 40; exec \"$@\"").any_result().run();
    // Each file is there, or its failure is told; and the exit code agrees.
    let errors = output.stderr.matches("error: http").count();
    let files = std::fs::read_dir(output.folder.path()).unwrap().count();
    assert_eq!(files + errors, 64, "{}", output.stderr);
    assert_eq!(output.status, Some(i32::from(errors > 0)));
}
