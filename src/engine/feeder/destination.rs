//! Where the bytes of a job go: the list's path, the template's, the URL's name, the lock's, or none before the
//! response.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::engine::claims::Claim;
use crate::engine::feeder::Feeder;
use crate::engine::{Mode, Output, Shared};
use crate::model::error::Cause;
use crate::model::job::{Destination, Job};
use crate::model::known::Known;
use crate::policy::existing::IfExists;
use crate::policy::filename;
use crate::policy::placement::Placement;
use crate::policy::template::Template;

/// Where a job's bytes go, and what is known of its file if that told it.
type Placed = (Destination, Option<Box<Known>>);

impl Feeder<'_> {
    /// Decides where a job's bytes go, and returns what is known of its file if that told it; `None` when
    /// the same URL goes there already.
    pub(super) fn destination(
        &mut self,
        job: &Job,
        place: Placement,
    ) -> Result<Option<Placed>, Cause> {
        let Shared { options, claims, .. } = self.shared;
        match &options.output {
            Output::Stdout => Ok(Some((Destination::Stdout, None))),
            Output::File(path) if self.output_taken => {
                Err(Cause::SecondOutput { path: path.clone() })
            }
            Output::File(path) => {
                self.output_taken = true;
                Ok(Some((Destination::File(options.folder.join(path)), None)))
            }
            Output::Folder => {
                let of_url = || filename::from_url(&job.url).filter(|_| !options.server_name);
                let has_template = options.template.is_some();
                let name = place.name.map(Cow::Owned);
                let name = name.or_else(|| of_url().filter(|_| !has_template));
                let folder = claims.folder(&options.folder, &place.folder);
                let Some(name) = name else {
                    return Ok(self.unlisted(job, folder.into_owned(), &place.folder));
                };
                let content = job.checksum.as_deref().filter(|sum| name.contains(&sum.hex()));
                let claim = match content {
                    Some(content) => claims.claim_content(&folder, &name, content),
                    None => claims.claim(&folder, &name, &job.url),
                };
                let checks_again = || options.mode == Mode::Verify && job.checksum.is_some();
                Ok(match claim {
                    Claim::Granted(path) => Some((Destination::File(path), None)),
                    // Another line may say another thing of the same file.
                    Claim::Duplicate if checks_again() && claims.has(&folder, &name, &job.url) => {
                        Some((Destination::File(folder.join(&*name)), None))
                    }
                    Claim::Duplicate => None,
                })
            }
        }
    }

    /// Decides it for a file of `folder`, which is `deeper` below that of all, whose name neither its list nor
    /// its URL alone tells.
    fn unlisted(&self, job: &Job, folder: PathBuf, deeper: &Path) -> Option<Placed> {
        let Shared { options, claims, .. } = self.shared;
        let template = options.template.as_ref();
        let destination = match template {
            Some(template) => self.shared.destination_by(template, job, folder)?,
            None if claims.claim_unnamed(&folder, &job.url) => Destination::Unnamed(folder),
            None => return None,
        };
        let by_content = template.is_some_and(Template::has_sha256);
        let is_told = matches!(destination, Destination::File(_));
        // What has a name by its content is never numbered.
        if is_told || (by_content && options.if_exists == IfExists::Rename) {
            return Some((destination, None));
        }
        let locked = options.lock.as_ref().and_then(|locking| locking.place(job, deeper));
        let Some((locked, known)) = locked else { return Some((destination, None)) };
        let folder = claims.folder(&options.folder, &locked.folder);
        let name = locked.name.unwrap_or_default();
        match claims.claim(&folder, &name, &job.url) {
            Claim::Granted(path) if !by_content || path.ends_with(&name) => {
                Some((Destination::File(path), Some(known)))
            }
            // Another job has the same content.
            Claim::Granted(_) | Claim::Duplicate => Some((destination, Some(known))),
        }
    }
}
