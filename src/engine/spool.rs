//! A body that several connections bring and standard output takes in order.
//!
//! What comes ahead of its turn is held in memory, up to a bound; whoever brings the next byte writes it
//! and what follows it there. So a slow reader first fills the memory and then holds every worker back.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::model::error::Cause;

/// How often somebody who waits for room looks whether that is still wanted.
const TURN: Duration = Duration::from_millis(50);

/// A body on its way to standard output.
#[derive(Debug)]
pub(super) struct Spool {
    /// How many bytes may be held.
    capacity: u64,
    /// Held for a look into the table, never while something is written.
    state: Mutex<State>,
    /// The next byte is another one, or there is room.
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    /// The first byte that is not written. Its bringer is the only one who writes.
    head: u64,
    /// Pieces ahead of it, by their first byte.
    pieces: BTreeMap<u64, Vec<u8>>,
    held: u64,
}

impl Spool {
    /// Begins at `head`; holds at most `capacity` bytes.
    pub(super) fn new(capacity: u64, head: u64) -> Self {
        let state = State { head, pieces: BTreeMap::new(), held: 0 };
        Self { capacity, state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Returns the first byte that is not written.
    pub(super) fn head(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Returns the byte after the last one that there is room for.
    pub(super) fn end(&self) -> u64 {
        self.head().saturating_add(self.capacity)
    }

    /// Takes a piece whose first byte is `offset`, each byte once: writes it when it is its turn, and what
    /// follows it; else holds it, once there is room. Returns whether it was taken, or was not wanted any
    /// more.
    ///
    /// # Errors
    /// What `write` says. Nothing can follow then.
    pub(super) fn take(
        &self,
        offset: u64,
        piece: &[u8],
        write: impl Fn(&[u8]) -> Result<(), Cause>,
        is_unwanted: impl Fn() -> bool,
    ) -> Result<bool, Cause> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.head != offset {
            if state.held + piece.len() as u64 <= self.capacity {
                state.held += piece.len() as u64;
                state.pieces.insert(offset, piece.to_vec());
                return Ok(true);
            }
            if is_unwanted() {
                return Ok(false);
            }
            (state, _) =
                self.moved.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        write(piece)?;
        let mut written = piece.len() as u64;
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.head += written;
            let head = state.head;
            let next = state.pieces.remove(&head);
            state.held -= next.as_ref().map_or(0, |piece| piece.len() as u64);
            drop(state);
            self.moved.notify_all();
            let Some(next) = next else { return Ok(true) };
            write(&next)?;
            written = next.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn never() -> bool {
        false
    }

    #[test]
    fn pieces_are_written_in_order() {
        let spool = Spool::new(100, 10);
        let out = RefCell::new(Vec::new());
        let take = |offset, piece: &[u8]| {
            let write = |bytes: &[u8]| {
                out.borrow_mut().extend_from_slice(bytes);
                Ok(())
            };
            assert!(spool.take(offset, piece, write, never).unwrap());
        };
        take(13, b"def");
        take(18, b"ij");
        assert_eq!((spool.head(), spool.end()), (10, 110));
        take(10, b"abc");
        assert_eq!(*out.borrow(), b"abcdef");
        take(16, b"gh");
        assert_eq!(*out.borrow(), b"abcdefghij");
        assert_eq!(spool.head(), 20);
    }

    #[test]
    fn what_has_no_room_waits_for_its_turn() {
        let spool = Spool::new(4, 0);
        let written = AtomicU64::new(0);
        let write = |bytes: &[u8]| {
            written.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            Ok(())
        };
        assert!(spool.take(4, b"four", write, never).unwrap());
        // No room, and nobody wants to wait.
        assert!(!spool.take(8, b"more", write, || true).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(spool.take(8, b"more", write, never).unwrap()));
            assert!(spool.take(0, b"four", write, never).unwrap());
        });
        assert_eq!(written.into_inner(), 12);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let spool = Spool::new(4, 0);
        let fail = |_: &[u8]| Err(Cause::StreamBroken);
        assert!(spool.take(0, b"x", fail, never).is_err());
        assert_eq!(spool.head(), 0);
    }
}
