//! Validators: what tells one version of a representation from another (RFC 9110 §8.8).

use std::time::{Duration, SystemTime};

use crate::model::date;

/// How much older than the response a modification must be for Last-Modified to be strong. RFC 9110
/// §8.8.2.2 wants a second and trust in the clocks; RFC 7232 wanted a minute, which needs no trust.
const STRONG_AGE: Duration = Duration::from_secs(60);

/// The validators of one response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The ETag field as it came.
    pub etag: Option<String>,
    /// The Last-Modified field as it came.
    pub last_modified: Option<String>,
    /// The Date field as it came.
    pub date: Option<String>,
}

impl Validators {
    /// Returns what may be sent in If-Range (RFC 9110 §13.1.5): a strong ETag, else a Last-Modified
    /// that is strong, else nothing. A server that sends a weak ETag says that its bytes may differ
    /// under it, so then no date is trusted either.
    pub fn strong(&self) -> Option<&str> {
        match &self.etag {
            Some(_) => self.strong_etag(),
            None => self.last_modified.as_deref().filter(|_| self.is_old_enough()),
        }
    }

    /// Returns the ETag if it is strong: the only validator that says something about another mirror
    /// of the file too. A date tells versions apart only on the server that gave it.
    pub fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| is_strong(etag))
    }

    /// Returns the ETag if it may be sent back (RFC 9110 §8.8.3): an entity-tag, or a word without quotes, as many
    /// servers send it. `*` would mean any version, and what has a comma several.
    pub fn sendable_etag(&self) -> Option<&str> {
        self.etag
            .as_deref()
            .filter(|etag| is_strong(etag.strip_prefix("W/").unwrap_or(etag)) || is_unquoted(etag))
    }

    /// Returns whether a response with the validators `other` is of the same version, as far as both
    /// say something. Strong comparison: a weak ETag equals nothing.
    pub fn agree_with(&self, other: &Self) -> bool {
        let dates = match (&self.last_modified, &other.last_modified) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.etags_agree(other) && dates
    }

    /// The same as far as the field ETag tells.
    pub fn etags_agree(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(ours), Some(theirs)) => is_strong(ours) && ours == theirs,
            _ => true,
        }
    }

    fn is_old_enough(&self) -> bool {
        // The parser passes over blanks and controls around a date, which no field could carry.
        let time = |field: &Option<String>| {
            let text = field.as_ref().filter(|text| {
                text.trim() == *text && text.bytes().all(|b| (0x20..0x7f).contains(&b))
            })?;
            httpdate::parse_http_date(text).ok()
        };
        let (Some(modified), Some(date)) = (time(&self.last_modified), time(&self.date)) else {
            return false;
        };
        date.duration_since(modified).is_ok_and(|age| age >= STRONG_AGE)
    }

    /// Returns when the representation was last modified. A date that is no HTTP-date tells it too, though
    /// it never makes a validator.
    pub fn modified(&self) -> Option<SystemTime> {
        let text = self.last_modified.as_ref()?;
        httpdate::parse_http_date(text).ok().or_else(|| date::utc(text.as_bytes()))
    }
}

/// A strong ETag is quoted and has no `W/` before it (RFC 9110 §8.8.3).
fn is_strong(etag: &str) -> bool {
    let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|opaque| opaque.bytes().all(is_of_etag))
}

/// What should have been quoted, and cannot be taken for something else.
fn is_unquoted(etag: &str) -> bool {
    !matches!(etag, "" | "*") && etag.bytes().all(|b| is_of_etag(b) && b != b',')
}

