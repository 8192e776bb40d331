//! The test builder: says what haul is run with and what must come of it, runs it, and compares
//! everything: status, both streams, every file in its folder.
//!
//! What a test does not mention must not happen. Standard output must hold the paths of the files
//! that are expected, the folder must hold these files and no others, and standard error must hold
//! the lines that follow from them. A mismatch shows the whole world of the run.

pub(crate) mod apache;
pub(crate) mod black_hole;
pub(crate) mod caddy;
pub(crate) mod certificates;
pub(crate) mod content;
pub(crate) mod daemon;
pub(crate) mod dante;
pub(crate) mod folder;
pub(crate) mod gate;
pub(crate) mod halves;
pub(crate) mod helped;
pub(crate) mod lines;
pub(crate) mod nginx;
pub(crate) mod objects;
pub(crate) mod offer;
pub(crate) mod part;
pub(crate) mod peer;
pub(crate) mod perform;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod resource;
pub(crate) mod running;
pub(crate) mod screen;
pub(crate) mod server;
pub(crate) mod squid;
pub(crate) mod tls;
pub(crate) mod tls_front;
pub(crate) mod tools;
pub(crate) mod verdict;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) use content::content;
pub(crate) use gate::Gate;
pub(crate) use offer::{Ledger, Offer};
pub(crate) use reply::Reply;
pub(crate) use request::Request;
pub(crate) use running::{Output, Running};
pub(crate) use server::Server;
pub(crate) use tools::{is_installed, is_missing, skip};

use folder::Entry;

/// How long anything may take that takes milliseconds when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until `done`, and fails the test when that takes too long.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What standard input is.
#[derive(Clone, Debug, Default)]
enum Stdin {
    /// `/dev/null`.
    #[default]
    Null,
    /// A pipe with these bytes and an end.
    Bytes(Vec<u8>),
    /// A pipe that the test writes to while haul runs.
    Open,
    /// A terminal at which nobody types.
    Terminal,
}

/// What standard output must be.
#[derive(Clone, Debug, Default)]
enum Stdout {
    /// The paths of the files that are expected, in any order.
    #[default]
    Paths,
    /// These bytes.
    Exactly(Vec<u8>),
    /// Not looked at.
    Any,
}

/// One run of haul and what must come of it.
#[must_use = "nothing is run before `run` or `start`"]
pub(crate) struct Test {
    folder: TempDir,
    servers: Vec<Arc<server::Shared>>,
    shell: Option<String>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    retries: Option<u32>,
    stdin: Stdin,
    read_lines: Option<usize>,
    unread_stdout: bool,
    limit: Duration,
    entries: BTreeMap<String, Entry>,
    saved: Vec<String>,
    stdout: Stdout,
    stderr: lines::Expected,
    status: Option<i32>,
    any_result: bool,
}

