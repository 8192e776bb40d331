//! Logins: how they are given, and what haul says where one is missing or wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::harness::screen::Screen;
use crate::harness::{Reply, Server, Test, is_missing};

/// Lets haul read a netrc file with this text.
pub(crate) fn netrc(test: Test, logins: &str) -> Test {
    let test = test.existing("netrc", logins).args(["--netrc-file", "netrc"]);
    close(&test, "netrc", 0o600);
    test
}

/// Sets who may read and write a file.
fn close(test: &Test, name: &str, mode: u32) {
    fs::set_permissions(test.path().join(name), Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn basic(login: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(login))
}

/// Downloads `/a`, which leads to `/b` at `localhost`, with this netrc file; returns the logins that came.
#[track_caller]
fn logins(text: &str) -> [Option<String>; 2] {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, server.url("/b").replace("127.0.0.1", "localhost")));
    server.serve("/b", Reply::ok("x"));
    netrc(server.get(["/a"]), text).expect_file("a", "x").run();
    let seen = server.requests();
    [0, 1].map(|number| seen[number].header("authorization").map(str::to_owned))
}

#[test]
fn each_host_gets_the_login_that_the_netrc_file_has_for_it() {
    let (me, you) = (Some(basic("me:s")), Some(basic("you:t")));
    let both =
        "\u{feff}machine localhost\nlogin you\npassword t\nmachine 127.0.0.1 login me password s";
    assert_eq!(logins(both), [me.clone(), you.clone()]);
    assert_eq!(logins("machine localhost login you password t"), [None, you]);
    // A redirect could lead anywhere.
    assert_eq!(logins("default login me password s"), [me, None]);
}

#[test]
fn the_netrc_file_is_at_home_or_where_the_environment_says() {
    const TEXT: &str = "machine 127.0.0.1 login me password s3cret";
    for (variable, name) in [("HOME", ".netrc"), ("NETRC", "netrc")] {
        let server = Server::start();
        server.serve("/a", Reply::ok("x"));
        let test = server.get(["/a"]).existing(name, TEXT).arg("--netrc");
        close(&test, name, 0o400);
        let value = if variable == "HOME" { test.path().to_owned() } else { name.into() };
        test.env(variable, value).expect_file("a", "x").run();
        assert_eq!(server.requests()[0].header("authorization"), Some(&*basic("me:s3cret")));
    }
}

#[test]
fn a_netrc_file_that_is_open_broken_or_not_there_is_wrong_usage() {
    let file = ["--netrc-file", "netrc"];
    for mode in [0o604, 0o640, 0o660, 0o602] {
        let open = |test: Test| {
            let test = test.existing("netrc", "s3cret");
            close(&test, "netrc", mode);
            test
        };
        let told = "netrc file netrc is open to other users; `chmod 600 netrc` closes it";
        refused(&file, told, open);
    }
    refused(&[], "netrc file netrc, line 1: neither machine", |test| netrc(test, "s3cret"));
    refused(&file, "netrc file netrc: cannot be read: no such file", |test| test);
}

/// Downloads with a token that is given in this way, and returns what the server saw of it.
#[track_caller]
fn token(given: &str, test: impl FnOnce(Test) -> Test) {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    test(server.test()).args(["--bearer", given, &server.url("/a")]).expect_file("a", "x").run();
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer s3cret"));
}

#[test]
fn tokens_come_from_files_standard_input_and_the_environment() {
    token("@token", |test| test.existing("token", "s3cret\n"));
    token("@token", |test| test.existing("token", "s3cret\r\n"));
    token("@token", |test| test.existing("token", "s3cret"));
    token("-", |test| test.stdin("s3cret\n"));
    token("env:TOKEN", |test| test.env("TOKEN", "s3cret"));
}

/// Runs haul with these arguments, which it must refuse with these words and without a secret.
#[track_caller]
fn refused(args: &[&str], told: &str, test: impl FnOnce(Test) -> Test) {
    let test = test(Test::new()).args(args).arg("http://127.0.0.1:9/a");
    let output = test.any_stderr().stdout("").status(2).run();
    let lines = output.stderr.trim_end();
    assert!(lines.contains(told) && !lines.contains("s3cret"), "{args:?}: {lines}");
}

