//! Where a list wants a file: a path below the folder that files go to.
//!
//! A list may come from anywhere, so that no path of it leads out of that folder: an absolute one and
//! one with `..` in it are refused, not mended, because what was meant cannot be known. Each component
//! passes the filter of all names.

use std::path::{Path, PathBuf};

use crate::model::redact::shorten;
use crate::policy::filename;

/// The longest path in bytes; `PATH_MAX` is 4096 and the folder comes before it.
const MAX_PATH_BYTES: usize = 2048;

/// Where a list wants a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The folder below that of all files; empty for that itself.
    pub folder: PathBuf,
    /// The name; without one the file is named as if the list had not said anything.
    pub name: Option<String>,
}

impl Placement {
    /// Reads the path of a file.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn file(path: &[u8]) -> Result<Self, String> {
        let mut names = components(path)?;
        let is_folder = path.ends_with(b"/") || path.ends_with(b"\\");
        match names.pop().filter(|_| !is_folder) {
            Some(name) => Ok(Self { folder: names.iter().collect(), name: Some(name) }),
            None => Err(format!("the path {} names no file", shown(path))),
        }
    }

    /// Puts it into a folder, whose path is read as well.
    ///
    /// # Errors
    /// Why that is refused.
    pub fn inside(self, folder: &[u8]) -> Result<Self, String> {
        let outer: PathBuf = components(folder)?.iter().collect();
        // Joined with nothing a path would get a separator at its end.
        let is_deeper = !self.folder.as_os_str().is_empty();
        let folder = if is_deeper { outer.join(self.folder) } else { outer };
        Ok(Self { folder, ..self })
    }
}

/// The folder of all files, in both forms that a path in a list may begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// As the user gave it; empty for the current one. The paths that haul prints begin with it.
    pub given: PathBuf,
    /// From the root. Other programs write such paths.
    pub absolute: PathBuf,
}

impl Base {
    /// Returns a path without the folder at its beginning; as it is where it begins otherwise.
    pub fn below<'a>(&self, path: &'a str) -> &'a str {
        let bases = [&self.given, &self.absolute].into_iter();
        let mut bases = bases.filter(|base| !base.as_os_str().is_empty());
        let rest = bases.find_map(|base| Path::new(path).strip_prefix(base).ok());
        rest.and_then(Path::to_str).unwrap_or(path)
    }
}

/// Returns the components of a relative path, filtered.
fn components(path: &[u8]) -> Result<Vec<String>, String> {
    let why = |why: &str| format!("the path {} {why}", shown(path));
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("the path is longer than {MAX_PATH_BYTES} bytes"));
    }
    let is_separator = |&byte: &u8| byte == b'/' || byte == b'\\';
    if path.first().is_some_and(is_separator) {
        return Err(why("is absolute, and a list has paths below `--dir` only"));
    }
    path.split(is_separator)
        .filter(|component| !matches!(*component, b"" | b"."))
        .map(|component| match component {
            b".." => Err(why("has `..` in it")),
            _ => filename::filter(component)
                .ok_or_else(|| why("has a component of which no name can be made")),
        })
        .collect()
}

fn shown(path: &[u8]) -> String {
    format!("`{}`", shorten(&String::from_utf8_lossy(path)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_cleaned_component_by_component() {
        #[track_caller]
        fn case(path: &str, folder: &str, name: &str) {
            let found = Placement::file(path.as_bytes()).unwrap();
            assert_eq!(
                (found.folder.to_str().unwrap(), found.name.unwrap().as_str()),
                (folder, name)
            );
        }
        case("a.txt", "", "a.txt");
        case("a/b/c.txt", "a/b", "c.txt");
        case("./a//./b", "a", "b");
        case("a\\b", "a", "b");
        case(".ssh/-rf", "_ssh", "_rf");
        case("nul/con.txt", "_nul", "_con.txt");
        case("a. /b\u{202e}c\u{1b}", "a", "bc");
        case("x.part/x.part", "x.part_", "x.part_");
        case("..a/b..", "_.a", "b");
    }

    #[test]
    fn paths_that_lead_elsewhere_or_nowhere_are_refused() {
        #[track_caller]
        fn case(path: &[u8], why: &str) {
            let told = Placement::file(path).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        case(b"/etc/passwd", "the path `/etc/passwd` is absolute");
        case(b"\\\\host\\share", "is absolute");
        case(b"../x", "has `..` in it");
        case(b"a/../../x", "has `..` in it");
        case(b"a\\..\\x", "has `..` in it");
        case(b"a/.. /x", "no name can be made");
        case(b"a/.../x", "no name can be made");
        case(b"a/\x1b", "no name can be made");
        case(b"", "the path `` names no file");
        case(b".", "names no file");
        case(b"a/", "names no file");
        case(&[b'x'; 3000], "longer than 2048 bytes");
    }

    #[test]
    fn a_file_may_be_put_deeper() {
        let place = |file: &str, folder: &str| {
            let place = Placement::file(file.as_bytes()).unwrap().inside(folder.as_bytes());
            place.map(|place| place.folder.to_str().unwrap().to_owned())
        };
        assert_eq!(place("x", "a/b/").unwrap(), "a/b");
        assert_eq!(place("b/x", "a").unwrap(), "a/b");
        assert_eq!(place("b/x", ".").unwrap(), "b");
        assert!(place("x", "/a").unwrap_err().contains("is absolute"));
        assert!(place("x", "a/..").unwrap_err().contains("`..`"));
    }

    #[test]
    fn the_folder_of_all_files_is_taken_off() {
        let case = |given: &str, path: &str, rest: &str| {
            let base = Base { given: given.into(), absolute: Path::new("/here").join(given) };
            assert_eq!(base.below(path), rest, "{given} {path}");
        };
        case("files", "files/x", "x");
        case("files/", "./files/a/x", "./files/a/x");
        case("/data", "/data/a/x", "a/x");
        case("/data", "/database/x", "/database/x");
        case("", "x", "x");
        case("", "/x", "/x");
        case("/data", "/data/../etc/x", "../etc/x");
        case("files", "/here/files/a/x", "a/x");
        case("files", "/here/x", "/here/x");
        case("", "/here/x", "x");
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_folder(path: Vec<u8>, folder: Vec<u8>) {
            let place = Placement::file(&path).and_then(|place| place.inside(&folder));
            if let Ok(Placement { folder, name }) = place {
                let path = folder.join(name.unwrap());
                let normal = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
                prop_assert!(normal && path.is_relative());
            }
        }

        #[test]
        fn separators_and_dots_in_any_order_do_no_harm(path in "[./\\\\a~ -]{0,12}") {
            if let Ok(Placement { folder, name }) = Placement::file(path.as_bytes()) {
                let path = folder.join(name.unwrap());
                let normal = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
                prop_assert!(normal && path.is_relative());
            }
        }
    }
}
