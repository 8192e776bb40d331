//! Why a job failed: a typed cause, which carries facts (host, path, numbers) and no sentences.

mod wording;

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::digest::Digest;
use crate::model::pieces::WrongPieces;
use crate::model::problem::{CommandFailure, LoginProblem, Phase, RedirectProblem};
use crate::model::proxy::ProxyProblem;
use crate::model::tls::TlsProblem;

pub use wording::Plain;
pub(in crate::model) use wording::tls;

/// Why a job failed.
#[derive(Debug)]
pub enum Cause {
    /// The line of a list says nothing that a file could be made of.
    BadLine {
        /// What is wrong with it.
        reason: String,
        /// What the user can do about it.
        hint: Option<&'static str>,
    },
    /// The text is not a URL.
    BadUrl {
        /// What is wrong with it.
        reason: String,
        /// What the user might have meant.
        hint: Option<String>,
    },
    /// No connection could be opened.
    Connect {
        /// Host and port.
        host: String,
        /// What the last address that was tried said.
        source: io::Error,
    },
    /// No connection was opened in time.
    ConnectTimeout {
        /// Host and port.
        host: String,
        /// How long it was tried.
        after: Duration,
    },
    /// The connection broke while the request was sent or the response read.
    Connection {
        /// What the system said.
        source: io::Error,
    },
    /// The file system refused something.
    Disk {
        /// A verb: `create`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A body that went to a stream in part cannot be gone on with.
    CannotGoOn {
        /// Why not.
        reason: String,
    },
    /// The command that is run for each file failed for this one, which is complete.
    Command {
        /// Which, for what, and how.
        failure: Box<CommandFailure>,
    },
    /// The file's own checksum is another than the one that is listed under its name.
    Contradiction {
        /// Its own.
        own: Box<Digest>,
        /// The other.
        listed: Box<Digest>,
    },
    /// The file is another than the lock has.
    Drifted {
        /// The size that is locked and the one it has now, if they differ.
        sizes: Option<(u64, u64)>,
        /// The same of its digest.
        digests: Option<Box<(Digest, Digest)>>,
    },
    /// The name server says that the host does not exist.
    HostNotFound {
        /// The host's name.
        host: String,
    },
    /// The user does not allow the scheme.
    ForbiddenScheme {
        /// The scheme.
        scheme: String,
    },
    /// A file of that name exists, where the user asked for an error then or it came during the transfer.
    Exists {
        /// The file.
        path: PathBuf,
        /// Whether it came during the transfer.
        is_new: bool,
    },
    /// The file is not what it is checked by.
    Mismatch {
        /// The file, if it was there before.
        existing: Option<PathBuf>,
        /// What it should be.
        wanted: Box<Digest>,
        /// What it is.
        found: Box<Digest>,
    },
    /// The file is not there, and only those that are there are looked at.
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// Whether it is known where it comes from.
        has_url: bool,
    },
    /// The file is not what its server says that it is.
    NotAsDeclared {
        /// What it should be.
        declared: Box<Digest>,
        /// What it is.
        found: Box<Digest>,
    },
    /// There is nothing to check the file by, and the user wants it checked.
    NoChecksum,
    /// A folder, device or other thing that is not a file has the destination's name.
    NotAFile {
        /// What is in the way.
        path: PathBuf,
        /// What it is: `a folder`, `a symbolic link to nothing`.
        what: &'static str,
    },
    /// Something broke HTTP, or used a part of it that makes no file.
    Protocol {
        /// What it was.
        detail: String,
    },
    /// The file is longer than the file system has room for.
    NoRoom {
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// Another transfer, of this or another process, writes the same partial file.
    InUse {
        /// The partial file.
        path: PathBuf,
    },
    /// The job's worker panicked: a bug.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The proxy between here and the host does not do its part.
    Proxy {
        /// The proxy, without its credentials.
        proxy: String,
        /// What is wrong with it.
        problem: ProxyProblem,
    },
    /// A redirect cannot be followed.
    Redirect {
        /// Why not.
        problem: RedirectProblem,
    },
    /// No name server answered.
    ResolverSilent {
        /// The host's name.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// `-o FILE` names one file and this is not the first URL.
    SecondOutput {
        /// The file.
        path: PathBuf,
    },
    /// No byte came for the stall timeout.
    Stalled {
        /// How long nothing came.
        after: Duration,
        /// What was waited for.
        phase: Phase,
    },
    /// A status that asks for a login (401).
    Login {
        /// What is missing.
        problem: LoginProblem,
    },
    /// A status that gives no file.
    Status {
        /// The status code.
        code: u16,
        /// The registered reason phrase.
        reason: String,
        /// How long the server asks to wait before another request.
        retry_after: Option<Duration>,
    },
    /// An earlier body broke off in the middle of the stream on standard output.
    StreamBroken,
    /// The system's certificate store cannot be read.
    TrustStore {
        /// What is wrong with it.
        detail: String,
    },
    /// The TLS handshake failed.
    Tls {
        /// The host's name.
        host: String,
        /// What was wrong.
        problem: TlsProblem,
    },
    /// The body comes in a transfer coding that was not asked for.
    TransferCoding {
        /// The field Transfer-Encoding, as it came.
        coding: String,
    },
    /// The body ended before its length.
    Truncated {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced, if a number was.
        expected: Option<u64>,
    },
    /// Writing to standard output failed.
    Stdout {
        /// What the system said.
        source: io::Error,
    },
    /// The transfer took longer than the user allows.
    TimeOver {
        /// The limit.
        limit: Duration,
    },
    /// The file is larger than the user allows.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The transfer is slower than the user allows.
    TooSlow {
        /// Bytes a second over the time.
        rate: f64,
        /// The time.
        over: Duration,
    },
    /// The file cannot be checked.
    Unchecked {
        /// What is not known.
        reason: &'static str,
    },
    /// The URL's scheme is not one that haul speaks.
    UnsupportedScheme {
        /// The scheme.
        scheme: String,
    },
    /// A piece of the file is not what it is checked by.
    WrongPiece {
        /// The file, if it was there before.
        existing: Option<PathBuf>,
        /// What is wrong.
        wrong: Box<WrongPieces>,
        /// Whether bytes of the file were fetched again already.
        is_again: bool,
    },
    /// The file has not as many bytes as its list says.
    WrongSize {
        /// The file, if it was there before.
        existing: Option<PathBuf>,
        /// How many it should have.
        wanted: u64,
        /// How many it has; `None` for more than it should.
        found: Option<u64>,
    },
}

impl Cause {
    /// Makes one of what a panic was about.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Self::Panicked { message }
    }
}
