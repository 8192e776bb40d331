//! Bytes that come out of a pipe (splice(2)).

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

use super::Partial;
use crate::model::error::Cause;

impl Partial {
    /// Returns whether bytes may come out of a pipe, as far as is known.
    pub fn takes_pipes(&self) -> bool {
        !self.is_unfit.load(Ordering::Relaxed)
    }

    /// Writes the next `count` bytes of a pipe at an offset. Where the file system cannot take them from
    /// there, they are read and written, and [`takes_pipes`](Self::takes_pipes) says so from then on.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn write_from(&self, pipe: BorrowedFd<'_>, count: usize, offset: u64) -> Result<(), Cause> {
        self.check_synced()?;
        let (mut at, end) = (offset, offset + count as u64);
        while at < end {
            let left = (end - at) as usize;
            match splice(pipe, None, &self.file, Some(&mut at), left, SpliceFlags::empty()) {
                Ok(0) => return Err(self.failed("write", io::ErrorKind::WriteZero.into())),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    self.is_unfit.store(true, Ordering::Relaxed);
                    return self.copy_from(pipe, left, at);
                }
                Err(error) => return Err(self.failed("write", error.into())),
            }
        }
        Ok(())
    }

    fn copy_from(&self, pipe: BorrowedFd<'_>, count: usize, offset: u64) -> Result<(), Cause> {
        let mut bytes = vec![0; count];
        // Another descriptor of the same pipe, which can be closed.
        let read = pipe.try_clone_to_owned().map(File::from);
        read.and_then(|mut pipe| pipe.read_exact(&mut bytes))
            .map_err(|source| self.failed("write", source))?;
        self.write_at(&bytes, offset)
    }
}
