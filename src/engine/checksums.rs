//! The checksums that are known by the names of files, and which of them were of use.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Options, Output};
use crate::model::error::Cause;
use crate::model::job::{Destination, Job};
use crate::policy::filename;
use crate::policy::known_sums::{self, KnownSums};
use crate::policy::template::Template;

/// What files are checked by that do not bring their own checksum. Clones are of the same lists.
#[derive(Clone, Debug, Default)]
pub struct Checksums {
    /// Whether a file with nothing to check it by fails.
    is_required: bool,
    listed: Option<Arc<Listed>>,
}

#[derive(Debug)]
struct Listed {
    known: KnownSums,
    /// Which of the known files were asked for. Workers raise these in any order; the main thread reads
    /// them when all have ended.
    used: Vec<AtomicBool>,
}

impl Checksums {
    /// Begins without lists. `is_required` says that a file with nothing to check it by fails.
    pub fn new(is_required: bool) -> Self {
        Self { is_required, listed: None }
    }

    /// Takes lists that were read.
    pub fn list(&mut self, known: KnownSums) {
        let used = known.files().iter().map(|_| AtomicBool::new(false)).collect();
        self.listed = Some(Arc::new(Listed { known, used }));
    }

    /// Returns how many lines there are, and how many of them were of no file of the run.
    pub fn unused(&self) -> (usize, usize) {
        let Some(Listed { known, used }) = self.listed.as_deref() else { return (0, 0) };
        let lines = known.files().iter().map(|known| known.lines);
        let unused = lines.clone().zip(used).filter(|(_, used)| !used.load(Ordering::Relaxed));
        (lines.sum(), unused.map(|(lines, _)| lines).sum())
    }

    /// Gives a job the checksum of its file, as soon as its name is known.
    ///
    /// # Errors
    /// [`Cause::Contradiction`], [`Cause::NoChecksum`].
    pub(super) fn settle(&self, job: &mut Job, options: &Options) -> Result<(), Cause> {
        if self.listed.is_none() && !self.is_required {
            return Ok(());
        }
        let of_url = || filename::from_url(&job.url).map(Cow::into_owned);
        match &job.destination {
            // Its name is still to come, and may be listed.
            Destination::Unnamed(_) if self.listed.is_some() => Ok(()),
            Destination::Unnamed(_) => self.apply(job, options, std::iter::empty()),
            Destination::ByContent(_) | Destination::Stdout => {
                let name = of_url();
                self.apply(job, options, name.iter().map(Path::new))
            }
            Destination::File(path) => {
                // The name that the user chose need not be that of the list, nor one by its content that only
                // the lock could tell.
                let is_locked = job.known.as_ref().is_some_and(|known| known.locked.is_some());
                let by_content = options.template.as_ref().is_some_and(Template::has_sha256);
                let is_chosen = matches!(options.output, Output::File(_));
                let other = of_url().filter(|_| is_chosen || (by_content && is_locked));
                let path = path.clone();
                let path = path.strip_prefix(&options.folder).unwrap_or(&path);
                self.apply(job, options, [path].into_iter().chain(other.iter().map(Path::new)))
            }
        }
    }

    /// Gives a job the checksum of the first of its names that is listed.
    ///
    /// # Errors
    /// [`Cause::Contradiction`], [`Cause::NoChecksum`].
    pub(super) fn apply<'n>(
        &self,
        job: &mut Job,
        options: &Options,
        mut names: impl Iterator<Item = &'n Path>,
    ) -> Result<(), Cause> {
        if let Some(Listed { known, used }) = self.listed.as_deref()
            && let Some((at, file)) = names.find_map(|name| known.find(name))
        {
            used[at].store(true, Ordering::Relaxed);
            match known_sums::strongest(job.checksum.as_deref(), &file.digests) {
                Ok(strongest) => job.checksum = strongest.map(Box::new),
                Err(listed) => {
                    let Some(own) = job.checksum.clone() else { return Ok(()) };
                    return Err(Cause::Contradiction { own, listed: Box::new(listed) });
                }
            }
        }
        if self.is_required && !is_checked(job, options) {
            return Err(Cause::NoChecksum);
        }
        Ok(())
    }
}

/// Returns whether anything says what a job's file must be.
fn is_checked(job: &Job, options: &Options) -> bool {
    let is_locked = || {
        let holds = options.lock.as_ref().is_some_and(|locking| !locking.accepts_drift);
        holds && job.known.as_ref().is_some_and(|known| known.locked.is_some())
    };
    job.checksum.is_some() || job.pieces.is_some() || is_locked()
}
