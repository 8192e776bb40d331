//! How an attempt ended.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::failure::Kept;
use crate::model::known::Found;
use crate::model::survey::{self, Planned};
use crate::model::validator::Validators;

/// How a transfer ended well.
pub(in crate::engine) enum Done {
    /// All bytes are where they belong.
    Completed {
        /// The file, `None` for standard output.
        path: Option<PathBuf>,
        /// Its size.
        size: u64,
        /// Its digests that this run tells.
        digests: Vec<Digest>,
        /// When the file was modified, in a run that tells details.
        modified: Option<SystemTime>,
        /// What told this version of it from others.
        validators: Validators,
    },
    /// The server has the file, which was not wanted.
    Found(Box<survey::Found>),
    /// It would be brought.
    Planned(Planned),
    /// The file on the disk is what it must be.
    Verified {
        /// The file.
        path: PathBuf,
        /// What is known of it.
        found: Found,
    },
    /// The file was there.
    Skipped {
        /// The file.
        path: PathBuf,
        /// What is known of it.
        found: Option<Found>,
        /// Whether the server was asked for another, and has none.
        is_unchanged: bool,
    },
}

impl Done {
    pub(in crate::engine) fn skipped(path: PathBuf, found: Option<Found>) -> Self {
        Self::Skipped { path, found, is_unchanged: false }
    }
}

/// How an attempt failed.
pub(in crate::engine) struct Setback {
    /// Why.
    pub(in crate::engine) cause: Cause,
    /// What is kept for the next attempt or run.
    pub(in crate::engine) kept: Option<Kept>,
    /// Whether bytes went to a stream that nothing can go on with.
    pub(in crate::engine) is_stream_lost: bool,
}

impl From<Cause> for Setback {
    fn from(cause: Cause) -> Self {
        Self { cause, kept: None, is_stream_lost: false }
    }
}
