//! A job on its way through the pool, with what its earlier attempts left.

use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{SendError, Sender};
use url::Url;

use crate::disk::partial::Replace;
use crate::engine::check::Check;
use crate::http::head::Head;
use crate::model::event::{Details, Served};
use crate::model::job::{Credentials, Job};
use crate::model::known::Found;
use crate::model::redact::Redacted;
use crate::policy::allowance::Admission;
use crate::policy::mirrors::{self, Mirrors, Next};
use crate::policy::resume::Held;
use crate::policy::retry::Decision;
use crate::policy::update::Condition;

/// A job and its history.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Job,
    /// Which of the job's URLs is in use, and what became of the others.
    pub(super) mirrors: Mirrors,
    /// When the first attempt began.
    pub(super) began: Option<Instant>,
    /// The same by the clock on the wall.
    pub(super) started: Option<SystemTime>,
    /// Attempts that failed.
    pub(super) attempts: u32,
    /// Attempts at the mirror in use that failed since the last that made progress.
    pub(super) failures: u32,
    /// How many new URLs it got in the place of its main one since the last progress.
    pub(super) refreshed: u32,
    /// How far it was when it got the last one.
    pub(super) refreshed_at: u64,
    /// How far the best attempt came, in bytes.
    pub(super) reached: u64,
    /// Bytes received by all attempts.
    pub(super) received: u64,
    /// The bytes that the last attempt left in the partial file.
    pub(super) kept: u64,
    /// The bytes of an earlier run that are gone on with; `None` before it was looked for any.
    pub(super) resumed_from: Option<u64>,
    /// Where the last response came from, in a run that tells details.
    pub(super) served: Option<Box<Served>>,
    /// The file, once it was decided what happens with what is there.
    pub(super) place: Option<(PathBuf, Replace)>,
    /// How it is known what has the file's name.
    pub(super) knowledge: Knowledge,
    /// The file that the new one replaces, if the server has another.
    pub(super) update: Option<Box<Update>>,
    /// The name that the server chose, of which and of its content a template makes the file's.
    pub(super) server_name: Option<String>,
    /// What went to a stream already.
    pub(super) streamed: Option<Held>,
    /// The FIFO that it goes into, so that its reader sees no end between two attempts.
    pub(super) fifo: Option<File>,
    /// Whether idle workers may help with it, as far as its server is concerned.
    pub(super) may_split: bool,
    /// What the file is checked by.
    pub(super) check: Option<Arc<Check>>,
    /// Whether all of it was fetched again because it was not what it is checked by.
    pub(super) was_mismatched: bool,
    /// Whether it was told that another process writes the file.
    pub(super) waits_for_lock: bool,
    /// On which terms its host was asked the last time.
    pub(super) admission: Admission,
}

/// How it is known what has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Nothing had it before the run (see [`Listing`](crate::disk::listing::Listing)), which was taken to be
    /// still so at this time.
    Presumed(SystemTime),
    /// It was looked at.
    Seen,
}

/// A file that is to be replaced if the server has another.
#[derive(Debug)]
pub(super) struct Update {
    /// What is known of it.
    pub(super) found: Found,
    /// What tells whether it is what the server has.
    pub(super) condition: Condition,
}

impl Work {
    pub(super) fn new(job: Job) -> Self {
        Self {
            mirrors: Mirrors::new(job.mirrors.len()),
            job,
            began: None,
            started: None,
            attempts: 0,
            failures: 0,
            refreshed: 0,
            refreshed_at: 0,
            reached: 0,
            received: 0,
            kept: 0,
            resumed_from: None,
            served: None,
            place: None,
            knowledge: Knowledge::Seen,
            update: None,
            server_name: None,
            streamed: None,
            fifo: None,
            may_split: true,
            check: None,
            was_mismatched: false,
            waits_for_lock: false,
            admission: Admission::Regular,
        }
    }

