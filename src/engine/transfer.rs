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

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use crate::disk::device::Device;
use crate::disk::partial::{Content, Partial, Purpose, Replace};
use crate::disk::{folder, presence};
use crate::engine::sink::Sink;
use crate::engine::work::Work;
use crate::engine::{IfLocked, Resume, Shared};
use crate::http::client::{Client, Request, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::failure::Kept;
use crate::model::job::Job;
use crate::model::progress::Progress;
use crate::model::redact::Redacted;
use crate::policy::existing::Presence;
use crate::policy::redirect;
use crate::policy::resume::{self, Held, Plan, Restart, Verdict};

mod answer;
mod copy;
mod place;

use answer::{fresh, judge, verdict};
use copy::Copied;
use place::Place;

/// How a transfer ended well.
pub(super) enum Done {
    /// All bytes are where they belong.
    Completed {
        /// The file, `None` for standard output.
        path: Option<PathBuf>,
        /// Its size.
        size: u64,
    },
    /// The file was there.
    Skipped {
        /// The file.
        path: PathBuf,
    },
}

/// How an attempt failed.
pub(super) struct Setback {
    /// Why.
    pub(super) cause: Cause,
    /// What is kept for the next attempt or run.
    pub(super) kept: Option<Kept>,
    /// Whether bytes went to a stream that nothing can go on with.
    pub(super) is_stream_lost: bool,
}

impl From<Cause> for Setback {
    fn from(cause: Cause) -> Self {
        Self { cause, kept: None, is_stream_lost: false }
    }
}

/// How many answers make one attempt at most. A server that gives a file in more pieces is asked for
/// the rest after a pause.
const MAX_PARTS: usize = 64;

/// The parts of a worker that a transfer uses.
pub(super) struct Transfer<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) client: &'a Client,
    pub(super) buffer: &'a mut [u8],
    pub(super) work: &'a mut Work,
    pub(super) progress: &'a Progress,
    /// When the job's first attempt began.
    pub(super) began: Instant,
}

