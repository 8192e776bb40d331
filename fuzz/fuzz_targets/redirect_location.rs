//! Location fields, from an http and from an https URL: a hop that is accepted is one that haul can
//! ask for, and it leaks nothing and leads nowhere less safe.

#![no_main]

use haul::model::job::Target;
use haul::policy::redirect::{Options, may_carry, next_hop};
use libfuzzer_sys::fuzz_target;
use ureq::http::Uri;
use url::Url;

const OPTIONS: Options = Options { max_hops: 10, allow_downgrade: false };

const BASES: [&str; 3] =
    ["http://h.example/a/b.bin?old=1", "https://h.example:8443/a/b.bin", "https://[::1]/"];

fuzz_target!(|location: &[u8]| {
    for base in BASES {
        let from = Target { url: Url::parse(base).unwrap(), credentials: None };
        if let Ok(to) = next_hop(std::slice::from_ref(&from), 302, Some(location), OPTIONS) {
            check(&from.url, &to.url);
            check_again(&from, &to);
        }
    }
});

fn check(from: &Url, to: &Url) {
    assert!(matches!(to.scheme(), "http" | "https"), "another scheme: {to}");
    assert!(to.host_str().is_some_and(|host| !host.is_empty()), "no host: {to}");
    assert!(to.username().is_empty() && to.password().is_none(), "userinfo: {to}");
    assert!(!to.authority().contains('@'), "userinfo: {to}");
    assert_eq!(to.fragment(), None, "a fragment: {to}");
    assert!(from.scheme() == "http" || to.scheme() == "https", "a downgrade: {to}");
    if may_carry(from, to) {
        assert_eq!(from.host(), to.host(), "carried to another host");
        let same_port = from.port_or_known_default() == to.port_or_known_default();
        let upgraded = (from.scheme(), to.scheme()) == ("http", "https");
        assert!(same_port || upgraded, "carried to another port: {to}");
    }
    // What is sent is read by another parser, which must see the same host, port and path.
    let uri: Uri = to.as_str().parse().unwrap_or_else(|error| panic!("`{to}` as Uri: {error}"));
    assert_eq!(uri.host(), to.host_str(), "another host");
    assert_eq!(uri.port_u16(), to.port(), "another port");
    assert_eq!(uri.path(), to.path(), "another path");
    assert_eq!(uri.query(), to.query(), "another query");
}

fn check_again(from: &Target, to: &Target) {
    // Its own words lead there again, with the same login.
    let visited = [from.clone(), to.clone()];
    let again = next_hop(&visited, 302, Some(to.url.as_str().as_bytes()), OPTIONS);
    assert_eq!(again.as_ref(), Ok(to), "not its own address");
}
