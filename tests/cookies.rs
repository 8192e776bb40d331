//! Cookies: each goes where it belongs, and to a file at the end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Gate, Output, Reply, Request, Server, Test, content, skip};

const HEAD: &str = "# Netscape HTTP Cookie File\n\n";

/// Returns the cookies that each request so far came with.
fn cookies(server: &Server) -> Vec<String> {
    let cookie = |request: &Request| request.header("cookie").unwrap_or_default().to_owned();
    server.requests().iter().map(cookie).collect()
}

/// Lets haul read this file of cookies.
fn reading(test: Test, jar: &str) -> Test {
    test.existing("jar", jar).args(["--cookies", "jar"])
}

/// Lets haul save cookies as `saved`.
fn saving(test: Test) -> Test {
    test.args(["--save-cookies", "saved"]).expect_entry("saved", Entry::AnyFile)
}

/// Returns what was saved, without its head.
#[track_caller]
fn saved(output: &Output) -> String {
    let path = output.folder.path().join("saved");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap().strip_prefix(HEAD).unwrap().to_owned()
}

#[test]
fn the_cookies_of_a_file_go_where_they_belong() {
    let server = Server::start();
    for target in ["/a", "/d/b"] {
        server.serve(target, Reply::ok("x"));
    }
    let elsewhere = server.url("/d/c").replace("127.0.0.1", "localhost");
    server.serve("/d/c", Reply::ok("x"));
    let jar = "\u{feff}\
127.0.0.1\tFALSE\t/\tFALSE\t0\thost\t1
#HttpOnly_127.0.0.1\tFALSE\t/d\tFALSE\t4102444800\tpath\t2
h.example\tFALSE\t/\tTRUE\t0\tsecure\t3
127.0.0.1\tFALSE\t/\tFALSE\t1\texpired\t4
127.0.0.1\tFALSE\t/\tFALSE\t-1\texpired\t4
localhost\tFALSE\t/\tFALSE\t0\tother\t5
";
    let test = reading(server.get(["/a", "/d/b"]), jar).arg(elsewhere).arg("-j1");
    test.expect_file("a", "x").expect_file("b", "x").expect_file("c", "x").run();
    assert_eq!(cookies(&server), ["host=1", "path=2; host=1", "other=5"]);
}

#[test]
fn no_host_sets_a_cookie_for_those_of_others() {
    let server = Server::start();
    let authority = server.authority();
    let port = authority.rsplit(':').next().unwrap();
    let mut test = saving(server.test()).args(["-j1", "--resolve", &format!("*:{port}:127.0.0.1")]);
    let visits = [
        ("evil.lan", Some("lan")),
        ("a.city.kawasaki.jp", Some("kawasaki.jp")),
        ("www.ck", Some("ck")),
        ("bank.lan", None),
        ("b.kawasaki.jp", None),
        ("kawasaki.jp", None),
        ("www.shop.ck", None),
        ("a.city.kawasaki.jp", Some("city.kawasaki.jp")),
        ("b.city.kawasaki.jp", None),
    ];
    for (number, (host, domain)) in visits.into_iter().enumerate() {
        let set = |reply: Reply, domain| {
            reply.header("Set-Cookie", format!("a=b; Path=/; Domain={domain}"))
        };
        let name = number.to_string();
        server.serve(&format!("/{name}"), domain.into_iter().fold(Reply::ok("x"), set));
        test = test.arg(format!("http://{host}:{port}/{name}")).expect_file(&name, "x");
    }
    let output = test.run();
    assert_eq!(cookies(&server), ["", "", "", "", "", "", "", "", "a=b"]);
    assert_eq!(saved(&output), ".city.kawasaki.jp\tTRUE\t/\tFALSE\t0\ta\tb\n");
}

#[test]
fn lines_of_a_file_for_a_domain_that_nobody_owns_are_told() {
    let server = Server::start();
    let authority = server.authority();
    let port = authority.rsplit(':').next().unwrap();
    server.serve("/a", Reply::ok("x"));
    let jar = ".foo.co.uk\tTRUE\t/\tFALSE\t0\ta\tb\n.co.uk\tTRUE\t/\tFALSE\t0\tevil\ts3cret\n";
    let test = reading(server.test(), jar);
    let told = "warning: cookie file jar, line 2 is left out: a cookie for all hosts below `co.uk`, which nobody owns";
    test.args(["--resolve", &format!("*:{port}:127.0.0.1")])
        .arg(format!("http://www.foo.co.uk:{port}/a"))
        .line(told)
        .expect_file("a", "x")
        .run();
    assert_eq!(cookies(&server), ["a=b"]);
}

