//! How many requests each host gets at once: at most what the user allows, and fewer after it has asked
//! for fewer (429, 503), without holding up the others.
//!
//! How many that are is decided by its [`Allowance`].
//!
//! A work whose host has no room is parked here, and the worker that leaves the host takes it along:
//! nobody polls. Only where a host has asked for fewer the feeder comes by now and then, because what is
//! in flight there may be long, and takes along what may be tried by now. What is parked still counts as
//! in flight. The lot is bounded; what does not fit is offered again later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::{Position, Url};

use crate::engine::work::Work;
use crate::policy::allowance::{Admission, Allowance, Asker, Refusal};

/// How many works may be parked, over all hosts.
const MAX_PARKED: usize = 1024;

/// How many hosts are remembered at least before it is looked which are as new.
const MIN_SWEEP: usize = 64;

/// How soon a work that finds no room in the lot either is offered again.
const TURN: Duration = Duration::from_millis(50);

/// What is known of the hosts of a run.
#[derive(Debug)]
pub(super) struct Hosts {
    most: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Few, because those that are as new are forgotten now and then: a look-up in a tree takes less than
    /// the hash of a name would.
    hosts: BTreeMap<String, Host>,
    /// How many there may be before that.
    sweep_at: usize,
    parked: usize,
}

#[derive(Debug)]
struct Host {
    active: usize,
    allowance: Allowance,
    parked: VecDeque<Box<Work>>,
}

/// What came of asking for a request to a host.
#[derive(Debug)]
pub(super) enum Entry {
    /// It may be sent.
    Go(Box<Work>),
    /// It may be asked for again after so long.
    Later(Box<Work>, Duration),
    /// Whoever leaves the host will take it along, or the feeder if it `is_restrained`.
    Parked {
        /// Whether the host has asked for fewer.
        is_restrained: bool,
    },
}

/// How a request ended, for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// In a way that says nothing about the host's load.
    Otherwise,
    /// The host asked for fewer.
    Overloaded(Refusal),
    /// Well.
    Well,
}

impl Hosts {
    /// Allows each host `most` requests at once.
    pub(super) fn new(most: usize) -> Self {
        Self { most, table: Mutex::default() }
    }

    /// Asks for the request of a work to its host.
    pub(super) fn enter(&self, mut work: Box<Work>, now: Instant) -> Entry {
        let mut table = self.lock();
        let (host, parked) = table.meet(host_of(work.target().0), self.most);
        if let Some(wait) = host.allowance.wait(now) {
            return Entry::Later(work, wait);
        }
        if let Some(admission) = host.enter(Asker::Job, now) {
            work.admission = admission;
            return Entry::Go(work);
        }
        if *parked >= MAX_PARKED {
            return Entry::Later(work, TURN);
        }
        *parked += 1;
        host.parked.push_back(work);
        Entry::Parked { is_restrained: host.allowance.is_restrained() }
    }

    /// Asks for one more request to a host, for a job that has one there or elsewhere. Those that wait go
    /// first.
    pub(super) fn try_enter(&self, name: &str, now: Instant) -> bool {
        let mut table = self.lock();
        let (host, _) = table.meet(name, self.most);
        host.parked.is_empty() && host.enter(Asker::Helper, now).is_some()
    }

    /// Says how a request ended that was allowed, or that it was not made; returns what there is room for
    /// now.
    pub(super) fn leave(&self, name: &str, answered: Answered) -> VecDeque<Box<Work>> {
        let mut table = self.lock();
        let Table { hosts, parked, .. } = &mut *table;
        let Some(host) = hosts.get_mut(name) else { return VecDeque::new() };
        match answered {
            Answered::Overloaded(refusal) => host.allowance.refuse(host.active, refusal),
            Answered::Well => host.allowance.succeed(),
            Answered::Otherwise => {}
        }
        host.active = host.active.saturating_sub(1);
        let room = host.allowance.room(host.active).min(host.parked.len());
        *parked -= room;
        host.parked.drain(..room).collect()
    }

