//! What a process that was killed may leave: a record whose partial file is gone.

use std::io;
use std::path::Path;

use crate::disk::partial::part_of;
use crate::disk::record;

/// Removes a record whose partial file has become the file at `destination`: what is left of a
/// process that died right after the final rename.
pub fn tidy(destination: &Path) {
    let part = part_of(destination);
    let is_missing = |path: &Path| {
        path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    if !is_missing(&record::path_of(&part)) && is_missing(&part) {
        record::remove(&part);
    }
}
