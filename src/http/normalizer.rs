//! Rewrites responses as they come into the plain form that ureq reads.
//!
//! ureq is stricter than servers are, in the head, and in chunk lines both stricter and laxer than it
//! should be. What passes here: interim responses are left out, with or without fields; folded lines
//! are joined (RFC 9112 §5.2); fields that are none, and fields that haul does not use, are left out,
//! so that their number does not matter; control bytes in values that decide nothing become blanks;
//! chunk extensions and trailers are left out, and the line of a chunk's size may end in LF alone.
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

use head::Head;

/// The longest head, interim ones together included. ureq takes 64 KiB.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// The longest chunk line or trailer, and all trailers together.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// What in a response cannot be made sense of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes after a chunk are not the end of its line.
    ChunkEnd,
    /// A chunk's size is no hexadecimal number, or too large for any file.
    ChunkSize(String),
    /// The head has no end.
    HeadTooLong,
    /// A chunk's line or the trailers have no end.
    LineTooLong,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChunkEnd => f.write_str("the response breaks HTTP: a chunk does not end"),
            Self::ChunkSize(text) => {
                write!(f, "the response breaks HTTP: chunk size `{text}` is not a number")
            }
            Self::HeadTooLong => {
                write!(f, "the response's header is larger than {} KiB", MAX_HEAD_BYTES / 1024)
            }
            Self::LineTooLong => f.write_str("the response breaks HTTP: a chunk line has no end"),
        }
    }
}

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
}

impl Normalizer {
    pub(super) fn new() -> Self {
        Self { state: State::Head, pending: Vec::new(), counted: 0, has_body: true }
    }

    /// Begins to wait for a response, which may have a body or has none.
    pub(super) fn expect_head(&mut self, has_body: bool) {
        *self = Self { pending: std::mem::take(&mut self.pending), has_body, ..Self::new() };
        self.pending.clear();
    }

    /// Returns whether bytes need not pass through here any more.
    pub(super) fn is_transparent(&self) -> bool {
        self.state == State::Body
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
            // Whatever it is, ureq has a word for it.
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
        let head = Head::read(&seen[blank..end]);
        if !head.is_interim() {
            head.write(output);
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
            let line = self.pending.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            let size = hexadecimal(line).ok_or_else(|| {
                Malformed::ChunkSize(String::from_utf8_lossy(&line[..line.len().min(40)]).into())
            })?;
            output.extend_from_slice(format!("{size:x}\r\n").as_bytes());
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
            // Alone, as elsewhere, a line feed would make `hello\r` of a chunk that is one too long.
            (b'\n', false) => {
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

/// Returns whether bytes are, or may become, a status line.
fn could_be_http(bytes: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/1.";
    let known = bytes.len().min(VERSION.len());
    bytes[..known] == VERSION[..known]
}

/// Returns where the head ends: behind the first empty line at or after `from`.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).filter(|&at| bytes[at] == b'\n').find_map(|at| {
        match bytes.get(at + 1..)? {
            [b'\n', ..] => Some(at + 2),
            [b'\r', b'\n', ..] => Some(at + 3),
            _ => None,
        }
    })
}

/// Reads 1 to 16 digits, whatever zeros are before them.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    let significant = text.trim_start_matches('0');
    if significant.is_empty() { Some(0) } else { u64::from_str_radix(significant, 16).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewrite(pieces: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
        let mut normalizer = Normalizer::new();
        let mut output = Vec::new();
        for piece in pieces {
            normalizer.push(piece, &mut output)?;
        }
        Ok(output)
    }

    #[track_caller]
    fn case(response: &str, expected: &str) {
        let whole = rewrite(&[response.as_bytes()]).unwrap();
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
        let bytes: Vec<&[u8]> = response.as_bytes().chunks(1).collect();
        assert_eq!(String::from_utf8(rewrite(&bytes).unwrap()).unwrap(), expected);
    }

    #[test]
    fn heads_are_made_plain() {
        let plain = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        case(plain, plain);
        case("\r\n\nHTTP/1.1 200 OK\ncontent-length:2\n\nhi", plain);
        case("HTTP/1.1 200 OK\r\ncontent-length :  2 \r\n\r\nhi", plain);
        case(
            "HTTP/1.1 200 OK\r\nno colon\r\nx-other: 1\r\n folded\r\ncontent-length: 2\r\n\r\nhi",
            plain,
        );
        case(
            "HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            plain,
        );
        case(
            "HTTP/1.1 200 OK\r\netag:\t\"a\"\r\ncontent-type: a\r\n\tb\x01c\r\nlocation: \x01\r\n\r\n",
            "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-type: a b c\r\nlocation: \x01\r\n\r\n",
        );
        case("SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH\r\n");
        case("ICY 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n");
    }

    #[test]
    fn bodies_pass_untouched() {
        let body = "HTTP/1.1 200 OK\r\n\r\n\r\n0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        case(body, body);
        let old = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x\r\n";
        case(old, old);
    }

    #[test]
    fn chunks_lose_extensions_and_trailers_and_nothing_else() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunked = |chunks: &str| format!("{head}{chunks}");
        let plain = chunked("5\r\na\r\nbc\r\nc\r\n0123456789;\n\r\n0\r\n\r\n");
        case(&plain, &plain);
        case(
            &chunked(
                "005 ; a=\"long extension, longer than twenty bytes\"\r\na\r\nbc\r\nC\n0123456789;\n\r\n0;x\r\nDigest: x\r\nB: y\n\r\n",
            ),
            &plain,
        );
        // What follows the body is passed on, so that the connection is not used again.
        case(&format!("{plain}garbage"), &format!("{plain}garbage"));
    }

