//! A list, read line by line in the format that it is written in.
//!
//! Each format is a parser of its own that does no I/O. It takes a line and gives what that line ends:
//! mostly its own entry.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use crate::input::aria2::{self, Aria2, Indented};
use crate::input::entry::{Batch, Entry};
use crate::input::lines::{Line, Lines};
use crate::input::metalink;
use crate::input::packed::{self, Unpacked};
use crate::input::sums::{self, Sums};
use crate::input::{Output, Unwanted, jsonl, plain, utf16};
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};
use crate::policy::placement;
use crate::policy::target::Series;

/// How lists are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Each list as its first line looks.
    #[default]
    Auto,
    /// URLs, and below them indented options.
    Aria2,
    /// A JSON object a line.
    Jsonl,
    /// A URL a line.
    Lines,
    /// An XML document.
    Metalink,
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
    /// Whether no server is asked, so that a list need not say where its files come from.
    pub is_offline: bool,
    /// The folder that files go to.
    pub folder: placement::Base,
}

/// A list that can be read.
pub(super) struct List<'a, R> {
    /// Its name as the user gave it.
    pub(super) name: &'a Arc<str>,
    /// Its bytes.
    pub(super) bytes: R,
    /// Whether all of them are there, so that looking ahead never waits.
    pub(super) is_file: bool,
}

/// A format, and what is to be remembered from line to line.
enum Parser {
    Aria2(Box<Aria2>),
    Jsonl,
    /// With whether it was told that it looks like something else.
    Lines {
        is_told: bool,
        urls: Series,
    },
    Sums(Sums),
}

impl Parser {
    /// Chooses by the first line that says something.
    ///
    /// # Errors
    /// Why the list cannot be read.
    fn new(options: &Options, first: Line<'_>, is_file: bool) -> Result<Self, Cause> {
        let format = match options.format {
            Format::Auto if jsonl::is_likely(first) => Format::Jsonl,
            Format::Auto if sums::is_likely(first) => Format::Sums,
            format => format,
        };
        Ok(match format {
            Format::Aria2 => Self::Aria2(Box::new(Aria2::new(Indented::Option))),
            Format::Jsonl => Self::Jsonl,
            // A document was told by its first bytes.
            Format::Lines | Format::Metalink => {
                Self::Lines { is_told: true, urls: Series::default() }
            }
            Format::Sums => {
                let nowhere = || options.is_offline.then(Target::nowhere).flatten();
                Self::Sums(Sums::new(options.base.clone().or_else(nowhere).ok_or_else(no_base)?))
            }
            // A file's next line is there already. In a pipe it may take its time, and what a list is
            // taken for must not depend on that.
            Format::Auto if is_file => Self::Aria2(Box::new(Aria2::new(Indented::OptionOrUrls))),
            Format::Auto => Self::Lines { is_told: false, urls: Series::default() },
        })
    }

    /// Returns what the user should know about a list that is read in this way.
    fn warning(&self, options: &Options, list: &str) -> Option<String> {
        useless_base(options, list).filter(|_| !matches!(self, Self::Sums(_)))
    }

    /// Takes a line, and gives what it ends.
    fn take(&mut self, origin: Origin, line: Line<'_>, options: &Options, found: &mut Batch) {
        match self {
            Self::Aria2(aria2) => aria2.take(origin, line, &options.folder, found),
            Self::Jsonl => found.entries.extend(jsonl::read(origin, line, &options.folder)),
            Self::Lines { is_told, urls } => {
                if !*is_told && aria2::is_option(line) {
                    *is_told = true;
                    found.warnings.push(format!(
                        "{origin} is like an option of aria2; a pipe is taken for such a list only with \
                         `--input-format aria2`"
                    ));
                }
                found.entries.push(plain::read(origin, line, urls));
            }
            Self::Sums(sums) => sums.take(origin, line, found),
        }
    }
}

/// Why a list is not read on.
enum Break {
    /// It cannot be read.
    List(io::Error),
    /// Nobody wants more of it.
    Unwanted,
}

impl From<io::Error> for Break {
    fn from(error: io::Error) -> Self {
        Self::List(error)
    }
}

impl From<Unwanted> for Break {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}

