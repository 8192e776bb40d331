//! Leading a transfer that idle workers may help with (see [`assist`](crate::engine::assist)).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::engine::ask::Reached;
use crate::engine::assist::part::{bring, copy};
use crate::engine::assist::{End, Joint, Lane, Room, Source, Subject, Target, Task};
use crate::engine::hosts::{Answered, host_of};
use crate::engine::pump::{Pump, Watch};
use crate::engine::sink::Sink;
use crate::engine::spool::Spool;
use crate::engine::transfer::Transfer;
use crate::http::body::Body;
use crate::http::head::{Framing, Head};
use crate::model::error::Cause;
use crate::model::job::Credentials;
use crate::model::range::ByteRange;
use crate::model::redact::Redacted;
use crate::policy::resume::{Held, Restart};
use crate::policy::share::Terms;

/// How often a leader that waits for its helpers looks whether all is well.
const TURN: Duration = Duration::from_millis(25);

/// A response that a transfer has begun with.
pub(super) struct First<'r> {
    /// Its head.
    pub(super) head: &'r Head,
    /// Where it came from.
    pub(super) reached: &'r Reached,
    /// When its head had come.
    pub(super) came: Instant,
    /// From its request to then.
    pub(super) latency: Duration,
    /// The bytes that its body has.
    pub(super) range: ByteRange,
}

impl<'a> Transfer<'a> {
    /// Makes a transfer that may be split of one that has begun, if idle workers could be of use.
    pub(super) fn share(
        &self,
        sink: &Sink<'a>,
        held: &Held,
        first: &First<'_>,
    ) -> Option<(Arc<Joint>, Lane)> {
        let options = self.shared.options;
        let length = held.length?;
        let min_part = options.min_split?;
        let target = match sink {
            Sink::Partial(file) => Target::File(Arc::clone(file)),
            Sink::Stdout(..) => {
                Target::Stdout(Arc::new(Spool::new(options.stdout_buffer, held.ranges.prefix())))
            }
            Sink::Device(_) => return None,
        };
        let left = length - held.ranges.len();
        // The end of a body has to be sure, and so has its version, to put another's behind it.
        let is_splittable = self.work.may_split
            && options.workers > 1
            && left >= min_part.saturating_mul(2)
            && matches!(first.head.framing, Framing::Length(bytes) if bytes == first.range.len())
            && (first.head.status == 206 || first.head.accepts_ranges);
        if !is_splittable {
            return None;
        }
        let Some(validator) = held.validators.strong() else {
            self.note("not split: the server gave nothing to tell a changed file by");
            return None;
        };
        let place = self.work.place.as_ref().and_then(|(path, _)| path.file_name());
        let subject = Subject {
            job: self.work.job.clone(),
            began: self.began,
            name: place.map_or_else(
                || Redacted(&self.work.job.url).to_string(),
                |name| name.to_string_lossy().into_owned(),
            ),
            sources: self.sources(held, first.reached),
            held: held.clone(),
            length,
            validator: validator.to_owned(),
            terms: Terms { min_part, latency: first.latency },
            piece: self.piece(sink, left, min_part),
            serves_ranges: first.head.status == 206,
            no_cache: self.work.was_mismatched,
            is_recorded: !sink.is_stream() && self.is_worth_keeping(held),
            check: self.work.check.clone(),
            progress: Arc::clone(self.progress),
        };
        Joint::new(subject, target, first.range, self.client)
    }

    /// Returns how many bytes a worker takes at once. For a stream it is so little that every worker can
    /// hold one piece while it brings another, and that all end together.
    fn piece(&self, sink: &Sink<'_>, left: u64, min_part: u64) -> u64 {
        let options = self.shared.options;
        let shares = 2 * options.workers as u64;
        match sink {
            Sink::Stdout(..) => {
                (left / shares).max(min_part).min(options.stdout_buffer / shares).max(1)
            }
            Sink::Device(_) | Sink::Partial(_) => u64::MAX,
        }
    }

