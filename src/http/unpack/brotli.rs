//! Brotli (RFC 7932). The crate's own reader takes what follows the end of the data and forgets it; nothing
//! must follow.

use std::io::{self, BufRead, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

/// Unpacks what `R` has.
pub(super) struct Brotli<R> {
    reader: R,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_done: bool,
}

impl<R: BufRead> Brotli<R> {
    pub(super) fn new(reader: R) -> Self {
        let alloc = StandardAlloc::default;
        // Strict: windows are those of RFC 7932, at most 16 MiB.
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { reader, state, is_done: false }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.reader
    }

    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }
}

impl<R: BufRead> Read for Brotli<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_done && !buffer.is_empty() {
            let input = self.reader.fill_buf()?;
            let is_over = input.is_empty();
            let (mut left, mut used) = (input.len(), 0);
            let (mut room, mut count, mut total) = (buffer.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut used,
                input,
                &mut room,
                &mut count,
                buffer,
                &mut total,
                &mut self.state,
            );
            self.reader.consume(used);
            match result {
                BrotliResult::ResultFailure => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
                }
                BrotliResult::ResultSuccess => self.is_done = true,
                BrotliResult::NeedsMoreInput if is_over && count == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            }
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }
}
