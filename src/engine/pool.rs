//! The pool: worker threads on one bounded channel, fed by the main thread, joined by it.
//!
//! The channel: the feeder blocks while it is full, workers while it is empty; nothing is dropped;
//! the feeder closes it by returning, and the workers' receivers end when it is empty. Workers only
//! take from it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crossbeam_channel::Receiver;

use crate::disk::folder;
use crate::engine::claims::Claims;
use crate::engine::{Options, Shared, feeder, worker};
use crate::http::client::Common;
use crate::input::Entry;
use crate::model::event::Observer;
use crate::model::stop::Stop;
use crate::model::totals::Totals;

/// Under 64 the channel itself costs: 15 % of the rate of small files at 16, half of it at 1. Twice
/// that lets the feeder rest for a moment when it is full (see [`feeder`]).
const MIN_QUEUE: usize = 128;

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The sum over all workers and the feeder.
    pub totals: Totals,
    /// Whether every job of the input came to an end of its own.
    pub finished: bool,
}

/// Runs all entries through a pool of workers; returns when every worker has ended.
///
/// # Errors
/// When the system gives no thread at all. With fewer than asked for the run goes on.
pub fn run(
    options: &Options,
    http: &Arc<Common>,
    observer: &dyn Observer,
    stop: &Stop,
    entries: &Receiver<Vec<Entry>>,
) -> std::io::Result<Summary> {
    let here = if options.folder.as_os_str().is_empty() { Path::new(".") } else { &options.folder };
    let shared = Shared {
        options,
        http,
        observer,
        stop,
        claims: Claims::new(folder::folds_case(here)),
        stream_broken: AtomicBool::new(false),
    };
    let (sender, jobs) = crossbeam_channel::bounded(MIN_QUEUE.max(2 * options.workers));
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(options.workers);
        for number in 1..=options.workers {
            let (shared, jobs) = (&shared, &jobs);
            let spawned = thread::Builder::new()
                .name(format!("worker {number}"))
                .spawn_scoped(scope, move || worker::work(shared, jobs));
            match spawned {
                Ok(worker) => workers.push(worker),
                Err(error) if workers.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        let (mut totals, all_read) = feeder::feed(&shared, entries, &sender);
        drop(sender);
        let mut lost = false;
        for worker in workers {
            match worker.join() {
                Ok(part) => totals += part,
                // Only what runs between two jobs can panic here; the job's own panic is caught.
                Err(_) => lost = true,
            }
        }
        let finished = all_read && jobs.is_empty() && totals.cancelled == 0 && !lost;
        Ok(Summary { totals, finished })
    })
}
