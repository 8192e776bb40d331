//! A job that failed: its headline, its hints, and what is kept of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::model::error::Cause;
use crate::model::job::Origin;
use crate::model::size::ByteSize;
use crate::model::text::Printable;

/// A job that failed, with everything that is told about it.
#[derive(Debug)]
pub struct Failure {
    /// The URL, redacted, or the text that is no URL.
    pub subject: String,
    /// Where the job was written down.
    pub origin: Origin,
    /// Why it failed.
    pub cause: Cause,
    /// How many attempts were made, 0 when none could be.
    pub attempts: u32,
    /// That no mirror was left, if there were several.
    pub exhausted: Option<Exhausted>,
    /// What is kept for the next run.
    pub kept: Option<Kept>,
    /// Whether no byte came in this run.
    pub is_barren: bool,
}

/// The mirrors of a job that all failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many there were, the main URL among them.
    pub count: usize,
    /// The last one, whose failure is the cause, redacted.
    pub last: String,
}

/// A partial file that the next run goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The partial file.
    pub path: PathBuf,
    /// The bytes that are there for certain.
    pub bytes: u64,
    /// The bytes that there will be, if that is known.
    pub length: Option<u64>,
}

impl Failure {
    /// Returns what became of the job and why, in one line without `error: `.
    pub fn headline(&self) -> String {
        if self.is_of_line() {
            return self.reason();
        }
        format!("{}: {}", Printable(&self.subject), self.reason())
    }

    /// Returns why it failed, for one who knows the URL; of a line that has none, also where that is.
    pub fn reason(&self) -> String {
        if self.is_of_line() {
            return format!("{}: {}", Printable(&self.origin.to_string()), self.cause);
        }
        format!("{}{}", self.cause, self.circumstances())
    }

    /// Returns whether it is best named after the line that it was written in.
    fn is_of_line(&self) -> bool {
        matches!(
            (&self.origin, &self.cause),
            (Origin::Line { .. }, Cause::BadLine { .. } | Cause::BadUrl { .. })
        )
    }

    /// Returns the hints to print below the headline.
    pub fn hints(&self) -> Vec<String> {
        let kept = self.kept.as_ref().map(|kept| {
            let next = match self.cause {
                // The same command would end the same way, and the other hint says what to change.
                Cause::TooLarge { .. } => "",
                // Some servers give the whole and never the rest.
                Cause::Connection { .. } | Cause::Stalled { .. } | Cause::Status { .. }
                    if self.is_barren =>
                {
                    "; run the same command again to go on, or with `--restart` if no more ever comes"
                }
                _ => "; run the same command again to go on",
            };
            let path = kept.path.to_string_lossy();
            format!("{} are kept in {}{next}", ByteSize(kept.bytes), Printable(&path))
        });
        self.cause.hint().into_iter().chain(kept).collect()
    }

    /// Returns how far the transfer came and how often it was tried, where that says something.
    fn circumstances(&self) -> String {
        if matches!(self.cause, Cause::Command { .. }) {
            // The transfer went well, and the command was tried once.
            return String::new();
        }
        let told = matches!(self.cause, Cause::Truncated { .. } | Cause::WrongPiece { .. });
        let mut text = match &self.kept {
            Some(Kept { bytes, length: Some(length), .. }) if !told => {
                format!(" after {} of {}", ByteSize(*bytes), ByteSize(*length))
            }
            Some(Kept { bytes, length: None, .. }) if !told => {
                format!(" after {}", ByteSize(*bytes))
            }
            _ => String::new(),
        };
        match &self.exhausted {
            Some(Exhausted { count, last }) => {
                let last = Printable(last);
                let _ = write!(
                    text,
                    " ({} attempts; all {count} mirrors failed, the last was {last})",
                    self.attempts
                );
            }
            None if self.attempts > 1 => {
                let _ = write!(text, " ({} attempts)", self.attempts);
            }
            None => {}
        }
        text
    }
}
