//! What a response says of a cookie: a Set-Cookie field, read as RFC 6265 §5.2 does, and whether it may say so.
//!
//! A name or value need not be UTF-8: it is sent back as it came. Prefixes of names, and what is trimmed, are
//! those of draft-ietf-httpbis-rfc6265bis.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::date;

/// The longest name and value, together.
const MAX_BYTES: usize = 4096;

/// The longest field.
const MAX_FIELD: usize = 2 * MAX_BYTES;

/// The end of the year 9999, counted from 1970. No cookie lasts longer.
pub const NEVER: Duration = Duration::from_secs(253_402_300_799);

/// A cookie as a response sets it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SetCookie<'a> {
    /// Its name, which is not empty.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When it expires, counted from 1970; `None` for the end of the session.
    pub expires: Option<Duration>,
    /// For which domain it is, without a dot before it; `None` for the host of the response alone.
    pub domain: Option<&'a [u8]>,
    /// Below which path it is sent; `None` where that follows from the URL.
    pub path: Option<&'a [u8]>,
    /// Whether it is for https alone, or for this machine.
    pub is_secure: bool,
    /// Whether scripts do not see it.
    pub is_http_only: bool,
}

impl<'a> SetCookie<'a> {
    /// Reads a field that comes now, counted from 1970. `None` for one that sets no cookie, or one that
    /// could not be kept.
    pub fn read(field: &'a [u8], now: Duration) -> Option<Self> {
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        if field.len() > MAX_FIELD || field.iter().any(is_control) {
            return None;
        }
        let mut parts = field.split(|&byte| byte == b';');
        let (name, value) = pair(parts.next()?);
        let (value, mut max_age, mut expires) = (value?, None, None);
        let mut cookie = Self {
            name,
            value,
            expires: None,
            domain: None,
            path: None,
            is_secure: false,
            is_http_only: false,
        };
        // Of attributes that are there twice the last one counts, unless it says nothing.
        for (attribute, value) in parts.map(pair) {
            let is = |name: &str| attribute.eq_ignore_ascii_case(name.as_bytes());
            let value = value.unwrap_or_default();
            if is("expires") {
                let time = date::of_cookie(value);
                // What expired before 1970 has expired.
                let since = |time: SystemTime| time.duration_since(UNIX_EPOCH);
                expires = time.map(|time| since(time).unwrap_or_default()).or(expires);
            } else if is("max-age") {
                max_age = seconds(value).or(max_age);
            } else if is("domain") {
                let domain = value.strip_prefix(b".").unwrap_or(value);
                cookie.domain = Some(domain).filter(|domain| !domain.is_empty());
            } else if is("path") {
                cookie.path = Some(value).filter(|path| path.starts_with(b"/"));
            }
            cookie.is_secure |= is("secure");
            cookie.is_http_only |= is("httponly");
        }
        cookie.expires = match max_age {
            Some(Duration::ZERO) => Some(Duration::ZERO),
            Some(age) => Some(now.saturating_add(age).min(NEVER)),
            None => expires,
        };
        // A tab would be the end of a field in a file.
        let texts = [name, value, cookie.path.unwrap_or_default()];
        let has_tab = texts.iter().any(|text| text.contains(&b'\t'));
        (!name.is_empty() && !has_tab).then_some(cookie)
    }

    /// Returns whether a response may set it that nobody on its way could read or write, or one in the clear.
    pub fn is_allowed(&self, is_safe: bool) -> bool {
        let begins = |prefix: &[u8]| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let is_host_bound = self.domain.is_none() && self.path == Some(b"/");
        self.name.len() + self.value.len() <= MAX_BYTES
            && (is_safe || !self.is_secure)
            && (self.is_secure || !begins(b"__Secure-"))
            && (self.is_secure && is_host_bound || !begins(b"__Host-"))
    }
}

/// Takes a part of the field apart at its first `=`.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|&byte| byte == b'=') {
        Some(at) => (part[..at].trim_ascii(), Some(part[at + 1..].trim_ascii())),
        None => (part.trim_ascii(), None),
    }
}

