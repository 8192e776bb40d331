//! The head of a response, taken apart and written again in the plain form.

use std::borrow::Cow;

use crate::policy::declared;

/// The fields that haul or ureq look at, next to those that declare what a file is. Others need not be passed on.
const USED_FIELDS: [&str; 17] = [
    "accept-ranges",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-authenticate",
    "retry-after",
    SET_COOKIE,
    "transfer-encoding",
    "www-authenticate",
];

const SET_COOKIE: &str = "set-cookie";

/// How many cookies a response may set: ureq refuses heads with more than 128 fields, and no file is worth
/// less because of cookies.
const MAX_COOKIES: usize = 50;

/// Those in which a control byte is not harmless: where to go, and which bytes come.
const DECIDING_FIELDS: [&str; 4] =
    ["content-length", "content-range", "location", "transfer-encoding"];

/// A head in parts.
pub(super) struct Head<'a> {
    status_line: &'a [u8],
    /// Names and values; a value that was folded is one of its own.
    fields: Vec<(&'a [u8], Cow<'a, [u8]>)>,
}

impl<'a> Head<'a> {
    pub(super) fn read(head: &'a [u8]) -> Self {
        let mut lines =
            head.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let status_line = lines.next().unwrap_or_default();
        let mut fields: Vec<(&[u8], Cow<[u8]>)> = Vec::new();
        // A folded line belongs to the field before it, also when that one is left out.
        let mut is_kept = false;
        let mut cookies = 0;
        for line in lines {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = fields.last_mut().filter(|_| is_kept) {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                continue;
            }
            let colon = line.iter().position(|&b| b == b':');
            let name = colon.map(|colon| line[..colon].trim_ascii_end()).unwrap_or_default();
            let mut used = USED_FIELDS.iter().chain(&declared::FIELDS);
            is_kept = used.any(|used| name.eq_ignore_ascii_case(used.as_bytes()));
            if name.eq_ignore_ascii_case(SET_COOKIE.as_bytes()) {
                cookies += 1;
                is_kept = cookies <= MAX_COOKIES;
            }
            if let Some(colon) = colon.filter(|_| is_kept) {
                fields.push((name, line[colon + 1..].trim_ascii().into()));
            }
        }
        Self { status_line, fields }
    }

    /// 101 is not interim: another protocol would follow, which was not asked for.
    pub(super) fn is_interim(&self) -> bool {
        let code = self.status_line.get(9..12).unwrap_or_default();
        code.starts_with(b"1") && code != b"101"
    }

    /// Returns whether the body is chunked and nothing else. What else there may be is refused later.
    pub(super) fn is_chunked(&self) -> bool {
        let mut codings =
            self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"transfer-encoding"));
        let is_only = matches!(
            (codings.next(), codings.next()),
            (Some((_, value)), None) if value.eq_ignore_ascii_case(b"chunked")
        );
        // A 204 or 304 has no body, whatever its fields say (RFC 9112 §6.3).
        let code = self.status_line.get(9..12).unwrap_or_default();
        is_only && self.status_line.starts_with(b"HTTP/1.1") && code != b"204" && code != b"304"
    }

    pub(super) fn write(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.status_line);
        output.extend_from_slice(b"\r\n");
        for (name, value) in &self.fields {
            output.extend_from_slice(name);
            output.extend_from_slice(b": ");
            // Nobody may decide by what was not meant; ureq refuses it.
            let decides = DECIDING_FIELDS.iter().any(|d| name.eq_ignore_ascii_case(d.as_bytes()));
            let is_control = |b: u8| !decides && ((b < 0x20 && b != b'\t') || b == 0x7f);
            let from = output.len();
            output.extend_from_slice(value);
            for byte in output[from..].iter_mut().filter(|byte| is_control(**byte)) {
                *byte = b' ';
            }
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b"\r\n");
    }
}
