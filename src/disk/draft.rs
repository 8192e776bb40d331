//! A file that is written while the run goes on, and gets its name in one step at its end.
//!
//! Until then it lies beside that name, locked, and what was there before stays.

use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::disk::exclusive::open_locked;
use crate::disk::{kind_of, presence};
use crate::model::error::Cause;
use crate::policy::existing::Presence;

/// What is put behind the final name until the end. No file that is downloaded ends in it.
pub const SUFFIX: &str = ".haul";

/// Its owner may read and write it, and nobody else.
const SECRET: u32 = 0o600;

/// Who may read a file that a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Who could read the one that it replaces; else whoever can read new files.
    Shared,
    /// Its owner alone: it may hold secrets.
    Owner,
}

/// A file on its way. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    file: BufWriter<File>,
    path: PathBuf,
    destination: PathBuf,
    is_committed: bool,
}

impl Draft {
    /// Begins a file that will have this name, or replace the file that has it.
    ///
    /// # Errors
    /// [`Cause::NotAFile`], [`Cause::InUse`] when another process writes it too, [`Cause::Disk`].
    pub fn begin(destination: &Path, access: Access) -> Result<Self, Cause> {
        let failed =
            |action, path: &Path, source| Cause::Disk { action, path: path.to_owned(), source };
        let not_a_file = |what| Cause::NotAFile { path: destination.to_owned(), what };
        // What a link leads to is replaced: the link may be a name of another kind, as /dev/stderr is.
        let destination = match presence(destination)? {
            Presence::Nothing => destination.to_owned(),
            Presence::Dangling => return Err(not_a_file("a symbolic link to nothing")),
            Presence::File | Presence::Empty => destination
                .canonicalize()
                .map_err(|source| failed("look at", destination, source))?,
            Presence::Folder | Presence::Device => {
                let found = destination.metadata();
                let found = found.map_err(|source| failed("look at", destination, source))?;
                return Err(not_a_file(kind_of(found.file_type())));
            }
        };
        let mut path = destination.clone().into_os_string();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        let mode = match access {
            Access::Owner => Some(SECRET),
            Access::Shared => destination.metadata().ok().map(|found| found.permissions().mode()),
        };
        let (file, found) = open_locked(&path, mode.unwrap_or(0o666))?;
        // A process that died may have left it. Whoever else made it could read what is written now.
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(Cause::NotAFile { path, what: "a file of another user" });
        }
        mode.map_or(Ok(()), |mode| file.set_permissions(Permissions::from_mode(mode)))
            .and_then(|()| file.set_len(0))
            .map_err(|source| failed("empty", &path, source))?;
        Ok(Self { file: BufWriter::new(file), path, destination, is_committed: false })
    }

    /// Writes more.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        self.file.write_all(bytes).map_err(|source| self.failed("write", source))
    }

    /// Gives it its name, once it is on the disk.
    ///
    /// # Errors
    /// [`Cause::Disk`]; what had the name before is still there.
    pub fn commit(mut self) -> Result<(), Cause> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        written.map_err(|source| self.failed("write", source))?;
        std::fs::rename(&self.path, &self.destination)
            .map_err(|source| self.failed("rename", source))?;
        self.is_committed = true;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> Cause {
        Cause::Disk { action, path: self.path.clone(), source }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_committed {
            // The next one empties it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_at_the_end_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("x");
        fs::write(&name, "old").unwrap();
        let mut draft = Draft::begin(&name, Access::Owner).unwrap();
        draft.append(b"new").unwrap();
        assert!(matches!(Draft::begin(&name, Access::Owner), Err(Cause::InUse { .. })));
        drop(draft);
        assert_eq!(fs::read(&name).unwrap(), b"old");
        let mut draft = Draft::begin(&name, Access::Owner).unwrap();
        draft.append(b"ne").unwrap();
        draft.append(b"w").unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"old");
        draft.commit().unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"new");
        assert_eq!(fs::metadata(&name).unwrap().permissions().mode() & 0o777, SECRET);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn what_a_dead_process_left_is_emptied_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("x.haul");
        fs::write(&left, "left").unwrap();
        fs::set_permissions(&left, Permissions::from_mode(0o644)).unwrap();
        let draft = Draft::begin(&folder.path().join("x"), Access::Owner).unwrap();
        assert_eq!(fs::metadata(&left).unwrap().permissions().mode() & 0o777, SECRET);
        assert_eq!(fs::metadata(&left).unwrap().len(), 0);
        draft.commit().unwrap();
        assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"");
    }

    #[test]
    fn what_is_no_file_is_not_replaced_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = |path: &Path, why: &str| {
            let told = Draft::begin(path, Access::Owner).unwrap_err().to_string();
            assert!(told.ends_with(why), "{told}");
        };
        refused(folder.path(), "is a folder");
        refused(Path::new("/dev/null"), "is a device");
        refused(&path("no/x"), "no such file or directory");
        symlink("nothing", path("dangling")).unwrap();
        refused(&path("dangling"), "is a symbolic link to nothing");
        fs::write(path("real"), "old").unwrap();
        symlink("real", path("link")).unwrap();
        Draft::begin(&path("link"), Access::Shared).unwrap().commit().unwrap();
        assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("real"));
        assert_eq!(fs::read(path("real")).unwrap(), b"");
    }

    #[test]
    fn a_file_for_others_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("x");
        let mode = || fs::metadata(&name).unwrap().permissions().mode() & 0o777;
        Draft::begin(&name, Access::Shared).unwrap().commit().unwrap();
        fs::write(folder.path().join("new"), "").unwrap();
        assert_eq!(
            mode(),
            fs::metadata(folder.path().join("new")).unwrap().permissions().mode() & 0o777
        );
        fs::set_permissions(&name, Permissions::from_mode(0o640)).unwrap();
        Draft::begin(&name, Access::Shared).unwrap().commit().unwrap();
        assert_eq!(mode(), 0o640);
    }
}
