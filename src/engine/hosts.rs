//! Hosts that ask for fewer requests (429, 503) get fewer, without holding up the others.
//!
//! Additive increase, multiplicative decrease, as TCP does: each such answer halves how many requests
//! the host gets at once and pauses it for as long as it asks (or the backoff says); each time as many
//! requests have gone well as are allowed at once, one more is allowed. A host that never complained
//! has no limit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How soon a work that finds its host at its limit is offered again.
const TURN: Duration = Duration::from_millis(50);

/// What is known of the hosts of a run.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Host>>);

#[derive(Debug)]
struct Host {
    active: usize,
    limit: usize,
    /// Requests that went well since the limit was last changed.
    successes: usize,
    paused_until: Option<Instant>,
}

impl Default for Host {
    fn default() -> Self {
        Self { active: 0, limit: usize::MAX, successes: 0, paused_until: None }
    }
}

/// How a request ended, for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// In a way that says nothing about the host's load.
    Otherwise,
    /// The host asked for fewer, and to be left alone so long.
    Overloaded(Duration),
    /// Well.
    Well,
}

impl Hosts {
    /// Asks for a request to a host.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub(super) fn enter(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let mut hosts = self.lock();
        if !hosts.contains_key(name) {
            hosts.insert(name.to_owned(), Host::default());
        }
        let Some(host) = hosts.get_mut(name) else { return Ok(()) };
        if let Some(until) = host.paused_until {
            if now < until {
                return Err(until - now);
            }
            host.paused_until = None;
        }
        if host.active >= host.limit {
            return Err(TURN);
        }
        host.active += 1;
        Ok(())
    }

    /// Says how a request ended that [`Hosts::enter`] allowed.
    pub(super) fn leave(&self, name: &str, answered: Answered, now: Instant) {
        let mut hosts = self.lock();
        let Some(host) = hosts.get_mut(name) else { return };
        match answered {
            Answered::Overloaded(pause) => {
                host.limit = (host.active.min(host.limit) / 2).max(1);
                host.successes = 0;
                let until = now + pause;
                host.paused_until = Some(host.paused_until.map_or(until, |old| old.max(until)));
            }
            Answered::Well if host.limit < usize::MAX => {
                host.successes += 1;
                if host.successes >= host.limit {
                    host.limit += 1;
                    host.successes = 0;
                }
            }
            Answered::Otherwise | Answered::Well => {}
        }
        host.active = host.active.saturating_sub(1);
        // A host that nobody talks to and that never complained is as one never seen.
        if host.active == 0 && host.limit == usize::MAX {
            hosts.remove(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_complains_gets_half_and_earns_the_rest_back() {
        let hosts = Hosts::default();
        let now = Instant::now();
        let entered = |now| (0..9).take_while(|_| hosts.enter("h", now).is_ok()).count();
        assert_eq!(entered(now), 9);
        let pause = Duration::from_secs(3);
        hosts.leave("h", Answered::Overloaded(pause), now);
        assert_eq!(hosts.enter("h", now), Err(pause));
        assert_eq!(hosts.enter("other", now), Ok(()));
        for _ in 0..8 {
            hosts.leave("h", Answered::Otherwise, now);
        }
        let later = now + pause;
        assert_eq!(entered(later), 4);
        assert_eq!(hosts.enter("h", later), Err(TURN));
        for _ in 0..4 {
            hosts.leave("h", Answered::Well, later);
        }
        assert_eq!(entered(later), 5);
    }

    #[test]
    fn hosts_that_are_done_are_forgotten() {
        let hosts = Hosts::default();
        let now = Instant::now();
        hosts.enter("h", now).unwrap();
        hosts.leave("h", Answered::Well, now);
        assert!(hosts.lock().is_empty());
    }
}
