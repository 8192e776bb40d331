//! Redirects: where a hop leads, whether it may be followed, and what may go along.
//!
//! Resolution is RFC 3986 §5 as WHATWG applies it: `?q` keeps the path, `//host` the scheme, `..`
//! above the root is the root, blanks and raw bytes are percent-encoded, a fragment is dropped.
//!
//! Userinfo in a Location is a login for the origin that it names: whoever sent it knows the password. It holds
//! there and no further, and none is taken from https to http.

use url::Url;

use crate::model::job::Target;
use crate::model::problem::RedirectProblem;
use crate::model::redact::{Redacted, redact_text};
use crate::policy::target::{check_sendable, is_web, take_credentials};

/// What the user allows.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many hops a transfer may take.
    pub max_hops: usize,
    /// Whether a hop may lead from https to http.
    pub allow_downgrade: bool,
}

/// Returns whether a status with a Location leads elsewhere. 304 to 306 do not.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 300..=303 | 307 | 308)
}

/// Decides where a redirect leads, with the login that holds there of those that Locations name. `visited` holds
/// all of the chain likewise, the current one last.
///
/// # Errors
/// The reason why the hop must not be taken.
pub fn next_hop(
    visited: &[Target],
    status: u16,
    location: Option<&[u8]>,
    options: Options,
) -> Result<Target, RedirectProblem> {
    // As a reference an empty one leads to the same URL; who sends it means nothing by it.
    let Some(location) = location.map(<[u8]>::trim_ascii).filter(|location| !location.is_empty())
    else {
        return Err(RedirectProblem::NoLocation { code: status });
    };
    let text = to_text(location);
    let bad = || RedirectProblem::BadLocation { location: redact_text(&text) };
    let current = visited.last().ok_or_else(bad)?;
    let mut url = current.url.join(&text).map_err(|_| bad())?;
    if !is_web(url.scheme()) {
        return Err(RedirectProblem::Scheme { scheme: url.scheme().to_owned() });
    }
    if !url.has_host() || check_sendable(&url).is_err() {
        return Err(bad());
    }
    url.set_fragment(None);
    let named = take_credentials(&mut url);
    let is_downgraded = current.url.scheme() == "https" && url.scheme() == "http";
    if is_downgraded && !options.allow_downgrade {
        return Err(RedirectProblem::Downgrade { to: Redacted(&url).to_string() });
    }
    let limit = options.max_hops;
    if visited.len() > limit {
        // A URL may answer otherwise the next time: by cookies, or because the file is ready by then. So only
        // the limit ends a loop.
        return Err(if limit > 0 && visited.iter().any(|hop| hop.url == url) {
            RedirectProblem::Loop { to: Redacted(&url).to_string(), limit }
        } else {
            RedirectProblem::TooMany { limit }
        });
    }
    let held = || current.credentials.clone().filter(|_| may_carry(&current.url, &url));
    let credentials = if is_downgraded { None } else { named.or_else(held) };
    Ok(Target { url, credentials })
}

/// Returns whether what the user gave for `given` (credentials, headers) may be sent to `to`: the
/// origin (scheme, host, port) is the same, or it is the same host, moved from http to https on
/// their own ports.
pub fn may_carry(given: &Url, to: &Url) -> bool {
    // That of any other scheme is like no other (RFC 6454 §4); this makes no copies.
    let same = is_web(given.scheme())
        && given.scheme() == to.scheme()
        && given.host() == to.host()
        && given.port_or_known_default() == to.port_or_known_default();
    let upgraded = given.scheme() == "http"
        && to.scheme() == "https"
        && given.host() == to.host()
        && given.port().is_none()
        && to.port().is_none();
    same || upgraded
}

