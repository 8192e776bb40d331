//! What is given for a host is seen by that host and no other: every kind of secret, over every kind of hop.

use serde_json::json;

use crate::harness::helped::{RATE, body, small_parts, v1};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Offer, Reply, Request, Server, Test};
use crate::logins::{basic, netrc};

/// What every request says, whatever the user gave.
const OWN: [&str; 4] = ["host", "user-agent", "accept", "accept-encoding"];

/// A way to give a secret, as it is put before a URL.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Secret {
    Userinfo,
    User,
    Bearer,
    Authorization,
    ApiKey,
    Cookie,
    Referer,
    Netrc,
    Jar,
    Jsonl,
    Aria2,
}

impl Secret {
    pub(crate) const ALL: [Self; 11] = [
        Self::Userinfo,
        Self::User,
        Self::Bearer,
        Self::Authorization,
        Self::ApiKey,
        Self::Cookie,
        Self::Referer,
        Self::Netrc,
        Self::Jar,
        Self::Jsonl,
        Self::Aria2,
    ];

    /// Makes haul download `url` with it.
    pub(crate) fn given(self, test: Test, url: &str) -> Test {
        match self {
            Self::Userinfo => test.arg(url.replace("://", "://me:s3cret@")),
            Self::User => test.args(["--user", "me:s3cret", url]),
            Self::Bearer => test.args(["--bearer", "s3cret", url]),
            Self::Authorization => test.args(["-H", "Authorization: Key s3cret", url]),
            Self::ApiKey => test.args(["-H", "X-Api-Key: s3cret", url]),
            Self::Cookie => test.args(["--cookie", "a=s3cret", url]),
            Self::Referer => test.args(["--referer", "http://page.example/s3cret", url]),
            Self::Netrc => netrc(test, "machine 127.0.0.1 login me password s3cret").arg(url),
            Self::Jar => {
                let line = "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\ts3cret\n";
                test.existing("jar", line).args(["--cookies", "jar", url])
            }
            Self::Jsonl => {
                let entry = json!({"url": url, "headers": {"X-Api-Key": "s3cret"}});
                test.existing("list", entry.to_string()).args(["-i", "list"])
            }
            Self::Aria2 => {
                let entry = format!("{url}\n  header=X-Api-Key: s3cret\n");
                test.existing("list", entry).args(["-i", "list"])
            }
        }
    }

    /// Returns the field that its own host gets.
    fn field(self) -> (&'static str, String) {
        match self {
            Self::Userinfo | Self::User | Self::Netrc => ("authorization", basic("me:s3cret")),
            Self::Bearer => ("authorization", "Bearer s3cret".to_owned()),
            Self::Authorization => ("authorization", "Key s3cret".to_owned()),
            Self::ApiKey | Self::Jsonl | Self::Aria2 => ("x-api-key", "s3cret".to_owned()),
            Self::Cookie | Self::Jar => ("cookie", "a=s3cret".to_owned()),
            Self::Referer => ("referer", "http://page.example/s3cret".to_owned()),
        }
    }

    #[track_caller]
    pub(crate) fn is_seen(self, request: &Request) {
        let (name, value) = self.field();
        assert_eq!(request.header(name), Some(&*value), "{self:?}: {request:?}");
    }
}

/// Fails unless a request to another port of the host says nothing, but for a login that is the host's.
#[track_caller]
pub(crate) fn nothing_but_the_hosts_is_seen(secret: Secret, request: &Request) {
    match secret {
        Secret::Netrc | Secret::Jar => secret.is_seen(request),
        _ => nothing_is_seen(secret, request),
    }
}

/// Fails unless a request says nothing but what every request does.
#[track_caller]
pub(crate) fn nothing_is_seen(secret: Secret, request: &Request) {
    let is_own = |name: &str| OWN.iter().any(|own| own.eq_ignore_ascii_case(name));
    let is_clean = request.headers.iter().all(|(name, _)| is_own(name));
    assert!(is_clean, "{secret:?}: {request:?}");
}

/// Downloads over a hop from `from` at the first server to `to` at the second, once with each secret;
/// returns what the second one was asked.
#[track_caller]
fn over(
    servers: [&Server; 2],
    [from, to]: [&str; 2],
    test: impl Fn() -> Test,
    mut seen: impl FnMut(Secret, &Request),
) {
    for secret in Secret::ALL {
        let count = servers.map(|server| server.requests().len());
        servers[0].serve("/a", Reply::redirect(302, to).close());
        servers[1].serve("/b", Reply::ok("x").close());
        secret.given(test(), from).expect_file("a", "x").run();
        secret.is_seen(&servers[0].requests()[count[0]]);
        seen(secret, servers[1].requests().last().unwrap());
    }
}

#[test]
fn what_is_given_follows_within_its_origin() {
    let server = Server::start();
    let hop = [&*server.url("/a"), &server.url("/b")];
    over([&server, &server], hop, || server.test(), Secret::is_seen);
}

#[test]
fn nothing_that_is_given_goes_to_another_port() {
    let (first, second) = (Server::start(), Server::start());
    let hop = [&*first.url("/a"), &second.url("/b")];
    over([&first, &second], hop, || first.test().server(&second), nothing_but_the_hosts_is_seen);
}

