//! One attempt at a transfer, from top to bottom.
//!
//! ```text
//! place     what is under the name decides: write, replace, number, skip, fail
//! find      what an earlier attempt or run left, and whether its record can be believed
//! plan      all of it, or the rest under a strong validator
//! request   hop by hop, each judged
//! judge     only a whole 200, or a 206 that fits, is a file or its rest
//! copy      body → partial file, in pieces of one buffer; the record follows the data
//! commit    length checked; one rename
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::disk::device::Device;
use crate::engine::ask::{Ask, Reply};
use crate::engine::due::Due;
use crate::engine::limits::Throttle;
use crate::engine::pump::{Copied, Pump, Watch};
use crate::engine::sink::Sink;
use crate::engine::work::Work;
use crate::engine::{Account, Resume, Shared};
use crate::http::body::Body;
use crate::http::client::{Client, Method, Response, Rest};
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::failure::Kept;
use crate::model::progress::Progress;
use crate::model::redact::Redacted;
use crate::policy::pace::Pace;
use crate::policy::resume::{self, Held, Plan, Restart, Verdict};

mod answer;
mod declared;
mod done;
pub(super) mod existing;
mod lead;
mod open;
mod pieces;
mod place;
mod prepare;
mod settle;
mod solo;
mod update;
mod verify;

pub(super) use answer::judge as refusal;
use answer::{fresh, judge, verdict};
pub(super) use done::{Done, Setback};
use lead::First;
pub(super) use place::Place;
use solo::Solo;

/// How many answers make one attempt at most. A server that gives a file in more pieces is asked for
/// the rest after a pause.
const MAX_PARTS: usize = 64;

/// The parts of a worker that a transfer uses.
pub(super) struct Transfer<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) client: &'a Client,
    pub(super) buffer: &'a mut [u8],
    pub(super) work: &'a mut Work,
    pub(super) progress: &'a Arc<Progress>,
    /// When the job's first attempt began.
    pub(super) began: Instant,
    /// What holds its connection to the rates of the run and the host.
    pub(super) throttle: Throttle,
    /// Takes works that waited for room at a host and have it now.
    pub(super) release: &'a mut dyn FnMut(VecDeque<Box<Work>>),
}

impl<'a> Transfer<'a> {
    /// Brings the job's bytes to its destination.
    ///
    /// # Errors
    /// Why it could not, and what is kept. After a stop any cause may be given.
    pub(super) fn run(mut self) -> Result<Done, Setback> {
        match self.run_once() {
            Err(setback) if self.is_taken_after_all(&setback.cause) => self.run_once(),
            ended => ended,
        }
    }

    fn run_once(&mut self) -> Result<Done, Setback> {
        let (mut sink, mut held) = match self.place_before_request()? {
            None => (None, None),
            Some(Place::Skip(path, found)) => return Ok(Done::skipped(path, found)),
            Some(Place::Stdout) => {
                let check = self.work.check.clone();
                (Some(Sink::Stdout(self.shared, check)), self.work.streamed.take())
            }
            Some(Place::Device(path)) => (Some(Sink::Device(Device::open(&path)?)), None),
            Some(Place::Write(path, replace)) => {
                let (sink, held) = self.open(path, replace)?;
                (Some(sink), held)
            }
        };
        match self.attempt(&mut sink, &mut held) {
            Ok(done) => Ok(done),
            Err(cause) => {
                let has_bytes = held.as_ref().is_some_and(|held| !held.ranges.is_empty());
                // What has lost its name to another file has nothing to go on to, and what is wrong is of no
                // use.
                let is_homeless = matches!(
                    cause,
                    Cause::Drifted { .. }
                        | Cause::Exists { .. }
                        | Cause::Mismatch { .. }
                        | Cause::NotAsDeclared { .. }
                        | Cause::NotAFile { .. }
                        | Cause::WrongSize { .. }
                );
                let held = held.filter(|held| {
                    !is_homeless && !held.ranges.is_empty() && self.is_worth_keeping(held)
                });
                let (kept, is_stream_lost) = match (sink, held) {
                    (Some(sink @ Sink::Partial(_)), Some(held)) => (self.keep(sink, held), false),
                    (Some(Sink::Stdout(..)), Some(held)) => {
                        self.work.streamed = Some(held);
                        (None, false)
                    }
                    (sink, _) => {
                        let is_stream = sink.is_some_and(|sink| sink.is_stream());
                        (None, is_stream && has_bytes)
                    }
                };
                Err(Setback { cause, kept, is_stream_lost })
            }
        }
    }

