//! Asking servers about files without downloading them.

use std::path::{Path, PathBuf};

use crate::engine::Account;
use crate::engine::ask::{Ask, Reached, Reply};
use crate::engine::transfer::{Done, Setback, Transfer, refusal, time_left};
use crate::http::client::{Method, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::job::Destination;
use crate::model::survey::Found;
use crate::policy::inquiry::{self, Next, Told};

impl Transfer<'_> {
    /// Asks what the server says of the job's file.
    ///
    /// # Errors
    /// Why there is no such file, or none that may be downloaded.
    pub(super) fn inquire(mut self) -> Result<Done, Setback> {
        let Reply { response: Response { head, body, .. }, reached, .. } =
            self.question(Method::Head, None)?;
        // Nothing is in it, and its connection is free already.
        drop(body);
        let found = match inquiry::after_head(head.status, head.length()) {
            Next::Judge => {
                refusal(&head)?;
                self.found(&head, head.length(), head.accepts_ranges, &reached)
            }
            Next::AskThere => self.first_byte(Some(reached)),
            Next::AskAgain => self.first_byte(None),
        };
        Ok(Done::Found(Box::new(found?)))
    }

    /// Asks for the first byte, to see what comes with it.
    fn first_byte(&mut self, known: Option<Reached>) -> Result<Found, Cause> {
        let Reply { response: Response { head, body, .. }, reached, .. } =
            self.question(Method::Get, known)?;
        let told = inquiry::read(head.status, head.content_range.as_deref(), head.length());
        // A body without a length, or a long one, is that of a server that sends the whole file: its
        // connection is closed. What it says of an error is short.
        if head.length().is_some() || !matches!(head.status, 200 | 206) {
            body.drain();
        }
        match told {
            Told::InRanges(size) => self.found(&head, size, true, &reached),
            Told::Whole(size) => self.found(&head, size, false, &reached),
            Told::Nonsense => Err(Cause::Protocol {
                detail: "the server sent another range than it was asked for".to_owned(),
            }),
            Told::Judge => {
                refusal(&head)?;
                self.found(&head, head.length(), false, &reached)
            }
        }
    }

    fn question(&mut self, method: Method, known: Option<Reached>) -> Result<Reply, Cause> {
        let Self { shared, client, .. } = *self;
        let first = Rest { from: 0, to: Some(1), validator: None };
        let rest = (method == Method::Get).then_some(first);
        let (given, credentials) = self.work.target();
        let job = &self.work.job;
        let (no_cache, condition) = (false, None);
        let ask =
            Ask { shared, client, job, given, credentials, method, rest, no_cache, condition };
        let reply = ask
            .send(known, true, || self.await_turn())
            .map_err(|cause| time_left(shared, self.began).err().unwrap_or(cause))?;
        if shared.options.account == Account::Full {
            self.work.note_served(&reply.reached.url, &reply.response.head);
        }
        Ok(reply)
    }

    /// Gathers what is told, unless the file is not what is wanted.
    fn found(
        &self,
        head: &Head,
        size: Option<u64>,
        accepts_ranges: bool,
        reached: &Reached,
    ) -> Result<Found, Cause> {
        if let Some(size) = size {
            if let Some(cause) = self.wrong_size(size) {
                return Err(cause);
            }
            if let Some(limit) = self.shared.options.max_size.filter(|limit| size > *limit) {
                return Err(Cause::TooLarge { limit });
            }
        }
        self.note_status(head);
        Ok(Found {
            status: head.told_status,
            size,
            has_ranges: accepts_ranges && head.validators.strong().is_some(),
            validators: head.validators.clone(),
            content_type: head.content_type().map(str::to_owned),
            path: self.path(head, reached),
        })
    }

    /// Returns the path that the file would have, were nothing there.
    fn path(&self, head: &Head, reached: &Reached) -> PathBuf {
        match &self.work.job.destination {
            Destination::File(path) => path.clone(),
            // Only its content tells the rest.
            Destination::ByContent(path) => path.parent().map(Path::to_owned).unwrap_or_default(),
            Destination::Unnamed(folder) => self.claim(folder, head, &reached.url).0,
            Destination::Stdout => PathBuf::new(),
        }
    }
}