/// Reads a number of seconds; one that is below zero is zero.
fn seconds(text: &[u8]) -> Option<Duration> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(Duration::ZERO);
    }
    // Only a number that is too large is not read.
    let number = std::str::from_utf8(digits).ok()?.parse();
    Some(number.map_or(NEVER, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000_000);

    #[test]
    fn a_name_and_a_value_are_what_is_between_blanks() {
        #[track_caller]
        fn case(field: &[u8], pair: Option<(&[u8], &[u8])>) {
            let read = SetCookie::read(field, NOW).map(|cookie| (cookie.name, cookie.value));
            assert!(read == pair, "{}", field.escape_ascii());
        }
        case(b"a=b", Some((b"a", b"b")));
        case(b" \ta \t= \tb\t ; Path=/", Some((b"a", b"b")));
        case(b"a=b=c", Some((b"a", b"b=c")));
        case(b"a=\"x y\"", Some((b"a", b"\"x y\"")));
        case(b"a=", Some((b"a", b"")));
        case(b"\xe4=\xff", Some((b"\xe4", b"\xff")));
        case(b"a=b;\tx=\t;;=;", Some((b"a", b"b")));
        case(b"a", None);
        case(b"=b", None);
        case(b"", None);
        case(b";a=b", None);
        case(b"a\tb=c", None);
        case(b"a=b\tc", None);
        case(b"a=b; Path=/\tc", None);
        case(b"a=b\x01", None);
        case(b"a=b; x=\x7f", None);
    }

    #[test]
    fn the_last_attribute_that_says_something_counts() {
        #[track_caller]
        fn case(attributes: &str, domain: Option<&str>, path: Option<&str>) {
            let field = format!("a=b; {attributes}");
            let cookie = SetCookie::read(field.as_bytes(), NOW).unwrap();
            assert_eq!(cookie.domain, domain.map(str::as_bytes), "{attributes}");
            assert_eq!(cookie.path, path.map(str::as_bytes), "{attributes}");
        }
        case("Domain=.h.example; Path=/d", Some("h.example"), Some("/d"));
        case("DOMAIN = h ;PATH = /d ", Some("h"), Some("/d"));
        case("Domain=a; Domain=b; Path=/a; Path=/b", Some("b"), Some("/b"));
        // None is the narrowest.
        case("Domain=a; Domain=; Path=/a; Path=b", None, None);
        case("Domain; Path", None, None);
        case("Domain=.", None, None);
        let cookie = SetCookie::read(b"a=b; secure=no; HTTPONLY", NOW).unwrap();
        assert!(cookie.is_secure && cookie.is_http_only);
    }

    #[test]
    fn an_age_goes_before_a_date() {
        #[track_caller]
        fn case(attributes: &str, seconds: Option<u64>) {
            let field = format!("a=b; {attributes}");
            let expires = SetCookie::read(field.as_bytes(), NOW).unwrap().expires;
            assert_eq!(expires, seconds.map(Duration::from_secs), "{attributes}");
        }
        case("", None);
        case("Expires=Thu, 1 Jan 1970 00:01:40 GMT", Some(100));
        case("expires=thu, 01-jan-70 00:01:40", Some(100));
        case("Expires=Wed, 31 Dec 1969 00:00:00 GMT", Some(0));
        case("Expires=Thu, 1 Jan 1970 00:01:40 GMT; Expires=never", Some(100));
        case("Expires=1 Jan 1970 00:01:40; Expires=1 Jan 1970 00:01:41", Some(101));
        for nothing in ["Expires", "Expires=", "Expires=0", "Expires=-1", "Expires=soon"] {
            case(nothing, None);
        }
        case("Max-Age=100", Some(1_000_000_100));
        case("max-age= 0100 ; Expires=Thu, 1 Jan 1970 00:01:40 GMT", Some(1_000_000_100));
        case("Max-Age=0", Some(0));
        case("Max-Age=-1; Expires=Fri, 1 Jan 2100 00:00:00 GMT", Some(0));
        case("Max-Age=99999999999999999999999", Some(NEVER.as_secs()));
        case("Max-Age=18446744073709551615", Some(NEVER.as_secs()));
        case("Max-Age=1; Max-Age=0", Some(0));
        case("Max-Age=0; Max-Age=", Some(0));
        for nothing in ["Max-Age", "Max-Age=", "Max-Age=-", "Max-Age=x", "Max-Age=+5"] {
            case(nothing, None);
        }
        for nothing in ["Max-Age=1.5", "Max-Age=5x", "Max-Age=\"100\"", "Max-Age=--1"] {
            case(nothing, None);
        }
        case("Max-Age=; Expires=Thu, 1 Jan 1970 00:01:40 GMT", Some(100));
    }

    #[test]
    fn prefixes_are_promises() {
        #[track_caller]
        fn case(field: &str, is_allowed: bool) {
            let cookie = SetCookie::read(field.as_bytes(), NOW).unwrap();
            assert_eq!(cookie.is_allowed(true), is_allowed, "{field}");
        }
        case("__Secure-a=1; Secure", true);
        case("__Secure-a=1", false);
        case("__Host-a=1; Secure; Path=/", true);
        case("__Host-a=1; Secure", false);
        case("__Host-a=1; Secure; Path=/; Path=", false);
        case("__host-a=1; Path=/", false);
        case("__Host-a=1; Secure; Path=/; Domain=h.example", false);
        let secure = SetCookie::read(b"a=b; Secure", NOW).unwrap();
        assert!(secure.is_allowed(true) && !secure.is_allowed(false));
    }

    #[test]
    fn sizes_are_bounded() {
        let is_taken = |field: String| {
            let cookie = SetCookie::read(field.as_bytes(), NOW);
            cookie.is_some_and(|cookie| cookie.is_allowed(true))
        };
        assert!(is_taken(format!("a={}", "x".repeat(MAX_BYTES - 1))));
        assert!(!is_taken(format!("a={}", "x".repeat(MAX_BYTES))));
        assert!(is_taken(format!("a=b; x={}", "x".repeat(MAX_FIELD - 7))));
        assert!(!is_taken(format!("a=b; x={}", "x".repeat(MAX_FIELD - 6))));
    }

    proptest! {
        #[test]
        fn any_field_is_taken_or_passed_over(field: Vec<u8>, rest in "[a-z=;. \t0-9-]*") {
            let _ = SetCookie::read(&field, NOW);
            let text = format!("a=b; domain={rest}; path=/{rest}; max-age={rest}; expires={rest}");
            let _ = SetCookie::read(text.as_bytes(), NOW);
        }
    }
}
