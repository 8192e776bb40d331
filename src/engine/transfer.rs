//! One transfer, from top to bottom.
//!
//! ```text
//! place     what is under the name decides: write, replace, number, skip, fail
//! request   hop by hop, each judged
//! judge     only a whole 200 is a file
//! copy      body → partial file, in pieces of one buffer
//! commit    length checked by the body; one rename
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use url::Url;

use crate::disk::device::Device;
use crate::disk::partial::{Partial, Replace};
use crate::disk::presence;
use crate::engine::claims::Claim;
use crate::engine::{Output, Shared};
use crate::http::body::Body;
use crate::http::client::{Client, Request, Response};
use crate::http::head::{self, Head};
use crate::model::error::{Cause, RedirectProblem};
use crate::model::event::Event;
use crate::model::job::{Destination, Job};
use crate::model::progress::Progress;
use crate::policy::existing::{Admission, IfExists, NamedBy, admit};
use crate::policy::redirect;
use crate::policy::{disposition, filename};

/// How a transfer ended well.
pub(super) enum Done {
    /// All bytes are where they belong.
    Completed {
        /// The file, `None` for standard output.
        path: Option<PathBuf>,
        /// Its size.
        size: u64,
    },
    /// The file was there.
    Skipped {
        /// The file.
        path: PathBuf,
    },
}

/// Where a body goes.
enum Sink<'a> {
    Device(Device),
    Partial(Partial),
    Stdout(&'a Shared<'a>),
}

/// What to do with a destination, once it is known.
enum Place {
    Skip(PathBuf),
    Device(PathBuf),
    Write(PathBuf, Replace),
}

/// The parts of a worker that a transfer uses.
pub(super) struct Transfer<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) client: &'a Client,
    pub(super) buffer: &'a mut [u8],
    pub(super) job: &'a Job,
    pub(super) progress: &'a Progress,
}

