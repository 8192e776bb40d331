//! The head of a response, reduced to what haul uses.

use ureq::http::StatusCode;

use crate::http::fields::Fields;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::problem::LoginProblem;
use crate::model::validator::Validators;
use crate::policy::declared;
use crate::policy::status::{CHANGED_BY_PROXY, taken_as};
use crate::policy::transfer_coding::{self, TransferCoding};

/// How the end of a body is told (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By a last chunk.
    Chunked,
    /// By the end of the connection.
    Close,
    /// By its length in bytes.
    Length(u64),
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code that it is taken as.
    pub status: u16,
    /// The status code, as it came.
    pub told_status: u16,
    /// How the end of the body is told.
    pub framing: Framing,
    /// What tells this version of the representation from others.
    pub validators: Validators,
    /// Whether the server says that it serves ranges of bytes (RFC 9110 §14.3).
    pub accepts_ranges: bool,
    /// Content-Range, as it came.
    pub content_range: Option<Vec<u8>>,
    /// Whether the body has several parts, each with its own range.
    pub is_multipart: bool,
    /// Retry-After, as it came.
    pub retry_after: Option<Vec<u8>>,
    /// Content-Disposition, as it came.
    pub disposition: Option<Vec<u8>>,
    /// Location, as it came.
    pub location: Option<Vec<u8>>,
    /// What the server says that the whole representation is; in a box, because few do.
    pub declared: Option<Box<Digest>>,
    /// What is said of the login of the request; in a box, because few responses do.
    pub login: Option<Box<LoginProblem>>,
    /// How the body is packed, as it came; nothing for `identity`.
    pub coding: Option<String>,
    /// Content-Type, as it came.
    content_type: Option<Vec<u8>>,
}

impl Head {
    /// Reads the fields that haul uses.
    ///
    /// # Errors
    /// [`Cause::Protocol`] and [`Cause::TransferCoding`] when the body's end cannot be told for sure.
    pub(super) fn read(status: StatusCode, fields: &Fields) -> Result<Self, Cause> {
        let told_status = status.as_u16();
        let status = taken_as(told_status);
        let first = First::read(fields);
        let all = |name, value: Option<&[u8]>| match value {
            Some(_) if first.contradicts => Some(distinct(fields, name)),
            value => value.map(<[u8]>::to_vec),
        };
        let text = |name, value| all(name, value).and_then(text);
        let owned = |value: Option<&[u8]>| value.map(<[u8]>::to_vec);
        // What a proxy changed is not the version that the origin's ETag tells from others.
        let is_origins = told_status != CHANGED_BY_PROXY;
        let etag = text("etag", first.etag.filter(|_| is_origins));
        Ok(Self {
            status,
            told_status,
            framing: framing(&first, fields)?,
            validators: Validators {
                // Next to an ETag it says nothing.
                date: text("date", first.date.filter(|_| etag.is_none() && is_origins)),
                etag,
                last_modified: text("last-modified", first.last_modified),
            },
            accepts_ranges: is_origins && first.accept_ranges.is_some_and(has_bytes),
            content_range: all("content-range", first.content_range),
            is_multipart: first.content_type.is_some_and(|media_type| {
                const MULTIPART: &[u8] = b"multipart/byteranges";
                media_type.get(..MULTIPART.len()).is_some_and(|t| t.eq_ignore_ascii_case(MULTIPART))
            }),
            retry_after: owned(first.retry_after),
            disposition: owned(first.disposition),
            location: owned(first.location),
            declared: first
                .has_others
                .then(|| declared::strongest(status, fields.iter()).map(Box::new))
                .flatten(),
            login: None,
            coding: first.content_encoding.and_then(|_| coding(fields)),
            content_type: owned(first.content_type),
        })
    }

    /// Makes the head of a response that needs no server.
    pub(super) fn local(
        status: u16,
        length: u64,
        validators: Validators,
        content_range: Option<String>,
    ) -> Self {
        Self {
            status,
            told_status: status,
            framing: Framing::Length(length),
            validators,
            accepts_ranges: true,
            content_range: content_range.map(String::into_bytes),
            is_multipart: false,
            retry_after: None,
            disposition: None,
            location: None,
            declared: None,
            login: None,
            coding: None,
            content_type: None,
        }
    }

    /// Returns Content-Type, if it is UTF-8.
    pub fn content_type(&self) -> Option<&str> {
        let value = std::str::from_utf8(self.content_type.as_ref()?).ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns the body's length, if it is told.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::Close => None,
        }
    }
}