    /// Leaves what came for the next attempt or run, or says why it cannot.
    fn keep(&self, sink: Sink<'a>, held: Held) -> Option<Kept> {
        sink.keep(held).unwrap_or_else(|cause| {
            let text = format!("{}: {cause}; what came is removed", Redacted(&self.work.job.url));
            self.shared.observer.event(&Event::Warned { text: &text });
            None
        })
    }

    /// Requests until the representation is complete.
    fn attempt(
        &mut self,
        sink: &mut Option<Sink<'a>>,
        held: &mut Option<Held>,
    ) -> Result<Done, Cause> {
        let mut wants_all = self.shared.options.resume == Resume::Never;
        let mut reason = Restart::NothingHeld;
        let mut short_parts = 0;
        while short_parts < MAX_PARTS {
            let plan = match held.as_ref().filter(|_| !wants_all) {
                Some(held) => resume::plan(Some(held)),
                None => Plan::Whole(reason),
            };
            let Reply { response: Response { mut head, body, .. }, reached, came, latency } =
                self.request(&plan)?;
            if let Some(done) = self.judge_update(&head) {
                body.drain();
                return Ok(done);
            }
            let mut verdict = match &*held {
                Some(held) => verdict(&plan, held, &head, &reached.url),
                None => None,
            };
            if let Some(Verdict::AskForAll(why)) = verdict {
                reason = why;
                body.drain();
                wants_all = true;
                continue;
            }
            if verdict.is_none() {
                if let Err(cause) = judge(&head) {
                    body.drain();
                    return Err(cause);
                }
                if let (Plan::Whole(reason), Some(_)) = (&plan, &held) {
                    verdict = Some(Verdict::StartOver(*reason));
                }
            }
            let sink = match sink {
                Some(sink) => sink,
                None => match self.place_after_response(&head, &reached.url)? {
                    Place::Skip(path, found) => return Ok(Done::skipped(path, found)),
                    Place::Stdout => {
                        sink.insert(Sink::Stdout(self.shared, self.work.check.clone()))
                    }
                    Place::Device(path) => sink.insert(Sink::Device(Device::open(&path)?)),
                    Place::Write(path, replace) => {
                        let (opened, found) = self.open(path, replace)?;
                        let sink = sink.insert(opened);
                        // Only now it is known what an earlier run left for this name.
                        *held = found;
                        match resume::plan(held.as_ref()) {
                            Plan::Rest { .. } => continue,
                            Plan::Whole(why) => verdict = Some(Verdict::StartOver(why)),
                        }
                        sink
                    }
                },
            };
            if let Err(cause) = self.confirm_place(head.length()) {
                body.drain();
                return Err(cause);
            }
            let range = self.begin(verdict, sink, held, &mut head, &reached.url)?;
            let held = held.get_or_insert_with(|| fresh(&mut head, &reached.url));
            if !self.prepare(sink, held, &head, range)? {
                body.drain();
                (reason, wants_all) = (Restart::WrongSize, true);
                continue;
            }
            let before = held.ranges.len();
            let first = First { head: &head, reached: &reached, came, latency, range };
            let restart = self.bring(sink, held, body, &first)?;
            if let Some(why) = restart {
                reason = why;
                // A stream that nothing was written to can begin again.
                if !sink.is_stream() || !held.ranges.is_empty() {
                    self.start_over(sink, reason)?;
                }
                held.ranges.clear();
                wants_all = true;
                continue;
            }
            // An end that comes after a stop may be the stop's own doing.
            let here = held.ranges.len();
            let is_short = held.length.is_some_and(|length| here < length);
            if self.shared.stop.is_stopped() || (is_short && here == before) {
                return Err(Cause::Truncated { received: here, expected: held.length });
            }
            if is_short {
                // Ask for what is left. A hole that was filled is no sign of a server that gives little.
                let is_filled = matches!(plan, Plan::Rest { to: Some(to), .. } if range.end >= to);
                short_parts += usize::from(!is_filled);
                continue;
            }
            if let Some(done) = self.finish(sink, held)? {
                return Ok(done);
            }
            reason = Restart::Mismatch;
            wants_all |= held.ranges.is_empty();
        }
        let (received, expected) =
            held.as_ref().map_or((0, None), |held| (held.ranges.len(), held.length));
        Err(Cause::Truncated { received, expected })
    }