impl<'a> Transfer<'a> {
    /// Brings the job's bytes to its destination.
    ///
    /// # Errors
    /// Why it could not, and what is kept. After a stop any cause may be given.
    pub(super) fn run(mut self) -> Result<Done, Setback> {
        let (mut sink, mut held) = match self.place_before_request()? {
            None => (None, None),
            Some(Place::Skip(path)) => return Ok(Done::Skipped { path }),
            Some(Place::Stdout) => (Some(Sink::Stdout(self.shared)), self.work.streamed.take()),
            Some(Place::Device(path)) => (Some(Sink::Device(Device::open(&path)?)), None),
            Some(Place::Write(path, replace)) => {
                let (sink, held) = self.open(&path, replace)?;
                (Some(sink), held)
            }
        };
        match self.attempt(&mut sink, &mut held) {
            Ok(done) => Ok(done),
            Err(cause) => {
                let has_bytes = held.as_ref().is_some_and(|held| held.bytes > 0);
                // What has lost its name to another file has nothing to go on to.
                let is_homeless = matches!(cause, Cause::Exists { .. } | Cause::NotAFile { .. });
                let held = held.filter(|held| !is_homeless && self.is_worth_keeping(held));
                let (kept, is_stream_lost) = match (sink, held) {
                    (Some(sink @ Sink::Partial(_)), Some(held)) => (sink.keep(held), false),
                    (Some(Sink::Stdout(_)), Some(held)) => {
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

    /// Requests until the representation is complete.
    fn attempt(
        &mut self,
        sink: &mut Option<Sink<'a>>,
        held: &mut Option<Held>,
    ) -> Result<Done, Cause> {
        let mut wants_all = self.shared.options.resume == Resume::Never;
        let mut reason = Restart::NothingHeld;
        for _ in 0..MAX_PARTS {
            let plan = match held.as_ref().filter(|_| !wants_all) {
                Some(held) => resume::plan(Some(held)),
                None => Plan::Whole(reason),
            };
            let (response, url) = self.request(&plan)?;
            let Response { head, body } = response;
            let mut verdict = match &*held {
                Some(held) => verdict(&plan, held, &head),
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
                None => match self.place_after_response(&head, &url)? {
                    Place::Skip(path) => return Ok(Done::Skipped { path }),
                    Place::Stdout => sink.insert(Sink::Stdout(self.shared)),
                    Place::Device(path) => sink.insert(Sink::Device(Device::open(&path)?)),
                    Place::Write(path, replace) => {
                        let (opened, found) = self.open(&path, replace)?;
                        let sink = sink.insert(opened);
                        if let Plan::Rest { .. } = resume::plan(found.as_ref()) {
                            // Only now it is known that an earlier run left something for this name.
                            *held = found;
                            continue;
                        }
                        sink
                    }
                },
            };
            let end = if let Some(Verdict::GoOn { range, total }) = verdict {
                let held = held.get_or_insert_with(|| fresh(&head));
                held.bytes = range.start;
                held.length = Some(total);
                Some(range.end)
            } else {
                if let (Some(Verdict::StartOver(reason)), Some(Held { bytes: 1.., .. })) =
                    (verdict, &held)
                {
                    self.note(&format!("starting over: {reason}"));
                    sink.start_over(&reason)?;
                }
                *held = Some(fresh(&head));
                head.length()
            };
            let held = held.get_or_insert_with(|| fresh(&head));
            self.check_room(sink, held, end)?;
            self.progress.set_length(held.length);
            self.progress.set_position(held.bytes);
            let before = held.bytes;
            let copied = self.copy(body, sink, held, end).map_err(|cause| match cause {
                // The body's own numbers are those of a range.
                Cause::Truncated { .. } => {
                    Cause::Truncated { received: held.bytes, expected: held.length }
                }
                cause => cause,
            })?;
            if copied == Copied::TooLong {
                // Nothing of what came with a false length is believed, nor what it was put behind.
                reason = Restart::TooLong;
                self.note(&format!("starting over: {reason}"));
                sink.start_over(&reason)?;
                held.bytes = 0;
                wants_all = true;
                continue;
            }
            // An end that comes after a stop may be the stop's own doing.
            let is_short = held.length.is_some_and(|length| held.bytes < length);
            if self.shared.stop.is_stopped() || (is_short && held.bytes == before) {
                return Err(Cause::Truncated { received: held.bytes, expected: held.length });
            }
            if is_short {
                // The server gave less than it was asked for: ask for what is left.
                continue;
            }
            let modified = self.modified(held.validators.modified());
            return Ok(Done::Completed { path: sink.commit(modified)?, size: held.bytes });
        }
        let (received, expected) =
            held.as_ref().map_or((0, None), |held| (held.bytes, held.length));
        Err(Cause::Truncated { received, expected })
    }

    /// Sends the request and follows redirects; returns the last response and its URL.
    fn request(&self, plan: &Plan) -> Result<(Response, Url), Cause> {
        let Shared { options, observer, .. } = self.shared;
        let job = &self.work.job;
        let rest = match plan {
            Plan::Rest { from, validator } => Some(Rest { from: *from, validator }),
            Plan::Whole(_) => None,
        };
        let mut visited = vec![job.url.clone()];
        let mut may_carry = true;
        loop {
            let url = visited.last().unwrap_or(&job.url);
            observer.event(&Event::Requested { job, url });
            // What was dropped at a foreign origin is not picked up again behind it.
            may_carry &= redirect::may_carry(&job.url, url);
            let credentials = job.credentials.as_ref().filter(|_| may_carry);
            self.client.set_patience(self.time_left()?);
            let response = self
                .client
                .get(&Request { url, credentials, rest })
                .map_err(|cause| self.time_left().err().unwrap_or(cause))?;
            let Head { status, location, .. } = &response.head;
            if !redirect::is_redirect(*status) {
                let length = response.head.length();
                observer.event(&Event::Responded { job, status: *status, length });
                let url = url.clone();
                return Ok((response, url));
            }
            let to = redirect::next_hop(&visited, *status, location.as_deref(), options.redirects)
                .map_err(|problem| Cause::Redirect { problem })?;
            observer.event(&Event::Redirected { job, status: *status, to: &to });
            response.body.drain();
            visited.push(to);
        }
    }

    /// Returns how long a read may wait at most because of `--max-time`.
    ///
    /// # Errors
    /// [`Cause::TimeOver`] when no time is left.
    fn time_left(&self) -> Result<Option<Duration>, Cause> {
        let Some(limit) = self.shared.options.pace.max_time else { return Ok(None) };
        match limit.checked_sub(self.began.elapsed()) {
            Some(left) if !left.is_zero() => Ok(Some(left.min(self.shared.http.stall_timeout()))),
            _ => Err(Cause::TimeOver { limit }),
        }
    }

    /// Opens the partial file for a path; what it holds counts if it may be gone on with.
    fn open(&mut self, path: &Path, replace: Replace) -> Result<(Sink<'a>, Option<Held>), Cause> {
        self.work.place = Some((path.to_owned(), replace));
        let url = Redacted(&self.work.job.url).to_string();
        let (mut partial, content) = Partial::open(&self.purpose(path, replace, &url))?;
        // Between the look at the name and the lock another process may have finished the file. One
        // that waits for such a process looks again, and finds it.
        let waits = self.shared.options.if_locked == IfLocked::Wait;
        if waits && replace == Replace::Never && presence(path)? != Presence::Nothing {
            return Err(Cause::InUse { path: path.to_owned() });
        }
        let is_first = self.work.attempts == 0;
        let held = match (content, self.shared.options.resume) {
            (Content::Nothing, _) => return Ok((Sink::Partial(partial), None)),
            (_, Resume::Never) => None,
            (_, Resume::WithinRun) if is_first => None,
            (Content::Held(held), _) => Some(held),
            (Content::Disbelieved(reason), _) => {
                self.note(&format!("the partial file is not gone on with: {reason}"));
                None
            }
        };
        if held.is_none() {
            partial.start_over()?;
        }
        Ok((Sink::Partial(partial), held))
    }

    fn purpose<'p>(&self, destination: &'p Path, replace: Replace, url: &'p str) -> Purpose<'p> {
        Purpose {
            destination,
            replace,
            url,
            sync: self.shared.sync,
            expects_orphan: self.shared.expects_orphans,
        }
    }

    /// Refuses what can be seen not to fit, before its bytes come.
    fn check_room(&self, sink: &Sink<'_>, held: &Held, end: Option<u64>) -> Result<(), Cause> {
        let Some(length) = held.length.or(end) else { return Ok(()) };
        if let Some(limit) = self.shared.options.max_size.filter(|limit| length > *limit) {
            return Err(Cause::TooLarge { limit });
        }
        match (sink, &self.work.place) {
            (Sink::Partial(_), Some((path, _))) => {
                folder::check_room(path, length.saturating_sub(held.bytes))
            }
            _ => Ok(()),
        }
    }

    /// Bytes without a strong validator can never be gone on with.
    fn is_worth_keeping(&self, held: &Held) -> bool {
        self.shared.options.resume != Resume::Never
            && held.bytes > 0
            && held.validators.strong().is_some()
    }

    fn modified(&self, modified: Option<SystemTime>) -> Option<SystemTime> {
        modified.filter(|_| self.shared.options.set_modified)
    }

    fn note(&self, text: &str) {
        self.shared.observer.event(&Event::Noted { job: &self.work.job, text });
    }
}

/// Returns the name of a job's host, with its port.
pub(super) fn host_of(job: &Job) -> String {
    let port = job.url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", job.url.host_str().unwrap_or_default())
}
