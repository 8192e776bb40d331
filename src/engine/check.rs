//! Digests of all of a file, in order, while it comes: to check it by one, and to tell those that are
//! asked for.
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
    /// Which of its digests are to be told.
    told: Vec<Algorithm>,
    /// Held while a buffer is hashed. Who offers bytes does not wait for it: they can be read later.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What its server says that it is.
    declared: Option<Digest>,
    /// One for each algorithm.
    hashers: Vec<Hasher>,
    /// How many bytes from the first on are hashed.
    hashed: u64,
}

impl State {
    fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
        self.hashed += bytes.len() as u64;
    }

    fn has(&self, algorithm: Algorithm) -> bool {
        self.hashers.iter().any(|hasher| hasher.algorithm() == algorithm)
    }
}

impl Check {
    /// Begins before the first byte. `None` when nothing is to be known of the file.
    pub(super) fn new(wanted: Option<&Digest>, told: &[Algorithm]) -> Option<Self> {
        (wanted.is_some() || !told.is_empty()).then(|| Self::with(wanted, told))
    }

    /// Begins with what a server declares alone.
    pub(super) fn of_declared() -> Self {
        Self::with(None, &[])
    }

    fn with(wanted: Option<&Digest>, told: &[Algorithm]) -> Self {
        let (wanted, told) = (wanted.cloned(), told.to_vec());
        let check = Self { wanted, told, state: Mutex::default() };
        check.begin(&mut check.lock());
        check
    }

    /// Begins before the first byte again.
    fn begin(&self, state: &mut State) {
        (state.hashers, state.hashed) = (Vec::new(), 0);
        let known = [&self.wanted, &state.declared].into_iter().flatten().map(Digest::algorithm);
        let wished: Vec<_> = known.chain(self.told.iter().copied()).collect();
        for algorithm in wished {
            if !state.has(algorithm) {
                state.hashers.push(Hasher::new(algorithm));
            }
        }
    }

    /// Forgets what a server said that the file is: this is another.
    pub(super) fn forget_declared(&self) {
        let mut state = self.lock();
        if state.declared.take().is_some() {
            self.begin(&mut state);
        }
    }

    /// Takes note of what the server says that the file is. What the user says counts more, and what was
    /// declared first more than what comes later. Bytes that are gone (`is_stream`) cannot be hashed
    /// after all.
    pub(super) fn declare(&self, declared: &Digest, is_stream: bool) {
        let mut state = self.lock();
        if self.wanted.is_some() || state.declared.is_some() {
            return;
        }
        let is_hashed = state.has(declared.algorithm());
        if is_hashed || state.hashed == 0 || !is_stream {
            state.declared = Some(declared.clone());
        }
        if !is_hashed && state.declared.is_some() {
            self.begin(&mut state);
        }
    }

    /// Forgets what was hashed, if it is more than the first `held` bytes.
    pub(super) fn keep_at_most(&self, held: u64) {
        let mut state = self.lock();
        if state.hashed > held {
            self.begin(&mut state);
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
        if self.is_done(end) {
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

    fn is_done(&self, end: u64) -> bool {
        let state = self.lock();
        state.hashed >= end || state.hashers.is_empty()
    }

    /// Judges a file of `size` bytes, all of which were hashed, and returns the digests that are to be
    /// told.
    ///
    /// # Errors
    /// [`Cause::Mismatch`], [`Cause::NotAsDeclared`].
    pub(super) fn judge(&self, size: u64) -> Result<Vec<Digest>, Cause> {
        let state = self.lock();
        let is_all = state.hashed == size;
        let digests: Vec<Digest> = state.hashers.iter().map(Hasher::digest).collect();
        let found = |wanted| digests.iter().find(|digest| digest.algorithm() == wanted);
        let other = |wanted: &Digest| {
            let found = found(wanted.algorithm()).filter(|found| !is_all || *found != wanted)?;
            Some((Box::new(wanted.clone()), Box::new(found.clone())))
        };
        if let Some((wanted, found)) = self.wanted.as_ref().and_then(other) {
            return Err(Cause::Mismatch { existing: None, wanted, found });
        }
        if let Some((declared, found)) = state.declared.as_ref().and_then(other) {
            return Err(Cause::NotAsDeclared { declared, found });
        }
        let told = self.told.iter().filter(|_| is_all);
        Ok(told.filter_map(|&algorithm| found(algorithm).cloned()).collect())
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
        Check::new(Some(&wanted.parse().unwrap()), &[]).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_told_whatever_else_is_checked() {
        assert!(Check::new(None, &[]).is_none());
        let told = [Algorithm::Sha256, Algorithm::Md5, Algorithm::Md5];
        for wanted in [None, Some(ABC), Some(ABC_MD5)] {
            let wanted: Option<Digest> = wanted.map(|text| text.parse().unwrap());
            let check = Check::new(wanted.as_ref(), &told[..2]).unwrap();
            check.offer(0, b"xyz");
            check.keep_at_most(0);
            assert_eq!(check.judge_after(b"abc"), Ok(format!("{ABC} {ABC_MD5}")));
        }
        assert_eq!(check(ABC).judge_after(b"abc"), Ok(String::new()));
        // Of a part nothing is told.
        let check = Check::new(None, &told).unwrap();
        assert_eq!(check.judge_after(b"ab"), Ok(String::new()));
    }

    impl Check {
        fn judge_after(&self, bytes: &[u8]) -> Result<String, String> {
            self.offer(0, bytes);
            let told = self.judge(3).map_err(|cause| cause.to_string())?;
            Ok(told.iter().map(Digest::to_string).collect::<Vec<_>>().join(" "))
        }
    }

    #[test]
    fn what_a_server_declares_is_checked_where_the_user_says_nothing() {
        let md5: Digest = ABC_MD5.parse().unwrap();
        let check = Check::of_declared();
        check.declare(&md5, true);
        // What comes later is not looked at.
        check.declare(&"sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709".parse().unwrap(), true);
        let cause = check.judge_after(b"abd").unwrap_err();
        assert_eq!(
            cause,
            format!(
                "the checksum is md5:4911e516e5aa21d327512e0c8b197616, and the server declared {md5}"
            )
        );
        check.keep_at_most(0);
        assert_eq!(check.judge_after(b"abc"), Ok(String::new()));
        // Another representation.
        check.forget_declared();
        assert_eq!(check.judge_after(b"xyz"), Ok(String::new()));
        let wanted = self::check(ABC);
        wanted.declare(&"md5:00000000000000000000000000000000".parse().unwrap(), false);
        assert_eq!(wanted.judge_after(b"abc"), Ok(String::new()));
    }

    #[test]
    fn what_is_declared_late_is_read_again_where_that_can_be() {
        let md5: Digest = ABC_MD5.parse().unwrap();
        let file = |buffer: &mut [u8], offset| {
            buffer.copy_from_slice(&b"abx"[offset as usize..][..buffer.len()]);
            Ok(())
        };
        let check = Check::new(None, &[Algorithm::Sha256]).unwrap();
        check.offer(0, b"ab");
        check.declare(&md5, false);
        check.catch_up(3, &Stop::default(), file).unwrap();
        assert!(matches!(check.judge(3), Err(Cause::NotAsDeclared { .. })));
        let check = Check::new(None, &[Algorithm::Sha256]).unwrap();
        check.append(b"ab");
        check.declare(&md5, true);
        check.append(b"x");
        assert_eq!(check.judge(3).unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_read_for_nothing() {
        let check = Check::of_declared();
        check.catch_up(3, &Stop::default(), |_, _| panic!("read")).unwrap();
        assert!(check.judge(3).unwrap().is_empty());
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
