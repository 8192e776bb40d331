//! A request and its redirects, each hop judged.

use std::time::{Duration, Instant};

use url::Url;

use crate::engine::Shared;
use crate::http::client::{Client, Method, Request, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::job::{Credentials, Job, Target};
use crate::model::size::count;
use crate::policy::redirect;
use crate::policy::secrets::Given;
use crate::policy::update::Condition;

/// Where the redirects of a URL lead.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// The last URL.
    pub(super) url: Url,
    /// Whether what was given for the first may be sent there.
    pub(super) may_carry: bool,
    /// The login that they name for its origin.
    pub(super) login: Option<Credentials>,
}

/// A request for one of a job's URLs.
pub(super) struct Ask<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) client: &'a Client,
    pub(super) job: &'a Job,
    /// The URL, as the user gave it.
    pub(super) given: &'a Url,
    /// Credentials for its origin.
    pub(super) credentials: Option<&'a Credentials>,
    /// The method of all its requests.
    pub(super) method: Method,
    /// The part that is asked for, if not all.
    pub(super) rest: Option<Rest<'a>>,
    /// Whether caches on the way are to ask the origin anew.
    pub(super) no_cache: bool,
    /// On which condition it is to be sent.
    pub(super) condition: Option<&'a Condition>,
}

/// The last response of a request and its redirects.
pub(super) struct Reply {
    pub(super) response: Response,
    /// Where it came from.
    pub(super) reached: Reached,
    /// When its head had come.
    pub(super) came: Instant,
    /// From its request to then.
    pub(super) latency: Duration,
}

impl Ask<'_> {
    /// Sends the request and follows redirects, where earlier ones led to from there on, if that is
    /// known. Each request waits for `await_turn`.
    ///
    /// # Errors
    /// What went wrong with a connection or a redirect; what `await_turn` says.
    pub(super) fn send(
        &self,
        known: Option<Reached>,
        follows: bool,
        await_turn: impl Fn() -> Result<(), Cause>,
    ) -> Result<Reply, Cause> {
        let Self { shared, client, job, given, .. } = *self;
        let Self { credentials, method, rest, no_cache, condition, .. } = *self;
        let start =
            known.unwrap_or_else(|| Reached { url: given.clone(), may_carry: true, login: None });
        let secrets = &shared.options.secrets;
        let mine = Given {
            url: given,
            credentials,
            fields: job.fields.as_deref().map_or(&[], Vec::as_slice),
            is_foreign: job.is_foreign,
        };
        let Reached { mut url, mut may_carry, mut login } = start;
        let mut visited = Vec::new();
        loop {
            if !shared.options.schemes.allow(url.scheme()) {
                return Err(Cause::ForbiddenScheme { scheme: url.scheme().to_owned() });
            }
            await_turn()?;
            shared.observer.event(&Event::Requested { job, method: method.name(), url: &url });
            if let Some(proxy) = client.proxy(&url) {
                let text = format!("by way of proxy {proxy}");
                shared.observer.event(&Event::Noted { job, text: &text });
            }
            // What was dropped at a foreign origin is not picked up again behind it.
            if may_carry && url != *given && !redirect::may_carry(given, &url) {
                may_carry = false;
                self.tell_dropped(&mine);
            }
            let fields = secrets.fields(&mine, &url, may_carry, login.as_ref());
            let request = Request { method, url: &url, fields: &fields, rest, no_cache, condition };
            let sent = Instant::now();
            let response = client.send(&request, &await_turn)?;
            let came = Instant::now();
            self.tell_cookies(response.cookies_left_out);
            let Head { status, told_status, location, .. } = &response.head;
            if !follows || !redirect::is_redirect(*status) {
                let length = response.head.length();
                shared.observer.event(&Event::Responded { job, status: *told_status, length });
                let reached = Reached { url, may_carry, login };
                return Ok(Reply { response, reached, came, latency: came - sent });
            }
            visited.push(Target { url, credentials: login.clone() });
            let options = shared.options.redirects;
            let to = redirect::next_hop(&visited, *status, location.as_deref(), options)
                .map_err(|problem| Cause::Redirect { problem })?;
            shared.observer.event(&Event::Redirected { job, status: *status, to: &to.url });
            if to.credentials.is_some() && to.credentials != login {
                let text = "the redirect names a login, which is for the origin of its URL alone";
                shared.observer.event(&Event::Noted { job, text });
            }
            response.body.drain();
            Target { url, credentials: login } = to;
        }
    }

    /// Says how many cookies were not sent.
    fn tell_cookies(&self, left_out: usize) {
        let Self { shared, job, .. } = *self;
        if left_out > 0 {
            let cookies = count(left_out as u64, "cookie");
            let text = format!("{cookies} not sent: servers refuse a longer field");
            shared.observer.event(&Event::Noted { job, text: &text });
        }
    }

    /// Says that a redirect has left the origin, where that makes a difference.
    fn tell_dropped(&self, mine: &Given<'_>) {
        let Self { shared, job, .. } = *self;
        let secrets = &shared.options.secrets;
        if secrets.has_any(mine) && !secrets.is_location_trusted {
            let text = "the redirect leaves the origin: headers and credentials do not go along";
            shared.observer.event(&Event::Noted { job, text });
        }
    }
}
