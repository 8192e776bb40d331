//! Room on the disk for the whole of a file, before its first byte.
//!
//! What is allocated lies behind the file's end: its size stays what was written, and going on with it
//! relies on that. Making the file shorter, or as long as it is, gives the rest back.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::Partial;
use crate::disk::folder;
use crate::model::error::Cause;

/// The unit of `st_blocks`, whatever the file system's own blocks are (stat(2)).
const STAT_BLOCK: u64 = 512;

/// When a file gets its room on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// As it is written.
    AsWritten,
    /// All of it before its first byte, where the file system can.
    BeforeFirstByte,
}

/// What came of the wish for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// As far as can be seen there is enough.
    Enough,
    /// All of it belongs to the file.
    Allocated,
    /// The file system cannot allocate in advance; as far as can be seen there is enough.
    NotAllocatable,
}

impl Partial {
    /// Sees to it that `length` bytes have room, of which `held` are written.
    ///
    /// # Errors
    /// [`Cause::NoRoom`] when the file system says that there is less; [`Cause::Disk`] when it does not
    /// give the room, as for a write that finds it full. What it gave by then is given back.
    pub fn make_room(&self, length: u64, held: u64, allocation: Allocation) -> Result<Room, Cause> {
        if self.room() >= length && length > 0 {
            return Ok(Room::Allocated);
        }
        // An earlier run may have allocated what it did not write. That is not free, and yet ours.
        let there = if held > 0 { held.max(allocated(&self.file)) } else { 0 };
        folder::check_room(&self.path, length.saturating_sub(there))?;
        if allocation == Allocation::AsWritten || length == 0 {
            return Ok(Room::Enough);
        }
        match allocate(&self.file, length) {
            Ok(()) => {
                self.room.store(length, Ordering::Relaxed);
                Ok(Room::Allocated)
            }
            Err(Errno::NOTSUP | Errno::NOSYS) => Ok(Room::NotAllocatable),
            Err(error) => {
                // Others must not fail for want of a room that is of no use here. The size is the same.
                let _ = self.give_back();
                Err(self.failed("allocate room for", error.into()))
            }
        }
    }

    /// Gives back what is allocated behind the file's end.
    pub(super) fn give_back(&self) -> io::Result<()> {
        self.room.store(0, Ordering::Relaxed);
        give_back(&self.file)
    }
}

/// Allocates the first `length` bytes of a file, whose size does not change.
fn allocate(file: &File, length: u64) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, length))
}

/// Gives back what is allocated behind a file's end.
pub(super) fn give_back(file: &File) -> io::Result<()> {
    file.set_len(file.metadata()?.len())
}

/// Returns how many bytes of a file have room, in holes and behind its end too; 0 when the system does
/// not say.
fn allocated(file: &File) -> u64 {
    file.metadata().map_or(0, |found| found.blocks() * STAT_BLOCK)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::partial::{Content, Purpose, Replace, Sync, part_of};
    use crate::model::range_set::RangeSet;
    use crate::model::validator::Validators;
    use crate::policy::resume::Held;

    /// Much more than a file system gives to a file of a few bytes.
    const LENGTH: u64 = 4 * 1024 * 1024;

    fn open(destination: &Path) -> (Partial, Content) {
        Partial::open(&Purpose {
            destination,
            replace: Replace::Never,
            url: "http://h/a",
            other_urls: &[],
            sync: Sync::Nothing,
            expects_orphan: true,
        })
        .unwrap()
    }

    fn held(bytes: u64) -> Held {
        let validators = Validators { etag: Some("\"v1\"".to_owned()), ..Validators::default() };
        let ranges = RangeSet::prefix_of(bytes);
        Held {
            ranges,
            length: Some(LENGTH),
            validators,
            coding: None,
            elsewhere: None,
            target: None,
        }
    }

    fn size_and_room(path: &Path) -> (u64, u64) {
        let found = path.metadata().unwrap();
        (found.len(), found.blocks() * STAT_BLOCK)
    }

    /// Opens a partial file with room; `None` where the file system cannot.
    fn allocating(destination: &Path) -> Option<Partial> {
        let (partial, _) = open(destination);
        match partial.make_room(LENGTH, 0, Allocation::BeforeFirstByte).unwrap() {
            Room::Allocated => Some(partial),
            _ => None,
        }
    }

    #[test]
    fn room_is_taken_without_a_change_in_size_and_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let Some(partial) = allocating(&destination) else { return };
        let part = part_of(&destination);
        let (size, room) = size_and_room(&part);
        assert!(size == 0 && room >= LENGTH, "{size} {room}");
        // A file that is begun anew may be a shorter one.
        partial.start_over().unwrap();
        assert_eq!(partial.make_room(LENGTH, 0, Allocation::AsWritten).unwrap(), Room::Enough);
        let (size, room) = size_and_room(&part);
        assert!(size == 0 && room < LENGTH / 2, "{size} {room}");
        assert_eq!(partial.make_room(0, 0, Allocation::BeforeFirstByte).unwrap(), Room::Enough);
    }

    #[test]
    fn a_file_that_is_saved_has_no_more_room_than_its_bytes_need() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let Some(partial) = allocating(&destination) else { return };
        partial.write_at(b"short", 0).unwrap();
        partial.commit(None).unwrap();
        drop(partial);
        let (size, room) = size_and_room(&destination);
        assert!(size == 5 && room < LENGTH / 2, "{size} {room}");
    }

    #[test]
    fn what_is_kept_keeps_its_room_and_counts_it_as_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let Some(partial) = allocating(&destination) else { return };
        partial.write_at(b"hello", 0).unwrap();
        partial.keep(held(5)).unwrap().unwrap();
        drop(partial);
        let (partial, content) = open(&destination);
        assert_eq!(content, Content::Held(held(5)));
        let (size, room) = size_and_room(&part_of(&destination));
        assert!(size == 5 && room >= LENGTH, "{size} {room}");
        assert!(allocated(&partial.file) >= LENGTH);
        assert_eq!(
            partial.make_room(LENGTH, 5, Allocation::BeforeFirstByte).unwrap(),
            Room::Allocated
        );
    }

    #[test]
    fn room_of_a_run_that_was_killed_before_its_first_byte_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let Some(partial) = allocating(&destination) else { return };
        partial.stays.store(true, Ordering::Relaxed);
        drop(partial);
        let (_partial, content) = open(&destination);
        assert_eq!(content, Content::Nothing);
        let (_, room) = size_and_room(&part_of(&destination));
        assert!(room < LENGTH / 2, "{room}");
    }

    #[test]
    fn a_length_that_no_file_may_have_is_refused_and_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("a");
        let (partial, _) = open(&destination);
        partial.write_at(b"hello", 0).unwrap();
        let cause = partial.make_room(u64::MAX / 2, 5, Allocation::BeforeFirstByte).unwrap_err();
        // Most file systems tell how much is free, and it is less.
        assert!(matches!(cause, Cause::NoRoom { .. } | Cause::Disk { .. }), "{cause}");
        let (size, room) = size_and_room(&part_of(&destination));
        assert!(size == 5 && room < LENGTH / 2, "{size} {room}");
    }
}