#[test]
fn a_secure_cookie_is_sent_over_https_alone() {
    let (first, second) = (Server::start(), Server::start());
    let front = TlsFront::start(&first, true);
    let elsewhere = second.url("/b").replace("127.0.0.1", "h.example");
    first.serve("/a", Reply::redirect(302, &elsewhere).close());
    second.serve("/b", Reply::ok("x"));
    let jar = "127.0.0.1\tFALSE\t/\tTRUE\t0\ta\tb\nh.example\tFALSE\t/\tTRUE\t0\tc\td\n";
    let test = reading(front.test().server(&first).server(&second), jar);
    let resolved = format!("h.example:{}:127.0.0.1", second.authority().replace("127.0.0.1:", ""));
    test.args(["--allow-downgrade", "--resolve", &resolved, &front.url("/a")])
        .expect_file("a", "x")
        .run();
    assert_eq!((&*cookies(&first)[0], &*cookies(&second)[0]), ("a=b", ""));
}

#[test]
fn this_machine_is_as_safe_as_https() {
    let server = Server::start();
    let set = Reply::redirect(302, "/b").header("Set-Cookie", "a=b; Secure; Path=/");
    server.serve("/a", set.header("Set-Cookie", "__Host-c=d; Secure; Path=/"));
    server.serve("/b", Reply::ok("x"));
    let output = saving(server.get(["/a"])).expect_file("a", "x").run();
    assert_eq!(cookies(&server), ["", "a=b; __Host-c=d"]);
    assert!(saved(&output).starts_with("127.0.0.1\tFALSE\t/\tTRUE\t0\ta\tb\n"));
}

#[test]
fn what_responses_set_is_sent_with_later_requests() {
    let server = Server::start();
    let redirect = Reply::redirect(302, "/b").header("Set-Cookie", "login=1; Path=/");
    server.serve("/a", redirect.header("Set-Cookie", "other=2; Path=/elsewhere"));
    server.serve("/b", Reply::ok("x").header("Set-Cookie", "login=2; Path=/; Max-Age=1000"));
    server.serve("/c", Reply::ok("y"));
    let test = saving(server.get(["/a", "/c"])).arg("-j1");
    let output = test.expect_file("a", "x").expect_file("c", "y").run();
    assert_eq!(cookies(&server), ["", "login=1", "login=2"]);
    let saved = saved(&output);
    let lines: Vec<Vec<&str>> = saved.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[1], ["127.0.0.1", "FALSE", "/elsewhere", "FALSE", "0", "other", "2"]);
    assert_eq!((lines[0][5], lines[0][6]), ("login", "2"));
    assert!(lines[0][4].parse::<u64>().unwrap() > 1_700_000_000);
}

