//! Names by the user's template: claimed by the feeder where they are known before a request, by the
//! worker where the server has a say, and given only at the end where the content has.
//!
//! Until then a file of the last kind goes by a name made of its URL, so that the next run finds what this
//! one leaves of it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::engine::Shared;
use crate::engine::claims::Claim;
use crate::model::digest::{Algorithm, Digest, Hasher};
use crate::model::job::{Destination, Job};
use crate::model::redact::Redacted;
use crate::policy::placement::Placement;
use crate::policy::template::{Facts, Template};

/// What stands before the digits of a URL's hash; 16 digits tell all URLs of a folder from each other.
const PROVISIONAL: &str = "url-";
const DIGITS: usize = 16;

impl Shared<'_> {
    /// Returns where a file of `folder` goes by a template; `None` when the same URL goes there already.
    pub(super) fn destination_by(
        &self,
        template: &Template,
        job: &Job,
        folder: PathBuf,
    ) -> Option<Destination> {
        if self.options.server_name {
            let is_new = template.has_index() || self.claims.claim_unnamed(&folder, &job.url);
            return is_new.then_some(Destination::Unnamed(folder));
        }
        let (folder, name) = self.wanted(template, job, &folder, None);
        match self.claims.claim(&folder, &name, &job.url) {
            Claim::Granted(path) if template.has_sha256() => Some(Destination::ByContent(path)),
            Claim::Granted(path) => Some(Destination::File(path)),
            Claim::Duplicate => None,
        }
    }

    /// Claims the path of a file whose name the server has chosen, which makes it a file of its own.
    pub(super) fn claim_named(
        &self,
        template: &Template,
        job: &Job,
        folder: &Path,
        server_name: &str,
    ) -> PathBuf {
        let (folder, name) = self.wanted(template, job, folder, Some(server_name));
        match self.claims.claim(&folder, &name, &job.url) {
            Claim::Granted(path) => path,
            Claim::Duplicate => self.claims.claim_number(&folder, &name, &job.url),
        }
    }

    /// Returns the folder and the name to claim: provisional ones where the content gives the name.
    fn wanted(
        &self,
        template: &Template,
        job: &Job,
        folder: &Path,
        server_name: Option<&str>,
    ) -> (PathBuf, String) {
        if template.has_sha256() {
            return (folder.to_owned(), provisional(template, job));
        }
        let facts = Facts { url: &job.url, index: job.id.0, server_name, sha256: "" };
        let Placement { folder: deeper, name } = template.place(&facts);
        (self.claims.folder(folder, &deeper).into_owned(), name.unwrap_or_default())
    }

    /// Returns the digests that are told of a job's file, or name it.
    pub(super) fn told_of(&self, job: &Job) -> Cow<'_, [Algorithm]> {
        let mut told = Cow::Borrowed(&self.options.digests[..]);
        if self.content_template(job).is_some() && !told.contains(&Algorithm::Sha256) {
            told.to_mut().push(Algorithm::Sha256);
        }
        told
    }

    /// Returns the template of a job whose name only its content tells.
    pub(super) fn content_template(&self, job: &Job) -> Option<&Template> {
        let template = self.options.template.as_ref().filter(|template| template.has_sha256())?;
        matches!(job.destination, Destination::ByContent(_) | Destination::Unnamed(_))
            .then_some(template)
    }
}

/// Returns the path that a file has by its content.
pub(super) fn place_by_content(
    template: &Template,
    job: &Job,
    server_name: Option<&str>,
    sha256: &Digest,
) -> Option<PathBuf> {
    let folder = match &job.destination {
        Destination::ByContent(path) => path.parent()?,
        Destination::Unnamed(folder) => folder,
        Destination::File(_) | Destination::Stdout => return None,
    };
    let sha256 = sha256.hex();
    let facts = Facts { url: &job.url, index: job.id.0, server_name, sha256: &sha256 };
    let Placement { folder: deeper, name } = template.place(&facts);
    Some(folder.join(deeper).join(name.unwrap_or_default()))
}

fn provisional(template: &Template, job: &Job) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    // A link that is signed anew is the same file.
    hasher.update(Redacted(&job.url).to_string().as_bytes());
    if template.has_index() {
        hasher.update(format!(" {}", job.id).as_bytes());
    }
    format!("{PROVISIONAL}{}", &hasher.digest().hex()[..DIGITS])
}
