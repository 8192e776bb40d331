//! Redirects are followed by the rules of URLs, within bounds, and take no secret along.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::folder::Entry;
use crate::harness::helped::{RATE, body, small_parts, v1};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Offer, Reply, Request, Server, Test, content};
use crate::logins::basic;

/// Downloads `/dir/a?old` which leads to `location`, which must be `target` of the same server.
#[track_caller]
fn leads_to(location: &str, target: &str) {
    let server = Server::start();
    let location = location.replace("HOST", &server.authority());
    server.serve("/dir/a?old", Reply::redirect(302, location));
    server.serve(target, Reply::ok("x"));
    server.get(["/dir/a?old"]).expect_file("a", "x").run();
}

/// Downloads `/a`, which leads to `location`, and fails.
#[track_caller]
fn refused(location: &str, cause: &str) {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, location));
    server.get(["/a"]).fails(server.url("/a"), cause).run();
}

#[test]
fn locations_are_resolved_like_links() {
    leads_to("b", "/dir/b");
    leads_to("/b", "/b");
    leads_to("?new", "/dir/a?new");
    leads_to("//HOST/b", "/b");
    leads_to("http://HOST/b", "/b");
    leads_to("../../../b", "/b");
    leads_to("./b/../c", "/dir/c");
    leads_to("  /b\t", "/b");
    leads_to("/a b", "/a%20b");
    leads_to("/b#fragment", "/b");
    leads_to("/ü", "/%C3%BC");
}

#[test]
fn every_redirect_status_is_followed() {
    for code in [300, 301, 302, 303, 307, 308] {
        let server = Server::start();
        server.serve("/a", Reply::redirect(code, "/b"));
        server.serve("/b", Reply::ok("x"));
        server.get(["/a"]).expect_file("a", "x").run();
    }
}

#[test]
fn the_file_keeps_the_name_of_the_url_that_was_given() {
    let server = Server::start();
    server.serve("/tool.zip", Reply::redirect(302, "/cdn/0a1b2c?sig=1"));
    server.serve("/cdn/0a1b2c?sig=1", Reply::ok("x"));
    server.get(["/tool.zip"]).expect_file("tool.zip", "x").run();
}

#[test]
fn a_redirect_may_lead_to_another_server() {
    let (first, second) = (Server::start(), Server::start());
    let body = content(1, 100_000);
    first.serve("/a", Reply::redirect(301, second.url("/b")));
    second.serve("/b", Reply::ok(&body));
    first.get(["/a"]).server(&second).expect_file("a", body).run();
}

#[test]
fn the_body_of_a_redirect_is_not_the_file() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b").body("moved"));
    server.serve("/b", Reply::ok(""));
    server.get(["/a"]).expect_file("a", "").run();
}

#[test]
fn an_endless_body_of_a_redirect_is_not_read() {
    let server = Server::start();
    let endless = Reply::redirect(302, "/b").until_close().endless("moved ");
    server.serve("/a", endless);
    server.serve("/b", Reply::ok("x"));
    server.get(["/a"]).expect_file("a", "x").run();
}

/// Serves a chain of `hops` redirects from `/0` to `/{hops}`.
fn chain(hops: usize) -> Server {
    let server = Server::start();
    for hop in 0..hops {
        let reply = Reply::redirect(302, format!("/{}", hop + 1));
        server.maybe(&format!("/{hop}"), reply);
    }
    server.maybe(&format!("/{hops}"), Reply::ok("x"));
    server
}

