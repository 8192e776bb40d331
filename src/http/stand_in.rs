//! ureq's buffers, in which bytes that went past ureq have stand-ins.
//!
//! ureq has to count all bytes of a body: by that it finds its end and keeps the connection for the next
//! request. What went into a pipe is counted as so many zeros, read out of a few pages that stay in
//! the processor's cache: less than 20 ms for a GiB.

use ureq::unversioned::transport::{Buffers, LazyBuffers};

/// How many stand-ins are read at once.
pub(super) const STAND_IN_BYTES: usize = 16 * 1024;

static STAND_INS: [u8; STAND_IN_BYTES] = [0; STAND_IN_BYTES];

/// Buffers for what comes and goes.
pub(super) struct StandIns {
    buffers: LazyBuffers,
    /// How many bytes went past and are not counted yet.
    owed: usize,
}

impl StandIns {
    pub(super) fn new(buffers: LazyBuffers) -> Self {
        Self { buffers, owed: 0 }
    }

    /// Puts stand-ins into the input, which is empty.
    pub(super) fn stand_in(&mut self, count: usize) {
        self.owed += count;
    }
}

impl Buffers for StandIns {
    fn output(&mut self) -> &mut [u8] {
        self.buffers.output()
    }

    fn input(&self) -> &[u8] {
        match self.owed {
            0 => self.buffers.input(),
            owed => &STAND_INS[..owed.min(STAND_IN_BYTES)],
        }
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.buffers.input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.buffers.input_appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        match self.owed {
            0 => self.buffers.input_consume(amount),
            _ => self.owed -= amount,
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.buffers.tmp_and_output()
    }

    fn can_use_input(&self) -> bool {
        self.owed > 0 || self.buffers.can_use_input()
    }
}
