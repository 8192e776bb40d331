//! Checksums of files that are known by name, before anything is asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::policy::placement::Placement;

/// Checksums by the names of files.
#[derive(Debug, Default)]
pub struct KnownSums {
    files: Vec<Known>,
    /// Where in `files` a path is.
    by_path: HashMap<PathBuf, usize>,
    /// Where the only path is that ends in a name; `None` where there are several.
    by_name: HashMap<String, Option<usize>>,
}

/// What is known of a file.
#[derive(Debug, Default)]
pub struct Known {
    /// Its checksums, no two of one algorithm.
    pub digests: Vec<Digest>,
    /// How many lines said so.
    pub lines: usize,
}

/// Why a checksum is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file has another of the same algorithm.
    Contradiction(Digest),
    /// The path is none that a file could have, and why.
    Path(String),
}

impl KnownSums {
    /// Takes what a line says of a file. Its path is cleaned as those of lists are, so that it is the one
    /// that the file gets. One that leads elsewhere, as a list that was made from the root has, counts by
    /// its last component.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn add(&mut self, path: &[u8], digest: Digest) -> Result<(), Refusal> {
        let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let (path, name) = match Placement::file(path) {
            Ok(Placement { folder, name }) => {
                let name = name.unwrap_or_default();
                (folder.join(&name), name)
            }
            Err(reason) => {
                let name = Placement::file(last).ok().and_then(|place| place.name);
                let name = name.ok_or(Refusal::Path(reason))?;
                // No file below a folder has such a path.
                (Path::new("/").join(String::from_utf8_lossy(path).as_ref()), name)
            }
        };
        let next = self.files.len();
        let at = *self.by_path.entry(path).or_insert(next);
        if at == next {
            self.files.push(Known::default());
            self.by_name.entry(name).and_modify(|only| *only = None).or_insert(Some(at));
        }
        let Known { digests, lines } = &mut self.files[at];
        *lines += 1;
        match digests.iter().find(|other| other.algorithm() == digest.algorithm()) {
            Some(other) if *other != digest => return Err(Refusal::Contradiction(other.clone())),
            Some(_) => {}
            None => digests.push(digest),
        }
        Ok(())
    }

    /// Returns what is known of a file by its path below the folder of all files, else by its name alone
    /// if only one path ends in that; and which of [`files`](Self::files) that is.
    pub fn find(&self, path: &Path) -> Option<(usize, &Known)> {
        let by_name = || *self.by_name.get(path.file_name()?.to_str()?)?;
        let at = self.by_path.get(path).copied().or_else(by_name)?;
        Some((at, &self.files[at]))
    }

    /// Returns all that is known.
    pub fn files(&self) -> &[Known] {
        &self.files
    }
}

