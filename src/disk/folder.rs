//! The folder that files go to: made once, and asked once whether it tells upper from lower case.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memchr;
use rustix::fs::Access;

use crate::disk::{kind_of, presence};
use crate::model::error::Cause;
use crate::policy::existing::Presence;

/// Makes the folder with its parents, and checks that files can be made in it.
///
/// # Errors
/// [`Cause::Disk`], before any request is sent.
pub fn prepare(folder: &Path) -> Result<(), Cause> {
    let failed = |action, source| Cause::Disk { action, path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(|error| match in_the_way(folder) {
        Some(what) => {
            let told = format!("it is {what}, and not a folder");
            failed("use", io::Error::new(io::ErrorKind::NotADirectory, told))
        }
        None => failed("create", error),
    })?;
    if !folder.is_dir() {
        return Err(failed("use", io::ErrorKind::NotADirectory.into()));
    }
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| failed("write in", error.into()))
}

/// Returns the name that a path has in `folder`; `None` if it leads elsewhere.
pub fn name_in<'p>(folder: &Path, path: &'p Path) -> Option<&'p OsStr> {
    // What was put together needs no taking apart into all of its components.
    joined_name(folder, path).or_else(|| path.file_name().filter(|_| path.parent() == Some(folder)))
}

fn joined_name<'p>(folder: &Path, path: &'p Path) -> Option<&'p OsStr> {
    let folder = folder.as_os_str().as_bytes();
    let rest = path.as_os_str().as_bytes().strip_prefix(folder)?;
    let needs_separator = !folder.is_empty() && !folder.ends_with(b"/");
    let name = if needs_separator { rest.strip_prefix(b"/")? } else { rest };
    let is_name = !matches!(name, b"" | b"." | b"..") && memchr(b'/', name).is_none();
    is_name.then(|| OsStr::from_bytes(name))
}

/// Returns what has a folder's name, if that is something else.
fn in_the_way(folder: &Path) -> Option<&'static str> {
    match presence(folder).ok()? {
        Presence::Nothing | Presence::Folder => None,
        Presence::File | Presence::Empty => Some("a file"),
        Presence::Device => Some(kind_of(folder.metadata().ok()?.file_type())),
        Presence::Dangling => Some("a symbolic link to nothing"),
    }
}

/// Makes the folders that lead from `base` to `folder`. With `is_synced` each is sure to be found after
/// a power cut, whoever made it.
///
/// # Errors
/// [`Cause::Disk`].
pub fn make_below(base: &Path, folder: &Path, is_synced: bool) -> Result<(), Cause> {
    let failed = |action, path: &Path, source| {
        let path = path.to_owned();
        Cause::Disk { action, path, source }
    };
    if !is_synced && folder.is_dir() {
        return Ok(());
    }
    let Ok(names) = folder.strip_prefix(base) else { return Ok(()) };
    let mut path = base.to_owned();
    for name in names {
        let parent = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.clone() };
        path.push(name);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("create", &path, error));
            }
            // A file is found when one is to be opened in it.
            _ => {}
        }
        if is_synced {
            File::open(&parent)
                .and_then(|parent| parent.sync_all())
                .map_err(|error| failed("sync", &parent, error))?;
        }
    }
    Ok(())
}

/// Below this a file is not worth the question.
const SMALL: u64 = 1024 * 1024;

/// Checks that `needed` more bytes fit beside `path`, as far as the file system tells.
///
/// # Errors
/// [`Cause::NoRoom`].
pub fn check_room(path: &Path, needed: u64) -> Result<(), Cause> {
    if needed < SMALL {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(found) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    // File systems that tell no size tell zero blocks.
    if found.f_blocks > 0 && needed > free {
        return Err(Cause::NoRoom { needed, free, folder: folder.to_owned() });
    }
    Ok(())
}

/// Types of file systems that may tell of a failed write only when the file is synced or closed, and
/// the answer to a close is lost: NFS, SMB, FUSE, 9P, Ceph (linux/magic.h).
const LATE: [u64; 6] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400];

