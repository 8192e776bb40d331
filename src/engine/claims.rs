//! Claimed names: two jobs of one run never write one file, and one URL is not fetched twice to one
//! place.
//!
//! Names are claimed in the order of the list, by the feeder, so that which of two URLs gets `x` and
//! which `x.1` does not depend on which answers first, and a rerun finds every file again. Only
//! names that a server chooses are claimed later, by the worker.
//!
//! A name is kept as a 64-bit hash with the hash of its URL: 16 bytes a job, however long the texts, and
//! as many a folder below that of all files, so that no path is that of a file and of a folder.
//! Should two names collide, the second gets a number; should both hashes of two jobs (one in 2^128),
//! the second would be taken for the same URL.

use std::borrow::Cow;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::model::digest::Digest;
use crate::policy::filename;

mod table;

use table::{ByHash, Table};

/// What a path is claimed for that is a folder, instead of the hash of a URL.
const FOLDER: u64 = 0;

/// The same for a file that is none of a URL.
const RESERVED: u64 = 1;

/// What came of a claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The path is this job's alone.
    Granted(PathBuf),
    /// The same URL was claimed before.
    Duplicate,
}

/// The names that this run has given out.
#[derive(Debug)]
pub(super) struct Claims {
    hasher: RandomState,
    folds_case: bool,
    /// The folder of most files, and what has hashed it.
    base: (PathBuf, DefaultHasher),
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Hash of a path, or of a URL that has no path yet, to the hash of its URL.
    taken: Table,
    /// Hash of a path that more than one job wanted, to the last number that was given.
    numbers: ByHash<u32>,
}

impl Claims {
    /// Makes an empty table for a folder and those below it, which may take `A` and `a` for one name.
    pub(super) fn new(folds_case: bool, base: &Path) -> Self {
        let hasher = RandomState::new();
        let base = (base.to_owned(), hash_folder(&hasher, folds_case, base));
        Self { hasher, folds_case, base, state: Mutex::default() }
    }

    /// Takes the name of a file that is none of a URL.
    pub(super) fn reserve(&self, path: &Path) {
        let Some(name) = path.file_name() else { return };
        let key = self.key(path.parent().unwrap_or(Path::new("")), &name.to_string_lossy());
        self.lock().taken.insert(key, RESERVED);
    }

    /// Claims `folder/name` for a URL, or the next free number of that name in this run.
    pub(super) fn claim(&self, folder: &Path, name: &str, url: &Url) -> Claim {
        self.claim_as(folder, name, self.hasher.hash_one(url.as_str()))
    }

    /// Claims a name that a list made of the content that the file must have: whatever its URL, it is one
    /// file.
    pub(super) fn claim_content(&self, folder: &Path, name: &str, content: &Digest) -> Claim {
        self.claim_as(folder, name, self.hasher.hash_one(content.hex()))
    }

    /// Returns whether a URL has a name as it is, without a number.
    pub(super) fn has(&self, folder: &Path, name: &str, url: &Url) -> bool {
        let url = self.hasher.hash_one(url.as_str());
        self.lock().taken.get(self.key(folder, name)) == Some(url)
    }

    fn claim_as(&self, folder: &Path, name: &str, url: u64) -> Claim {
        let wanted = self.key(folder, name);
        let mut state = self.lock();
        if state.taken.insert(wanted, url) {
            return Claim::Granted(join(folder, name));
        }
        let again = self.hasher.hash_one((wanted, url));
        if state.taken.get(wanted) == Some(url) || !state.taken.insert(again, url) {
            return Claim::Duplicate;
        }
        Claim::Granted(self.next_free(&mut state, folder, name, wanted, url))
    }

