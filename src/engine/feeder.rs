//! The feeder: turns entries of the input into jobs, in the main thread, and brings back those that
//! wait for another attempt.
//!
//! It claims each job's name in the order of the list, so that names do not depend on timing, and
//! fails what makes no job at once.
//!
//! # Channels
//! It waits for whichever comes first: room in the queue, a batch of the input, a work that a worker
//! gave back, the time of one that waits, the end of the run. Because it empties `returns` also while
//! the queue is full, no worker that gives something back waits for long. It closes the queue by
//! returning, which it does when the input has ended and nothing waits or is in flight. Nothing is
//! dropped but by a stop.

mod destination;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::vec;

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, TrySendError};

use crate::engine::work::{Returned, Work};
use crate::engine::{Output, Shared};
use crate::input::{Batch, Entry};
use crate::model::error::Cause;
use crate::model::event::{Details, Event, Skip, Subject};
use crate::model::failure::Failure;
use crate::model::job::{Destination, Job, JobId, Origin};
use crate::model::redact::{Redacted, redact_text};
use crate::model::totals::Totals;

/// How many jobs may wait for another attempt before no new ones are read.
const WINDOW: usize = 1024;

/// How long the feeder leaves a full queue to the workers at least: without a rest each job that a worker
/// takes would wake this thread to put in one more, two system calls a job. Jobs that need no transfer go
/// by at up to half a million a second.
const MIN_REST: Duration = Duration::from_micros(250);

/// How long it does at most. Nobody waits longer for the feeder than this.
const MAX_REST: Duration = Duration::from_millis(4);

/// How often it is looked whether a host that has asked for fewer requests may be sent what waits for it.
const TURN: Duration = Duration::from_millis(50);

/// Feeds `queue` from `batches` until nothing is left to do or the run must end; returns what needed
/// no worker, and whether everything was fed.
pub(super) fn feed(
    shared: &Shared<'_>,
    batches: &Receiver<Batch>,
    returns: &Receiver<Returned>,
    queue: &Sender<Box<Work>>,
) -> (Totals, bool) {
    let mut feeder = Feeder {
        shared,
        next_id: 1,
        output_taken: false,
        is_foreign_told: false,
        totals: Totals::default(),
        input: Some(batches),
        batch: Vec::new().into_iter(),
        waiting: BinaryHeap::new(),
        next: None,
        call_at: None,
        rest: MIN_REST,
    };
    if shared.options.output == Output::Stdout {
        // Told of the end of each, it offers the next one.
        shared.in_flight.say_all_fed();
    }
    let all_fed = feeder.run(returns, queue);
    feeder.give_up(returns);
    (feeder.totals, all_fed)
}

/// A work that waits, ordered by its time and then by its number.
struct Waiting {
    at: Instant,
    work: Box<Work>,
}

impl Waiting {
    fn key(&self) -> (Instant, JobId) {
        (self.at, self.work.job.id)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

struct Feeder<'a> {
    shared: &'a Shared<'a>,
    next_id: u32,
    /// Whether the one file of [`Output::File`] has its URL.
    output_taken: bool,
    /// Whether it was told that what is given for all URLs is not for those of documents.
    is_foreign_told: bool,
    totals: Totals,
    /// `None` when it has ended.
    input: Option<&'a Receiver<Batch>>,
    batch: vec::IntoIter<Entry>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// What had no room in the queue.
    next: Option<Box<Work>>,
    /// When to look what may be sent of what waits at its host.
    call_at: Option<Instant>,
    /// How long the next rest is.
    rest: Duration,
}

impl Feeder<'_> {
    /// Feeds until nothing is left to do or the run must end; returns whether everything was fed.
    fn run(&mut self, returns: &Receiver<Returned>, queue: &Sender<Box<Work>>) -> bool {
        let shared = self.shared;
        loop {
            if shared.must_end() {
                return false;
            }
            self.take_returns(returns);
            self.call();
            self.take_batch();
            // As much as fits, without waiting.
            let is_blocked = loop {
                let Some(work) = self.next.take().or_else(|| self.next()) else { break false };
                shared.in_flight.begin();
                match queue.try_send(work) {
                    Ok(()) => {}
                    Err(TrySendError::Full(work)) => {
                        shared.in_flight.take_back();
                        self.next = Some(work);
                        break true;
                    }
                    Err(TrySendError::Disconnected(_)) => return false,
                }
            };
            if self.is_done() {
                return !shared.disk_full.load(Ordering::Relaxed);
            }
            if self.wait(returns, is_blocked.then_some(queue)) {
                return false;
            }
        }
    }