/// Takes bytes that are no UTF-8 as they are, percent-encoded.
fn to_text(location: &[u8]) -> String {
    match std::str::from_utf8(location) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            percent_encoding::percent_encode(location, percent_encoding::CONTROLS).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::job::Credentials;

    const OPTIONS: Options = Options { max_hops: 10, allow_downgrade: false };

    fn hop(from: &str, location: &[u8]) -> Result<String, RedirectProblem> {
        next_hop(&[at(from)], 302, Some(location), OPTIONS).map(|to| to.url.into())
    }

    fn at(url: &str) -> Target {
        Target { url: Url::parse(url).unwrap(), credentials: None }
    }

    #[test]
    fn locations_are_resolved() {
        #[track_caller]
        fn case(location: &[u8], to: &str) {
            assert_eq!(hop("http://h/a/b.bin?old=1", location).unwrap(), to);
        }
        case(b"c.bin", "http://h/a/c.bin");
        case(b"/c", "http://h/c");
        case(b"?page=2", "http://h/a/b.bin?page=2");
        case(b"//other/x", "http://other/x");
        case(b"https://h/x#frag", "https://h/x");
        case(b"../../../x", "http://h/x");
        case(b" /a b\t", "http://h/a%20b");
        case("/ü".as_bytes(), "http://h/%C3%BC");
        case(b"/\xfc", "http://h/%FC");
        case(b"http://u:p@h/x", "http://h/x");
    }

    #[test]
    fn some_hops_are_refused() {
        use RedirectProblem::{BadLocation, Downgrade, Scheme};
        assert!(matches!(hop("http://h/a", b"ftp://h/x"), Err(Scheme { .. })));
        assert!(matches!(hop("http://h/a", b"file:///etc/passwd"), Err(Scheme { .. })));
        assert!(matches!(hop("http://h/a", b"http://h:99999/"), Err(BadLocation { .. })));
        assert!(matches!(hop("https://h/a", b"http://h/x"), Err(Downgrade { .. })));
        for empty in [None, Some(b"" as &[u8]), Some(b" ")] {
            let ended = next_hop(&[at("http://h/a")], 302, empty, OPTIONS);
            assert_eq!(ended, Err(RedirectProblem::NoLocation { code: 302 }));
        }
        let chain: Vec<Target> = (0..=10).map(|n| at(&format!("http://h/{n}"))).collect();
        assert!(next_hop(&chain[..10], 302, Some(b"/new"), OPTIONS).is_ok());
        assert_eq!(
            next_hop(&chain, 302, Some(b"/new"), OPTIONS),
            Err(RedirectProblem::TooMany { limit: 10 })
        );
        // Back is a way like any other, until there were too many.
        assert!(next_hop(&chain[..10], 302, Some(b"/9"), OPTIONS).is_ok());
        let to = "http://h/0".to_owned();
        assert_eq!(
            next_hop(&chain, 302, Some(b"/0"), OPTIONS),
            Err(RedirectProblem::Loop { to, limit: 10 })
        );
    }

    #[test]
    fn a_login_that_a_location_names_is_for_its_origin() {
        #[track_caller]
        fn case(chain: &[&str], login: Option<&str>) {
            let options = Options { allow_downgrade: true, ..OPTIONS };
            let mut visited = vec![at(chain[0])];
            for location in &chain[1..] {
                let to = next_hop(&visited, 302, Some(location.as_bytes()), options).unwrap();
                assert!(!to.url.authority().contains('@'));
                visited.push(to);
            }
            let told = visited.pop().unwrap().credentials.map(|Credentials { user, password }| {
                String::from_utf8([user, b":".to_vec(), password].concat()).unwrap()
            });
            assert_eq!(told.as_deref(), login, "{chain:?}");
        }
        case(&["http://h/a", "http://u:p@h/a"], Some("u:p"));
        case(&["http://h/a", "https://u%40:p%3A@i/a"], Some("u@:p:"));
        case(&["http://h/a", "//u@i/a"], Some("u:"));
        case(&["http://h/a", "http://u:p@i/a", "b"], Some("u:p"));
        case(&["http://h/a", "http://u:p@i/a", "http://i:80/b"], Some("u:p"));
        case(&["http://h/a", "http://u:p@i/a", "https://i/b"], Some("u:p"));
        case(&["http://h/a", "http://u:p@i/a", "http://v:q@i/a"], Some("v:q"));
        case(&["http://h/a", "http://u:p@i/a", "http://v:q@j/a"], Some("v:q"));
        case(&["http://h/a", "http://u:p@i/a", "http://h/b"], None);
        case(&["http://h/a", "http://u:p@i/a", "http://i:81/b"], None);
        case(&["http://h/a", "http://u:p@i/a", "http://j/b", "http://i/b"], None);
        case(&["https://h/a", "http://u:p@h/a"], None);
        case(&["http://h/a", "https://u:p@h/a", "http://h/b"], None);
    }

    #[test]
    fn what_was_given_for_an_origin_stays_there() {
        #[track_caller]
        fn case(given: &str, to: &str, carried: bool) {
            let urls = [given, to].map(|url| Url::parse(url).unwrap());
            assert_eq!(may_carry(&urls[0], &urls[1]), carried, "{given} to {to}");
        }
        case("https://h/a", "https://h:443/b", true);
        case("https://h/a", "https://h:444/b", false);
        case("https://h/a", "https://sub.h/b", false);
        case("http://h/a", "https://h/b", true);
        case("http://h:8080/a", "https://h:8080/b", false);
        case("https://h/a", "http://h/b", false);
    }

    proptest! {
        #[test]
        fn any_location_returns(bytes: Vec<u8>) {
            let _ = hop("http://h/a", &bytes);
        }
    }
}
