//! What a process that was killed may leave: a record whose partial file is gone.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::disk::partial::part_of;
use crate::disk::record;

/// How many names of a folder are looked at; a larger folder is taken to have anything.
const MAX_NAMES: usize = 4096;

/// Returns whether records may lie in a folder, as it is before a run. A run leaves none of its own
/// without a partial file, so that where none is nobody has to look for one beside each file.
pub fn may_have_records(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return true };
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let is_record = |name: &OsStr| name.as_encoded_bytes().ends_with(record::SUFFIX.as_bytes());
    let seen = names.by_ref().take(MAX_NAMES);
    let found = seen.into_iter().any(|name| name.map_or(true, |name| is_record(&name)));
    found || names.next().is_some()
}

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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn records_of_earlier_runs_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!may_have_records(folder.path()));
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(!may_have_records(folder.path()));
        fs::write(folder.path().join("a.part.haul"), "").unwrap();
        assert!(may_have_records(folder.path()));
        assert!(may_have_records(&folder.path().join("missing")));
    }
}
