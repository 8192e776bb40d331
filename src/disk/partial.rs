//! The partial file: where bytes wait until they are all there.
//!
//! ```text
//! create ── write_at ... ── commit   the file has its final name
//!    │          │             │
//!    └──────────┴─────────────┴──── dropped before that: the partial file is removed
//! ```
//!
//! It lies beside its destination, so that the rename is atomic, and it is locked from before the
//! first byte until after the rename: two transfers, of one haul or of two, never write one partial
//! file together. The lock goes away with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::disk::kind_of;
use crate::model::error::Cause;

/// What is put behind the destination's name.
pub const SUFFIX: &str = ".part";

/// How often the partial file is opened anew when another process moves it away meanwhile.
const MAX_OPENS: usize = 16;

/// Whether a commit may replace what has the final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Allowed,
    /// It must not: what appears under the name during the transfer is somebody else's.
    Never,
}

/// A partial file that this transfer alone may write.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    destination: PathBuf,
    replace: Replace,
    committed: bool,
}

impl Partial {
    /// Makes an empty partial file for `destination`. What an earlier run left there is not trusted.
    ///
    /// # Errors
    /// [`Cause::InUse`] when another transfer holds it, [`Cause::NotAFile`], [`Cause::Disk`].
    pub fn create(destination: &Path, replace: Replace) -> Result<Self, Cause> {
        let mut path = destination.as_os_str().to_owned();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        let file = open_locked(&path)?;
        Ok(Self { file, path, destination: destination.to_owned(), replace, committed: false })
    }

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Cause> {
        self.file.write_all_at(bytes, offset).map_err(|source| self.failed("write", source))
    }

    /// Gives the file its modification time and its final name.
    ///
    /// # Errors
    /// [`Cause::Exists`] when something else took the name meanwhile, [`Cause::Disk`].
    pub fn commit(mut self, modified: Option<SystemTime>) -> Result<PathBuf, Cause> {
        if let Some(modified) = modified {
            // A time that the file system cannot keep is no reason to lose the file.
            let _ = self.file.set_modified(modified);
        }
        match self.replace {
            Replace::Allowed => rustix::fs::rename(&self.path, &self.destination),
            Replace::Never => rename_to_free(&self.path, &self.destination),
        }
        .map_err(|error| match error {
            Errno::EXIST => Cause::Exists { path: self.destination.clone() },
            Errno::ISDIR | Errno::NOTEMPTY => {
                Cause::NotAFile { path: self.destination.clone(), what: "a folder" }
            }
            error => Cause::Disk {
                action: "rename a partial file to",
                path: self.destination.clone(),
                source: error.into(),
            },
        })?;
        self.committed = true;
        Ok(std::mem::take(&mut self.destination))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Cause {
        Cause::Disk { action, path: self.path.clone(), source }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing can be told from here; the next run does not trust what is left.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Opens, locks and empties the file at `path`, following no symbolic link.
fn open_locked(path: &Path) -> Result<File, Cause> {
    let failed = |action, source| Cause::Disk { action, path: path.to_owned(), source };
    for _ in 0..MAX_OPENS {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
            .map_err(|error| not_a_file(path).unwrap_or_else(|| failed("create", error)))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Cause::InUse { path: path.to_owned() });
            }
            // Some network file systems have no locks; then nobody can hold one.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let opened = file.metadata().map_err(|error| failed("look at", error))?;
        if !opened.is_file() {
            return Err(Cause::NotAFile {
                path: path.to_owned(),
                what: kind_of(opened.file_type()),
            });
        }
        // Whoever held the lock before may have renamed the file that we waited for: then it is
        // complete, has another name, and is not ours to empty.
        let named = path.symlink_metadata().ok();
        if named.is_some_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
            if opened.len() > 0 {
                file.set_len(0).map_err(|error| failed("empty", error))?;
            }
            return Ok(file);
        }
    }
    Err(Cause::InUse { path: path.to_owned() })
}

fn not_a_file(path: &Path) -> Option<Cause> {
    let file_type = path.symlink_metadata().ok()?.file_type();
    (!file_type.is_file())
        .then(|| Cause::NotAFile { path: path.to_owned(), what: kind_of(file_type) })
}

/// Renames to a name that must be free, in one step where the file system can.
fn rename_to_free(from: &Path, to: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A hard link refuses a taken name just as atomically.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match rustix::fs::link(from, to) {
            Ok(()) => rustix::fs::unlink(from),
            Err(Errno::EXIST) => Err(Errno::EXIST),
            Err(_) if rustix::fs::lstat(to).is_ok() => Err(Errno::EXIST),
            Err(_) => rustix::fs::rename(from, to),
        },
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_commit_leaves_the_file_alone_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        fs::write(folder.path().join("a.part"), "left by an earlier run, and longer").unwrap();
        let partial = Partial::create(&destination, Replace::Never).unwrap();
        partial.write_at(b"world", 6).unwrap();
        partial.write_at(b"hello ", 0).unwrap();
        let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86_400);
        assert_eq!(partial.commit(Some(modified)).unwrap(), destination);
        assert_eq!(fs::read(&destination).unwrap(), b"hello world");
        assert_eq!(destination.metadata().unwrap().modified().unwrap(), modified);
        assert_eq!(entries(folder.path()), ["a"]);
    }

    #[test]
    fn a_partial_file_that_is_not_committed_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        fs::write(&destination, "old").unwrap();
        drop(Partial::create(&destination, Replace::Allowed).unwrap());
        assert_eq!(entries(folder.path()), ["a"]);
        assert_eq!(fs::read(&destination).unwrap(), b"old");
    }

    #[test]
    fn a_name_taken_meanwhile_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let partial = Partial::create(&destination, Replace::Never).unwrap();
        fs::write(&destination, "somebody else's").unwrap();
        assert!(matches!(partial.commit(None), Err(Cause::Exists { .. })));
        assert_eq!(fs::read(&destination).unwrap(), b"somebody else's");
        assert_eq!(entries(folder.path()), ["a"]);
    }

    #[test]
    fn two_transfers_never_share_a_partial_file() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let first = Partial::create(&destination, Replace::Never).unwrap();
        let second = Partial::create(&destination, Replace::Never).unwrap_err();
        assert!(matches!(second, Cause::InUse { .. }));
        first.write_at(b"x", 0).unwrap();
        first.commit(None).unwrap();
        assert_eq!(fs::read(&destination).unwrap(), b"x");
    }

    #[test]
    fn links_and_folders_in_the_partial_files_place_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("a.part")).unwrap();
        fs::create_dir(folder.path().join("b.part")).unwrap();
        for name in ["a", "b"] {
            let cause = Partial::create(&folder.path().join(name), Replace::Never).unwrap_err();
            assert!(matches!(cause, Cause::NotAFile { .. }), "{cause}");
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
