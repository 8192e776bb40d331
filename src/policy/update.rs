//! Whether the server has another file than the one that is there (`--if-exists update`).
//!
//! The request is made conditional (RFC 9110 §13.1), so that an unchanged file costs no body. A server that
//! knows no conditions sends the file all the same; what it says of it is compared then.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::known::Found;
use crate::model::validator::Validators;

/// What a request is made conditional by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// If-None-Match: the ETag under which the file came.
    NoneMatch(String),
    /// If-Modified-Since, in whole seconds.
    ModifiedSince(SystemTime),
}

/// Returns what tells whether the server has another file than `found`, which came under the validators
/// `known`, if those are known. `None` when nothing does.
pub fn condition(known: Option<&Validators>, found: &Found) -> Option<Condition> {
    // A list may have one that no header field can.
    if let Some(etag) = known.and_then(Validators::sendable_etag) {
        return Some(Condition::NoneMatch(etag.to_owned()));
    }
    let modified = known.and_then(Validators::modified).or(found.modified)?;
    // A date has no fractions, and none before 1970.
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    Some(Condition::ModifiedSince(UNIX_EPOCH + Duration::from_secs(since.as_secs())))
}

/// Returns whether an answer says that `found` is what the server has.
pub fn is_unchanged(
    condition: &Condition,
    found: &Found,
    status: u16,
    length: Option<u64>,
    answered: &Validators,
) -> bool {
    match status {
        304 => true,
        200 => match condition {
            Condition::NoneMatch(etag) => answered.etag.as_ref() == Some(etag),
            Condition::ModifiedSince(since) => {
                let is_no_newer = answered.modified().is_some_and(|modified| modified <= *since);
                is_no_newer && length == Some(found.size)
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn validators(etag: Option<&str>, modified: Option<&str>) -> Validators {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Validators { etag: owned(etag), last_modified: owned(modified), date: None }
    }

    fn found(modified: Option<SystemTime>) -> Found {
        Found { size: 7, modified, sha256: None }
    }

    fn date() -> SystemTime {
        httpdate::parse_http_date(DATE).unwrap()
    }

    #[test]
    fn an_etag_tells_best_and_the_time_of_the_file_last() {
        let file = found(Some(date() + Duration::from_millis(2500)));
        let of_file = Condition::ModifiedSince(date() + Duration::from_secs(2));
        assert_eq!(condition(None, &file), Some(of_file.clone()));
        assert_eq!(condition(Some(&validators(None, None)), &file), Some(of_file.clone()));
        assert_eq!(condition(Some(&validators(None, Some("late"))), &file), Some(of_file));
        let known = validators(None, Some(DATE));
        assert_eq!(condition(Some(&known), &file), Some(Condition::ModifiedSince(date())));
        for etag in ["\"v\"", "W/\"v\"", "v"] {
            let known = validators(Some(etag), Some(DATE));
            assert_eq!(condition(Some(&known), &file), Some(Condition::NoneMatch(etag.to_owned())));
        }
        for etag in ["\"v\"\r\nX: y", "*", "\"v\", \"w\""] {
            let known = validators(Some(etag), Some(DATE));
            assert_eq!(condition(Some(&known), &file), Some(Condition::ModifiedSince(date())));
        }
        assert_eq!(condition(None, &found(None)), None);
        assert_eq!(condition(None, &found(Some(UNIX_EPOCH - Duration::from_secs(1)))), None);
    }

    #[test]
    fn an_answer_without_conditions_is_compared() {
        #[track_caller]
        fn case(condition: &Condition, answer: (u16, u64, &Validators), unchanged: bool) {
            let (status, length, validators) = answer;
            let told = is_unchanged(condition, &found(None), status, Some(length), validators);
            assert_eq!(told, unchanged);
        }
        let by_tag = Condition::NoneMatch("\"v\"".to_owned());
        let by_date = Condition::ModifiedSince(date());
        let nothing = validators(None, None);
        for condition in [&by_tag, &by_date] {
            case(condition, (304, 0, &nothing), true);
            case(condition, (200, 7, &nothing), false);
            case(condition, (404, 7, &validators(Some("\"v\""), Some(DATE))), false);
            case(condition, (206, 7, &validators(Some("\"v\""), Some(DATE))), false);
        }
        case(&by_tag, (200, 9, &validators(Some("\"v\""), None)), true);
        case(&by_tag, (200, 7, &validators(Some("\"w\""), Some(DATE))), false);
        case(&by_date, (200, 7, &validators(Some("\"w\""), Some(DATE))), true);
        case(&by_date, (200, 8, &validators(None, Some(DATE))), false);
        case(&by_date, (200, 7, &validators(None, Some(LATER))), false);
        assert!(!is_unchanged(&by_date, &found(None), 200, None, &validators(None, Some(DATE))));
    }
}
