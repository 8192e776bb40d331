//! The resume record: what a partial file holds, written beside it.
//!
//! It is written after the data it speaks of and replaced by a rename, so that a process that is
//! killed at any moment leaves a record that is true, if maybe a little old. It is untrusted input
//! all the same: what is not understood, of another file's URL, or larger than the partial file counts
//! as no record.
//!
//! A record says in which boot of the machine it was written. Data that was written but not synced is
//! there after the process dies, but need not be after the machine does; so a record of an earlier
//! boot counts only if the data was synced before it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::model::range::ByteRange;
use crate::model::range_set::RangeSet;
use crate::model::validator::Validators;
use crate::policy::resume::Held;

/// What is put behind the partial file's name.
pub(super) const SUFFIX: &str = ".haul";

/// What is put behind that while a new record is written.
const NEW_SUFFIX: &str = "~";

/// The form that this version writes and reads.
const VERSION: u32 = 1;

/// A record is far smaller, whatever its URL and its validators; more is not read.
const MAX_BYTES: u64 = 256 * 1024;

/// What a partial file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// [`VERSION`]. First, and the name says whose it is.
    haul_part: u32,
    /// The URL that the bytes came from, as the user gave it, redacted.
    pub(super) url: String,
    /// The length of the whole representation.
    pub(super) length: Option<u64>,
    /// Validators as they came.
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) date: Option<String>,
    /// Content-Encoding as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coding: Option<String>,
    /// The URL that redirects led to, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Finished ranges, half-open, ascending, apart from one another.
    ranges: Vec<(u64, u64)>,
    /// The boot of the machine in which it was written.
    boot: String,
    /// Whether the data was synced before this was written.
    synced: bool,
}

/// Why a record is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disbelief {
    /// It cannot be read, or is not a record.
    Damaged,
    /// It is of an earlier boot, and the data was not synced.
    EarlierBoot,
    /// There is none.
    Missing,
    /// A newer version of haul wrote it.
    Newer,
    /// It speaks of another URL.
    OtherUrl,
    /// It speaks of more than the partial file has.
    TooLarge,
}

impl fmt::Display for Disbelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "its record is damaged",
            Self::EarlierBoot => "the machine was restarted before its data was synced",
            Self::Missing => "it has no record",
            Self::Newer => "its record is of a newer version of haul",
            Self::OtherUrl => "it is of another URL",
            Self::TooLarge => "it is shorter than its record says",
        })
    }
}

impl Record {
    /// Makes a record of what is held, which came from `url` unless it says otherwise.
    pub(super) fn new(url: &str, held: &Held, synced: bool) -> Self {
        let Validators { etag, last_modified, date } = held.validators.clone();
        Self {
            haul_part: VERSION,
            url: held.elsewhere.as_deref().unwrap_or(url).to_owned(),
            length: held.length,
            etag,
            last_modified,
            date,
            coding: held.coding.clone(),
            target: held.target.clone(),
            ranges: held.ranges.ranges().iter().map(|range| (range.start, range.end)).collect(),
            boot: boot_id().to_owned(),
            synced,
        }
    }

    /// Reads the record of a partial file of `part_bytes` and checks it. `url` is asked now, `others`
    /// are more URLs of the same file.
    pub(super) fn read(
        part: &Path,
        url: &str,
        others: &[String],
        part_bytes: u64,
    ) -> Result<Held, Disbelief> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path_of(part))
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Disbelief::Missing,
                _ => Disbelief::Damaged,
            })?;
        let mut text = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut text).map_err(|_| Disbelief::Damaged)?;
        let record: Self = match serde_json::from_slice(&text) {
            Ok(record) => record,
            Err(_) => return Err(newer(&text).unwrap_or(Disbelief::Damaged)),
        };
        record.check(url, others, part_bytes)
    }

    fn check(self, url: &str, others: &[String], part_bytes: u64) -> Result<Held, Disbelief> {
        if self.haul_part > VERSION {
            return Err(Disbelief::Newer);
        }
        if self.url != url && !others.contains(&self.url) {
            return Err(Disbelief::OtherUrl);
        }
        if !self.synced && (self.boot.is_empty() || self.boot != boot_id()) {
            return Err(Disbelief::EarlierBoot);
        }
        let ranges = self.ranges.iter().map(|&(start, end)| ByteRange { start, end });
        let ranges = RangeSet::from_ascending(ranges).ok_or(Disbelief::Damaged)?;
        if ranges.end() > part_bytes {
            return Err(Disbelief::TooLarge);
        }
        if self.length.is_some_and(|length| ranges.end() > length) {
            return Err(Disbelief::Damaged);
        }
        let validators =
            Validators { etag: self.etag, last_modified: self.last_modified, date: self.date };
        let elsewhere = Some(self.url).filter(|from| from != url);
        let Self { length, coding, target, .. } = self;
        Ok(Held { ranges, length, validators, coding, elsewhere, target })
    }

    /// Replaces the record of a partial file.
    pub(super) fn write(&self, part: &Path, sync: bool) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::from)?;
        let path = path_of(part);
        let new = with_suffix(&path, NEW_SUFFIX);
        let written = write_new(&new, &text, sync).and_then(|()| {
            super::checkpoint("record-written");
            Ok(rustix::fs::rename(&new, &path)?)
        });
        if written.is_err() {
            // Nothing can be told from here, and the next one is made where this one was.
            let _ = std::fs::remove_file(&new);
        }
        written
    }
}