impl Test {
    /// Starts a test in an empty folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("haul-").tempdir().unwrap(),
            servers: Vec::new(),
            shell: None,
            args: Vec::new(),
            env: Vec::new(),
            retries: Some(0),
            stdin: Stdin::Null,
            read_lines: None,
            unread_stdout: false,
            limit: DEADLINE,
            entries: BTreeMap::new(),
            saved: Vec::new(),
            stdout: Stdout::Paths,
            stderr: lines::Expected::default(),
            status: None,
            any_result: false,
        }
    }

    /// Shows the requests to `server`, too, when the test fails.
    pub(crate) fn server(mut self, server: &Server) -> Self {
        self.servers.push(server.shared());
        self
    }

    /// Runs haul in the folder of an earlier run, with what that left.
    pub(crate) fn in_folder(mut self, folder: TempDir) -> Self {
        self.folder = folder;
        self
    }

    /// Returns the folder in which haul runs.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Gives `--retries` and waits only 10 ms before each. Without this a job gets one attempt.
    pub(crate) fn retries(mut self, count: u32) -> Self {
        self.retries = Some(count);
        self.env("__HAUL_FIXED_BACKOFF_MS", "10")
    }

    /// Gives no `--retries`: what haul does by itself is what the test is about.
    pub(crate) fn default_retries(mut self) -> Self {
        self.retries = None;
        self.env("__HAUL_FIXED_BACKOFF_MS", "10")
    }

    /// Gives `--quiet`: then only error lines are expected, and no paths.
    pub(crate) fn quiet(mut self) -> Self {
        self.stderr.quiet = true;
        self.arg("--quiet").stdout("")
    }

    /// Runs haul as `"$@"` in this shell command.
    pub(crate) fn shell(mut self, command: &str) -> Self {
        self.shell = Some(command.to_owned());
        self
    }

    /// Lets system calls of haul fail, as strace's `inject=` says it.
    pub(crate) fn inject(self, fault: &str) -> Self {
        self.shell(&format!("exec strace -f -o /dev/null -e inject={fault} \"$@\""))
    }

    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Stdin::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// Makes standard input a pipe that `Running::write` writes to.
    pub(crate) fn open_stdin(mut self) -> Self {
        self.stdin = Stdin::Open;
        self
    }

    /// Makes standard input a terminal.
    pub(crate) fn terminal_stdin(mut self) -> Self {
        self.stdin = Stdin::Terminal;
        self
    }

    /// Closes the reading end of standard output after this many lines, as `head` does.
    pub(crate) fn read_lines(mut self, count: usize) -> Self {
        self.read_lines = Some(count);
        self
    }

    /// Reads nothing of standard output before haul has ended, or `Running::read_stdout` says so.
    pub(crate) fn unread_stdout(mut self) -> Self {
        self.unread_stdout = true;
        self
    }

    /// Gives the run more time than ten seconds.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Writes a file before the run; it must be there unchanged afterwards.
    pub(crate) fn existing(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &bytes).unwrap();
        self.expect_entry(path, Entry::File(bytes.as_ref().to_vec()))
    }

    /// Makes a folder before the run.
    pub(crate) fn existing_folder(self, path: &str) -> Self {
        std::fs::create_dir_all(self.path().join(path)).unwrap();
        self.expect_entry(path, Entry::Folder)
    }

    /// Expects that haul saves this file.
    pub(crate) fn expect_file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.saved.push(path.to_owned());
        self.expect_entry(path, Entry::File(bytes.as_ref().to_vec()))
    }

    /// Expects that haul saves a copy of this file.
    pub(crate) fn expect_copy(mut self, path: &str, of: &Path) -> Self {
        self.saved.push(path.to_owned());
        self.expect_entry(path, Entry::CopyOf(of.to_path_buf()))
    }

    /// Expects that the partial file of `path` is kept with these bytes, and a record beside it.
    pub(crate) fn keeps(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.expect_entry(&format!("{path}.part"), Entry::File(bytes.as_ref().to_vec()))
            .expect_entry(&format!("{path}.part.haul"), Entry::AnyFile)
    }

    /// Expects the hint that a failed job's bytes are kept.
    pub(crate) fn kept_hint(self, path: &str) -> Self {
        self.hint(&format!("… are kept in {path}.part; run the same command again to go on"))
    }

    /// Expects the warning that a failed attempt is followed by another; `count` is what stands in
    /// parentheses.
    pub(crate) fn retried(self, subject: impl AsRef<str>, cause: &str, count: &str) -> Self {
        let subject = subject.as_ref();
        self.line(format!("warning: {subject}: {cause}; retrying in … ({count})"))
    }

    /// Expects that a file from `existing` is gone. No other unexpected file may be there anyway.
    pub(crate) fn expect_no_file(mut self, path: &str) -> Self {
        self.entries.remove(path);
        self
    }

    /// Expects this thing in the folder, without its path on standard output.
    pub(crate) fn expect_entry(mut self, path: &str, entry: Entry) -> Self {
        let mut folder = Path::new(path);
        while let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
            let name = parent.to_str().unwrap().to_owned();
            self.entries.entry(name).or_insert(Entry::Folder);
            folder = parent;
        }
        self.entries.insert(path.to_owned(), entry);
        self
    }

    /// Expects exactly this on standard output.
    pub(crate) fn stdout(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdout = Stdout::Exactly(bytes.as_ref().to_vec());
        self
    }

    /// Leaves standard output to the test.
    pub(crate) fn any_stdout(mut self) -> Self {
        self.stdout = Stdout::Any;
        self
    }

    /// Leaves standard error to the test. Escape codes and panics are found all the same.
    pub(crate) fn any_stderr(mut self) -> Self {
        self.stderr.any = true;
        self
    }

    /// Leaves everything to the test: for runs of which several ends are right.
    pub(crate) fn any_result(mut self) -> Self {
        self.any_result = true;
        self.any_stdout().any_stderr()
    }

    /// Expects exactly these lines on standard error, in this order; `…` stands for any text.
    pub(crate) fn stderr(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stderr.exactly = Some(lines.into_iter().map(Into::into).collect());
        self
    }

    /// Expects one more line on standard error; `…` stands for any text.
    pub(crate) fn line(mut self, pattern: impl Into<String>) -> Self {
        self.stderr.lines.push(pattern.into());
        self
    }

    /// Expects that this job fails, and that it is told when it happens and in the list at the end.
    pub(crate) fn fails(mut self, subject: impl AsRef<str>, cause: &str) -> Self {
        self.stderr.failures.push(format!("{}: {cause}", subject.as_ref()));
        self
    }

    /// Expects this next step under an error.
    pub(crate) fn hint(self, hint: &str) -> Self {
        self.line(format!("  hint: {hint}"))
    }

    /// Expects that this job is skipped.
    pub(crate) fn skips(mut self, subject: impl AsRef<str>, reason: &str) -> Self {
        self.stderr.skips.push(format!("{}: {reason}", subject.as_ref()));
        self
    }

    /// Expects these words at the end of the totals, as `1 cancelled, interrupted`.
    pub(crate) fn totals_end(mut self, words: &str) -> Self {
        self.stderr.totals_end = Some(words.to_owned());
        self
    }

    /// Expects this hint below the totals.
    pub(crate) fn totals_hint(mut self, hint: &str) -> Self {
        self.stderr.totals_hint = Some(hint.to_owned());
        self
    }

    /// Expects this status. Without it: 0, or 1 if a job is expected to fail.
    pub(crate) fn status(mut self, status: i32) -> Self {
        self.status = Some(status);
        self
    }

    /// Runs haul to its end and compares.
    #[track_caller]
    pub(crate) fn run(self) -> Output {
        self.start().finish()
    }

    /// Starts haul, for a test that acts while it runs.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        Running::start(self)
    }
}
