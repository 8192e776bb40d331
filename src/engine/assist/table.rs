//! The table of a shared transfer, which its lock guards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::assist::joint::End;
use crate::engine::assist::lane::{Shared, Target};
use crate::engine::assist::sources::Sources;
use crate::engine::assist::subject::Subject;
use crate::engine::due::Due;
use crate::http::client::Canceller;
use crate::model::range::ByteRange;
use crate::policy::share::{self, Load, Meter, Terms};
use crate::policy::split::{Open, SegmentId, Segments};

/// How many slow connections are given up at most: where every new one is slow as well, each costs a
/// request for nothing.
const MAX_REPLACED: usize = 8;

/// How many helpers in a row may wait for an answer until the bytes before theirs have all come, before a
/// server that has answered no range yet is asked for no more: it may serve one connection after the other.
const MAX_PASSED: usize = 3;

/// How often somebody looks for one.
const LOOK_TIME: Duration = Duration::from_millis(100);

/// How many connections that have ended are remembered by their speeds.
const MAX_PAST: usize = 16;

/// The table of a transfer: who brings what, and what has become of it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) segments: Segments,
    pub(super) lanes: Vec<Working>,
    /// The speeds of connections that have ended, the last ones.
    pub(super) past: Vec<f64>,
    /// How many connections were given up because they were slow, and when it was looked for one.
    pub(super) replaced: usize,
    pub(super) looked_at: Instant,
    /// How many connections were passed before their answer came, since the last one that was answered.
    pub(super) passed: usize,
    /// Where the bytes go; `None` once it is closed.
    pub(super) target: Option<Target>,
    pub(super) end: Option<End>,
    /// Whether connections may still be opened.
    pub(super) is_open: bool,
    /// Until when nobody else asks for a range: the first who does finds out whether ranges are served.
    /// `None` once that is known.
    pub(super) probe: Option<Instant>,
    pub(super) sources: Sources,
    pub(super) due: Due,
}

/// A connection at work.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) shared: Arc<Shared>,
    /// The number of its source.
    pub(super) source: usize,
    /// Whether the head of its response has come.
    pub(super) is_answered: bool,
    /// Whether any of its bytes are written.
    pub(super) has_brought: bool,
    pub(super) meter: Meter,
    pub(super) canceller: Canceller,
}

impl Table {
    /// Makes the table of a transfer that begins now, without lanes.
    pub(super) fn new(subject: &Subject, segments: Segments, target: Target, now: Instant) -> Self {
        Self {
            segments,
            lanes: Vec::new(),
            past: Vec::new(),
            replaced: 0,
            looked_at: now,
            passed: 0,
            target: Some(target),
            end: None,
            is_open: true,
            probe: (!subject.serves_ranges).then_some(now),
            sources: Sources::new(&subject.sources),
            due: Due::new(now),
        }
    }

    /// Takes a lane out. What it lacks is somebody else's.
    pub(super) fn close_lane(&mut self, id: SegmentId, began: Instant) {
        if let Some((heir, end)) = self.segments.give_back(id) {
            self.set_end(heir, end);
        }
        if let Some(index) = self.lanes.iter().position(|lane| lane.shared.id == id) {
            let Working { shared, source, mut meter, .. } = self.lanes.swap_remove(index);
            let speed = meter.speed(began.elapsed(), shared.received());
            self.sources.end_lane(source, speed.mean.or(speed.recent));
            if self.past.len() >= MAX_PAST {
                self.past.remove(0);
            }
            self.past.extend(speed.mean);
        }
        if let Some(until) = &mut self.probe {
            *until = Instant::now();
        }
    }

    /// Returns whether another connection may be opened now.
    pub(super) fn is_open(&self) -> bool {
        let now = Instant::now();
        let is_probed = self.probe.is_none_or(|until| now >= until);
        self.is_open && self.end.is_none() && is_probed && self.sources.is_open(now)
    }

