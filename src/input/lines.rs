//! The lines of a list, whatever it is written in.
//!
//! A byte-order mark, CRLF and a missing final newline are accepted; the mark before any line, because lists
//! are put together with `cat`. A line is held in memory only up to
//! a bound, so that no input can make the program grow.

use std::io::{self, BufRead, BufReader, Read};

use crate::model::text::BYTE_ORDER_MARK;

/// The longest line that is looked at. A URL may have 65,000 bytes, and has far fewer where there are
/// several.
const MAX_LINE_BYTES: usize = 128 * 1024;

/// Reads the lines of a list.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
    /// Whether the current line is longer than is held of it.
    is_cut: bool,
}

impl<R: Read> Lines<BufReader<R>> {
    /// Returns whether another line can be had without reading from the source.
    pub(super) fn is_line_buffered(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, line: Vec::new(), is_cut: false }
    }

    /// Returns how many lines were read.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the byte that the next line begins with, as soon as it is there; `None` at the end.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Ok(available) => return Ok(available.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next line with its number, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        if !self.fill()? {
            return Ok(None);
        }
        self.number += 1;
        let bytes = self.line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.line);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Some((self.number, Line { bytes, is_cut: self.is_cut })))
    }

    /// Reads one line, up to the bound; returns whether there was one.
    fn fill(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.is_cut = false;
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
            self.is_cut |= piece.len() > room;
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = end.map_or(piece.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// A line, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    is_cut: bool,
}

impl<'a> Line<'a> {
    /// Returns whether it is neither blank nor a comment. Blanks that are cut off may be before anything.
    pub(super) fn says_something(self) -> bool {
        self.begin().first().map_or(self.is_cut, |&first| first != b'#')
    }

    /// Returns what is held of it, without blanks before it.
    pub(super) fn begin(self) -> &'a [u8] {
        self.bytes.trim_ascii_start()
    }

    /// Returns whether it begins with a blank.
    pub(super) fn is_indented(self) -> bool {
        matches!(self.bytes.first(), Some(b' ' | b'\t'))
    }

    /// Returns it as it is.
    ///
    /// # Errors
    /// That it is too long.
    pub(super) fn bytes(self) -> Result<&'a [u8], String> {
        if self.is_cut {
            return Err(format!("the line is longer than {MAX_LINE_BYTES} bytes"));
        }
        Ok(self.bytes)
    }

    /// Returns it as text, without blanks around it.
    ///
    /// # Errors
    /// That it is too long or not UTF-8.
    pub(super) fn text(self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?.trim_ascii())
            .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))
    }
}

#[cfg(test)]
impl<'a> From<&'a [u8]> for Line<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, is_cut: false }
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
            if line.says_something() {
                found.push((number, line.text().map(str::to_owned)));
            }
        }
        found
    }

    #[test]
    fn blanks_comments_marks_and_line_ends_are_passed_over() {
        let list = b"\xef\xbb\xbfhttp://a/\r\n\n  # note\n\t http://b/ \n#\n\xef\xbb\xbf# x\n\
                     \xef\xbb\xbfhttp://c/\n\xef\xbb\xbf";
        let found = lines(list);
        assert_eq!(
            found,
            [(1, "http://a/"), (4, "http://b/"), (7, "http://c/")]
                .map(|(n, t)| (n, Ok(t.to_owned())))
        );
    }

    #[test]
    fn bad_lines_are_told_and_the_next_ones_read() {
        let mut list = b"\xff\xfe\n".to_vec();
        list.extend(vec![b'x'; 300_000]);
        list.extend(b"\nhttp://c/\n");
        list.extend(vec![b' '; 300_000]);
        list.extend(b"http://d/\n#");
        list.extend(vec![b' '; 300_000]);
        let found = lines(&list);
        assert_eq!(found.len(), 4);
        assert!(found[0].1.as_ref().unwrap_err().contains("byte 1 is not UTF-8"));
        assert!(found[1].1.as_ref().unwrap_err().contains("longer than"));
        assert_eq!(found[2], (3, Ok("http://c/".to_owned())));
        assert!(found[3].1.as_ref().unwrap_err().contains("longer than"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(list: Vec<u8>) {
            let _ = lines(&list);
        }
    }
}