/// Returns whether writes in the folder may fail after they were accepted.
pub fn tells_errors_late(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|found| LATE.contains(&magic(&found)))
}

fn magic(found: &rustix::fs::StatFs) -> u64 {
    found.f_type as u64 & 0xffff_ffff
}

/// Types of file systems that take `A` and `a` for one name (linux/magic.h): FAT, exFAT, NTFS, SMB,
/// HFS+.
const FOLDING: [u64; 7] =
    [0x4d44, 0x2011_bab0, 0x5346_544e, 0x7366_746e, 0xff53_4d42, 0xfe53_4d42, 0x482b];

/// `FS_CASEFOLD_FL` of linux/fs.h.
const CASEFOLD: u32 = 0x4000_0000;

/// Returns whether the folder takes `A` and `a` for one name, as far as the system tells.
pub fn folds_case(folder: &Path) -> bool {
    let by_type = rustix::fs::statfs(folder).is_ok_and(|found| FOLDING.contains(&magic(&found)));
    // ext4 and f2fs can fold case folder by folder.
    by_type
        || File::open(folder).is_ok_and(|folder| {
            rustix::fs::ioctl_getflags(&folder).is_ok_and(|flags| flags.bits() & CASEFOLD != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_path_in_its_folder() {
        #[track_caller]
        fn case(folder: &str, path: &str, name: Option<&str>) {
            assert_eq!(name_in(Path::new(folder), Path::new(path)), name.map(OsStr::new), "{path}");
        }
        case("d", "d/x", Some("x"));
        case("", "x", Some("x"));
        case("/", "/x", Some("x"));
        case("d/", "d/x", Some("x"));
        case("d/", "d//x", Some("x"));
        case("./d", "./d/x", Some("x"));
        case("d/e", "d//e/x", Some("x"));
        case("d", "d/./x/", Some("x"));
        case("d", "d", None);
        case("d", "d/", None);
        case("d", "d/.", None);
        case("d", "d/..", None);
        case("d", "de/x", None);
        case("d", "dx", None);
        case("d", "d/e/x", None);
        case("", "d/x", None);
        case("", "", None);
        case("", "/x", None);
    }

    #[test]
    fn what_is_in_the_way_of_the_folder_is_told() {
        let here = tempfile::tempdir().unwrap();
        let path = |name: &str| here.path().join(name);
        std::fs::write(path("file"), "x").unwrap();
        std::fs::write(path("empty"), "").unwrap();
        std::os::unix::fs::symlink("nothing", path("link")).unwrap();
        for (path, what) in [
            (path("file"), "a file"),
            (path("empty"), "a file"),
            (path("link"), "a symbolic link to nothing"),
            (PathBuf::from("/dev/null"), "a device"),
        ] {
            let cause = prepare(&path).unwrap_err();
            let told = format!("cannot use {}: it is {what}, and not a folder", path.display());
            assert_eq!(cause.to_string(), told);
            assert_eq!(cause.hint().unwrap(), "give another folder with `--dir`");
        }
    }

    #[test]
    fn folders_are_made_below_the_base_only() {
        let here = tempfile::tempdir().unwrap();
        let base = here.path().join("base");
        std::fs::create_dir(&base).unwrap();
        for is_synced in [false, true] {
            make_below(&base, &base.join("a/b"), is_synced).unwrap();
            assert!(base.join("a/b").is_dir());
            make_below(&base, &base, is_synced).unwrap();
            make_below(&base, &here.path().join("other/a"), is_synced).unwrap();
        }
        assert_eq!(here.path().read_dir().unwrap().count(), 1);
        // A base that went away meanwhile is not made anew.
        assert!(make_below(&here.path().join("gone"), &here.path().join("gone/a"), false).is_err());
    }
}
