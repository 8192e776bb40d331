//! What holds workers back: the rate of requests, the rate of the run's bytes, and that of each host's.
//!
//! Each rate of bytes is one bucket that all connections under it share (see [`crate::policy::rate`]). A
//! connection takes what it has read from each bucket that is over it and then waits in no lock, for
//! the longest of the waits that it was told: a host that owes much delays its own readers, and the
//! others find in the run's bucket only what was really read.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Options;
use crate::model::error::Cause;
use crate::model::stop::Stop;
use crate::policy::rate::{self, Bucket};
use crate::policy::spacing::{Spacing, Turn};

/// How many hosts are remembered at least before it is looked which are done with.
const MIN_SWEEP: usize = 64;

/// How often a wait looks whether it is still wanted.
const TURN: Duration = Duration::from_millis(50);

/// The rates of a run. Held by all workers; its locks are held for a look into a table or one addition.
#[derive(Debug)]
pub(super) struct Limits {
    run: Option<Arc<Flow>>,
    /// Bytes a second from each host.
    host_rate: Option<u64>,
    hosts: Mutex<Hosts>,
    /// The turns of requests.
    requests: Option<Mutex<Spacing>>,
    /// Since when the turns' times count.
    since: Instant,
    /// The longest time for a file: no wait goes on after it.
    max_time: Option<Duration>,
}

/// The hosts that have a bucket.
#[derive(Debug, Default)]
struct Hosts {
    flows: HashMap<String, Arc<Flow>>,
    /// How many there may be before those that are done with are forgotten.
    sweep_at: usize,
}

impl Limits {
    /// Begins to count for a run.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            run: options.limit_rate.map(|rate| Arc::new(Flow::new(rate))),
            host_rate: options.limit_rate_host,
            hosts: Mutex::default(),
            requests: options.request_rate.map(|rate| Mutex::new(Spacing::new(rate.gap()))),
            since: Instant::now(),
            max_time: options.pace.max_time,
        }
    }

    /// Returns what a connection to a host is held to, for a job whose first attempt began then. It is
    /// asked for once for each connection, not for each read.
    pub(super) fn of(&self, host: impl FnOnce() -> String, began: Instant) -> Throttle {
        let mut shares = Vec::new();
        shares.extend(self.run.as_ref().map(Share::new));
        if let Some(rate) = self.host_rate {
            shares.push(Share::new(&self.host(host(), rate)));
        }
        Throttle { shares, until: self.end_of(began) }
    }

    /// Waits until a request may be begun for a job whose first attempt began then, or it is not wanted
    /// any more.
    ///
    /// # Errors
    /// [`Cause::TimeOver`] when the job's time is over before that, and no sooner than it is over. Any
    /// when the request is not wanted or the run must end.
    pub(super) fn await_turn(
        &self,
        began: Instant,
        stop: &Stop,
        is_unwanted: impl Fn() -> bool,
    ) -> Result<(), Cause> {
        let Some(requests) = &self.requests else { return Ok(()) };
        let end = self.end_of(began).map(|end| end.saturating_duration_since(self.since));
        let turn = {
            let mut spacing = requests.lock().unwrap_or_else(PoisonError::into_inner);
            spacing.take(self.since.elapsed(), end)
        };
        match turn {
            Turn::After(wait) if !pause(wait, stop, &is_unwanted) && !is_unwanted() => Ok(()),
            Turn::TooLate(left) if !pause(left, stop, &is_unwanted) && !is_unwanted() => {
                Err(Cause::TimeOver { limit: self.max_time.unwrap_or_default() })
            }
            _ => Err(Cause::Connection { source: io::ErrorKind::Interrupted.into() }),
        }
    }

    /// Returns whether a request could be begun now.
    pub(super) fn has_turn(&self) -> bool {
        self.requests.as_ref().is_none_or(|requests| {
            let spacing = requests.lock().unwrap_or_else(PoisonError::into_inner);
            spacing.is_free(self.since.elapsed())
        })
    }

    /// Takes a turn if it is now; returns whether it was.
    pub(super) fn try_turn(&self) -> bool {
        self.requests.as_ref().is_none_or(|requests| {
            let mut spacing = requests.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.since.elapsed();
            spacing.is_free(now) && matches!(spacing.take(now, None), Turn::After(_))
        })
    }

    /// Returns when all time is over for a job whose first attempt began then.
    fn end_of(&self, began: Instant) -> Option<Instant> {
        self.max_time.and_then(|limit| began.checked_add(limit))
    }

    /// Returns what flows from a host.
    fn host(&self, name: String, rate: u64) -> Arc<Flow> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.flows.len() >= hosts.sweep_at.max(MIN_SWEEP) && !hosts.flows.contains_key(&name) {
            // A list may name a million hosts. One that owes something is not forgotten: it would
            // begin anew with each of its files. Twice what is left makes a sweep cheap for each host.
            hosts.flows.retain(|_, flow| Arc::strong_count(flow) > 1 || !flow.is_level());
            hosts.sweep_at = 2 * hosts.flows.len();
        }
        Arc::clone(hosts.flows.entry(name).or_insert_with(|| Arc::new(Flow::new(rate))))
    }
}

