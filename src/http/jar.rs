//! Cookies of a run (RFC 6265): what a file had, and what responses set.
//!
//! `cookie_store` decides which cookie is for which URL, and `psl` which domains are nobody's own. Three
//! things are stricter here than there: a cookie with `Secure` is sent over https alone, also on the
//! loopback interface; what comes over http cannot set or replace such a cookie; and numbers and sizes
//! are bounded (§6.1).
//!
//! All workers share one jar. Its lock is held for the cookies of one request or response, never while
//! anything is sent or read.

mod netscape;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore, RawCookie, StoreAction};
use psl::Psl as _;
use url::Url;

use crate::http::jar::netscape::Line;

/// The longest name and value that a response may set, together.
const MAX_BYTES: usize = 4096;

/// The longest path of a cookie, and the longest Set-Cookie field.
const MAX_PATH: usize = 1024;
const MAX_FIELD: usize = 2 * MAX_BYTES;

/// How many cookies there may be for one domain, and how many in all, for a response to set another.
const MAX_OF_DOMAIN: usize = 50;
const MAX_IN_ALL: usize = 3000;

/// The longest Cookie field that is sent; servers take less.
const MAX_SENT: usize = 32 * 1024;

/// Cookies, in one store for each domain of two labels: a store looks at all of its cookies for each URL.
#[derive(Default)]
pub struct Jar(Mutex<HashMap<String, CookieStore>>);

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jar(***)")
    }
}

