//! Floor 3: threads. A feeder, a bounded channel, a pool of workers, and what they share.

mod ask;
mod assist;
mod check;
mod checksums;
mod claims;
mod due;
mod failures;
mod feeder;
pub mod hook;
mod hosts;
mod limits;
mod load;
mod locking;
mod naming;
mod plan;
pub mod pool;
mod pump;
mod sink;
mod spider;
mod spool;
mod transfer;
mod verify;
mod work;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use crate::engine::checksums::Checksums;

use crate::disk::listing::Listing;
use crate::disk::partial::{Allocation, Sync};
use crate::engine::assist::Assist;
use crate::engine::claims::Claims;
use crate::engine::failures::Failures;
use crate::engine::hook::Hook;
use crate::engine::hosts::Hosts;
use crate::engine::limits::Limits;
pub use crate::engine::locking::Locking;
use crate::engine::work::{InFlight, Work};
use crate::http::client::Common;
use crate::model::digest::Algorithm;
use crate::model::error::Cause;
use crate::model::event::{Event, Observer};
use crate::model::stop::Stop;
use crate::model::totals::Totals;
use crate::policy::existing::IfExists;
use crate::policy::scheme::Schemes;
use crate::policy::secrets::Secrets;
use crate::policy::spacing::Frequency;
use crate::policy::template::Template;
use crate::policy::{pace, redirect, retry};

/// What a run does for its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It asks the servers about the files, and downloads none.
    Ask,
    /// It downloads them.
    Fetch,
    /// It tells what it would do, sends nothing and writes nothing.
    Plan,
    /// It checks the files that are on the disk, and asks no server.
    Verify,
}

/// Where the files of a run go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Each into the folder, under the name of its URL.
    Folder,
    /// The only one to this path.
    File(PathBuf),
    /// All, one after the other, to standard output.
    Stdout,
}

/// What a job does while another process writes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfLocked {
    /// It fails.
    Fail,
    /// It waits, without holding a worker.
    Wait,
}

/// What becomes of partial files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// They are gone on with, and kept.
    Always,
    /// They are neither gone on with nor kept: every attempt begins with the first byte.
    Never,
    /// What earlier runs left is not gone on with, what this one leaves is.
    WithinRun,
}

/// How much is told of jobs that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// What costs nothing.
    Brief,
    /// Also where each file came from.
    Full,
}

/// What the digests that servers declare are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// A file of which nothing else is known must have them.
    Checked,
    /// Nothing.
    Ignored,
}

/// What the user can set about a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is done for each job.
    pub mode: Mode,
    /// How many workers there are, at least 1.
    pub workers: usize,
    /// The least bytes of a part that an idle worker takes over; `None` when none may.
    pub min_split: Option<u64>,
    /// How many requests each host gets at once, at least 1.
    pub per_host: usize,
    /// Where files go.
    pub output: Output,
    /// The folder that names are put into; empty is the current one.
    pub folder: PathBuf,
    /// Whether the server may choose names.
    pub server_name: bool,
    /// What names are made by, if not by the URL's last component.
    pub template: Option<Template>,
    /// Files that the run itself writes at its end, whose names no file gets.
    pub reserved: Vec<PathBuf>,
    /// What happens when a file is there.
    pub if_exists: IfExists,
    /// Whether a file gets the time at which its representation was last modified.
    pub set_modified: bool,
    /// Whether a file is synced before it gets its name.
    pub sync: bool,
    /// When a file gets its room on the disk.
    pub allocation: Allocation,
    /// What a job does while another process writes its file.
    pub if_locked: IfLocked,
    /// What becomes of partial files.
    pub resume: Resume,
    /// The largest file in bytes.
    pub max_size: Option<u64>,
    /// How many bytes ahead of their turn may be held for standard output.
    pub stdout_buffer: u64,
    /// What gives a new URL in the place of one that has expired.
    pub refresh: Option<Hook>,
    /// What is run for each file.
    pub hook: Option<Hook>,
    /// How much is told of jobs that end.
    pub account: Account,
    /// What holds files to what an earlier run brought.
    pub lock: Option<Locking>,
    /// What files are checked by that do not bring their own checksum.
    pub checksums: Checksums,
    /// What the digests that servers declare are good for.
    pub declared: Declared,
    /// Which digests of each file are told.
    pub digests: Vec<Algorithm>,
    /// The most bytes a second for the whole run.
    pub limit_rate: Option<u64>,
    /// The most bytes a second from each host.
    pub limit_rate_host: Option<u64>,
    /// How often a request may be begun, over the whole run.
    pub request_rate: Option<Frequency>,
    /// How many jobs may fail before the run ends.
    pub max_failures: Option<u64>,
    /// How long transfers may take.
    pub pace: pace::Options,
    /// Which URLs are asked.
    pub schemes: Schemes,
    /// What redirects are followed.
    pub redirects: redirect::Options,
    /// What goes along with requests.
    pub secrets: Secrets,
    /// How often an attempt is followed by another.
    pub retries: retry::Options,
    /// The wait before each retry, for tests that cannot wait.
    pub fixed_backoff: Option<Duration>,
}

