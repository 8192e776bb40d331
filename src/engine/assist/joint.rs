//! A transfer that several workers bring: its table of segments, and how it ends.

#[cfg(test)]
mod stress;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::partial::Partial;
use crate::engine::assist::lane::{Lane, Shared, Target};
use crate::engine::assist::sources::{FIRST, Seat, Sources};
use crate::engine::assist::subject::Subject;
use crate::engine::assist::table::{Table, Working};
use crate::engine::hosts::{Answered, Hosts};
use crate::engine::work::Work;
use crate::http::client::Client;
use crate::model::error::Cause;
use crate::model::range::ByteRange;
use crate::model::range_set::RangeSet;
use crate::model::stop::Stop;
use crate::policy::resume::{Held, Restart};
use crate::policy::share::{self, Meter};
use crate::policy::split::{SegmentId, Segments};

/// How long the first request for a range keeps others from asking too.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// A transfer that several workers bring.
#[derive(Debug)]
pub(in crate::engine) struct Joint {
    pub(super) subject: Subject,
    began: Instant,
    state: Mutex<Table>,
    /// A lane was closed, or it has ended.
    changed: Condvar,
    /// Held while a record is written; the table's lock may be taken inside.
    recording: Mutex<()>,
}

/// The hosts, and the works that wait for room there and got it.
#[derive(Debug)]
pub(in crate::engine) struct Room<'a> {
    pub(in crate::engine) hosts: &'a Hosts,
    pub(in crate::engine) freed: &'a mut VecDeque<Box<Work>>,
}

/// How a transfer that was shared ends.
#[derive(Debug)]
pub(in crate::engine) enum End {
    /// Its leader goes on alone.
    Alone,
    /// The representation is not what it was.
    Changed(Restart),
    /// All bytes are there.
    Complete,
    /// Something failed that would fail for every connection, or nobody is left.
    Failed(Cause),
}

/// What there is to do for its leader.
#[derive(Debug)]
pub(in crate::engine) enum Task {
    /// Bring this.
    Bring(Lane),
    /// See to its end.
    Finish(End),
    /// Wait: others are at work.
    Wait,
}

impl Joint {
    /// Makes a transfer whose first response brings the bytes of `response`, and the lane of that response.
    /// `None` when it brings nothing that is missing.
    pub(in crate::engine) fn new(
        subject: Subject,
        target: Target,
        response: ByteRange,
        client: &Client,
    ) -> Option<(Arc<Self>, Lane)> {
        let mut segments = Segments::new(subject.length, subject.held.ranges.clone());
        let (id, range) = segments.open_at(response.start, response.end)?;
        let now = Instant::now();
        let state = Table::new(&subject, segments, target, now);
        let joint = Arc::new(Self {
            subject,
            began: now,
            state: Mutex::new(state),
            changed: Condvar::new(),
            recording: Mutex::default(),
        });
        let seat = Seat { source: FIRST, is_leaders: true };
        let mut lane = joint.open(&mut joint.lock(), id, range, client, seat)?;
        lane.set_reach(response.end);
        Some((joint, lane))
    }

    /// Returns what is known of it.
    pub(in crate::engine) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Closes it for good (see [`Joint::close`]), and returns which bytes are where they belong. What a
    /// stream holds ahead of its turn is lost.
    pub(in crate::engine) fn settle(&self) -> RangeSet {
        self.close();
        let mut state = self.lock();
        match state.target.take() {
            Some(Target::Stdout(spool)) => RangeSet::prefix_of(spool.head()),
            _ => state.segments.done().clone(),
        }
    }

    /// Hashes what is there of the file's beginning and was not hashed as it came.
    ///
    /// # Errors
    /// What the disk says.
    pub(in crate::engine) fn check_prefix(&self, stop: &Stop) -> Result<(), Cause> {
        let (prefix, target) = {
            let state = self.lock();
            (state.segments.done().prefix(), state.target.clone())
        };
        match (&self.subject.check, target) {
            (Some(check), Some(Target::File(file))) => {
                check.catch_up(prefix, stop, |buffer, offset| file.read_at(buffer, offset))
            }
            _ => Ok(()),
        }
    }

