//! Through proxies: which one, what it is told, and what is its fault.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::black_hole::BlackHole;
use crate::harness::objects::objects;
use crate::harness::peer::{Peer, Step};
use crate::harness::resource::Resource;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Gate, Offer, Reply, Server, Test, content};

/// A file of a host that no name server knows: only a proxy can find it.
pub(crate) const URL: &str = "http://nowhere.invalid/a";

/// The same, for a tunnel.
const TUNNELLED: &str = "https://nowhere.invalid/a";

/// A scripted server is an HTTP proxy when its targets are whole URLs.
fn proxy_of(server: &Server) -> String {
    format!("http://{}", server.authority())
}

#[test]
fn an_http_proxy_is_sent_whole_urls_and_hosts_share_its_connection() {
    let server = Server::start();
    let urls = ["http://one.invalid/a?x=1", "http://two.invalid:8080//b", "http://[::1]:1/c"];
    for url in urls {
        server.serve(url, Reply::ok(url));
    }
    server
        .test()
        .args(["-j", "1", "--proxy", &server.authority()])
        .args(urls)
        .expect_file("a", urls[0])
        .expect_file("b", urls[1])
        .expect_file("c", urls[2])
        .run();
    let requests = server.requests();
    let hosts: Vec<_> = requests.iter().map(|request| request.header("host").unwrap()).collect();
    assert_eq!(hosts, ["one.invalid", "two.invalid:8080", "[::1]:1"]);
    assert!(requests.iter().all(|request| request.header("proxy-authorization").is_none()));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_tunnel_carries_tls_and_the_proxy_sees_the_host_only() {
    let server = Server::start();
    let body = content(1, 300_000);
    server.serve("/a?secret=1", Reply::ok(&body).close());
    let front = TlsFront::start(&server, true);
    let url = front.url("/a?secret=1");
    let authority = url.split('/').nth(2).unwrap();
    let proxy = Peer::tunnel(authority);
    let output = front
        .test()
        .args(["-v", "--proxy", &format!("http://{}", proxy.authority())])
        .args(["--proxy-user", "me:s3cret", &url])
        .expect_file("a", &body)
        .any_stderr()
        .run();
    assert!(output.stderr.contains(&format!("by way of proxy http://{}", proxy.authority())));
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    let heads = proxy.received();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: haul/{version}\r\n\
         Proxy-Authorization: Basic bWU6czNjcmV0\r\n\r\n"
    );
    assert_eq!(heads, [expected.into_bytes()]);
    assert_eq!(server.requests()[0].header("proxy-authorization"), None);
}

#[test]
fn a_file_is_fetched_by_all_workers_through_a_proxy() {
    let server = Server::start();
    let body = content(2, 6 << 20);
    let resource = Resource::new(&body, "\"v1\"");
    let ledger = Offer::new(&resource).rate(2 << 20).on(&server, URL);
    server
        .test()
        .args(["-j", "4", "--proxy", &proxy_of(&server), URL])
        .expect_file("a", &body)
        .run();
    assert!(ledger.parts().len() > 1);
}

#[test]
fn the_login_of_a_proxy_and_that_of_the_origin_are_kept_apart() {
    let server = Server::start();
    server.serve(URL, Reply::redirect(302, "/b"));
    server.serve("http://nowhere.invalid/b", Reply::redirect(302, server.url("/direct")));
    server.serve("/direct", Reply::ok("hello"));
    let proxy = proxy_of(&server).replace("://", "://me:s%40cret@");
    let output = server
        .test()
        .args(["-v", "--no-proxy", "127.0.0.1", "--proxy", &proxy])
        .arg("http://user:pass@nowhere.invalid/a")
        .expect_file("a", "hello")
        .any_stderr()
        .run();
    let [first, second, third] = &server.requests()[..] else { panic!("three requests") };
    for request in [first, second] {
        assert_eq!(request.header("proxy-authorization"), Some("Basic bWU6c0BjcmV0"));
        assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    }
    assert_eq!(third.header("proxy-authorization"), None);
    assert_eq!(third.header("authorization"), None);
    // What is asked of the proxy and what of the server itself, although they are one.
    assert_eq!([first, second, third].map(|request| request.connection), [1, 1, 2]);
    for secret in ["s%40cret", "s@cret", "bWU6c0BjcmV0"] {
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
    }
}

