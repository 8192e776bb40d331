//! Totals: what a worker returns and what the main thread adds up.

use std::ops::AddAssign;

use crate::model::survey::Survey;

/// Counts of outcomes. Adding is commutative, so the sum does not depend on which worker ends first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs whose file is complete and under its final name.
    pub completed: u64,
    /// Jobs whose file is on the disk and what it must be, in a run that only looks.
    pub verified: u64,
    /// Jobs that needed nothing: the file was there, or the same URL came twice.
    pub skipped: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were begun and given up because the run was stopped.
    pub cancelled: u64,
    /// Bytes of partial files of these that the next run goes on with.
    pub kept: u64,
    /// Body bytes received, also those of failed transfers.
    pub bytes: u64,
    /// Files of a run that downloads nothing.
    pub survey: Survey,
}

impl Totals {
    /// Returns how many jobs these totals speak of.
    pub fn jobs(&self) -> u64 {
        let Survey { planned, found, .. } = self.survey;
        let done = self.completed + self.verified + planned + found;
        done + self.skipped + self.failed + self.cancelled
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.completed += other.completed;
        self.verified += other.verified;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.kept += other.kept;
        self.bytes += other.bytes;
        self.survey += other.survey;
    }
}
