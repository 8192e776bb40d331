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
use crate::disk::listing::Listing;
use crate::disk::partial::Sync;
use crate::engine::assist::Assist;
use crate::engine::claims::Claims;
use crate::engine::failures::Failures;
use crate::engine::hosts::Hosts;
use crate::engine::limits::Limits;
use crate::engine::work::InFlight;
use crate::engine::{Mode, Options, Output, Shared, feeder, worker};
use crate::http::client::Common;
use crate::input::Batch;
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
    entries: &Receiver<Batch>,
) -> std::io::Result<Summary> {
    let here = if options.folder.as_os_str().is_empty() { Path::new(".") } else { &options.folder };
    let folds_case = folder::folds_case(here);
    let claims = Claims::new(folds_case, &options.folder);
    for file in &options.reserved {
        claims.reserve(file);
    }
    let shared = Shared {
        options,
        http,
        observer,
        stop,
        claims,
        hosts: Hosts::new(options.per_host),
        assist: Assist::new(options.workers),
        in_flight: InFlight::default(),
        listing: match (options.mode, &options.output) {
            (Mode::Fetch, Output::Folder) => Listing::of(&options.folder, folds_case),
            _ => Listing::unknown(&options.folder),
        },
        limits: Limits::new(options),
        failures: Failures::new(options.max_failures),
        sync: match options.sync {
            true => Sync::All,
            false if folder::tells_errors_late(here) => Sync::Data,
            false => Sync::Nothing,
        },
        stream_broken: AtomicBool::new(false),
        disk_full: AtomicBool::new(false),
    };
    let (sender, queue) = crossbeam_channel::bounded(MIN_QUEUE.max(2 * options.workers));
    let (give_back, returns) = crossbeam_channel::bounded(2 * options.workers);
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(options.workers);
        for number in 1..=options.workers {
            let (shared, queue, give_back) = (&shared, &queue, give_back.clone());
            let spawned = thread::Builder::new()
                .name(format!("worker {number}"))
                .spawn_scoped(scope, move || worker::work(shared, number, queue, &give_back));
            match spawned {
                Ok(worker) => workers.push(worker),
                Err(error) if workers.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        drop(give_back);
        let (mut totals, all_fed) = feeder::feed(&shared, entries, &returns, &sender);
        drop(sender);
        // What a worker gives back now has nobody to wait for.
        drop(returns);
        let mut lost = false;
        for worker in workers {
            match worker.join() {
                Ok(part) => totals += part,
                // Only what runs between two jobs can panic here; the job's own panic is caught.
                Err(_) => lost = true,
            }
        }
        let finished = all_fed && queue.is_empty() && !lost;
        for work in shared.hosts.clear().into_iter().chain(queue.try_iter()) {
            shared.give_up(&work, &mut totals);
        }
        let finished = finished && totals.cancelled == 0;
        Ok(Summary { totals, finished })
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::http;
    use crate::input::{Entry, Wanted};
    use crate::model::event::Event;
    use crate::model::job::Origin;
    use crate::policy::target;

    /// Panics whenever a transfer starts whose URL says so, and writes down how jobs end.
    #[derive(Default)]
    struct Witness(Mutex<Vec<String>>);

    impl Observer for Witness {
        fn event(&self, event: &Event<'_>) {
            match event {
                Event::Started { job, .. } if job.url.path() == "/panic" => panic!("as asked"),
                Event::Failed { failure, .. } => {
                    self.0.lock().unwrap().push(failure.cause.to_string());
                }
                _ => {}
            }
        }

        fn body(&self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_worker_that_panics_fails_its_job_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { folder: folder.path().to_owned(), ..Options::plain(1) };
        let stop = Arc::new(Stop::default());
        let timeout = Duration::from_secs(10);
        let http = http::Options::plain(timeout);
        let common = Arc::new(Common::new(http, Arc::clone(&stop)));
        let (sender, entries) = crossbeam_channel::unbounded();
        let entry = |url: &str| {
            let wanted = target::parse(url).map(Wanted::from);
            Entry { origin: Origin::Argument, wanted, text: String::new() }
        };
        // Nothing listens on port 1.
        let urls = ["http://127.0.0.1:1/panic", "http://127.0.0.1:1/next"];
        let batch = Batch { entries: urls.map(entry).into(), ..Batch::default() };
        sender.send(batch).unwrap();
        drop(sender);
        let witness = Witness::default();
        let summary = run(&options, &common, &witness, &stop, &entries).unwrap();
        assert_eq!(summary.totals, Totals { failed: 2, ..Totals::default() });
        assert!(summary.finished);
        let causes = witness.0.into_inner().unwrap();
        assert_eq!(causes[0], "internal error: as asked");
        assert!(causes[1].contains("connection refused"), "{causes:?}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
