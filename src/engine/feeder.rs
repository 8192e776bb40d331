//! The feeder: turns entries of the input into jobs, in the main thread.
//!
//! It claims each job's name in the order of the list, so that names do not depend on timing, and
//! fails what makes no job at once.

use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::engine::claims::Claim;
use crate::engine::{Output, Shared};
use crate::input::Entry;
use crate::model::error::{Cause, Failure};
use crate::model::event::{Event, Skip};
use crate::model::job::{Destination, Job, JobId};
use crate::model::redact::{Redacted, redact_text};
use crate::model::stop::Stop;
use crate::model::totals::Totals;
use crate::policy::filename;

/// Feeds `jobs` from `batches` until the input or the run ends; returns what needed no worker, and
/// whether the input was read to its end.
///
/// Both channels block: an empty input makes this thread wait, a full queue does too, and nothing is
/// dropped. It closes the queue by returning. A stop ends every wait.
pub(super) fn feed(
    shared: &Shared<'_>,
    batches: &Receiver<Vec<Entry>>,
    jobs: &Sender<Job>,
) -> (Totals, bool) {
    let mut feeder = Feeder { shared, next_id: 1, output_taken: false, totals: Totals::default() };
    loop {
        let batch = crossbeam_channel::select_biased! {
            recv(shared.stop.receiver()) -> _ => return (feeder.totals, false),
            recv(batches) -> batch => batch,
        };
        let Ok(batch) = batch else {
            shared.observer.event(&Event::ListEnded);
            return (feeder.totals, true);
        };
        for entry in batch {
            let Some(job) = feeder.job(entry) else { continue };
            if offer(jobs, job, shared.stop).is_err() {
                return (feeder.totals, false);
            }
        }
    }
}

/// How long the feeder leaves a full queue to the workers. At 40,000 files a second they empty less
/// than half of it in that time.
const REST: Duration = Duration::from_millis(1);

/// The run must end, or nobody takes jobs any more.
struct Refused;

/// Puts a job into the queue. After it had to wait for room it rests: otherwise each job that a
/// worker takes would wake this thread to put in one more, two system calls a job.
fn offer(jobs: &Sender<Job>, job: Job, stop: &Stop) -> Result<(), Refused> {
    let job = match jobs.try_send(job) {
        Ok(()) => return Ok(()),
        Err(TrySendError::Disconnected(_)) => return Err(Refused),
        Err(TrySendError::Full(job)) => job,
    };
    crossbeam_channel::select! {
        send(jobs, job) -> sent => sent.map_err(|_| Refused)?,
        recv(stop.receiver()) -> _ => return Err(Refused),
    }
    if stop.wait(REST) { Err(Refused) } else { Ok(()) }
}

struct Feeder<'a> {
    shared: &'a Shared<'a>,
    next_id: u32,
    /// Whether the one file of [`Output::File`] has its URL.
    output_taken: bool,
    totals: Totals,
}

impl Feeder<'_> {
    /// Makes a job of an entry, or tells what became of it.
    fn job(&mut self, entry: Entry) -> Option<Job> {
        let observer = self.shared.observer;
        observer.event(&Event::Listed);
        let target = match entry.target {
            Ok(target) => target,
            Err(cause) => {
                let failure =
                    Failure { subject: redact_text(&entry.text), origin: entry.origin, cause };
                self.totals.failed += 1;
                observer.event(&Event::Failed { job: None, failure: &failure });
                return None;
            }
        };
        let id = JobId(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        let mut job = Job {
            id,
            url: target.url,
            credentials: target.credentials,
            origin: entry.origin,
            destination: Destination::Stdout,
        };
        match self.destination(&job) {
            Ok(Some(destination)) => {
                job.destination = destination;
                Some(job)
            }
            Ok(None) => {
                self.totals.skipped += 1;
                observer.event(&Event::Skipped { job: &job, reason: Skip::Duplicate });
                None
            }
            Err(cause) => {
                let subject = Redacted(&job.url).to_string();
                let failure = Failure { subject, origin: job.origin.clone(), cause };
                self.totals.failed += 1;
                observer.event(&Event::Failed { job: Some(&job), failure: &failure });
                None
            }
        }
    }

    /// Decides where a job's bytes go; `None` when the same URL goes there already.
    fn destination(&mut self, job: &Job) -> Result<Option<Destination>, Cause> {
        let Shared { options, claims, .. } = self.shared;
        match &options.output {
            Output::Stdout => Ok(Some(Destination::Stdout)),
            Output::File(path) if self.output_taken => {
                Err(Cause::SecondOutput { path: path.clone() })
            }
            Output::File(path) => {
                self.output_taken = true;
                Ok(Some(Destination::File(options.folder.join(path))))
            }
            Output::Folder => {
                let name = if options.server_name { None } else { filename::from_url(&job.url) };
                let Some(name) = name else {
                    let folder: PathBuf = options.folder.clone();
                    return Ok(claims
                        .claim_unnamed(&job.url)
                        .then_some(Destination::Unnamed(folder)));
                };
                Ok(match claims.claim(&options.folder, &name, &job.url) {
                    Claim::Granted(path) => Some(Destination::File(path)),
                    Claim::Duplicate => None,
                })
            }
        }
    }
}
