//! What is told of files that are not downloaded: a plan, or what their servers say.

use std::ops::AddAssign;
use std::path::PathBuf;

use crate::model::validator::Validators;

/// What a run would do for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The file, or the folder of one whose name only its server tells.
    pub place: Place,
    /// Whether the file would replace another.
    pub replaces: Replaces,
    /// The bytes of an earlier run that would be gone on with.
    pub resumed_from: u64,
    /// How many there will be, as that run was told.
    pub length: Option<u64>,
}

/// Whether a file would replace another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// None is there.
    Nothing,
    /// The one that is there.
    Always,
    /// The one that is there, if the server has another, which only a request tells.
    IfChanged,
}

/// Where a file would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To this path.
    File(PathBuf),
    /// Into this folder, under a name that the server chooses.
    Folder(PathBuf),
}

/// What a server says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The status code of the answer that told.
    pub status: u16,
    /// The size in bytes, if it is told.
    pub size: Option<u64>,
    /// Whether a part of it can be asked for, under a strong validator: whether it can be gone on with, and
    /// brought by several workers.
    pub has_ranges: bool,
    /// What tells this version of it from others.
    pub validators: Validators,
    /// Its Content-Type.
    pub content_type: Option<String>,
    /// The path that it would have.
    pub path: PathBuf,
}

/// Counts of files that were not downloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Jobs that would be done.
    pub planned: u64,
    /// Files that their servers have.
    pub found: u64,
    /// The sizes of those together, as far as they are told.
    pub bytes: u64,
    /// How many of them have a size that is not told.
    pub unsized_files: u64,
}

impl Survey {
    /// Counts a file that its server has.
    pub fn note(&mut self, size: Option<u64>) {
        self.found += 1;
        self.bytes = self.bytes.saturating_add(size.unwrap_or_default());
        self.unsized_files += u64::from(size.is_none());
    }
}

impl AddAssign for Survey {
    fn add_assign(&mut self, other: Self) {
        self.planned += other.planned;
        self.found += other.found;
        // What servers say may be anything.
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.unsized_files += other.unsized_files;
    }
}
