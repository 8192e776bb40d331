//! The partial file: where bytes wait until they are all there.
//!
//! ```text
//! open ── write_at, record ... ── commit   the file has its final name
//!   │              │               │
//!   │              └── keep ───────┼────── the file and its record wait for the next run
//!   └──────────────┴───────────────┴────── dropped otherwise: both are removed
//! ```
//!
//! It lies beside its destination, so that the rename is atomic, and it is locked from before the
//! first byte until after the rename: two transfers, of one haul or of two, never write one partial
//! file together. The lock goes away with the process, however that ends. What it holds is told by
//! its record alone (see [`record`]), written after the data.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::io::Errno;

use crate::disk::checkpoint;
use crate::disk::exclusive::{open_locked, rename_to_free};
use crate::disk::record::{self, Disbelief, Record};
use crate::model::error::Cause;
use crate::model::failure::Kept;
use crate::policy::resume::Held;

mod custody;
mod room;
mod splice;

use custody::Custody;
pub use room::{Allocation, Room};

/// What is put behind the destination's name.
pub const SUFFIX: &str = ".part";

/// What is put behind that for its record.
pub const RECORD_SUFFIX: &str = record::SUFFIX;

/// Who may read and write it, but for what the user's mask takes away.
const MODE: u32 = 0o666;

/// How much of a partial file is given up to make room for its record on a full disk.
const ROOM_FOR_RECORD: u64 = 1024 * 1024;

/// Whether a commit may replace what has the final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Allowed,
    /// It must not: what appears under the name during the transfer is somebody else's.
    Never,
}

/// What a partial file is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The final name.
    pub destination: &'a Path,
    /// What may be there at the end.
    pub replace: Replace,
    /// The URL that is asked, as the user gave it, redacted, as the record has it.
    pub url: &'a str,
    /// More URLs of the same file, likewise.
    pub other_urls: &'a [String],
    /// What is synced before something says that it is there.
    pub sync: Sync,
    /// Whether a record without its partial file may lie there (see [`Listing`](super::listing::Listing)).
    pub expects_orphan: bool,
}

/// What is synced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// The data before its record and before the rename, and the folder after it (`--fsync`).
    All,
    /// The data before the rename, for file systems that tell of a failed write only then.
    Data,
    /// Nothing.
    Nothing,
}

/// What a partial file holds when it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes that no record vouches for.
    Disbelieved(Disbelief),
    /// Bytes that are there for certain.
    Held(Held),
    /// Nothing.
    Nothing,
}

/// A partial file that this transfer alone may write; several workers may at once, each elsewhere.
#[derive(Debug)]
pub struct Partial {
    file: File,
    /// That of its destination and [`SUFFIX`].
    path: PathBuf,
    replace: Replace,
    url: String,
    sync: Sync,
    /// How many bytes this transfer has allocated, from the first on.
    room: AtomicU64,
    /// Whether a record, or an unfinished one, may lie beside it; held while one is written.
    has_record: Mutex<bool>,
    /// Whether it is to stay when this is dropped.
    stays: AtomicBool,
    /// Whether its file system was found to take nothing out of pipes.
    is_unfit: AtomicBool,
    /// Which file it is, and whether its bytes can be believed in.
    custody: Custody,
}