impl Transfer<'_> {
    /// Brings the job's bytes to its destination.
    ///
    /// # Errors
    /// Why it could not. After a stop any cause may be given.
    pub(super) fn run(mut self) -> Result<Done, Cause> {
        let known = match &self.job.destination {
            Destination::File(path) => Some(self.place(path, self.named_by_user())?),
            Destination::Stdout | Destination::Unnamed(_) => None,
        };
        if let Some(Place::Skip(path)) = known {
            return Ok(Done::Skipped { path });
        }
        let (response, url) = self.request()?;
        let Response { head, body } = response;
        if let Err(cause) = judge(&head) {
            body.drain();
            return Err(cause);
        }
        let place = match &self.job.destination {
            Destination::Unnamed(folder) => Some(self.name(folder, &head, &url)?),
            Destination::File(_) | Destination::Stdout => known,
        };
        let mut sink = match place {
            None => Sink::Stdout(self.shared),
            Some(Place::Skip(path)) => return Ok(Done::Skipped { path }),
            Some(Place::Device(path)) => Sink::Device(Device::open(&path)?),
            Some(Place::Write(path, replace)) => Sink::Partial(Partial::create(&path, replace)?),
        };
        self.progress.set_length(head.length());
        let size = self.copy(body, &mut sink)?;
        // An end that comes after a stop may be the stop's own doing.
        if self.shared.stop.is_stopped() {
            return Err(Cause::Truncated { received: size, expected: head.length() });
        }
        let modified = head.last_modified.filter(|_| self.shared.options.set_modified);
        let path = match sink {
            Sink::Stdout(_) => None,
            Sink::Device(device) => Some(device.path().to_owned()),
            Sink::Partial(partial) => Some(partial.commit(modified)?),
        };
        Ok(Done::Completed { path, size })
    }

    /// Sends the request and follows redirects; returns the last response and its URL.
    fn request(&self) -> Result<(Response, Url), Cause> {
        let Shared { options, observer, .. } = self.shared;
        let job = self.job;
        let mut visited = vec![job.url.clone()];
        let mut may_carry = true;
        loop {
            let url = visited.last().unwrap_or(&job.url);
            observer.event(&Event::Requested { job, url });
            // What was dropped at a foreign origin is not picked up again behind it.
            may_carry &= redirect::may_carry(&job.url, url);
            let credentials = job.credentials.as_ref().filter(|_| may_carry);
            let response = self.client.get(&Request { url, credentials })?;
            let Head { status, location, .. } = &response.head;
            if !redirect::is_redirect(*status) {
                let length = response.head.length();
                observer.event(&Event::Responded { job, status: *status, length });
                let url = url.clone();
                return Ok((response, url));
            }
            let to = redirect::next_hop(&visited, *status, location.as_deref(), options.redirects)
                .map_err(|problem| Cause::Redirect { problem })?;
            observer.event(&Event::Redirected { job, status: *status, to: &to });
            response.body.drain();
            visited.push(to);
        }
    }

    fn named_by_user(&self) -> NamedBy {
        match self.shared.options.output {
            Output::File(_) => NamedBy::User,
            Output::Folder | Output::Stdout => NamedBy::Url,
        }
    }

    /// Names a file that only its response tells the name of.
    fn name(&self, folder: &Path, head: &Head, url: &Url) -> Result<Place, Cause> {
        let suggested = head
            .disposition
            .as_deref()
            .and_then(disposition::filename)
            .and_then(|name| filename::filter(&name))
            .or_else(|| filename::from_url(url).filter(|_| *url != self.job.url));
        let (name, named_by) = match suggested {
            Some(name) => (name, NamedBy::Server),
            None => (
                filename::from_url(&self.job.url).unwrap_or_else(|| filename::FALLBACK.to_owned()),
                NamedBy::Url,
            ),
        };
        match self.shared.claims.claim(folder, &name, &self.job.url) {
            Claim::Granted(path) => self.place(&path, named_by),
            // The URL itself was claimed as new, so this is a name that it had before a redirect.
            Claim::Duplicate => {
                let path = self.shared.claims.claim_number(folder, &name, &self.job.url);
                self.place(&path, named_by)
            }
        }
    }

    /// Decides what happens with a path, by what is there; numbers it until a name is free.
    fn place(&self, path: &Path, named_by: NamedBy) -> Result<Place, Cause> {
        let wish = self.shared.options.if_exists;
        let wanted = path;
        let mut path = wanted.to_owned();
        loop {
            return match admit(presence(&path)?, wish, named_by) {
                Admission::Create => Ok(Place::Write(path, Replace::Never)),
                Admission::Replace => Ok(Place::Write(path, Replace::Allowed)),
                Admission::Skip => Ok(Place::Skip(path)),
                Admission::WriteInto => Ok(Place::Device(path)),
                Admission::Exists => Err(Cause::Exists { path }),
                Admission::NotAFile(what) => Err(Cause::NotAFile { path, what }),
                Admission::Renumber => {
                    let folder = wanted.parent().unwrap_or(Path::new(""));
                    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
                    path = self.shared.claims.claim_number(folder, &name, &self.job.url);
                    debug_assert!(wish != IfExists::Skip || named_by == NamedBy::Server);
                    continue;
                }
            };
        }
    }

    /// Copies the body; returns its size. A read that brings little is followed by another before
    /// anything is written, but for standard output, where somebody waits for every byte.
    fn copy(&mut self, mut body: Body, sink: &mut Sink<'_>) -> Result<u64, Cause> {
        let mut written = 0;
        let mut filled = 0;
        loop {
            let count = body.read(&mut self.buffer[filled..])?;
            filled += count;
            self.progress.advance(count as u64);
            let full = filled == self.buffer.len() || matches!(sink, Sink::Stdout(_));
            if filled > 0 && (full || count == 0) {
                sink.write(&self.buffer[..filled], written)?;
                written += filled as u64;
                filled = 0;
            }
            if count == 0 {
                return Ok(written);
            }
        }
    }
}

impl Sink<'_> {
    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<(), Cause> {
        match self {
            Self::Device(device) => device.write(bytes),
            Self::Partial(partial) => partial.write_at(bytes, offset),
            Self::Stdout(shared) => {
                // Raised before the first byte and lowered by whoever completes the body.
                shared.stream_broken.store(true, Ordering::Relaxed);
                shared.observer.body(bytes).map_err(|source| Cause::Stdout { source })
            }
        }
    }
}

/// Only a 200 is a file (a 206 that nobody asked for is a piece of one).
fn judge(head: &Head) -> Result<(), Cause> {
    let status = head.status;
    let reason = head::reason(status);
    match status {
        200 => Ok(()),
        204 | 205 => Err(Cause::Protocol {
            detail: format!("status {status} {reason}: the server says that there is no content"),
        }),
        206 => Err(Cause::Protocol {
            detail: "status 206 Partial Content for a request of the whole".to_owned(),
        }),
        304 => Err(Cause::Protocol {
            detail: "status 304 Not Modified for an unconditional request".to_owned(),
        }),
        300..=399 => Err(Cause::Redirect { problem: RedirectProblem::NoLocation { code: status } }),
        _ => Err(Cause::Status { code: status, reason: reason.to_owned() }),
    }
}
