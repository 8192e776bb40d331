//! The head of a response, taken apart and written again in the plain form.

use std::borrow::Cow;

use memchr::memchr;

use crate::http::fields::Fields;
use crate::policy::declared;

/// The fields that ureq goes by: how a body ends, and its connection. Also those in which a control byte is
/// not harmless, which ureq refuses. Only these are passed on to it: each costs it as much as a look-up.
const PASSED_FIELDS: [&str; 5] =
    [CONNECTION, "content-length", "content-range", "location", TRANSFER_ENCODING];

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

const CONNECTION: &str = "connection";
const SET_COOKIE: &str = "set-cookie";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// How many cookies a response may set: no file is worth less because of cookies.
const MAX_COOKIES: usize = 50;

/// More fields than most heads have.
const USUAL_FIELDS: usize = 16;

/// A head in parts.
pub(super) struct Head<'a> {
    status_line: &'a [u8],
    fields: Vec<Field<'a>>,
}

/// A field that haul uses.
struct Field<'a> {
    /// In lower case.
    name: &'static str,
    /// One that was folded, or had control bytes in it, is one of its own.
    value: Cow<'a, [u8]>,
    is_passed: bool,
}

impl<'a> Head<'a> {
    pub(super) fn read(head: &'a [u8]) -> Self {
        let mut lines = Lines(head);
        let status_line = lines.next().unwrap_or_default();
        let mut fields: Vec<Field<'_>> = Vec::with_capacity(USUAL_FIELDS);
        // A folded line belongs to the field before it, also when that one is left out.
        let mut is_kept = false;
        let mut cookies = 0;
        for line in lines {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some(Field { value, .. }) = fields.last_mut().filter(|_| is_kept) {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                continue;
            }
            let field = memchr(b':', line).and_then(|colon| {
                let name = line[..colon].trim_ascii_end();
                let passed = find(&PASSED_FIELDS, name);
                let is_passed = passed.is_some();
                let used = || find(&USED_FIELDS, name).or_else(|| find(&declared::FIELDS, name));
                let name = passed.or_else(used)?;
                Some(Field { name, value: line[colon + 1..].trim_ascii().into(), is_passed })
            });
            cookies += usize::from(field.as_ref().is_some_and(|field| field.name == SET_COOKIE));
            let field = field.filter(|field| field.name != SET_COOKIE || cookies <= MAX_COOKIES);
            is_kept = field.is_some();
            fields.extend(field);
        }
        for Field { value, .. } in fields.iter_mut().filter(|field| !field.is_passed) {
            // Where nothing is decided by it.
            let is_control = |b: &u8| (*b < 0x20 && *b != b'\t') || *b == 0x7f;
            if value.iter().any(is_control) {
                value.to_mut().iter_mut().filter(|b| is_control(b)).for_each(|b| *b = b' ');
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
        let mut codings = self.fields.iter().filter(|field| field.name == TRANSFER_ENCODING);
        let is_only = matches!(
            (codings.next(), codings.next()),
            (Some(Field { value, .. }), None) if value.eq_ignore_ascii_case(b"chunked")
        );
        // A 204 or 304 has no body, whatever its fields say (RFC 9112 §6.3).
        let code = self.status_line.get(9..12).unwrap_or_default();
        is_only && self.is_persistent() && code != b"204" && code != b"304"
    }

    /// Returns whether its connection is kept unless it says otherwise (RFC 9112 §9.3).
    fn is_persistent(&self) -> bool {
        self.status_line.starts_with(b"HTTP/1.1")
    }

    /// Writes what ureq goes by.
    pub(super) fn write(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.status_line);
        output.extend_from_slice(b"\r\n");
        for Field { name, value, .. } in self.fields.iter().filter(|field| field.is_passed) {
            if *name == CONNECTION
                && self.is_persistent()
                && value.eq_ignore_ascii_case(b"keep-alive")
            {
                continue;
            }
            output.extend_from_slice(name.as_bytes());
            output.extend_from_slice(b": ");
            output.extend_from_slice(value);
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b"\r\n");
    }

    /// Returns how many bytes its fields take in the plain form.
    pub(super) fn bytes_used(&self) -> usize {
        self.fields.iter().map(|Field { name, value, .. }| name.len() + value.len() + 4).sum()
    }

    /// Puts all fields into `fields`, in the place of others.
    pub(super) fn store(&self, fields: &mut Fields) {
        fields.clear();
        for Field { name, value, .. } in &self.fields {
            fields.push(name, value);
        }
    }
}

/// Returns the name as it is in `names`, which are in lower case, if it is among them.
fn find(names: &[&'static str], name: &[u8]) -> Option<&'static str> {
    names.iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes())).copied()
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
