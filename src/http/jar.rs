//! Cookies of a run (RFC 6265): what a file had, and what responses set.
//!
//! Two things are stricter than in the RFC: what comes over http cannot set or replace a cookie that is
//! `Secure` (RFC 6265bis), and numbers and sizes are bounded (§6.1). The crate `cookie_store` is not used: it
//! takes text alone, knows few forms of dates and keeps no order.
//!
//! All workers share one jar. Its lock is held for the cookies of one request or response, never while
//! anything is sent or read.

mod cookie;
mod domain;
mod netscape;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use crate::http::jar::cookie::Cookie;
use crate::http::jar::domain::{is_alone, owned};
use crate::model::size::count;
use crate::model::text::BYTE_ORDER_MARK;
use crate::policy::set_cookie::SetCookie;

/// How many cookies are sent with a request, as curl has it.
const MAX_SENT: usize = 150;

/// How many there may be for one domain, for a response to set another in the place of none.
const MAX_OF_DOMAIN: usize = MAX_SENT;

/// How many there may be in all, for a response to set another. A browser's file has 3000 or so.
const MAX_IN_ALL: usize = 10_000;

/// The cookies of a run.
#[derive(Default)]
pub struct Jar(Mutex<Stores>);

/// Cookies for a request.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// As the Cookie field has them; empty if there are none.
    pub(super) field: Vec<u8>,
    /// How many do not fit in.
    pub(super) left_out: usize,
}

/// Cookies, in one store for each domain that has an owner: no host gets a cookie of another owner, whatever a
/// file says. In a store they are in the order in which they were set first, and so they are in a file.
#[derive(Default)]
struct Stores(BTreeMap<String, Vec<Cookie>>);

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jar(***)")
    }
}