#[test]
fn ten_hops_are_followed_and_eleven_are_not() {
    chain(10).get(["/0"]).expect_file("0", "x").run();
    let server = chain(11);
    server
        .get(["/0"])
        .fails(server.url("/0"), "more than 10 redirects")
        .hint("`--max-redirects` allows more")
        .run();
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn the_number_of_hops_can_be_chosen() {
    chain(12).get(["/0"]).args(["--max-redirects", "12"]).expect_file("0", "x").run();
    let server = chain(1);
    server
        .get(["/0"])
        .args(["--max-redirects", "0"])
        .fails(server.url("/0"), "more than 0 redirects")
        .hint("`--max-redirects` allows more")
        .run();
}

/// Expects that the job ends at its eleventh redirect, which leads to `last` as another did before.
#[track_caller]
fn is_a_loop(test: Test, url: &str, last: &str) {
    test.fails(url, &format!("redirect loop: {last} again after 10 redirects"))
        .hint("`--save-cookies` gives a server its cookies back, if it waits for them")
        .run();
}

#[test]
fn a_loop_is_told_as_a_loop() {
    let server = Server::start();
    server.handle(|request| match &*request.target {
        "/a" => Reply::redirect(302, "/b"),
        "/b" => Reply::redirect(302, "/a"),
        _ => Reply::redirect(302, "#here"),
    });
    is_a_loop(server.get(["/a"]), &server.url("/a"), &server.url("/b"));
    is_a_loop(server.get(["/c"]), &server.url("/c"), &server.url("/c"));
}

#[test]
fn a_server_may_redirect_to_the_same_url_until_the_file_is_ready() {
    let server = Server::start();
    let asked = AtomicUsize::new(0);
    server.handle(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0..=2 => Reply::redirect(302, "/a"),
        _ => Reply::ok("ready"),
    });
    server.get(["/a"]).expect_file("a", "ready").run();
}

#[test]
fn with_cookies_a_redirect_may_lead_back() {
    let server = Server::start();
    server.handle(|request| match (&*request.target, request.header("cookie")) {
        ("/login", _) => Reply::redirect(302, "/a").header("Set-Cookie", "in=1"),
        (_, Some("in=1")) => Reply::ok("hello"),
        _ => Reply::redirect(302, "/login"),
    });
    let (a, login) = (server.url("/a"), server.url("/login"));
    let saving = server.get(["/a"]).args(["--save-cookies", "jar"]);
    saving.expect_entry("jar", Entry::AnyFile).expect_file("a", "hello").run();
    // Nobody comes with the cookie, so it is a loop.
    is_a_loop(server.get(["/a"]), &a, &login);
    // One that leads nowhere is bounded all the same.
    server.handle(|_| Reply::redirect(302, "/login").header("Set-Cookie", "other=1"));
    let saving = server.get(["/login"]).args(["--save-cookies", "jar"]);
    is_a_loop(saving.expect_entry("jar", Entry::AnyFile), &login, &login);
}

#[test]
fn a_redirect_without_a_location_fails() {
    for code in [300, 301, 302, 307] {
        let server = Server::start();
        server.serve("/a", Reply::status(code, "Moved").body("where?"));
        server
            .get(["/a"])
            .fails(server.url("/a"), &format!("status {code} without a Location"))
            .run();
    }
}

#[test]
fn only_the_web_is_followed() {
    refused("ftp://127.0.0.1/x", "redirect to scheme `ftp` refused");
    refused("file:///etc/passwd", "redirect to scheme `file` refused");
    refused("data:,x", "redirect to scheme `data` refused");
    refused("http://127.0.0.1:99999/", "redirect to `http://127.0.0.1:99999/`, which is not a URL");
}

#[test]
fn userinfo_is_sent_as_basic_credentials() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::ok("x"));
    let authority = server.authority();
    server
        .test()
        .arg(format!("http://us%40er:p%3Aw@{authority}/a"))
        .arg(format!("http://token@{authority}/b"))
        .args(["-j", "1", "-v"])
        .any_stderr()
        .expect_file("a", "x")
        .expect_file("b", "x")
        .run();
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    let basic = |text: &str| {
        use base64::prelude::{BASE64_STANDARD, Engine};
        Some(format!("Basic {}", BASE64_STANDARD.encode(text)))
    };
    assert_eq!(sent, [basic("us@er:p:w"), basic("token:")]);
}

#[test]
fn credentials_follow_within_their_origin() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, "/b"));
    server.serve("/b", Reply::ok("x"));
    server
        .test()
        .arg(format!("http://user:secret@{}/a", server.authority()))
        .expect_file("a", "x")
        .run();
    for request in server.requests() {
        assert!(request.header("authorization").is_some());
    }
}