/// Returns the registered reason phrase of a status code (RFC 9110 §15), or nothing.
pub fn reason(status: u16) -> &'static str {
    if status == CHANGED_BY_PROXY {
        // The library writes it without its hyphen.
        return "Non-Authoritative Information";
    }
    StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("")
}

/// The fields that tell which bytes of which version came. None of them is a list.
const IDENTIFYING: [&str; 4] = ["content-range", "date", "etag", "last-modified"];

/// The first field of each name that is looked at.
#[derive(Default)]
struct First<'a> {
    accept_ranges: Option<&'a [u8]>,
    content_encoding: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    content_range: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    etag: Option<&'a [u8]>,
    last_modified: Option<&'a [u8]>,
    location: Option<&'a [u8]>,
    retry_after: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    /// Whether there are fields of other names, which may declare what the file is.
    has_others: bool,
    /// Whether one of those that tell which bytes of which version came is there again with another value.
    contradicts: bool,
}

impl<'a> First<'a> {
    /// Finds them in one go.
    fn read(fields: &'a Fields) -> Self {
        let mut first = Self::default();
        for (name, value) in fields.iter() {
            let place = match name {
                "accept-ranges" => &mut first.accept_ranges,
                "content-disposition" => &mut first.disposition,
                "content-encoding" => &mut first.content_encoding,
                "content-length" => &mut first.content_length,
                "content-range" => &mut first.content_range,
                "content-type" => &mut first.content_type,
                "date" => &mut first.date,
                "etag" => &mut first.etag,
                "last-modified" => &mut first.last_modified,
                "location" => &mut first.location,
                "retry-after" => &mut first.retry_after,
                "transfer-encoding" => &mut first.transfer_encoding,
                "connection" => continue,
                _ => {
                    first.has_others = true;
                    continue;
                }
            };
            match place {
                None => *place = Some(value),
                Some(known) if IDENTIFYING.contains(&name) => first.contradicts |= *known != value,
                Some(_) => {}
            }
        }
        first
    }
}

/// Returns whether bytes are among the units of Accept-Ranges.
fn has_bytes(units: &[u8]) -> bool {
    let mut units = units.split(|&b| b == b',');
    units.any(|unit| unit.trim_ascii().eq_ignore_ascii_case(b"bytes"))
}

/// A field that is no UTF-8 says nothing that could be compared or sent back.
fn text(value: Vec<u8>) -> Option<String> {
    let value = String::from_utf8(value).ok()?;
    let trimmed = value.trim();
    match trimmed.len() {
        0 => None,
        all if all == value.len() => Some(value),
        _ => Some(trimmed.to_owned()),
    }
}

/// Returns all lines of a field that differ as one, which is none that could be believed.
fn distinct(fields: &Fields, name: &str) -> Vec<u8> {
    let mut values: Vec<&[u8]> = Vec::new();
    for value in fields.all(name) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values.join(&b", "[..])
}

/// Returns all lines of a field as one (RFC 9110 §5.3).
fn joined(fields: &Fields, name: &str) -> String {
    let texts: Vec<_> = fields.all(name).map(String::from_utf8_lossy).collect();
    texts.join(", ")
}

/// Returns Content-Encoding, unless it says nothing.
fn coding(fields: &Fields) -> Option<String> {
    let coding = joined(fields, "content-encoding");
    let is_packed =
        |name: &str| !name.trim().is_empty() && !name.trim().eq_ignore_ascii_case("identity");
    coding.split(',').any(is_packed).then_some(coding)
}

