//! Rewrites responses as they come into the plain form that ureq reads.
//!
//! ureq is stricter than servers are, in the head, and in chunk lines both stricter and laxer than it
//! should be. What passes here: interim responses are left out, with or without fields; folded lines
//! are joined (RFC 9112 §5.2); of the fields only those are passed on that ureq goes by, and the others that
//! haul uses are kept for it, so that their number does not matter and ureq need not look at them; control
//! bytes in values that decide nothing become blanks, except in cookies; chunked is said once and in
//! HTTP/1.1; chunk extensions and trailers are left out, and the lines of chunks may end in LF alone.
//!
//! ```text
//!        1xx ┌──┐                    ┌──────────── size ◄──┐
//!            ▼  │                    ▼                     │
//!  request ► Head ── chunked ──► ChunkSize ── n ──► ChunkData ─► ChunkEnd
//!              │                     └── 0 ──► Trailers ──► Body (what follows is nobody's)
//!              └── else ──► Body
//! ```
//!
//! The answer to a HEAD request ends with its head, whatever that says: `Body` follows, of which there is
//! nothing. No byte of a body is changed: in `Body` nothing passes through here at all.

mod head;

use std::fmt;
use std::io::Write as _;

use head::Head;
use memchr::memchr;

use crate::http::fields::Fields;
use crate::model::tls::{SPEAKS_TLS, is_record};

/// The longest head, interim ones together included.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// How long the fields may be that haul uses. ureq takes no more either.
const MAX_USED_BYTES: usize = 64 * 1024;

/// The longest chunk line or trailer, and all trailers together.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// What in a response cannot be made sense of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes after a chunk are not the end of its line.
    ChunkEnd,
    /// A chunk's size is no hexadecimal number, or too large for any file.
    ChunkSize(String),
    /// The fields that haul uses are too long to be meant.
    FieldsTooLong,
    /// The head has no end.
    HeadTooLong,
    /// A chunk's line or the trailers have no end.
    LineTooLong,
    /// It is a record of TLS.
    Tls,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChunkEnd => f.write_str("the response breaks HTTP: a chunk does not end"),
            Self::ChunkSize(text) => {
                write!(f, "the response breaks HTTP: chunk size `{text}` is not a number")
            }
            Self::FieldsTooLong => {
                write!(f, "the response's header is larger than {} KiB", MAX_USED_BYTES / 1024)
            }
            Self::HeadTooLong => {
                write!(f, "the response's header is larger than {} KiB", MAX_HEAD_BYTES / 1024)
            }
            Self::Tls => f.write_str(SPEAKS_TLS),
            Self::LineTooLong => f.write_str("the response breaks HTTP: a chunk line has no end"),
        }
    }
}

/// How all status lines begin.
const HTTP: &[u8] = b"HTTP/1.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Body,
    ChunkData(u64),
    ChunkEnd,
    ChunkSize,
    Head,
    Trailers,
}

/// Rewrites the responses of one connection.
#[derive(Debug)]
pub(super) struct Normalizer {
    state: State,
    /// What came of a head or a line that is not complete.
    pending: Vec<u8>,
    /// Bytes of heads, or of trailers, so far.
    counted: usize,
    /// Whether a body follows the head, if that says so.
    has_body: bool,
    /// Whether a bare line feed may be the end of the chunk.
    may_end_bare: bool,
    /// Whether the end of the response is one that not everybody sees.
    is_ambiguous: bool,
    /// What haul uses of the head.
    fields: Fields,
}

impl Normalizer {
    pub(super) fn new() -> Self {
        Self {
            state: State::Head,
            pending: Vec::new(),
            counted: 0,
            has_body: true,
            may_end_bare: false,
            is_ambiguous: false,
            fields: Fields::default(),
        }
    }

    /// Begins to wait for a response, which may have a body or has none.
    pub(super) fn expect_head(&mut self, has_body: bool) {
        (self.state, self.counted, self.has_body) = (State::Head, 0, has_body);
        self.is_ambiguous = false;
        self.pending.clear();
        self.fields.clear();
    }

    /// What haul uses of the head that has come.
    pub(super) fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Returns whether the head has not come yet, or not all of it.
    pub(super) fn awaits_head(&self) -> bool {
        self.state == State::Head
    }

    /// Returns whether bytes need not pass through here any more.
    pub(super) fn is_transparent(&self) -> bool {
        self.state == State::Body
    }

    /// Returns whether the response was framed so oddly that what follows it on its connection may be a part of
    /// it.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }

    /// Takes what has come if all of it is a head and a body, or the beginning of one, in which nothing is
    /// rewritten: puts the head into `output`, and returns where the body begins. Otherwise it has to be
    /// pushed. So a file that comes with its head need not be copied.
    ///
    /// # Errors
    /// The response is malformed; nothing more can be made of it.
    pub(super) fn take_head(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<usize>, Malformed> {
        let is_beginning = self.state == State::Head && self.counted == 0;
        if !is_beginning || !input.starts_with(HTTP) {
            return Ok(None);
        }
        let Some(end) = end_of_head(input, 0) else { return Ok(None) };
        let head = Head::read(&input[..end], &mut self.fields);
        if head.is_interim() || (self.has_body && head.is_chunked()) {
            return Ok(None);
        }
        pass(&head, output)?;
        self.is_ambiguous = self.has_body && head.is_ambiguous();
        self.state = State::Body;
        Ok(Some(end))
    }

    /// Takes what has come and puts what can be passed on into `output`: at most twice as many bytes,
    /// and what was pending.
    ///
    /// # Errors
    /// The response is malformed; nothing more can be made of it.
    pub(super) fn push(&mut self, mut input: &[u8], output: &mut Vec<u8>) -> Result<(), Malformed> {
        while !input.is_empty() {
            input = match self.state {
                State::Head => self.head(input, output)?,
                State::Body => {
                    output.extend_from_slice(input);
                    return Ok(());
                }
                State::ChunkSize => self.chunk_size(input, output)?,
                State::ChunkData(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    output.extend_from_slice(&input[..count]);
                    let left = left - count as u64;
                    // Of a chunk whose size is one too large this would be the end of its line.
                    self.may_end_bare &= input[count - 1] != b'\r';
                    self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData(left) };
                    &input[count..]
                }
                State::ChunkEnd => self.chunk_end(input, output)?,
                State::Trailers => self.trailers(input, output)?,
            };
        }
        Ok(())
    }

