//! `--verify`: whether the files on the disk are what they must be. Nothing is asked of any server, and
//! nothing is written.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::disk::presence;
use crate::engine::Shared;
use crate::engine::transfer::Setback;
use crate::engine::transfer::existing::examine;
use crate::engine::work::Work;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::job::Destination;
use crate::model::known::Found;
use crate::model::progress::Progress;
use crate::policy::existing::Presence;

/// Looks at the file of a job and reads it.
///
/// # Errors
/// [`Cause::Missing`], [`Cause::Unchecked`], [`Cause::NotAFile`]; as [`examine`]. After a stop any cause may
/// be given.
pub(super) fn verify(
    shared: &Shared<'_>,
    work: &mut Work,
    name: &str,
) -> Result<(PathBuf, Found), Setback> {
    work.began.get_or_insert_with(Instant::now);
    work.started.get_or_insert_with(SystemTime::now);
    let progress = Arc::new(Progress::default());
    shared.observer.event(&Event::Started { job: &work.job, name, progress: &progress });
    let looked = catch_unwind(AssertUnwindSafe(|| look(shared, work, &progress)));
    work.attempts += 1;
    Ok(looked.unwrap_or_else(|panic| Err(Cause::panicked(&*panic)))?)
}

fn look(shared: &Shared<'_>, work: &Work, progress: &Progress) -> Result<(PathBuf, Found), Cause> {
    let job = &work.job;
    let Destination::File(path) = &job.destination else {
        return Err(Cause::Unchecked { reason: "nothing says what its file is called" });
    };
    match presence(path)? {
        Presence::File | Presence::Empty => {}
        Presence::Nothing => return Err(Cause::Missing { path: path.clone() }),
        Presence::Dangling => return Err(not_a_file(path, "a symbolic link to nothing")),
        Presence::Device => return Err(not_a_file(path, "a device")),
        Presence::Folder => return Err(not_a_file(path, "a folder")),
    }
    if job.checksum.is_none() {
        return Err(Cause::Unchecked { reason: "no checksum says what it must be" });
    }
    let found = examine(shared, job, path, progress)?;
    // It has a checksum, so it was looked at.
    Ok((path.clone(), found.unwrap_or(Found { size: 0, modified: None, sha256: None })))
}

fn not_a_file(path: &std::path::Path, what: &'static str) -> Cause {
    Cause::NotAFile { path: path.to_owned(), what }
}