#[test]
fn a_cookie_that_a_response_takes_back_is_gone() {
    #[track_caller]
    fn case(attribute: &str) {
        let server = Server::start();
        let login = Reply::redirect(302, "/logout").header("Set-Cookie", "id=s3cret; Path=/");
        server.serve("/a", login.header("Set-Cookie", "other=1; Path=/; Max-Age="));
        let field = format!("id=; Path=/; {attribute}");
        server.serve("/logout", Reply::redirect(302, "/b").header("Set-Cookie", field));
        server.serve("/b", Reply::ok("x"));
        let output = saving(server.get(["/a"])).expect_file("a", "x").run();
        assert_eq!(cookies(&server), ["", "id=s3cret; other=1", "other=1"], "{attribute}");
        assert_eq!(saved(&output), "127.0.0.1\tFALSE\t/\tFALSE\t0\tother\t1\n", "{attribute}");
    }
    case("Max-Age=0");
    case("Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    case("expires=Thu, 1 Jan 1970 00:00:00 GMT");
    case("Expires=Thu, 1-Jan-1970 00:00:00 UTC");
    case("Expires=thu, 01 jan 1970 00:00:00 +0000");
    case("Expires=Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)");
    case("Expires=Thu, 01 Jan 1970 00:00:00");
}

#[test]
fn cookies_are_sent_in_the_order_in_which_they_were_set() {
    let server = Server::start();
    let cookie = |reply: Reply, field: &str| reply.header("Set-Cookie", field);
    let fields =
        ["z=1; Path=/", "\ta\t=\t2\t; Path=/", "m=3; Path=/d", "b=4; Path=/d", "z=5; Path=/"];
    server.serve("/a", fields.into_iter().fold(Reply::redirect(302, "/d/b"), cookie));
    server.serve("/d/b", Reply::ok("x"));
    let output = saving(server.get(["/a"])).expect_file("a", "x").run();
    let sent = "m=3; b=4; z=5; a=2";
    assert_eq!(cookies(&server)[1], sent);
    server.serve("/d/b", Reply::ok("x"));
    let jar = saved(&output);
    reading(server.get(["/d/b"]), &jar).expect_file("b", "x").run();
    assert_eq!(cookies(&server)[2], sent);
}

#[test]
fn a_cookie_need_not_be_utf_8() {
    let server = Server::start();
    let set = Reply::redirect(302, "/b").header("Set-Cookie", b"b=\xff; Path=/");
    server.serve("/a", set);
    server.serve("/b", Reply::ok("x"));
    let line: &[u8] = b"127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t\xe4\n";
    let test = server.get(["/a"]).existing("jar", line).args(["--cookies", "jar"]);
    let output = saving(test).expect_file("a", "x").run();
    // The server reads them with a replacement for each.
    assert_eq!(cookies(&server), ["a=\u{fffd}", "a=\u{fffd}; b=\u{fffd}"]);
    let saved = fs::read(output.folder.path().join("saved")).unwrap();
    let new = b"127.0.0.1\tFALSE\t/\tFALSE\t0\tb\t\xff\n";
    assert!(saved.ends_with(&[line, new].concat()), "{}", saved.escape_ascii());
}

#[test]
fn a_cookie_with_a_control_byte_is_not_kept() {
    let server = Server::start();
    let mut set = Reply::redirect(302, "/b").header("Set-Cookie", "good=1\t; Path=/");
    for byte in (0..0x20).chain([0x7f]).filter(|byte| !b"\t\n".contains(byte)) {
        let places = [["b", "ad=1; Path=/"], ["bad=1", "2; Path=/"], ["bad=1; Path=/; a", "b"]];
        let [before, after] = places[usize::from(byte) % places.len()].map(str::as_bytes);
        set = set.header("Set-Cookie", [before, &[byte], after].concat());
    }
    server.serve("/a", set);
    server.serve("/b", Reply::ok("x").header("Set-Cookie", b"bad=1; Path=/\x0c"));
    let output = saving(server.get(["/a"])).expect_file("a", "x").run();
    assert_eq!(cookies(&server), ["", "good=1"]);
    assert_eq!(saved(&output).lines().count(), 1);
}

#[test]
fn a_response_with_very_many_cookies_is_a_response() {
    let server = Server::start();
    let cookie =
        |reply: Reply, number: usize| reply.header("Set-Cookie", format!("c{number}=1; Path=/"));
    server.serve("/a", (0..1000).fold(Reply::ok("x"), cookie));
    server.serve("/b", Reply::ok("y"));
    let test = saving(server.get(["/a", "/b"])).arg("-j1");
    let output = test.expect_file("a", "x").expect_file("b", "y").run();
    assert_eq!(cookies(&server)[1].split("; ").count(), 50);
    assert_eq!(saved(&output).lines().count(), 50);
}

#[test]
fn no_more_cookies_are_sent_than_a_server_takes() {
    let server = Server::start();
    server.serve("/d/a", Reply::ok("x"));
    let line = |path: &str, name: &str, length| {
        format!("127.0.0.1\tFALSE\t{path}\tFALSE\t0\t{name}\t{}\n", "x".repeat(length))
    };
    let jar =
        [line("/", "a", 4000), line("/d", "b", 4000), line("/", "c", 4000), line("/", "d", 160)];
    let test = reading(server.get(["/d/a"]), &jar.concat()).args(["-v", "--cookie", "own=1"]);
    let output = test.any_stderr().expect_file("a", "x").run();
    let told = "#1 1 cookie not sent: servers refuse a longer field\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let x = |length| "x".repeat(length);
    assert_eq!(cookies(&server), [format!("b={}; a={}; d={}; own=1", x(4000), x(4000), x(160))]);
}

#[test]
fn without_an_option_no_cookie_is_kept() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b").header("Set-Cookie", "a=b; Path=/"));
    server.serve("/b", Reply::ok("x"));
    server.get(["/a"]).args(["--cookie", "own=1"]).expect_file("a", "x").run();
    assert_eq!(cookies(&server), ["own=1", "own=1"]);
}

#[test]
fn cookies_that_are_given_come_after_those_of_the_file() {
    #[track_caller]
    fn case(args: &[&str], sent: &str) {
        let server = Server::start();
        server.serve("/a", Reply::ok("x"));
        let jar = "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n";
        reading(server.get(["/a"]), jar).args(args).expect_file("a", "x").run();
        assert_eq!(cookies(&server), [sent]);
    }
    case(&[], "a=b");
    case(&["--cookie", "c=d"], "a=b; c=d");
    case(&["-H", "Cookie: c=d"], "a=b; c=d");
    case(&["-H", "Cookie:"], "");
}

