//! A worker: takes jobs until there are no more, and returns its totals.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::engine::Shared;
use crate::engine::transfer::{Done, Transfer};
use crate::http::client::Client;
use crate::model::error::{Cause, Failure};
use crate::model::event::{Event, Skip};
use crate::model::job::{Destination, Job};
use crate::model::progress::Progress;
use crate::model::redact::Redacted;
use crate::model::totals::Totals;
use crate::policy::filename;

/// How many bytes are gathered before each write. ureq hands out at most one TLS record (16 KiB) a
/// read, and 256 KiB a write cost a quarter less CPU than that; 1 MiB cost more again (cache).
const BUFFER_BYTES: usize = 256 * 1024;

/// Runs jobs until the queue is closed or the run must end. Takes from the queue, never sends into
/// it.
pub(super) fn work(shared: &Shared<'_>, jobs: &Receiver<Job>) -> Totals {
    let client = Client::new(shared.http);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut totals = Totals::default();
    while !shared.stop.is_stopped() {
        let Ok(job) = jobs.recv() else { break };
        if shared.stop.is_stopped() {
            totals.cancelled += 1;
            break;
        }
        run(shared, &client, &mut buffer, &job, &mut totals);
    }
    totals
}

/// Runs one job and tells what became of it.
fn run(shared: &Shared<'_>, client: &Client, buffer: &mut [u8], job: &Job, totals: &mut Totals) {
    let began = Instant::now();
    let progress = Arc::new(Progress::default());
    let result = catch_unwind(AssertUnwindSafe(|| {
        if shared.stream_broken.load(Ordering::Relaxed) {
            return Err(Cause::StreamBroken);
        }
        shared.observer.event(&Event::Started { job, name: &name_of(job), progress: &progress });
        Transfer { shared, client, buffer, job, progress: &progress }.run()
    }))
    .unwrap_or_else(|panic| Err(Cause::Panicked { message: message_of(&*panic) }));
    totals.bytes += progress.position();
    match result {
        Ok(Done::Completed { path, size }) => {
            totals.completed += 1;
            if path.is_none() {
                shared.stream_broken.store(false, Ordering::Relaxed);
            }
            let elapsed = began.elapsed();
            shared.observer.event(&Event::Completed { job, path: path.as_deref(), size, elapsed });
        }
        Ok(Done::Skipped { path }) => {
            totals.skipped += 1;
            shared.observer.event(&Event::Skipped { job, reason: Skip::Exists(&path) });
        }
        Err(_) if shared.stop.is_stopped() => {
            totals.cancelled += 1;
            shared.observer.event(&Event::Cancelled { job });
        }
        Err(cause) => {
            totals.failed += 1;
            let subject = Redacted(&job.url).to_string();
            let failure = Failure { subject, origin: job.origin.clone(), cause };
            shared.observer.event(&Event::Failed { job: Some(job), failure: &failure });
        }
    }
}

/// The name to show while a transfer runs.
fn name_of(job: &Job) -> String {
    let path_name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    match &job.destination {
        Destination::File(path) => path_name(path),
        Destination::Stdout | Destination::Unnamed(_) => filename::from_url(&job.url),
    }
    .unwrap_or_else(|| job.url.host_str().unwrap_or_default().to_owned())
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
