//! A table from one 64-bit hash to another that takes 16 bytes for each: what is not new lies in one
//! sorted run without a gap.
//!
//! A hash table doubles when it is full, has both in memory meanwhile, and is half empty after it. Here
//! new entries go to a small hash table; when that is full they are merged into the run, whose room
//! grows by just as many (in place, as large allocations do). The larger the run, the more are merged
//! at once: for each that is inserted some 64 are moved, however many there are, which takes a tenth of
//! a microsecond.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// How many entries are new at least before they are merged.
const MIN_FRESH: usize = 7 * 1024;

/// How many times more entries are in the run than are merged into it at once.
const RUN_PER_FRESH: usize = 64;

/// How many entries of the run lie about where a key is expected before the look-up halves what is left.
const WINDOW: usize = 64;

/// Keys, which are hashes already.
pub(super) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// What each key was inserted with first.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By key, each once.
    run: Vec<(u64, u64)>,
    /// None of them in the run.
    fresh: ByHash<u64>,
}

impl Table {
    /// Returns what a key was inserted with.
    pub(super) fn get(&self, key: u64) -> Option<u64> {
        let in_run = || self.find(key).ok().map(|at| self.run[at].1);
        self.fresh.get(&key).copied().or_else(in_run)
    }

    /// Inserts a key if it is new; returns whether it is.
    pub(super) fn insert(&mut self, key: u64, value: u64) -> bool {
        if self.fresh.len() >= MIN_FRESH.max(self.run.len() / RUN_PER_FRESH) {
            self.merge();
        }
        if self.find(key).is_ok() {
            return false;
        }
        match self.fresh.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(value);
                true
            }
        }
    }

    /// Returns where a key is in the run, or where it would be.
    fn find(&self, key: u64) -> Result<usize, usize> {
        let (mut start, mut end) = (0, self.run.len());
        // Hashes lie evenly, so that the place of one is known but for some square root of their number.
        let guess = ((u128::from(key) * end as u128) >> u64::BITS) as usize;
        let mut reach = WINDOW;
        loop {
            let low = guess.saturating_sub(reach).max(start);
            let high = guess.saturating_add(reach).min(end);
            let is_below = low == start || self.run[low].0 <= key;
            let is_above = high == end || self.run[high].0 > key;
            match (is_below, is_above) {
                (true, true) => {
                    let found = self.run[low..high].binary_search_by_key(&key, |entry| entry.0);
                    return found.map(|at| low + at).map_err(|at| low + at);
                }
                (false, _) => end = low,
                (_, false) => start = high,
            }
            reach *= 4;
        }
    }

    /// Puts what is new into the run, from its end on, so that no second run is needed.
    fn merge(&mut self) {
        let mut fresh: Vec<(u64, u64)> = self.fresh.drain().collect();
        fresh.sort_unstable();
        let mut old = self.run.len();
        self.run.reserve_exact(fresh.len());
        self.run.resize(old + fresh.len(), (0, 0));
        let mut end = self.run.len();
        while let Some(&(key, value)) = fresh.last() {
            end -= 1;
            if old > 0 && self.run[old - 1].0 > key {
                old -= 1;
                self.run[end] = self.run[old];
            } else {
                self.run[end] = (key, value);
                fresh.pop();
            }
        }
    }
}

/// Keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread as hashes are (by `SplitMix64`), each number its own.
    fn spread(number: u64) -> u64 {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Inserts so many keys twice and looks for each, and for as many others.
    fn check(count: u64, key: impl Fn(u64) -> u64) -> Table {
        let mut table = Table::default();
        for number in 0..count {
            assert!(table.insert(key(number), number), "{number}");
            let before = number / 2;
            assert!(!table.insert(key(before), u64::MAX), "{before}");
        }
        for number in 0..count {
            assert_eq!(table.get(key(number)), Some(number), "{number}");
            assert_eq!(table.get(key(number + count)), None, "{number}");
        }
        assert!(table.run.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(table.run.len() + table.fresh.len(), count as usize);
        table
    }

    #[test]
    fn a_key_keeps_its_first_value_however_many_follow() {
        for count in [0, 1, 2, 100, MIN_FRESH as u64, 3 * MIN_FRESH as u64 + 1] {
            check(count, spread);
        }
    }

    #[test]
    fn keys_that_are_not_spread_are_found_too() {
        let count = 5 * MIN_FRESH as u64;
        check(count, |number| number);
        check(count, |number| u64::MAX - number);
        check(count, |number| if number % 2 == 0 { number } else { u64::MAX - number });
    }

    #[test]
    fn little_more_is_allocated_than_the_entries_take() {
        let count = 300_000;
        let table = check(count, spread);
        let allocated = table.run.capacity() * 16 + table.fresh.capacity() * 8 / 7 * 17;
        let most = count as usize * 17;
        assert!(allocated <= most, "{allocated} bytes");
    }
}