#[test]
fn the_environment_chooses_as_curl_reads_it() {
    let server = Server::start();
    let proxy = proxy_of(&server);
    // A name that cannot be looked up, with a request that must not come to the proxy.
    let is_direct = |test: Test| {
        test.arg(URL).any_stderr().status(1).run();
    };
    let is_proxied = |test: Test| {
        server.serve(URL, Reply::ok("x"));
        test.arg(URL).expect_file("a", "x").run();
    };
    let test = || server.test();
    is_proxied(test().env("http_proxy", &proxy));
    is_proxied(test().env("all_proxy", &proxy));
    is_proxied(test().env("ALL_PROXY", &proxy));
    is_proxied(test().env("all_proxy", "http://127.0.0.1:1").env("http_proxy", &proxy));
    is_proxied(test().env("http_proxy", &proxy).env("no_proxy", "where.invalid"));
    is_proxied(test().env("no_proxy", "*").args(["--no-proxy", "", "--proxy", &proxy]));
    is_direct(test().env("HTTP_PROXY", &proxy));
    is_direct(test().env("https_proxy", &proxy));
    is_direct(test().env("http_proxy", ""));
    is_direct(test().env("http_proxy", &proxy).args(["--proxy", ""]));
    is_direct(test().env("http_proxy", &proxy).env("no_proxy", ".invalid"));
    is_direct(test().env("http_proxy", &proxy).env("NO_PROXY", "a, nowhere.invalid:80"));
    is_direct(test().env("http_proxy", &proxy).args(["--no-proxy", "*"]));
}

#[test]
fn a_proxy_that_is_none_is_wrong_usage_and_its_login_is_not_shown() {
    #[track_caller]
    fn case(test: Test, error: &str) {
        test.arg(URL).stdout("").stderr([format!("error: {error}")]).status(2).run();
    }
    let known = "a proxy is http, https, socks4, socks4a, socks5 or socks5h";
    case(
        Test::new().args(["--proxy", "ftp://me:s3cret@p"]),
        &format!("`--proxy` `ftp://***@p`: {known}"),
    );
    case(
        Test::new().env("http_proxy", "me:s3cret@p:x"),
        "the variable `http_proxy` is `***@p:x`: invalid port number",
    );
    case(
        Test::new().args(["--proxy-user", "me:s3cret"]),
        "`--proxy-user` is for a proxy, and there is none; give one with `--proxy`",
    );
    case(
        Test::new().args(["--no-proxy", "10.0.0.0/99"]),
        "`--no-proxy` has `10.0.0.0/99`, which is no name, address or network such as 10.0.0.0/8",
    );
}

#[test]
fn a_login_that_an_http_proxy_wants_is_asked_for_once() {
    let server = Server::start();
    let proxy = proxy_of(&server);
    let wanted = Reply::status(407, "x").header("Proxy-Authenticate", "Basic realm=\"x\"");
    let told = |what: &str| format!("proxy {proxy}: {what}");
    for (url, target) in [(URL, URL), (TUNNELLED, "nowhere.invalid:443")] {
        let test = || server.test().default_retries().args(["--proxy", &proxy, url]);
        server.serve(target, wanted.clone());
        test()
            .fails(url, &told("it wants a login"))
            .hint("give one with `--proxy-user NAME:PASSWORD`")
            .run();
        server.serve(target, wanted.clone());
        test()
            .args(["--proxy-user", "me:s3cret"])
            .fails(url, &told("it refuses the login"))
            .hint("check the name and the password of the proxy")
            .run();
        server.serve(target, Reply::status(407, "x").header("Proxy-Authenticate", "Negotiate"));
        test()
            .fails(url, &told("it wants a login of a kind that haul does not know"))
            .hint("haul speaks Basic, and for SOCKS 5 RFC 1929")
            .run();
    }
}

#[test]
fn a_407_of_the_origin_is_not_the_proxys() {
    let server = Server::start();
    server.serve("/a", Reply::status(407, "x").close());
    let front = TlsFront::start(&server, true);
    let url = front.url("/a");
    let proxy = Peer::tunnel(url.split('/').nth(2).unwrap());
    let test = front.test().args(["--proxy", &proxy.authority(), &url]);
    test.fails(&url, "407 Proxy Authentication Required")
        .hint("the server wants a login as a proxy does; …")
        .run();
}

#[test]
fn a_tunnel_that_is_refused_is_told_with_its_status_and_tried_again_if_that_may_pass() {
    let server = Server::start();
    let proxy = proxy_of(&server);
    let target = "nowhere.invalid:443";
    let test = |retries| server.test().retries(retries).args(["--proxy", &proxy, TUNNELLED]);
    server.serve(target, Reply::status(403, "No").body("<html>"));
    let refused = |status: &str| format!("proxy {proxy}: it refuses a tunnel: {status}");
    test(3).fails(TUNNELLED, &refused("403 Forbidden")).run();
    for (code, status) in
        [(502, "502 Bad Gateway"), (503, "503 Service Unavailable"), (504, "504 Gateway Timeout")]
    {
        server.serve(target, Reply::status(code, "x"));
        server.serve(target, Reply::status(code, "x"));
        test(1)
            .retried(TUNNELLED, &refused(status), "retry 1 of 1")
            .fails(TUNNELLED, &format!("{} (2 attempts)", refused(status)))
            .run();
    }
    server.serve(target, Reply::status(403, "No"));
    let output = test(0).arg("--json").any_stdout().any_stderr().status(1).run();
    let (jobs, _) = objects(&output);
    assert_eq!(jobs[0]["error"]["kind"], "proxy_refused");
    assert_eq!(jobs[0]["error"]["http_status"], 403);
}

