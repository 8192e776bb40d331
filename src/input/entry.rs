//! What the input says of one file.

use std::sync::Arc;

use crate::input::urls;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::field::Fields;
use crate::model::job::{Origin, Target};
use crate::model::known::Known;
use crate::model::pieces::Pieces;
use crate::model::redact::{redact_text, shorten};
use crate::policy::placement::Placement;

/// Some entries of the input, in its order.
#[derive(Debug, Default)]
pub struct Batch {
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Files, and lines that name none.
    pub entries: Vec<Entry>,
}

/// One file of the input, or the reason why a line names none.
#[derive(Debug)]
pub struct Entry {
    /// Where it was written down.
    pub origin: Origin,
    /// The file, or what is wrong.
    pub wanted: Result<Wanted, Cause>,
    /// What is not a URL, as it was written.
    pub text: String,
}

/// A file as the input describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The URL; of several the main one.
    pub target: Target,
    /// The others.
    pub mirrors: Vec<Target>,
    /// How many bytes it has.
    pub size: Option<u64>,
    /// What it is checked by.
    pub checksum: Option<Box<Digest>>,
    /// What an earlier run knew of it.
    pub known: Option<Box<Known>>,
    /// What its pieces are checked by.
    pub pieces: Option<Arc<Pieces>>,
    /// Where it is put.
    pub place: Placement,
    /// Header fields for the requests of its URLs.
    pub fields: Option<Box<Fields>>,
    /// Whether a document names its URLs, and not the user.
    pub is_foreign: bool,
}

impl From<Target> for Wanted {
    fn from(target: Target) -> Self {
        Self {
            target,
            mirrors: Vec::new(),
            size: None,
            checksum: None,
            known: None,
            pieces: None,
            place: Placement::default(),
            fields: None,
            is_foreign: false,
        }
    }
}

impl Entry {
    pub(super) fn new(
        origin: Origin,
        text: &str,
        parse: impl FnMut(&str) -> Result<Target, Cause>,
    ) -> Self {
        match urls::read(text, parse) {
            Ok((main, mirrors)) => {
                let wanted = Wanted { mirrors, ..Wanted::from(main) };
                Self { origin, wanted: Ok(wanted), text: String::new() }
            }
            Err((cause, text)) => Self::bad(origin, cause, text),
        }
    }

    pub(super) fn bad(origin: Origin, cause: Cause, text: &str) -> Self {
        Self { origin, wanted: Err(cause), text: text.to_owned() }
    }
}

/// How many characters of what is wrong with a line are told.
const MAX_REASON: usize = 300;

/// Returns why a line names no file, in a text that may have any part of the line in it.
pub(super) fn bad_line(reason: &str) -> Cause {
    let mut reason = redact_text(reason);
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    Cause::BadLine { reason, hint: None }
}

/// Reads a checksum.
///
/// # Errors
/// [`Cause::BadLine`].
pub(super) fn checksum(text: &str) -> Result<Box<Digest>, Cause> {
    /// Longer is none that is known.
    const LONGEST: usize = 160;
    if text.len() > LONGEST {
        return Err(bad_line(&format!("`{}` is not a checksum", shorten(text))));
    }
    text.parse().map(Box::new).map_err(|reason: String| bad_line(&reason))
}
