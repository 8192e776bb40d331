//! A lock: what an earlier run brought, as one JSON object for each file.
//!
//! It is the list of those objects, so it can be read as a list of jobs too; here it says what is known of
//! jobs that another list names. Its text is kept as it is, with 16 bytes for each line to find it by.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::model::digest::Digest;
use crate::model::error::Plain;
use crate::model::known::{Known, Locked};
use crate::model::redact::{Redacted, shorten};
use crate::model::timestamp::FileTime;
use crate::model::validator::Validators;
use crate::policy::placement::{Base, Placement};
use crate::policy::target;

/// What a line says.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    out: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    size: Option<u64>,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    etag: Option<Cow<'a, str>>,
    #[serde(borrow)]
    last_modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mtime: Option<Cow<'a, str>>,
    totals: Option<IgnoredAny>,
    event: Option<IgnoredAny>,
}

/// A line of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its file's URL, as far as it is shown.
    pub url: String,
    /// Where its file is, below the folder of all.
    pub place: Placement,
    /// What is known of the file; always locked.
    pub known: Box<Known>,
}

/// A lock that was read.
#[derive(Debug, Default)]
pub struct Lock {
    text: String,
    /// The lines that stand for a file.
    rows: Vec<Range<usize>>,
    /// The hash of each line's URL, with its place in `rows`; ordered.
    index: Vec<(u64, u32)>,
    /// Which lines were asked for.
    taken: Vec<AtomicBool>,
    folder: Base,
    hasher: RandomState,
}

impl Lock {
    /// Reads a lock. A file that is not there yet is an empty one.
    ///
    /// # Errors
    /// Why it cannot be read, for the user; with the line.
    pub fn read(path: &Path, folder: Base) -> Result<Self, String> {
        match std::fs::read(path) {
            Ok(bytes) => Self::parse(bytes, folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::parse(Vec::new(), folder)
            }
            Err(error) => Err(Plain(&error).to_string()),
        }
    }

    fn parse(bytes: Vec<u8>, folder: Base) -> Result<Self, String> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|&byte| byte == b'\n').count();
            format!("line {line} is not UTF-8")
        })?;
        let mut lock = Self { text, folder, ..Self::default() };
        let mut start = 0;
        for (number, line) in lock.text.split_inclusive('\n').enumerate() {
            let range = start..start + line.len();
            start = range.end;
            if line.trim().is_empty() {
                continue;
            }
            let row = row(line.trim(), &lock.folder)
                .map_err(|reason| format!("line {}: {reason}", number + 1))?;
            if let Some(row) = row {
                let place = u32::try_from(lock.rows.len()).map_err(|_| "too many lines")?;
                lock.index.push((lock.hasher.hash_one(row.url.as_str()), place));
                lock.rows.push(range);
                lock.taken.push(AtomicBool::new(false));
            }
        }
        lock.index.sort_unstable();
        Ok(lock)
    }

    /// Returns what is locked for a URL. Of several files with it the one at `place`, if that is known; else
    /// the first that nobody has asked for, whose time says nothing about a file elsewhere.
    pub fn take(&self, url: &Url, place: Option<&Placement>) -> Option<Row> {
        let shown = Redacted(url).to_string();
        // Without its secrets it may be one of several, of which each has another file.
        let needs_place = place.is_some() && shown != url.as_str();
        let url = &*shown;
        let hash = self.hasher.hash_one(url);
        let first = self.index.partition_point(|&(other, _)| other < hash);
        let same = self.index[first..].iter().take_while(|(other, _)| *other == hash);
        let mut other = None;
        for &(_, number) in same {
            let number = number as usize;
            // It could be read when the lock was.
            let Ok(Some(row)) = row(self.line(number), &self.folder) else { continue };
            if row.url != url {
                continue;
            }
            if place == Some(&row.place) {
                other = Some((number, row));
                break;
            }
            if other.is_none() && !needs_place && !self.taken[number].load(Ordering::Relaxed) {
                other = Some((number, row));
            }
        }
        let (number, mut row) = other?;
        if place.is_some_and(|place| *place != row.place)
            && let Some(locked) = &mut row.known.locked
        {
            locked.modified = None;
        }
        self.taken[number].store(true, Ordering::Relaxed);
        Some(row)
    }

    /// Returns the lines that nobody has asked for, each without its end.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        let rows = 0..self.rows.len();
        rows.filter(|&row| !self.taken[row].load(Ordering::Relaxed)).map(|row| self.line(row))
    }

    fn line(&self, number: usize) -> &str {
        self.text[self.rows[number].clone()].trim()
    }
}

