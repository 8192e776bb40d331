//! The board: what workers write on and the drawing thread reads.
//!
//! One mutex guards the running transfers, the counts and the lines that wait to be printed, so a
//! tick sees one moment of the run. Workers hold it for the length of a table update; nobody draws
//! or writes while holding it, and how far transfers are comes from their own atomics.
//!
//! Lines are bounded: a worker that finds [`ROOM`] bytes waiting is held until the drawing thread
//! has taken them, the run is stopped, or nobody draws any more. Nothing is dropped. The drawing
//! thread closes the board.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::event::{Event, Subject};
use crate::model::job::{Job, JobId};
use crate::model::progress::Progress;

/// How many bytes of lines may wait before workers do.
const ROOM: usize = 64 * 1024;

/// How often a worker that waits for room looks at the stop token.
const TURN: Duration = Duration::from_millis(40);

/// What workers write on and the drawing thread reads.
#[derive(Debug, Default)]
pub(super) struct Board {
    state: Mutex<State>,
    /// The drawing thread has something to do before its next tick.
    wake: Condvar,
    /// The lines were taken.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<JobId, (Arc<str>, Arc<Progress>)>,
    counts: Counts,
    lines: String,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The drawing thread draws.
    #[default]
    Open,
    /// It was asked to end.
    Ending,
    /// It is gone.
    Closed,
}

/// What is known of the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Jobs that were listed so far.
    pub(super) listed: u64,
    /// Whether no more will be.
    pub(super) list_ended: bool,
    /// Jobs that came to an end, whichever.
    pub(super) ended: u64,
    /// Jobs that failed.
    pub(super) failed: u64,
    /// Jobs that completed.
    pub(super) completed: u64,
    /// The sizes of their files.
    pub(super) completed_bytes: u64,
    /// Bytes received by transfers that are over.
    pub(super) ended_bytes: u64,
}

/// A running transfer at a moment.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its job.
    pub(super) id: JobId,
    /// Its name, as it came.
    pub(super) name: Arc<str>,
    /// Bytes that are there.
    pub(super) position: u64,
    /// Bytes that were received, which a resumed or restarted transfer tells apart.
    pub(super) received: u64,
    /// Bytes that there will be.
    pub(super) length: Option<u64>,
    /// The connections that bring them.
    pub(super) connections: usize,
}

/// A moment of the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// The running transfers in the order of the input.
    pub(super) running: Vec<Running>,
    /// What is known of the whole.
    pub(super) counts: Counts,
    /// Lines to print, each with its end.
    pub(super) lines: String,
    /// Whether this is the last one.
    pub(super) is_last: bool,
}

impl Snapshot {
    /// Returns the bytes received so far.
    pub(super) fn bytes(&self) -> u64 {
        let running: u64 = self.running.iter().map(|transfer| transfer.received).sum();
        self.counts.ended_bytes + running
    }

    /// Returns how many bytes are still to come once the list has ended, if that can be told.
    ///
    /// The law: what running transfers of known length lack, and for each job that waits or does
    /// not tell its length the mean size of the files that completed. Divided by the speed of the
    /// whole run, which has the waits between files in it, that is the time left. Jobs that will
    /// be skipped or fail make it too long; without a completed file nothing is said of others.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        let counts = &self.counts;
        if !counts.list_ended {
            return None;
        }
        let mean = counts.completed_bytes.checked_div(counts.completed);
        let known = counts.ended + self.running.len() as u64;
        let mut left = match counts.listed.saturating_sub(known) {
            0 => 0,
            waiting => mean?.saturating_mul(waiting),
        };
        for transfer in &self.running {
            let length = transfer.length.or(mean)?;
            left = left.saturating_add(length.saturating_sub(transfer.position));
        }
        Some(left)
    }
}

