//! The ends of jobs as JSON: one object a line, and a last one with the totals.
//!
//! README has the schema; a change that could break who reads it raises [`VERSION`]. What is not known is
//! left out, never null. Every URL and message is redacted before it comes here. No line feed and nothing
//! that acts on a terminal is in a line: such characters are written as escapes, which whoever reads JSON
//! gets back as they were.

mod error;
pub(super) mod events;
pub(super) mod text;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};
use url::Url;

use crate::engine::Mode;
use crate::model::digest::Digest;
use crate::model::event::{Details, Event, Skip, Subject};
use crate::model::failure::Failure;
use crate::model::job::{Job, is_nowhere};
use crate::model::known::Found;
use crate::model::redact::Redacted;
use crate::model::stop::StopReason;
use crate::model::survey::{Place, Replaces};
use crate::model::timestamp::{FileTime, Timestamp};
use crate::model::totals::Totals;

pub(super) use error::Problem;

/// The version of the schema.
pub(super) const VERSION: u32 = 1;

/// Returns the line that an event gets, if it ends a job; with the job's number where other lines have
/// that too.
pub(super) fn line(event: &Event<'_>, is_numbered: bool) -> Option<Vec<u8>> {
    let end = end(event)?;
    let id = end.id.filter(|_| is_numbered);
    Some(text::line(&End { id, ..end }))
}

fn end<'a>(event: &Event<'a>) -> Option<End<'a>> {
    Some(match event {
        Event::Completed { job, path, size, digests, modified, validators, details, .. } => End {
            size: Some(*size),
            digests: Digests(digests),
            mtime: modified.and_then(|time| FileTime(time).text()),
            etag: validators.etag.as_deref(),
            last_modified: validators.last_modified.as_deref(),
            content_type: details.served.and_then(|served| served.content_type.as_deref()),
            ..End::of(job, Status::Completed).at(*path).after(details)
        },
        Event::Found { job, found, details } => End {
            http_status: Some(found.status),
            size: found.size,
            etag: found.validators.etag.as_deref(),
            last_modified: found.validators.last_modified.as_deref(),
            content_type: found.content_type.as_deref(),
            ranges: Some(found.has_ranges),
            ..End::of(job, Status::Found).at(Some(&found.path)).after(details)
        },
        Event::Planned { job, planned } => End {
            reason: match planned.replaces {
                Replaces::Nothing => None,
                Replaces::Always => Some("replace"),
                Replaces::IfChanged => Some("update"),
            },
            size: job.size,
            resumed_from: Some(planned.resumed_from).filter(|&bytes| bytes > 0),
            ..End::of(job, Status::Planned).at(match &planned.place {
                Place::File(path) => Some(path),
                Place::Folder(_) => None,
            })
        },
        Event::Verified { job, path, found, details } => {
            End { status: Status::Verified, ..End::there(job, path, Some(*found)) }.after(details)
        }
        Event::Skipped { job, reason: Skip::Exists { path, found } } => {
            End { reason: Some("exists"), ..End::there(job, path, *found) }
        }
        Event::Skipped { job, reason: Skip::Unchanged { path, found } } => {
            End { reason: Some("unchanged"), ..End::there(job, path, *found) }
        }
        Event::Skipped { job, reason: Skip::Duplicate } => {
            End { reason: Some("duplicate"), ..End::of(job, Status::Skipped) }
        }
        Event::Failed { subject, failure, details } => {
            let end = match subject {
                Subject::Job(job) => End::of(job, Status::Failed),
                Subject::Text(_) => End::of_text(failure),
            };
            End { error: Some(Problem::of(failure)), ..end.after(details) }
        }
        Event::Cancelled { job, details } => End::of(job, Status::Cancelled).after(details),
        _ => return None,
    })
}

