//! What is told, where, and in which form: paths on standard output, lines on standard error, and
//! never a secret or an escape code.

use crate::harness::{Reply, Server, Test, content};

/// A mixed run, one job at a time: a saved file, a redirect, a skipped file, a failure, a duplicate.
fn mixed(server: &Server) -> Test {
    server.serve("/a.bin", Reply::ok(content(1, 1 << 20)));
    server.serve("/b", Reply::redirect(302, "/c?token=s3cret"));
    server.serve("/c?token=s3cret", Reply::ok("hello").chunked(5));
    server.serve("/d", Reply::status(404, "Not Found"));
    server
        .get(["/a.bin", "/b", "/there", "/d"])
        .args(["-j", "1", "-d", "out"])
        .existing("out/there", "old")
        .expect_file("out/a.bin", content(1, 1 << 20))
        .expect_file("out/b", "hello")
        .status(1)
}

#[test]
fn the_lines_of_a_run_come_in_this_form() {
    let server = Server::start();
    let d = server.url("/d");
    let output = mixed(&server)
        .stderr([
            "saved out/a.bin (1.0 MiB in …s, …/s)".to_owned(),
            "saved out/b (5 B in …s, …/s)".to_owned(),
            "skipped out/there: exists already".to_owned(),
            format!("error: {d}: 404 Not Found"),
            "  hint: check the URL".to_owned(),
            "failed:".to_owned(),
            format!("  {d}: 404 Not Found"),
            "2 files, 1.0 MiB in …s (…/s), 1 skipped, 1 failed".to_owned(),
        ])
        .run();
    assert_eq!(output.stdout, b"out/a.bin\nout/b\n");
}

#[test]
fn a_quiet_run_tells_errors_only() {
    let server = Server::start();
    let d = server.url("/d");
    mixed(&server)
        .quiet()
        .stderr([format!("error: {d}: 404 Not Found"), "  hint: check the URL".to_owned()])
        .run();
}

#[test]
fn a_verbose_run_tells_each_request_and_response() {
    let server = Server::start();
    let url = |target| server.url(target);
    mixed(&server)
        .arg("--verbose")
        .stderr([
            format!("#1 GET {}", url("/a.bin")),
            "#1 200 OK, 1.0 MiB".to_owned(),
            "saved out/a.bin (1.0 MiB in …)".to_owned(),
            format!("#2 GET {}", url("/b")),
            format!("#2 302 Found, to {}", url("/c?token=***")),
            format!("#2 GET {}", url("/c?token=***")),
            "#2 200 OK".to_owned(),
            "saved out/b (5 B in …)".to_owned(),
            "skipped out/there: exists already".to_owned(),
            format!("#4 GET {}", url("/d")),
            "#4 404 Not Found, 0 B".to_owned(),
            format!("error: {}: 404 Not Found", url("/d")),
            "  hint: check the URL".to_owned(),
            "failed:".to_owned(),
            format!("  {}: 404 Not Found", url("/d")),
            "2 files, 1.0 MiB in …, 1 skipped, 1 failed".to_owned(),
        ])
        .run();
}

#[test]
fn paths_can_end_with_nul() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::ok("x"));
    server
        .get(["/a", "/b"])
        .args(["-0", "-j", "1"])
        .expect_file("a", "x")
        .expect_file("b", "x")
        .stdout("a\0b\0")
        .run();
}

#[test]
fn a_path_on_standard_output_is_the_path_and_on_standard_error_it_is_shown() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .get(["/a"])
        .args(["-d", "o\u{1b}[31m"])
        .expect_file("o\u{1b}[31m/a", "x")
        .stdout("o\u{1b}[31m/a\n")
        .stderr(["saved o\\u{1b}[31m/a (1 B in …)", "1 file, 1 B in …"])
        .run();
}

#[test]
fn streams_that_are_not_terminals_get_no_escape_codes() {
    // The harness finds control characters on standard error in every test; here the surroundings
    // say that colours would be welcome.
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .get(["/a"])
        .env("TERM", "xterm-256color")
        .env("CLICOLOR_FORCE", "1")
        .env("FORCE_COLOR", "1")
        .expect_file("a", "x")
        .run();
}

#[test]
fn nothing_from_the_server_reaches_the_terminal_as_it_is() {
    let evil = "\x1b]0;owned\x07\u{202e}\x1b[2J";
    for reply in [
        Reply::status(404, evil),
        Reply::redirect(302, format!("/b{evil}")),
        Reply::redirect(302, format!("ftp{evil}://x")),
        Reply::ok("x").header("Content-Disposition", format!("attachment; filename=\"{evil}\"")),
        Reply::raw(evil),
        Reply::raw(format!("HTTP/1.1 {evil}\r\n\r\n")),
        Reply::ok("x").length(evil),
        Reply::ok("x").header("Transfer-Encoding", evil),
    ] {
        let server = Server::start();
        server.serve("/a", reply.close());
        server.maybe("/b%1B]0;owned%07%E2%80%AE%1B[2J", Reply::ok("x"));
        let output = server.get(["/a"]).args(["-J", "-v"]).any_result().run();
        // `any_result` leaves the check for control characters in place.
        assert!(!output.stderr.contains('\u{202e}'), "{}", output.stderr);
        assert!(!output.stdout.contains(&0x1b));
    }
}