    pub(super) fn loads(&mut self, began: Instant) -> Vec<Load> {
        let now = began.elapsed();
        let Self { segments, lanes, .. } = self;
        let load = |Working { shared, meter, .. }: &mut Working| {
            let open = segments.find(shared.id)?;
            let received = shared.received();
            // What has come is not split off, as far as that can be helped.
            let position = (shared.start + received).max(open.claimed).min(open.end);
            let age = meter.age(now).as_secs_f64();
            let busy = if age > 0.0 { shared.busy().as_secs_f64() / age } else { 0.0 };
            let speed = meter.speed(now, received);
            Some(Load { id: shared.id, position, end: open.end, speed, busy })
        };
        lanes.iter_mut().filter_map(load).collect()
    }

    /// Ends a lane at `at` and opens at most `most` bytes of what was behind it.
    pub(super) fn cut(
        &mut self,
        id: SegmentId,
        at: u64,
        most: u64,
    ) -> Option<(SegmentId, ByteRange)> {
        let rest = self.segments.cut(id, at)?;
        self.set_end(id, at);
        self.segments.open_at(rest.start, rest.start.saturating_add(most).min(rest.end))
    }

    /// Tells a lane where it ends now. One that has nothing left to bring is broken off: its worker may
    /// be waiting for bytes that are not wanted. Then nothing can be given back to it.
    pub(super) fn set_end(&mut self, id: SegmentId, end: u64) {
        if !self.is_open {
            return;
        }
        let Some(lane) = self.lanes.iter().find(|lane| lane.shared.id == id) else { return };
        lane.shared.set_end(end);
        if lane.shared.start + lane.shared.received() >= end {
            lane.canceller.cancel();
            self.segments.set_reach(id, end);
        }
    }

    /// Lets a lane whose next `bytes` bytes bring it to its end go on over what is free behind it, and over
    /// lanes that are still waiting for an answer: its own is there already, and theirs may never come.
    pub(super) fn pass(&mut self, id: SegmentId, bytes: u64) {
        while self.is_open
            && let Some(&Open { position, end, .. }) = self.segments.find(id)
            && position + bytes >= end
        {
            let next = self.waiting_at(end);
            let grown = match next {
                Some(next) => self.segments.take_over(id, next),
                None => self.segments.extend(id),
            };
            let Some(new_end) = grown else { return };
            if let Some(lane) = self.lanes.iter().find(|lane| lane.shared.id == id) {
                lane.shared.set_end(new_end);
            }
            if let Some(next) = next {
                self.set_end(next, end);
                self.note_passed(next);
            }
        }
    }

    /// Takes note that the bytes of a lane came from elsewhere before its answer.
    fn note_passed(&mut self, id: SegmentId) {
        self.passed += 1;
        let lane = self.lanes.iter().find(|lane| lane.shared.id == id);
        let Some(&Working { source, .. }) = lane else { return };
        // Others are asked before it.
        self.sources.end_lane(source, Some(0.0));
        if self.passed >= MAX_PASSED && self.probe.is_some() {
            self.sources.give_up(source);
        }
    }

    /// Returns the segment that begins at `start`, if nothing of its response has come.
    fn waiting_at(&self, start: u64) -> Option<SegmentId> {
        let id =
            self.segments.open().iter().find(|open| open.position == start && open.end > start)?.id;
        let is_waiting = |lane: &Working| lane.shared.id == id && !lane.is_answered;
        self.lanes.iter().any(is_waiting).then_some(id)
    }

    /// Gives up a connection that is so slow that a new one is better, so that its worker need not wait
    /// for others to be idle. Whoever writes looks, for one that stands still does not.
    pub(super) fn replace_slow(&mut self, began: Instant, terms: Terms) {
        if self.replaced >= MAX_REPLACED || self.looked_at.elapsed() < LOOK_TIME || !self.is_open {
            return;
        }
        self.looked_at = Instant::now();
        let loads = self.loads(began);
        let Some((id, at)) = share::slow(&loads, &self.past, terms) else { return };
        if self.segments.cut(id, at).is_some() {
            self.replaced += 1;
            self.set_end(id, at);
        }
    }

    /// Lets nobody open a connection any more, and breaks off what is under way.
    pub(super) fn break_off(&mut self) {
        self.is_open = false;
        for lane in &self.lanes {
            // Whatever it waits for, it has nothing to wait for; what it has is still written.
            lane.shared.set_end(0);
            lane.canceller.cancel();
        }
    }
}
