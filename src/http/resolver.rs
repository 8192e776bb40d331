//! Name look-up: a cache that all workers share, in front of getaddrinfo.
//!
//! getaddrinfo cannot be interrupted, so each look-up runs in a thread of its own that nobody joins;
//! waiting for it ends with the stop token or the deadline. Workers that want the same name wait for
//! the same look-up. ureq would resolve for every request, also on a pooled connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};

use crate::model::error::Cause;
use crate::model::stop::Stop;

/// How long an answer is used. The system's resolver does not tell the record's own lifetime.
const MAX_AGE: Duration = Duration::from_secs(60);

/// How long a failure is: long enough that a list of one dead host asks once, short enough that a
/// retry asks again.
const MAX_FAILURE_AGE: Duration = Duration::from_secs(2);

/// How many answers are kept before those that are too old are forgotten.
const MAX_ENTRIES: usize = 1024;

/// How often a wait looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
enum Answer {
    Addresses(Arc<[IpAddr]>),
    NotFound,
    Silent(String),
}

#[derive(Debug)]
enum Entry {
    /// Being looked up; the channel is closed when the answer is there.
    Pending(Receiver<Infallible>),
    Done {
        answer: Answer,
        at: Instant,
    },
}

type Cache = Arc<Mutex<HashMap<String, Entry>>>;

/// The shared cache.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    cache: Cache,
}

impl Resolver {
    /// Returns the addresses of a host in the order of RFC 6724, with `port`.
    ///
    /// # Errors
    /// [`Cause::HostNotFound`] when it has none, [`Cause::ResolverSilent`] when nobody says so in
    /// time.
    pub(super) fn look_up(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        stop: &Stop,
        is_unwanted: impl Fn() -> bool,
    ) -> Result<Vec<SocketAddr>, Cause> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match self.answer(host, deadline, stop, is_unwanted) {
            Answer::Addresses(addresses) => {
                Ok(addresses.iter().map(|&address| SocketAddr::new(address, port)).collect())
            }
            Answer::NotFound => Err(Cause::HostNotFound { host: host.to_owned() }),
            Answer::Silent(detail) => Err(Cause::ResolverSilent { host: host.to_owned(), detail }),
        }
    }

    fn answer(
        &self,
        host: &str,
        deadline: Instant,
        stop: &Stop,
        is_unwanted: impl Fn() -> bool,
    ) -> Answer {
        loop {
            let pending = match lock(&self.cache).get(host) {
                Some(Entry::Done { answer, at }) if at.elapsed() < max_age(answer) => {
                    return answer.clone();
                }
                Some(Entry::Pending(pending)) => Some(pending.clone()),
                _ => None,
            };
            let pending = match pending {
                Some(pending) => pending,
                None => match self.start(host) {
                    Ok(pending) => pending,
                    Err(error) => return Answer::Silent(error.to_string()),
                },
            };
            crossbeam_channel::select! {
                recv(pending) -> _ => {}
                recv(stop.receiver()) -> _ => return Answer::Silent("interrupted".to_owned()),
                recv(crossbeam_channel::at(deadline.min(Instant::now() + TICK))) -> _ => {
                    if is_unwanted() {
                        return Answer::Silent("interrupted".to_owned());
                    }
                    if Instant::now() >= deadline {
                        return Answer::Silent("no answer in time".to_owned());
                    }
                }
            }
        }
    }

    /// Starts a look-up, unless another worker was faster.
    fn start(&self, host: &str) -> std::io::Result<Receiver<Infallible>> {
        let mut cache = lock(&self.cache);
        if let Some(Entry::Pending(pending)) = cache.get(host) {
            return Ok(pending.clone());
        }
        if cache.len() >= MAX_ENTRIES {
            cache.retain(|_, entry| match entry {
                Entry::Done { answer, at } => at.elapsed() < max_age(answer),
                Entry::Pending(_) => true,
            });
        }
        let (done, pending) = crossbeam_channel::bounded::<Infallible>(0);
        let (shared, name) = (Arc::clone(&self.cache), host.to_owned());
        thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let answer = ask_system(&name);
            lock(&shared).insert(name, Entry::Done { answer, at: Instant::now() });
            drop(done);
        })?;
        cache.insert(host.to_owned(), Entry::Pending(pending.clone()));
        Ok(pending)
    }
}

