//! A file as a server offers it: with validators, ranges and conditions (RFC 9110 §13 and §14), and
//! able to change between two requests. Some servers know less of that than others.

use std::sync::{Arc, Mutex};

use super::{Reply, Request};

/// A file on the server. Clones are the same file.
#[derive(Clone, Debug)]
pub(crate) struct Resource(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    body: Vec<u8>,
    /// Validators and other fields that each whole or partial response has.
    fields: Vec<(String, String)>,
    has_ranges: bool,
    says_ranges: bool,
    heeds_if_range: bool,
}

impl Resource {
    /// A file with an ETag.
    pub(crate) fn new(body: &[u8], etag: &str) -> Self {
        Self::with_fields(body, &[("ETag", etag)])
    }

    /// A file with any fields.
    pub(crate) fn with_fields(body: &[u8], fields: &[(&str, &str)]) -> Self {
        Self(Arc::new(Mutex::new(State {
            body: body.to_vec(),
            fields: owned(fields),
            has_ranges: true,
            says_ranges: true,
            heeds_if_range: true,
        })))
    }

    /// Answers every range with the whole.
    pub(crate) fn without_ranges(self) -> Self {
        self.0.lock().unwrap().has_ranges = false;
        self
    }

    /// Has ranges and does not say so.
    pub(crate) fn without_accept_ranges(self) -> Self {
        self.0.lock().unwrap().says_ranges = false;
        self
    }

    /// Answers ranges of another version, too.
    pub(crate) fn ignoring_if_range(self) -> Self {
        self.0.lock().unwrap().heeds_if_range = false;
        self
    }

    /// Puts another version in its place.
    pub(crate) fn change(&self, body: &[u8], etag: &str) {
        self.change_fields(body, &[("ETag", etag)]);
    }

    /// Puts another version in its place, with any fields.
    pub(crate) fn change_fields(&self, body: &[u8], fields: &[(&str, &str)]) {
        let mut state = self.0.lock().unwrap();
        state.body = body.to_vec();
        state.fields = owned(fields);
    }

    /// Answers one request, with the range it asks for if its `If-Range` holds.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let state = self.0.lock().unwrap();
        let with_fields = |reply: Reply| {
            state.fields.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
        };
        let whole = || {
            let reply = with_fields(Reply::ok(&state.body));
            if state.says_ranges { reply.header("Accept-Ranges", "bytes") } else { reply }
        };
        let Some(range) = request.header("range").filter(|_| state.has_ranges) else {
            return whole();
        };
        let condition = request.header("if-range").filter(|_| state.heeds_if_range);
        if condition.is_some_and(|validator| !state.is_strong(validator)) {
            return whole();
        }
        let total = state.body.len();
        match single_range(range, total) {
            Some((first, last)) => with_fields(Reply::part(&state.body, first..last + 1)),
            None => Reply::status(416, "Range Not Satisfiable")
                .header("Content-Range", format!("bytes */{total}")),
        }
    }
}

impl State {
    /// Strong comparison: a weak ETag equals nothing.
    fn is_strong(&self, validator: &str) -> bool {
        !validator.starts_with("W/")
            && self.fields.iter().any(|(name, value)| {
                (name == "ETag" || name == "Last-Modified") && value == validator
            })
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn single_range(range: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = total.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}
