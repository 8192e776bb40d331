//! What is in a folder, as a map from relative paths, so that tests can compare all of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::content::difference;

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file with these bytes.
    File(Vec<u8>),
    /// A file, whatever it holds: only expected, never found.
    AnyFile,
    /// A file with the bytes of that file: only expected, never found.
    CopyOf(PathBuf),
    /// A folder.
    Folder,
    /// A symbolic link and where it points.
    Link(PathBuf),
    /// A pipe, socket or device.
    Special,
}

/// Reads a folder and all below it.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    collect(folder, "", &mut entries);
    entries
}

fn collect(folder: &Path, prefix: &str, entries: &mut BTreeMap<String, Entry>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        // Names that are not UTF-8 appear with replacement characters: haul never makes one.
        let name = format!("{prefix}{}", item.file_name().to_string_lossy());
        let kind = item.file_type().unwrap();
        let entry = if kind.is_dir() {
            collect(&item.path(), &format!("{name}/"), entries);
            Entry::Folder
        } else if kind.is_symlink() {
            Entry::Link(std::fs::read_link(item.path()).unwrap())
        } else if kind.is_file() {
            Entry::File(std::fs::read(item.path()).unwrap())
        } else {
            Entry::Special
        };
        entries.insert(name, entry);
    }
}

/// Lists a snapshot, for people.
pub(crate) fn listing(entries: &BTreeMap<String, Entry>) -> String {
    let mut text = String::new();
    for (name, entry) in entries {
        let what = match entry {
            Entry::File(bytes) => format!("{} bytes", bytes.len()),
            other => format!("{other:?}"),
        };
        let _ = writeln!(text, "  {name:?}: {what}");
    }
    text
}

/// Says how a folder differs from what is expected, one line each.
pub(super) fn differences(
    expected: &BTreeMap<String, Entry>,
    found: &BTreeMap<String, Entry>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, entry) in expected {
        match (entry, found.get(name)) {
            (_, None) => problems.push(format!("{name:?} is missing")),
            (Entry::AnyFile, Some(Entry::File(_))) => {}
            (Entry::File(expected), Some(Entry::File(bytes))) => {
                problems.extend(difference(expected, bytes).map(|d| format!("{name:?}: {d}")));
            }
            (Entry::CopyOf(path), Some(Entry::File(bytes))) => {
                let expected = std::fs::read(path).unwrap();
                problems.extend(difference(&expected, bytes).map(|d| format!("{name:?}: {d}")));
            }
            (expected, Some(found)) if expected == found => {}
            (_, Some(_)) => problems.push(format!("{name:?} is of another kind")),
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        problems.push(format!("{name:?} should not be there"));
    }
    problems
}