/// Transfer-Encoding wins over Content-Length (RFC 9112 §6.3). ureq has refused lengths that are no
/// number or contradict each other; it passes codings other than chunked as if they were the body.
fn framing(first: &First<'_>, fields: &Fields) -> Result<Framing, Cause> {
    if first.transfer_encoding.is_some() {
        match transfer_coding::read(fields.all("transfer-encoding")) {
            TransferCoding::Chunked => return Ok(Framing::Chunked),
            TransferCoding::Identity => {}
            TransferCoding::Unknown => {
                return Err(Cause::TransferCoding { coding: joined(fields, "transfer-encoding") });
            }
        }
    }
    let Some(length) = first.content_length else {
        return Ok(Framing::Close);
    };
    // "5, 5" is one length, said twice (RFC 9112 §6.3).
    let length_once = length.split(|&b| b == b',').next().unwrap_or_default().trim_ascii();
    std::str::from_utf8(length_once)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .map(Framing::Length)
        .ok_or_else(|| Cause::Protocol {
            detail: format!("content length `{}` is not a number", String::from_utf8_lossy(length)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&'static str, &str)]) -> Result<Head, Cause> {
        Head::read(StatusCode::OK, &fields.iter().copied().collect())
    }

    #[test]
    fn framing_is_length_chunks_or_close() {
        #[track_caller]
        fn case(fields: &[(&'static str, &str)], framing: Framing) {
            assert_eq!(head(fields).unwrap().framing, framing);
        }
        case(&[], Framing::Close);
        case(&[("content-length", "12")], Framing::Length(12));
        case(&[("content-length", "12, 12")], Framing::Length(12));
        case(&[("transfer-encoding", "Chunked")], Framing::Chunked);
        case(&[("transfer-encoding", "chunked"), ("content-length", "3")], Framing::Chunked);
        case(&[("transfer-encoding", ", chunked"); 2], Framing::Chunked);
        case(&[("transfer-encoding", "identity"), ("content-length", "3")], Framing::Length(3));
        case(&[("transfer-encoding", "identity")], Framing::Close);
    }

    #[test]
    fn what_a_proxy_changed_is_the_file_under_no_validator() {
        let fields = [
            ("etag", "\"a\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("date", "Mon, 07 Nov 1994 08:49:37 GMT"),
            ("accept-ranges", "bytes"),
        ];
        let read = |status, fields: &[(&'static str, &str)]| {
            let status = StatusCode::from_u16(status).unwrap();
            Head::read(status, &fields.iter().copied().collect()).unwrap()
        };
        for fields in [&fields[..], &fields[1..]] {
            let changed = read(203, fields);
            assert_eq!((changed.status, changed.told_status), (200, 203));
            assert_eq!((changed.validators.strong(), changed.accepts_ranges), (None, false));
            assert!(changed.validators.modified().is_some());
            let unknown = read(299, fields);
            assert_eq!((unknown.status, unknown.told_status), (200, 299));
            assert!(unknown.validators.strong().is_some() && unknown.accepts_ranges);
        }
    }

    #[test]
    fn what_is_said_twice_in_other_words_is_not_believed() {
        const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const OLDER: &str = "Sun, 06 Nov 1994 08:48:37 GMT";
        let twice = [("etag", "\"a\""), ("etag", "\"a\"")];
        assert_eq!(head(&twice).unwrap().validators.strong(), Some("\"a\""));
        for other in ["\"b\"", "W/\"a\"", "a", ""] {
            let fields = [twice[0], ("etag", other), ("date", OLD), ("last-modified", OLDER)];
            let validators = head(&fields).unwrap().validators;
            assert_eq!((validators.strong(), validators.sendable_etag()), (None, None), "{other}");
            assert!(validators.modified().is_some());
        }
        for name in ["date", "last-modified"] {
            let mut fields = vec![("date", OLD), ("last-modified", OLDER)];
            assert_eq!(head(&fields).unwrap().validators.strong(), Some(OLDER));
            fields.push((name, "Sun, 06 Nov 1994 08:47:37 GMT"));
            assert_eq!(head(&fields).unwrap().validators.strong(), None, "{name}");
        }
        let range = ("content-range", "bytes 5-9/10");
        let content_range = |fields: &[_]| head(fields).unwrap().content_range;
        assert_eq!(content_range(&[range, range]), Some(b"bytes 5-9/10".to_vec()));
        let other = content_range(&[range, ("content-range", "bytes 0-4/10")]).unwrap();
        assert_eq!(other, b"bytes 5-9/10, bytes 0-4/10");
    }

    #[test]
    fn what_is_declared_is_read_from_all_lines_of_a_field() {
        let fields = [("repr-digest", "x"), ("repr-digest", "md5=:kAFQmDzST7DWlj99KOF/cg==:")];
        let declared = head(&fields).unwrap().declared.unwrap();
        assert_eq!(declared.to_string(), "md5:900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(head(&fields[..1]).unwrap().declared, None);
    }

    #[test]
    fn framing_that_cannot_be_trusted_is_an_error() {
        assert!(head(&[("transfer-encoding", "gzip")]).is_err());
        assert!(head(&[("transfer-encoding", "gzip, chunked")]).is_err());
        assert!(head(&[("content-length", "+5")]).is_err());
        assert!(head(&[("content-length", "99999999999999999999")]).is_err());
    }
}
