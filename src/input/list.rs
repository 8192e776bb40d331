//! A list, read line by line in the format that it is written in.
//!
//! Each format is a parser of its own that does no I/O. It takes a line and gives what that line ends:
//! mostly its own entry.

use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::entry::{Batch, Entry};
use crate::input::lines::{Line, Lines};
use crate::input::sums::{self, Sums};
use crate::input::{Output, Unwanted, jsonl, plain};
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};

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
    /// A checksum a line, with the name of a file.
    Sums,
}

/// What is known about lists before they are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How they are written.
    pub format: Format,
    /// The folder in which the files of checksums are.
    pub base: Option<Target>,
    /// The folder that files go to.
    pub folder: PathBuf,
}

/// A format, and what is to be remembered from line to line.
enum Parser {
    Jsonl,
    Lines,
    Sums(Sums),
}

impl Parser {
    /// Chooses by the first line that says something.
    ///
    /// # Errors
    /// Why the list cannot be read.
    fn new(options: &Options, first: Line<'_>) -> Result<Self, Cause> {
        let format = match options.format {
            Format::Auto if jsonl::is_likely(first) => Format::Jsonl,
            Format::Auto if sums::is_likely(first) => Format::Sums,
            format => format,
        };
        Ok(match format {
            Format::Jsonl => Self::Jsonl,
            Format::Sums => Self::Sums(Sums::new(options.base.clone().ok_or_else(no_base)?)),
            Format::Auto | Format::Lines => Self::Lines,
        })
    }

    /// Returns what the user should know about a list that is read in this way.
    fn warning(&self, options: &Options, list: &str) -> Option<String> {
        let is_useless = options.base.is_some() && !matches!(self, Self::Sums(_));
        is_useless
            .then(|| format!("{list} is no list of checksums: `--base-url` is not used for it"))
    }

    /// Takes a line, and gives what it ends.
    fn take(&mut self, origin: Origin, line: Line<'_>, options: &Options, found: &mut Batch) {
        match self {
            Self::Jsonl => found.entries.extend(jsonl::read(origin, line, &options.folder)),
            Self::Lines => found.entries.push(plain::read(origin, line)),
            Self::Sums(sums) => sums.take(origin, line, found),
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
                    let origin = Origin::Line { list: Arc::clone(name), number };
                    let parser = match &mut parser {
                        Some(parser) => parser,
                        None => match Parser::new(options, line) {
                            Ok(new) => {
                                output.batch.warnings.extend(new.warning(options, name));
                                parser.insert(new)
                            }
                            // The same would be wrong with every line.
                            Err(cause) => {
                                output.batch.entries.push(Entry::bad(origin, cause, name));
                                return Ok(Ok(()));
                            }
                        },
                    };
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

fn no_base() -> Cause {
    Cause::BadLine {
        reason: "a list of checksums, and nothing says where its files are".to_owned(),
        hint: Some("`--base-url URL` gives the folder that they are in"),
    }
}
