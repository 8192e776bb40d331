//! Files that the run writes itself, at its end: `--failed`, `--lock` and `--save-cookies`.
//!
//! Until then each is a draft beside its name, and a file that is downloaded has a partial file and a record
//! beside its own. None of these names may be two files at once, nor one that the run reads: whatever it is, such
//! as a private key, it would be gone.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::args::Args;
use crate::cli::config::{inputs, is_stdout};
use crate::disk::{draft, partial};
use crate::engine::Output;

/// How many links are followed to see what a name is. The system follows as many.
const MAX_LINKS: usize = 40;

/// Refuses names that are no files of their own.
pub(super) fn check(args: &Args, output: &Output) -> Result<()> {
    if args.results.failed.as_deref().is_some_and(is_stdout) {
        bail!("`--failed` is written at the end and needs a name; `--json` writes to stdout");
    }
    let inputs = inputs::all(args);
    let mut before: Vec<(&str, Names)> = Vec::new();
    for (option, path) in all(args) {
        if is_stdout(path) {
            bail!("`--{option}` is written at the end and needs a name");
        }
        if is_open_stream(path) {
            bail!(
                "`--{option}` is written at the end and needs a name; {} is a stream that is open",
                path.display()
            );
        }
        let names = Names::of_draft(path);
        if let Some((other, _)) = before.iter().find(|(_, taken)| taken.meets(&names)) {
            bail!("`--{other}` and `--{option}` name one file; give one of them another name");
        }
        let is_refused =
            |(of, input): &&(&str, PathBuf)| !may_be_replaced(option, of, args) && names.has(input);
        if let Some((other, _)) = inputs.iter().find(is_refused) {
            bail!(
                "`--{option}` would replace the file of `{other}`, which is only to be read; give it another \
                 name"
            );
        }
        before.push((option, names));
    }
    let Output::File(file) = output else { return Ok(()) };
    let file = args.files.dir.clone().unwrap_or_default().join(file);
    let record = [partial::SUFFIX, partial::RECORD_SUFFIX].concat();
    let names = Names::new(&file, &[partial::SUFFIX, &record]);
    if let Some((option, _)) = before.iter().find(|(_, taken)| taken.meets(&names)) {
        bail!("`--{option}` and `--output` name one file; give one of them another name");
    }
    Ok(())
}

/// Returns which names below the folder of all files no file gets, because the run itself writes a file of
/// that name, or one that would be its partial file or record.
pub(super) fn reserved(args: &Args) -> Vec<PathBuf> {
    let folder = args.files.dir.clone().unwrap_or_default();
    // Nothing is absolute where the current folder cannot be told; then no path is below another.
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let below = |file: &Path| -> Option<PathBuf> {
        Some(folder.join(absolute(file)?.strip_prefix(absolute(here)?).ok()?))
    };
    all(args)
        .flat_map(|(_, path)| std::iter::once(path.to_owned()).chain(whose_partial(path)))
        .filter_map(|path| below(&path))
        .collect()
}

/// Returns the options that name such files, and the files.
fn all(args: &Args) -> impl Iterator<Item = (&'static str, &Path)> {
    let options = [
        ("lock", &args.locks.lock),
        ("failed", &args.results.failed),
        ("save-cookies", &args.credentials.save_cookies),
    ];
    options.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
}

/// Returns the file whose partial file or record, if it were downloaded, would have this name.
fn whose_partial(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let of = name.strip_suffix(partial::RECORD_SUFFIX).unwrap_or(name);
    let of = of.strip_suffix(partial::SUFFIX)?;
    (!of.is_empty()).then(|| path.with_file_name(of))
}

/// Returns whether a file of the run may be one that it reads: what was left to do, or to send, is what is left
/// after the next run. A list that files are verified by says what they must be, and stays.
fn may_be_replaced(option: &str, input: &str, args: &Args) -> bool {
    match (option, input) {
        ("failed", inputs::LIST) => !args.mode.verify,
        ("save-cookies", inputs::COOKIES) => true,
        _ => false,
    }
}

/// Returns whether two names are of one file that is there.
pub(super) fn is_one_file(one: &Path, other: &Path) -> bool {
    identity(one).is_some_and(|found| identity(other) == Some(found))
}

/// Returns what a file is, whatever it is called. What is no file cannot be replaced.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((found.dev(), found.ino()))
}

/// All names that a file has on its way, and what is there by these names.
struct Names {
    /// None where the current folder cannot be told.
    paths: HashSet<PathBuf>,
    files: HashSet<(u64, u64)>,
}

impl Names {
    fn new(path: &Path, suffixes: &[&str]) -> Self {
        let Ok(path) = std::path::absolute(path) else {
            return Self { paths: HashSet::new(), files: identity(path).into_iter().collect() };
        };
        let beside = suffixes.iter().map(|suffix| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        });
        let paths: HashSet<PathBuf> = beside.chain([path.clone()]).collect();
        let files = paths.iter().filter_map(|path| identity(path)).collect();
        Self { paths, files }
    }

    /// Returns those of a file that the run writes: a draft is beside what a link leads to.
    fn of_draft(path: &Path) -> Self {
        let mut names = Self::new(path, &[draft::SUFFIX]);
        if let Ok(real) = path.canonicalize() {
            let Self { paths, files } = Self::new(&real, &[draft::SUFFIX]);
            names.paths.extend(paths);
            names.files.extend(files);
        }
        names
    }

    fn meets(&self, other: &Self) -> bool {
        !self.paths.is_disjoint(&other.paths) || !self.files.is_disjoint(&other.files)
    }

    fn has(&self, path: &Path) -> bool {
        identity(path).is_some_and(|found| self.files.contains(&found))
    }
}

/// Returns whether a name is one of the streams that the process was given, or leads to one: what it leads to
/// in turn, such as a log, is not haul's to replace.
fn is_open_stream(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name)) {
            return true;
        }
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return false };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(folder) = folder.canonicalize() else { return false };
        // `/dev/fd` and `/proc/self/fd` are links to `/proc/NUMBER/fd`, and there may be `task/NUMBER` in it.
        if folder == Path::new("/dev/fd") || (folder.starts_with("/proc") && folder.ends_with("fd"))
        {
            return true;
        }
        let Ok(target) = folder.join(name).read_link() else { return false };
        path = folder.join(target);
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn open_streams_are_told_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/stderr", &link).unwrap();
        let file = folder.path().join("fd");
        symlink("file", &file).unwrap();
        for name in ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/17", "/proc/thread-self/fd/2"] {
            assert!(is_open_stream(Path::new(name)), "{name}");
        }
        assert!(is_open_stream(&link));
        for path in [Path::new("x"), Path::new("/"), Path::new("/dev/null"), &file] {
            assert!(!is_open_stream(path), "{}", path.display());
        }
    }

    #[test]
    fn a_name_may_be_that_of_another_files_part() {
        let of = |path: &str| whose_partial(Path::new(path));
        assert_eq!(of("d/x.part"), Some(PathBuf::from("d/x")));
        assert_eq!(of("x.part.haul"), Some(PathBuf::from("x")));
        assert_eq!(of("x.haul"), None);
        assert_eq!(of("part"), None);
        assert_eq!(of("d/.part"), None);
    }
}