    /// Brings what a response has and what idle workers help with, and keeps `held` true. Returns why none
    /// of it is to be believed, if so.
    fn bring(
        &mut self,
        sink: &mut Sink<'a>,
        held: &mut Held,
        mut body: Body,
        first: &First<'_>,
    ) -> Result<Option<Restart>, Cause> {
        if let Some((joint, lane)) = self.share(sink, held, first) {
            return self.lead(&joint, lane, body, held);
        }
        let copied = self.copy(&mut body, sink, held, first)?;
        Ok((copied == Copied::TooLong).then_some(Restart::TooLong))
    }

    /// Copies the body alone, and keeps `held` true.
    fn copy(
        &mut self,
        body: &mut Body,
        sink: &mut Sink<'a>,
        held: &mut Held,
        first: &First<'_>,
    ) -> Result<Copied, Cause> {
        let shared = self.shared;
        let due = (!sink.is_stream() && self.is_worth_keeping(held)).then(|| Due::new(first.came));
        let max_size = self.most();
        let check = self.work.check.as_deref();
        let mut pace = self.pace();
        let (began, progress) = (self.began, &**self.progress);
        let watch = pace.is_watching().then_some(Watch { pace: &mut pace, began, progress });
        let mut solo = Solo::new(sink, held, progress, first.range, max_size, check, due);
        let copied = Pump { shared, buffer: self.buffer, throttle: &self.throttle }
            .run(body, &mut solo, watch);
        copied.map_err(|cause| match cause {
            // The body's own numbers are those of a range.
            Cause::Truncated { .. } => {
                Cause::Truncated { received: held.ranges.len(), expected: held.length }
            }
            cause => self.of_size(cause),
        })
    }

    /// Sends the request and follows redirects; returns the last response.
    fn request(&mut self, plan: &Plan) -> Result<Reply, Cause> {
        let Self { shared, client, .. } = *self;
        let rest = match plan {
            Plan::Rest { from, to, validator } => {
                Some(Rest { from: *from, to: *to, validator: Some(validator) })
            }
            Plan::Whole(_) => None,
        };
        let (given, credentials) = self.work.target();
        let (job, method, no_cache) = (&self.work.job, Method::Get, self.work.was_mismatched);
        let condition = self.work.update.as_ref().map(|update| &update.condition);
        let ask =
            Ask { shared, client, job, given, credentials, method, rest, no_cache, condition };
        let reply = ask
            .send(None, true, || self.await_turn())
            .map_err(|cause| time_left(shared, self.began).err().unwrap_or(cause))?;
        if shared.options.account == Account::Full {
            self.work.note_served(&reply.reached.url, &reply.response.head);
        }
        Ok(reply)
    }

    /// Waits until a request may be begun, and bounds how long its answer may be waited for.
    ///
    /// # Errors
    /// [`Cause::TimeOver`] when no time is left.
    pub(super) fn await_turn(&self) -> Result<(), Cause> {
        self.shared.limits.await_turn(self.began, self.shared.stop, || false)?;
        self.client.set_patience(time_left(self.shared, self.began)?);
        Ok(())
    }

    /// Begins to watch the transfer's speed. Where none is wanted nobody asks for the time.
    fn pace(&self) -> Pace {
        let options = self.shared.options.pace;
        let spent = options.min_speed.map(|_| self.began.elapsed());
        Pace::new(options, spent.unwrap_or_default())
    }

    /// Bytes without a strong validator can never be gone on with.
    fn is_worth_keeping(&self, held: &Held) -> bool {
        self.shared.options.resume != Resume::Never && held.validators.strong().is_some()
    }

    fn modified(&self, modified: Option<SystemTime>) -> Option<SystemTime> {
        modified.filter(|_| self.shared.options.set_modified)
    }

    fn note(&self, text: &str) {
        self.shared.observer.event(&Event::Noted { job: &self.work.job, text });
    }
}

/// Returns how long a read may wait at most because of `--max-time`, for a job whose first attempt began
/// then.
///
/// # Errors
/// [`Cause::TimeOver`] when no time is left.
pub(super) fn time_left(shared: &Shared<'_>, began: Instant) -> Result<Option<Duration>, Cause> {
    let Some(limit) = shared.options.pace.max_time else { return Ok(None) };
    match limit.checked_sub(began.elapsed()) {
        Some(left) if !left.is_zero() => Ok(Some(left.min(shared.http.stall_timeout()))),
        _ => Err(Cause::TimeOver { limit }),
    }
}
