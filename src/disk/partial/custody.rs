//! Whether a partial file is still the one that was opened, and whether its bytes can be believed in.
//!
//! The lock is of the file, not of its name: who moves it away makes room for another of that name, which
//! another process may be writing. That one is neither given the final name nor removed, and no record is
//! written for it.
//!
//! Linux tells of a failed write-back once (fsync(2)): the next sync of the same file succeeds, and what was
//! to be written is gone. So the first failure is remembered, and ends the transfer.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicI32, Ordering};

use super::Partial;
use crate::model::error::Cause;

/// What is known of an open partial file.
#[derive(Debug)]
pub(super) struct Custody {
    /// Device and inode.
    identity: (u64, u64),
    /// The error number of a failed sync; 0 before there is one.
    sync_error: AtomicI32,
}

impl Custody {
    /// Begins with what the file was like when it was opened.
    pub(super) fn of(found: &Metadata) -> Self {
        Self { identity: identity(found), sync_error: AtomicI32::new(0) }
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

impl Partial {
    /// Writes the data to the disk.
    ///
    /// # Errors
    /// [`Cause::Disk`], from then on at each write too.
    pub(super) fn sync_data(&self) -> Result<(), Cause> {
        self.remember(self.file.sync_data())
    }

    /// The same, with what is known of the file.
    pub(super) fn sync_all(&self) -> Result<(), Cause> {
        self.remember(self.file.sync_all())
    }

    fn remember(&self, synced: io::Result<()>) -> Result<(), Cause> {
        // A second sync may well succeed.
        self.check_synced()?;
        synced.map_err(|source| {
            let code = source.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error());
            self.custody.sync_error.store(code, Ordering::Relaxed);
            self.failed("sync", source)
        })
    }

    /// Fails once a sync has failed: nobody knows which of the bytes are on the disk.
    pub(super) fn check_synced(&self) -> Result<(), Cause> {
        match self.custody.sync_error.load(Ordering::Relaxed) {
            0 => Ok(()),
            code => Err(self.failed("sync", io::Error::from_raw_os_error(code))),
        }
    }

    /// Fails if another file has its name, or none.
    pub(super) fn check_ours(&self, action: &'static str) -> Result<(), Cause> {
        if self.is_ours() {
            return Ok(());
        }
        let source = io::Error::other("it was removed, moved or replaced meanwhile");
        Err(self.failed(action, source))
    }

    /// Returns whether its name leads to it.
    pub(super) fn is_ours(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|named| identity(&named) == self.custody.identity)
    }
}
