//! After an attempt that failed: whether another follows, when, and at which mirror.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::hosts::Answered;
use crate::engine::transfer::Setback;
use crate::engine::work::Work;
use crate::engine::worker::Worker;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::redact::Redacted;
use crate::policy::allowance::{Admission, Refusal};
use crate::policy::disk_failure;
use crate::policy::mirrors::{self, Next};
use crate::policy::retry::{self, Decision};

impl Worker<'_> {
    /// Makes the last attempt, which found its file in use, as if it had not been.
    pub(super) fn wait_for_lock(&self, mut work: Box<Work>, cause: &Cause) -> Box<Work> {
        if !std::mem::replace(&mut work.waits_for_lock, true) {
            let text = format!("{}: {cause}; waiting", Redacted(&work.job.url));
            self.shared.observer.event(&Event::Warned { text: &text });
        }
        work.attempts -= 1;
        work.failures = 0;
        // The other may finish the file meanwhile: what is under the name is looked at anew.
        work.place = None;
        work
    }

    /// Says how long to wait for the attempt that follows a failed one, and puts the mirror into use
    /// that it asks; tells of the job's end when none follows.
    pub(super) fn follow(
        &mut self,
        work: &mut Work,
        decision: Decision,
        setback: Setback,
    ) -> Option<Duration> {
        if let Decision::Retry { is_capped: true, .. } = decision {
            let text = "the server asks to wait longer than --retry-max-wait allows";
            self.shared.observer.event(&Event::Noted { job: &work.job, text });
        }
        let (failed, retry) = (work.mirrors.current(), work.failures);
        let may_help = !setback.is_stream_lost && mirrors::may_help(&setback.cause);
        let next = work.next(decision, may_help, Instant::now());
        let after = match next {
            Next::Fail => None,
            Next::Pass => Some(Duration::ZERO),
            Next::Drop(after) | Next::Wait(after) => Some(after),
        };
        let Some(after) = after.filter(|after| !self.is_too_late(work, *after)) else {
            self.fail(work, setback);
            return None;
        };
        let (job, cause) = (&work.job, &setback.cause);
        let (url, to) = (job.target(failed).0, work.target().0);
        let retries = self.shared.options.retries.retries;
        self.shared.observer.event(&match next {
            Next::Wait(_) => Event::Retrying { job, url, cause, after, retry, retries },
            _ => Event::Switched { job, url, cause, to, is_dropped: next != Next::Pass },
        });
        Some(after)
    }

    /// Returns whether a wait would end only after all the job's time is over.
    fn is_too_late(&self, work: &Work, after: Duration) -> bool {
        let spent = work.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.shared.options.pace.max_time.is_some_and(|limit| spent + after >= limit)
    }

    /// Decides whether another attempt may help, and says so if no further work is begun; says how it went
    /// for the host too.
    pub(super) fn decide(&self, work: &mut Work, setback: &Setback) -> (Decision, Answered) {
        let shared = self.shared;
        let Setback { cause, is_stream_lost, .. } = setback;
        if let Some(why) = disk_failure::of_all(cause)
            && !shared.disk_full.swap(true, Ordering::SeqCst)
        {
            // What is in flight is all there will be.
            shared.in_flight.say_all_fed();
            let text = format!("{why}: no more transfers are begun");
            shared.observer.event(&Event::Warned { text: &text });
        }
        if *is_stream_lost {
            return (Decision::GiveUp, Answered::Otherwise);
        }
        let (options, is_overload) = (shared.options.retries, retry::is_overload(cause));
        if is_overload && work.admission == Admission::OnTrial {
            // A host that is busy with others has not said no: the last retry is made when it has room.
            work.failures = work.failures.min(options.retries);
        }
        let decision = retry::decide(options, cause, work.failures, fastrand::f64());
        let Decision::Retry { after, is_capped } = decision else {
            return (decision, Answered::Otherwise);
        };
        let after = shared.options.wait(cause, after);
        let answered = if is_overload {
            let is_asked = retry::asked_wait(cause).is_some();
            Answered::Overloaded(Refusal { at: Instant::now(), pause: after, is_asked })
        } else {
            Answered::Otherwise
        };
        (Decision::Retry { after, is_capped }, answered)
    }
}
