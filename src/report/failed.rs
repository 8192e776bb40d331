//! `--failed`: a list of what is to be done again, for whoever runs haul next.
//!
//! It is for haul, not for people to look at: its URLs are whole, with the secrets that a request needs, and
//! what is known of a file goes with it, so that it is checked as it would have been. A file keeps the name
//! that it was to have; under another it could be taken for one that is there already. Lines go to a file beside its name as they come, so that memory does not grow with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;
use url::Url;

use crate::disk::draft::Draft;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::model::event::{Event, Subject};
use crate::model::field::Field;
use crate::model::job::{Credentials, Destination, Job, is_nowhere};
use crate::report::json::{self, Problem};

/// The list of what failed, on its way.
#[derive(Debug)]
pub struct FailedList {
    /// The file until it has its name, or why it cannot be written; held to add one line, which may wait
    /// for the disk.
    draft: Mutex<Option<Result<Draft, Cause>>>,
    /// Whether everything that was listed has come by.
    is_whole: AtomicBool,
    /// Whether a list could not be read to its end.
    is_cut: AtomicBool,
    /// How many lines have no URL, because their list has none.
    without_url: AtomicU64,
    /// The folder of all files, if they have names of their own.
    folder: Option<PathBuf>,
}

impl FailedList {
    /// Begins a list in a file. `folder` is that of all files, unless one place was given for all.
    pub fn new(draft: Draft, folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            draft: Mutex::new(Some(Ok(draft))),
            is_whole: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            without_url: AtomicU64::new(0),
        }
    }

    /// Takes note of an event.
    pub(super) fn event(&self, event: &Event<'_>) {
        let entry = match event {
            Event::ListEnded => {
                self.is_whole.store(true, Ordering::Relaxed);
                return;
            }
            Event::Failed { subject: Subject::Job(job), failure, .. } => {
                self.entry(job, Problem::of(failure))
            }
            Event::Failed { subject: Subject::Text(text), failure, .. } => match failure.cause {
                Cause::BadUrl { .. } | Cause::UnsupportedScheme { .. } => {
                    let url = Some(*text).filter(|text| !text.is_empty()).map(str::to_owned);
                    Entry { url, ..Entry::new(Problem::of(failure)) }
                }
                // Its URL alone would ask for less than the line did, such as no checksum.
                Cause::BadLine { .. } => Entry::new(Problem::of(failure)),
                // It is a list that failed, not a line of one.
                _ => {
                    self.is_cut.store(true, Ordering::Relaxed);
                    return;
                }
            },
            Event::Cancelled { job, details } if details.started.is_some() => {
                self.entry(job, Problem::new("cancelled", "the run ended before it was done"))
            }
            Event::Cancelled { job, .. } | Event::Unstarted { job } => {
                self.entry(job, Problem::new("not_started", "the run ended before its turn came"))
            }
            _ => return,
        };
        let line = json::text::line(&entry);
        let mut draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(file)) = &mut *draft
            && let Err(cause) = file.append(&line)
        {
            *draft = Some(Err(cause));
        }
    }

    fn entry(&self, job: &Job, error: Problem) -> Entry {
        if is_nowhere(&job.url) {
            self.without_url.fetch_add(1, Ordering::Relaxed);
        }
        let mirrors = job.mirrors.iter();
        Entry {
            url: (!is_nowhere(&job.url)).then(|| given(&job.url, job.credentials.as_ref())),
            mirrors: mirrors.map(|to| given(&to.url, to.credentials.as_ref())).collect(),
            out: self.out(job),
            size: job.size,
            checksum: job.checksum.as_deref().map(Digest::to_string),
            headers: job.fields.as_deref().map(|fields| headers(fields)).unwrap_or_default(),
            foreign: job.is_foreign,
            ..Entry::new(error)
        }
    }

    /// Returns the path of a job's file below the folder of all, if that is known before its response.
    fn out(&self, job: &Job) -> Option<String> {
        let (Some(folder), Destination::File(path)) = (&self.folder, &job.destination) else {
            return None;
        };
        let out = path.strip_prefix(folder).ok()?.to_str()?;
        // The content may be another by then.
        let locked = job.known.as_ref().and_then(|known| known.locked.as_ref());
        let is_by_content = locked.is_some_and(|locked| out.contains(&locked.sha256.hex()));
        (!is_by_content).then(|| out.to_owned())
    }

    /// Ends the list and gives the file its name.
    ///
    /// # Errors
    /// [`Cause::Disk`]; then there is no list.
    pub(super) fn finish(&self) -> Result<Ended, Cause> {
        let draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner).take();
        draft.map_or(Ok(()), |draft| draft.and_then(Draft::commit))?;
        Ok(Ended {
            is_whole: self.is_whole.load(Ordering::Relaxed) && !self.is_cut.load(Ordering::Relaxed),
            without_url: self.without_url.load(Ordering::Relaxed),
        })
    }
}

/// What a list is worth to the next run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Whether all that was to be done is known.
    pub(super) is_whole: bool,
    /// How many of its lines say of no file where it comes from, so that they cannot be done again.
    pub(super) without_url: u64,
}

/// A line.
#[derive(Debug, Serialize)]
struct Entry {
    haul: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, Option<Vec<String>>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    foreign: bool,
    error: Problem,
}

impl Entry {
    fn new(error: Problem) -> Self {
        Self {
            haul: json::VERSION,
            url: None,
            mirrors: Vec::new(),
            out: None,
            size: None,
            checksum: None,
            headers: BTreeMap::new(),
            foreign: false,
            error,
        }
    }
}

/// Returns the header fields of a list's entry by their names.
fn headers(fields: &[Field]) -> BTreeMap<String, Option<Vec<String>>> {
    let mut headers: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    for field in fields {
        // What came from a list is UTF-8.
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let values = headers.entry(field.name.to_string()).or_default();
        if let Some(value) = &field.value {
            values.get_or_insert_default().push(text(value));
        }
    }
    headers
}

/// Returns a URL as it was given, with its userinfo.
fn given(url: &Url, credentials: Option<&Credentials>) -> String {
    let mut url = url.clone();
    if let Some(Credentials { user, password }) = credentials {
        let encode = |text| percent_encode(text, NON_ALPHANUMERIC).to_string();
        // Only a URL without a host refuses it, and that had no userinfo.
        let _ = url.set_username(&encode(user));
        if !password.is_empty() {
            let _ = url.set_password(Some(&encode(password)));
        }
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::target;

    #[test]
    fn a_url_is_what_was_given() {
        #[track_caller]
        fn case(text: &str, shown: &str) {
            let target = target::parse(text).unwrap();
            assert_eq!(given(&target.url, target.credentials.as_ref()), shown);
        }
        case("http://h/a?token=x&y=1", "http://h/a?token=x&y=1");
        case("http://u:p@h/a", "http://u:p@h/a");
        case("http://u@h/a", "http://u@h/a");
        case("http://u%40x:%25p%2f@h/a", "http://u%40x:%25p%2F@h/a");
        case("h:8080/a", "https://h:8080/a");
    }

    proptest! {
        #[test]
        fn any_credentials_come_back(user: Vec<u8>, password: Vec<u8>) {
            prop_assume!(!(user.is_empty() && password.is_empty()));
            let credentials = Credentials { user, password };
            let url = Url::parse("http://h/").unwrap();
            let target = target::parse(&given(&url, Some(&credentials))).unwrap();
            prop_assert_eq!(target.credentials, Some(credentials));
            prop_assert_eq!(target.url, url);
        }
    }
}
