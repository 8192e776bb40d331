//! What needs no server: `file:` (RFC 8089) and `data:` (RFC 2397) URLs, answered as a good server would.
//!
//! A file has a strong ETag of what the system knows of it, and serves ranges and conditions; so all that
//! holds for files of servers holds for it. One that changes while it is read is found out at its end.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::SystemTime;

use data_url::DataUrl;
use rustix::fs::OFlags;
use url::Url;

use crate::http::client::{Method, Request, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::validator::Validators;
use crate::policy::update::Condition;

/// A body that this machine has.
pub(super) struct Local {
    bytes: Bytes,
    left: u64,
}

enum Bytes {
    File { file: File, path: PathBuf, before: Metadata },
    Text(Cursor<Vec<u8>>),
}

impl Local {
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        if self.left == 0 {
            return self.end().map(|()| 0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = match &mut self.bytes {
            Bytes::File { file, .. } => read(file, &mut buffer[..most]),
            Bytes::Text(text) => read(text, &mut buffer[..most]),
        };
        match read.map_err(|error| self.failed(error))? {
            0 => Err(self.failed(io::Error::other(CHANGED))),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }

    fn end(&self) -> Result<(), Cause> {
        let Bytes::File { file, before, .. } = &self.bytes else { return Ok(()) };
        let now = file.metadata().map_err(|error| self.failed(error))?;
        if tag(&now) == tag(before) {
            return Ok(());
        }
        Err(self.failed(io::Error::other(CHANGED)))
    }

    fn failed(&self, source: io::Error) -> Cause {
        let path = match &self.bytes {
            Bytes::File { path, .. } => path.clone(),
            Bytes::Text(_) => PathBuf::new(),
        };
        Cause::Disk { action: "read", path, source }
    }
}

const CHANGED: &str = "it was changed meanwhile";

fn read(mut from: impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Returns whether a URL needs no server.
pub(super) fn is_local(url: &Url) -> bool {
    matches!(url.scheme(), "data" | "file")
}

/// Answers a request for a URL that needs no server.
///
/// # Errors
/// [`Cause::Disk`], [`Cause::BadUrl`].
pub(super) fn get(request: &Request<'_>) -> Result<Response, Cause> {
    match request.url.scheme() {
        "data" => data(request.url),
        _ => file(request),
    }
}

fn data(url: &Url) -> Result<Response, Cause> {
    let bad = |reason: &str| {
        let reason = format!("not a data: URL: {reason}");
        Cause::BadUrl { reason, hint: Some("one looks like data:text/plain,hello".to_owned()) }
    };
    let url = DataUrl::process(url.as_str()).map_err(|_| bad("it has no comma"))?;
    let (bytes, _) = url.decode_to_vec().map_err(|_| bad("its base64 is damaged"))?;
    let length = bytes.len() as u64;
    let head = Head::local(200, length, Validators::default(), None);
    let body = Local { bytes: Bytes::Text(Cursor::new(bytes)), left: length };
    Ok(Response::local(head, body))
}

fn file(request: &Request<'_>) -> Result<Response, Cause> {
    let bad = || Cause::BadUrl {
        reason: "a file: URL of another machine".to_owned(),
        hint: Some("one of this machine looks like file:///folder/name".to_owned()),
    };
    let path = request.url.to_file_path().map_err(|()| bad())?;
    let failed = |source| Cause::Disk { action: "read", path: path.clone(), source };
    // A FIFO must not hold the worker up; it is none of the files that can be copied.
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    let opened = File::options().read(true).custom_flags(flags).open(&path);
    let mut file = opened.map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    if !before.is_file() {
        // As a cause of its own, not one of destinations: no source is to be removed.
        let what = if before.is_dir() { "it is a folder" } else { "it is a device" };
        return Err(failed(io::Error::other(what)));
    }
    let modified = before.modified().ok();
    let validators = Validators {
        etag: Some(tag(&before)),
        last_modified: modified.map(httpdate::fmt_http_date),
        date: Some(httpdate::fmt_http_date(SystemTime::now())),
    };
    let length = before.len();
    let is_met = |condition: &Condition| match condition {
        Condition::NoneMatch(etag) => validators.etag.as_ref() == Some(etag),
        Condition::ModifiedSince(since) => validators.modified().is_some_and(|at| at <= *since),
    };
    let (status, start, end) = match (request.condition, request.rest) {
        (Some(condition), _) if is_met(condition) => (304, 0, 0),
        (_, Some(Rest { from, to, validator }))
            if from < length && (validator.is_none() || validators.strong() == validator) =>
        {
            (206, from, to.map_or(length, |to| to.min(length)))
        }
        _ => (200, 0, length),
    };
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    // To HEAD as much is told, and nothing of it sent.
    let length_told = end.saturating_sub(start);
    let left = if request.method == Method::Head { 0 } else { length_told };
    let range = (status == 206).then(|| format!("bytes {start}-{}/{length}", end - 1));
    let head = Head::local(status, length_told, validators, range);
    let path = path.clone();
    Ok(Response::local(head, Local { bytes: Bytes::File { file, path, before }, left }))
}

/// What tells a version of a file from others.
fn tag(found: &Metadata) -> String {
    let (dev, ino) = (found.dev(), found.ino());
    let (modified, changed) =
        ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    let size = found.size();
    format!(
        "\"{dev:x}-{ino:x}-{size:x}-{:x}.{:x}-{:x}.{:x}\"",
        modified.0, modified.1, changed.0, changed.1
    )
}