/// Returns whether a byte may be in an entity-tag, between its quotes: no quote, blank or control.
fn is_of_etag(byte: u8) -> bool {
    byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators(etag: Option<&str>, modified: Option<&str>, date: Option<&str>) -> Validators {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Validators { etag: owned(etag), last_modified: owned(modified), date: owned(date) }
    }

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const A_MINUTE_LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
    const A_SECOND_LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn only_strong_validators_are_offered() {
        #[track_caller]
        fn case(validators: &Validators, strong: Option<&str>) {
            assert_eq!(validators.strong(), strong, "{validators:?}");
        }
        case(&validators(Some("\"v1\""), Some(OLD), None), Some("\"v1\""));
        case(&validators(Some("W/\"v1\""), Some(OLD), Some(A_MINUTE_LATER)), None);
        case(&validators(Some("v1"), None, None), None);
        case(&validators(Some("\"v 1\""), None, None), None);
        case(&validators(Some("\"\""), None, None), Some("\"\""));
        case(&validators(None, Some(OLD), Some(A_MINUTE_LATER)), Some(OLD));
        case(&validators(None, Some(OLD), Some(A_SECOND_LATER)), None);
        case(&validators(None, Some(A_MINUTE_LATER), Some(OLD)), None);
        case(&validators(None, Some(OLD), None), None);
        case(&validators(None, Some("yesterday"), Some(OLD)), None);
        let with_control = format!("{OLD}\u{b}");
        case(&validators(None, Some(&with_control), Some(A_MINUTE_LATER)), None);
        case(&validators(None, None, None), None);
    }

    #[test]
    fn only_what_is_one_version_is_sent_back() {
        #[track_caller]
        fn case(etag: &str, is_sendable: bool) {
            let validators = validators(Some(etag), None, None);
            assert_eq!(validators.sendable_etag(), is_sendable.then_some(etag), "{etag}");
        }
        for etag in ["\"v1\"", "W/\"v1\"", "\"\"", "\"a,b\"", "\"ü\"", "v1", "W/v1", "'v1'", "**"]
        {
            case(etag, true);
        }
        for etag in
            ["*", "", "\"v", "v\"", "\"v 1\"", "v 1", "a,b", "\"a\", \"b\"", "a\"b", "w/\"v1\""]
        {
            case(etag, false);
        }
        for etag in ["\"v\u{1}\"", "v\r\nX: y", "v\t", "v\u{7f}"] {
            case(etag, false);
        }
    }

    #[test]
    fn a_date_that_is_no_http_date_tells_a_time_and_is_not_strong() {
        for (text, is_time) in [
            (OLD, true),
            ("Sun, 6 Nov 1994 08:49:37 GMT", true),
            ("Mon, 06 Nov 1994 08:49:37 GMT", true),
            ("sun, 06 nov 1994 08:49:37 gmt", true),
            ("Sun, 06 Nov 1994 08:49:37 UTC", true),
            ("Sun, 06 Nov 1994 08:49:37 +0000", true),
            ("Sun, 06 Nov 1994 08:49:37 +0100", false),
            ("Sun, 06 Nov 1994 08:49:37 CET", false),
            ("yesterday", false),
        ] {
            let all = validators(None, Some(text), Some(A_MINUTE_LATER));
            let time = httpdate::parse_http_date(OLD).ok().filter(|_| is_time);
            assert_eq!(all.modified(), time, "{text}");
            assert_eq!(all.strong(), Some(text).filter(|text| *text == OLD), "{text}");
            let odd = validators(None, Some(OLD), Some(text));
            assert_eq!(odd.strong(), None, "{text}");
        }
    }

    #[test]
    fn versions_agree_when_nothing_contradicts() {
        #[track_caller]
        fn case(a: &Validators, b: &Validators, agree: bool) {
            assert_eq!(a.agree_with(b), agree, "{a:?} {b:?}");
        }
        let v1 = validators(Some("\"v1\""), Some(OLD), None);
        case(&v1, &v1, true);
        case(&v1, &validators(None, None, None), true);
        case(&v1, &validators(Some("\"v2\""), Some(OLD), None), false);
        case(&v1, &validators(Some("W/\"v1\""), None, None), false);
        case(&v1, &validators(None, Some(A_SECOND_LATER), None), false);
    }

    #[test]
    fn only_a_strong_etag_holds_at_another_mirror() {
        #[track_caller]
        fn case(etag: Option<&str>, strong: Option<&str>) {
            let validators = validators(etag, Some(OLD), Some(A_MINUTE_LATER));
            assert_eq!(validators.strong_etag(), strong);
        }
        case(Some("\"v1\""), Some("\"v1\""));
        case(Some("W/\"v1\""), None);
        case(None, None);
        let v1 = validators(Some("\"v1\""), Some(OLD), None);
        assert!(v1.etags_agree(&validators(Some("\"v1\""), Some(A_SECOND_LATER), None)));
        assert!(!v1.etags_agree(&validators(Some("\"v2\""), Some(OLD), None)));
    }
}
