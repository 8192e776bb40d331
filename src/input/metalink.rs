//! Metalink: an XML document that says of each file where it is and what it must be (RFC 5854, and
//! version 3 before it).
//!
//! It is read as a stream: a file is handed over as soon as its element ends. No document type is taken,
//! so that there are no entities but XML's own; depth, and the length of whatever lies between two tags,
//! are bounded. A document that is not well-formed is read up to there.

mod document;
mod file;
mod hashes;
mod pieces;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::input::entry::{Entry, bad_line};
use crate::input::head::{self, Again, TooFew};
use crate::input::metalink::document::Document;
use crate::input::{Output, Unwanted};
use crate::model::error::Cause;
use crate::model::job::Origin;
use crate::model::text::BYTE_ORDER_MARK;

/// The longest tag, comment, or text between two tags.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// How many blanks may be before the first tag of what is taken for XML.
const MAX_BLANKS: usize = 1024;

/// Looks whether a list is XML; gives it back from its first byte on.
///
/// # Errors
/// What the source says.
pub(super) fn look<R: Read>(bytes: R) -> io::Result<(bool, Again<R>)> {
    head::look(bytes, judge)
}

/// Says whether a list that begins so is XML.
fn judge(head: &[u8]) -> Result<bool, TooFew> {
    const XML: [&[u8]; 3] = [b"<?xml", b"<metalink", b"<!"];
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start();
    if XML.iter().any(|begin| text.starts_with(begin)) {
        return Ok(true);
    }
    let may_be = (text.is_empty() && head.len() < MAX_BLANKS)
        || BYTE_ORDER_MARK.starts_with(head)
        || XML.iter().any(|begin| begin.starts_with(text) && !text.is_empty());
    if may_be { Err(TooFew) } else { Ok(false) }
}

/// Reads a document to its end. The inner result is the list's own failure and where it came.
pub(super) fn read(
    name: &Arc<str>,
    bytes: impl Read,
    output: &mut Output,
) -> Result<Result<(), (u64, io::Error)>, Unwanted> {
    let source = Source::new(BufReader::with_capacity(64 * 1024, bytes));
    let mut reader = Reader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document::new(Arc::clone(name));
    let end = follow(&mut reader, &mut document, output)?;
    let number = reader.get_mut().line;
    match end {
        End::Complete => {}
        End::Unreadable(error) => return Ok(Err((number, error))),
        End::Wrong(reason) => {
            let mut cause = bad_line(&reason);
            if let Cause::BadLine { hint, .. } = &mut cause {
                *hint = document.hint();
            }
            let origin = Origin::Line { list: Arc::clone(name), number };
            output.batch.entries.push(Entry::bad(origin, cause, name));
            output.flush_if_full()?;
        }
    }
    Ok(Ok(()))
}

/// How the reading of a document ended.
enum End {
    Complete,
    Unreadable(io::Error),
    Wrong(String),
}

/// Hands over the files of a document as they come.
fn follow(
    reader: &mut Reader<Source<impl Read>>,
    document: &mut Document,
    output: &mut Output,
) -> Result<End, Unwanted> {
    let mut event = Vec::new();
    loop {
        event.clear();
        reader.get_mut().begin();
        let taken = match reader.read_event_into(&mut event) {
            Ok(Event::Eof) if document.is_complete() => return Ok(End::Complete),
            Ok(Event::Eof) => Err("the document ends before its last tag".to_owned()),
            Ok(event) => document.take(&event, reader.get_mut().line, &mut output.batch),
            Err(error) => Err(match reader.get_mut().problem.take() {
                Some(Problem::Io(error)) => return Ok(End::Unreadable(error)),
                Some(Problem::TooLong) => {
                    format!("more than {MAX_EVENT_BYTES} bytes in one tag or text")
                }
                None => format!("not well-formed XML: {error}"),
            }),
        };
        match taken {
            Err(reason) => return Ok(End::Wrong(reason)),
            Ok(false) => continue,
            Ok(true) => output.flush_if_full()?,
        }
        // What follows may take its time, and hashes of many pieces are not to be gathered.
        if document.is_heavy() || !reader.get_mut().has_end() {
            output.flush()?;
        }
    }
}

/// Why a source gave no more.
enum Problem {
    Io(io::Error),
    TooLong,
}

/// The bytes of a document, which counts their lines and bounds what is between two tags.
struct Source<R> {
    bytes: BufReader<R>,
    /// The line of what was read last, from 1.
    line: u64,
    /// How much may still come before the event ends.
    left: usize,
    problem: Option<Problem>,
}

impl<R: Read> Source<R> {
    fn new(bytes: BufReader<R>) -> Self {
        Self { bytes, line: 1, left: 0, problem: None }
    }

    /// Says that another event begins.
    fn begin(&mut self) {
        self.left = MAX_EVENT_BYTES;
    }

    /// Returns whether the end of another file may be had without reading from the source.
    fn has_end(&self) -> bool {
        self.bytes.buffer().windows(6).any(|bytes| bytes == b"</file")
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let here = self.fill_buf()?;
        let count = here.len().min(buffer.len());
        buffer[..count].copy_from_slice(&here[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            self.problem = Some(Problem::TooLong);
            return Err(io::ErrorKind::Other.into());
        }
        let left = self.left;
        // Looked at first because the borrow of what is returned would last.
        loop {
            match self.bytes.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.problem = Some(Problem::Io(error));
                    return Err(io::ErrorKind::Other.into());
                }
            }
        }
        let here = self.bytes.buffer();
        Ok(&here[..here.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        let taken = &self.bytes.buffer()[..count];
        self.line += taken.split(|&byte| byte == b'\n').skip(1).count() as u64;
        self.left -= count;
        self.bytes.consume(count);
    }
}

#[cfg(test)]
mod tests;