    fn head<'i>(&mut self, input: &'i [u8], output: &mut Vec<u8>) -> Result<&'i [u8], Malformed> {
        let mut pending = std::mem::take(&mut self.pending);
        let old = pending.len();
        // With a whole head mostly all of a small file comes, which need not be copied for it.
        let seen = if old == 0 {
            input
        } else {
            pending.extend_from_slice(input);
            &pending
        };
        // Empty lines before the status line are nothing (RFC 9112 §2.2).
        let blank = seen.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if !could_be_http(&seen[blank..]) {
            if is_record(seen) {
                return Err(Malformed::Tls);
            }
            // Whatever else it is, ureq has a word for it.
            output.extend_from_slice(seen);
            self.state = State::Body;
            return Ok(&[]);
        }
        // The end may begin in what was there before.
        let Some(end) = end_of_head(seen, blank.max(old.saturating_sub(3))) else {
            self.counted += input.len();
            if self.counted > MAX_HEAD_BYTES {
                return Err(Malformed::HeadTooLong);
            }
            if old == 0 {
                pending.extend_from_slice(input);
            }
            self.pending = pending;
            return Ok(&[]);
        };
        let rest = &input[end - old..];
        self.counted += end - old;
        if self.counted > MAX_HEAD_BYTES {
            return Err(Malformed::HeadTooLong);
        }
        let head = Head::read(&seen[blank..end], &mut self.fields);
        if !head.is_interim() {
            pass(&head, output)?;
            self.is_ambiguous = self.has_body && head.is_ambiguous();
            let is_chunked = self.has_body && head.is_chunked();
            self.state = if is_chunked { State::ChunkSize } else { State::Body };
            self.counted = 0;
        }
        pending.clear();
        self.pending = pending;
        Ok(rest)
    }

    fn chunk_size<'i>(
        &mut self,
        input: &'i [u8],
        output: &mut Vec<u8>,
    ) -> Result<&'i [u8], Malformed> {
        let (is_complete, rest) = self.line(input)?;
        if is_complete {
            // Who ends this line so ends all of them so.
            self.may_end_bare = !self.pending.ends_with(b"\r");
            self.is_ambiguous |= self.may_end_bare;
            let line = self.pending.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            let size = hexadecimal(line).ok_or_else(|| {
                Malformed::ChunkSize(String::from_utf8_lossy(&line[..line.len().min(40)]).into())
            })?;
            let _ = write!(output, "{size:x}\r\n");
            self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
            self.pending.clear();
        }
        Ok(rest)
    }

    fn chunk_end<'i>(
        &mut self,
        input: &'i [u8],
        output: &mut Vec<u8>,
    ) -> Result<&'i [u8], Malformed> {
        match (input[0], self.pending.is_empty()) {
            (b'\r', true) => self.pending.push(b'\r'),
            (b'\n', has_no_return) if !has_no_return || self.may_end_bare => {
                output.extend_from_slice(b"\r\n");
                self.pending.clear();
                self.state = State::ChunkSize;
            }
            _ => return Err(Malformed::ChunkEnd),
        }
        Ok(&input[1..])
    }

    fn trailers<'i>(
        &mut self,
        input: &'i [u8],
        output: &mut Vec<u8>,
    ) -> Result<&'i [u8], Malformed> {
        let (is_complete, rest) = self.line(input)?;
        self.counted += input.len() - rest.len();
        if self.counted > MAX_LINE_BYTES {
            return Err(Malformed::LineTooLong);
        }
        if is_complete {
            if self.pending.trim_ascii().is_empty() {
                output.extend_from_slice(b"\r\n");
                self.state = State::Body;
            }
            self.pending.clear();
        }
        Ok(rest)
    }

    /// Gathers a line in `pending`; returns whether it is complete, without its end, and what follows.
    fn line<'i>(&mut self, input: &'i [u8]) -> Result<(bool, &'i [u8]), Malformed> {
        let end = input.iter().position(|&b| b == b'\n');
        let piece = &input[..end.unwrap_or(input.len())];
        if self.pending.len() + piece.len() > MAX_LINE_BYTES {
            return Err(Malformed::LineTooLong);
        }
        self.pending.extend_from_slice(piece);
        Ok((end.is_some(), end.map_or(&[], |end| &input[end + 1..])))
    }
}

/// Passes on a head that is not interim.
fn pass(head: &Head<'_>, output: &mut Vec<u8>) -> Result<(), Malformed> {
    if head.bytes_used() > MAX_USED_BYTES {
        return Err(Malformed::FieldsTooLong);
    }
    head.write(output);
    Ok(())
}

/// Returns whether bytes are, or may become, a status line.
fn could_be_http(bytes: &[u8]) -> bool {
    let known = bytes.len().min(HTTP.len());
    bytes[..known] == HTTP[..known]
}

/// Returns where the head ends: behind the first empty line at or after `from`.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Reads 1 to 16 digits, whatever zeros are before them.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    let significant = text.trim_start_matches('0');
    if significant.is_empty() { Some(0) } else { u64::from_str_radix(significant, 16).ok() }
}

#[cfg(test)]
mod tests;