/// Runs haul with a proxy that plays these steps; it must say so much.
#[track_caller]
pub(crate) fn blames(url: &str, scheme: &str, steps: impl IntoIterator<Item = Step>, told: &str) {
    let peer = Peer::start(steps);
    let proxy = format!("{scheme}://{}", peer.authority());
    // On a busy machine everything else takes its time too.
    let timeout = if told.ends_with("within 0.40s") { "0.4" } else { "10" };
    let output = Test::new()
        .args(["--connect-timeout", timeout, "--proxy", &proxy, url])
        .any_stderr()
        .status(1)
        .run();
    let line = format!("error: {url}: proxy {proxy}: {told}\n");
    assert!(output.stderr.contains(&line), "{}", output.stderr);
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

#[test]
fn an_answer_to_connect_that_is_none_is_bounded_in_time_and_length() {
    let after_head = |step: Step| [Step::TakeHead, step];
    let bad = |step: Step, told: &str| blames(TUNNELLED, "http", after_head(step), told);
    bad(send("220 ftp.example\r\n"), "its answer is no HTTP: invalid HTTP version");
    bad(send([0x15, 3, 1, 0, 2, 2, 40]), "it speaks TLS on this port, not plain HTTP");
    bad(send("HTTP/1.1 200"), "it closed the connection before its answer was complete");
    bad(send(""), "it closed the connection before its answer was complete");
    bad(
        send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(80_000))),
        "its answer's header is larger than 64 KiB",
    );
    bad(send("HTTP/1.1 200 OK\r\n\r\nhello"), "it sends more than an answer to CONNECT");
    let late = "no connection within 0.40s";
    bad(Step::Hold(Gate::default()), late);
    let pause = Duration::from_millis(20);
    blames(
        TUNNELLED,
        "http",
        [Step::TakeHead, send("HTTP/1.1 200 OK\r\nX: "), Step::Trickle(b"x".to_vec(), pause)],
        late,
    );
    bad(Step::Trickle(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), pause), late);
    blames(URL, "https", [Step::Hold(Gate::default())], late);
    blames(
        URL,
        "https",
        [Step::Take(5), send("HTTP/1.1 400 Bad\r\n\r\n")],
        "the proxy speaks plain HTTP on this port, not TLS",
    );
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_the_origin() {
    // Nothing listens on port 1.
    for proxy in ["http://127.0.0.1:1", "https://127.0.0.1:1", "socks5h://127.0.0.1:1"] {
        for url in [URL, TUNNELLED] {
            Test::new()
                .args(["--proxy", proxy, url])
                .fails(url, &format!("proxy {proxy}: cannot connect: connection refused"))
                .hint("is it the right proxy? `--proxy ''` uses none")
                .run();
        }
    }
    Test::new()
        .args(["--proxy", "http://proxy.invalid:3128", URL])
        .fails(URL, "proxy http://proxy.invalid:3128: …")
        .line("  hint: …")
        .run();
    let hole = BlackHole::new();
    let proxy = format!("http://{}", hole.address());
    let told = format!("proxy {proxy}: no connection within 0.30s");
    let test = || Test::new().args(["--connect-timeout", "0.3", "--proxy", &proxy, URL]);
    test().fails(URL, &told).hint("is it the right proxy? `--proxy ''` uses none").run();
    let output = test().arg("--json").any_stdout().any_stderr().status(1).run();
    let (jobs, _) = objects(&output);
    assert_eq!(jobs[0]["error"]["kind"], "proxy_connect");
    assert_eq!(jobs[0]["error"]["phase"], "connect");
}

#[test]
fn a_host_behind_a_proxy_has_its_own_limits() {
    let server = Server::start();
    let gate = Gate::default();
    let urls = ["http://one.invalid/a", "http://two.invalid/b", "http://two.invalid/c"];
    for url in urls {
        server.serve(url, Reply::ok("x").hold_header(&gate));
    }
    let running = server
        .test()
        .args(["--per-host", "1", "--proxy", &proxy_of(&server)])
        .args(urls)
        .expect_file("a", "x")
        .expect_file("b", "x")
        .expect_file("c", "x")
        .start();
    // Both hosts at once, and the second one once, for whichever of its files.
    gate.wait_reached(2);
    assert_eq!(server.requests().len(), 2);
    gate.open();
    running.finish();
}

#[test]
fn a_signal_ends_transfers_that_wait_for_a_proxy() {
    for (scheme, url) in [("http", TUNNELLED), ("https", URL), ("socks5h", URL), ("socks4a", URL)] {
        let peer = Peer::start([Step::Hold(Gate::default())]);
        let proxy = format!("{scheme}://{}", peer.authority());
        let mut running = Test::new()
            .args(["-j", "2", "--proxy", &proxy, url, &format!("{url}2")])
            .totals_end("2 cancelled, interrupted")
            .status(130)
            .start();
        peer.wait_for_connections(2);
        running.signal(Signal::INT);
        let output = running.finish();
        let time = output.since_signal.unwrap();
        assert!(time < Duration::from_secs(1), "it took {time:?}");
    }
}
