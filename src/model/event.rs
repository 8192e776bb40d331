//! What the engine tells: the contract between it and whoever shows a run.
//!
//! Events are facts in the past tense. A worker calls [`Observer::event`] in its own thread, and may
//! be held there while a slow reader of standard output takes its time: that is the back-pressure,
//! and it is right. Facts of a job's life are never dropped. For one job the order is
//! `Listed`, then for each attempt `Started` and any of `Requested`, `Responded`, `Redirected`,
//! `Noted`, `Helped` (each with its `HelpEnded`), and between two attempts `Retrying` or `Switched`; then any
//! of `Said` and a `Kept`; at last exactly one of `Completed`, `Skipped`, `Failed`, `Cancelled` or `Unstarted`; in a run
//! that downloads nothing `Verified`, `Planned` or `Found` in the place of `Completed`. A job that needs no
//! transfer has no `Started`. `ListEnded`
//! comes after the last `Listed`.
//!
//! How far a transfer is does not come as events: `Started` carries an [`Progress`] that the worker
//! goes on writing and the observer may read whenever it draws.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use url::Url;

use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::failure::Failure;
use crate::model::job::Job;
use crate::model::known::Found;
use crate::model::progress::Progress;
use crate::model::range::ByteRange;
use crate::model::survey::{self, Planned};
use crate::model::validator::Validators;

/// A fact about a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A job was read from the input.
    Listed,
    /// The input has ended: no job follows that has not been listed.
    ListEnded,
    /// A transfer began to wait for its server.
    Started {
        /// The job.
        job: &'a Job,
        /// The name to show, as known before the response.
        name: &'a str,
        /// Where the worker says how far it is.
        progress: &'a Arc<Progress>,
    },
    /// A request is about to be sent.
    Requested {
        /// The job.
        job: &'a Job,
        /// The method.
        method: &'static str,
        /// What is asked for, in the end of redirects so far.
        url: &'a Url,
    },
    /// A response's header has come.
    Responded {
        /// The job.
        job: &'a Job,
        /// The status code.
        status: u16,
        /// The body's length, if it was told.
        length: Option<u64>,
    },
    /// A redirect is followed.
    Redirected {
        /// The job.
        job: &'a Job,
        /// The status code.
        status: u16,
        /// Where it leads.
        to: &'a Url,
    },
    /// An idle worker began to help with a transfer.
    Helped {
        /// The job.
        job: &'a Job,
        /// The worker's number, from 1.
        worker: usize,
        /// The bytes that it is to bring; others may take some of them over.
        range: ByteRange,
        /// The job's URL that it asks.
        from: &'a Url,
    },
    /// It ended that, with all that it was to bring or not.
    HelpEnded {
        /// The job.
        job: &'a Job,
        /// The worker's number.
        worker: usize,
        /// The bytes that it received.
        received: u64,
    },
    /// Something worth a line for who asked for many (`-v`).
    Noted {
        /// The job.
        job: &'a Job,
        /// The line.
        text: &'a str,
    },
    /// The command that is run for the file wrote a line.
    Said {
        /// The job.
        job: &'a Job,
        /// The line.
        text: &'a str,
    },
    /// The file is complete and under its final name, but its command failed, and with it the job.
    Kept {
        /// The job.
        job: &'a Job,
        /// The file.
        path: &'a Path,
        /// What is known of it.
        found: &'a Found,
        /// What told this version of it from others.
        validators: &'a Validators,
    },
    /// The file is complete and under its final name, or all of the body is on standard output.
    Completed {
        /// The job.
        job: &'a Job,
        /// The file, or `None` for standard output.
        path: Option<&'a Path>,
        /// Its size in bytes.
        size: u64,
        /// The bytes received by this run for it; fewer than its size when an earlier one began it.
        received: u64,
        /// The digests of all of it that this run tells.
        digests: &'a [Digest],
        /// When the file on the disk was modified, in a run that tells details.
        modified: Option<SystemTime>,
        /// What told this version of it from others.
        validators: &'a Validators,
        /// How it went.
        details: Details<'a>,
    },
    /// The server has the file.
    Found {
        /// The job.
        job: &'a Job,
        /// What is told of it.
        found: &'a survey::Found,
        /// How it went.
        details: Details<'a>,
    },
    /// The job would be done.
    Planned {
        /// The job.
        job: &'a Job,
        /// How.
        planned: &'a Planned,
    },
    /// An attempt failed and another will follow.
    Retrying {
        /// The job.
        job: &'a Job,
        /// The mirror that failed.
        url: &'a Url,
        /// Why it failed.
        cause: &'a Cause,
        /// How long the next attempt waits.
        after: Duration,
        /// Its number, from 1 for the first retry; an attempt that made progress begins anew.
        retry: u32,
        /// How many retries without progress there may be.
        retries: u32,
    },
    /// An attempt failed and another follows, at another mirror.
    Switched {
        /// The job.
        job: &'a Job,
        /// The mirror that failed.
        url: &'a Url,
        /// Why it failed.
        cause: &'a Cause,
        /// The mirror that is asked next.
        to: &'a Url,
        /// Whether the one that failed will not be asked again.
        is_dropped: bool,
    },
    /// The file on the disk is what it must be.
    Verified {
        /// The job.
        job: &'a Job,
        /// The file.
        path: &'a Path,
        /// What is known of it.
        found: &'a Found,
        /// How it went.
        details: Details<'a>,
    },
    /// Nothing had to be done.
    Skipped {
        /// The job.
        job: &'a Job,
        /// Why.
        reason: Skip<'a>,
    },
    /// The job failed.
    Failed {
        /// What failed.
        subject: Subject<'a>,
        /// What and why, in words that may be shown.
        failure: &'a Failure,
        /// How it went.
        details: Details<'a>,
    },
    /// The run was stopped while this job was under way, or the disk was full before its turn came.
    Cancelled {
        /// The job.
        job: &'a Job,
        /// How it went.
        details: Details<'a>,
    },
    /// The run was stopped before this job's turn came. It is in no totals: how many jobs wait for their
    /// turn says nothing.
    Unstarted {
        /// The job.
        job: &'a Job,
    },
    /// Something the user should know that fails no job.
    Warned {
        /// The text, without `warning: `.
        text: &'a str,
    },
}

