//! A file behind a server that holds each answer to a rate, and the ledger of what it gave: which
//! ranges were asked for, and how much of each went out.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::resource::Resource;
use super::{Reply, Request, Server, wait_until};

type Fault = dyn Fn(usize, &Request, Reply) -> Reply + Send + Sync;

/// A file to be offered.
pub(crate) struct Offer {
    resource: Resource,
    rate: Option<u64>,
    fault: Option<Box<Fault>>,
}

/// What was given of a file. Clones are the same ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    request: Request,
    begins_at: usize,
    sent: Arc<AtomicUsize>,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// What was asked for.
    pub(crate) request: Request,
    /// What has gone out of the file so far, if the answer tells the truth.
    pub(crate) range: Range<usize>,
}

impl Offer {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self { resource: resource.clone(), rate: None, fault: None }
    }

    /// Sends each answer at this many bytes a second.
    pub(crate) fn rate(mut self, rate: u64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Changes answers: `fault` gets the number of the answer, from 0, what was asked for, and the
    /// answer of a good server.
    pub(crate) fn spoiled(
        mut self,
        fault: impl Fn(usize, &Request, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.fault = Some(Box::new(fault));
        self
    }

    /// Offers the file as `target`.
    pub(crate) fn on(self, server: &Server, target: &str) -> Ledger {
        let ledger = Ledger::default();
        let copy = ledger.clone();
        server.maybe_with(target, move |request| {
            let mut entries = copy.0.lock().unwrap();
            let mut reply = self.resource.answer(request);
            if let Some(rate) = self.rate {
                reply = reply.rate(rate);
            }
            if let Some(fault) = &self.fault {
                reply = fault(entries.len(), request, reply);
            }
            let (begins_at, sent) = (reply.begins_at(), reply.sent());
            entries.push(Entry { request: request.clone(), begins_at, sent });
            reply
        });
        ledger
    }
}

impl Ledger {
    /// Returns all answers so far.
    pub(crate) fn given(&self) -> Vec<Given> {
        let entries = self.0.lock().unwrap();
        entries
            .iter()
            .map(|Entry { request, begins_at, sent }| {
                let end = begins_at + sent.load(Ordering::SeqCst);
                Given { request: request.clone(), range: *begins_at..end }
            })
            .collect()
    }

    /// Returns how many answers were given.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Returns the answers to requests for a part.
    pub(crate) fn parts(&self) -> Vec<Given> {
        let mut given = self.given();
        given.retain(|given| given.request.header("range").is_some());
        given
    }

    /// Returns what each request asked for; see [`Request::asks`].
    pub(crate) fn asked(&self) -> Vec<String> {
        self.given().iter().map(|given| given.request.asks()).collect()
    }

    /// Returns how many bytes have gone out.
    pub(crate) fn bytes(&self) -> usize {
        self.given().iter().map(|given| given.range.len()).sum()
    }

    /// Returns what has gone out at least once, joined and in order.
    pub(crate) fn covered(&self) -> Vec<Range<usize>> {
        joined(self.given().into_iter().map(|given| given.range))
    }

    /// Waits until all of the file has gone out.
    #[track_caller]
    pub(crate) fn wait_for_all(&self, length: usize) {
        // What a client has may not be in the ledger yet.
        wait_until("all has gone out", || self.covered().first() == Some(&(0..length)));
    }

    /// Waits until so many answers have been begun.
    #[track_caller]
    pub(crate) fn wait_for_answers(&self, count: usize) {
        wait_until(&format!("{count} answers are begun"), || self.count() >= count);
    }

    /// Waits until so many answers have brought so many bytes each.
    #[track_caller]
    pub(crate) fn wait_for_flow(&self, answers: usize, bytes: usize) {
        wait_until(&format!("{answers} answers flow"), || {
            let given = self.given();
            given.iter().filter(|given| given.range.len() >= bytes).count() >= answers
        });
    }
}

/// Joins ranges that touch or overlap.
pub(crate) fn joined(ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
