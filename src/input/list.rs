//! A list, read line by line in the format that it is written in.
//!
//! Each format is a parser of its own that does no I/O. It takes a line and gives what that line ends:
//! mostly its own entry.

use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::entry::Batch;
use crate::input::lines::{Line, Lines};
use crate::input::{Output, Unwanted, jsonl, plain};
use crate::model::job::Origin;

/// How lists are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Each list as its first line looks.
    #[default]
    Auto,
    /// A JSON object a line.
    Jsonl,
    /// A URL a line.
    Lines,
}

/// What is known about lists before they are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How they are written.
    pub format: Format,
    /// The folder that files go to.
    pub folder: PathBuf,
}

/// A format, and what is to be remembered from line to line.
enum Parser {
    Jsonl,
    Lines,
}

impl Parser {
    /// Chooses by the first line that says something.
    fn new(options: &Options, first: Line<'_>) -> Self {
        match options.format {
            Format::Jsonl => Self::Jsonl,
            Format::Auto if jsonl::is_likely(first) => Self::Jsonl,
            Format::Auto | Format::Lines => Self::Lines,
        }
    }

    /// Takes a line, and gives what it ends.
    fn take(&mut self, origin: Origin, line: Line<'_>, options: &Options, found: &mut Batch) {
        match self {
            Self::Jsonl => found.entries.extend(jsonl::read(origin, line, &options.folder)),
            Self::Lines => found.entries.push(plain::read(origin, line)),
        }
    }
}

/// Reads a list to its end. The inner result is the list's own failure and where it came.
pub(super) fn read(
    name: &Arc<str>,
    list: impl Read,
    options: &Options,
    output: &mut Output,
) -> Result<Result<(), (u64, io::Error)>, Unwanted> {
    let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, list));
    let mut parser = None;
    loop {
        match lines.next_line() {
            Ok(None) => return Ok(Ok(())),
            Ok(Some((number, line))) => {
                if line.says_something() {
                    let parser = parser.get_or_insert_with(|| Parser::new(options, line));
                    let origin = Origin::Line { list: Arc::clone(name), number };
                    parser.take(origin, line, options, &mut output.batch);
                    output.flush_if_full()?;
                }
                // What follows may take its time: nothing that is here waits for it.
                if !lines.is_line_buffered() {
                    output.flush()?;
                }
            }
            Err(error) => return Ok(Err((lines.number() + 1, error))),
        }
    }
}
