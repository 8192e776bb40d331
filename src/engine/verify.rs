//! Whether the files on the disk are what they must be. Nothing is asked of any server, and nothing is
//! written.

use std::path::Path;

use crate::disk::{self, presence};
use crate::engine::transfer::existing::examine;
use crate::engine::transfer::{Done, Setback, Transfer};
use crate::model::error::Cause;
use crate::model::job::{Destination, is_nowhere};
use crate::policy::existing::Presence;

impl Transfer<'_> {
    /// Looks at the file of a job and reads it.
    ///
    /// # Errors
    /// [`Cause::Missing`], [`Cause::Unchecked`], [`Cause::NotAFile`]; as [`examine`]. After a stop any cause
    /// may be given.
    pub(super) fn verify(self) -> Result<Done, Setback> {
        let job = &self.work.job;
        let unchecked = |reason| Err(Cause::Unchecked { reason }.into());
        let Destination::File(path) = &job.destination else {
            return unchecked("nothing says what its file is called");
        };
        match presence(path)? {
            Presence::File | Presence::Empty => {}
            Presence::Nothing => {
                let has_url = !is_nowhere(&job.url);
                return Err(Cause::Missing { path: path.clone(), has_url }.into());
            }
            Presence::Dangling => return Err(not_a_file(path, "a symbolic link to nothing").into()),
            Presence::Device => return Err(not_a_file(path, "a device").into()),
            Presence::Folder => return Err(not_a_file(path, "a folder").into()),
        }
        if job.checksum.is_none() && job.pieces.is_none() {
            return unchecked("no checksum says what it must be");
        }
        let found = examine(self.shared, job, path, self.progress)?;
        self.judge_existing_pieces(path)?;
        let found = found.map_or_else(|| disk::found(path), Ok)?;
        Ok(Done::Verified { path: path.clone(), found })
    }
}

fn not_a_file(path: &Path, what: &'static str) -> Cause {
    Cause::NotAFile { path: path.to_owned(), what }
}