impl Partial {
    /// Opens the partial file, which is made if need be, and tells what it holds for certain.
    ///
    /// # Errors
    /// [`Cause::InUse`] when another transfer holds it, [`Cause::NotAFile`], [`Cause::Disk`].
    pub fn open(purpose: &Purpose<'_>) -> Result<(Self, Content), Cause> {
        let path = part_of(purpose.destination);
        let (file, found) = open_locked(&path, MODE)?;
        let bytes = found.len();
        let failed = |action, source| Cause::Disk { action, path: path.clone(), source };
        if bytes == 0 {
            if found.blocks() > 0 {
                // A process that died allocated it, maybe for a file that was longer.
                room::give_back(&file).map_err(|source| failed("empty", source))?;
            }
            // A record without data was left by a process that died between the final rename and the
            // record's removal. It must not speak for what is written now.
            if purpose.expects_orphan {
                record::remove_orphan(&path);
            }
            let custody = Custody::of(&found);
            return Ok((Self::new(purpose, path, file, custody, false), Content::Nothing));
        }
        let content = match Record::read(&path, purpose.url, purpose.other_urls, bytes) {
            Ok(held) => {
                // What is behind may be anything, and the new end may come before its end. Where there
                // is nothing behind, what is allocated there stays.
                let end = held.ranges.end();
                if bytes > end {
                    file.set_len(end).map_err(|source| failed("shorten", source))?;
                }
                Content::Held(held)
            }
            Err(reason) => Content::Disbelieved(reason),
        };
        // Without a record there may still be an unfinished one.
        Ok((Self::new(purpose, path, file, Custody::of(&found), true), content))
    }

    fn new(
        purpose: &Purpose<'_>,
        path: PathBuf,
        file: File,
        custody: Custody,
        has_record: bool,
    ) -> Self {
        Self {
            file,
            path,
            replace: purpose.replace,
            url: purpose.url.to_owned(),
            sync: purpose.sync,
            room: AtomicU64::new(0),
            has_record: Mutex::new(has_record),
            stays: AtomicBool::new(false),
            is_unfit: AtomicBool::new(false),
            custody,
        }
    }

    fn destination(&self) -> &Path {
        let path = self.path.as_os_str().as_bytes();
        Path::new(OsStr::from_bytes(path.strip_suffix(SUFFIX.as_bytes()).unwrap_or(path)))
    }

    fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed)
    }

    fn has_record(&self) -> MutexGuard<'_, bool> {
        self.has_record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything that is there. The record goes first: it must never speak of less than
    /// nothing.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn start_over(&self) -> Result<(), Cause> {
        if std::mem::take(&mut *self.has_record()) {
            record::remove(&self.path);
        }
        self.room.store(0, Ordering::Relaxed);
        self.file.set_len(0).map_err(|source| self.failed("empty", source))
    }

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Cause> {
        self.check_synced()?;
        self.file.write_all_at(bytes, offset).map_err(|source| self.failed("write", source))
    }

    /// Reads bytes that were written.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), Cause> {
        self.file.read_exact_at(buffer, offset).map_err(|source| self.failed("read", source))
    }

    /// Says what the file holds from now on; written after the data, so that it is true whenever the
    /// process ends.
    ///
    /// # Errors
    /// [`Cause::Disk`]; the record that was there stays, and is still true.
    pub fn record(&self, held: &Held) -> Result<(), Cause> {
        let mut has_record = self.has_record();
        checkpoint("data-written");
        let is_synced = self.sync == Sync::All;
        if is_synced {
            self.sync_data()?;
        }
        self.check_ours("write the record of")?;
        Record::new(&self.url, held, is_synced).write(&self.path, is_synced).map_err(|source| {
            Cause::Disk { action: "write", path: record::path_of(&self.path), source }
        })?;
        *has_record = true;
        checkpoint("record-replaced");
        Ok(())
    }

    /// Leaves the file for the next attempt or run, if a record can say what it holds. What was allocated
    /// for it stays with it. `None` where that was known before: it has its final name, or is lost.
    ///
    /// # Errors
    /// Why it has no record.
    pub fn keep(&self, mut held: Held) -> Result<Option<Kept>, Cause> {
        let has_its_name = self.stays.load(Ordering::Relaxed);
        if has_its_name || self.check_synced().is_err() || !self.is_ours() {
            return Ok(None);
        }
        let mut recorded = self.record(&held);
        let end = held.ranges.end();
        if recorded.is_err() && self.room() > end && self.give_back().is_ok() {
            // On a full disk that may be what the record has no room for.
            recorded = self.record(&held);
        }
        if let Err(cause) = recorded {
            self.check_synced()?;
            // Then the file's own end makes room for its record.
            let end = end.saturating_sub(ROOM_FOR_RECORD);
            held.ranges.truncate(end);
            if held.ranges.is_empty() || self.file.set_len(end).is_err() {
                return Err(cause);
            }
            self.record(&held)?;
        }
        self.stays.store(true, Ordering::Relaxed);
        // A command that is being started for another file has all descriptors for a moment, and with
        // them the lock; the next attempt may come before that is over.
        let _ = self.file.unlock();
        let path = self.path.clone();
        Ok(Some(Kept { path, bytes: held.ranges.len(), length: held.length }))
    }

    /// Gives the file its modification time and its final name. It has no more room on the disk then than
    /// its bytes need.
    ///
    /// # Errors
    /// [`Cause::Exists`] when something else took the name meanwhile, [`Cause::Disk`].
    pub fn commit(&self, modified: Option<SystemTime>) -> Result<PathBuf, Cause> {
        let destination = self.destination();
        self.commit_to(destination, self.replace, modified)?;
        Ok(destination.to_owned())
    }

    /// The same with a name that was not known when the file was opened, in a folder of the same file
    /// system.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub fn commit_to(
        &self,
        destination: &Path,
        replace: Replace,
        modified: Option<SystemTime>,
    ) -> Result<(), Cause> {
        if self.room() > 0 && self.file.metadata().is_ok_and(|found| found.len() < self.room()) {
            // Too much room is no reason to lose the file.
            let _ = self.give_back();
        }
        if let Some(modified) = modified {
            // A time that the file system cannot keep is no reason to lose the file.
            let _ = self.file.set_modified(modified);
        }
        match self.sync {
            Sync::All => self.sync_all()?,
            Sync::Data => self.sync_data()?,
            Sync::Nothing => {}
        }
        checkpoint("before-rename");
        self.check_ours("rename")?;
        match replace {
            Replace::Allowed => rustix::fs::rename(&self.path, destination),
            Replace::Never => rename_to_free(&self.path, destination),
        }
        .map_err(|error| match error {
            Errno::EXIST => Cause::Exists { path: destination.to_owned(), is_new: true },
            Errno::ISDIR | Errno::NOTEMPTY => {
                Cause::NotAFile { path: destination.to_owned(), what: "a folder" }
            }
            error => Cause::Disk {
                action: "rename a partial file to",
                path: destination.to_owned(),
                source: error.into(),
            },
        })?;
        self.stays.store(true, Ordering::Relaxed);
        checkpoint("after-rename");
        if *self.has_record() {
            record::remove(&self.path);
        }
        if self.sync == Sync::All {
            sync_folder_of(destination)?;
        }
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Cause {
        Cause::Disk { action, path: self.path.clone(), source }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.stays.load(Ordering::Relaxed) && self.is_ours() {
            if *self.has_record() {
                record::remove(&self.path);
            }
            // Nothing can be told from here; the next run does not trust what is left.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns what the partial file of a destination holds for certain, and changes nothing: who asks does
/// not write.
pub fn look(destination: &Path, url: &str, other_urls: &[String]) -> Option<Held> {
    let path = part_of(destination);
    let found = path.symlink_metadata().ok().filter(|found| found.is_file() && found.len() > 0)?;
    Record::read(&path, url, other_urls, found.len()).ok()
}

/// Makes a rename itself last.
fn sync_folder_of(destination: &Path) -> Result<(), Cause> {
    let folder = match destination.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| Cause::Disk {
        action: "sync the folder of the complete",
        path: destination.to_owned(),
        source,
    })
}

pub(super) fn part_of(destination: &Path) -> PathBuf {
    let destination = destination.as_os_str();
    let mut path = OsString::with_capacity(destination.len() + SUFFIX.len());
    path.push(destination);
    path.push(SUFFIX);
    path.into()
}

#[cfg(test)]
mod tests;
