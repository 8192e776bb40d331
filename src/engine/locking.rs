//! A lock in use: what it holds a job's file to.

use std::path::Path;
use std::sync::Arc;

use crate::engine::{Options, Output};
use crate::input::lock::{Lock, Row};
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::job::{Destination, Job};
use crate::model::known::Known;
use crate::policy::placement::Placement;

/// What holds the files of a run to what an earlier one brought.
#[derive(Clone, Debug)]
pub struct Locking {
    /// What that was.
    pub lock: Arc<Lock>,
    /// Whether a file with the size and time that the lock has is hashed all the same.
    pub is_hashed: bool,
    /// Whether a file that is another than the lock has is taken.
    pub accepts_drift: bool,
}

impl Locking {
    /// Returns the place below `folder` that the file of a job had whose name nothing else tells before it is
    /// asked for, and what is known of it. Nothing, where a new file may get a new name.
    pub(super) fn place(&self, job: &Job, folder: &Path) -> Option<(Placement, Box<Known>)> {
        if self.accepts_drift {
            return None;
        }
        let Row { place, known, .. } = self.lock.take(&job.url, None)?;
        place.folder.starts_with(folder).then_some((place, known))
    }

    /// Returns what is known of a job's file.
    pub(super) fn known(&self, job: &Job, options: &Options) -> Option<Box<Known>> {
        let place = match &job.destination {
            Destination::File(path) => placed(path, options),
            Destination::ByContent(_) | Destination::Stdout | Destination::Unnamed(_) => None,
        };
        let row = self.lock.take(&job.url, place.as_ref())?;
        Some(row.known)
    }

    /// Returns how a file that came is another than the lock has; a size or digest that is not known yet is
    /// taken as right.
    pub(super) fn drift(&self, job: &Job, size: u64, sha256: Option<&Digest>) -> Option<Cause> {
        let locked = job.known.as_ref()?.locked.as_ref().filter(|_| !self.accepts_drift)?;
        let is_same_size = locked.size == size;
        let other = sha256.filter(|found| **found != locked.sha256);
        (!is_same_size || other.is_some()).then(|| Cause::Drifted {
            sizes: (!is_same_size).then_some((locked.size, size)),
            digests: other.map(|found| Box::new((locked.sha256.clone(), found.clone()))),
        })
    }
}

/// Returns a path as a lock has it, below the folder of all files.
fn placed(path: &Path, options: &Options) -> Option<Placement> {
    if options.output == Output::Stdout {
        return None;
    }
    let below = path.strip_prefix(&options.folder).ok()?;
    Placement::file(below.as_os_str().as_encoded_bytes()).ok()
}
