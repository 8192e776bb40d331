//! Floor 2: the input, a lazy stream of entries.
//!
//! Lists may be written in several formats; each has a file here, and so has what they share: the reader
//! of lines and the entry that comes of them.
//!
//! Reading may block for as long as whoever writes the pipe takes, so it happens in a thread of its
//! own that hands entries over through a bounded channel. That thread is not joined: a read from a
//! pipe cannot be interrupted, and it holds nothing but the list.
//!
//! The channel: the reader blocks while it is full (that is what keeps memory flat), nothing is
//! dropped, and the reader closes it by ending. When the receiver is gone the reader ends too.

mod aria2;
pub mod checksums;
mod entry;
mod head;
mod headers;
mod jsonl;
mod lines;
mod list;
pub mod lock;
mod metalink;
mod packed;
mod plain;
mod sums;
mod urls;
mod utf16;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use rustix::fs::FileType;

pub use crate::input::entry::{Batch, Entry, Wanted};
pub use crate::input::list::{Format, Options};
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};
use crate::policy::target;

/// Batches that may wait between the reader and the feeder.
const CAPACITY: usize = 4;

/// How many entries a batch has at most. One by one, each would wake a thread on either side.
const BATCH: usize = 64;

/// Where URLs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An argument of the command line.
    Argument {
        /// What was typed.
        text: String,
        /// What its file is checked by.
        checksum: Option<Digest>,
    },
    /// A list in a file.
    File(PathBuf),
    /// A list on standard input.
    Stdin,
}

/// A source that can be read: lists are open already, so that a wrong name ends the run before it
/// begins.
enum Opened {
    Argument { text: String, checksum: Option<Digest> },
    List { name: Arc<str>, list: List },
}

enum List {
    /// An open file.
    File(File),
    /// A FIFO or a device, opened by the reading thread because opening may block.
    Later(PathBuf),
    Stdin,
}

/// Opens all sources and starts to read them, in order.
///
/// # Errors
/// The first list that cannot be opened, and why; without a list, why there is no thread to read them.
pub fn read(
    sources: Vec<Source>,
    options: Options,
) -> Result<Receiver<Batch>, (Option<PathBuf>, io::Error)> {
    let opened = sources
        .into_iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|(list, error)| (Some(list), error))?;
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            let mut output = Output { sender, batch: Batch::default() };
            for source in opened {
                if read_source(source, &options, &mut output).is_err() {
                    return;
                }
            }
            let _ = output.flush();
        })
        .map_err(|error| (None, error))?;
    Ok(receiver)
}

fn open(source: Source) -> Result<Opened, (PathBuf, io::Error)> {
    let (name, list) = match source {
        Source::Argument { text, checksum } => return Ok(Opened::Argument { text, checksum }),
        Source::Stdin => (Arc::from("-"), List::Stdin),
        Source::File(path) => {
            let name = Arc::from(path.to_string_lossy());
            let metadata = path.metadata().map_err(|error| (path.clone(), error))?;
            if metadata.is_dir() {
                return Err((path, io::ErrorKind::IsADirectory.into()));
            }
            let list = if metadata.is_file() {
                List::File(File::open(&path).map_err(|error| (path, error))?)
            } else {
                List::Later(path)
            };
            (name, list)
        }
    };
    Ok(Opened::List { name, list })
}

/// The receiver is gone: nobody wants more.
struct Unwanted;

/// The reader's end of the channel.
struct Output {
    sender: Sender<Batch>,
    batch: Batch,
}

impl Output {
    /// Hands over what there is, if it is enough to wake a thread for.
    fn flush_if_full(&mut self) -> Result<(), Unwanted> {
        if self.batch.entries.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Unwanted> {
        if self.batch.entries.is_empty() && self.batch.warnings.is_empty() {
            return Ok(());
        }
        // The next one is mostly as long.
        let entries = Vec::with_capacity(self.batch.entries.len());
        let batch = std::mem::replace(&mut self.batch, Batch { entries, ..Batch::default() });
        self.sender.send(batch).map_err(|_| Unwanted)
    }
}

fn read_source(source: Opened, options: &Options, output: &mut Output) -> Result<(), Unwanted> {
    match source {
        Opened::Argument { text, checksum } => {
            let parse = |text: &str| {
                target::parse(text)
                    .map_err(|cause| with_hint(cause, text))
                    .and_then(|target| refuse_file_name(target, text))
            };
            let mut entry = Entry::new(Origin::Argument, &text, parse);
            if let Ok(wanted) = &mut entry.wanted {
                wanted.checksum = checksum.map(Box::new);
            }
            output.batch.entries.push(entry);
            output.flush_if_full()
        }
        Opened::List { name, list } => {
            let name = &name;
            let mut read = |bytes: &mut dyn Read, is_file| {
                list::read(list::List { name, bytes, is_file }, options, output)
            };
            let result = match list {
                List::File(mut file) => read(&mut file, true),
                List::Stdin => read(&mut io::stdin().lock(), stdin_is_file()),
                List::Later(path) => match File::open(&path) {
                    Ok(mut file) => read(&mut file, false),
                    Err(error) => Ok(Err((0, error))),
                },
            };
            let Err((number, source)) = result? else { return Ok(()) };
            let path = PathBuf::from(name.as_ref());
            let cause = Cause::Disk { action: "read", path, source };
            let origin = Origin::Line { list: Arc::clone(name), number };
            output.batch.entries.push(Entry::bad(origin, cause, name));
            output.flush_if_full()
        }
    }
}

fn stdin_is_file() -> bool {
    rustix::fs::fstat(io::stdin())
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
}

/// A text without a scheme that is the name of a file here was meant as a list, not as a host.
fn refuse_file_name(target: Target, text: &str) -> Result<Target, Cause> {
    if text.contains("://") || !Path::new(text).is_file() {
        return Ok(target);
    }
    let reason = format!("`{text}` is a file here");
    Err(with_hint(Cause::BadUrl { reason, hint: None }, text))
}

/// Says what to do about an argument that is no URL. Lines of a list get no such hint: a list of
/// something else would repeat it without end.
fn with_hint(cause: Cause, text: &str) -> Cause {
    let Cause::BadUrl { reason, hint: None } = cause else { return cause };
    let hint = if Path::new(text).is_file() {
        format!("to read a list of URLs, use `-i {text}`")
    } else {
        "a URL looks like https://host.example/path".to_owned()
    };
    Cause::BadUrl { reason, hint: Some(hint) }
}
