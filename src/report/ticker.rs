//! How far running transfers are, told once a second: the `progress` lines of `--json=events`.
//!
//! One thread, which the ticker owns, wakes a few times a second, reads the atomics that workers write,
//! and offers lines to standard output. It waits for no reader: what a full pipe does not take at once is
//! dropped, and the next turn has newer figures.
//!
//! One mutex guards the table of running transfers. The thread holds it while it offers lines, which never
//! blocks, so that no line about a transfer follows the one about its end; workers hold it for one
//! insertion or removal.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use url::Url;

use crate::model::event::{Event, Subject};
use crate::model::job::JobId;
use crate::model::progress::Progress;
use crate::report::json::events::{self, Figures};
use crate::report::speed::Speed;
use crate::report::stream::Stream;

/// Time from one line about a transfer to the next, and from its start to the first.
const EVERY: Duration = Duration::from_secs(1);

/// How often speeds are measured.
const TURN: Duration = Duration::from_millis(250);

/// Tells how far transfers are. Ended by [`Ticker::end`], at the latest when it is dropped.
#[derive(Debug)]
pub(super) struct Ticker {
    table: Arc<Table>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Table {
    begun: Instant,
    state: Mutex<State>,
    /// The run is over.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<JobId, Row>,
    is_over: bool,
}

#[derive(Debug)]
struct Row {
    url: Url,
    progress: Arc<Progress>,
    speed: Speed,
    /// When it is told of next, counted from the beginning.
    due: Duration,
}

impl Ticker {
    /// Begins to tell on `stream`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn try_new(stream: Arc<Stream>) -> io::Result<Self> {
        let table = Arc::new(Table {
            begun: Instant::now(),
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let shared = Arc::clone(&table);
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || shared.tell(&stream))?;
        Ok(Self { table, thread: Mutex::new(Some(thread)) })
    }

    /// Takes note of an event: of a start once it is told, of an end before that is.
    pub(super) fn note(&self, event: &Event<'_>) {
        let ended = match event {
            Event::Started { job, progress, .. } => {
                let row = Row {
                    url: job.url.clone(),
                    progress: Arc::clone(progress),
                    speed: Speed::default(),
                    due: self.table.begun.elapsed() + EVERY,
                };
                self.table.lock().running.insert(job.id, row);
                return;
            }
            Event::Cancelled { job, .. }
            | Event::Completed { job, .. }
            | Event::Failed { subject: Subject::Job(job), .. }
            | Event::Found { job, .. }
            | Event::Planned { job, .. }
            | Event::Retrying { job, .. }
            | Event::Skipped { job, .. }
            | Event::Switched { job, .. } => job.id,
            _ => return,
        };
        self.table.lock().running.remove(&ended);
    }

    /// Ends the thread. Nothing is told afterwards.
    pub(super) fn end(&self) {
        self.table.lock().is_over = true;
        self.table.wake.notify_all();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A panic of it has been reported, and costs nothing but these lines.
            let _ = thread.join();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.end();
    }
}

impl Table {
    /// The thread.
    fn tell(&self, stream: &Stream) {
        let mut state = self.lock();
        loop {
            (state, _) = self
                .wake
                .wait_timeout_while(state, TURN, |state| !state.is_over)
                .unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            state.tick(self.begun.elapsed(), |line| stream.offer_line(line));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Measures all transfers and tells of those that are due, until `offer` says that nobody listens.
    fn tick(&mut self, now: Duration, mut offer: impl FnMut(&[u8]) -> bool) {
        let mut has_room = true;
        for (id, Row { url, progress, speed, due }) in &mut self.running {
            let received = progress.received();
            speed.update(now, received);
            if now < *due {
                continue;
            }
            let figures = Figures {
                received,
                position: progress.position(),
                size: progress.length(),
                rate: speed.rate().map(|rate| rate as u64),
                connections: progress.connections(),
            };
            has_room = has_room && offer(&events::progress(*id, url, figures));
            if has_room {
                // Of a second that was missed nothing is told later.
                *due = (*due + EVERY).max(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::event::Details;
    use crate::model::stop::Stop;
    use crate::report::lines::tests::job;
    use crate::report::stream::tests::stream;

    fn ticker() -> Ticker {
        let (_, null) = io::pipe().unwrap();
        let ticker = Ticker::try_new(Arc::new(stream(null, &Stop::default()))).unwrap();
        // The tests do its work.
        ticker.end();
        ticker
    }

    fn tick(ticker: &Ticker, tenths: u64) -> Vec<Value> {
        let mut lines = Vec::new();
        let now = Duration::from_millis(100 * tenths);
        ticker.table.lock().tick(now, |line| {
            lines.push(serde_json::from_slice(line).unwrap());
            true
        });
        lines
    }

    #[test]
    fn a_transfer_is_told_of_once_a_second_while_it_runs() {
        let ticker = ticker();
        let (job, progress) = (job(7), Arc::new(Progress::default()));
        ticker.note(&Event::Started { job: &job, name: "a", progress: &progress });
        ticker.table.lock().running.get_mut(&job.id).unwrap().due = EVERY;
        progress.set_length(Some(5000));
        progress.advance(1000);
        assert!(tick(&ticker, 5).is_empty());
        progress.advance(500);
        let expected = json!({
            "haul": 1, "event": "progress", "id": 7, "url": "http://h.example/a?token=***",
            "position": 1500, "received": 1500, "size": 5000, "rate": 1000, "connections": 1,
        });
        assert_eq!(tick(&ticker, 10), [expected]);
        assert!(tick(&ticker, 15).is_empty());
        assert_eq!(tick(&ticker, 45).len(), 1);
        assert_eq!(tick(&ticker, 46).len(), 1, "the next second has begun");
        assert!(tick(&ticker, 47).is_empty());
        ticker.note(&Event::Cancelled { job: &job, details: Details::default() });
        assert!(tick(&ticker, 90).is_empty());
    }

    #[test]
    fn a_reader_that_takes_nothing_is_offered_one_line() {
        let ticker = ticker();
        let (jobs, progress) = ([job(1), job(2)], Arc::new(Progress::default()));
        for job in &jobs {
            ticker.note(&Event::Started { job, name: "a", progress: &progress });
        }
        let mut offered = 0;
        ticker.table.lock().tick(Duration::from_secs(60), |_| {
            offered += 1;
            false
        });
        assert_eq!(offered, 1);
    }
}
