//! Telling how a work ended, and counting it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::engine::hook::Arrived;
use crate::engine::transfer::{Done, Setback};
use crate::engine::work::{Returned, Work};
use crate::engine::worker::Worker;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::event::{Event, Skip, Subject};
use crate::model::failure::{Exhausted, Failure};
use crate::model::known::Found;
use crate::model::redact::Redacted;

impl Worker<'_> {
    /// Tells how the last attempt at a work ended.
    pub(super) fn tell_end(&mut self, work: &Work, result: Result<Done, Setback>) {
        if self.shared.options.hook.is_some() {
            self.release();
        }
        let job = &work.job;
        // The time of its command is none of the file's.
        let details = work.details();
        let result = result.and_then(|done| match self.run_hook(work, &done) {
            Ok(()) => Ok(done),
            Err(cause) => {
                self.tell_kept(work, &done);
                Err(Setback::from(cause))
            }
        });
        if result.is_err() && self.shared.stop.is_stopped() {
            self.shared.give_up(work, &mut self.totals);
            return;
        }
        match result {
            Ok(Done::Completed { path, size, digests, modified, validators }) => {
                self.totals.completed += 1;
                if path.is_none() {
                    self.shared.stream_broken.store(false, Ordering::Relaxed);
                }
                self.shared.observer.event(&Event::Completed {
                    job,
                    path: path.as_deref(),
                    size,
                    received: work.received,
                    digests: &digests,
                    modified,
                    validators: &validators,
                    details,
                });
            }
            Ok(Done::Found(found)) => {
                self.totals.survey.note(found.size);
                let details = work.details();
                self.shared.observer.event(&Event::Found { job, found: &found, details });
            }
            Ok(Done::Planned(planned)) => {
                self.totals.survey.planned += 1;
                self.shared.observer.event(&Event::Planned { job, planned: &planned });
            }
            Ok(Done::Skipped { path, found, is_unchanged }) => {
                self.totals.skipped += 1;
                let (path, found) = (&*path, found.as_ref());
                let reason = if is_unchanged {
                    Skip::Unchanged { path, found }
                } else {
                    Skip::Exists { path, found }
                };
                self.shared.observer.event(&Event::Skipped { job, reason });
            }
            Ok(Done::Verified { path, found }) => {
                self.totals.verified += 1;
                self.totals.bytes += found.size;
                let details = work.details();
                let event = Event::Verified { job, path: &path, found: &found, details };
                self.shared.observer.event(&event);
            }
            Err(setback) => self.fail(work, setback),
        }
    }

    /// Tells of a file that is complete while its job is not.
    fn tell_kept(&self, work: &Work, done: &Done) {
        let Done::Completed { path: Some(path), size, digests, modified, validators } = done else {
            return;
        };
        let sha256 = Digest::sha256_of(digests).cloned();
        let found = &Found { size: *size, modified: *modified, sha256 };
        self.shared.observer.event(&Event::Kept { job: &work.job, path, found, validators });
    }

    /// Gives back the works that have room at their hosts now: a command may take long.
    fn release(&mut self) {
        let now = Instant::now();
        for work in std::mem::take(&mut self.freed) {
            if let Some(work) = Returned::send(self.returns, work, now) {
                self.shared.give_up(&work, &mut self.totals);
            }
        }
    }

    /// Runs the user's command for a file that is complete.
    fn run_hook(&self, work: &Work, done: &Done) -> Result<(), Cause> {
        let shared = self.shared;
        let Some(hook) = &shared.options.hook else { return Ok(()) };
        let Done::Completed { path: Some(path), size, digests, .. } = done else { return Ok(()) };
        let file = Arrived { path, size: *size, sha256: Digest::sha256_of(digests) };
        let ended = hook.run(shared, &work.job, file);
        if ended.is_err() && shared.stop.is_stopped() {
            // The next run finds the file, and takes all as done.
            let (path, name) = (path.display(), hook.command.program());
            let text = format!("saved {path}, but the run ended before `{name}` did its work");
            shared.observer.event(&Event::Warned { text: &text });
        }
        ended
    }

    /// Tells that a work failed, after which nothing follows.
    pub(super) fn fail(&mut self, work: &Work, setback: Setback) {
        self.totals.failed += 1;
        let Setback { cause, kept, .. } = setback;
        let exhausted = work
            .mirrors
            .exhausted()
            .map(|count| Exhausted { count, last: Redacted(work.target().0).to_string() });
        let failure = Failure {
            subject: Redacted(&work.job.url).to_string(),
            origin: work.job.origin.clone(),
            cause,
            attempts: work.attempts,
            exhausted,
            kept,
            is_barren: work.received == 0,
        };
        self.shared.fail(Subject::Job(&work.job), &failure, work.details());
    }
}