    /// Returns where the bytes of a transfer may come from, first where its first response came from.
    fn sources(&self, held: &Held, reached: &Reached) -> Vec<Source> {
        let now = Instant::now();
        let source = |(given, credentials, not_before): (&Url, Option<&Credentials>, _)| Source {
            given: given.clone(),
            credentials: credentials.cloned(),
            host: host_of(given).to_owned(),
            reached: None,
            not_before: Option::unwrap_or(not_before, now),
        };
        let (given, credentials) = self.work.target();
        let first = Source { reached: Some(reached.clone()), ..source((given, credentials, None)) };
        // A date of modification says nothing about another mirror's file. And once the whole was something
        // else, each mirror has to bring all of it: else a good one could be blamed for what another gave.
        let is_spread = held.validators.strong_etag().is_some() && !self.work.was_mismatched;
        let others = self.work.others().filter(|_| is_spread).map(source);
        std::iter::once(first).chain(others).collect()
    }

    /// Brings a shared transfer to its end, and keeps `held` true. Returns why it is another representation
    /// now, if it is.
    ///
    /// # Errors
    /// Why it failed.
    pub(super) fn lead(
        &mut self,
        joint: &Arc<Joint>,
        lane: Lane,
        body: Body,
        held: &mut Held,
    ) -> Result<Option<Restart>, Cause> {
        let shared = self.shared;
        let mut pace = self.pace();
        let published = shared.assist.publish(joint);
        // Behind it, so that a panic drops them first: it waits until every lane is closed.
        let (mut lane, mut body) = (lane, body);
        let (began, progress) = (self.began, self.progress);
        let watch = Watch { pace: &mut pace, began, progress };
        copy(
            &mut Pump { shared, buffer: self.buffer, throttle: &self.throttle },
            &mut body,
            &mut lane,
            Some(watch),
        );
        drop((lane, body));
        self.client.end_piece();
        let end = loop {
            if shared.stop.is_stopped() {
                break End::Alone;
            }
            let mut freed = VecDeque::new();
            let room = &mut Room { hosts: &shared.hosts, freed: &mut freed };
            let task = joint.next(self.client, room, shared.limits.has_turn());
            (self.release)(freed);
            match task {
                Task::Finish(end) => break end,
                Task::Bring(lane) => {
                    let watch = Watch { pace: &mut pace, began, progress };
                    self.bring_part(lane, watch);
                }
                Task::Wait => {
                    joint.wait(TURN);
                    if let Err(cause) = joint.check_prefix(shared.stop) {
                        break End::Failed(cause);
                    }
                    if let Err(cause) = pace.check(self.began.elapsed(), self.progress.received()) {
                        break End::Failed(cause);
                    }
                }
            }
        };
        drop(published);
        held.ranges = joint.settle();
        match end {
            End::Alone => {
                self.work.may_split = false;
                Ok(None)
            }
            End::Changed(reason) => {
                self.work.may_split = false;
                Ok(Some(reason))
            }
            End::Complete => Ok(None),
            // A body's own numbers are those of a range.
            End::Failed(Cause::Truncated { .. }) => {
                Err(Cause::Truncated { received: held.ranges.len(), expected: held.length })
            }
            End::Failed(cause) => Err(cause),
        }
    }

    /// Brings a part, which may come from another host than the one at which this worker has room.
    fn bring_part(&mut self, lane: Lane, watch: Watch<'_>) {
        let (shared, client, buffer) = (self.shared, self.client, &mut *self.buffer);
        let Some(host) = lane.host_to_leave().map(str::to_owned) else {
            bring(shared, client, buffer, lane, &self.throttle, Some(watch), |_| {});
            return;
        };
        let throttle = shared.limits.of(|| host.clone(), self.began);
        let bring = || bring(shared, client, buffer, lane, &throttle, Some(watch), |_| {});
        let answered = catch_unwind(AssertUnwindSafe(bring));
        let how = *answered.as_ref().unwrap_or(&Answered::Otherwise);
        (self.release)(shared.hosts.leave(&host, how));
        if let Err(panic) = answered {
            resume_unwind(panic);
        }
    }
}
