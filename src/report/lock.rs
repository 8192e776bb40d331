//! `--lock`: what a run brought, for later runs to hold to.
//!
//! One object for each file that is complete, in the order of the list, and nothing in it that changes
//! when nothing else does. What is not known anew keeps the line that it had.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::disk::draft::Draft;
use crate::disk::spill::Spill;
use crate::input::lock::Lock;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::event::{Event, Skip, Subject};
use crate::model::job::{Job, JobId};
use crate::model::known::{Found, Locked};
use crate::model::redact::Redacted;
use crate::model::timestamp::FileTime;
use crate::model::validator::Validators;
use crate::report::json;

/// The lock on its way.
#[derive(Debug)]
pub struct LockFile {
    /// Who wants more lines, or why they cannot be kept; held to add one, which may wait for the disk.
    lines: Mutex<Option<Result<Spill, Cause>>>,
    draft: Mutex<Option<Draft>>,
    /// What was there before.
    before: Arc<Lock>,
    /// The folder of all files.
    folder: PathBuf,
    /// Whether the list was read to its end.
    is_ended: AtomicBool,
    /// Whether a line or a list could not be read, so that nobody knows what else it wanted.
    is_cut: AtomicBool,
}

impl LockFile {
    /// Begins a lock that will replace the one before.
    pub fn new(draft: Draft, lines: Spill, before: Arc<Lock>, folder: PathBuf) -> Self {
        Self {
            lines: Mutex::new(Some(Ok(lines))),
            draft: Mutex::new(Some(draft)),
            before,
            folder,
            is_ended: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
        }
    }

    /// Takes note of an event.
    pub(super) fn event(&self, event: &Event<'_>) {
        match event {
            Event::ListEnded => self.is_ended.store(true, Ordering::Relaxed),
            Event::Failed { subject: Subject::Text(_), .. } => {
                self.is_cut.store(true, Ordering::Relaxed);
            }
            Event::Completed {
                job, path: Some(path), size, digests, modified, validators, ..
            } => {
                let found = Found {
                    size: *size,
                    modified: *modified,
                    sha256: Digest::sha256_of(digests).cloned(),
                };
                self.add(job.id, &self.row(job, path, &found, validators));
            }
            // Its end, which follows, tells no more of the file.
            Event::Kept { job, path, found, validators } => {
                self.add(job.id, &self.row(job, path, found, validators));
            }
            Event::Skipped {
                job,
                reason:
                    Skip::Exists { path, found: Some(found) }
                    | Skip::Unchanged { path, found: Some(found) },
            } => {
                let none = Validators::default();
                let known = job.known.as_ref();
                let validators = known.map_or(&none, |known| &known.validators);
                match locked(job) {
                    Some(locked) if locked.is_untouched(found) => self.keep(job.id, locked),
                    _ => self.add(job.id, &self.row(job, path, found, validators)),
                }
            }
            Event::Failed { subject: Subject::Job(job), .. }
            | Event::Cancelled { job, .. }
            | Event::Unstarted { job } => {
                if let Some(locked) = locked(job) {
                    self.keep(job.id, locked);
                }
            }
            _ => {}
        }
    }

    fn keep(&self, id: JobId, locked: &Locked) {
        self.add(id, &format!("{}\n", locked.line).into_bytes());
    }

    fn add(&self, id: JobId, line: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(spill)) = &mut *lines
            && let Err(cause) = spill.add(id.0, line)
        {
            *lines = Some(Err(cause));
        }
    }

    /// Returns a file's line. A file whose name is not text cannot be locked, and gets an empty one.
    fn row(&self, job: &Job, path: &Path, found: &Found, validators: &Validators) -> Vec<u8> {
        let below = path.strip_prefix(&self.folder).unwrap_or(path);
        let (Some(out), Some(sha256)) = (below.to_str(), &found.sha256) else { return Vec::new() };
        let mirrors = job.mirrors.iter().map(|mirror| Redacted(&mirror.url).to_string()).collect();
        json::text::line(&Row {
            haul: json::VERSION,
            url: Redacted(&job.url).to_string(),
            mirrors,
            foreign: job.is_foreign,
            out,
            size: found.size,
            sha256: sha256.hex(),
            etag: validators.etag.as_deref(),
            last_modified: validators.last_modified.as_deref(),
            mtime: found.modified.and_then(|time| FileTime(time).text()),
        })
    }

    /// Ends the lock and gives the file its name. What was locked before and is of no job of this run is kept
    /// only where not all jobs are known.
    ///
    /// # Errors
    /// [`Cause::Disk`]; then the lock is what it was.
    pub(super) fn finish(&self) -> Result<(), Cause> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(lines), Some(mut draft)) = (lines, draft) else { return Ok(()) };
        lines?.give(|line| draft.append(line))?;
        if !self.is_ended.load(Ordering::Relaxed) || self.is_cut.load(Ordering::Relaxed) {
            for line in self.before.rest() {
                draft.append(line.as_bytes())?;
                draft.append(b"\n")?;
            }
        }
        draft.commit()
    }
}

/// What the lock held a job's file to.
fn locked(job: &Job) -> Option<&Locked> {
    job.known.as_ref()?.locked.as_ref()
}

/// Says how a file that came is another than the one that was locked, if it is.
pub(super) fn change(event: &Event<'_>) -> Option<String> {
    let Event::Completed { job, size, digests, .. } = event else { return None };
    let sha256 = Digest::sha256_of(digests)?;
    let locked = locked(job).filter(|locked| locked.sha256 != *sha256)?;
    let sizes = match (locked.size, *size) {
        (old, new) if old == new => String::new(),
        (old, new) => format!("{old} -> {new} bytes, "),
    };
    let (url, old) = (Redacted(&job.url), short(&locked.sha256));
    Some(format!("changed {url}: {sizes}sha256 {old} -> {}\n", short(sha256)))
}

/// What is enough for the eye.
fn short(digest: &Digest) -> String {
    format!("{:.12}...", digest.hex())
}

/// A line. The order of the fields is that of the line.
#[derive(Debug, Serialize)]
struct Row<'a> {
    haul: u32,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    foreign: bool,
    out: &'a str,
    size: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
}
