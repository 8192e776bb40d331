//! A worker: takes work until there is no more, and returns its totals.
//!
//! A failed attempt that another may follow does not hold the worker while it waits: the work goes
//! back to the feeder. Only bodies on standard output are tried again in place, because what comes
//! after them must wait anyway.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::engine::assist::part::{Help, bring};
use crate::engine::assist::{Lane, Room};
use crate::engine::check::Check;
use crate::engine::hosts::{Answered, Entry, host_of};
use crate::engine::transfer::{Done, Setback, Transfer};
use crate::engine::work::{Returned, Work};
use crate::engine::{IfLocked, Mode, Shared};
use crate::http::client::Client;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::job::Destination;
use crate::model::progress::Progress;
use crate::model::totals::Totals;
use crate::policy::{filename, retry};

mod after;
mod end;
mod fifo;
mod refresh;

/// How many bytes are gathered before each write. ureq hands out at most one TLS record (16 KiB) a
/// read, and 256 KiB a write cost a quarter less CPU than that; 1 MiB cost more again (cache).
const BUFFER_BYTES: usize = 256 * 1024;

/// How often a job that waits for another process looks again.
const LOCK_TURN: Duration = Duration::from_millis(200);

/// Runs work until the queue is closed or the run must end. Takes from the queue, never sends into
/// it; what is to be tried again goes back through `returns`, which the feeder empties while it waits
/// for room in the queue, so that neither can wait for the other for ever.
pub(super) fn work(
    shared: &Shared<'_>,
    number: usize,
    queue: &Receiver<Box<Work>>,
    returns: &Sender<Returned>,
) -> Totals {
    let client = Client::new(shared.http);
    let buffer = vec![0; BUFFER_BYTES];
    let mut worker = Worker {
        shared,
        number,
        returns,
        client,
        buffer,
        progress: Arc::default(),
        totals: Totals::default(),
        freed: VecDeque::new(),
    };
    while !shared.must_end() {
        let mut later = Vec::new();
        match worker.next(queue) {
            None => break,
            Some(Task::Help(lane)) => worker.help(lane),
            Some(Task::Work(work)) => match worker.take(work) {
                Taken::Ended => shared.in_flight.end(returns),
                Taken::Later(work, at) => later.push((work, at)),
                Taken::Parked => {}
            },
        }
        // Nobody will leave a host any more and take along what is parked there. Whoever raised the
        // flag comes by here, and so does whoever parked something after it was raised.
        if shared.disk_full.load(Ordering::SeqCst) {
            for work in shared.hosts.clear() {
                shared.give_up(&work, &mut worker.totals);
                shared.in_flight.end(returns);
            }
        }
        // One that was parked is this worker's next; others go to whoever is free.
        if worker.freed.len() > 1 {
            let now = Instant::now();
            later.extend(worker.freed.drain(1..).map(|work| (work, now)));
        }
        for (work, at) in later {
            if let Some(work) = Returned::send(returns, work, at) {
                shared.give_up(&work, &mut worker.totals);
            }
        }
    }
    for work in std::mem::take(&mut worker.freed) {
        shared.give_up(&work, &mut worker.totals);
    }
    worker.totals
}

/// What a worker does next.
enum Task {
    /// A part of somebody else's transfer.
    Help(Lane),
    /// A job.
    Work(Box<Work>),
}

/// What became of a work that a worker took.
enum Taken {
    /// It has ended for good.
    Ended,
    /// Another attempt is to follow, not before its time.
    Later(Box<Work>, Instant),
    /// It waits for room at its host.
    Parked,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    /// From 1.
    number: usize,
    returns: &'a Sender<Returned>,
    client: Client,
    buffer: Vec<u8>,
    /// How far its last attempt came, used again for the next if nobody else looks at it any more.
    progress: Arc<Progress>,
    totals: Totals,
    /// Works that were parked and have room now.
    freed: VecDeque<Box<Work>>,
}