fn lock(cache: &Cache) -> MutexGuard<'_, HashMap<String, Entry>> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

fn max_age(answer: &Answer) -> Duration {
    match answer {
        Answer::Addresses(_) => MAX_AGE,
        Answer::NotFound | Answer::Silent(_) => MAX_FAILURE_AGE,
    }
}

/// Returns whether a name is this machine's by its nature, so that no name server is to be asked for it
/// (RFC 6761 §6.3).
fn is_local(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name == "localhost" || name.ends_with(".localhost")
}

fn ask_system(host: &str) -> Answer {
    let host = if is_local(host) { "localhost" } else { host };
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match dns_lookup::getaddrinfo(Some(host), None, Some(hints)) {
        Ok(found) => {
            let mut addresses = Vec::new();
            for info in found.flatten() {
                let address = info.sockaddr.ip();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() {
                Answer::NotFound
            } else {
                Answer::Addresses(addresses.into())
            }
        }
        Err(error) => match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Answer::NotFound,
            _ => Answer::Silent(explain(error)),
        },
    }
}

fn explain(error: LookupError) -> String {
    match error.kind() {
        LookupErrorKind::Again => "the name servers do not answer".to_owned(),
        LookupErrorKind::Fail => "the name servers report a failure".to_owned(),
        _ => std::io::Error::from(error).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stop::StopReason;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn addresses_and_localhost_need_no_name_server() {
        let resolver = Resolver::default();
        let stop = Stop::default();
        let found = |host| resolver.look_up(host, 80, soon(), &stop, || false).unwrap();
        assert_eq!(found("127.0.0.1"), ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(found("[::1]"), ["[::1]:80".parse().unwrap()]);
        for name in ["localhost", "localhost.", "a.localhost", "b.a.localhost."] {
            let addresses = found(name);
            assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
        }
        assert!(!is_local("notlocalhost") && !is_local("localhost.example"));
    }

    #[test]
    fn answers_that_are_too_old_are_not_used_and_do_not_pile_up() {
        let resolver = Resolver::default();
        let old = Instant::now().checked_sub(MAX_AGE).unwrap();
        let wrong: Arc<[IpAddr]> = ["192.0.2.1".parse().unwrap()].into();
        let entry = |at| Entry::Done { answer: Answer::Addresses(Arc::clone(&wrong)), at };
        lock(&resolver.cache).insert("localhost".to_owned(), entry(Instant::now()));
        let stop = Stop::default();
        let found = || resolver.look_up("localhost", 80, soon(), &stop, || false).unwrap();
        assert_eq!(found(), ["192.0.2.1:80".parse().unwrap()]);
        for number in 0..MAX_ENTRIES {
            lock(&resolver.cache).insert(number.to_string(), entry(old));
        }
        lock(&resolver.cache).insert("localhost".to_owned(), entry(old));
        assert!(found().iter().all(|address| address.ip().is_loopback()));
        assert_eq!(lock(&resolver.cache).len(), 1);
    }

    #[test]
    fn waiting_ends_with_the_run_and_when_nobody_wants_the_answer() {
        let resolver = Resolver::default();
        let (_never, pending) = crossbeam_channel::bounded(0);
        lock(&resolver.cache).insert("slow.invalid".to_owned(), Entry::Pending(pending));
        let stop = Stop::default();
        let unwanted = resolver.look_up("slow.invalid", 80, soon(), &stop, || true);
        assert!(matches!(unwanted, Err(Cause::ResolverSilent { .. })));
        stop.stop(StopReason::Signal(2));
        let cause = resolver.look_up("slow.invalid", 80, soon(), &stop, || false).unwrap_err();
        assert!(matches!(cause, Cause::ResolverSilent { .. }));
    }
}
