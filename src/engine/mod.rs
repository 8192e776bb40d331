//! Floor 3: threads. A feeder, a bounded channel, a pool of workers, and what they share.

mod claims;
mod feeder;
pub mod pool;
mod transfer;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::engine::claims::Claims;
use crate::http::client::Common;
use crate::model::event::Observer;
use crate::model::stop::Stop;
use crate::policy::existing::IfExists;
use crate::policy::redirect;

/// Where the files of a run go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Each into the folder, under the name of its URL.
    Folder,
    /// The only one to this path.
    File(PathBuf),
    /// All, one after the other, to standard output.
    Stdout,
}

/// What the user can set about a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many workers there are, at least 1.
    pub workers: usize,
    /// Where files go.
    pub output: Output,
    /// The folder that names are put into; empty is the current one.
    pub folder: PathBuf,
    /// Whether the server may choose names.
    pub server_name: bool,
    /// What happens when a file is there.
    pub if_exists: IfExists,
    /// Whether a file gets the time at which its representation was last modified.
    pub set_modified: bool,
    /// What redirects are followed.
    pub redirects: redirect::Options,
}

/// What the feeder and all workers share, by reference.
struct Shared<'a> {
    options: &'a Options,
    http: &'a Arc<Common>,
    observer: &'a dyn Observer,
    stop: &'a Stop,
    claims: Claims,
    /// Raised when a body broke off after some of it went to standard output; nothing may follow.
    stream_broken: AtomicBool,
}