impl Jar {
    /// Reads a file in the format of Netscape. What has expired is left out.
    ///
    /// # Errors
    /// Which line is not understood, and why.
    pub fn read(text: &str) -> Result<Self, String> {
        let now = now().as_secs();
        let jar = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let add = |line: Line<'_>| jar.add(&line, now);
            Line::parse(line)
                .and_then(|line| line.map_or(Ok(()), add))
                .map_err(|why| format!("line {number}: {why}"))?;
        }
        Ok(jar)
    }

    fn add(&self, line: &Line<'_>, now: u64) -> Result<(), &'static str> {
        let url = Url::parse(&format!("https://{}/", line.domain));
        let url = url.ok().filter(|url| url.path() == "/" && url.username().is_empty());
        let url = url.ok_or("its domain is not a host")?;
        let mut raw = RawCookie::build((line.name.to_owned(), line.value.to_owned()))
            .path(line.path.to_owned())
            .secure(line.is_secure)
            .http_only(line.is_http_only);
        if line.has_subdomains {
            raw = raw.domain(line.domain.to_owned());
        }
        let cookie = Cookie::try_from_raw_cookie(&raw.build(), &url);
        let mut cookie = cookie.map_err(|_| "its domain is not a host")?.into_owned();
        if let Some(at) = line.expires {
            cookie.expires = CookieExpiration::from(at.saturating_sub(now));
        }
        // Only one that has expired is refused here.
        let _ = self.lock().entry(key(&url)).or_default().insert(cookie, &url);
        Ok(())
    }

    /// Returns the value of the Cookie field for a URL, if there is one.
    pub(super) fn cookies_for(&self, url: &Url) -> Option<String> {
        let stores = self.lock();
        let mut found = stores.get(&key(url))?.matches(url);
        found.retain(|cookie| cookie.secure() != Some(true) || url.scheme() == "https");
        // RFC 6265 §5.4: those with longer paths first; the rest of the order is only to be the same each time.
        found.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.name()));
        let mut field = String::new();
        for cookie in found {
            let (name, value) = cookie.name_value();
            if field.len() + name.len() + value.len() + 3 <= MAX_SENT {
                let separator = if field.is_empty() { "" } else { "; " };
                let _ = write!(field, "{separator}{name}={value}");
            }
        }
        (!field.is_empty()).then_some(field)
    }

    /// Takes a Set-Cookie field of a response from `url`, unless it breaks a rule: then it is passed over,
    /// as browsers do.
    pub(super) fn take(&self, url: &Url, field: &[u8]) {
        let text = std::str::from_utf8(field).ok();
        let Some(cookie) = text.and_then(|text| accepted(url, text)) else { return };
        let mut stores = self.lock();
        let in_all: usize = stores.values().map(|store| store.iter_any().count()).sum();
        let store = stores.entry(key(url)).or_default();
        let (domain, path) = (String::from(&cookie.domain), cookie.path.to_string());
        let name = cookie.name().to_owned();
        let is_secured = |known: &Cookie<'_>| {
            known.secure() == Some(true) && known.name() == name && known.domain.matches(url)
        };
        if url.scheme() != "https" && store.iter_unexpired().any(is_secured) {
            return;
        }
        let is_same_domain =
            |known: &&Cookie<'_>| known.domain.as_cow().as_deref() == Some(&domain);
        let of_domain = store.iter_any().filter(is_same_domain).count();
        let is_full = in_all >= MAX_IN_ALL || of_domain >= MAX_OF_DOMAIN;
        if is_full && !store.contains_any(&domain, &path, &name) {
            return;
        }
        if let Ok(StoreAction::ExpiredExisting) = store.insert(cookie, url) {
            // Else it would be counted.
            store.remove(&domain, &path, &name);
        }
    }

    /// Returns a file in the format of Netscape, with all that has not expired, also what lasts for a
    /// session only.
    pub fn write(&self) -> String {
        let stores = self.lock();
        let mut lines: Vec<String> = stores
            .values()
            .flat_map(CookieStore::iter_unexpired)
            .filter_map(|cookie| {
                let (domain, has_subdomains) = match &cookie.domain {
                    CookieDomain::HostOnly(domain) => (domain, false),
                    CookieDomain::Suffix(domain) => (domain, true),
                    CookieDomain::NotPresent | CookieDomain::Empty => return None,
                };
                let expires = match &cookie.expires {
                    CookieExpiration::AtUtc(at) => u64::try_from(at.unix_timestamp()).ok(),
                    CookieExpiration::SessionEnd => None,
                };
                let line = Line {
                    domain,
                    has_subdomains,
                    path: &cookie.path,
                    is_secure: cookie.secure() == Some(true),
                    expires,
                    name: cookie.name(),
                    value: cookie.value(),
                    is_http_only: cookie.http_only() == Some(true),
                };
                Some(line.to_string())
            })
            .collect();
        lines.sort();
        format!("# Netscape HTTP Cookie File\n\n{}", lines.concat())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CookieStore>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a cookie that a response from `url` may set.
fn accepted(url: &Url, text: &str) -> Option<Cookie<'static>> {
    // A tab would be the end of a field in a file.
    if text.len() > MAX_FIELD || text.contains(|c: char| c.is_control()) {
        return None;
    }
    let mut raw = RawCookie::parse(text.to_owned()).ok()?;
    let (name, value) = raw.name_value();
    let is_https = url.scheme() == "https";
    let is_secure = raw.secure() == Some(true);
    let begins = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let is_host_bound = raw.domain().is_none() && raw.path() == Some("/");
    let is_refused = name.len() + value.len() > MAX_BYTES
        || (is_secure && !is_https)
        || (begins("__Secure-") && !is_secure)
        || (begins("__Host-") && !(is_secure && is_host_bound));
    if is_refused {
        return None;
    }
    let domain = raw.domain().map(|domain| domain.trim_matches('.').to_ascii_lowercase());
    let host = url.host_str().unwrap_or_default();
    let is_nobodys = |domain: &String| is_public_suffix(domain) || is_above_suffix(domain, host);
    if let Some(domain) = domain.filter(is_nobodys) {
        if host != domain {
            return None;
        }
        // It is for this host alone.
        raw.unset_domain();
    }
    let cookie = Cookie::try_from_raw_cookie(&raw, url).ok()?.into_owned();
    // Without a path of its own it has that of the URL.
    (cookie.path.len() <= MAX_PATH).then_some(cookie)
}

/// Returns whether anybody can have a domain below this one: `com`, `co.uk`, `github.io`.
fn is_public_suffix(domain: &str) -> bool {
    let suffix = psl::List.suffix(domain.as_bytes());
    suffix.is_some_and(|suffix| suffix.is_known() && suffix == domain.as_bytes())
}

/// Returns whether a domain is above the one below which the owner of a host has it: of `*.elb.amazonaws.com`,
/// where anybody can have a domain below any other, `elb.amazonaws.com` is no suffix by itself.
fn is_above_suffix(domain: &str, host: &str) -> bool {
    let suffix = psl::List.suffix(host.as_bytes()).filter(psl::Suffix::is_known);
    let above = suffix.and_then(|suffix| suffix.as_bytes().strip_suffix(domain.as_bytes()));
    above.is_some_and(|above| above.ends_with(b"."))
}

/// Returns which store the cookies of a URL are in: a cookie of a domain is for its subdomains too, and
/// one of a single label for that host alone.
fn key(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    if url.domain().is_none() {
        return host.to_owned();
    }
    let start = host.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    host[start..].to_owned()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