    /// Returns the folder `deeper` below `base`, which a file that was claimed before does not become: a
    /// folder of its name gets the next free number.
    pub(super) fn folder<'a>(&self, base: &'a Path, deeper: &Path) -> Cow<'a, Path> {
        if deeper.as_os_str().is_empty() {
            return Cow::Borrowed(base);
        }
        let mut folder = base.to_owned();
        let mut state = self.lock();
        for name in deeper {
            let name = name.to_string_lossy();
            let mut wanted = name.clone().into_owned();
            let mut number = 0;
            loop {
                let key = self.key(&folder, &wanted);
                if state.taken.insert(key, FOLDER) || state.taken.get(key) == Some(FOLDER) {
                    break;
                }
                number += 1;
                wanted = filename::numbered(&name, number);
            }
            folder.push(wanted);
        }
        Cow::Owned(folder)
    }

    /// Claims the next free number of a name, because the disk has it already.
    pub(super) fn claim_number(&self, folder: &Path, name: &str, url: &Url) -> PathBuf {
        let (url, wanted) = (self.hasher.hash_one(url.as_str()), self.key(folder, name));
        self.next_free(&mut self.lock(), folder, name, wanted, url)
    }

    /// Claims a URL for a folder, whose name there is not known yet; returns whether it is the first of its kind.
    pub(super) fn claim_unnamed(&self, folder: &Path, url: &Url) -> bool {
        let hash = self.hasher.hash_one(url.as_str());
        self.lock().taken.insert(self.hasher.hash_one(("unnamed", folder, hash)), hash)
    }

    fn next_free(
        &self,
        state: &mut State,
        folder: &Path,
        name: &str,
        wanted: u64,
        url: u64,
    ) -> PathBuf {
        let mut number = state.numbers.get(&wanted).copied().unwrap_or_default();
        loop {
            number += 1;
            let numbered = filename::numbered(name, number);
            if state.taken.insert(self.key(folder, &numbered), url) {
                state.numbers.insert(wanted, number);
                return folder.join(numbered);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, folder: &Path, name: &str) -> u64 {
        let (base, in_base) = &self.base;
        let mut hasher = if folder.as_os_str() == base.as_os_str() {
            in_base.clone()
        } else {
            hash_folder(&self.hasher, self.folds_case, folder)
        };
        if self.folds_case {
            name.to_lowercase().hash(&mut hasher);
        } else {
            name.hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Begins the hash of a path with its folder.
fn hash_folder(hasher: &RandomState, folds_case: bool, folder: &Path) -> DefaultHasher {
    let mut hasher = hasher.build_hasher();
    if folds_case {
        folder.to_string_lossy().to_lowercase().hash(&mut hasher);
    } else {
        folder.hash(&mut hasher);
    }
    hasher
}

/// Joins as [`Path::join`] does, with one allocation.
fn join(folder: &Path, name: &str) -> PathBuf {
    let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + name.len());
    path.push(folder);
    path.push(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(claims: &Claims, name: &str, url: &str) -> Option<String> {
        let url = Url::parse(&format!("http://{url}")).unwrap();
        match claims.claim(Path::new("d"), name, &url) {
            Claim::Granted(path) => Some(path.to_str().unwrap().to_owned()),
            Claim::Duplicate => None,
        }
    }

    #[test]
    fn one_name_is_given_once_and_one_url_is_done_once() {
        let claims = Claims::new(false, Path::new("d"));
        assert_eq!(claim(&claims, "x.txt", "a/x.txt").unwrap(), "d/x.txt");
        assert_eq!(claim(&claims, "x.txt", "b/x.txt").unwrap(), "d/x.1.txt");
        assert_eq!(claim(&claims, "x.txt", "c/x.txt").unwrap(), "d/x.2.txt");
        assert_eq!(claim(&claims, "x.txt", "a/x.txt"), None);
        assert_eq!(claim(&claims, "x.txt", "b/x.txt"), None);
        assert_eq!(claim(&claims, "x.1.txt", "d/x.1.txt").unwrap(), "d/x.1.1.txt");
        assert_eq!(claim(&claims, "X.txt", "a/X.txt").unwrap(), "d/X.txt");
    }

    #[test]
    fn case_is_folded_where_the_folder_does() {
        let claims = Claims::new(true, Path::new("d"));
        assert_eq!(claim(&claims, "x", "a/x").unwrap(), "d/x");
        assert_eq!(claim(&claims, "X", "a/X").unwrap(), "d/X.1");
        let url = Url::parse("http://b/x").unwrap();
        let granted = |folder: &str| claims.claim(Path::new(folder), "x", &url);
        assert_eq!(granted("d/sub"), Claim::Granted(PathBuf::from("d/sub/x")));
        assert_eq!(granted("d/SUB"), Claim::Duplicate);
    }

    #[test]
    fn a_name_is_taken_in_its_folder_alone() {
        let claims = Claims::new(false, Path::new("d"));
        let granted = |folder: &str, url: &str| {
            claims.claim(Path::new(folder), "x", &Url::parse(url).unwrap())
        };
        assert_eq!(granted("d/a", "http://a/x"), Claim::Granted(PathBuf::from("d/a/x")));
        assert_eq!(granted("d/b", "http://a/x"), Claim::Granted(PathBuf::from("d/b/x")));
        assert_eq!(granted("d/b", "http://b/x"), Claim::Granted(PathBuf::from("d/b/x.1")));
        assert_eq!(granted("d/a", "http://a/x"), Claim::Duplicate);
    }

    #[test]
    fn a_path_is_a_file_or_a_folder() {
        let claims = Claims::new(false, Path::new("d"));
        let folder = |deeper: &str| claims.folder(Path::new("d"), Path::new(deeper));
        assert_eq!(folder(""), Path::new("d"));
        assert_eq!(claim(&claims, "x", "a/x").unwrap(), "d/x");
        assert_eq!(folder("x/y"), Path::new("d/x.1/y"));
        assert_eq!(folder("x/z"), Path::new("d/x.1/z"));
        assert_eq!(claim(&claims, "x", "b/x").unwrap(), "d/x.2");
        assert_eq!(claim(&claims, "x", "b/x"), None);
        assert_eq!(folder("y"), Path::new("d/y"));
        assert_eq!(claim(&claims, "y", "a/y").unwrap(), "d/y.1");
        assert_eq!(claim(&claims, "y", "a/y"), None);
    }

    #[test]
    fn a_url_without_a_name_is_claimed_by_itself() {
        let claims = Claims::new(false, Path::new("d"));
        let url = Url::parse("http://h/").unwrap();
        assert!(claims.claim_unnamed(Path::new("d"), &url));
        assert!(!claims.claim_unnamed(Path::new("d"), &url));
        assert!(claims.claim_unnamed(Path::new("d/e"), &url));
    }
}
