//! One connection's share of a transfer: a segment, and the way to the file.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::disk::partial::Partial;
use crate::engine::Shared as Run;
use crate::engine::assist::Joint;
use crate::engine::assist::sources::{Seat, Source};
use crate::engine::load::Load;
use crate::engine::pump::{Next, Track};
use crate::engine::sink::write_out;
use crate::engine::spool::Spool;
use crate::model::error::Cause;
use crate::model::range::ByteRange;
use crate::policy::split::SegmentId;

/// What a lane's worker and idle workers see of each other without a lock.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: SegmentId,
    pub(super) start: u64,
    /// The byte after its last one. The table's lock decides; a reader may see an old end for a moment,
    /// and then has read a little that it will not be allowed to write.
    end: AtomicU64,
    received: AtomicU64,
    /// Nanoseconds in which its worker did not wait for bytes.
    busy: AtomicU64,
}

impl Shared {
    pub(super) fn new(id: SegmentId, ByteRange { start, end }: ByteRange) -> Self {
        Self {
            id,
            start,
            end: AtomicU64::new(end),
            received: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        }
    }

    pub(super) fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    pub(super) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// Where the bytes of a shared transfer go.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Target {
    /// Each to its place in a partial file.
    File(Arc<Partial>),
    /// In order, to standard output.
    Stdout(Arc<Spool>),
}

/// A segment that one worker brings. Dropping it gives back what is missing.
#[derive(Debug)]
pub(in crate::engine) struct Lane {
    joint: Arc<Joint>,
    shared: Arc<Shared>,
    /// `None` once it is given back.
    target: Option<Target>,
    position: u64,
    /// Where the response ends.
    reach: u64,
    /// Bytes in the buffer that the progress has already.
    counted: u64,
    /// The processor's time of its worker after the last write.
    cpu: Duration,
    seat: Seat,
}

impl Lane {
    pub(super) fn new(
        joint: Arc<Joint>,
        shared: Arc<Shared>,
        target: Target,
        range: ByteRange,
        seat: Seat,
    ) -> Self {
        let ByteRange { start: position, end: reach } = range;
        Self {
            joint,
            shared,
            target: Some(target),
            position,
            reach,
            counted: 0,
            cpu: cpu_time(),
            seat,
        }
    }

    /// Returns the transfer.
    pub(in crate::engine) fn joint(&self) -> &Arc<Joint> {
        &self.joint
    }

    /// Returns the bytes that it still lacks.
    pub(in crate::engine) fn range(&self) -> ByteRange {
        ByteRange { start: self.position, end: self.end() }
    }

    /// Returns whether its response was read to its last byte, so that its connection can be used again.
    pub(super) fn is_at_reach(&self) -> bool {
        self.position == self.reach
    }

    /// Returns whose it is, and where it goes.
    pub(super) fn seat(&self) -> Seat {
        self.seat
    }

    /// Returns where its bytes come from.
    pub(in crate::engine) fn source(&self) -> &Source {
        &self.joint.subject.sources[self.seat.source]
    }

    /// Returns the host that its worker has to leave at its end, if any.
    pub(in crate::engine) fn host_to_leave(&self) -> Option<&str> {
        self.seat.takes_room().then(|| &*self.source().host)
    }

    /// Returns how many bytes have come.
    pub(super) fn received(&self) -> u64 {
        self.shared.received()
    }

    /// Returns whether any byte has come.
    pub(super) fn has_begun(&self) -> bool {
        self.received() > 0
    }

    /// Says where its response ends, which may be before or behind the segment's end.
    pub(super) fn set_reach(&mut self, reach: u64) {
        self.reach = reach;
        self.joint.set_reach(self.shared.id, reach);
    }

    fn end(&self) -> u64 {
        self.shared.end.load(Ordering::Acquire)
    }
}

impl Track for Lane {
    fn receive(&mut self, count: usize, filled: usize) -> Result<Next, Cause> {
        let (count, filled) = (count as u64, filled as u64);
        let room = self.end().saturating_sub(self.position + filled - count);
        let useful = room.min(count);
        self.counted += useful;
        self.shared.received.fetch_add(count, Ordering::Relaxed);
        self.joint.subject.progress.advance_by(count, useful);
        let is_its_turn = match &self.target {
            Some(Target::Stdout(spool)) => spool.head() == self.position,
            _ => false,
        };
        Ok(if count >= room || is_its_turn { Next::Write } else { Next::Read })
    }

    fn write(&mut self, run: &Run<'_>, mut load: Load<'_>) -> Result<(), Cause> {
        let Some(target) = &self.target else { return Ok(()) };
        let wanted = self.joint.claim(self.shared.id, load.len() as u64);
        // What was taken over since it came is counted by whoever brings it.
        let counted = std::mem::take(&mut self.counted);
        self.joint.subject.progress.retreat(counted.saturating_sub(wanted));
        // And what was given back to it since then, by it.
        self.joint.subject.progress.advance_by(0, wanted.saturating_sub(counted));
        if wanted == 0 {
            return Ok(());
        }
        // Reading is work only as far as the processor is; writing is, also where it waits for the disk.
        let read = cpu_time().saturating_sub(self.cpu);
        let began = Instant::now();
        let count = wanted as usize;
        let check = self.joint.subject.check.as_ref();
        match target {
            Target::File(file) => {
                load.write_to(file, count, self.position)?;
                if let Some(check) = check {
                    check.offer(self.position, load.seen(count));
                }
            }
            Target::Stdout(spool) => {
                let write = |bytes: &[u8]| write_out(run, check, bytes);
                let is_unwanted = || self.is_over() || run.stop.is_stopped();
                if !spool.take(self.position, load.seen(count), write, is_unwanted)? {
                    // What follows must not be taken for it.
                    self.joint.subject.progress.retreat(wanted);
                    return Err(Cause::Connection { source: io::ErrorKind::Interrupted.into() });
                }
            }
        }
        let busy = (read + began.elapsed()).as_nanos() as u64;
        self.shared.busy.fetch_add(busy, Ordering::Relaxed);
        self.cpu = cpu_time();
        self.position += wanted;
        let is_time = self.joint.advance(self.shared.id, wanted);
        if let (Target::File(file), true) = (target, is_time) {
            self.joint.record(file);
        }
        Ok(())
    }

    fn unseen(&self) -> u64 {
        match &self.target {
            Some(Target::File(file))
                if self.joint.subject.check.is_none() && file.takes_pipes() =>
            {
                self.end().saturating_sub(self.position)
            }
            _ => 0,
        }
    }

    fn is_over(&self) -> bool {
        self.position >= self.end()
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn held_back(&mut self, time: Duration) {
        // Not the server's doing, as little as what the disk takes: more connections would bring no more.
        self.shared.busy.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The file first: once nobody is left, its leader may do with it what it likes.
        self.target = None;
        self.joint.leave(self.shared.id);
    }
}

/// Returns how long this thread has kept a processor busy.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
