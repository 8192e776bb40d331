//! What the answers to questions about a file say, when its bytes are not wanted.
//!
//! ```text
//! HEAD ──► 200 with a length ─────────────────► told
//!   ├────► 200 without ── GET bytes=0-0 there ─► told, maybe without a size
//!   ├────► refused ────── GET bytes=0-0 ───────► told, or what GET is answered
//!   └────► else ──────────────────────────────► what it says
//! ```

use crate::model::range::ContentRange;

/// What follows the answer to a HEAD request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The first byte is asked for, of the URL that was given: the server may mind the method alone.
    AskAgain,
    /// The first byte is asked for where redirects led to, because the size is not told.
    AskThere,
    /// The answer is as good as one to GET.
    Judge,
}

/// Decides what follows the answer to a HEAD request.
///
/// A length of zero is what some servers say to any HEAD, whatever the file has.
pub fn after_head(status: u16, length: Option<u64>) -> Next {
    match status {
        200 if length.is_none_or(|length| length == 0) => Next::AskThere,
        // Signed URLs are signed for a method, and answer others with 403 (S3) or 400.
        204 | 400 | 403 | 404 | 405 | 501 => Next::AskAgain,
        _ => Next::Judge,
    }
}

/// What the answer to a request for the first byte says of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Ranges are served; this is the size.
    InRanges(Option<u64>),
    /// Not what was asked for.
    Nonsense,
    /// Ranges are not served; this is the size.
    Whole(Option<u64>),
    /// What the status says.
    Judge,
}

/// Reads the answer to a request for the first byte.
pub fn read(status: u16, content_range: Option<&[u8]>, body_length: Option<u64>) -> Told {
    let content_range = content_range.and_then(ContentRange::parse);
    match (status, content_range) {
        (200, _) => Told::Whole(body_length),
        (206, Some(ContentRange::Satisfied { range, total })) if range.start == 0 => {
            Told::InRanges(total)
        }
        (206, _) => Told::Nonsense,
        // An empty file has no first byte.
        (416, Some(ContentRange::Unsatisfied { total: 0 })) => Told::Whole(Some(0)),
        _ => Told::Judge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_followed_by_get_where_it_says_too_little() {
        #[track_caller]
        fn case(status: u16, length: Option<u64>, next: Next) {
            assert_eq!(after_head(status, length), next);
        }
        case(200, Some(5), Next::Judge);
        case(200, None, Next::AskThere);
        case(200, Some(0), Next::AskThere);
        for refused in [204, 400, 403, 404, 405, 501] {
            case(refused, Some(5), Next::AskAgain);
        }
        for status in [206, 304, 401, 410, 429, 500, 503] {
            case(status, None, Next::Judge);
        }
    }

    #[test]
    fn the_first_byte_tells_the_size() {
        #[track_caller]
        fn case(status: u16, content_range: &str, length: Option<u64>, told: Told) {
            let content_range = Some(content_range.as_bytes()).filter(|field| !field.is_empty());
            assert_eq!(read(status, content_range, length), told);
        }
        case(206, "bytes 0-0/7", Some(1), Told::InRanges(Some(7)));
        case(206, "bytes 0-6/7", Some(7), Told::InRanges(Some(7)));
        case(206, "bytes 0-0/*", Some(1), Told::InRanges(None));
        case(206, "bytes 1-1/7", Some(1), Told::Nonsense);
        case(206, "bytes */7", Some(1), Told::Nonsense);
        case(206, "", Some(1), Told::Nonsense);
        case(200, "", Some(7), Told::Whole(Some(7)));
        case(200, "", None, Told::Whole(None));
        case(416, "bytes */0", None, Told::Whole(Some(0)));
        case(416, "bytes */7", None, Told::Judge);
        case(404, "", Some(9), Told::Judge);
    }
}
