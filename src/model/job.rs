//! A job: one destination to produce from one URL, or from one of several that have the same file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::model::digest::Digest;
use crate::model::field::Fields;
use crate::model::known::Known;
use crate::model::pieces::Pieces;

/// Number of a job in the order of the input, from 1. Displayed as `#12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a job was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An argument of the command line.
    Argument,
    /// A line of a list.
    Line {
        /// The list's name as the user gave it, `-` for standard input.
        list: Arc<str>,
        /// The line, from 1.
        number: u64,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("argument"),
            Self::Line { list, number } => write!(f, "{list}:{number}"),
        }
    }
}

/// Where the bytes of a job go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// This path, claimed for this job alone; its last component came from the user or from the
    /// URL that the user gave.
    File(PathBuf),
    /// A file whose name only its content tells; until then it goes by this path, claimed for this job
    /// alone.
    ByContent(PathBuf),
    /// A file in this folder whose name only the response tells.
    Unnamed(PathBuf),
}

/// A URL without userinfo and fragment, and the credentials that its userinfo held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What to ask for.
    pub url: Url,
    /// `Basic` credentials from its userinfo, for its origin only.
    pub credentials: Option<Credentials>,
}

/// The scheme of names that stand for URLs where there are none. No URL of this scheme can be given.
const NOWHERE: &str = "nowhere";

impl Target {
    /// Returns what the names of files are put below where nothing says where these come from, and nobody
    /// is asked for them.
    pub fn nowhere() -> Option<Self> {
        Some(Self { url: Url::parse(&format!("{NOWHERE}:/")).ok()?, credentials: None })
    }
}

/// Returns whether a URL only stands for the name of a file, and must not be told as one.
pub fn is_nowhere(url: &Url) -> bool {
    url.scheme() == NOWHERE
}

/// One destination to produce from one URL or its mirrors.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number in this run.
    pub id: JobId,
    /// The URL that the user gave, without userinfo; of several the first, which gives the name.
    pub url: Url,
    /// `Basic` credentials from the URL's userinfo, for that URL's origin only.
    pub credentials: Option<Credentials>,
    /// What is asked in the place of the main URL, because that has expired.
    pub fresh: Option<Box<Target>>,
    /// More URLs of the same file. Empty, and not allocated, for most jobs.
    pub mirrors: Vec<Target>,
    /// How many bytes its file has, where that is known before it is asked for.
    pub size: Option<u64>,
    /// What its file is checked by; in a box, because most jobs have none.
    pub checksum: Option<Box<Digest>>,
    /// What an earlier run knew of its file; in a box for the same reason.
    pub known: Option<Box<Known>>,
    /// What its pieces are checked by when all of it is not what it should be, or cannot be checked.
    pub pieces: Option<Arc<Pieces>>,
    /// Header fields for the origins of its URLs; most jobs have none.
    pub fields: Option<Box<Fields>>,
    /// Whether a document names its URLs, which anybody may have written: what the user gave for all URLs
    /// is not for them.
    pub is_foreign: bool,
    /// Where it was written down.
    pub origin: Origin,
    /// Where its bytes go.
    pub destination: Destination,
}

impl Job {
    /// Returns the URL of a mirror and the credentials for it; 0 is the main one, and so is a number
    /// that there is not.
    pub fn target(&self, mirror: usize) -> (&Url, Option<&Credentials>) {
        match mirror.checked_sub(1).and_then(|index| self.mirrors.get(index)) {
            Some(Target { url, credentials }) => (url, credentials.as_ref()),
            None => match &self.fresh {
                Some(fresh) => (&fresh.url, fresh.credentials.as_ref()),
                None => (&self.url, self.credentials.as_ref()),
            },
        }
    }

    /// Returns the URL of a mirror as it was given, also where another is asked in its place.
    pub fn given(&self, mirror: usize) -> &Url {
        match mirror.checked_sub(1).and_then(|index| self.mirrors.get(index)) {
            Some(target) => &target.url,
            None => &self.url,
        }
    }
}

/// A user name and a password, percent-decoded. Never shown: `Debug` hides both.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: Vec<u8>,
    /// The password, empty when none was given.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
