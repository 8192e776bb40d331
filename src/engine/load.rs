//! Bytes of a body on their way to where they go.

use crate::disk::partial::Partial;
use crate::http::body::Piped;
use crate::model::error::Cause;

/// Bytes to be written.
pub(super) enum Load<'l> {
    /// They have been read.
    Bytes(&'l [u8]),
    /// They are in a pipe, which goes to a file: nobody else has asked to see them.
    Piped(&'l mut Piped),
}

impl Load<'_> {
    /// Returns how many bytes there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Piped(piped) => piped.bytes(),
        }
    }

    /// Writes the first `count` of them to a file.
    ///
    /// # Errors
    /// [`Cause::Disk`].
    pub(super) fn write_to(
        &mut self,
        file: &Partial,
        count: usize,
        offset: u64,
    ) -> Result<(), Cause> {
        match self {
            Self::Bytes(bytes) => file.write_at(&bytes[..count], offset),
            Self::Piped(piped) => {
                piped.pour(count, |pipe, count| file.write_from(pipe, count, offset))
            }
        }
    }

    /// Returns the first `count` of them, for somebody who has to see them: then they were read.
    pub(super) fn seen(&self, count: usize) -> &[u8] {
        match self {
            Self::Bytes(bytes) => &bytes[..count],
            // The job fails, rather than that it lacks bytes in silence.
            Self::Piped(_) => unreachable!("only what nobody has to see goes by a pipe"),
        }
    }
}