/// Bytes that come at no more than a rate, to all connections that share it.
#[derive(Debug)]
struct Flow {
    /// Bytes a second.
    rate: u64,
    /// Since when the bucket's times count.
    since: Instant,
    bucket: Mutex<Bucket>,
    /// How many connections share it now. Only their reads' sizes depend on it, so no order is needed.
    readers: AtomicUsize,
}

impl Flow {
    fn new(rate: u64) -> Self {
        let bucket = Mutex::new(Bucket::new(rate));
        Self { rate, since: Instant::now(), bucket, readers: AtomicUsize::new(0) }
    }

    fn read_bytes(&self) -> usize {
        rate::read_bytes(self.rate, self.readers.load(Ordering::Relaxed))
    }

    /// Takes bytes that were read; returns how long to wait before the next read.
    fn take(&self, bytes: u64) -> Duration {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(bytes, self.since.elapsed())
    }

    fn is_level(&self) -> bool {
        let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.is_level(self.since.elapsed())
    }
}

/// One connection's part in a flow, counted as long as it is there.
#[derive(Debug)]
struct Share(Arc<Flow>);

impl Share {
    fn new(flow: &Arc<Flow>) -> Self {
        flow.readers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(flow))
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one connection is held to. A second connection for the same transfer takes a clone, so that
/// both are counted.
#[derive(Clone, Debug)]
pub(super) struct Throttle {
    /// The run's flow and the host's, as far as they are limited; mostly none, and then nothing here
    /// locks, counts or asks for the time.
    shares: Vec<Share>,
    /// When the job's time is over.
    until: Option<Instant>,
}

impl Throttle {
    /// Returns whether nothing holds the connection back.
    pub(super) fn is_none(&self) -> bool {
        self.shares.is_empty()
    }

    /// Returns how many bytes the next read should bring at most.
    pub(super) fn read_bytes(&self) -> usize {
        self.shares.iter().map(|share| share.0.read_bytes()).min().unwrap_or(usize::MAX)
    }