/// Returns the last line of a run.
pub(super) fn totals(
    mode: Mode,
    totals: &Totals,
    elapsed: Duration,
    stopped: Option<StopReason>,
) -> Vec<u8> {
    let Totals { completed, verified, skipped, failed, cancelled, bytes, survey, .. } = *totals;
    let told = |of: Mode, number: u64| (mode == of).then_some(number);
    let interrupted = matches!(stopped, Some(StopReason::Signal(_)));
    let stopped = matches!(stopped, Some(StopReason::Failures(_))).then_some("failures");
    let seconds = seconds(elapsed);
    let totals = Sums {
        completed,
        verified: told(Mode::Verify, verified),
        planned: told(Mode::Plan, survey.planned),
        found: told(Mode::Ask, survey.found),
        found_bytes: told(Mode::Ask, survey.bytes),
        found_unsized: told(Mode::Ask, survey.unsized_files),
        skipped,
        failed,
        cancelled,
        bytes,
        seconds,
        interrupted,
        stopped,
    };
    text::line(&Last { haul: VERSION, totals })
}

/// Returns a job's URL as it may be shown, if it has one.
fn shown(url: &Url) -> Option<String> {
    (!is_nowhere(url)).then(|| Redacted(url).to_string())
}

/// Rounds to what a clock tells for sure.
fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Completed,
    Verified,
    Found,
    Planned,
    Skipped,
    Failed,
    Cancelled,
}

/// A job that has ended. The order of the fields is that of the line.
#[derive(Debug, Serialize)]
struct End<'a> {
    haul: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    foreign: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(flatten)]
    digests: Digests<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

impl<'a> End<'a> {
    fn new(url: Option<String>, status: Status) -> Self {
        Self {
            haul: VERSION,
            id: None,
            url,
            mirrors: Vec::new(),
            foreign: false,
            final_url: None,
            path: None,
            path_base64: None,
            status,
            reason: None,
            http_status: None,
            size: None,
            digests: Digests(&[]),
            mtime: None,
            etag: None,
            last_modified: None,
            content_type: None,
            ranges: None,
            attempts: None,
            resumed_from: None,
            started: None,
            seconds: None,
            error: None,
        }
    }

    fn of(job: &Job, status: Status) -> Self {
        let mirrors = job.mirrors.iter().map(|mirror| Redacted(&mirror.url).to_string()).collect();
        let id = Some(job.id.0);
        let foreign = job.is_foreign;
        Self { id, mirrors, foreign, ..Self::new(shown(&job.url), status) }
    }

    /// A file that was there.
    fn there(job: &Job, path: &'a Path, found: Option<&'a Found>) -> Self {
        let digests = found.map_or(&[][..], |found| found.sha256.as_slice());
        let modified = found.and_then(|found| found.modified);
        Self {
            size: found.map(|found| found.size),
            digests: Digests(digests),
            mtime: modified.and_then(|time| FileTime(time).text()),
            ..Self::of(job, Status::Skipped).at(Some(path))
        }
    }

    /// A text that made no job, in what may be shown of it.
    fn of_text(failure: &Failure) -> Self {
        Self::new(Some(failure.subject.clone()), Status::Failed)
    }

    fn at(self, path: Option<&'a Path>) -> Self {
        let Some(path) = path else { return self };
        let text = path.to_str();
        // A path with replacement characters would be another file's.
        let path_base64 =
            text.is_none().then(|| BASE64_STANDARD.encode(path.as_os_str().as_bytes()));
        Self { path: text, path_base64, ..self }
    }

    fn after(self, details: &Details<'_>) -> Self {
        let Some(started) = details.started else { return self };
        Self {
            final_url: details.served.map(|served| Redacted(&served.url).to_string()),
            attempts: Some(details.attempts),
            resumed_from: Some(details.resumed_from).filter(|&bytes| bytes > 0),
            started: Some(Timestamp(started).to_string()),
            seconds: Some(seconds(details.elapsed)),
            ..self
        }
    }
}

/// Digests, each under the name of its algorithm.
#[derive(Debug)]
struct Digests<'a>(&'a [Digest]);

impl Serialize for Digests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.iter().map(|digest| (digest.algorithm().name(), digest.hex())))
    }
}

/// The last line.
#[derive(Debug, Serialize)]
struct Last {
    haul: u32,
    totals: Sums,
}

/// The totals of a run.
#[derive(Debug, Serialize)]
struct Sums {
    completed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found_unsized: Option<u64>,
    skipped: u64,
    failed: u64,
    cancelled: u64,
    bytes: u64,
    seconds: f64,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
}

#[cfg(test)]
mod tests;