    /// Returns how many seconds it will take if nobody helps, as far as that can be told; `None` when
    /// nobody may help.
    pub(super) fn time_left(&self) -> Option<f64> {
        let mut state = self.lock();
        if !state.is_open() {
            return None;
        }
        let loads = state.loads(self.began);
        Some(share::time_left(&loads, state.segments.free_bytes()).unwrap_or(0.0))
    }

    /// Returns for which part of their time its workers do not wait for bytes, all together.
    pub(super) fn busy(&self) -> f64 {
        self.lock().loads(self.began).iter().map(|load| load.busy).sum()
    }

    /// Takes over a part for a helper. The lane's worker leaves its host.
    pub(super) fn help(self: &Arc<Self>, client: &Client, room: &mut Room<'_>) -> Option<Lane> {
        let mut state = self.lock();
        if state.is_open() { self.take_at(&mut state, client, room, false, true) } else { None }
    }

    /// Returns what its leader is to do next. Without `may_cut` it takes nothing away from those at work.
    pub(in crate::engine) fn next(
        self: &Arc<Self>,
        client: &Client,
        room: &mut Room<'_>,
        may_cut: bool,
    ) -> Task {
        let mut state = self.lock();
        if let Some(end) = state.end.take() {
            return Task::Finish(end);
        }
        if state.segments.is_complete() {
            return Task::Finish(End::Complete);
        }
        if state.is_open()
            && let Some(lane) = self.take_at(&mut state, client, room, true, may_cut)
        {
            return Task::Bring(lane);
        }
        if !state.lanes.is_empty() {
            return Task::Wait;
        }
        Task::Finish(match state.sources.take_failure() {
            Some(cause) => End::Failed(cause),
            None => End::Alone,
        })
    }

    /// Waits until a lane was closed, at most so long.
    pub(in crate::engine) fn wait(&self, timeout: Duration) {
        let state = self.lock();
        if state.end.is_none() {
            let _ = self.changed.wait_timeout(state, timeout);
        }
    }

    /// Lets nobody take over anything any more and breaks off what is under way. When it returns every
    /// helper has left, and no more bytes are written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.break_off();
        while !state.lanes.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes over a part at the best source whose host has room.
    fn take_at(
        self: &Arc<Self>,
        state: &mut Table,
        client: &Client,
        room: &mut Room<'_>,
        is_leaders: bool,
        may_cut: bool,
    ) -> Option<Lane> {
        let now = Instant::now();
        let seat = |source| Seat { source, is_leaders };
        let host = |source: usize| &*self.subject.sources[source].host;
        let Table { lanes, sources, .. } = &mut *state;
        let age = self.began.elapsed();
        let lanes = lanes.iter_mut().map(|Working { shared, source, meter, .. }| {
            (*source, meter.speed(age, shared.received()).guess())
        });
        let (source, speed) = sources.choose(lanes, is_leaders, now, |source| {
            !seat(source).takes_room() || room.hosts.try_enter(host(source), now)
        })?;
        let lane = self.take(state, client, seat(source), speed, may_cut);
        if lane.is_none() && seat(source).takes_room() {
            room.freed.extend(room.hosts.leave(host(source), Answered::Otherwise));
        }
        lane
    }

    /// Takes over a part for a connection of which this speed is expected, if anything is.
    fn take(
        self: &Arc<Self>,
        state: &mut Table,
        client: &Client,
        seat: Seat,
        speed: Option<f64>,
        may_cut: bool,
    ) -> Option<Lane> {
        let most = self.subject.piece;
        let before = match &state.target {
            Some(Target::Stdout(spool)) => spool.end(),
            _ => u64::MAX,
        };
        let loads = state.loads(self.began);
        if !seat.is_leaders && share::is_held_up(&loads) {
            return None;
        }
        let (id, range) = if let Some(free) = state.segments.take_free(most, before) {
            free
        } else if !may_cut {
            return None;
        } else {
            let (id, at) = share::choose(&loads, &state.past, self.subject.terms, speed)?;
            // For a stream the next bytes are wanted first: what is far ahead has nowhere to go.
            let load = loads.iter().find(|load| load.id == id)?;
            let at = at.min(load.position.saturating_add(most));
            if at >= before {
                return None;
            }
            state.cut(id, at, most)?
        };
        self.open(state, id, range, client, seat)
    }