impl Worker<'_> {
    /// Waits for something to do: a job if there is one, else a part of a transfer that needs help.
    /// `None` when there is nothing left, because the queue is closed only then.
    fn next(&mut self, queue: &Receiver<Box<Work>>) -> Option<Task> {
        let Shared { assist, hosts, limits, .. } = self.shared;
        loop {
            if let Some(work) = self.freed.pop_front() {
                return Some(Task::Work(work));
            }
            match queue.try_recv() {
                Ok(work) => return Some(Task::Work(work)),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            if limits.has_turn()
                && let Some(lane) =
                    assist.find(&self.client, &mut Room { hosts, freed: &mut self.freed })
            {
                return Some(Task::Help(lane));
            }
            if self.freed.is_empty() {
                assist.wait(queue);
            }
        }
    }

    /// Brings a part of somebody else's transfer.
    fn help(&mut self, lane: Lane) {
        let shared = self.shared;
        let joint = Arc::clone(lane.joint());
        let subject = joint.subject();
        let (job, worker) = (&subject.job, self.number);
        let (from, host) = (lane.source().given.clone(), lane.source().host.clone());
        let tell = |help| {
            shared.observer.event(&match help {
                Help::Begun(range) => Event::Helped { job, worker, range, from: &from },
                Help::Ended(received) => Event::HelpEnded { job, worker, received },
            });
        };
        let (client, buffer) = (&self.client, &mut self.buffer[..]);
        // A panic gives the part back as any failure does; its leader brings it.
        let throttle = shared.limits.of(|| host.clone(), subject.began);
        let bring = || bring(shared, client, buffer, lane, &throttle, None, tell);
        let answered = catch_unwind(AssertUnwindSafe(bring));
        // A panic has not ended the piece.
        self.client.end_piece();
        self.leave(&host, answered.unwrap_or(Answered::Otherwise));
    }

    /// Runs attempts at a work.
    fn take(&mut self, mut work: Box<Work>) -> Taken {
        let shared = self.shared;
        if shared.must_end() || shared.disk_full.load(Ordering::Relaxed) {
            shared.give_up(&work, &mut self.totals);
            return Taken::Ended;
        }
        loop {
            let now = Instant::now();
            // What comes after a body on standard output must wait for it anyway.
            let waits_here = work.job.destination == Destination::Stdout;
            work = match shared.hosts.enter(work, now) {
                Entry::Go(work) => work,
                Entry::Parked { is_restrained } => {
                    if is_restrained {
                        // The feeder that is gone needs no telling.
                        let _ = self.returns.send(Returned::Parked);
                    }
                    return Taken::Parked;
                }
                Entry::Later(mut later, wait) => {
                    let wait = later.step_aside(wait, now);
                    if !wait.is_zero() && (!waits_here || shared.stop.wait(wait)) {
                        return Taken::Later(later, now + wait);
                    }
                    work = later;
                    continue;
                }
            };
            let (result, received) = self.attempt(&mut work, now);
            self.totals.bytes += received;
            let kept = result.as_ref().err().and_then(|setback| setback.kept.as_ref());
            work.kept = kept.map_or(0, |kept| kept.bytes);
            let Err(setback) = result else {
                self.leave(host_of(work.target().0), Answered::Well);
                self.tell_end(&work, result);
                return Taken::Ended;
            };
            let is_locked = matches!(setback.cause, Cause::InUse { .. });
            if is_locked && shared.options.if_locked == IfLocked::Wait {
                self.leave(host_of(work.target().0), Answered::Otherwise);
                let work = self.wait_for_lock(work, &setback.cause);
                return Taken::Later(work, Instant::now() + LOCK_TURN);
            }
            let (decision, answered) = self.decide(&mut work, &setback);
            self.leave(host_of(work.target().0), answered);
            if shared.stop.is_stopped() {
                shared.give_up(&work, &mut self.totals);
                return Taken::Ended;
            }
            if self.refresh(&mut work, &setback.cause) {
                continue;
            }
            let Some(after) = self.follow(&mut work, decision, setback) else {
                return Taken::Ended;
            };
            if after.is_zero() {
                continue;
            }
            if !waits_here {
                return Taken::Later(work, Instant::now() + after);
            }
            shared.stop.wait(after);
        }
    }

    /// Says how a request ended, and takes along what has room at its host now.
    fn leave(&mut self, host: &str, answered: Answered) {
        self.freed.extend(self.shared.hosts.leave(host, answered));
    }

    /// Returns what says that nothing has come yet.
    fn progress(&mut self) -> Arc<Progress> {
        match Arc::get_mut(&mut self.progress) {
            Some(progress) => *progress = Progress::default(),
            None => self.progress = Arc::default(),
        }
        Arc::clone(&self.progress)
    }

    /// Makes one attempt now; a panic is its failure. Returns the bytes received too.
    fn attempt(&mut self, work: &mut Work, now: Instant) -> (Result<Done, Setback>, u64) {
        let shared = self.shared;
        let progress = self.progress();
        let began = *work.began.get_or_insert(now);
        work.started.get_or_insert_with(SystemTime::now);
        let result = catch_unwind(AssertUnwindSafe(|| {
            if shared.stream_broken.load(Ordering::Relaxed) && work.streamed.is_none() {
                return Err(Cause::StreamBroken.into());
            }
            fifo::await_reader(shared, work, began)?;
            if work.check.is_none() {
                let told = shared.told_of(&work.job);
                work.check = Check::new(work.job.checksum.as_deref(), &told).map(Arc::new);
            }
            let job = &work.job;
            // A plan has no attempt that could be told of.
            if shared.options.mode != Mode::Plan {
                shared.observer.event(&Event::Started {
                    job,
                    name: &name_of(work),
                    progress: &progress,
                });
            }
            let Self { client, buffer, returns, freed, .. } = self;
            let release = &mut |works: VecDeque<Box<Work>>| {
                let now = Instant::now();
                let left = works.into_iter();
                freed.extend(left.filter_map(|work| Returned::send(returns, work, now)));
            };
            let throttle = shared.limits.of(|| host_of(work.target().0).to_owned(), began);
            let progress = &progress;
            let transfer =
                Transfer { shared, client, buffer, work, progress, began, throttle, release };
            match shared.options.mode {
                Mode::Ask => transfer.inquire(),
                Mode::Fetch => transfer.run(),
                Mode::Plan => transfer.plan(),
                Mode::Verify => transfer.verify(),
            }
        }))
        .unwrap_or_else(|panic| Err(Cause::panicked(&*panic).into()));
        self.client.end_piece();
        work.received += progress.received();
        work.attempts += 1;
        let got_further = progress.position() > work.reached;
        work.reached = work.reached.max(progress.position());
        let counts = result.as_ref().is_err_and(|setback| retry::counts_always(&setback.cause));
        work.failures = if got_further && !counts { 0 } else { work.failures + 1 };
        (result, progress.received())
    }
}

/// The name to show while a transfer runs.
fn name_of(work: &Work) -> Cow<'_, str> {
    let of_url = || filename::from_url(&work.job.url);
    match (&work.place, &work.job.destination) {
        (Some(_), _) if work.server_name.is_some() => {
            work.server_name.as_deref().map(Cow::Borrowed)
        }
        (_, Destination::ByContent(_)) | (None, Destination::Stdout | Destination::Unnamed(_)) => {
            of_url()
        }
        (Some((path, _)), _) | (None, Destination::File(path)) => {
            path.file_name().map(OsStr::to_string_lossy)
        }
    }
    .unwrap_or_else(|| work.job.url.host_str().unwrap_or_default().into())
}
