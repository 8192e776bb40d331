//! The stop token: one place that says the run must end, and why.
//!
//! Every wait in haul is a wait on this token with a deadline, never a bare sleep. It can be asked
//! (`is_stopped`), waited on (`wait`), selected on (`receiver`), and it calls hooks, which break
//! waits that cannot look at it, such as a read from a socket.
//!
//! The channel inside never carries a value: its only sender is dropped by `stop`, which wakes
//! every receiver at once and for good.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

/// Why a run ends before its input does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// So many jobs failed as the user allows at most.
    Failures(u64),
    /// The reader of standard output went away.
    OutputClosed,
    /// A signal came, by its number: SIGINT, SIGTERM or SIGHUP.
    Signal(i32),
}

type Hook = Box<dyn FnOnce() + Send>;

/// Says that the run must end. Shared by reference; stopping twice keeps the first reason.
pub struct Stop {
    stopped: AtomicBool,
    reason: OnceLock<StopReason>,
    sender: Mutex<Option<Sender<Infallible>>>,
    receiver: Receiver<Infallible>,
    hooks: Mutex<Vec<Hook>>,
}

impl Default for Stop {
    fn default() -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(0);
        Self {
            stopped: AtomicBool::new(false),
            reason: OnceLock::new(),
            sender: Mutex::new(Some(sender)),
            receiver,
            hooks: Mutex::new(Vec::new()),
        }
    }
}

impl Stop {
    /// Ends the run: wakes every waiter, then calls the hooks in this thread.
    pub fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.stopped.store(true, Ordering::SeqCst);
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let hooks = std::mem::take(&mut *self.hooks.lock().unwrap_or_else(PoisonError::into_inner));
        for hook in hooks {
            hook();
        }
    }

    /// Returns whether the run must end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Returns why the run must end, if it must.
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Waits until `timeout` is over or the run must end; returns whether it must.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.receiver.recv_timeout(timeout) == Err(RecvTimeoutError::Disconnected)
    }

    /// Returns a channel that never carries a value and is disconnected when the run must end.
    pub fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }

    /// Has `hook` called when the run must end; at once, in this thread, if it must already.
    pub fn on_stop(&self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
        // `stop` raises the flag before it takes the hooks: a hook that it did not see is ours.
        if self.is_stopped() {
            let late =
                std::mem::take(&mut *self.hooks.lock().unwrap_or_else(PoisonError::into_inner));
            for hook in late {
                hook();
            }
        }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("reason", &self.reason).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn stopping_wakes_waiters_and_calls_hooks_once_and_keeps_the_first_reason() {
        let stop = Stop::default();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let early = Arc::clone(&calls);
        stop.on_stop(move || early.lock().unwrap().push("early"));
        assert!(!stop.wait(Duration::ZERO));
        stop.stop(StopReason::Signal(15));
        stop.stop(StopReason::OutputClosed);
        assert!(stop.wait(Duration::from_secs(3600)));
        let late = Arc::clone(&calls);
        stop.on_stop(move || late.lock().unwrap().push("late"));
        assert_eq!(*calls.lock().unwrap(), ["early", "late"]);
        assert_eq!(stop.reason(), Some(StopReason::Signal(15)));
    }
}
