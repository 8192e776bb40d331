//! The digests of a file's pieces, by which a part of it can be checked on its own.

use crate::model::digest::{Algorithm, Digest};
use crate::model::range::ByteRange;

/// The digests of pieces that all have one length, but for the last, which may be shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    length: u64,
    algorithm: Algorithm,
    /// One behind the other.
    digests: Vec<u8>,
}

impl Pieces {
    /// Begins without any; `None` for pieces without bytes.
    pub fn new(length: u64, algorithm: Algorithm) -> Option<Self> {
        (length > 0).then(|| Self { length, algorithm, digests: Vec::new() })
    }

    /// Adds the digest of the next piece, which has to be of their algorithm; returns whether it is.
    pub fn push(&mut self, digest: &Digest) -> bool {
        let is_one = digest.algorithm() == self.algorithm;
        if is_one {
            self.digests.extend(digest.bytes());
        }
        is_one
    }

    /// Puts them in the order of their numbers, which are given in the order they were added in; `None`
    /// unless each number from 0 on is there once.
    pub fn ordered(&self, numbers: &[usize]) -> Option<Self> {
        let size = self.algorithm.size();
        let mut digests = vec![0; self.digests.len()];
        let mut is_free = vec![true; self.count()];
        if numbers.len() != self.count() {
            return None;
        }
        for (&number, digest) in numbers.iter().zip(self.digests.chunks_exact(size)) {
            if !std::mem::take(is_free.get_mut(number)?) {
                return None;
            }
            digests[number * size..][..size].copy_from_slice(digest);
        }
        Some(Self { digests, ..*self })
    }

    /// Returns how their digests are computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.digests.len() / self.algorithm.size()
    }

    /// Returns whether they make a file of so many bytes.
    pub fn make(&self, size: u64) -> bool {
        size.div_ceil(self.length) == self.count() as u64
    }

    /// Returns the pieces of a file of `size` bytes: where each is, and its digest.
    pub fn of(&self, size: u64) -> impl Iterator<Item = (ByteRange, Digest)> + '_ {
        let digests = self.digests.chunks_exact(self.algorithm.size());
        (0..).zip(digests).filter_map(move |(number, bytes)| {
            let start = self.length.saturating_mul(number);
            let range = ByteRange { start, end: start.saturating_add(self.length).min(size) };
            Some((range, Digest::new(self.algorithm, bytes.to_vec())?))
        })
    }
}

/// The pieces of a file that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongPieces {
    /// Where the first one is.
    pub range: ByteRange,
    /// What it should be.
    pub wanted: Digest,
    /// What it is.
    pub found: Digest,
    /// How many there are.
    pub count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::new(Algorithm::Md5, vec![byte; 16]).unwrap()
    }

    #[test]
    fn the_last_piece_may_be_shorter() {
        let mut pieces = Pieces::new(4, Algorithm::Md5).unwrap();
        assert!(pieces.push(&digest(1)) && pieces.push(&digest(2)));
        let found: Vec<_> = pieces.of(6).collect();
        let range = |start, end| ByteRange { start, end };
        assert_eq!(found, [(range(0, 4), digest(1)), (range(4, 6), digest(2))]);
        let made: Vec<u64> = (0..20).filter(|&size| pieces.make(size)).collect();
        assert_eq!(made, [5, 6, 7, 8]);
    }

    #[test]
    fn numbers_say_which_piece_comes_where() {
        let made = |bytes: &[u8]| {
            let mut pieces = Pieces::new(4, Algorithm::Md5).unwrap();
            assert!(bytes.iter().all(|&byte| pieces.push(&digest(byte))));
            pieces
        };
        let pieces = made(&[1, 2, 3]);
        assert_eq!(pieces.ordered(&[0, 1, 2]), Some(pieces.clone()));
        assert_eq!(pieces.ordered(&[2, 0, 1]), Some(made(&[2, 3, 1])));
        let wrong: [&[usize]; 5] = [&[1, 2, 3], &[0, 1, 1], &[0, 1], &[0, 1, 2, 3], &[]];
        for numbers in wrong {
            assert_eq!(pieces.ordered(numbers), None, "{numbers:?}");
        }
    }

    #[test]
    fn what_are_no_pieces_is_refused() {
        assert!(Pieces::new(0, Algorithm::Md5).is_none());
        let mut pieces = Pieces::new(u64::MAX, Algorithm::Sha1).unwrap();
        assert!(!pieces.push(&digest(1)));
        assert!(pieces.make(0) && !pieces.make(1) && pieces.of(0).next().is_none());
    }
}
