//! Floor 4: who tells about a run. Only this folder writes to standard output and standard error.
//!
//! Standard output is data: a path for each file that is saved, or an object for each job that ends, or
//! the bodies. Standard error is for people: bars on a terminal, otherwise lines. What is told of an event is decided once, in
//! `lines`; a view only decides how it gets to the screen. Quiet is the lines view with nothing
//! but errors in it.
//!
//! A worker that tells something may be held by whoever reads these streams; a stop releases it
//! (see `stream`). Failing to tell a person something is ignored. Failing to write data stops the run, for then its output is not what was asked for.

mod bars;
mod board;
pub mod failed;
mod json;
mod layout;
mod lines;
pub mod lock;
mod screen;
mod speed;
mod stream;
mod survey;
mod ticker;
mod totals;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::Mode;
use crate::model::error::Cause;
use crate::model::event::{Event, Observer};
use crate::model::stop::{Stop, StopReason};
use crate::model::totals::Totals;
use crate::report::bars::Bars;
use crate::report::failed::FailedList;
use crate::report::lock::LockFile;
use crate::report::stream::Stream;
use crate::report::ticker::Ticker;
use crate::report::totals::{Ending, Failures};

/// What to tell, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is done for each job.
    pub mode: Mode,
    /// What goes to standard output.
    pub results: Results,
    /// How much to tell.
    pub verbosity: Verbosity,
    /// How standard error shows the run; ignored when quiet.
    pub view: View,
}

/// What goes to standard output, besides bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// The same as [`Json`](Self::Json), and an object for each thing that happens before a job ends.
    Events,
    /// An object for each job that ends, and one for the totals.
    Json,
    /// A line for each file that is not downloaded, because it was only asked about.
    Lines,
    /// Nothing: bodies go there, or it is a terminal, or nothing was asked for.
    Nothing,
    /// The path of each saved file.
    Paths(PathEnd),
}

/// What follows a path on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// A line feed.
    Newline,
    /// A NUL byte, for names with line feeds in them.
    Nul,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Ends of jobs, warnings, errors and the totals.
    Normal,
    /// Errors only.
    Quiet,
    /// Requests, responses and redirects too.
    Verbose,
}

/// How standard error shows the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Bars, for a terminal that can move its cursor and shows no bodies.
    Bars,
    /// Lines without any escape code.
    Lines,
}

/// Writes a text that was asked for, such as a manual page, to standard output.
///
/// # Errors
/// [`Cause::Stdout`], but for a reader that has seen enough.
pub fn print(text: &[u8]) -> Result<(), Cause> {
    let mut stdout = io::stdout();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(Cause::Stdout { source }),
        _ => Ok(()),
    }
}

/// What a run writes for later ones.
#[derive(Debug, Default)]
pub struct Files {
    /// What failed.
    pub failed: Option<FailedList>,
    /// What is complete.
    pub lock: Option<LockFile>,
}

/// Tells about a run.
#[derive(Debug)]
pub struct Reporter<'a> {
    mode: Mode,
    results: Results,
    verbosity: Verbosity,
    stop: &'a Stop,
    stdout: Arc<Stream>,
    stderr: Arc<Stream>,
    /// Tells on standard output how far transfers are, if that is wanted.
    ticker: Option<Ticker>,
    /// `None`: the lines view.
    bars: Option<Bars>,
    /// Held to add one failure.
    failures: Mutex<Failures>,
    /// What is written for later runs.
    files: Files,
    /// Whether it was told why standard output takes no more.
    is_output_lost: AtomicBool,
    /// Jobs that were not begun.
    unbegun: AtomicU64,
    /// Whether these are all that there were.
    is_list_ended: AtomicBool,
}

impl<'a> Reporter<'a> {
    /// Begins to tell about a run on the standard streams.
    pub fn new(options: Options, files: Files, stop: &'a Stop) -> Self {
        let reporter =
            Self::with_streams(options, stop, Stream::stdout(stop), Stream::stderr(stop));
        Self { files, ..reporter }
    }

    fn with_streams(options: Options, stop: &'a Stop, stdout: Stream, stderr: Stream) -> Self {
        let (stdout, stderr) = (Arc::new(stdout), Arc::new(stderr));
        let has_ticker = options.results == Results::Events;
        let has_bars = options.view == View::Bars && options.verbosity != Verbosity::Quiet;
        Self {
            mode: options.mode,
            results: options.results,
            verbosity: options.verbosity,
            stop,
            // Without a thread for it, what happens is told all the same.
            ticker: has_ticker.then(|| Ticker::try_new(Arc::clone(&stdout)).ok()).flatten(),
            stdout,
            // Without a thread to draw, lines still tell everything.
            bars: has_bars.then(|| Bars::try_new(Arc::clone(&stderr)).ok()).flatten(),
            stderr,
            failures: Mutex::default(),
            files: Files::default(),
            is_output_lost: AtomicBool::new(false),
            unbegun: AtomicU64::new(0),
            is_list_ended: AtomicBool::new(false),
        }
    }

    /// Ends the view, then tells what failed and the totals. Nothing may be told afterwards. Returns
    /// whether what was to be written for later runs is.
    pub fn finish(&self, totals: &Totals, elapsed: Duration, stopped: Option<StopReason>) -> bool {
        if let Some(bars) = &self.bars {
            bars.end();
        }
        if let Some(ticker) = &self.ticker {
            ticker.end();
        }
        let is_listed = self.files.failed.as_ref().is_none_or(|failed| self.finish_list(failed));
        let is_locked = self.files.lock.as_ref().is_none_or(|lock| self.finish_lock(lock));
        // Who has gone away wants no totals either.
        let is_json = matches!(self.results, Results::Events | Results::Json);
        if is_json && stopped != Some(StopReason::OutputClosed) {
            self.print(&json::totals(self.mode, totals, elapsed, stopped));
        }
        if self.verbosity != Verbosity::Quiet {
            let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let text =
                failures.list() + &totals::line(self.mode, totals, elapsed, self.ending(stopped));
            let _ = self.stderr.write_line(text.as_bytes());
        }
        is_listed && is_locked
    }

