//! Floor 2: programs of the user, run to their end. The only place that starts processes.
//!
//! A program gets nothing to read. What it writes is read as it comes, from both streams at once, so that
//! it never waits for us longer than we wait for whoever shows its lines. It stays in our process group:
//! a terminal's Ctrl-C reaches it too, and it may ask for a password there.
//!
//! ```text
//! start ── output, output ... ── exit           its status tells
//!   │                             │
//!   └─ the run must end ─ signal ─┴─ SIGKILL    in good time, and never left as a zombie
//! ```

mod lines;

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::model::problem::CommandProblem;
use crate::model::stop::{Stop, StopReason};
use crate::process::lines::Lines;

/// How long one wait for output takes at most before the stop token is looked at again.
const TURN: Duration = Duration::from_millis(50);

/// How long the first wait for the end takes of a program that has closed its output; each further one
/// takes twice as long, up to [`TURN`].
const FIRST_TURN: Duration = Duration::from_millis(1);

/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// How much is read after the end: what a pipe can hold. There is more where somebody else goes on
/// writing whom the program has left behind.
const MAX_REST: usize = 1024 * 1024;

/// How long a program has that the terminal told to end, as far as we know.
const AFTER_INTERRUPT: Duration = Duration::from_millis(500);

/// How long a program has that we told to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// A program with its arguments and what it finds in its environment.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Where it is.
    pub program: &'a Path,
    /// What it is called.
    pub name: &'a str,
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// Variables that are set, or are not to be.
    pub variables: Vec<(&'static str, Option<OsString>)>,
    /// The longest line that is told as one, in bytes.
    pub longest_line: usize,
}

/// Where a program wrote something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard error.
    Err,
    /// Standard output.
    Out,
}

/// How a program failed.
#[derive(Debug)]
pub struct Failed {
    /// What happened.
    pub problem: CommandProblem,
    /// The last line that it wrote to its standard error.
    pub last_line: Option<String>,
}

impl From<io::Error> for Failed {
    fn from(source: io::Error) -> Self {
        Self { problem: CommandProblem::NotRun(source), last_line: None }
    }
}

/// Returns where a program is: below `PATH`, or where its name says if that has a `/` in it.
pub fn find(name: &str) -> Option<PathBuf> {
    which::which(name).ok()
}

/// Runs a program to its end, and tells each line that it writes.
///
/// # Errors
/// That it was not run, or how it ended otherwise than well. Any when the run must end.
pub fn run(call: &Call<'_>, stop: &Stop, tell: &mut dyn FnMut(Stream, &str)) -> Result<(), Failed> {
    let mut command = Command::new(call.program);
    command.arg0(call.name).args(&call.arguments);
    for (name, value) in &call.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running { child: command.spawn()?, urges: 0, since: None };
    let longest = call.longest_line;
    let mut out = Output::new(Stream::Out, running.child.stdout.take(), longest);
    let mut err = Output::new(Stream::Err, running.child.stderr.take(), longest);
    let mut turn = FIRST_TURN;
    let status = loop {
        if let Some(reason) = stop.reason().filter(|_| stop.is_stopped()) {
            running.urge(reason, Instant::now());
        }
        // Whoever it left behind may hold its output open, so its end alone counts.
        if let Some(status) = running.child.try_wait()? {
            break status;
        }
        let is_open = out.pipe.is_some() || err.pipe.is_some();
        wait(&out, &err, if is_open { TURN } else { turn })?;
        out.read(tell)?;
        err.read(tell)?;
        if !is_open {
            turn = TURN.min(turn * 2);
        }
    };
    for output in [&mut out, &mut err] {
        let mut left = MAX_REST;
        while let Some(read) = output.read(tell)?.filter(|_| left > 0) {
            left = left.saturating_sub(read);
        }
        output.end(tell);
    }
    match problem(status) {
        None => Ok(()),
        Some(problem) => Err(Failed { problem, last_line: err.lines.into_last() }),
    }
}

fn problem(status: ExitStatus) -> Option<CommandProblem> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(CommandProblem::Code(code)),
        (None, signal) => Some(CommandProblem::Signal(signal.unwrap_or_default())),
    }
}

/// Waits until there is something to read, or the time is over.
fn wait(out: &Output, err: &Output, turn: Duration) -> io::Result<()> {
    let pipes = [out, err].into_iter().filter_map(|output| output.pipe.as_ref());
    let mut fds: Vec<PollFd<'_>> = pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    let timeout = Timespec { tv_sec: 0, tv_nsec: turn.subsec_nanos().into() };
    match rustix::event::poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A program under way. Dropping it ends it.
struct Running {
    child: Child,
    /// How many signals of [`urges`] were sent.
    urges: usize,
    /// Since when it is to end.
    since: Option<Instant>,
}

impl Running {
    /// Sends the next signal if its time has come.
    fn urge(&mut self, reason: StopReason, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let Some(&(after, signal)) = urges(reason).get(self.urges) else { return };
        if now.duration_since(since) >= after {
            self.urges += 1;
            // It was not waited for, so that its number is still its own.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing after its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the signals that end a program, and when each is sent. A Ctrl-C reached it by itself, and many
/// take a second one for more than that.
fn urges(reason: StopReason) -> [(Duration, Signal); 2] {
    let passed_on = if let StopReason::Signal(number) = reason {
        Signal::from_named_raw(number)
    } else {
        Some(Signal::TERM)
    };
    match passed_on {
        Some(signal) if signal != Signal::INT => {
            [(Duration::ZERO, signal), (PATIENCE, Signal::KILL)]
        }
        _ => [(AFTER_INTERRUPT, Signal::TERM), (AFTER_INTERRUPT + PATIENCE, Signal::KILL)],
    }
}

/// What a program writes to one of its streams.
struct Output {
    stream: Stream,
    /// `None` after its end.
    pipe: Option<Box<dyn Pipe>>,
    lines: Lines,
}

trait Pipe: Read + AsFd {}

impl<P: Read + AsFd> Pipe for P {}

impl Output {
    fn new(stream: Stream, pipe: Option<impl Pipe + 'static>, longest_line: usize) -> Self {
        let pipe = pipe.map(|pipe| Box::new(pipe) as Box<dyn Pipe>);
        Self { stream, pipe, lines: Lines::new(longest_line) }
    }

    fn end(&mut self, tell: &mut dyn FnMut(Stream, &str)) {
        let stream = self.stream;
        self.lines.end(&mut |text| tell(stream, text));
    }

    /// Reads what is there, without waiting; returns how much that is, `None` for nothing or the end.
    fn read(&mut self, tell: &mut dyn FnMut(Stream, &str)) -> io::Result<Option<usize>> {
        let stream = self.stream;
        let Some(pipe) = &mut self.pipe else { return Ok(None) };
        let mut fds = [PollFd::new(pipe, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) | Err(Errno::INTR) => return Ok(None),
            result => result?,
        };
        let mut piece = [0; PIECE];
        match pipe.read(&mut piece) {
            Ok(0) => {
                self.pipe = None;
                Ok(None)
            }
            Ok(count) => {
                self.lines.feed(&piece[..count], &mut |text| tell(stream, text));
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
