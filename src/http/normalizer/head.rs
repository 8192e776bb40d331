//! The head of a response, taken apart and written again in the plain form.

use std::sync::LazyLock;

use memchr::memchr;

use crate::http::fields::{Fields, SET_COOKIE};
use crate::policy::declared;
use crate::policy::transfer_coding::{self, TransferCoding};

/// The fields that ureq goes by: how a body ends, and its connection. Also those in which a control byte is
/// not harmless, which ureq refuses. Only these are passed on to it: each costs it as much as a look-up.
const PASSED_FIELDS: [&str; 5] =
    [CONNECTION, CONTENT_LENGTH, "content-range", "location", TRANSFER_ENCODING];

/// The other fields that haul looks at, next to those that declare what a file is.
const USED_FIELDS: [&str; 11] = [
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "proxy-authenticate",
    "retry-after",
    SET_COOKIE,
    "www-authenticate",
];

const CHUNKED: &[u8] = b"chunked";
const CONNECTION: &str = "connection";
const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// How many cookies a response may set: no file is worth less because of cookies.
const MAX_COOKIES: usize = 50;

/// A head in parts.
pub(super) struct Head<'a> {
    status_line: &'a [u8],
    fields: &'a Fields,
    coding: TransferCoding,
}

impl<'a> Head<'a> {
    /// Takes a head apart, and puts what haul uses of it into `fields`, in the place of another's.
    pub(super) fn read(head: &'a [u8], fields: &'a mut Fields) -> Self {
        fields.clear();
        let mut lines = Lines(head);
        let status_line = lines.next().unwrap_or_default();
        // A folded line belongs to the field before it, also when that one is left out.
        let mut is_kept = false;
        let mut cookies = 0;
        for line in lines {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if is_kept {
                    fields.extend_last(b" ");
                    fields.extend_last(line.trim_ascii());
                }
                continue;
            }
            is_kept = false;
            let Some(colon) = memchr(b':', line) else { continue };
            let Some(known) = find(line[..colon].trim_ascii_end()) else { continue };
            let is_cookie = known.name == SET_COOKIE;
            cookies += usize::from(is_cookie);
            if !is_cookie || cookies <= MAX_COOKIES {
                is_kept = true;
                let value = &line[colon + 1..];
                // A control byte at the end of a cookie is one to be seen.
                let value = if is_cookie { value } else { value.trim_ascii() };
                fields.push(known.name, known.is_passed, value);
            }
        }
        fields.tame();
        let coding = transfer_coding::read(fields.all(TRANSFER_ENCODING));
        Self { status_line, fields, coding }
    }

    /// 101 is not interim: another protocol would follow, which was not asked for.
    pub(super) fn is_interim(&self) -> bool {
        let code = self.status_line.get(9..12).unwrap_or_default();
        code.starts_with(b"1") && code != b"101"
    }

    /// Returns whether the body is chunked and nothing else. What else there may be is refused later.
    pub(super) fn is_chunked(&self) -> bool {
        // A 204 or 304 has no body, whatever its fields say (RFC 9112 §6.3).
        let code = self.status_line.get(9..12).unwrap_or_default();
        self.coding == TransferCoding::Chunked && code != b"204" && code != b"304"
    }

    /// Returns whether another client might see the body's end in another place: then what follows is not to
    /// be believed (RFC 9112 §6.1, §6.3).
    pub(super) fn is_ambiguous(&self) -> bool {
        let mut codings = self.fields.all(TRANSFER_ENCODING);
        let Some(first) = codings.next() else { return false };
        let is_plain = first.eq_ignore_ascii_case(CHUNKED) && codings.next().is_none();
        let has_length = self.fields.all(CONTENT_LENGTH).next().is_some();
        !is_plain || has_length || !self.is_persistent()
    }

    /// Returns whether its connection is kept unless it says otherwise (RFC 9112 §9.3).
    fn is_persistent(&self) -> bool {
        self.status_line.starts_with(b"HTTP/1.1")
    }

    /// Returns how many bytes all its fields would take in the plain form.
    pub(super) fn bytes_used(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    }

    /// Writes what ureq goes by. It knows one way to say chunked, and none in HTTP/1.0.
    pub(super) fn write(&self, output: &mut Vec<u8>) {
        const OLD: &[u8] = b"HTTP/1.0";
        let is_chunked = self.coding == TransferCoding::Chunked;
        if let Some(rest) = self.status_line.strip_prefix(OLD).filter(|_| is_chunked) {
            output.extend_from_slice(b"HTTP/1.1");
            output.extend_from_slice(rest);
        } else {
            output.extend_from_slice(self.status_line);
        }
        output.extend_from_slice(b"\r\n");
        if is_chunked {
            for piece in [TRANSFER_ENCODING.as_bytes(), b": ", CHUNKED, b"\r\n"] {
                output.extend_from_slice(piece);
            }
        }
        for (name, value) in self.fields.passed() {
            if name == TRANSFER_ENCODING && self.coding != TransferCoding::Unknown {
                continue;
            }
            let goes_without_saying = name == CONNECTION
                && self.is_persistent()
                && value.eq_ignore_ascii_case(b"keep-alive");
            if !goes_without_saying {
                for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
                    output.extend_from_slice(piece);
                }
            }
        }
        output.extend_from_slice(b"\r\n");
    }
}

/// A field that is used.
struct Known {
    /// In lower case.
    name: &'static str,
    /// As it is mostly written.
    usual: Vec<u8>,
    is_passed: bool,
}

impl Known {
    fn new(name: &'static str, is_passed: bool) -> Self {
        let mut usual = name.as_bytes().to_vec();
        for word in usual.split_mut(|&byte| byte == b'-') {
            word[..1].make_ascii_uppercase();
        }
        Self { name, usual, is_passed }
    }
}

/// Returns the field of this name, in any case, if it is one that is used.
fn find(name: &[u8]) -> Option<&'static Known> {
    /// By the lengths of their names: of one length there are a few at most.
    static KNOWN: LazyLock<Vec<Vec<Known>>> = LazyLock::new(|| {
        let passed = PASSED_FIELDS.iter().map(|name| Known::new(name, true));
        let others = USED_FIELDS.iter().chain(&declared::FIELDS);
        // What is in two of the lists is found as in the first.
        let all = passed.chain(others.map(|name| Known::new(name, false)));
        let mut known = Vec::new();
        for field in all {
            let length = field.name.len();
            known.resize_with(known.len().max(length + 1), Vec::new);
            known[length].push(field);
        }
        known
    });
    let known = KNOWN.get(name.len())?;
    let is_as_usual = |known: &&Known| known.usual == name;
    let is_same = |known: &&Known| name.eq_ignore_ascii_case(known.name.as_bytes());
    known.iter().find(is_as_usual).or_else(|| known.iter().find(is_same))
}

/// The lines of a head, without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
