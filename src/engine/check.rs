//! Digests of all of a file, in order, while it comes: to check it by one, and to tell its SHA-256.
//!
//! Bytes that come in order are hashed from the buffer that they came in. What several workers brought
//! out of order is read again from the file once everything before it is there; so a file that one
//! worker brings is never read.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::model::digest::{Algorithm, Digest, Hasher};
use crate::model::error::Cause;
use crate::model::stop::Stop;

/// How much is read from the file at once.
const PIECE: usize = 256 * 1024;

/// The digests of a file that is on its way.
#[derive(Debug)]
pub(super) struct Check {
    /// What it must be, if that is known.
    wanted: Option<Digest>,
    /// Whether its SHA-256 is to be told.
    is_told: bool,
    /// Held while a buffer is hashed. Who offers bytes does not wait for it: they can be read later.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// First of what the file must be, then of what is told; one if that is the same.
    hashers: Vec<Hasher>,
    /// How many bytes from the first on are hashed.
    hashed: u64,
}

impl State {
    fn new(wanted: Option<&Digest>, is_told: bool) -> Self {
        let wanted = wanted.map(Digest::algorithm);
        let told = is_told.then_some(Algorithm::Sha256).filter(|told| Some(*told) != wanted);
        Self { hashers: wanted.into_iter().chain(told).map(Hasher::new).collect(), hashed: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
        self.hashed += bytes.len() as u64;
    }
}

impl Check {
    /// Begins before the first byte. `None` when nothing is to be known of the file.
    pub(super) fn new(wanted: Option<&Digest>, is_told: bool) -> Option<Self> {
        (wanted.is_some() || is_told).then(|| Self {
            state: Mutex::new(State::new(wanted, is_told)),
            wanted: wanted.cloned(),
            is_told,
        })
    }

    /// Forgets what was hashed, if it is more than the first `held` bytes.
    pub(super) fn keep_at_most(&self, held: u64) {
        let mut state = self.lock();
        if state.hashed > held {
            *state = State::new(self.wanted.as_ref(), self.is_told);
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
    /// What `read` says; any when the run must end.
    pub(super) fn catch_up(
        &self,
        end: u64,
        stop: &Stop,
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
            go_on(stop)?;
            read(&mut buffer[..left], state.hashed)?;
            state.update(&buffer[..left]);
        }
    }

    /// Judges a file of `size` bytes, all of which were hashed, and returns its SHA-256 if that is to be
    /// told.
    ///
    /// # Errors
    /// [`Cause::Mismatch`].
    pub(super) fn judge(&self, size: u64) -> Result<Option<Digest>, Cause> {
        let state = self.lock();
        let is_all = state.hashed == size;
        let digests: Vec<Digest> = state.hashers.iter().map(Hasher::digest).collect();
        if let (Some(wanted), Some(found)) = (&self.wanted, digests.first())
            && !(is_all && wanted == found)
        {
            let (wanted, found) = (Box::new(wanted.clone()), Box::new(found.clone()));
            return Err(Cause::Mismatch { existing: None, wanted, found });
        }
        let is_told =
            |digest: &Digest| self.is_told && is_all && digest.algorithm() == Algorithm::Sha256;
        Ok(digests.into_iter().find(is_told))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A large file takes seconds to hash: the run may have to end meanwhile.
pub(super) fn go_on(stop: &Stop) -> Result<(), Cause> {
    if stop.is_stopped() {
        return Err(Cause::Connection { source: io::ErrorKind::Interrupted.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_MD5: &str = "md5:900150983cd24fb0d6963f7d28e17f72";

    fn check(wanted: &str) -> Check {
        Check::new(Some(&wanted.parse().unwrap()), false).unwrap()
    }

    #[test]
    fn the_sha256_is_told_where_that_is_wished_whatever_else_is_checked() {
        assert!(Check::new(None, false).is_none());
        for wanted in [None, Some(ABC), Some(ABC_MD5)] {
            let wanted: Option<Digest> = wanted.map(|text| text.parse().unwrap());
            let check = Check::new(wanted.as_ref(), true).unwrap();
            check.offer(0, b"xyz");
            check.keep_at_most(0);
            check.offer(0, b"abc");
            assert_eq!(check.judge(3).unwrap(), Some(ABC.parse().unwrap()));
        }
        assert_eq!(check(ABC).judge_after(b"abc"), Ok(None));
        // Of a part nothing is told.
        let check = Check::new(None, true).unwrap();
        assert_eq!(check.judge_after(b"ab"), Ok(None));
    }

    impl Check {
        fn judge_after(&self, bytes: &[u8]) -> Result<Option<Digest>, String> {
            self.offer(0, bytes);
            self.judge(3).map_err(|cause| cause.to_string())
        }
    }

    #[test]
    fn what_comes_in_order_is_not_read_again() {
        let check = check(ABC);
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
        check.catch_up(3, &Stop::default(), file).unwrap();
        assert_eq!(read.get(), 1);
        check.judge(3).unwrap();
        check.catch_up(3, &Stop::default(), file).unwrap();
        assert_eq!(read.get(), 1);
    }

    #[test]
    fn what_was_thrown_away_counts_no_more() {
        let check = check(ABC);
        check.offer(0, b"axx");
        check.keep_at_most(3);
        assert!(matches!(check.judge(3), Err(Cause::Mismatch { .. })));
        check.keep_at_most(2);
        check.offer(0, b"abc");
        check.judge(3).unwrap();
        assert!(check.judge(4).is_err());
    }
}