/// Returns what a file is checked by of which its own line and a list of checksums may say something:
/// the strongest of all.
///
/// # Errors
/// The one of the list that contradicts its own.
pub fn strongest(own: Option<&Digest>, listed: &[Digest]) -> Result<Option<Digest>, Digest> {
    let contradicts = |other: &&Digest| {
        own.is_some_and(|own| own.algorithm() == other.algorithm() && own != *other)
    };
    match listed.iter().find(contradicts) {
        Some(other) => Err(other.clone()),
        None => Ok(listed.iter().chain(own).max_by_key(|digest| digest.algorithm()).cloned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(of: u8) -> Digest {
        format!("md5:{}", format!("{of:02x}").repeat(16)).parse().unwrap()
    }

    fn known(paths: &[&str]) -> KnownSums {
        let mut known = KnownSums::default();
        for (number, path) in (0..).zip(paths) {
            known.add(path.as_bytes(), sum(number)).unwrap();
        }
        known
    }

    #[test]
    fn files_are_found_by_path_and_else_by_a_name_that_is_theirs_alone() {
        #[track_caller]
        fn case(known: &KnownSums, path: &str, number: Option<u8>) {
            let found = known.find(Path::new(path)).map(|(_, known)| known.digests.clone());
            assert_eq!(found, number.map(|number| vec![sum(number)]), "{path}");
        }
        let known = known(&[
            "./a.iso",
            "d/b.iso",
            "d/c.iso",
            "e/c.iso",
            "/abs/d.iso",
            "../e.iso",
            "x .iso",
        ]);
        case(&known, "a.iso", Some(0));
        case(&known, "f/a.iso", Some(0));
        case(&known, "d/b.iso", Some(1));
        case(&known, "b.iso", Some(1));
        case(&known, "d/c.iso", Some(2));
        case(&known, "e/c.iso", Some(3));
        case(&known, "c.iso", None);
        case(&known, "f/c.iso", None);
        case(&known, "d.iso", Some(4));
        case(&known, "/somewhere/d.iso", Some(4));
        case(&known, "e.iso", Some(5));
        case(&known, "A.iso", None);
        case(&known, "", None);
    }

    #[test]
    fn paths_are_those_that_files_get() {
        let found = |name: &str, path: &str| known(&[name]).find(Path::new(path)).is_some();
        assert!(found(".hidden", "_hidden"));
        assert!(found("a\\b.iso", "a/b.iso"));
        assert!(found("d//b.iso", "d/b.iso"));
        let mut latin = KnownSums::default();
        latin.add(b"caf\xe9.txt", sum(0)).unwrap();
        assert!(latin.find(Path::new("caf%E9.txt")).is_some());
    }

    #[test]
    fn one_algorithm_says_one_thing_of_a_file() {
        let mut known = known(&["a", "b"]);
        assert_eq!(known.add(b"./a", sum(0)), Ok(()));
        assert_eq!(known.add(b"a", sum(9)), Err(Refusal::Contradiction(sum(0))));
        let sha1: Digest = format!("sha1:{}", "00".repeat(20)).parse().unwrap();
        assert_eq!(known.add(b"a", sha1.clone()), Ok(()));
        assert_eq!(known.find(Path::new("a")).unwrap().1.digests, [sum(0), sha1]);
        let lines: Vec<_> = known.files().iter().map(|known| known.lines).collect();
        assert_eq!(lines, [4, 1]);
    }

    #[test]
    fn a_path_that_no_file_can_have_is_refused() {
        for path in [&b"d/"[..], b"", b"..", b"/", b"\x1b"] {
            let refused = KnownSums::default().add(path, sum(0));
            assert!(matches!(refused, Err(Refusal::Path(_))), "{path:?}");
        }
    }

    #[test]
    fn the_strongest_counts_and_none_may_contradict() {
        let sha1: Digest = format!("sha1:{}", "00".repeat(20)).parse().unwrap();
        assert_eq!(strongest(None, &[]), Ok(None));
        assert_eq!(strongest(Some(&sum(0)), &[]), Ok(Some(sum(0))));
        assert_eq!(strongest(Some(&sum(0)), &[sum(0), sha1.clone()]), Ok(Some(sha1.clone())));
        assert_eq!(strongest(Some(&sha1), &[sum(0)]), Ok(Some(sha1.clone())));
        assert_eq!(strongest(Some(&sum(0)), &[sha1, sum(1)]), Err(sum(1)));
    }

    proptest! {
        #[test]
        fn any_path_returns(paths: Vec<Vec<u8>>, path: String) {
            let mut known = KnownSums::default();
            for path in &paths {
                let _ = known.add(path, sum(1));
            }
            let _ = known.find(Path::new(&path));
        }

        #[test]
        fn a_path_that_was_added_is_found(path in "[a-z]{1,4}(/[a-z]{1,4}){0,3}", others: Vec<String>) {
            let mut known = KnownSums::default();
            for other in &others {
                let _ = known.add(other.as_bytes(), sum(1));
            }
            let _ = known.add(path.as_bytes(), sum(1));
            prop_assert!(known.find(Path::new(&path)).is_some());
        }
    }
}