/// Reads a line; `None` for one that stands for no file that is complete.
fn row(line: &str, folder: &Base) -> Result<Option<Row>, String> {
    let object: Object<'_> = serde_json::from_str(line).map_err(|error| {
        format!(
            "not a JSON object: {}",
            error.to_string().replace(" at line 1 column ", " at byte ")
        )
    })?;
    let is_incomplete = matches!(
        object.status.as_deref(),
        Some(status) if !matches!(status, "completed" | "skipped" | "verified")
    );
    if object.totals.is_some() || object.event.is_some() || is_incomplete {
        return Ok(None);
    }
    let url = object.url.ok_or("no `url`")?;
    // By hand it may be written in another way.
    let url = match target::parse(&url) {
        Ok(target) => Redacted(&target.url).to_string(),
        Err(_) => url.into_owned(),
    };
    let (Some(size), Some(sha256)) = (object.size, &object.sha256) else {
        // A file that was skipped without a look at it.
        return if object.status.is_some() {
            Ok(None)
        } else {
            Err("`size` or `sha256` is missing".to_owned())
        };
    };
    let sha256: Digest = format!("sha256:{sha256}")
        .parse()
        .map_err(|_| format!("`{}` is no SHA-256", shorten(sha256)))?;
    let place = match (&object.out, &object.path) {
        (Some(out), _) => Placement::file(out.as_bytes())?,
        (None, Some(path)) => Placement::file(folder.below(path).as_bytes())?,
        (None, None) => return Err("`out` is missing".to_owned()),
    };
    let modified =
        object.mtime.map(|time| time.parse::<FileTime>()).transpose()?.map(|time| time.0);
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    let validators = Validators {
        etag: owned(object.etag),
        last_modified: owned(object.last_modified),
        date: None,
    };
    let locked = Locked { size, sha256, modified, line: line.into() };
    Ok(Some(Row { url, place, known: Box::new(Known { validators, locked: Some(locked) }) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn lock(lines: &[String]) -> Lock {
        let folder = Base { given: "d".into(), absolute: "/here/d".into() };
        Lock::parse(lines.join("\n").into_bytes(), folder).unwrap()
    }

    fn line(url: &str, out: &str, size: u64) -> String {
        format!(r#"{{"haul":1,"url":"{url}","out":"{out}","size":{size},"sha256":"{SUM}"}}"#)
    }

    fn size(row: &Row) -> u64 {
        row.known.locked.as_ref().unwrap().size
    }

    #[test]
    fn a_file_is_found_by_its_url_and_its_place() {
        let lock = lock(&[
            line("http://a/x", "x", 1),
            line("http://b/x", "x.1", 2),
            line("http://b/x", "sub/x", 3),
            line("http://c/x", "y", 4),
        ]);
        let place = |path: &str| Placement::file(path.as_bytes()).unwrap();
        let take = |url: &str, path: Option<&str>| {
            let url = Url::parse(url).unwrap();
            lock.take(&url, path.map(place).as_ref()).map(|row| size(&row))
        };
        assert_eq!(take("http://a/x", Some("x")), Some(1));
        assert_eq!(take("http://b/x", Some("sub/x")), Some(3));
        // One that is put elsewhere must still be what was locked.
        assert_eq!(take("http://b/x", Some("z")), Some(2));
        assert_eq!(take("http://b/x", Some("z")), None);
        assert_eq!(take("http://b/x", Some("x.1")), Some(2));
        assert_eq!(take("http://d/x", None), None);
        assert_eq!(lock.rest().collect::<Vec<_>>(), [line("http://c/x", "y", 4)]);
        assert_eq!(take("http://c/x", None), Some(4));
        assert_eq!(lock.rest().count(), 0);
    }

    #[test]
    fn a_line_by_hand_is_found_however_its_url_is_written() {
        let lock = lock(&[line("HTTP://A:80/y/../x", "x", 1), line("a.example", "y", 2)]);
        for (url, locked) in [("http://a/x", 1), ("https://a.example/", 2)] {
            let row = lock.take(&Url::parse(url).unwrap(), None).unwrap();
            assert_eq!(size(&row), locked);
        }
    }

    #[test]
    fn a_file_elsewhere_is_not_known_by_its_time() {
        let timed = |out: &str, query: &str| {
            let mtime = r#","mtime":"2026-08-24T13:19:19Z"}"#;
            line(&format!("http://a/x{query}"), out, 1).replace('}', mtime)
        };
        let lock = lock(&[timed("x", ""), timed("y", "?token=***")]);
        let take = |url: &str, path: &str| {
            let place = Placement::file(path.as_bytes()).unwrap();
            let row = lock.take(&Url::parse(url).unwrap(), Some(&place))?;
            Some(row.known.locked.unwrap().modified.is_some())
        };
        assert_eq!(take("http://a/x", "z"), Some(false));
        assert_eq!(take("http://a/x", "x"), Some(true));
        // Which of the files with such a URL it is, only its place tells.
        assert_eq!(take("http://a/x?token=1", "z"), None);
        assert_eq!(take("http://a/x?token=2", "y"), Some(true));
    }

    #[test]
    fn what_haul_prints_is_a_lock_too() {
        let printed = [
            format!(
                r#"{{"url":"http://a/x","path":"d/s/x","status":"completed","size":3,"sha256":"{SUM}",
                "etag":"\"e\"","last_modified":"l","mtime":"2026-08-24T13:19:19.5Z"}}"#
            )
            .replace('\n', ""),
            r#"{"url":"http://a/y","status":"failed","error":{"kind":"status"}}"#.to_owned(),
            r#"{"url":"http://a/z","path":"d/z","status":"skipped","reason":"exists"}"#.to_owned(),
            r#"{"event":"started","url":"http://a/z"}"#.to_owned(),
            String::new(),
            r#"{"totals":{"completed":1}}"#.to_owned(),
        ];
        let lock = lock(&printed);
        assert_eq!(lock.rest().count(), 1);
        let Row { place, known, .. } = lock.take(&Url::parse("http://a/x").unwrap(), None).unwrap();
        assert_eq!(place, Placement::file(b"s/x").unwrap());
        assert_eq!(known.validators.etag.as_deref(), Some("\"e\""));
        assert_eq!(known.validators.last_modified.as_deref(), Some("l"));
        let locked = known.locked.unwrap();
        assert_eq!(locked.sha256, SUM.parse().unwrap());
        assert_eq!(
            Some(FileTime(locked.modified.unwrap())),
            "2026-08-24T13:19:19.500Z".parse().ok()
        );
        assert_eq!(&*locked.line, printed[0]);
    }

    #[test]
    fn a_line_that_locks_nothing_is_named() {
        #[track_caller]
        fn case(second: &str, why: &str) {
            let text = format!("{}\n{second}", line("http://a/x", "x", 1));
            let told = Lock::parse(text.into_bytes(), Base::default()).unwrap_err();
            assert!(told.starts_with("line 2") && told.contains(why), "{told}");
        }
        case("http://a/x", "not a JSON object");
        case(r#"{"size":1}"#, "no `url`");
        case(r#"{"url":"http://a/x","out":"x","size":1}"#, "`sha256` is missing");
        case(r#"{"url":"http://a/x","out":"x","size":1,"sha256":"00"}"#, "`00` is no SHA-256");
        case(&line("http://a/x", "../x", 1), "`..`");
        case(&line("http://a/x", "/x", 1), "is absolute");
        let late = format!(r#"{{"url":"u","out":"x","size":1,"sha256":"{SUM}","mtime":"now"}}"#);
        case(&late, "`now` is not a time");
        let bytes = [line("u", "x", 1).as_bytes(), b"\n\xff"].concat();
        assert_eq!(Lock::parse(bytes, Base::default()).unwrap_err(), "line 2 is not UTF-8");
    }

    proptest! {
        #[test]
        fn any_file_returns(bytes: Vec<u8>, end: String) {
            let _ = Lock::parse(bytes, Base::default());
            let _ = Lock::parse(format!("{{\"url\":\"http://a/x\",{end}").into_bytes(), Base::default());
        }
    }
}
