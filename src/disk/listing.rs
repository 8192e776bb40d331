//! What lay in a folder before the run, so that names need not be looked for one by one.
//!
//! A look at a name that is not there waits for the lock of its folder as making and renaming do: with
//! eight workers in one folder it is the most expensive call for a small file. That a name was not
//! there before is only presumed to hold: other processes may write there too. Who presumes it must
//! not replace what appears meanwhile, and then has the listing forgotten.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::{folder, record};

/// How many names are read; a larger folder is taken to have anything.
const MAX_NAMES: usize = 4096;

/// The names in a folder at one time.
#[derive(Debug)]
pub struct Listing {
    folder: PathBuf,
    names: HashSet<Box<OsStr>>,
    /// Whether these are all, and nobody else seems to add any.
    is_believed: AtomicBool,
    may_have_records: bool,
}

impl Listing {
    /// Reads a folder; an empty path is the current one. Where it `folds_case`, a name may be there by
    /// another spelling.
    pub fn of(folder: &Path, folds_case: bool) -> Self {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut listing = Self::unknown(folder);
        let Ok(entries) = std::fs::read_dir(here) else { return listing };
        let mut has_record = false;
        for (count, entry) in entries.enumerate() {
            let Ok(entry) = entry else { return listing };
            if count == MAX_NAMES {
                return listing;
            }
            let name = entry.file_name();
            has_record |= name.as_encoded_bytes().ends_with(record::SUFFIX.as_bytes());
            listing.names.insert(name.into_boxed_os_str());
        }
        listing.may_have_records = has_record;
        listing.is_believed = AtomicBool::new(!folds_case);
        listing
    }

    /// Knows nothing of a folder.
    pub fn unknown(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            names: HashSet::new(),
            is_believed: AtomicBool::new(false),
            may_have_records: true,
        }
    }

    /// Returns whether records of partial files may lie there, as it was before the run. A run leaves
    /// none of its own without a partial file, so that where none is nobody has to look for one beside
    /// each file.
    pub fn may_have_records(&self) -> bool {
        self.may_have_records
    }

    /// Returns whether it can be presumed that nothing has this path.
    pub fn lacks(&self, path: &Path) -> bool {
        self.is_believed.load(Ordering::Relaxed)
            && folder::name_in(&self.folder, path).is_some_and(|name| !self.names.contains(name))
    }

    /// Presumes nothing from now on: somebody else writes there.
    pub fn forget(&self) {
        self.is_believed.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn records_of_earlier_runs_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let may_have_records = |path: &Path| Listing::of(path, false).may_have_records();
        assert!(!may_have_records(folder.path()));
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(!may_have_records(folder.path()));
        fs::write(folder.path().join("a.part.haul"), "").unwrap();
        assert!(may_have_records(folder.path()));
        assert!(may_have_records(&folder.path().join("missing")));
    }

    #[test]
    fn only_what_is_surely_not_there_is_lacking() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").unwrap();
        fs::create_dir(path("deeper")).unwrap();
        let listing = Listing::of(folder.path(), false);
        assert!(listing.lacks(&path("b")));
        assert!(!listing.lacks(&path("a")));
        assert!(!listing.lacks(&path("deeper")));
        assert!(!listing.lacks(&path("deeper/b")));
        assert!(!listing.lacks(Path::new("b")));
        assert!(!Listing::of(&path("missing"), false).lacks(&path("missing/b")));
        assert!(!Listing::of(folder.path(), true).lacks(&path("b")));
        listing.forget();
        assert!(!listing.lacks(&path("b")));
    }

    #[test]
    fn the_current_folder_has_paths_without_a_folder() {
        let listing = Listing::of(Path::new(""), false);
        assert!(listing.lacks(Path::new("no such file")));
        assert!(!listing.lacks(Path::new("src")));
        assert!(!listing.lacks(Path::new("src/no such file")));
    }

    #[test]
    fn a_large_folder_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_NAMES {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let missing = folder.path().join("missing");
        assert!(Listing::of(folder.path(), false).lacks(&missing));
        fs::write(folder.path().join("one more"), "").unwrap();
        assert!(!Listing::of(folder.path(), false).lacks(&missing));
    }
}