    /// Tells of the jobs that have not ended when the run must, and whether there were more to come.
    fn give_up(&mut self, returns: &Receiver<Returned>) {
        self.take_returns(returns);
        self.take_batch();
        for Reverse(Waiting { work, .. }) in self.waiting.drain() {
            self.shared.give_up(&work, &mut self.totals);
        }
        if let Some(work) = self.next.take() {
            self.shared.give_up(&work, &mut self.totals);
        }
    }

    /// Returns whether nothing is left that could become work.
    fn is_done(&self) -> bool {
        if self.shared.disk_full.load(Ordering::Relaxed) {
            return self.shared.in_flight.is_zero();
        }
        self.input.is_none()
            && self.batch.len() == 0
            && self.waiting.is_empty()
            && self.shared.in_flight.is_zero()
    }

    /// Waits for something to do; returns whether the run must end.
    fn wait(&mut self, returns: &Receiver<Returned>, full: Option<&Sender<Box<Work>>>) -> bool {
        let stopped = self.shared.stop.receiver();
        let mut select = Select::new();
        select.recv(stopped);
        select.recv(returns);
        let room = full.map(|queue| select.send(queue));
        let may_begin = full.is_none() && !self.shared.disk_full.load(Ordering::Relaxed);
        if let Some(input) = self.input.filter(|_| may_begin && self.may_read()) {
            select.recv(input);
        }
        let due = self.waiting.peek().map(|Reverse(first)| first.at);
        let due = due.into_iter().chain(self.call_at).min().filter(|_| may_begin);
        let ready = match due {
            Some(due) => select.ready_deadline(due).ok(),
            None => Some(select.ready()),
        };
        match full.filter(|_| ready.is_some() && ready == room) {
            Some(queue) => self.rest(queue),
            None => self.shared.stop.is_stopped(),
        }
    }

    /// Leaves a full queue to the workers until about half of it is taken, as far as the last rest told;
    /// returns whether the run must end.
    fn rest(&mut self, queue: &Sender<Box<Work>>) -> bool {
        let must_end = self.shared.stop.wait(self.rest);
        let (left, capacity) = (queue.len(), queue.capacity().unwrap_or_default());
        self.rest = match left {
            0 => MIN_REST,
            left if left > capacity / 4 * 3 => (self.rest * 2).min(MAX_REST),
            left if left < capacity / 4 => (self.rest / 2).max(MIN_REST),
            _ => self.rest,
        };
        must_end
    }

    fn may_read(&self) -> bool {
        self.batch.len() == 0 && self.waiting.len() < WINDOW
    }

    fn take_returns(&mut self, returns: &Receiver<Returned>) {
        for returned in returns.try_iter() {
            match returned {
                Returned::Later(work, at) => self.hold(work, at),
                Returned::Parked if self.call_at.is_none() => {
                    self.call_at = Some(Instant::now() + TURN);
                }
                Returned::AllEnded | Returned::Parked => {}
            }
        }
    }

    /// Takes along what waits at a host that has asked for fewer, and may be sent by now.
    fn call(&mut self) {
        let Some(at) = self.call_at else { return };
        let now = Instant::now();
        if now < at {
            return;
        }
        let (called, others_wait) = self.shared.hosts.call(now);
        self.call_at = others_wait.then(|| now + TURN);
        for work in called {
            self.hold(work, now);
        }
    }

    /// Keeps a work until its time.
    fn hold(&mut self, work: Box<Work>, at: Instant) {
        // From here on it waits and is no longer in flight.
        self.shared.in_flight.take_back();
        self.waiting.push(Reverse(Waiting { at, work }));
    }

