//! Header fields that the user adds, replaces or leaves out.

use serde_json::json;

use crate::harness::{Reply, Server, Test};

/// Downloads with these arguments, and returns the fields of the request but `Host`.
#[track_caller]
fn sent(args: &[&str]) -> Vec<(String, String)> {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.get(["/a"]).args(args).expect_file("a", "x").run();
    let mut fields = server.requests().remove(0).headers;
    fields.retain(|(name, value)| name != "host" || *value != server.authority());
    fields
}

/// Expects these fields, in any order, when haul is run with these arguments.
#[track_caller]
fn case(args: &[&str], fields: &[(&str, &str)]) {
    let mut found = sent(args);
    found.sort();
    let mut fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fields.sort();
    assert_eq!(found, fields, "{args:?}");
}

const NAME: (&str, &str) = ("user-agent", concat!("haul/", env!("CARGO_PKG_VERSION")));
const ANY: (&str, &str) = ("accept", "*/*");
const IDENTITY: (&str, &str) = ("accept-encoding", "identity");

#[test]
fn fields_are_added_replaced_and_left_out() {
    case(&[], &[NAME, ANY, IDENTITY]);
    case(
        &["-H", "X-Key: a b", "-H", "x-key:c", "-H", "Empty;"],
        &[NAME, ANY, IDENTITY, ("X-Key", "a b"), ("x-key", "c"), ("Empty", "")],
    );
    case(&["-H", "Accept: text/html"], &[NAME, ("Accept", "text/html"), IDENTITY]);
    case(&["-H", "accept:"], &[NAME, IDENTITY]);
    case(&["-H", "User-Agent:"], &[ANY, IDENTITY]);
    case(&["-A", ""], &[ANY, IDENTITY]);
    case(&["-A", "me/1 (x)"], &[("User-Agent", "me/1 (x)"), ANY, IDENTITY]);
    case(&["-H", "User-Agent: me"], &[("User-Agent", "me"), ANY, IDENTITY]);
    case(&["-H", "Host: virtual.example"], &[("Host", "virtual.example"), NAME, ANY, IDENTITY]);
    case(&["-H", "X-Key: ü"], &[NAME, ANY, IDENTITY, ("X-Key", "ü")]);
    let referer = ("Referer", "https://h.example/p?q");
    case(&["--referer", "https://u:p@h.example/p?q#f"], &[NAME, ANY, IDENTITY, referer]);
    case(&["--cookie", "a=b; c=d"], &[NAME, ANY, IDENTITY, ("Cookie", "a=b; c=d")]);
}

#[test]
fn fields_come_from_files() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .get(["/a"])
        .existing("fields", "X-One: 1\r\n\nX-Two: 2")
        .args(["-H", "@fields", "-H", "X-Three: 3"])
        .expect_file("a", "x")
        .run();
    let request = &server.requests()[0];
    let found = ["x-one", "x-two", "x-three"].map(|name| request.header(name).unwrap());
    assert_eq!(found, ["1", "2", "3"]);
}

#[test]
fn the_name_of_the_program_goes_everywhere_and_no_other_field_does() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", Reply::ok("x"));
    first
        .get(["/a"])
        .server(&second)
        .args(["-A", "me/1", "-H", "Accept: text/html", "-H", "Host: virtual.example"])
        .expect_file("a", "x")
        .run();
    let request = &second.requests()[0];
    assert_eq!(request.header("user-agent"), Some("me/1"));
    assert_eq!(request.header("accept"), Some("*/*"));
    assert_eq!(request.header("host"), Some(&*second.authority()));
}

#[test]
fn no_field_goes_to_another_host_as_that_host() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", Reply::ok("x"));
    let trusted = ["--location-trusted", "-H", "Host: virtual.example", "-H", "X: 1"];
    first.get(["/a"]).server(&second).args(trusted).expect_file("a", "x").run();
    let request = &second.requests()[0];
    assert_eq!(request.header("host"), Some(&*second.authority()));
    assert_eq!(request.header("x"), Some("1"));
}

#[test]
fn a_retry_past_caches_and_a_rest_are_still_asked_for() {
    let server = Server::start();
    let body = crate::harness::content(1, 5000);
    let etag = |reply: Reply| reply.header("ETag", "\"v\"").header("Accept-Ranges", "bytes");
    server.serve("/a", etag(Reply::ok(&body)).cut_after(2000));
    server.answer("/a", {
        let body = body.clone();
        move |request| {
            assert_eq!(request.header("x-key"), Some("1"));
            assert_eq!(request.asks(), "bytes=2000- ? \"v\"");
            etag(Reply::part(&body, 2000..5000))
        }
    });
    let test = server.get(["/a"]).args(["-H", "X-Key: 1"]).retries(1).any_stderr();
    test.expect_file("a", body).run();
}