impl Options {
    /// Returns the wait after a failure for which the schedule says `after`.
    fn wait(&self, cause: &Cause, after: Duration) -> Duration {
        self.fixed_backoff.map_or(after, |fixed| {
            let asked = retry::asked_wait(cause).unwrap_or_default();
            fixed.max(asked.min(self.retries.max_wait))
        })
    }
}

#[cfg(test)]
impl Options {
    /// What a test of the engine begins with: files into the current folder, no limits, no retries.
    fn plain(workers: usize) -> Self {
        Self {
            mode: Mode::Fetch,
            workers,
            per_host: workers,
            min_split: None,
            stdout_buffer: 0,
            account: Account::Brief,
            lock: None,
            checksums: Checksums::default(),
            declared: Declared::Checked,
            digests: Vec::new(),
            output: Output::Folder,
            folder: PathBuf::new(),
            server_name: false,
            template: None,
            reserved: Vec::new(),
            hook: None,
            refresh: None,
            if_exists: IfExists::Skip,
            set_modified: true,
            sync: false,
            allocation: Allocation::AsWritten,
            if_locked: IfLocked::Fail,
            resume: Resume::Always,
            max_size: None,
            limit_rate: None,
            limit_rate_host: None,
            request_rate: None,
            max_failures: None,
            pace: pace::Options::default(),
            schemes: Schemes::default(),
            redirects: redirect::Options { max_hops: 10, allow_downgrade: false },
            secrets: Secrets::default(),
            retries: retry::Options { retries: 0, max_wait: Duration::ZERO },
            fixed_backoff: None,
        }
    }
}

/// What the feeder and all workers share, by reference.
struct Shared<'a> {
    options: &'a Options,
    http: &'a Arc<Common>,
    observer: &'a dyn Observer,
    stop: &'a Stop,
    claims: Claims,
    hosts: Hosts,
    assist: Assist,
    in_flight: InFlight,
    /// What lay in the folder before the run.
    listing: Listing,
    limits: Limits,
    failures: Failures,
    /// What is synced, by the user's wish and the folder's need.
    sync: Sync,
    /// Raised when a body broke off after some of it went to standard output; nothing may follow.
    stream_broken: AtomicBool,
    /// Raised when the disk takes no more, full or read-only: no new transfer is begun.
    disk_full: AtomicBool,
}

impl Shared<'_> {
    /// Tells of a work that will not be done, because the run must end, and counts it.
    fn give_up(&self, work: &Work, totals: &mut Totals) {
        let job = &work.job;
        if work.began.is_none() && self.must_end() {
            self.observer.event(&Event::Unstarted { job });
        } else {
            totals.cancelled += 1;
            totals.kept += work.kept;
            self.observer.event(&Event::Cancelled { job, details: work.details() });
        }
    }
}