    /// Takes note of bytes that were read, and waits until the next read is allowed, is not wanted any
    /// more, the job's time is over, or the run must end. Returns how long it waited.
    pub(super) fn hold_back(
        &self,
        bytes: u64,
        stop: &Stop,
        is_unwanted: impl Fn() -> bool,
    ) -> Duration {
        if self.shares.is_empty() {
            return Duration::ZERO;
        }
        let wait = self.shares.iter().map(|share| share.0.take(bytes)).max().unwrap_or_default();
        if wait.is_zero() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        pause(left.map_or(wait, |left| wait.min(left)), stop, is_unwanted);
        began.elapsed()
    }
}

/// Waits until the time is over, the wait is not wanted any more, or the run must end; returns whether
/// it must.
fn pause(wait: Duration, stop: &Stop, is_unwanted: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    loop {
        let left = wait.saturating_sub(began.elapsed());
        if stop.wait(left.min(TURN)) {
            return true;
        }
        if left <= TURN || is_unwanted() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stop::StopReason;

    fn limits(run: Option<u64>, host_rate: Option<u64>) -> Limits {
        let run = run.map(|rate| Arc::new(Flow::new(rate)));
        Limits {
            run,
            host_rate,
            hosts: Mutex::default(),
            requests: None,
            since: Instant::now(),
            max_time: None,
        }
    }

    fn at(host: &str) -> impl FnOnce() -> String {
        move || host.to_owned()
    }

    /// How long each flow over this connection is in debt after it has read so many bytes.
    fn waits(throttle: &Throttle, bytes: u64) -> Vec<f64> {
        throttle.shares.iter().map(|share| share.0.take(bytes).as_secs_f64().round()).collect()
    }

    #[test]
    fn without_a_limit_nothing_is_kept_and_nothing_waits() {
        let limits = limits(None, None);
        let throttle = limits.of(at("a"), Instant::now());
        assert!(throttle.shares.is_empty());
        assert_eq!(throttle.read_bytes(), usize::MAX);
        throttle.hold_back(u64::MAX, &Stop::default(), || false);
    }

    #[test]
    fn what_one_host_owes_is_nothing_to_another() {
        let limits = limits(None, Some(1000));
        let now = Instant::now();
        let (a, b) = (limits.of(at("a"), now), limits.of(at("b"), now));
        assert_eq!(waits(&a, 100_000), [100.0]);
        assert_eq!(waits(&b, 1000), [1.0]);
    }

    #[test]
    fn a_connection_is_under_the_run_and_its_host() {
        let limits = limits(Some(10_000), Some(1000));
        let now = Instant::now();
        let (a, b) = (limits.of(at("a"), now), limits.of(at("b"), now));
        assert_eq!(waits(&a, 100_000), [10.0, 100.0]);
        // In the run's bucket the other host finds what was read, not the wait for it.
        assert_eq!(waits(&b, 10_000), [11.0, 10.0]);
    }

    #[test]
    fn connections_that_share_a_rate_read_less_at_a_time() {
        let limits = limits(Some(1_000_000), Some(400_000));
        let now = Instant::now();
        let first = limits.of(at("a"), now);
        assert_eq!(first.read_bytes(), 20_000);
        let second = first.clone();
        assert_eq!(first.read_bytes(), 10_000);
        let others = [1, 2, 3].map(|_| limits.of(at("b"), now));
        assert_eq!((first.read_bytes(), others[0].read_bytes()), (10_000, 6666));
        drop((second, others));
        assert_eq!(first.read_bytes(), 20_000);
    }

    #[test]
    fn a_wait_ends_with_the_run_and_with_the_jobs_time() {
        let mut limits = limits(None, Some(1));
        let stop = Stop::default();
        limits.max_time = Some(Duration::from_millis(10));
        let bounded = limits.of(at("a"), Instant::now());
        let began = Instant::now();
        bounded.hold_back(1_000_000, &stop, || false);
        limits.max_time = None;
        stop.stop(StopReason::Signal(2));
        limits.of(at("a"), Instant::now()).hold_back(1_000_000, &stop, || false);
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_turn_that_comes_after_the_jobs_time_is_left_to_another_job() {
        let mut limits = limits(None, None);
        limits.requests = Some(Mutex::new(Spacing::new(Duration::from_secs(3600))));
        let stop = Stop::default();
        limits.await_turn(Instant::now(), &stop, || false).unwrap();
        limits.max_time = Some(Duration::from_millis(20));
        let began = Instant::now();
        let cause = limits.await_turn(began, &stop, || false).unwrap_err();
        assert!(matches!(cause, Cause::TimeOver { .. }), "{cause}");
        assert!(began.elapsed() >= Duration::from_millis(20));
        // The second turn has not gone away with the one that could not wait for it.
        let mut spacing = limits.requests.as_ref().unwrap().lock().unwrap();
        let Turn::After(wait) = spacing.take(limits.since.elapsed(), None) else {
            panic!("no turn")
        };
        assert!(wait <= Duration::from_secs(3600), "{wait:?}");
    }

    #[test]
    fn a_wait_for_a_turn_ends_with_the_run() {
        let mut limits = limits(None, None);
        limits.requests = Some(Mutex::new(Spacing::new(Duration::from_secs(3600))));
        let stop = Stop::default();
        limits.await_turn(Instant::now(), &stop, || false).unwrap();
        stop.stop(StopReason::Signal(2));
        assert!(limits.await_turn(Instant::now(), &stop, || false).is_err());
        // Without a rate nobody has to ask.
        limits.requests = None;
        limits.await_turn(Instant::now(), &stop, || false).unwrap();
    }

    #[test]
    fn hosts_that_owe_nothing_are_forgotten() {
        let limits = limits(None, Some(1_000_000_000));
        let now = Instant::now();
        let kept = limits.of(at("kept"), now);
        waits(&limits.of(at("owes"), now), u64::MAX);
        for number in 0..1000 {
            limits.of(at(&format!("h{number}")), now);
        }
        let hosts = limits.hosts.lock().unwrap();
        assert!(hosts.flows.len() <= MIN_SWEEP, "{}", hosts.flows.len());
        assert!(hosts.flows.contains_key("kept") && hosts.flows.contains_key("owes"));
        drop(kept);
    }
}