    /// Takes from each host that has asked for fewer a work that waits and may be sent now; returns whether
    /// others wait there.
    pub(super) fn call(&self, now: Instant) -> (VecDeque<Box<Work>>, bool) {
        let mut table = self.lock();
        let Table { hosts, parked, .. } = &mut *table;
        if *parked == 0 {
            return (VecDeque::new(), false);
        }
        let restrained = hosts.values_mut().filter(|host| host.allowance.is_restrained());
        let (mut called, mut others_wait) = (VecDeque::new(), false);
        for host in restrained {
            if host.allowance.admits(host.active, Asker::Job, now).is_some() {
                called.extend(host.parked.pop_front());
            }
            others_wait |= !host.parked.is_empty();
        }
        *parked -= called.len();
        (called, others_wait)
    }

    /// Returns everything that is parked, for a run that ends.
    pub(super) fn clear(&self) -> VecDeque<Box<Work>> {
        let mut table = self.lock();
        table.parked = 0;
        let hosts = std::mem::take(&mut table.hosts);
        hosts.into_values().flat_map(|host| host.parked).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Returns what is known of a host, which may be nothing, and how many works are parked in all.
    fn meet(&mut self, name: &str, most: usize) -> (&mut Host, &mut usize) {
        if !self.hosts.contains_key(name) {
            if self.hosts.len() >= self.sweep_at.max(MIN_SWEEP) {
                // A list may name a million hosts. Twice what is left makes a sweep cheap for each.
                self.hosts.retain(|_, host| !host.is_as_new());
                self.sweep_at = 2 * self.hosts.len();
            }
            self.hosts.insert(name.to_owned(), Host::new(most));
        }
        match self.hosts.get_mut(name) {
            Some(host) => (host, &mut self.parked),
            None => unreachable!("it is there by now"),
        }
    }
}

impl Host {
    fn new(most: usize) -> Self {
        Self { active: 0, allowance: Allowance::new(most), parked: VecDeque::new() }
    }

    /// Returns whether nobody talks to it and it has no complaints: it is as one never seen.
    fn is_as_new(&self) -> bool {
        self.active == 0 && !self.allowance.is_restrained() && self.parked.is_empty()
    }