#[test]
fn cookies_that_are_given_several_times_are_all_sent() {
    #[track_caller]
    fn case(args: &[&str], sent: &str) {
        let server = Server::start();
        server.serve("/a", Reply::ok("x"));
        let args = args.iter().flat_map(|value| ["--cookie", value]);
        server.get(["/a"]).args(args).expect_file("a", "x").run();
        assert_eq!(cookies(&server), [sent]);
    }
    case(&["a=1", "b=2"], "a=1; b=2");
    case(&["b=2; c", " a=1; ", "", ";", "b=3"], "b=2; c; a=1; b=3");
    case(&["a=1;"], "a=1;");
    case(&["", ""], "");
}

#[test]
fn cookies_are_saved_after_an_interruption_too() {
    let server = Server::start();
    let gate = Gate::default();
    let reply = Reply::ok(content(1, 400_000)).header("Set-Cookie", "a=b; Path=/");
    server.serve("/a", reply.hold_after(300_000, &gate));
    let test = saving(server.get(["/a"])).any_stderr().status(130);
    let mut running = test.start();
    gate.wait_reached(1);
    // The response's head has been read once something of its body is there.
    running.wait_for_file("a.part");
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(saved(&output), "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n");
}

#[test]
fn an_address_of_ipv6_is_without_brackets_in_a_file() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return skip("there is no IPv6");
    };
    let server = Server::on(listener);
    server.serve("/a", Reply::ok("x").header("Set-Cookie", "b=2; Path=/"));
    let line = "::1\tFALSE\t/\tFALSE\t0\ta\t1\n";
    let output = saving(reading(server.get(["/a"]), line)).expect_file("a", "x").run();
    assert_eq!(cookies(&server), ["a=1"]);
    assert_eq!(saved(&output), format!("{line}::1\tFALSE\t/\tFALSE\t0\tb\t2\n"));
}

#[test]
fn the_file_that_was_read_can_be_the_one_that_is_written() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x").header("Set-Cookie", "a=2; Path=/"));
    let test = server.get(["/a"]).args(["--cookies", "saved", "--save-cookies", "saved"]);
    let path = test.path().join("saved");
    fs::write(path, "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\n").unwrap();
    let output = test.expect_entry("saved", Entry::AnyFile).expect_file("a", "x").run();
    assert_eq!(cookies(&server), ["a=1"]);
    assert_eq!(saved(&output), "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t2\n");
}

/// Runs haul with these arguments, which it must refuse with these words and without a secret.
#[track_caller]
fn refused(args: &[&str], told: &str) {
    let file = format!("{HEAD}h\tFALSE\t/\tFALSE\t0\ta\tb\na s3cret\n");
    let test = Test::new().existing("jar", file);
    let test = test.args(args).arg("http://127.0.0.1:9/a");
    let output = test.stdout("").stderr([format!("error: {told}")]).status(2).run();
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
}

#[test]
fn files_that_cannot_be_read_or_written_are_wrong_usage() {
    let line = "cookie file jar, line 4: not seven fields with tabs between them";
    refused(&["--cookies", "jar"], line);
    refused(&["--cookies", "none"], "cookie file none: cannot be read: no such file or directory");
    refused(&["--save-cookies", "no/x"], "cannot save cookies: cannot … no such file or directory");
    refused(&["--save-cookies", "-"], "`--save-cookies` is written at the end and needs a name");
}

#[test]
fn nothing_is_saved_by_a_run_that_sends_nothing() {
    let server = Server::start();
    let test = reading(server.get(["/a"]), "127.0.0.1\tFALSE\t/\tFALSE\t0\thost\t1\n");
    test.args(["--save-cookies", "saved", "--dry-run"]).any_stdout().any_stderr().run();
    assert!(server.requests().is_empty());
}

#[test]
fn a_question_takes_cookies_along_and_brings_some() {
    let server = Server::start();
    server.serve("/a", Reply::status(200, "OK").length("1").header("Set-Cookie", "b=2"));
    let test = reading(server.get(["/a"]), "127.0.0.1\tFALSE\t/\tFALSE\t0\thost\t1\n");
    let output = saving(test.arg("--spider")).any_stdout().any_stderr().run();
    assert_eq!(cookies(&server), ["host=1"]);
    let all = "127.0.0.1\tFALSE\t/\tFALSE\t0\thost\t1\n127.0.0.1\tFALSE\t/\tFALSE\t0\tb\t2\n";
    assert_eq!(saved(&output), all);
}
