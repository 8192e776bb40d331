//! A device or FIFO that the user named with `--output`: written into as it is.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::model::error::Cause;

/// An open device.
#[derive(Debug)]
pub struct Device {
    file: File,
    path: PathBuf,
}

impl Device {
    /// Opens it for writing; nothing is created or truncated.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn open(path: &Path) -> Result<Self, Cause> {
        let file = OpenOptions::new().write(true).open(path).map_err(|source| Cause::Disk {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        self.file.write_all(bytes).map_err(|source| Cause::Disk {
            action: "write to",
            path: self.path.clone(),
            source,
        })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
