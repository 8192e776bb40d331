//! Floor 2: files. The only place that opens, renames or deletes a destination.

pub mod device;
pub mod draft;
mod exclusive;
pub mod folder;
pub mod leftovers;
pub mod listing;
pub mod partial;
pub mod record;
pub mod spill;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::model::error::Cause;
use crate::model::known::Found;
use crate::policy::existing::Presence;

/// Looks what is under a name. A symbolic link to something counts as that.
///
/// # Errors
/// [`Cause::Disk`] when the folder cannot be looked into.
pub fn presence(path: &Path) -> Result<Presence, Cause> {
    let failed = |source| Cause::Disk { action: "look at", path: path.to_owned(), source };
    let named = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Presence::Nothing),
        Err(error) => return Err(failed(error)),
    };
    let metadata = if named.is_symlink() {
        match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Presence::Dangling),
            Err(error) => return Err(failed(error)),
        }
    } else {
        named
    };
    Ok(match metadata.len() {
        _ if metadata.is_dir() => Presence::Folder,
        _ if !metadata.is_file() => Presence::Device,
        0 => Presence::Empty,
        _ => Presence::File,
    })
}

/// Returns since when something has a name, or more exactly when it was last renamed or otherwise changed,
/// by a clock that may be a hundredth of a second behind; `None` when nothing can be told.
pub fn there_since(path: &Path) -> Option<SystemTime> {
    let named = path.symlink_metadata().ok()?;
    let (seconds, nanos) = (named.ctime().try_into().ok()?, named.ctime_nsec().try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Returns what is known of a file without reading it.
///
/// # Errors
/// [`Cause::Disk`].
pub fn found(path: &Path) -> Result<Found, Cause> {
    let found = path.metadata().map_err(|source| {
        let path = path.to_owned();
        Cause::Disk { action: "look at", path, source }
    })?;
    Ok(Found { size: found.len(), modified: found.modified().ok(), sha256: None })
}

/// Reads a whole file in pieces.
///
/// # Errors
/// [`Cause::Disk`]; what `take` says.
pub fn read(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), Cause>) -> Result<(), Cause> {
    let failed = |source| Cause::Disk { action: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// A named place where a test may kill the process (`__HAUL_KILL_AT=NAME`, not an interface). Only
/// builds with debug assertions have it.
fn checkpoint(name: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os("__HAUL_KILL_AT").is_some_and(|wanted| wanted == name) {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Returns what a file type is called in an error.
fn kind_of(file_type: std::fs::FileType) -> &'static str {
    if file_type.is_dir() {
        "a folder"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
