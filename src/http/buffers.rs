//! ureq's buffers, in which bytes that went past ureq have stand-ins.
//!
//! ureq has to count all bytes of a body: by that it finds its end and keeps the connection for the next
//! request. What went into a pipe is counted as so many zeros, read out of a few pages that stay in
//! the processor's cache: less than 20 ms for a GiB.
//!
//! Input and output must be as long as the longest head, which is rare. They are one piece of zeros that the
//! system gives page by page, as they are written to; ureq's own would be written through at once, 200 KiB for
//! each connection.

use ureq::unversioned::transport::Buffers;

/// How many stand-ins are read at once.
pub(super) const STAND_IN_BYTES: usize = 16 * 1024;

static STAND_INS: [u8; STAND_IN_BYTES] = [0; STAND_IN_BYTES];

/// More than ureq's bound on a response's header (64 KiB), or a large header ends in a stall.
const INPUT_BYTES: usize = 128 * 1024;

/// A request line may be as long as a URL.
const OUTPUT_BYTES: usize = 72 * 1024;

/// Buffers for what comes and goes.
#[derive(Debug, Default)]
pub(super) struct WireBuffers {
    /// The output, and behind it the input; nothing before they are used.
    bytes: Vec<u8>,
    /// Where in the input those bytes begin and end that nobody has read.
    start: usize,
    end: usize,
    /// Whether the last look at them took some.
    has_advanced: bool,
    /// How many bytes went past and are not counted yet.
    owed: usize,
}

impl WireBuffers {
    /// Puts stand-ins into the input, which is empty.
    pub(super) fn stand_in(&mut self, count: usize) {
        self.owed += count;
    }

    /// Returns output and input.
    fn both(&mut self) -> (&mut [u8], &mut [u8]) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; OUTPUT_BYTES + INPUT_BYTES];
        }
        self.bytes.split_at_mut(OUTPUT_BYTES)
    }

    /// Returns the output, and the room for input, which is all that nobody has yet to read.
    fn output_and_room(&mut self) -> (&mut [u8], &mut [u8]) {
        let (start, end) = (self.start, self.end);
        (self.start, self.end) = (0, end - start);
        let room = self.end;
        let (output, input) = self.both();
        if start > 0 {
            input.copy_within(start..end, 0);
        }
        (output, &mut input[room..])
    }
}

impl Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.both().0
    }

    fn input(&self) -> &[u8] {
        match self.owed {
            0 if self.start == self.end => &[],
            0 => &self.bytes[OUTPUT_BYTES..][self.start..self.end],
            owed => &STAND_INS[..owed.min(STAND_IN_BYTES)],
        }
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.output_and_room().1
    }

    fn input_appended(&mut self, amount: usize) {
        self.end += amount;
        assert!(self.end <= INPUT_BYTES, "more was read than there was room for");
    }

    fn input_consume(&mut self, amount: usize) {
        if self.owed > 0 {
            self.owed -= amount;
            return;
        }
        self.has_advanced = amount > 0;
        self.start += amount;
        assert!(self.start <= self.end, "more was taken than had come");
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        let (output, room) = self.output_and_room();
        (room, output)
    }

    fn can_use_input(&self) -> bool {
        self.owed > 0 || self.has_advanced && !self.input().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(buffers: &mut WireBuffers, bytes: &[u8]) {
        buffers.input_append_buf()[..bytes.len()].copy_from_slice(bytes);
        buffers.input_appended(bytes.len());
    }

    #[test]
    fn what_is_not_read_moves_to_the_front_and_all_else_is_room() {
        let mut buffers = WireBuffers::default();
        assert!(buffers.input().is_empty() && !buffers.can_use_input());
        append(&mut buffers, b"head body");
        assert!(!buffers.can_use_input(), "ureq has taken nothing of it yet");
        buffers.input_consume(5);
        assert!(buffers.can_use_input());
        assert_eq!(buffers.input(), b"body");
        assert_eq!(buffers.input_append_buf().len(), INPUT_BYTES - 4);
        append(&mut buffers, b" and more");
        assert_eq!(buffers.input(), b"body and more");
        buffers.input_consume(0);
        assert!(!buffers.can_use_input(), "ureq waits for the rest");
        buffers.input_consume(13);
        assert!(buffers.input().is_empty());
        assert_eq!(buffers.input_append_buf().len(), INPUT_BYTES);
        buffers.output().fill(1);
        assert!(buffers.input_append_buf().iter().all(|&byte| byte != 1));
        assert_eq!(buffers.output().len(), OUTPUT_BYTES);
    }

    #[test]
    fn a_full_input_has_no_room() {
        let mut buffers = WireBuffers::default();
        append(&mut buffers, &vec![7; INPUT_BYTES]);
        assert!(buffers.input_append_buf().is_empty());
        assert!(buffers.input().len() == INPUT_BYTES && buffers.input().iter().all(|&it| it == 7));
        buffers.input_consume(INPUT_BYTES - 1);
        assert_eq!(buffers.input_append_buf().len(), INPUT_BYTES - 1);
        assert_eq!(buffers.input(), [7]);
    }

    #[test]
    fn stand_ins_are_read_before_what_comes_after_them() {
        let mut buffers = WireBuffers::default();
        buffers.stand_in(STAND_IN_BYTES + 3);
        assert!(buffers.can_use_input());
        assert_eq!(buffers.input().len(), STAND_IN_BYTES);
        buffers.input_consume(STAND_IN_BYTES);
        assert_eq!(buffers.input(), [0; 3]);
        buffers.input_consume(3);
        assert!(buffers.input().is_empty());
    }
}
