//! A file as a well-behaved server offers it: with validators, ranges and conditions (RFC 9110 §13
//! and §14), and able to change between two requests.

use std::sync::{Arc, Mutex};

use super::reply::Reply;
use super::server::Request;

/// A file on the server. Clones are the same file.
#[derive(Clone, Debug)]
pub(crate) struct Resource(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    body: Vec<u8>,
    etag: String,
}

impl Resource {
    pub(crate) fn new(body: &[u8], etag: &str) -> Self {
        Self(Arc::new(Mutex::new(State { body: body.to_vec(), etag: etag.to_owned() })))
    }

    /// Puts another version in its place.
    pub(crate) fn change(&self, body: &[u8], etag: &str) {
        *self.0.lock().unwrap() = State { body: body.to_vec(), etag: etag.to_owned() };
    }

    /// Answers one request, with the range it asks for if its `If-Range` holds.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let state = self.0.lock().unwrap();
        let whole =
            Reply::ok(&state.body).header("ETag", &state.etag).header("Accept-Ranges", "bytes");
        let Some(range) = request.header("range") else {
            return whole;
        };
        if request.header("if-range").is_some_and(|tag| tag != state.etag) {
            return whole;
        }
        let total = state.body.len();
        match single_range(range, total) {
            Some((first, last)) => Reply::status(206, "Partial Content")
                .body(&state.body[first..=last])
                .header("ETag", &state.etag)
                .header("Content-Range", format!("bytes {first}-{last}/{total}")),
            None => Reply::status(416, "Range Not Satisfiable")
                .header("Content-Range", format!("bytes */{total}")),
        }
    }
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
