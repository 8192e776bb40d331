//! Whose a domain is: by the public suffix list, and its rule `*` for names that are not in it (RFC 6265
//! §5.3, step 5). So nobody owns `lan`, and who has `a.lan` owns that.
//!
//! The list does not say all that is asked of it. Of the rules `*.kawasaki.jp` and `!city.kawasaki.jp` none
//! is for `kawasaki.jp` itself, which therefore is a name below the suffix `jp` like any other; and yet those
//! below it are not its own. Owners are compared, as Chrome does, and the suffix of a name below is looked at.

use psl::Psl as _;
use url::Host;

/// Below any domain, and in no list.
const ANY_LABEL: &str = "-";

/// Returns the domain that belongs to the owner of a host, with all below it: of `a.b.co.uk` it is `b.co.uk`. One
/// that nobody owns, as `co.uk`, is for itself.
pub(super) fn owned(host: &str) -> &str {
    let domain = psl::List.domain(host.as_bytes());
    domain.map_or(host, |domain| &host[host.len() - domain.as_bytes().len()..])
}

/// Returns whether what is below a domain belongs to others, or nothing is below it: that of `com`, `lan`,
/// `github.io`, `kawasaki.jp` and addresses.
pub(super) fn is_alone(domain: &str) -> bool {
    let bare = domain.strip_suffix('.').unwrap_or(domain);
    let below = bare.rsplit('.').chain([ANY_LABEL]).map(str::as_bytes);
    is_address(domain) || psl::List.find(below).len >= bare.len()
}

/// Returns whether a host, as URLs write it, is an address.
pub(super) fn is_address(host: &str) -> bool {
    !matches!(Host::parse(host), Ok(Host::Domain(_)))
}

/// Returns whether a host is a domain or below it. No address is below another: what ends with a number is
/// one, and all of them have four.
pub(super) fn is_at_or_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// Returns the domain of a cookie from a host that names this one, and whether it is for the hosts below it
/// too; `None` if the host may not name it.
pub(super) fn named(domain: &[u8], host: &str) -> Option<(Box<str>, bool)> {
    let domain = Host::parse(std::str::from_utf8(domain).ok()?).ok()?.to_string();
    let may_be_named = is_at_or_below(host, &domain) && owned(host) == owned(&domain);
    may_be_named.then(|| {
        let has_subdomains = !is_alone(&domain);
        (domain.into(), has_subdomains)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_belongs_to_somebody_or_nobody() {
        #[track_caller]
        fn case(host: &str, domain: &str, is_alone_there: bool) {
            assert_eq!((owned(host), is_alone(host)), (domain, is_alone_there), "{host}");
        }
        case("com", "com", true);
        case("a.com", "a.com", false);
        case("b.a.com", "a.com", false);
        case("b.a.com.", "a.com.", false);
        case("com.", "com.", true);
        case("co.uk", "co.uk", true);
        case("b.a.co.uk", "a.co.uk", false);
        case("github.io", "github.io", true);
        case("b.a.github.io", "a.github.io", false);
        // By the rule `*`.
        case("lan", "lan", true);
        case("lan.", "lan.", true);
        case("localhost", "localhost", true);
        case("a.localhost", "a.localhost", false);
        case("b.a.lan", "a.lan", false);
        // `*.ck` and `!www.ck`.
        case("ck", "ck", true);
        case("a.ck", "a.ck", true);
        case("b.a.ck", "b.a.ck", false);
        case("www.ck", "www.ck", false);
        case("a.www.ck", "www.ck", false);
        // `jp`, `*.kawasaki.jp` and `!city.kawasaki.jp`.
        case("kawasaki.jp", "kawasaki.jp", true);
        case("a.kawasaki.jp", "a.kawasaki.jp", true);
        case("c.b.a.kawasaki.jp", "b.a.kawasaki.jp", false);
        case("city.kawasaki.jp", "city.kawasaki.jp", false);
        case("a.city.kawasaki.jp", "city.kawasaki.jp", false);
        // `com`, `*.elb.amazonaws.com`.
        case("amazonaws.com", "amazonaws.com", false);
        case("elb.amazonaws.com", "amazonaws.com", true);
        case("a.elb.amazonaws.com", "a.elb.amazonaws.com", true);
        case("c.b.a.elb.amazonaws.com", "b.a.elb.amazonaws.com", false);
        case("[::1]", "[::1]", true);
        assert!(is_alone("127.0.0.1"));
    }

    #[test]
    fn a_host_names_domains_of_its_owner() {
        #[track_caller]
        fn case(host: &str, domain: &str, has_subdomains: Option<bool>) {
            let named = named(domain.as_bytes(), host);
            assert_eq!(named.map(|(_, below)| below), has_subdomains, "{domain} by {host}");
        }
        case("a.b.example.com", "b.example.com", Some(true));
        case("a.b.example.com", "example.com", Some(true));
        case("a.b.example.com", "com", None);
        case("example.com", "example.com", Some(true));
        case("example.com", "a.example.com", None);
        case("xexample.com", "example.com", None);
        case("com", "com", Some(false));
        case("a.lan", "lan", None);
        case("b.a.lan", "a.lan", Some(true));
        case("lan", "lan", Some(false));
        case("www.ck", "ck", None);
        case("www.ck", "www.ck", Some(true));
        case("a.www.ck", "www.ck", Some(true));
        case("b.a.ck", "a.ck", None);
        case("b.a.ck", "b.a.ck", Some(true));
        case("a.ck", "ck", None);
        case("www.city.kawasaki.jp", "city.kawasaki.jp", Some(true));
        case("city.kawasaki.jp", "city.kawasaki.jp", Some(true));
        case("www.city.kawasaki.jp", "kawasaki.jp", None);
        case("city.kawasaki.jp", "kawasaki.jp", None);
        case("b.a.kawasaki.jp", "a.kawasaki.jp", None);
        case("c.b.a.kawasaki.jp", "kawasaki.jp", None);
        case("kawasaki.jp", "kawasaki.jp", Some(false));
        case("www.city.kobe.jp", "kobe.jp", None);
        case("b.a.elb.amazonaws.com", "amazonaws.com", None);
        case("console.amazonaws.com", "amazonaws.com", Some(true));
        case("a.b.compute.amazonaws.com", "compute.amazonaws.com", None);
        case("a.b.compute.amazonaws.com", "b.compute.amazonaws.com", None);
        case("elb.amazonaws.com", "elb.amazonaws.com", Some(false));
        case("foo.co.uk.", "co.uk.", None);
        case("foo.co.uk.", "foo.co.uk.", Some(true));
        case("foo.co.uk.", "foo.co.uk", None);
        case("127.0.0.1", "127.0.0.1", Some(false));
        case("127.0.0.1", "0.0.1", None);
        case("[::1]", "[0:0::1]", Some(false));
    }
}
