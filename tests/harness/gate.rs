//! A gate that a reply waits at until the test opens it, so that tests need not sleep: the test
//! waits until the reply is there, does what it wants to do meanwhile, and lets it go on.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A point in a reply. Clones are the same gate; one that is never opened is a stall.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    open: bool,
    reached: usize,
}

impl Gate {
    /// Lets every reply through that waits or will come.
    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    /// Waits until `count` replies have come to the gate.
    #[track_caller]
    pub(crate) fn wait_reached(&self, count: usize) {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.0.0.lock().unwrap();
        while state.reached < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} replies came to the gate", state.reached);
            state = self.0.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits in a reply until the gate opens or `given_up` says that nobody waits for the rest.
    pub(super) fn pass(&self, given_up: impl Fn() -> bool) {
        let mut state = self.0.0.lock().unwrap();
        state.reached += 1;
        self.0.1.notify_all();
        while !state.open && !given_up() {
            state = self.0.1.wait_timeout(state, Duration::from_millis(10)).unwrap().0;
        }
    }
}