/// What failed.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A job.
    Job(&'a Job),
    /// A text that made none, as it was given.
    Text(&'a str),
}

/// How a job went, however it ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Details<'a> {
    /// When its first attempt began; `None` when none did.
    pub started: Option<SystemTime>,
    /// From then to its end, without the time that the machine slept.
    pub elapsed: Duration,
    /// How many attempts were made.
    pub attempts: u32,
    /// The bytes of an earlier run that were gone on with.
    pub resumed_from: u64,
    /// Where its last response came from, in a run that tells details.
    pub served: Option<&'a Served>,
}

/// Where a response came from, and what it said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The end of redirects.
    pub url: Url,
    /// The Content-Type of the last one that had the file or a part of it.
    pub content_type: Option<String>,
}

/// Why a job needed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip<'a> {
    /// The file is there.
    Exists {
        /// Where.
        path: &'a Path,
        /// What is known of it, in a run that tells details.
        found: Option<&'a Found>,
    },
    /// The file is there, and the server has no other.
    Unchanged {
        /// Where.
        path: &'a Path,
        /// What is known of it, in a run that tells details.
        found: Option<&'a Found>,
    },
    /// The same URL was listed before.
    Duplicate,
}

/// Who watches a run. All methods may be called from any thread.
pub trait Observer: Sync {
    /// Takes note of a fact. Failures to show it are the observer's own affair.
    fn event(&self, event: &Event<'_>);

    /// Writes bytes of a body to standard output; returns once they are written.
    ///
    /// # Errors
    /// What the system says; `BrokenPipe` when the reader is gone.
    fn body(&self, bytes: &[u8]) -> io::Result<()>;
}