    /// Lets one more request be sent, if that is allowed now.
    fn enter(&mut self, asker: Asker, now: Instant) -> Option<Admission> {
        let admission = self.allowance.admits(self.active, asker, now)?;
        self.allowance.admit(self.active, asker, admission, now);
        self.active += 1;
        Some(admission)
    }
}

/// Returns the name of a URL's host: with its scheme, which says the port if nothing else does.
pub(super) fn host_of(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::job::{Destination, Job, JobId, Origin};

    const HOST: &str = "http://h";
    const OTHER: &str = "http://other";

    /// How a request ends to which the host says to wait so long.
    fn refused(at: Instant, pause: Duration) -> Answered {
        Answered::Overloaded(Refusal { at, pause, is_asked: true })
    }

    /// A work for the host of the tests.
    fn work(id: u32) -> Box<Work> {
        work_for(HOST, id)
    }

    fn work_for(host: &str, id: u32) -> Box<Work> {
        Box::new(Work::new(Job {
            id: JobId(id),
            url: host.parse().unwrap(),
            credentials: None,
            fresh: None,
            mirrors: Vec::new(),
            fields: None,
            is_foreign: false,
            size: None,
            checksum: None,
            known: None,
            pieces: None,
            origin: Origin::Argument,
            destination: Destination::Stdout,
        }))
    }

    /// How many of `count` requests to a host may be sent.
    fn entered(hosts: &Hosts, count: u32, now: Instant) -> usize {
        (0..count).filter(|&id| matches!(hosts.enter(work(id), now), Entry::Go(_))).count()
    }

    #[test]
    fn a_host_that_complains_gets_half_and_earns_the_rest_back() {
        let hosts = Hosts::new(usize::MAX);
        let now = Instant::now();
        assert_eq!(entered(&hosts, 9, now), 9);
        let pause = Duration::from_secs(3);
        hosts.leave(HOST, refused(now, pause));
        assert!(matches!(hosts.enter(work(1), now), Entry::Later(_, wait) if wait == pause));
        assert!(matches!(hosts.enter(work_for(OTHER, 2), now), Entry::Go(_)));
        for _ in 0..8 {
            hosts.leave(HOST, Answered::Otherwise);
        }
        let later = now + pause;
        assert_eq!(entered(&hosts, 5, later), 4);
        // The one that found no room goes along with the first that leaves, the next allowance too.
        let freed: Vec<usize> = (0..4).map(|_| hosts.leave(HOST, Answered::Well).len()).collect();
        assert_eq!(freed, [1, 0, 0, 0]);
        assert_eq!(entered(&hosts, 9, later), 5);
    }

    #[test]
    fn a_host_that_no_job_has_entered_may_be_asked_for_one_more() {
        let hosts = Hosts::new(1);
        let now = Instant::now();
        assert!(hosts.try_enter(HOST, now) && !hosts.try_enter(HOST, now));
        let pause = Duration::from_secs(3);
        hosts.leave(HOST, refused(now, pause));
        assert!(!hosts.try_enter(HOST, now));
        // The pause ends though no job comes by.
        assert!(hosts.try_enter(HOST, now + pause));
        assert!(matches!(hosts.enter(work(1), now + pause), Entry::Parked { .. }));
        assert_eq!(hosts.leave(HOST, Answered::Well).len(), 1);
        // Those that wait go first.
        assert!(matches!(hosts.enter(work(1), now + pause), Entry::Go(_)));
        assert!(matches!(hosts.enter(work(2), now + pause), Entry::Parked { .. }));
        assert!(!hosts.try_enter(HOST, now + pause));
        assert!(hosts.try_enter(OTHER, now));
        hosts.leave(OTHER, Answered::Otherwise);
    }

    #[test]
    fn no_host_gets_more_than_the_user_allows() {
        let hosts = Hosts::new(2);
        let now = Instant::now();
        assert_eq!(entered(&hosts, 5, now), 2);
        assert_eq!(hosts.leave(HOST, Answered::Well).len(), 1);
        assert_eq!(hosts.clear().len(), 2);
    }

    #[test]
    fn a_helper_that_is_not_needed_leaves_its_room_to_who_waits_for_it() {
        let hosts = Hosts::new(2);
        let now = Instant::now();
        assert_eq!(entered(&hosts, 1, now), 1);
        assert!(hosts.try_enter(HOST, now));
        assert!(matches!(hosts.enter(work(1), now), Entry::Parked { .. }));
        assert_eq!(hosts.leave(HOST, Answered::Otherwise).len(), 1);
    }

    #[test]
    fn a_host_is_helped_again_after_its_pause() {
        let hosts = Hosts::new(8);
        let now = Instant::now();
        assert_eq!(entered(&hosts, 8, now), 8);
        let pause = Duration::from_secs(3);
        hosts.leave(HOST, refused(now, pause));
        for _ in 0..6 {
            hosts.leave(HOST, Answered::Otherwise);
        }
        assert!(!hosts.try_enter(HOST, now));
        assert!(hosts.try_enter(HOST, now + pause));
    }

    #[test]
    fn what_waits_beside_a_long_request_is_called_when_its_time_has_come() {
        let hosts = Hosts::new(8);
        let now = Instant::now();
        assert_eq!(entered(&hosts, 3, now), 3);
        let pause = Duration::from_secs(3);
        hosts.leave(HOST, refused(now, pause));
        let later = now + pause;
        assert!(
            matches!(hosts.enter(work(1), later), Entry::Go(work) if work.admission == Admission::OnTrial)
        );
        for id in 2..4 {
            let entry = hosts.enter(work(id), later);
            assert!(matches!(entry, Entry::Parked { is_restrained: true }));
        }
        let called = |now| {
            let (called, others_wait) = hosts.call(now);
            (called.iter().map(|work| work.job.id.0).collect::<Vec<_>>(), others_wait)
        };
        assert_eq!(called(later), (vec![], true));
        let later = later + Duration::from_secs(1);
        assert_eq!(called(later), (vec![2], true));
        assert_eq!(called(later), (vec![3], false));
        assert_eq!(called(later), (vec![], false));
        assert_eq!(entered(&hosts, 3, later), 2);
    }

    #[test]
    fn hosts_that_are_done_are_forgotten() {
        let hosts = Hosts::new(8);
        let now = Instant::now();
        assert!(hosts.try_enter("busy", now) && hosts.try_enter("paused", now));
        hosts.leave("paused", refused(now, Duration::from_secs(3)));
        for number in 0..10 * MIN_SWEEP {
            let name = number.to_string();
            assert!(hosts.try_enter(&name, now));
            assert_eq!(hosts.leave(&name, Answered::Well).len(), 0);
            assert!(hosts.lock().hosts.len() <= MIN_SWEEP);
        }
        let table = hosts.lock();
        assert!(table.hosts.contains_key("busy") && table.hosts.contains_key("paused"));
    }
}
