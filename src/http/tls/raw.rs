//! Bytes between the stream and rustls: records that have come, and records that are to go.

use std::io::{self, Read, Write};

/// The longest record that is common (RFC 8446 §5.2). rustls takes longer ones of TLS 1.2, 18 KiB.
const RECORD_BYTES: usize = 5 + 16 * 1024 + 256;

/// Room at first: a small file in one piece, with what goes before it.
const FIRST_BYTES: usize = 2 * RECORD_BYTES;

/// Room once a read has filled that. Where records are long and come fast, little of the fifth comes along,
/// which has to be moved before the next read. It is more than the longest handshake message that rustls
/// takes (64 KiB), which has to be here as a whole.
const MOST_BYTES: usize = 4 * RECORD_BYTES;

/// What has come and is not yet taken apart. Records are decrypted where they lie.
#[derive(Debug, Default)]
pub(super) struct RawInput {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last read left no room.
    is_filled: bool,
}

impl RawInput {
    /// Returns what is here.
    pub(super) fn pending(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn starts_with(&self, bytes: &[u8]) -> bool {
        self.bytes[self.start..self.end].starts_with(bytes)
    }

    /// Takes so many bytes away from the front.
    pub(super) fn discard(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Reads once from the stream, behind what is here; returns whether that brought anything.
    pub(super) fn fill_from(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        self.make_room();
        if self.end == self.bytes.len() {
            // As rustls says it of its own buffer: a handshake message in too many pieces.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "message buffer full"));
        }
        let count = stream.read(&mut self.bytes[self.end..])?;
        self.end += count;
        self.is_filled = self.end == self.bytes.len();
        Ok(count > 0)
    }

    /// Moves what is here to the front, of a larger buffer if this one was too small.
    fn make_room(&mut self) {
        let pending = self.start..self.end;
        let count = pending.len();
        if self.bytes.is_empty() || self.is_filled && self.bytes.len() < MOST_BYTES {
            let most = if self.bytes.is_empty() { FIRST_BYTES } else { MOST_BYTES };
            let mut larger = vec![0; most];
            larger[..count].copy_from_slice(&self.bytes[pending]);
            self.bytes = larger;
        } else {
            self.bytes.copy_within(pending, 0);
        }
        (self.start, self.end) = (0, count);
    }
}

/// Records that are to go, one behind the other, so that a flight is sent with one call.
#[derive(Debug, Default)]
pub(super) struct RawOutput {
    bytes: Vec<u8>,
    sent: usize,
}

impl RawOutput {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Lets `write` put records at the end. It returns how many bytes they have, or how much room it needs if
    /// that is known; then it is called again with as much.
    pub(super) fn append(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
    ) -> Result<(), rustls::Error> {
        let end = self.bytes.len();
        loop {
            match write(&mut self.bytes[end..]) {
                Ok(count) => {
                    self.bytes.truncate(end + count);
                    return Ok(());
                }
                Err(Some(needed)) if end + needed > self.bytes.len() => {
                    self.bytes.resize(end + needed, 0);
                }
                Err(_) => {
                    self.bytes.truncate(end);
                    return Err(rustls::Error::EncryptError);
                }
            }
        }
    }

    /// Sends all of it. What a failure leaves is sent the next time.
    pub(super) fn send_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while !self.is_empty() {
            match stream.write(&self.bytes[self.sent..])? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => self.sent += count,
            }
        }
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_moves_to_the_front_and_the_buffer_grows_when_it_was_full() {
        let mut input = RawInput::default();
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(2 * MOST_BYTES).collect();
        let mut stream = &bytes[..];
        assert!(input.fill_from(&mut stream).unwrap());
        assert_eq!(input.pending(), &bytes[..FIRST_BYTES]);
        input.discard(FIRST_BYTES - 5);
        assert!(input.fill_from(&mut stream).unwrap());
        assert_eq!(input.pending(), &bytes[FIRST_BYTES - 5..FIRST_BYTES - 5 + MOST_BYTES]);
        input.discard(1);
        assert!(input.fill_from(&mut stream).unwrap());
        assert_eq!(input.pending(), &bytes[FIRST_BYTES - 4..FIRST_BYTES - 4 + MOST_BYTES]);
        let error = input.fill_from(&mut stream).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        input.discard(MOST_BYTES);
        assert!(input.is_empty() && input.pending().is_empty());
        // The end of the stream.
        assert!(!input.fill_from(&mut io::empty()).unwrap());
    }

    #[test]
    fn a_read_that_leaves_room_makes_no_larger_buffer() {
        let mut input = RawInput::default();
        for _ in 0..100 {
            assert!(input.fill_from(&mut &[0; 10 * 1024][..]).unwrap());
            assert_eq!(input.bytes.len(), FIRST_BYTES);
            input.discard(10 * 1024);
        }
    }

    /// Takes three bytes a call, and fails at the second of every two calls.
    struct Hesitant(Vec<u8>, bool);

    impl Write for Hesitant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if !self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_could_not_be_sent_goes_the_next_time() {
        let mut output = RawOutput::default();
        for piece in [&b"hello, "[..], b"world"] {
            let write = |room: &mut [u8]| {
                let room = room.get_mut(..piece.len()).ok_or(Some(piece.len()))?;
                room.copy_from_slice(piece);
                Ok(piece.len())
            };
            output.append(write).unwrap();
        }
        assert_eq!(output.append(|_| Err(None)), Err(rustls::Error::EncryptError));
        let mut stream = Hesitant(Vec::new(), false);
        let tries = (1..9).find(|_| output.send_to(&mut stream).is_ok());
        assert_eq!((tries, stream.0.as_slice()), (Some(4), &b"hello, world"[..]));
        assert!(output.is_empty() && output.bytes.is_empty());
        assert!(output.send_to(&mut stream).is_ok(), "nothing is left to be sent");
    }
}