    fn open(
        self: &Arc<Self>,
        state: &mut Table,
        id: SegmentId,
        range: ByteRange,
        client: &Client,
        seat: Seat,
    ) -> Option<Lane> {
        let target = state.target.clone()?;
        let shared = Arc::new(Shared::new(id, range));
        if !state.lanes.is_empty()
            && let Some(until) = &mut state.probe
        {
            *until = Instant::now() + PROBE_TIME;
        }
        state.lanes.push(Working {
            shared: Arc::clone(&shared),
            source: seat.source,
            is_answered: false,
            has_brought: false,
            meter: Meter::new(self.began.elapsed(), self.subject.terms.latency),
            canceller: client.begin_piece(),
        });
        self.subject.progress.set_connections(state.lanes.len());
        Some(Lane::new(Arc::clone(self), shared, target, range, seat))
    }

    /// Says that a lane was answered, and where its response ends (see [`Segments::set_reach`]).
    pub(super) fn set_reach(&self, id: SegmentId, reach: u64) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.iter_mut().find(|lane| lane.shared.id == id) {
            lane.is_answered = true;
        }
        state.segments.set_reach(id, reach);
        let end = state.segments.find(id).map(|open| open.end);
        if let Some(end) = end {
            state.set_end(id, end);
        }
    }

    /// See [`Segments::claim`]. A lane that comes to its end goes on where nobody has begun (see
    /// [`Table::pass`]). Nothing is claimed once it has ended.
    pub(super) fn claim(&self, id: SegmentId, bytes: u64) -> u64 {
        let mut state = self.lock();
        if state.end.is_some() {
            return 0;
        }
        state.pass(id, bytes);
        state.segments.claim(id, bytes)
    }

    /// Says that claimed bytes are written; returns whether it is time for a record.
    pub(super) fn advance(&self, id: SegmentId, bytes: u64) -> bool {
        let mut state = self.lock();
        state.segments.advance(id, bytes);
        let Table { lanes, sources, .. } = &mut *state;
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.shared.id == id && !lane.has_brought)
        {
            lane.has_brought = true;
            sources.succeed(lane.source);
        }
        state.replace_slow(self.began, self.subject.terms);
        state.due.note(bytes);
        self.is_due(&state)
    }

    /// Writes down what is there, unless somebody else has done so meanwhile. While that takes long, others
    /// for whom it is time wait here: else what is not written down would grow without a bound.
    pub(super) fn record(&self, file: &Partial) {
        let _turn = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let ranges = {
            let mut state = self.lock();
            if !self.is_due(&state) {
                return;
            }
            state.due.begin_record(began);
            state.segments.done().clone()
        };
        // The old record stays true; a disk that takes no record will fail the next write.
        let _ = file.record(&Held { ranges, ..self.subject.held.clone() });
        self.lock().due.end_record(began);
    }

    fn is_due(&self, state: &Table) -> bool {
        self.subject.is_recorded && state.due.is_now()
    }

    /// Says that a range was answered with that range.
    pub(super) fn note_ranges(&self) {
        let mut state = self.lock();
        state.probe = None;
        state.passed = 0;
    }

    /// Does something with what has become of its sources.
    pub(super) fn with_sources<T>(&self, with: impl FnOnce(&mut Sources) -> T) -> T {
        with(&mut self.lock().sources)
    }

    /// Returns whether it has ended for all.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Ends it for all.
    pub(super) fn end(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        state.break_off();
        self.changed.notify_all();
    }

    /// Closes a lane. What it lacks is somebody else's.
    pub(super) fn leave(&self, id: SegmentId) {
        let mut state = self.lock();
        state.close_lane(id, self.began);
        self.subject.progress.set_connections(state.lanes.len().max(1));
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
