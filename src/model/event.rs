//! What the engine tells: the contract between it and whoever shows a run.
//!
//! Events are facts in the past tense. A worker calls [`Observer::event`] in its own thread, and may
//! be held there while a slow reader of standard output takes its time: that is the back-pressure,
//! and it is right. Facts of a job's life are never dropped. For one job the order is
//! `Listed`, then for each attempt `Started` and any of `Requested`, `Responded`, `Redirected`,
//! `Noted`, and between two attempts `Retrying` or `Switched`; at last exactly one of `Completed`,
//! `Skipped`, `Failed` or `Cancelled`. A job that needs no transfer has no `Started`. `ListEnded` comes after the
//! last `Listed`.
//!
//! How far a transfer is does not come as events: `Started` carries an [`Progress`] that the worker
//! goes on writing and the observer may read whenever it draws.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::model::error::Cause;
use crate::model::failure::Failure;
use crate::model::job::Job;
use crate::model::progress::Progress;

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
    /// Something worth a line for who asked for many (`-v`).
    Noted {
        /// The job.
        job: &'a Job,
        /// The line.
        text: &'a str,
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
        /// The time from the first request to the commit.
        elapsed: Duration,
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
    /// Nothing had to be done.
    Skipped {
        /// The job.
        job: &'a Job,
        /// Why.
        reason: Skip<'a>,
    },
    /// The job failed.
    Failed {
        /// The job, if its line made one.
        job: Option<&'a Job>,
        /// What and why.
        failure: &'a Failure,
    },
    /// The run was stopped while this job was under way.
    Cancelled {
        /// The job.
        job: &'a Job,
    },
    /// Something the user should know that fails no job.
    Warned {
        /// The text, without `warning: `.
        text: &'a str,
    },
}

/// Why a job needed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip<'a> {
    /// The file is there.
    Exists(&'a Path),
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
