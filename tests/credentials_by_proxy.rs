//! What is given for a host and what is given for a proxy: each sees its own and not the other's.

use crate::credentials::{Secret, nothing_but_the_hosts_is_seen, nothing_is_seen};
use crate::harness::peer::Peer;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Request, Server, Test};
use crate::logins::basic;

/// What only proxies may see.
const LOGIN: &str = "proxy:pr0xy";

/// A URL that leads nowhere but through a proxy; its host is that of the logins and the cookies.
const URL: &str = "http://127.0.0.1:1/a";

const FIELD: &str = "proxy-authorization";

/// Lets haul go through a proxy with a login.
fn through(test: Test, authority: &str) -> Test {
    test.args(["--proxy", &format!("http://{authority}"), "--proxy-user", LOGIN])
}

/// Fails unless a request came with the login of the proxy; returns it without that.
#[track_caller]
fn as_the_host_sees_it(mut request: Request) -> Request {
    assert_eq!(request.header(FIELD), Some(&*basic(LOGIN)), "{request:?}");
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(FIELD));
    request
}

#[test]
fn the_login_of_an_http_proxy_stays_with_it_when_a_redirect_leads_past_it() {
    for secret in Secret::ALL {
        let (proxy, second) = (Server::start(), Server::start());
        proxy.serve(URL, Reply::redirect(302, second.url("/b")));
        second.serve("/b", Reply::ok("x"));
        let test = through(proxy.test().server(&second), &proxy.authority());
        let test = test.args(["--no-proxy", &second.authority()]);
        secret.given(test, URL).expect_file("a", "x").run();
        secret.is_seen(&as_the_host_sees_it(proxy.requests().remove(0)));
        let request = second.requests().remove(0);
        assert_eq!(request.header(FIELD), None, "{secret:?}");
        nothing_but_the_hosts_is_seen(secret, &request);
    }
}

#[test]
fn an_http_proxy_does_not_see_what_was_given_for_a_host_that_is_asked_without_it() {
    for secret in Secret::ALL {
        let (first, proxy) = (Server::start(), Server::start());
        first.serve("/a", Reply::redirect(302, URL));
        proxy.serve(URL, Reply::ok("x"));
        let test = through(first.test().server(&proxy), &proxy.authority());
        let test = test.args(["--no-proxy", &first.authority()]);
        secret.given(test, &first.url("/a")).expect_file("a", "x").run();
        let request = first.requests().remove(0);
        assert_eq!(request.header(FIELD), None, "{secret:?}");
        secret.is_seen(&request);
        let request = as_the_host_sees_it(proxy.requests().remove(0));
        nothing_but_the_hosts_is_seen(secret, &request);
    }
}

#[test]
fn one_host_behind_an_http_proxy_does_not_get_what_was_given_for_another() {
    const OTHER: &str = "http://other.invalid/b";
    for secret in Secret::ALL {
        let proxy = Server::start();
        proxy.serve(URL, Reply::redirect(302, OTHER));
        proxy.serve(OTHER, Reply::redirect(302, "http://127.0.0.1:1/c"));
        proxy.serve("http://127.0.0.1:1/c", Reply::ok("x"));
        let test = through(proxy.test(), &proxy.authority());
        secret.given(test, URL).expect_file("a", "x").run();
        let mut requests = proxy.requests().into_iter().map(as_the_host_sees_it);
        secret.is_seen(&requests.next().unwrap());
        nothing_is_seen(secret, &requests.next().unwrap());
        nothing_but_the_hosts_is_seen(secret, &requests.next().unwrap());
    }
}

#[test]
fn a_tunnel_is_asked_for_with_the_login_of_the_proxy_and_nothing_else() {
    let version = env!("CARGO_PKG_VERSION");
    for secret in Secret::ALL {
        let (first, second) = (Server::start(), Server::start());
        let fronts = [TlsFront::start(&first, true), TlsFront::start(&second, true)];
        first.serve("/a", Reply::redirect(302, fronts[1].url("/b")).close());
        second.serve("/b", Reply::ok("x").close());
        let proxy = Peer::proxy();
        let test = fronts[0].test().server(&first).server(&second);
        let test = test.arg("--ca-cert").arg(fronts[1].folder().join("authority.pem"));
        let test = through(test, &proxy.authority());
        secret.given(test, &fronts[0].url("/a")).expect_file("a", "x").run();
        let asked = fronts.each_ref().map(|front| {
            let host = front.url("").replace("https://", "");
            format!(
                "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: haul/{version}\r\n\
                 Proxy-Authorization: {}\r\n\r\n",
                basic(LOGIN)
            )
        });
        assert_eq!(proxy.received(), asked.map(String::into_bytes), "{secret:?}");
        let request = first.requests().remove(0);
        assert_eq!(request.header(FIELD), None, "{secret:?}");
        secret.is_seen(&request);
        let request = second.requests().remove(0);
        assert_eq!(request.header(FIELD), None, "{secret:?}");
        nothing_but_the_hosts_is_seen(secret, &request);
    }
}

#[test]
fn locations_that_are_trusted_get_no_login_of_a_proxy() {
    for secret in Secret::ALL {
        let (proxy, second) = (Server::start(), Server::start());
        proxy.serve(URL, Reply::redirect(302, second.url("/b")));
        second.serve("/b", Reply::ok("x"));
        let test = through(proxy.test().server(&second), &proxy.authority());
        let test = test.args(["--location-trusted", "--no-proxy", &second.authority()]);
        secret.given(test, URL).expect_file("a", "x").run();
        let request = second.requests().remove(0);
        assert_eq!(request.header(FIELD), None, "{secret:?}");
        secret.is_seen(&request);
    }
}

#[test]
fn cookies_of_a_proxy_are_not_taken_for_the_hosts() {
    let server = Server::start();
    let wanted = Reply::status(407, "x").header("Proxy-Authenticate", "Basic realm=\"x\"");
    server.serve(URL, wanted.header("Set-Cookie", "a=b"));
    server.serve("http://127.0.0.1:1/c", Reply::ok("x"));
    let test = server.test().args(["--save-cookies", "saved", "-j", "1"]).any_result();
    test.args(["--proxy", &server.authority(), URL, "http://127.0.0.1:1/c"]).run();
    assert_eq!(server.requests()[1].header("cookie"), None);
}

#[test]
fn a_host_header_of_the_users_goes_through_a_proxy_once() {
    let server = Server::start();
    server.serve(URL, Reply::ok("x"));
    let test = server.test().args(["-H", "Host: virtual.example", URL]);
    test.args(["--proxy", &server.authority()]).expect_file("a", "x").run();
    let request = server.requests().remove(0);
    let hosts = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    assert_eq!(hosts.map(|(_, value)| &**value).collect::<Vec<_>>(), ["virtual.example"]);
}
