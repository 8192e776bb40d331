//! Checking a file by a digest of all of it, in order, while it comes.
//!
//! Bytes that come in order are hashed from the buffer that they came in. What several workers brought
//! out of order is read again from the file once everything before it is there; so a file that one
//! worker brings is never read.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::disk;
use crate::model::digest::{Digest, Hasher};
use crate::model::error::Cause;

/// How much is read from the file at once.
const PIECE: usize = 256 * 1024;

/// The digest of a file that is on its way.
#[derive(Debug)]
pub(super) struct Check {
    wanted: Digest,
    /// Held while a buffer is hashed. Who offers bytes does not wait for it: they can be read later.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hasher: Hasher,
    /// How many bytes from the first on are hashed.
    hashed: u64,
}

impl State {
    fn new(wanted: &Digest) -> Self {
        Self { hasher: Hasher::new(wanted.algorithm()), hashed: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.hashed += bytes.len() as u64;
    }
}

impl Check {
    /// Begins before the first byte.
    pub(super) fn new(wanted: Digest) -> Self {
        Self { state: Mutex::new(State::new(&wanted)), wanted }
    }

    /// Forgets what was hashed, if it is more than the first `held` bytes.
    pub(super) fn keep_at_most(&self, held: u64) {
        let mut state = self.lock();
        if state.hashed > held {
            *state = State::new(&self.wanted);
        }
    }

    /// Hashes bytes that were written at `offset`, if they are the next.
    pub(super) fn offer(&self, offset: u64, bytes: &[u8]) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if state.hashed == offset {
            state.update(bytes);
        }
    }

    /// Hashes the next bytes of a stream.
    pub(super) fn append(&self, bytes: &[u8]) {
        self.lock().update(bytes);
    }

    /// Hashes what follows of the first `end` bytes, read by `read`, which fills its buffer from an
    /// offset.
    ///
    /// # Errors
    /// What `read` says.
    pub(super) fn catch_up(
        &self,
        end: u64,
        read: impl Fn(&mut [u8], u64) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        if self.lock().hashed >= end {
            return Ok(());
        }
        let mut buffer = vec![0; PIECE];
        loop {
            // Let go after each piece: who brings the next bytes may hash them himself.
            let mut state = self.lock();
            let left = end.saturating_sub(state.hashed).min(PIECE as u64) as usize;
            if left == 0 {
                return Ok(());
            }
            read(&mut buffer[..left], state.hashed)?;
            state.update(&buffer[..left]);
        }
    }

    /// Judges a file of `size` bytes, all of which were hashed.
    ///
    /// # Errors
    /// [`Cause::Mismatch`].
    pub(super) fn judge(&self, size: u64) -> Result<(), Cause> {
        let state = self.lock();
        let found = state.hasher.digest();
        if found == self.wanted && state.hashed == size {
            return Ok(());
        }
        Err(Cause::Mismatch {
            existing: None,
            wanted: Box::new(self.wanted.clone()),
            found: Box::new(found),
        })
    }

    /// Judges a file that was there before.
    ///
    /// # Errors
    /// [`Cause::Mismatch`]; what the disk says.
    pub(super) fn judge_existing(&self, path: &Path) -> Result<(), Cause> {
        let mut hasher = Hasher::new(self.wanted.algorithm());
        disk::read(path, |bytes| hasher.update(bytes))?;
        let found = hasher.digest();
        if found == self.wanted {
            return Ok(());
        }
        let (existing, wanted) = (Some(path.to_owned()), Box::new(self.wanted.clone()));
        Err(Cause::Mismatch { existing, wanted, found: Box::new(found) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_comes_in_order_is_not_read_again() {
        let check = Check::new(ABC.parse().unwrap());
        check.offer(0, b"a");
        check.offer(2, b"c");
        check.offer(1, b"b");
        let read = Cell::new(0);
        let file = |buffer: &mut [u8], offset| {
            read.set(read.get() + buffer.len());
            buffer.copy_from_slice(&b"abc"[offset as usize..][..buffer.len()]);
            Ok(())
        };
        assert!(check.judge(3).is_err());
        check.catch_up(3, file).unwrap();
        assert_eq!(read.get(), 1);
        check.judge(3).unwrap();
        check.catch_up(3, file).unwrap();
        assert_eq!(read.get(), 1);
    }

    #[test]
    fn what_was_thrown_away_counts_no_more() {
        let check = Check::new(ABC.parse().unwrap());
        check.offer(0, b"axx");
        check.keep_at_most(3);
        assert!(matches!(check.judge(3), Err(Cause::Mismatch { .. })));
        check.keep_at_most(2);
        check.offer(0, b"abc");
        check.judge(3).unwrap();
        assert!(check.judge(4).is_err());
    }
}