impl Board {
    /// Takes note of `event` and of the lines it gets; holds the caller while too many wait.
    /// Returns the lines back when nobody will print them.
    pub(super) fn note(
        &self,
        event: &Event<'_>,
        lines: String,
        is_stopped: impl Fn() -> bool,
    ) -> Option<String> {
        if lines.is_empty() && !is_counted(event) {
            return None;
        }
        let mut state = self.lock();
        state.take_note(event);
        if lines.is_empty() {
            return None;
        }
        if state.phase == Phase::Closed {
            return Some(lines);
        }
        state.lines.push_str(&lines);
        while state.lines.len() >= ROOM && state.phase == Phase::Open && !is_stopped() {
            self.wake.notify_one();
            (state, _) =
                self.room.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Waits for `timeout`, or less when there is much to print or the end to draw, and takes what
    /// there is. Called by the drawing thread alone.
    pub(super) fn take(&self, timeout: Duration) -> Snapshot {
        let is_calm = |state: &mut State| state.phase == Phase::Open && state.lines.len() < ROOM;
        let (mut state, _) = self
            .wake
            .wait_timeout_while(self.lock(), timeout, is_calm)
            .unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut state.lines);
        self.room.notify_all();
        let running = state.running.iter().map(|(id, (name, progress))| Running {
            id: *id,
            name: Arc::clone(name),
            position: progress.position(),
            received: progress.received(),
            length: progress.length(),
            connections: progress.connections(),
        });
        Snapshot {
            running: running.collect(),
            counts: state.counts,
            lines,
            is_last: state.phase != Phase::Open,
        }
    }

    /// Asks the drawing thread to end.
    pub(super) fn end(&self) {
        self.enter(Phase::Ending);
    }

    /// Says that nobody draws any more, and returns the lines that nobody printed.
    pub(super) fn close(&self) -> String {
        self.enter(Phase::Closed);
        std::mem::take(&mut self.lock().lines)
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        state.phase = state.phase.max(phase);
        drop(state);
        self.wake.notify_all();
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether an event changes what is known of the run. For those that do not, which are many, no
/// worker waits for another's turn at the board.
fn is_counted(event: &Event<'_>) -> bool {
    match event {
        Event::Cancelled { .. }
        | Event::Completed { .. }
        | Event::Failed { .. }
        | Event::Found { .. }
        | Event::Listed
        | Event::ListEnded
        | Event::Planned { .. }
        | Event::Retrying { .. }
        | Event::Skipped { .. }
        | Event::Started { .. }
        | Event::Switched { .. }
        | Event::Verified { .. } => true,
        Event::Helped { .. }
        | Event::HelpEnded { .. }
        | Event::Kept { .. }
        | Event::Noted { .. }
        | Event::Redirected { .. }
        | Event::Requested { .. }
        | Event::Responded { .. }
        | Event::Said { .. }
        | Event::Unstarted { .. }
        | Event::Warned { .. } => false,
    }
}

impl State {
    fn take_note(&mut self, event: &Event<'_>) {
        match event {
            Event::Listed => self.counts.listed += 1,
            Event::ListEnded => self.counts.list_ended = true,
            Event::Started { job, name, progress } => {
                let entry = (Arc::from(*name), Arc::clone(progress));
                self.running.insert(job.id, entry);
            }
            Event::Completed { job, size, .. } => {
                self.counts.completed += 1;
                self.counts.completed_bytes += size;
                self.end_job(Some(job));
            }
            Event::Verified { job, found, .. } => {
                self.counts.completed += 1;
                self.counts.completed_bytes += found.size;
                self.end_job(Some(job));
            }
            Event::Failed { subject, .. } => {
                self.counts.failed += 1;
                self.end_job(match subject {
                    Subject::Job(job) => Some(job),
                    Subject::Text(_) => None,
                });
            }
            Event::Cancelled { job, .. }
            | Event::Found { job, .. }
            | Event::Planned { job, .. }
            | Event::Skipped { job, .. } => self.end_job(Some(job)),
            Event::Retrying { job, .. } | Event::Switched { job, .. } => self.leave(job),
            _ => debug_assert!(!is_counted(event)),
        }
    }

    fn end_job(&mut self, job: Option<&Job>) {
        self.counts.ended += 1;
        if let Some(job) = job {
            self.leave(job);
        }
    }

    /// Takes a transfer off the board; its job may come back.
    fn leave(&mut self, job: &Job) {
        if let Some((_, progress)) = self.running.remove(&job.id) {
            self.counts.ended_bytes += progress.received();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::model::event::Details;
    use crate::model::validator::Validators;
    use crate::report::lines::tests::job;

    const WARNING: Event<'_> = Event::Warned { text: "" };

    #[test]
    fn a_worker_waits_for_room_until_lines_are_taken_or_the_run_is_stopped() {
        let board = Board::default();
        let stopped = AtomicBool::new(false);
        let fill = || board.note(&WARNING, "x".repeat(ROOM), || stopped.load(Ordering::SeqCst));
        thread::scope(|scope| {
            let worker = scope.spawn(fill);
            thread::sleep(Duration::from_millis(100));
            assert!(!worker.is_finished());
            let begun = Instant::now();
            assert_eq!(board.take(Duration::from_secs(60)).lines.len(), ROOM);
            worker.join().unwrap();
            let worker = scope.spawn(fill);
            thread::sleep(Duration::from_millis(100));
            assert!(!worker.is_finished());
            stopped.store(true, Ordering::SeqCst);
            worker.join().unwrap();
            assert!(begun.elapsed() < Duration::from_secs(10));
        });
        assert_eq!(board.close().len(), ROOM);
        assert_eq!(fill().unwrap().len(), ROOM);
    }

    #[test]
    fn bytes_left_are_a_mean_file_for_each_job_that_waits() {
        let board = Board::default();
        let note = |event: &Event<'_>| board.note(event, String::new(), || false);
        for _ in 0..4 {
            note(&Event::Listed);
        }
        let jobs = [job(1), job(2)];
        let progress = Arc::new(Progress::default());
        let start = |job| note(&Event::Started { job, name: "a", progress: &progress });
        start(&jobs[0]);
        progress.advance(100);
        let now = || board.take(Duration::ZERO);
        assert_eq!(now().bytes_left(), None);
        note(&Event::ListEnded);
        assert_eq!(now().bytes_left(), None);
        note(&Event::Completed {
            job: &jobs[0],
            path: None,
            size: 1000,
            received: 1000,
            digests: &[],
            modified: None,
            validators: &Validators::default(),
            details: Details::default(),
        });
        assert_eq!(now().bytes_left(), Some(3000));
        start(&jobs[1]);
        assert_eq!(now().bytes_left(), Some(2900));
        progress.set_length(Some(600));
        assert_eq!(now().bytes_left(), Some(2500));
        assert_eq!(now().bytes(), 200);
    }
}