    fn take_batch(&mut self) {
        let Some(input) = self.input.filter(|_| self.may_read()) else { return };
        match input.try_recv() {
            Ok(Batch { warnings, entries }) => {
                for text in &warnings {
                    self.shared.observer.event(&Event::Warned { text });
                }
                self.batch = entries.into_iter();
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.input = None;
                self.shared.in_flight.say_all_fed();
                self.shared.observer.event(&Event::ListEnded);
            }
        }
    }

    /// Returns the next work to offer: first what has waited long enough.
    fn next(&mut self) -> Option<Box<Work>> {
        if self.shared.disk_full.load(Ordering::Relaxed) {
            return None;
        }
        // Bodies go to standard output one after the other, and every worker is at one.
        if self.shared.options.output == Output::Stdout && !self.shared.in_flight.is_zero() {
            return None;
        }
        if self.waiting.peek().is_some_and(|Reverse(first)| first.at <= Instant::now()) {
            return self.waiting.pop().map(|Reverse(first)| first.work);
        }
        while !self.shared.must_end()
            && let Some(entry) = self.batch.next()
        {
            if let Some(job) = self.job(entry) {
                return Some(Box::new(Work::new(job)));
            }
        }
        None
    }

    /// Makes a job of an entry, or tells what became of it.
    fn job(&mut self, entry: Entry) -> Option<Job> {
        let observer = self.shared.observer;
        observer.event(&Event::Listed);
        let wanted = match entry.wanted {
            Ok(wanted) => wanted,
            Err(cause) => {
                let subject = if entry.text.is_empty() { "``" } else { &entry.text };
                let failure = failure(redact_text(subject), entry.origin, cause);
                self.totals.failed += 1;
                let (subject, details) = (Subject::Text(&entry.text), Details::default());
                self.shared.fail(subject, &failure, details);
                return None;
            }
        };
        let id = JobId(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        let mut job = Job {
            id,
            url: wanted.target.url,
            credentials: wanted.target.credentials,
            fresh: None,
            mirrors: wanted.mirrors,
            size: wanted.size,
            checksum: wanted.checksum,
            known: wanted.known,
            pieces: wanted.pieces,
            fields: wanted.fields,
            is_foreign: wanted.is_foreign,
            origin: entry.origin,
            destination: Destination::Stdout,
        };
        self.tell_foreign(&job);
        let settled = self.destination(&job, wanted.place).and_then(|destination| {
            let Some((destination, known)) = destination else { return Ok(false) };
            job.destination = destination;
            let options = self.shared.options;
            if let Some(locking) = &options.lock {
                let known = known.or_else(|| locking.known(&job, options));
                job.known = known.or(job.known.take());
            }
            options.checksums.settle(&mut job, options).map(|()| true)
        });
        match settled {
            Ok(true) => Some(job),
            Ok(false) => {
                self.totals.skipped += 1;
                observer.event(&Event::Skipped { job: &job, reason: Skip::Duplicate });
                None
            }
            Err(cause) => {
                let subject = Redacted(&job.url).to_string();
                let failure = failure(subject, job.origin.clone(), cause);
                self.totals.failed += 1;
                let (subject, details) = (Subject::Job(&job), Details::default());
                self.shared.fail(subject, &failure, details);
                None
            }
        }
    }

    /// Says once that a job goes without what was given for all.
    fn tell_foreign(&mut self, job: &Job) {
        let is_missed = job.is_foreign && !self.shared.options.secrets.fields.is_empty();
        if is_missed && !std::mem::replace(&mut self.is_foreign_told, true) {
            let text = "headers and credentials of the command line are not sent for the URLs of a Metalink \
                        document, which may be anybody's";
            self.shared.observer.event(&Event::Warned { text });
        }
    }
}

/// A job that failed before any attempt.
fn failure(subject: String, origin: Origin, cause: Cause) -> Failure {
    Failure { subject, origin, cause, attempts: 0, exhausted: None, kept: None, is_barren: true }
}
