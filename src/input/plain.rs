//! Plain lists: one URL a line, or several of one file.
//!
//! Blank lines and lines that begin with `#` are passed over; a byte-order mark, CRLF and a missing
//! final newline are accepted. A line is held in memory only up to a bound, so that no input can
//! make the program grow.

use std::io::{self, BufRead, BufReader, Read};

use crate::model::error::Cause;

/// The longest line that is looked at. A URL may have 65,000 bytes, and has far fewer where there are
/// several.
const MAX_LINE_BYTES: usize = 128 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the lines of a list that say something.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
    /// Bytes of the current line that were passed over because it is too long.
    cut: bool,
}

impl<R: Read> Lines<BufReader<R>> {
    /// Returns whether another line can be had without reading from the source.
    pub(super) fn is_line_buffered(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, line: Vec::new(), cut: false }
    }

    /// Returns how many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next line that says something with its number, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            if !self.fill()? {
                return Ok(None);
            }
            self.number += 1;
            let start =
                if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
            let text = self.line[start..].trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            // Borrowed anew: a borrow that is returned from inside a loop would last for all of it.
            let line =
                if self.cut { Line::TooLong } else { Line::Text(self.line[start..].trim_ascii()) };
            return Ok(Some((self.number, line)));
        }
    }

    /// Reads one line, up to the bound; returns whether there was one.
    fn fill(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.cut = false;
        let mut any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = available.iter().position(|&b| b == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            let room = MAX_LINE_BYTES - self.line.len();
            self.cut |= piece.len() > room;
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = end.map_or(piece.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its text, without blanks around it.
    Text(&'a [u8]),
    /// It is longer than is looked at.
    TooLong,
}

impl<'a> Line<'a> {
    /// Returns the line as text.
    ///
    /// # Errors
    /// [`Cause::BadUrl`] when it is too long or not UTF-8.
    pub(super) fn text(self) -> Result<&'a str, Cause> {
        let bad = |reason: String| Cause::BadUrl { reason, hint: None };
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes)
                .map_err(|error| bad(format!("byte {} is not UTF-8", error.valid_up_to() + 1))),
            Self::TooLong => Err(bad(format!("the line is longer than {MAX_LINE_BYTES} bytes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(list: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, list));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            let text = line.text().map(str::to_owned).map_err(|cause| cause.to_string());
            found.push((number, text));
        }
        found
    }

    #[test]
    fn blanks_comments_marks_and_line_ends_are_passed_over() {
        let list = b"\xef\xbb\xbfhttp://a/\r\n\n  # note\n\t http://b/ \n#\nhttp://c/";
        let found = lines(list);
        assert_eq!(
            found,
            [(1, "http://a/"), (4, "http://b/"), (6, "http://c/")]
                .map(|(n, t)| (n, Ok(t.to_owned())))
        );
    }

    #[test]
    fn bad_lines_are_told_and_the_next_ones_read() {
        let mut list = b"\xff\xfe\n".to_vec();
        list.extend(vec![b'x'; 300_000]);
        list.extend(b"\nhttp://c/\n");
        let found = lines(&list);
        assert_eq!(found.len(), 3);
        assert!(found[0].1.as_ref().unwrap_err().contains("byte 1 is not UTF-8"));
        assert!(found[1].1.as_ref().unwrap_err().contains("longer than"));
        assert_eq!(found[2], (3, Ok("http://c/".to_owned())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(list: Vec<u8>) {
            let _ = lines(&list);
        }
    }
}