    #[test]
    fn the_answer_to_head_ends_with_its_head() {
        let mut normalizer = Normalizer::new();
        normalizer.expect_head(false);
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut output = Vec::new();
        normalizer.push(head, &mut output).unwrap();
        assert_eq!(output, head);
        assert!(normalizer.is_transparent());
        // What comes all the same makes ureq drop the connection.
        normalizer.push(b"no chunk", &mut output).unwrap();
        assert!(output.ends_with(b"\r\n\r\nno chunk"));
        normalizer.expect_head(true);
        normalizer.push(head, &mut output).unwrap();
        assert_eq!(normalizer.push(b"no chunk\n", &mut output).unwrap_err(), {
            Malformed::ChunkSize("no chunk".to_owned())
        });
    }

    #[test]
    fn chunks_that_are_none_are_malformed() {
        let chunked = |chunks: &str| {
            rewrite(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", chunks.as_bytes()])
        };
        for size in ["+5", "-5", "0x5", "5 5", "", "g", "11111111111111111"] {
            let line = format!("{size}\r\n");
            assert!(matches!(chunked(&line), Err(Malformed::ChunkSize(_))), "{size}");
        }
        assert_eq!(chunked("1\r\nab"), Err(Malformed::ChunkEnd));
        assert_eq!(chunked("1\r\na\r\r\n"), Err(Malformed::ChunkEnd));
        assert_eq!(chunked("6\r\nhello\r\n0\r\n\r\n"), Err(Malformed::ChunkEnd));
        assert_eq!(chunked(&"1".repeat(100_000)), Err(Malformed::LineTooLong));
        assert_eq!(
            chunked(&format!("0\r\n{}", "a: b\r\n".repeat(20_000))),
            Err(Malformed::LineTooLong)
        );
        let endless = "a: b\r\n".repeat(100_000);
        let endless = format!("HTTP/1.1 200 OK\r\n{endless}");
        assert_eq!(rewrite(&[endless.as_bytes()]), Err(Malformed::HeadTooLong));
        let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(20_000);
        assert_eq!(rewrite(&[interim.as_bytes()]), Err(Malformed::HeadTooLong));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            response in proptest::collection::vec(
                prop_oneof![
                    Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 100 C\r\n"), Just("\r\n"), Just("\n"),
                    Just("transfer-encoding: chunked\r\n"), Just("3\r\n"), Just("abc"), Just("0\r\n"),
                    Just(" x"), Just(";y"), Just("etag: \"a\""), Just("\r"),
                ],
                0..20,
            ),
            cut in 1..9_usize,
        ) {
            let response = response.concat();
            let pieces: Vec<&[u8]> = response.as_bytes().chunks(cut).collect();
            prop_assert_eq!(rewrite(&pieces), rewrite(&[response.as_bytes()]));
        }
    }
}