    /// Returns how it went so far.
    pub(super) fn details(&self) -> Details<'_> {
        Details {
            started: self.started,
            elapsed: self.began.map_or(Duration::ZERO, |began| began.elapsed()),
            attempts: self.attempts,
            resumed_from: self.resumed_from.unwrap_or_default(),
            served: self.served.as_deref(),
        }
    }

    /// Takes note of where a response came from.
    pub(super) fn note_served(&mut self, url: &Url, head: &Head) {
        let is_of_file = matches!(head.status, 200 | 206);
        let told = head.content_type().filter(|_| is_of_file).map(str::to_owned);
        // A part need not say again what it is a part of.
        let before = self.served.take().and_then(|served| served.content_type);
        let before = before.filter(|_| head.status != 200);
        self.served = Some(Box::new(Served { url: url.clone(), content_type: told.or(before) }));
    }

    /// Returns the URL that is asked and the credentials for it.
    pub(super) fn target(&self) -> (&Url, Option<&Credentials>) {
        self.job.target(self.mirrors.current())
    }

    /// Returns the URL in use, as records have it.
    pub(super) fn recorded_url(&self) -> Cow<'_, str> {
        Redacted(self.job.given(self.mirrors.current())).text()
    }

    /// Returns all URLs of a job that has several, as records have them.
    pub(super) fn recorded_urls(&self) -> Vec<String> {
        let count = match self.job.mirrors.len() {
            0 => 0,
            others => others + 1,
        };
        (0..count).map(|mirror| Redacted(self.job.given(mirror)).to_string()).collect()
    }

    /// Returns the URLs that are not in use and may be asked, the credentials for them, and since when.
    pub(super) fn others(
        &self,
    ) -> impl Iterator<Item = (&Url, Option<&Credentials>, Option<Instant>)> {
        self.mirrors.others().map(|(mirror, since)| {
            let (url, credentials) = self.job.target(mirror);
            (url, credentials, since)
        })
    }

    /// Decides what follows a failed attempt, and puts the mirror into use that is asked next.
    /// `may_help` says whether that can change anything.
    pub(super) fn next(&mut self, decision: Decision, may_help: bool, now: Instant) -> Next {
        if !may_help || self.is_bound() {
            return mirrors::alone(decision);
        }
        self.switch(|mirrors, failures| mirrors.after(decision, failures, now))
    }

    /// Turns to another mirror while the host of the one in use must be left alone; returns how long
    /// to wait all the same.
    pub(super) fn step_aside(&mut self, wait: Duration, now: Instant) -> Duration {
        if self.is_bound() {
            return wait;
        }
        self.switch(|mirrors, failures| mirrors.step_aside(wait, failures, now))
    }

    /// What went to a stream under a date alone can be gone on with only where the date was given.
    fn is_bound(&self) -> bool {
        self.streamed.as_ref().is_some_and(|held| held.validators.strong_etag().is_none())
    }

    fn switch<T>(&mut self, choose: impl FnOnce(&mut Mirrors, &mut u32) -> T) -> T {
        let old = self.mirrors.current();
        let chosen = choose(&mut self.mirrors, &mut self.failures);
        if let Some(held) = self.streamed.as_mut().filter(|_| self.mirrors.current() != old) {
            let url = self.job.given(old);
            held.elsewhere.get_or_insert_with(|| Redacted(url).to_string());
        }
        chosen
    }
}

/// What workers tell the feeder.
#[derive(Debug)]
pub(super) enum Returned {
    /// The last work in flight has ended, and nothing else could tell.
    AllEnded,
    /// Another attempt, not before its time.
    Later(Box<Work>, Instant),
    /// One waits at a host that has asked for fewer, where perhaps nobody leaves for long.
    Parked,
}

impl Returned {
    /// Gives a work back; returns it if the feeder has ended and wants nothing back, because the run must
    /// end.
    pub(super) fn send(returns: &Sender<Self>, work: Box<Work>, at: Instant) -> Option<Box<Work>> {
        match returns.send(Self::Later(work, at)) {
            Err(SendError(Self::Later(work, _))) => Some(work),
            _ => None,
        }
    }
}

/// Counts the work that was fed and has not ended, so that the feeder knows when nothing can come
/// back any more. Without it each of a million small files would need a message.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    count: AtomicUsize,
    all_fed: AtomicBool,
}

impl InFlight {
    /// A worker is about to be offered a work.
    pub(super) fn begin(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// A work has ended for good, in this or that way.
    ///
    /// Either the feeder, which says that all is fed before it looks at the count, sees zero, or the
    /// worker that makes it zero sees that all is fed and says so.
    pub(super) fn end(&self, returns: &Sender<Returned>) {
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1 && self.all_fed.load(Ordering::SeqCst) {
            // The feeder that is gone needs no telling.
            let _ = returns.send(Returned::AllEnded);
        }
    }

    /// A work that was begun is with the feeder again.
    pub(super) fn take_back(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// Nothing is fed any more until nothing is in flight: the input has ended, or works go one by one.
    pub(super) fn say_all_fed(&self) {
        self.all_fed.store(true, Ordering::SeqCst);
    }

    /// Returns whether nothing is in flight.
    pub(super) fn is_zero(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }
}
