//! How many jobs may fail before the run ends (`--max-failures`).
//!
//! One atomic counts, so that there is one moment for all threads from which on no job is begun.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Shared;
use crate::model::event::{Details, Event, Subject};
use crate::model::failure::Failure;
use crate::model::stop::StopReason;

/// Counts the jobs that failed.
#[derive(Debug)]
pub(super) struct Failures {
    most: Option<u64>,
    count: AtomicU64,
}

impl Failures {
    /// Ends the run at the failure number `most`.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self { most, count: AtomicU64::new(0) }
    }

    /// Counts one.
    fn note(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the limit, if it is reached.
    fn reached(&self) -> Option<u64> {
        self.most.filter(|&most| self.count.load(Ordering::SeqCst) >= most)
    }
}

impl Shared<'_> {
    /// Tells of a job that failed, and ends the run if that is one too many.
    pub(super) fn fail(&self, subject: Subject<'_>, failure: &Failure, details: Details<'_>) {
        // Counted first: nothing is begun while whoever reads the line takes his time. Stopped last: a
        // stop would not wait for that reader.
        self.failures.note();
        self.observer.event(&Event::Failed { subject, failure, details });
        if let Some(most) = self.failures.reached() {
            self.stop.stop(StopReason::Failures(most));
        }
    }

    /// Returns whether no job may be begun any more.
    pub(super) fn must_end(&self) -> bool {
        self.stop.is_stopped() || self.failures.reached().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_reached_at_its_last_failure_and_stays_so() {
        let failures = Failures::new(Some(2));
        let reached = [(); 3].map(|()| {
            failures.note();
            failures.reached()
        });
        assert_eq!(reached, [None, Some(2), Some(2)]);
    }

    #[test]
    fn without_a_limit_any_number_may_fail() {
        let failures = Failures::new(None);
        failures.note();
        assert_eq!(failures.reached(), None);
    }
}