#[test]
fn credentials_stay_with_their_origin() {
    // The other origin differs in nothing but the port, and sends back to where it came from.
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", Reply::redirect(302, first.url("/c")));
    first.serve("/c", Reply::ok("x"));
    let output = first
        .test()
        .server(&second)
        .arg(format!("http://user:secret@{}/a", first.authority()))
        .arg("-v")
        .any_stderr()
        .expect_file("a", "x")
        .run();
    assert!(first.requests()[0].header("authorization").is_some());
    assert!(second.requests()[0].header("authorization").is_none());
    // Nor are they picked up again: whoever was in between chose this URL.
    assert!(first.requests()[1].header("authorization").is_none());
    for shown in ["secret", "user"] {
        assert!(!output.stderr.contains(shown), "{}", output.stderr);
    }
}

/// Puts a login into a URL.
fn with_login(url: &str, login: &str) -> String {
    url.replace("://", &format!("://{login}@"))
}

#[test]
fn a_login_in_a_location_is_for_its_origin_alone() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, with_login(&second.url("/b"), "us:s3cret")));
    second.serve("/b", Reply::redirect(302, "/c"));
    second.serve("/c", Reply::redirect(302, first.url("/d")));
    first.serve("/d", Reply::redirect(302, second.url("/e")));
    second.serve("/e", Reply::ok("x"));
    let output = first
        .get(["/a"])
        .server(&second)
        .args(["-v", "--user", "me:mine"])
        .any_stderr()
        .expect_file("a", "x")
        .run();
    let login = |request: &Request| request.header("authorization").map(str::to_owned);
    let seen = |server: &Server| server.requests().iter().map(login).collect::<Vec<_>>();
    assert_eq!(seen(&first), [Some(basic("me:mine")), None]);
    assert_eq!(seen(&second), [Some(basic("us:s3cret")), Some(basic("us:s3cret")), None]);
    let told = "the redirect names a login, which is for the origin of its URL alone";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    for secret in ["s3cret", "mine", &basic("us:s3cret")] {
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
    }
}

#[test]
fn what_the_user_gave_goes_before_a_login_in_a_location() {
    let server = Server::start();
    for (target, given) in [("/a", &["--user", "me:mine"][..]), ("/b", &[])] {
        server.serve(target, Reply::redirect(302, with_login(&server.url("/c"), "us:s3cret")));
        server.serve("/c", Reply::ok("x"));
        server.get([target]).args(given).expect_file(&target[1..], "x").run();
    }
    let requests = server.requests();
    assert_eq!(requests[1].header("authorization"), Some(&*basic("me:mine")));
    assert_eq!(requests[3].header("authorization"), Some(&*basic("us:s3cret")));
}

#[test]
fn helpers_log_in_as_the_redirect_said() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, with_login(&server.url("/b"), "us:s3cret")));
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/b");
    let test = small_parts(server.get(["/a"]).args(["-j", "4"]));
    test.expect_file("a", body()).run();
    assert!(!ledger.parts().is_empty(), "nobody helped");
    for request in &server.requests()[1..] {
        assert_eq!(request.header("authorization"), Some(&*basic("us:s3cret")));
    }
}

#[test]
fn a_redirect_to_the_same_url_with_a_login_is_no_loop() {
    let server = Server::start();
    server.serve("/a", Reply::redirect(302, with_login(&server.url("/a"), "us:s3cret")));
    server.serve("/a", Reply::ok("x"));
    server.get(["/a"]).expect_file("a", "x").run();
    assert_eq!(server.requests()[1].header("authorization"), Some(&*basic("us:s3cret")));
}

#[test]
fn a_login_in_a_location_is_not_taken_from_https_to_http() {
    let (first, second) = (Server::start(), Server::start());
    let front = TlsFront::start(&first, true);
    let location = with_login(&second.url("/b"), "us:s3cret");
    first.serve("/a", Reply::redirect(302, location).close());
    second.serve("/b", Reply::ok("x").close());
    let test = front.test().server(&first).server(&second).arg("--allow-downgrade");
    test.arg(front.url("/a")).expect_file("a", "x").run();
    assert!(second.requests()[0].header("authorization").is_none());
}

#[test]
fn credentials_of_one_url_are_not_sent_for_another() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server.serve("/b", Reply::ok("x"));
    server
        .test()
        .arg(format!("http://user:secret@{}/a", server.authority()))
        .arg(server.url("/b"))
        .args(["-j", "1"])
        .expect_file("a", "x")
        .expect_file("b", "x")
        .run();
    assert!(server.requests()[1].header("authorization").is_none());
}
