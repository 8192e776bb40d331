//! What the input says of one file.

use crate::input::urls;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};
use crate::policy::placement::Placement;

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
    /// What it is checked by.
    pub checksum: Option<Box<Digest>>,
    /// Where it is put.
    pub place: Placement,
}

impl From<Target> for Wanted {
    fn from(target: Target) -> Self {
        Self { target, mirrors: Vec::new(), checksum: None, place: Placement::default() }
    }
}

impl Entry {
    pub(super) fn new(
        origin: Origin,
        text: &str,
        parse: impl Fn(&str) -> Result<Target, Cause>,
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
