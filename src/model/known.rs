//! What is known of a file on the disk, and of one that an earlier run brought.

use std::time::SystemTime;

use crate::model::digest::Digest;
use crate::model::validator::Validators;

/// A file on the disk, as a run left or found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its size in bytes.
    pub size: u64,
    /// When it was modified; `None` where the file system does not tell.
    pub modified: Option<SystemTime>,
    /// The SHA-256 of all of it, if it was computed.
    pub sha256: Option<Digest>,
}

/// What an earlier run knew of a job's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What told its version from others.
    pub validators: Validators,
    /// What the lock holds it to.
    pub locked: Option<Locked>,
}

/// What a lock holds a file to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// The time that the file on the disk had when it was locked, if that is known.
    pub modified: Option<SystemTime>,
    /// The line of the lock, to be kept as it is while nothing new is known.
    pub line: Box<str>,
}

impl Locked {
    /// Returns whether a file on the disk has the size and the time that the locked one had.
    pub fn is_untouched(&self, found: &Found) -> bool {
        self.size == found.size && self.modified.is_some() && self.modified == found.modified
    }
}
