//! Where a file goes: its name, and what happens with what is there.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url::Url;

use crate::disk::partial::Replace;
use crate::disk::{self, leftovers, presence};
use crate::engine::claims::Claim;
use crate::engine::transfer::Transfer;
use crate::engine::transfer::existing::examine;
use crate::engine::work::Knowledge;
use crate::engine::{Mode, Output};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::job::Destination;
use crate::model::known::Found;
use crate::policy::existing::{Admission, NamedBy, Presence, admit};
use crate::policy::{disposition, filename};

/// A name of a file that has no more bytes than these is not looked at before they come: fewer than the
/// system takes in by itself.
const MAX_PRESUMED_BYTES: u64 = 64 * 1024;

/// What to do with a destination, once it is known.
pub(in crate::engine) enum Place {
    Device(PathBuf),
    Skip(PathBuf, Option<Found>),
    Stdout,
    Write(PathBuf, Replace),
}

impl Transfer<'_> {
    /// Decides where the bytes go, as far as that can be told before the response.
    pub(in crate::engine) fn place_before_request(&mut self) -> Result<Option<Place>, Cause> {
        if self.work.update.is_some() {
            return Ok(None);
        }
        if let Some((path, replace)) = &self.work.place {
            return Ok(Some(Place::Write(path.clone(), *replace)));
        }
        let named_by = match self.shared.options.output {
            Output::File(_) => NamedBy::User,
            Output::Folder | Output::Stdout => NamedBy::Url,
        };
        match &self.work.job.destination {
            Destination::Stdout => Ok(Some(Place::Stdout)),
            Destination::File(path) => {
                let place = self.place(path.clone(), named_by)?;
                Ok(self.await_answer(place))
            }
            Destination::ByContent(path) => Ok(Some(Place::Write(path.clone(), Replace::Never))),
            Destination::Unnamed(_) => Ok(None),
        }
    }

    /// Decides it by the response, which may give the name.
    pub(super) fn place_after_response(&mut self, head: &Head, url: &Url) -> Result<Place, Cause> {
        if let Some((path, replace)) = &self.work.place {
            return Ok(Place::Write(path.clone(), *replace));
        }
        let place = match self.work.job.destination.clone() {
            Destination::Stdout => Place::Stdout,
            Destination::File(path) | Destination::ByContent(path) => {
                self.place(path, NamedBy::Url)?
            }
            Destination::Unnamed(folder) => self.name(&folder, head, url)?,
        };
        // It was asked for already.
        self.work.update = None;
        Ok(place)
    }

    /// Names a file that only its response tells the name of.
    fn name(&mut self, folder: &Path, head: &Head, url: &Url) -> Result<Place, Cause> {
        let (path, named_by) = self.claim(folder, head, url);
        if self.shared.content_template(&self.work.job).is_some() {
            let (name, _) = self.suggested(head, url);
            self.look_up_checksum(&folder.join(&name))?;
            self.work.server_name = Some(name);
            return Ok(Place::Write(path, Replace::Never));
        }
        self.look_up_checksum(&path)?;
        self.place(path, named_by)
    }

    /// Returns the name that a response gives, and who that is by.
    fn suggested(&self, head: &Head, url: &Url) -> (String, NamedBy) {
        let suggested = head
            .disposition
            .as_deref()
            .and_then(disposition::filename)
            .and_then(|name| filename::filter(&name))
            .or_else(|| {
                let is_other = url != self.work.target().0;
                filename::from_url(url).filter(|_| is_other).map(Cow::into_owned)
            });
        match suggested {
            Some(name) => (name, NamedBy::Server),
            None => (
                filename::from_url(&self.work.job.url)
                    .map_or_else(|| filename::FALLBACK.to_owned(), Cow::into_owned),
                NamedBy::Url,
            ),
        }
    }

    /// Claims the name that a response gives, whatever is there.
    pub(in crate::engine) fn claim(
        &self,
        folder: &Path,
        head: &Head,
        url: &Url,
    ) -> (PathBuf, NamedBy) {
        let job = &self.work.job;
        let (name, named_by) = self.suggested(head, url);
        if let Some(template) = &self.shared.options.template {
            return (self.shared.claim_named(template, job, folder, &name), named_by);
        }
        let claims = &self.shared.claims;
        let path = match claims.claim(folder, &name, &job.url) {
            Claim::Granted(path) => path,
            // The URL itself was claimed as new, so this is a name that it had before a redirect.
            Claim::Duplicate => claims.claim_number(folder, &name, &job.url),
        };
        (path, named_by)
    }

    /// Decides what happens with a path, by what is there; numbers it until a name is free.
    fn place(&mut self, mut path: PathBuf, named_by: NamedBy) -> Result<Place, Cause> {
        let wish = self.shared.options.if_exists;
        let mut wanted = None;
        loop {
            let there = match self.look(&path)? {
                Presence::Empty if self.is_locked_empty() => Presence::File,
                there => there,
            };
            return match admit(there, wish, named_by) {
                Admission::Create => Ok(Place::Write(path, Replace::Never)),
                Admission::Replace => Ok(Place::Write(path, Replace::Allowed)),
                Admission::Update => self.place_update(path),
                Admission::Skip => {
                    let found = examine(self.shared, &self.work.job, &path, self.progress)?;
                    self.judge_existing_pieces(&path)?;
                    if self.shared.options.mode == Mode::Fetch {
                        leftovers::tidy(&path);
                    }
                    Ok(Place::Skip(path, found))
                }
                Admission::WriteInto => Ok(Place::Device(path)),
                Admission::Exists => Err(Cause::Exists { path, is_new: false }),
                Admission::NotAFile(what) => Err(Cause::NotAFile { path, what }),
                Admission::Renumber => {
                    let wanted = &*wanted.get_or_insert(path);
                    let folder = wanted.parent().unwrap_or(Path::new(""));
                    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
                    path = self.shared.claims.claim_number(folder, &name, &self.work.job.url);
                    continue;
                }
            };
        }
    }

    /// Looks what is under a name, where that cannot be presumed: only whoever brings a file has a listing,
    /// and learns at the end whether it was right.
    fn look(&mut self, path: &Path) -> Result<Presence, Cause> {
        if self.shared.listing.lacks(path) {
            // The first attempt has only begun.
            let began = self.work.started.filter(|_| self.work.attempts == 0);
            let now = began.unwrap_or_else(SystemTime::now);
            self.work.knowledge = Knowledge::Presumed(now);
            return Ok(Presence::Nothing);
        }
        self.work.knowledge = Knowledge::Seen;
        presence(path)
    }

    /// Looks, before more than a little of a file comes, whether its name is as free as was presumed.
    ///
    /// # Errors
    /// [`Cause::Exists`] when it is not.
    pub(super) fn confirm_place(&mut self, length: Option<u64>) -> Result<(), Cause> {
        if length.is_some_and(|length| length <= MAX_PRESUMED_BYTES) {
            return Ok(());
        }
        match &self.work.place {
            Some((path, _)) if self.work.knowledge != Knowledge::Seen => match presence(path)? {
                Presence::Nothing => self.work.knowledge = Knowledge::Seen,
                _ => return Err(Cause::Exists { path: path.clone(), is_new: true }),
            },
            _ => {}
        }
        Ok(())
    }

    /// Returns whether an attempt failed because a name was not free when it began, as was presumed; what is
    /// under it is to be looked at then.
    pub(super) fn is_taken_after_all(&mut self, cause: &Cause) -> bool {
        // Whoever takes one name may take others.
        if matches!(cause, Cause::Exists { .. } | Cause::InUse { .. }) {
            self.shared.listing.forget();
        }
        let Cause::Exists { path, .. } = cause else { return false };
        let Knowledge::Presumed(at) = self.work.knowledge else { return false };
        // What came only while the file did is an error, as it is where nothing is presumed. In doubt it was
        // there: a script that makes a file names the next one at once.
        let is_taken = disk::there_since(path).is_some_and(|since| since <= at);
        if is_taken {
            self.work.place = None;
        }
        is_taken
    }

    /// Returns whether the lock says that the file has no content.
    fn is_locked_empty(&self) -> bool {
        let known = self.work.job.known.as_ref();
        known.and_then(|known| known.locked.as_ref()).is_some_and(|locked| locked.size == 0)
    }
}