    /// Returns why a run ended early, if that was not told yet.
    fn ending(&self, stopped: Option<StopReason>) -> Option<Ending> {
        Some(match stopped? {
            StopReason::Failures(most) => Ending::Failures(most),
            StopReason::Signal(_) => Ending::Signal,
            StopReason::OutputClosed if self.is_output_lost.load(Ordering::Relaxed) => return None,
            StopReason::OutputClosed => {
                let is_known = self.is_list_ended.load(Ordering::Relaxed);
                let unbegun = is_known.then(|| self.unbegun.load(Ordering::Relaxed));
                Ending::ReaderGone { unbegun: unbegun.unwrap_or_default() }
            }
        })
    }

    fn finish_lock(&self, lock: &LockFile) -> bool {
        let ended = lock.finish();
        if let Err(cause) = &ended {
            let text = format!("error: {cause}; the lock is as it was before\n");
            let _ = self.stderr.write_line(text.as_bytes());
        }
        ended.is_ok()
    }

    fn finish_list(&self, failed: &FailedList) -> bool {
        let ended = match failed.finish() {
            Ok(ended) => ended,
            Err(cause) => {
                let text = format!("error: {cause}; what failed is not listed\n");
                let _ = self.stderr.write_line(text.as_bytes());
                return false;
            }
        };
        let mut text = String::new();
        if !ended.is_whole {
            text +=
                "warning: not all of the input was read; what failed is listed without the rest\n";
        }
        let lines = match ended.without_url {
            0 => None,
            1 => Some("1 line has".to_owned()),
            lines => Some(format!("{lines} lines have")),
        };
        if let Some(lines) = lines {
            let what = "warning: the list of what failed cannot be fetched";
            let _ = writeln!(text, "{what}: {lines} no URL, which `--base-url` gives");
        }
        if !text.is_empty() && self.verbosity != Verbosity::Quiet {
            let _ = self.stderr.write_line(text.as_bytes());
        }
        true
    }

    fn tell(&self, event: &Event<'_>, text: String) {
        match &self.bars {
            Some(bars) => bars.note(event, text),
            // Most events of most files: no worker waits for another's turn at the stream.
            None if text.is_empty() => {}
            None => {
                let _ = self.stderr.write_line(text.as_bytes());
            }
        }
    }

    fn print(&self, line: &[u8]) {
        if let Err(error) = self.stdout.write_line(line) {
            self.lose_output(error);
        }
    }

    /// Stops the run, whose output does not arrive. That a reader went away is told with the totals; anything
    /// else, a full disk for one, is an error that nobody would see.
    fn lose_output(&self, error: io::Error) {
        if error.kind() == io::ErrorKind::Interrupted {
            return;
        }
        self.stop.stop(StopReason::OutputClosed);
        if error.kind() != io::ErrorKind::BrokenPipe
            && !self.is_output_lost.swap(true, Ordering::Relaxed)
        {
            let cause = Cause::Stdout { source: error };
            self.tell(&Event::Warned { text: "" }, format!("error: {cause}\n"));
        }
    }
}

fn path_line(path: &Path, end: PathEnd) -> Vec<u8> {
    let path = path.as_os_str().as_bytes();
    let mut line = Vec::with_capacity(path.len() + 1);
    line.extend_from_slice(path);
    line.push(match end {
        PathEnd::Newline => b'\n',
        PathEnd::Nul => b'\0',
    });
    line
}

impl Observer for Reporter<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::ListEnded => self.is_list_ended.store(true, Ordering::Relaxed),
            Event::Unstarted { .. } => _ = self.unbegun.fetch_add(1, Ordering::Relaxed),
            _ => {}
        }
        let is_start = matches!(event, Event::Started { .. });
        if let Some(ticker) = self.ticker.as_ref().filter(|_| !is_start) {
            ticker.note(event);
        }
        let line = match (self.results, event) {
            (Results::Events, _) => json::line(event, true).or_else(|| json::events::line(event)),
            (Results::Json, _) => json::line(event, false),
            (
                Results::Paths(end),
                Event::Completed { path: Some(path), .. } | Event::Verified { path, .. },
            ) => Some(path_line(path, end)),
            _ => None,
        };
        if let Some(line) = line {
            self.print(&line);
        }
        if let Some(ticker) = self.ticker.as_ref().filter(|_| is_start) {
            ticker.note(event);
        }
        if let Some(failed) = &self.files.failed {
            failed.event(event);
        }
        if let Some(lock) = &self.files.lock {
            lock.event(event);
            if self.verbosity != Verbosity::Quiet
                && let Some(text) = lock::change(event)
            {
                self.tell(event, text);
            }
        }
        if let Event::Failed { failure, .. } = event {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.add(failure);
        }
        let text = lines::text(event, self.verbosity);
        let is_result =
            matches!(event, Event::Found { .. } | Event::Planned { .. } | Event::Skipped { .. });
        if self.results == Results::Lines && is_result {
            self.print(text.as_bytes());
            self.tell(event, String::new());
        } else {
            self.tell(event, text);
        }
    }

    fn body(&self, bytes: &[u8]) -> io::Result<()> {
        let written = self.stdout.write_body(bytes);
        if let Err(error) = &written
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.stop.stop(StopReason::OutputClosed);
        }
        written
    }
}

#[cfg(test)]
mod tests;