#[test]
fn what_cannot_be_a_login_is_wrong_usage() {
    let same = |test| test;
    refused(&["--user", "me:s3cret\n"], "`--user` has a control character in it", same);
    refused(&["--user", ":"], "neither a name nor a password", same);
    refused(&["--bearer", "Bearer s3cret"], "the token of `--bearer` has a blank", same);
    refused(&["--bearer", ""], "the token of `--bearer` is empty", same);
    refused(&["--bearer", "@none"], "`--bearer @none`: cannot be read: no such file", same);
    refused(&["--bearer", "env:NONE"], "`--bearer env:NONE`: there is no such variable", same);
    refused(&["--bearer", "-", "-i", "-"], "both read standard input", same);
    refused(&["--bearer", "@t"], "has a blank", |test| test.existing("t", "s3cret\ns3cret\n"));
    let long = |test: Test| test.existing("t", vec![b'x'; 70_000]);
    refused(&["--bearer", "@t"], "has more than 64 KiB", long);
    refused(&["--user", "a:s3cret", "--bearer", "s3cret"], "cannot be used with", same);
    let both = ["--user", "a:s3cret", "-H", "authorization: s3cret"];
    refused(&both, "`--user`: `Authorization` is given twice", same);
}

#[test]
fn a_password_that_nobody_can_be_asked_for_is_wrong_usage() {
    // In a session of its own haul has no terminal.
    if is_missing("setsid") {
        return;
    }
    let told =
        "`--user` has no password; `NAME:PASSWORD` gives one: there is no terminal to ask at";
    refused(&["--user", "me"], told, |test| test.shell("exec setsid -w \"$@\""));
}

/// Waits for lines with this text.
fn shows(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |lines| lines.iter().any(|line| line.contains(text))
}

/// Starts haul at a terminal, up to where it waits for a password.
fn at_the_question() -> Option<Screen> {
    let screen = Screen::start(Test::new(), 80, 24, "--user me http://127.0.0.1:9/a")?;
    screen.wait_for("the question", shows("Password for me:"));
    screen.wait_for_no_echo();
    Some(screen)
}

#[test]
fn a_password_is_asked_for_at_the_terminal_and_not_shown() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    // Where the streams go does not matter.
    let arguments = format!("--user me {} < /dev/null > /dev/null", server.url("/a"));
    let Some(screen) = Screen::start(Test::new(), 80, 24, &arguments) else {
        server.forget();
        return;
    };
    screen.wait_for("the question", shows("Password for me:"));
    // The question comes a moment before.
    screen.wait_for_no_echo();
    for key in ["s3cret", "Enter"] {
        screen.press(key);
    }
    let lines = screen.wait_for("the end", shows("status 0"));
    assert!(!lines.concat().contains("s3cret"), "{lines:#?}");
    assert_eq!(server.requests()[0].header("authorization"), Some(&*basic("me:s3cret")));
}

#[test]
fn a_question_without_an_answer_ends_haul() {
    let Some(screen) = at_the_question() else { return };
    screen.press("C-d");
    let lines = screen.wait_for("the end", shows("status 2"));
    let told = lines.iter().any(|line| line.starts_with("error: `--user` has no password"));
    assert!(told && lines.concat().contains("without an answer"), "{lines:#?}");
}

#[test]
fn an_interrupt_at_the_question_ends_haul() {
    let Some(screen) = at_the_question() else { return };
    screen.press("C-c");
    screen.wait_for("the end", shows("status 130"));
    // What is typed is shown again.
    screen.press("echoed");
    screen.wait_for("what is typed", shows("echoed"));
}

#[test]
fn a_refusal_says_whether_the_login_is_wrong_missing_or_of_another_kind() {
    let wanted = "the server wants a login; …";
    let refused = "the server refuses the login that it got; check it";
    let other = "curl has `--digest`, …";
    let digest = "Digest realm=\"a, Basic b\", qop=\"auth,auth-int\", nonce=\"s3cret\"";
    for (offer, login, more, hint) in [
        ("Basic realm=\"x\"", "", "", wanted),
        ("Basic realm=\"x\"", "me:s3cret", "", refused),
        (digest, "", ": the server takes Digest, which haul does not know", other),
        (digest, "me:s3cret", ": the server takes Digest, which haul does not know", other),
        ("Negotiate, NTLM", "", ": the server takes Negotiate or NTLM, which haul …", other),
        ("Digest realm=x, Basic realm=y", "me:s3cret", "", refused),
    ] {
        let server = Server::start();
        server.serve("/a", Reply::status(401, "-").header("WWW-Authenticate", offer));
        let test = match login {
            "" => server.test(),
            login => server.test().args(["--user", login]),
        };
        let cause = format!("401 Unauthorized{more}");
        let test = test.arg(server.url("/a")).fails(server.url("/a"), &cause).hint(hint);
        let output = test.run();
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    }
}

#[test]
fn a_refusal_names_the_options_that_log_in() {
    for (code, cause) in [(401, "401 Unauthorized"), (403, "403 Forbidden")] {
        let server = Server::start();
        server.serve("/a", Reply::status(code, "-"));
        let hint = "…`--user`, `--bearer`…";
        server.get(["/a"]).fails(server.url("/a"), cause).hint(hint).run();
    }
}