impl Jar {
    /// Reads a file in the format of Netscape. What has expired is left out, and also what would be for all
    /// below a domain that nobody owns, which is told.
    ///
    /// # Errors
    /// Which line is not understood, and why.
    pub fn read(text: &[u8]) -> Result<(Self, Option<String>), String> {
        let now = now();
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let (mut cookies, mut ownerless) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let read = netscape::parse(line).map_err(|why| format!("line {number}: {why}"))?;
            match read {
                Some(cookie) if cookie.has_subdomains && is_alone(&cookie.domain) => {
                    ownerless.push((number, cookie.domain));
                }
                read => cookies.extend(read),
            }
        }
        // Of several lines for one cookie the last counts.
        let identities = (0..).zip(&cookies).map(|(place, cookie)| (cookie.identity(), place));
        let last: HashSet<usize> = identities.collect::<HashMap<_, _>>().into_values().collect();
        let mut stores = Stores::default();
        for (place, cookie) in cookies.into_iter().enumerate() {
            if last.contains(&place) && !cookie.has_expired(now) {
                stores.add(cookie);
            }
        }
        Ok((Self(Mutex::new(stores)), doubt(&ownerless)))
    }

    /// Returns the cookies for a URL as its Cookie field has them, of at most so many bytes.
    pub(super) fn cookies_for(&self, url: &Url, room: usize) -> Sent {
        let now = now();
        let stores = self.lock();
        let is_sent = |cookie: &&Cookie| !cookie.has_expired(now) && cookie.is_for(url);
        let store = url.host_str().map(|host| stores.store(host)).unwrap_or_default();
        let mut found: Vec<_> = store.iter().filter(is_sent).collect();
        // RFC 6265 §5.4: those with longer paths first, then those that were set earlier.
        found.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let (mut field, mut count) = (Vec::new(), 0);
        for Cookie { name, value, .. } in &found {
            let separator = if count == 0 { &b""[..] } else { b"; " };
            let pieces = [separator, name, b"=", value];
            let length: usize = pieces.iter().map(|piece| piece.len()).sum();
            // A smaller one may follow.
            if count < MAX_SENT && field.len() + length <= room {
                for piece in pieces {
                    field.extend_from_slice(piece);
                }
                count += 1;
            }
        }
        Sent { field, left_out: found.len() - count }
    }

    /// Takes a Set-Cookie field of a response from `url`, unless it breaks a rule: then it is passed over,
    /// as browsers do.
    pub(super) fn take(&self, url: &Url, field: &[u8]) {
        let (now, is_safe) = (now(), cookie::is_safe(url));
        let set = SetCookie::read(field, now).filter(|set| set.is_allowed(is_safe));
        let Some(cookie) = set.and_then(|set| Cookie::set(&set, url)) else { return };
        let mut stores = self.lock();
        stores.forget_expired(&cookie.domain, now);
        if !is_safe && stores.has_secure(&cookie) {
            return;
        }
        stores.put(cookie, now);
    }

    /// Returns a file in the format of Netscape, with all that has not expired, also what lasts for a
    /// session only.
    pub fn write(&self) -> Vec<u8> {
        let now = now();
        let mut text = b"# Netscape HTTP Cookie File\n\n".to_vec();
        for cookie in self.lock().0.values().flatten().filter(|cookie| !cookie.has_expired(now)) {
            netscape::write(cookie, &mut text);
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Stores> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stores {
    /// Puts a cookie that a response sets in the place of the one that it replaces, or else behind all others
    /// if there is room. One that has expired only removes another.
    fn put(&mut self, cookie: Cookie, now: Duration) {
        if let Some(store) = self.0.get_mut(owned(&cookie.domain))
            && let Some(at) = store.iter().position(|known| known.identity() == cookie.identity())
        {
            if cookie.has_expired(now) {
                store.remove(at);
            } else {
                store[at] = cookie;
            }
        } else if !cookie.has_expired(now) && self.make_room(&cookie, now) {
            self.add(cookie);
        }
    }

    /// Puts a cookie behind all others.
    fn add(&mut self, cookie: Cookie) {
        self.0.entry(owned(&cookie.domain).to_owned()).or_default().push(cookie);
    }

    /// Forgets what has expired in the store of a domain, so that it is not counted.
    fn forget_expired(&mut self, domain: &str, now: Duration) {
        if let Some(store) = self.0.get_mut(owned(domain)) {
            store.retain(|known| !known.has_expired(now));
        }
    }

    /// Returns the store that the cookies of a host or domain are in.
    fn store(&self, host: &str) -> &[Cookie] {
        self.0.get(owned(host)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns whether a response may set one cookie more. Of a domain that has many the one goes that was set
    /// first, of those first that are not secure; in the place of a secure one comes only another. Who has
    /// many domains takes no room from others.
    fn make_room(&mut self, new: &Cookie, now: Duration) -> bool {
        if self.0.values().map(Vec::len).sum::<usize>() >= MAX_IN_ALL {
            self.0.values_mut().for_each(|store| store.retain(|known| !known.has_expired(now)));
            self.0.retain(|_, store| !store.is_empty());
        }
        let in_all: usize = self.0.values().map(Vec::len).sum();
        let Some(store) = self.0.get_mut(owned(&new.domain)) else { return in_all < MAX_IN_ALL };
        let is_of_domain = |known: &Cookie| known.domain == new.domain;
        if store.iter().filter(|known| is_of_domain(known)).count() < MAX_OF_DOMAIN {
            return in_all < MAX_IN_ALL;
        }
        let first = |is_secure| {
            store.iter().position(|known| is_of_domain(known) && known.is_secure == is_secure)
        };
        let oldest = first(false).or_else(|| first(true).filter(|_| new.is_secure));
        oldest.is_some_and(|at| {
            store.remove(at);
            true
        })
    }

    /// Returns whether there is a cookie of this name for https alone that this one could be taken for: that is
    /// sent to a host of this one, or this one to a host of it, and to its path (RFC 6265bis §5.7).
    fn has_secure(&self, cookie: &Cookie) -> bool {
        self.store(&cookie.domain).iter().any(|known| {
            let meets = known.covers(&cookie.domain) || cookie.covers(&known.domain);
            known.is_secure && known.name == cookie.name && meets && known.is_on(&cookie.path)
        })
    }
}

/// Says which lines of a file are left out, each of which is for all below a domain that nobody owns.
fn doubt(lines: &[(usize, Box<str>)]) -> Option<String> {
    let [(number, domain), more @ ..] = lines else { return None };
    let mut text = format!(
        "line {number} is left out: a cookie for all hosts below `{domain}`, which nobody owns"
    );
    if !more.is_empty() {
        let _ = write!(text, ", and so is what is like it in {}", count(more.len() as u64, "line"));
    }
    Some(text)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