#[test]
fn nothing_that_is_given_goes_to_another_host() {
    let server = Server::start();
    let other = server.url("/b").replace("127.0.0.1", "localhost");
    over([&server, &server], [&server.url("/a"), &other], || server.test(), nothing_is_seen);
}

#[test]
fn nothing_that_is_given_goes_from_https_to_http() {
    let (first, second) = (Server::start(), Server::start());
    let front = TlsFront::start(&first, true);
    let test = || front.test().server(&first).server(&second).arg("--allow-downgrade");
    let seen = |secret: Secret, request: &Request| match secret {
        // It is not marked as one for https alone.
        Secret::Jar => secret.is_seen(request),
        _ => nothing_is_seen(secret, request),
    };
    over([&first, &second], [&front.url("/a"), &second.url("/b")], test, seen);
}

#[test]
fn nothing_that_is_given_goes_from_http_to_https_on_another_port() {
    let (first, second) = (Server::start(), Server::start());
    let front = TlsFront::start(&second, true);
    let test = || front.test().server(&first).server(&second);
    over(
        [&first, &second],
        [&first.url("/a"), &front.url("/b")],
        test,
        nothing_but_the_hosts_is_seen,
    );
}

#[test]
fn all_of_it_goes_anywhere_when_locations_are_trusted() {
    let (first, second) = (Server::start(), Server::start());
    let test = || first.test().server(&second).arg("--location-trusted");
    over([&first, &second], [&first.url("/a"), &second.url("/b")], test, Secret::is_seen);
}

#[test]
fn what_was_left_behind_is_not_picked_up_again() {
    let (first, second) = (Server::start(), Server::start());
    for secret in Secret::ALL {
        first.serve("/a", Reply::redirect(302, second.url("/b")));
        second.serve("/b", Reply::redirect(302, first.url("/c")));
        first.serve("/c", Reply::ok("x"));
        secret.given(first.test().server(&second), &first.url("/a")).expect_file("a", "x").run();
        nothing_but_the_hosts_is_seen(secret, first.requests().last().unwrap());
    }
}

#[test]
fn every_url_that_is_given_gets_what_is_given_for_all() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::ok("x"));
    first.serve("/m", Reply::status(404, "-"));
    second.serve("/m", Reply::ok("y"));
    let list = format!("{}\t{}\n", first.url("/m"), second.url("/m"));
    first
        .test()
        .server(&second)
        .args(["--user", "me:s3cret", "-H", "X-Key: s3cret", &first.url("/a"), "-i", "-", "-j1"])
        .stdin(list)
        .any_stderr()
        .expect_file("a", "x")
        .expect_file("m", "y")
        .run();
    for request in first.requests().iter().chain(&second.requests()) {
        assert_eq!(request.header("authorization"), Some(&*basic("me:s3cret")));
        assert_eq!(request.header("x-key"), Some("s3cret"));
    }
}

#[test]
fn the_userinfo_of_a_url_goes_before_what_is_given_for_all() {
    let server = Server::start();
    server.serve("/a", Reply::ok("x"));
    server
        .test()
        .args(["--bearer", "other"])
        .arg(server.url("/a").replace("://", "://me:s3cret@"))
        .expect_file("a", "x")
        .run();
    assert_eq!(server.requests()[0].header("authorization"), Some(&*basic("me:s3cret")));
}

#[test]
fn who_asks_for_much_is_told_what_does_not_go_along() {
    let (first, second) = (Server::start(), Server::start());
    first.serve("/a", Reply::redirect(302, second.url("/b")));
    second.serve("/b", Reply::ok("x"));
    let test = first.get(["/a"]).server(&second).args(["-v", "--bearer", "s3cret"]);
    let output = test.any_stderr().expect_file("a", "x").run();
    let told = "headers and credentials do not go along";
    assert!(output.stderr.contains(told) && !output.stderr.contains("s3cret"), "{}", output.stderr);
}

#[test]
fn helpers_send_what_the_first_connection_sent() {
    let server = Server::start();
    let ledger = Offer::new(&v1()).rate(RATE).on(&server, "/a");
    let secret = Secret::ApiKey;
    let test = secret.given(small_parts(server.test().args(["-j", "4"])), &server.url("/a"));
    test.expect_file("a", body()).run();
    assert!(!ledger.parts().is_empty(), "nobody helped");
    for request in server.requests() {
        secret.is_seen(&request);
    }
}

#[test]
fn a_question_takes_along_what_a_download_does() {
    let (first, second) = (Server::start(), Server::start());
    first.always("/a", Reply::redirect(302, "/b"));
    first.always("/b", Reply::redirect(302, second.url("/c")));
    for secret in Secret::ALL {
        let count = first.requests().len();
        // It does not know HEAD, so that it is asked for the first byte too.
        second.serve("/c", Reply::status(405, "-"));
        second.serve("/c", Reply::ok("x").close());
        let test = first.test().server(&second).args(["--spider"]);
        secret.given(test, &first.url("/a")).any_stdout().any_stderr().run();
        first.requests()[count..].iter().for_each(|request| secret.is_seen(request));
        for request in second.requests().iter().rev().take(2) {
            let range = |(name, _): &(String, String)| name.eq_ignore_ascii_case("range");
            let mut request = request.clone();
            request.headers.retain(|field| !range(field));
            nothing_but_the_hosts_is_seen(secret, &request);
        }
    }
}
