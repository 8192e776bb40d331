//! A device or FIFO that the user named with `--output`: written into as it is.
//!
//! A FIFO may have no reader yet, or one that takes its time. Nothing here blocks for it: it is opened
//! without blocking, and who writes is asked after each short turn whether to wait for another.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::model::error::Cause;

/// How long a wait for a reader lasts at most before it is looked whether it is still wanted.
pub const TURN: Duration = Duration::from_millis(40);

/// An open device.
#[derive(Debug)]
pub struct Device {
    file: File,
    path: PathBuf,
    /// How much it has taken of bytes that it did not take all of.
    taken: usize,
}

impl Device {
    /// Opens it for writing; nothing is created or truncated.
    ///
    /// # Errors
    /// [`Cause::Disk`], also for a FIFO without a reader (see [`await_reader`]).
    pub fn open(path: &Path) -> Result<Self, Cause> {
        let file = open(path).map_err(|source| failed("open", path, source))?;
        Ok(Self { file, path: path.to_owned(), taken: 0 })
    }

    /// Writes what comes next. A cause that [`waits`] is for tells that the reader has not taken all of it
    /// yet: then the same bytes are to be given again, of which it goes on with those that are left.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        while self.taken < bytes.len() {
            match self.file.write(&bytes[self.taken..]) {
                Ok(0) => return Err(self.failed(ErrorKind::WriteZero.into())),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // A poll that fails says no more than the next write will.
                    let _ = takes_more(&self.file, TURN);
                    return Err(failed("wait for the reader of", &self.path, error));
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        self.taken = 0;
        Ok(())
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, source: io::Error) -> Cause {
        failed("write to", &self.path, source)
    }
}

/// Returns whether a write failed only because the reader has not taken all yet: nothing but what is opened
/// without blocking says so.
pub fn waits(cause: &Cause) -> bool {
    matches!(cause, Cause::Disk { source, .. } if source.kind() == ErrorKind::WouldBlock)
}

/// Waits until a FIFO has a reader, and returns it open, which keeps its reader from seeing an end; at once
/// `None` if it is something else. `wait` waits a turn, and says whether to go on.
///
/// # Errors
/// [`Cause::Disk`]; what `wait` says.
pub fn await_reader(
    path: &Path,
    mut wait: impl FnMut(Duration) -> Result<bool, Cause>,
) -> Result<Option<File>, Cause> {
    // Whatever else is wrong with it is told by who opens it.
    if !path.metadata().is_ok_and(|found| found.file_type().is_fifo()) {
        return Ok(None);
    }
    loop {
        match open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {}
            Err(source) => return Err(failed("open", path, source)),
        }
        if !wait(TURN)? {
            return Ok(None);
        }
    }
}

/// Returns whether a write would say something at once, be it an error, or does within `timeout`.
///
/// # Errors
/// What the system says.
pub fn takes_more(stream: impl AsFd, timeout: Duration) -> rustix::io::Result<bool> {
    let timeout = Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let mut streams = [PollFd::new(&stream, PollFlags::OUT)];
    Ok(rustix::event::poll(&mut streams, Some(&timeout))? > 0)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().write(true).custom_flags(flags).open(path)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Cause {
    Cause::Disk { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    fn fifo(folder: &Path) -> PathBuf {
        let path = folder.join("fifo");
        mkfifoat(CWD, &path, 0o600.into()).unwrap();
        path
    }

    #[test]
    fn a_reader_that_takes_its_time_gets_every_byte_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let mut reader = File::options().read(true).write(true).open(&path).unwrap();
        let mut device = Device::open(&path).unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        assert!(waits(&device.write(&bytes).unwrap_err()));
        assert!(waits(&device.write(&bytes).unwrap_err()));
        let mut got = vec![0; bytes.len()];
        let mut filled = 0;
        loop {
            filled += reader.read(&mut got[filled..]).unwrap();
            match device.write(&bytes) {
                Ok(()) => break,
                Err(cause) => assert!(waits(&cause), "{cause}"),
            }
        }
        reader.read_exact(&mut got[filled..]).unwrap();
        assert!(got == bytes);
        device.write(b"next").unwrap();
        reader.read_exact(&mut got[..4]).unwrap();
        assert_eq!(&got[..4], b"next");
    }

    #[test]
    fn only_a_fifo_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let never = |_| panic!("waited");
        assert!(await_reader(Path::new("/dev/null"), never).unwrap().is_none());
        assert!(await_reader(&folder.path().join("no"), never).unwrap().is_none());
        let path = fifo(folder.path());
        let mut turns = 0;
        let mut wait = |_| {
            turns += 1;
            Ok(turns < 3)
        };
        assert!(await_reader(&path, &mut wait).unwrap().is_none());
        assert_eq!(turns, 3);
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let _reader = File::options().read(true).custom_flags(flags).open(&path).unwrap();
        assert!(await_reader(&path, never).unwrap().is_some());
    }
}
