//! haul downloads many files at once and keeps only those that came whole.
//!
//! A pool of worker threads takes jobs from a bounded channel; each worker writes its file and tells
//! how far it is; the main thread feeds the channel, joins all workers and adds up what they return.
//!
//! # Floors
//!
//! A module may use lower floors, and modules to its left on its own floor; never a higher one. The
//! lower the floor, the less of the world it can touch. A test reads the `use` lines and fails on one
//! that runs upward.
//!
//! | floor | modules | touches |
//! | --- | --- | --- |
//! | 6 | [`run`] | wires the rest together |
//! | 5 | [`cli`] | arguments, environment, signals |
//! | 4 | [`report`] | standard output, standard error, indicatif |
//! | 3 | [`engine`] | threads, channels |
//! | 2 | [`disk`], [`http`], [`input`], [`process`] | files, sockets, processes |
//! | 1 | [`policy`] | nothing: pure decisions |
//! | 0 | [`model`] | nothing: pure words |

pub mod cli;
pub mod disk;
pub mod engine;
pub mod http;
pub mod input;
pub mod model;
pub mod policy;
pub mod process;
pub mod report;
pub mod run;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Floors from the ground up; on a floor, from left to right.
    const FLOORS: [&[&str]; 7] = [
        &["model"],
        &["policy"],
        &["disk", "http", "input", "process"],
        &["engine"],
        &["report"],
        &["cli"],
        &["run"],
    ];

    fn place(module: &str) -> (usize, usize) {
        FLOORS
            .iter()
            .enumerate()
            .find_map(|(floor, modules)| Some((floor, modules.iter().position(|m| *m == module)?)))
            .unwrap_or_else(|| panic!("`{module}` has no floor"))
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn no_module_uses_one_above_it_or_to_its_right() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        for file in files {
            let inside = file.strip_prefix(&root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let user = first.trim_end_matches(".rs");
            if matches!(user, "lib" | "main") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for path in text.split("crate::").skip(1) {
                for module in first_modules(path) {
                    assert!(
                        place(module) <= place(user),
                        "{}: `{user}` uses `{module}`",
                        inside.display()
                    );
                }
            }
        }
    }

    /// Returns the modules that a path names after `crate::`: one, or several in braces.
    fn first_modules(path: &str) -> Vec<&str> {
        let list = match path.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => {
                path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
            }
        };
        list.split(',')
            .map(|item| item.trim().split(':').next().unwrap_or_default())
            .filter(|item| !item.is_empty())
            .collect()
    }
}
