//! Idle workers help: a worker that finds the queue empty takes over a part of the transfer that would
//! end last, on a connection of its own.
//!
//! ```text
//!   leader ── publish ──► Assist ◄── find ── idle workers
//!      │                    │                    │
//!      └──── Lane ────► Joint: segments ◄── Lane ┘
//! ```
//!
//! The worker that took the job leads: it opens the file, publishes the transfer once it may be split,
//! brings a segment like everybody else, and stays until all helpers have left; it alone starts over,
//! fails or commits. Helpers know nothing of the job's fate.
//!
//! Each lane brings its bytes from one of the job's mirrors, as far as it can be shown that they have
//! the same.
//!
//! # Locks
//! The list of transfers and each transfer's table are behind a mutex of their own, held for a few
//! comparisons: once by a worker that looks for something to do, and twice for each write of a whole
//! buffer. No read or write happens under them, and the list's is never taken inside a table's. The
//! hosts' is, for there must be room at the host of the source that is chosen.

mod joint;
mod lane;
pub(super) mod part;
mod sources;
mod subject;
mod table;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, Sender};

pub(super) use joint::{End, Joint, Room, Task};
pub(super) use lane::{Lane, Target};
pub(super) use sources::Source;
pub(super) use subject::Subject;

use crate::http::client::Client;
use crate::policy::share;

/// How often a worker that found nothing to help with looks again, while transfers run that it might
/// help later.
const TURN: Duration = Duration::from_millis(10);

/// How often it looks where the transfers keep this machine busy: each look takes time from them.
const BUSY_TURN: Duration = Duration::from_millis(100);

/// How many workers look again that often. More of them take longer, so that a thousand that wait do not
/// keep a processor busy.
const LOOKERS: usize = 32;

/// The transfers that may be helped, and who waits for something to do.
#[derive(Debug)]
pub(super) struct Assist {
    joints: Mutex<Vec<Arc<Joint>>>,
    /// How many there are, so that who has a full queue takes no lock.
    count: AtomicUsize,
    /// Workers that wait without a timeout, because there is nothing that they could help with.
    idle: AtomicUsize,
    /// Workers that look again after a while.
    lookers: AtomicUsize,
    /// Carries one token for each worker to wake, at most; a token more or less does no harm, for whoever
    /// wakes looks for itself. Never closed while workers run.
    bell: (Sender<()>, Receiver<()>),
    /// Whether the transfers kept this machine busy when somebody looked last.
    is_busy: AtomicBool,
    /// How many processors this machine has for us.
    processors: usize,
}

impl Assist {
    /// Makes an empty list for so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            joints: Mutex::default(),
            count: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            lookers: AtomicUsize::new(0),
            bell: crossbeam_channel::bounded(workers.max(1)),
            is_busy: AtomicBool::new(false),
            processors: std::thread::available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// Offers a transfer to idle workers, until the returned value is dropped.
    pub(super) fn publish(&self, joint: &Arc<Joint>) -> Published<'_> {
        self.lock().push(Arc::clone(joint));
        self.count.fetch_add(1, Ordering::SeqCst);
        self.ring();
        Published { assist: self, joint: Arc::clone(joint) }
    }

    /// Wakes the workers that wait for work: there is something for them now.
    fn ring(&self) {
        for _ in 0..self.idle.load(Ordering::SeqCst) {
            if self.bell.0.try_send(()).is_err() {
                break;
            }
        }
    }

    /// Returns a part of the transfer that would end last, if that may be helped now.
    pub(super) fn find(&self, client: &Client, room: &mut Room<'_>) -> Option<Lane> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let joints = self.lock().clone();
        let busy = joints.iter().map(|joint| joint.busy()).sum();
        let is_busy = share::is_machine_busy(busy, self.processors);
        self.is_busy.store(is_busy, Ordering::Relaxed);
        // One alone is judged by itself.
        if joints.len() > 1 && is_busy {
            return None;
        }
        let mut joints: Vec<(f64, Arc<Joint>)> =
            joints.into_iter().filter_map(|joint| Some((joint.time_left()?, joint))).collect();
        joints.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        joints.into_iter().find_map(|(_, joint)| joint.help(client, room))
    }

    /// Waits until there may be something to do: a job, a transfer to help, or some time has passed with
    /// transfers that might be helped by now.
    pub(super) fn wait<T>(&self, queue: &Receiver<T>) {
        let mut select = Select::new();
        select.recv(queue);
        if self.count.load(Ordering::SeqCst) > 0 {
            // Not the bell too: its tokens are for those who sleep without a timeout.
            let lookers = self.lookers.fetch_add(1, Ordering::Relaxed);
            let turn = if self.is_busy.load(Ordering::Relaxed) { BUSY_TURN } else { TURN };
            let _ = select.ready_timeout(turn * (1 + lookers / LOOKERS) as u32);
            self.lookers.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let bell = select.recv(&self.bell.1);
        self.idle.fetch_add(1, Ordering::SeqCst);
        // Counted as idle before this look: a transfer that it does not see is published by somebody who
        // sees this worker.
        if self.count.load(Ordering::SeqCst) == 0 && select.ready() == bell {
            let _ = self.bell.1.try_recv();
        }
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Joint>>> {
        self.joints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transfer that is on the list.
#[derive(Debug)]
pub(super) struct Published<'a> {
    assist: &'a Assist,
    joint: Arc<Joint>,
}

impl Drop for Published<'_> {
    /// Takes it off the list and waits until every helper has left it.
    fn drop(&mut self) {
        self.assist.lock().retain(|other| !Arc::ptr_eq(other, &self.joint));
        self.assist.count.fetch_sub(1, Ordering::SeqCst);
        self.joint.close();
    }
}
