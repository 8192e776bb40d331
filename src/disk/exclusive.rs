//! Files that one transfer has for itself: opened under a lock, renamed to a name that must be free.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::disk::kind_of;
use crate::model::error::Cause;

/// How often a file is opened anew when another process moves it away meanwhile.
const MAX_OPENS: usize = 16;

/// Opens and locks the file at `path`, following no symbolic link; a new one gets `mode`. Returns it with
/// what it was like then.
pub(super) fn open_locked(path: &Path, mode: u32) -> Result<(File, Metadata), Cause> {
    let failed = |action, source| Cause::Disk { action, path: path.to_owned(), source };
    for attempt in 0..MAX_OPENS {
        // Nearly always the file is new: then nobody else can have done anything with it.
        let is_new = attempt == 0;
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .create_new(is_new)
            .truncate(false)
            .mode(mode)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_new && error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(not_a_file(path).unwrap_or_else(|| failed("create", error))),
        };
        let is_locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(Cause::InUse { path: path.to_owned() }),
            // Some network file systems have no locks; then nobody can hold one.
            Err(TryLockError::Error(_)) => false,
        };
        let opened = file.metadata().map_err(|error| failed("look at", error))?;
        if !opened.is_file() {
            let what = kind_of(opened.file_type());
            return Err(Cause::NotAFile { path: path.to_owned(), what });
        }
        // Another process may have locked even a new file before we did, but not filled it, renamed it
        // and unlocked it again without a trace in its size.
        if is_new && is_locked && opened.len() == 0 {
            return Ok((file, opened));
        }
        // Whoever held the lock before may have renamed the file that we waited for: then it is
        // complete, has another name, and is not ours to write.
        let named = path.symlink_metadata().ok();
        if named.is_some_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
            return Ok((file, opened));
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
pub(super) fn rename_to_free(from: &Path, to: &Path) -> Result<(), Errno> {
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