/// Returns the text of a list that may be packed, or in UTF-16.
///
/// # Errors
/// What the source says.
pub(super) fn text<'a>(bytes: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let (packing, bytes) = packed::look(bytes)?;
    Ok(match packing {
        None => Box::new(utf16::text(bytes)?),
        Some(packing) => Box::new(utf16::text(Unpacked::new(packing, bytes))?),
    })
}

/// Reads a list to its end. The inner result is the list's own failure and where it came.
pub(super) fn read(
    list: List<'_, impl Read>,
    options: &Options,
    output: &mut Output,
) -> Result<Result<(), (u64, io::Error)>, Unwanted> {
    let List { name, bytes, is_file } = list;
    let (is_xml, bytes) = match text(bytes).and_then(metalink::look) {
        Ok(found) => found,
        Err(error) => return Ok(Err((1, error))),
    };
    if options.format == Format::Metalink || (options.format == Format::Auto && is_xml) {
        output.batch.warnings.extend(useless_base(options, name));
        return metalink::read(name, bytes, output);
    }
    let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, bytes));
    let mut reader = Reader { name, is_file, options, parser: None, output };
    match reader.run(&mut lines) {
        Ok(()) => Ok(Ok(())),
        Err(Break::Unwanted) => Err(Unwanted),
        Err(Break::List(error)) => {
            if let Some(Parser::Aria2(aria2)) = &mut reader.parser {
                aria2.break_off(&mut reader.output.batch);
            }
            Ok(Err((lines.number() + 1, error)))
        }
    }
}

/// What a list is read with.
struct Reader<'a> {
    name: &'a Arc<str>,
    is_file: bool,
    options: &'a Options,
    /// Chosen by the first line that says something.
    parser: Option<Parser>,
    output: &'a mut Output,
}

impl Reader<'_> {
    fn run(&mut self, lines: &mut Lines<BufReader<impl Read>>) -> Result<(), Break> {
        while let Some((number, line)) = lines.next_line()? {
            if line.says_something() && !self.take(number, line) {
                return Ok(());
            }
            self.output.flush_if_full()?;
            // What follows may take its time: nothing that is here waits for it.
            if !lines.is_line_buffered() {
                self.output.flush()?;
                self.complete_early(lines)?;
            }
        }
        if let Some(Parser::Aria2(aria2)) = &mut self.parser {
            aria2.complete(&mut self.output.batch);
        }
        Ok(())
    }

    /// Takes a line that says something; returns whether the list can be read on.
    fn take(&mut self, number: u64, line: Line<'_>) -> bool {
        let origin = Origin::Line { list: Arc::clone(self.name), number };
        let found = &mut self.output.batch;
        let parser = match &mut self.parser {
            Some(parser) => parser,
            None => match Parser::new(self.options, line, self.is_file) {
                Ok(new) => {
                    found.warnings.extend(new.warning(self.options, self.name));
                    self.parser.insert(new)
                }
                // The same would be wrong with every line.
                Err(cause) => {
                    found.entries.push(Entry::bad(origin, cause, self.name));
                    return false;
                }
            },
        };
        parser.take(origin, line, self.options, found);
        true
    }

    /// Hands over an entry that might have had options as soon as the next line begins and is none, not
    /// only when all of it is there.
    fn complete_early(&mut self, lines: &mut Lines<BufReader<impl Read>>) -> Result<(), Break> {
        let Some(Parser::Aria2(aria2)) = &mut self.parser else { return Ok(()) };
        if !aria2.is_waiting() {
            return Ok(());
        }
        if !matches!(lines.peek()?, Some(b' ' | b'\t' | b'#' | b'\r' | b'\n')) {
            aria2.complete(&mut self.output.batch);
            self.output.flush()?;
        }
        Ok(())
    }
}

/// Returns what is said of a list that is none of checksums.
fn useless_base(options: &Options, list: &str) -> Option<String> {
    let is_given = options.base.is_some();
    is_given.then(|| format!("{list} is no list of checksums: `--base-url` is not used for it"))
}

fn no_base() -> Cause {
    Cause::BadLine {
        reason: "a list of checksums, and nothing says where its files are".to_owned(),
        hint: Some("`--base-url URL` gives the folder that they are in"),
    }
}