#[test]
fn what_a_list_says_of_one_url_goes_before_what_is_said_of_all() {
    let server = Server::start();
    for target in ["/a", "/b", "/m", "/c"] {
        server.serve(target, if target == "/m" { Reply::status(404, "-") } else { Reply::ok("x") });
    }
    let lines = [
        json!({"url": server.url("/a"), "headers": {"X-Key": ["1", "2"], "accept": null}}),
        json!({"url": server.url("/m"), "mirrors": [server.url("/b")], "out": "b",
               "headers": {"x-key": "3", "Empty": "", "User-Agent": "list"}}),
        json!({"url": server.url("/c"), "headers": null}),
    ];
    let list = lines.map(|line| format!("{line}\n")).concat();
    server
        .test()
        .args(["-j1", "-H", "X-Key: all", "-A", "all"])
        .stdin(list)
        .any_stderr()
        .expect_file("a", "x")
        .expect_file("b", "x")
        .expect_file("c", "x")
        .run();
    let found = |number: usize, name: &str| {
        let fields = server.requests().swap_remove(number).headers.into_iter();
        let values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value).collect::<Vec<_>>().join(",")
    };
    let keys = [0, 1, 2, 3].map(|number| found(number, "x-key"));
    assert_eq!(keys, ["1,2", "3", "3", "all"]);
    assert_eq!(found(0, "accept"), "");
    let names = [0, 1, 2, 3].map(|number| found(number, "user-agent"));
    assert_eq!(names, ["all", "list", "list", "all"]);
}

#[test]
fn headers_of_a_list_that_cannot_be_sent_fail_their_line_alone() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    let good = json!({"url": server.url("/a"), "headers": {}});
    let list = format!(
        "{}\n{}\n{good}\n",
        json!({"url": server.url("/b"), "headers": "Bearer s3cret"}),
        json!({"url": server.url("/c"), "headers": {"X": "s3cret\r\nY: 1"}}),
    );
    let output = server
        .test()
        .stdin(list)
        .fails("-:1", "`headers` is not an object of names with a text, several, or null each")
        .fails("-:2", "`headers`: the value of `X` has a control character in it")
        .expect_file("a", "x")
        .run();
    assert!(!output.stderr.contains("s3cret"));
}

/// Runs haul with these arguments, which it must refuse with these words and without a secret.
#[track_caller]
fn refused(args: &[&str], told: &str) {
    let test = Test::new().existing("f", "X: 1\nX s3cret\n").args(args).arg("http://127.0.0.1:9/a");
    let output = test.stdout("").stderr([format!("error: {told}")]).status(2).run();
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
}

#[test]
fn what_cannot_be_sent_is_wrong_usage() {
    refused(&["-H", "Bearer s3cret"], "`--header`: a header is written `Name: value`, and…");
    refused(&["-H", "X: s3cret\nY: 1"], "`--header`: the value of `X` has a control character…");
    refused(&["-H", "X s3cret: 1"], "`--header`: the name of a header has a character…");
    refused(&["-H", "Range: bytes=0-1"], "`--header`: `Range` cannot be set: haul asks itself…");
    refused(&["-H", "Connection:"], "`--header`: `Connection` cannot be set: haul says itself…");
    refused(&["-H", "Accept-Encoding: gzip"], "`--header`: `Accept-Encoding` cannot be set: …");
    refused(&["-H", "@none"], "`--header @none`: cannot be read: no such file or directory");
    refused(&["-H", "@f"], "`--header @f`, line 2: a header is written…");
    refused(&["-H", "Cookie: a", "--cookie", "s3cret"], "`--cookie`: `Cookie` is given twice");
    refused(&["-H", "Referer: a", "--referer", "http://a/"], "`--referer`: `Referer` is given…");
    refused(&["--referer", "s3cret"], "`--referer` is not a URL with its scheme");
    refused(&["-H", "user-agent: a", "-A", "b"], "`--user-agent` and `--header`: …given twice");
    refused(&["-A", "a\tb\u{1}"], "`--user-agent`: the value of `User-Agent` has a control…");
}