/// Removes the record of a partial file, if there is one, and what is left of an unfinished
/// replacement. A record that cannot be removed is disbelieved, or overwritten, by the next run.
pub(super) fn remove(part: &Path) {
    remove_orphan(part);
    let _ = std::fs::remove_file(with_suffix(&path_of(part), NEW_SUFFIX));
}

/// Removes a record that has no partial file; without data nobody was replacing it.
pub(super) fn remove_orphan(part: &Path) {
    let path = path_of(part);
    // Looking takes no lock of the folder, removing does, and there is hardly ever one.
    if path.symlink_metadata().is_ok() {
        let _ = std::fs::remove_file(path);
    }
}

/// Returns the path of a partial file's record.
pub(super) fn path_of(part: &Path) -> PathBuf {
    with_suffix(part, SUFFIX)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

fn write_new(path: &Path, text: &[u8], sync: bool) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(text)?;
    if sync {
        file.sync_data()?;
    }
    Ok(())
}

/// Makes a new file where nothing is, or where an unfinished one was left; follows no link.
fn create(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            open()
        }
        result => result,
    }
}

/// Tells a record of a newer version, whose other fields may be anything, from a damaged one.
fn newer(text: &[u8]) -> Option<Disbelief> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    let version = value.get("haul_part")?.as_u64()?;
    (version > u64::from(VERSION)).then_some(Disbelief::Newer)
}

/// Returns what tells this boot of the machine from others; empty where the system does not tell,
/// and then no record that was not synced is believed. It is the same for as long as a process lives.
fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held() -> Held {
        let validators = Validators { etag: Some("\"v1\"".to_owned()), ..Validators::default() };
        Held {
            ranges: RangeSet::prefix_of(40),
            length: Some(100),
            validators,
            coding: Some("gzip".to_owned()),
            elsewhere: None,
            target: Some("http://h/there".to_owned()),
        }
    }

    fn read(text: &[u8]) -> Result<Held, Disbelief> {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("a.part");
        std::fs::write(path_of(&part), text).unwrap();
        Record::read(&part, "http://h/a", &[], 50)
    }

    fn json(change: impl FnOnce(&mut Record)) -> Vec<u8> {
        let mut record = Record::new("http://h/a", &held(), false);
        change(&mut record);
        serde_json::to_vec(&record).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("a.part");
        let record = Record::new("http://h/a", &held(), false);
        record.write(&part, false).unwrap();
        record.write(&part, true).unwrap();
        assert_eq!(Record::read(&part, "http://h/a", &[], 40), Ok(held()));
        remove(&part);
        assert_eq!(Record::read(&part, "http://h/a", &[], 40), Err(Disbelief::Missing));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_record_says_which_mirror_the_bytes_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("a.part");
        let (ours, theirs) = ("http://h/a", "http://other/a".to_owned());
        Record::new(&theirs, &held(), false).write(&part, false).unwrap();
        assert_eq!(Record::read(&part, ours, &[], 40), Err(Disbelief::OtherUrl));
        let read = || Record::read(&part, ours, std::slice::from_ref(&theirs), 40).unwrap();
        let elsewhere = Held { elsewhere: Some(theirs.clone()), ..held() };
        assert_eq!(read(), elsewhere);
        // Bytes that nothing was added to stay those of the mirror that they came from.
        Record::new(ours, &elsewhere, false).write(&part, false).unwrap();
        assert_eq!(read(), elsewhere);
        let both = [ours.to_owned(), theirs.clone()];
        assert_eq!(Record::read(&part, &theirs, &both, 40), Ok(held()));
    }

    #[test]
    fn records_that_cannot_be_trusted_are_not() {
        assert_eq!(read(b""), Err(Disbelief::Damaged));
        assert_eq!(read(b"{\"haul_part\":1}"), Err(Disbelief::Damaged));
        assert_eq!(read(b"{\"haul_part\":2,\"new\":[]}"), Err(Disbelief::Newer));
        assert_eq!(read(&json(|record| record.haul_part = 7)), Err(Disbelief::Newer));
        assert_eq!(read(&json(|record| record.url.push('x'))), Err(Disbelief::OtherUrl));
        assert_eq!(read(&json(|record| record.boot.push('x'))), Err(Disbelief::EarlierBoot));
        assert_eq!(read(&json(|record| record.ranges = vec![(0, 51)])), Err(Disbelief::TooLarge));
        assert_eq!(read(&json(|record| record.length = Some(39))), Err(Disbelief::Damaged));
        assert_eq!(read(&json(|record| record.ranges = vec![(9, 9)])), Err(Disbelief::Damaged));
        let crossing = vec![(0, 20), (10, 30)];
        assert_eq!(read(&json(|record| record.ranges = crossing)), Err(Disbelief::Damaged));
        let synced = json(|record| {
            record.boot = "another".to_owned();
            record.synced = true;
        });
        assert_eq!(read(&synced), Ok(held()));
        let holes = read(&json(|record| record.ranges = vec![(5, 9), (20, 30)])).unwrap();
        assert_eq!((holes.ranges.prefix(), holes.ranges.len()), (0, 14));
    }

    proptest! {
        #[test]
        fn any_record_returns(text: Vec<u8>) {
            let _ = read(&text);
        }
    }
}