#[test]
fn nothing_from_a_list_reaches_the_terminal_as_it_is() {
    let evil = "\x1b[2J\u{202e}";
    let list = format!("http://h{evil}/\n{evil}\nftp://{evil}/\nhttp://127.0.0.1:1/{evil}\n");
    let output = Test::new()
        .existing("l\u{1b}[2Jist", list)
        .args(["-i", "l\u{1b}[2Jist", "-v"])
        .any_result()
        .run();
    assert!(!output.stderr.contains('\u{202e}'), "{}", output.stderr);
    assert_eq!(output.status, Some(1));
}

/// Runs haul verbosely on an argument and the same in a list, and expects that it tells no secret.
#[track_caller]
fn hides(text: &str) {
    for test in [Test::new().arg(text), Test::new().stdin(text)] {
        let output = test.arg("-v").any_result().run();
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn userinfo_is_never_shown() {
    hides("http://user:s3cret@127.0.0.1:1/a");
    hides("http://s3cret@127.0.0.1:1/a");
    hides("user:s3cret@127.0.0.1:1/a");
}

#[test]
fn values_of_secret_parameters_are_never_shown() {
    for name in ["token", "X-Amz-Signature", "sig", "Access_Token", "key", "password"] {
        hides(&format!("http://127.0.0.1:1/a?x=1&{name}=s3cret"));
    }
}

#[test]
fn a_text_that_is_no_url_shows_no_userinfo_either() {
    hides("http://user:s3cret@127.0.0.1:99999/a");
    hides("http://user:s3cret@127.0.0.1/a b");
    hides("http://user:s3cret@/a");
    hides("ftp://user:s3cret@127.0.0.1/a");
    hides("user:s3cret@");
}

#[test]
fn a_text_that_is_no_url_shows_no_secret_parameters_either() {
    hides("http://127.0.0.1:99999/a?token=s3cret");
    hides("ftp://127.0.0.1/a?token=s3cret");
    hides("http://127.0.0.1/a b?token=s3cret");
}

#[test]
fn secrets_in_a_redirect_are_not_shown() {
    for location in [
        "http://user:s3cret@127.0.0.1:1/b",
        "http://127.0.0.1:1/b?X-Amz-Signature=s3cret",
        "/b?token=s3cret",
        "/a?",
        "ftp://user:s3cret@127.0.0.1/b",
        "http://user:s3cret@127.0.0.1:99999/b?token=s3cret",
        "http://user:s3cret@/b",
    ] {
        let server = Server::start();
        server.serve("/a", Reply::redirect(302, location));
        server.maybe("/b?token=s3cret", Reply::redirect(302, "/b?token=s3cret"));
        server.maybe("/a?", Reply::status(404, "Not Found"));
        let output = server.get(["/a"]).arg("-v").any_result().run();
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    }
}

#[test]
fn standard_output_may_be_a_file() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .get(["/a"])
        .shell("exec \"$@\" > paths")
        .expect_file("a", "x")
        .expect_entry("paths", crate::harness::folder::Entry::File(b"a\n".to_vec()))
        .stdout("")
        .run();
}

#[test]
fn a_standard_output_that_takes_nothing_is_an_error() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let output = server
        .get(["/a"])
        .shell("exec \"$@\" > /dev/full")
        .any_stderr()
        .expect_file("a", "x")
        .stdout("")
        .status(1)
        .run();
    let told = "error: cannot write to standard output: no space left on device";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[test]
fn a_body_for_a_standard_output_that_takes_nothing_fails() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .get(["/a"])
        .args(["-o", "-"])
        .shell("exec \"$@\" > /dev/full")
        .fails(server.url("/a"), "cannot write to standard output: no space left on device")
        .run();
}

#[test]
fn closed_streams_are_no_reason_to_fail_and_never_become_a_file() {
    for close in [">&-", "2>&-", "<&-", "<&- >&- 2>&-"] {
        let server = Server::start();
        let body = content(1, 300_000);
        server.serve("/a", Reply::ok(&body));
        let output = server.get(["/a"]).shell(&format!("exec \"$@\" {close}")).any_result().run();
        assert_eq!(output.status, Some(0), "{close}");
        let saved = std::fs::read(output.folder.path().join("a")).unwrap();
        assert!(saved == body, "{close}");
    }
}
