//! The command of the user that is run for each file, by the worker that brought it.
//!
//! So at most as many run at once as there are workers. It is run once the file has its final name, which
//! it keeps whatever comes of the command, and before the job counts as completed. It is not tried again:
//! what it did already cannot be known.

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Shared;
use crate::model::digest::{Algorithm, Digest};
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::job::Job;
use crate::model::problem::{CommandFailure, CommandProblem};
use crate::model::redact::Redacted;
use crate::policy::command::{Command, operand};
use crate::process::{self, Call, Failed};

/// The longest line that is told as one, in bytes.
const LONGEST_LINE: usize = 4096;

/// How much later than a command we may see a signal that went to both.
const SIGNAL_DELAY: Duration = Duration::from_millis(200);

/// A command, and the program that it begins with.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The command.
    pub command: Command,
    /// Where its program was found.
    pub program: PathBuf,
}

/// A file that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived<'a> {
    pub(super) path: &'a Path,
    pub(super) size: u64,
    pub(super) sha256: Option<&'a Digest>,
}

impl Hook {
    /// Runs it for a file.
    ///
    /// # Errors
    /// [`Cause::Command`]; any when the run must end.
    pub(super) fn run(
        &self,
        shared: &Shared<'_>,
        job: &Job,
        file: Arrived<'_>,
    ) -> Result<(), Cause> {
        if shared.stop.is_stopped() {
            return Err(Cause::Connection { source: io::ErrorKind::Interrupted.into() });
        }
        let url = Redacted(&job.url).to_string();
        let name = self.command.program();
        let call = Call {
            program: &self.program,
            name,
            arguments: self.command.arguments(file.path, &url),
            variables: variables(job, &url, file),
            longest_line: LONGEST_LINE,
        };
        let words: Vec<_> = call.arguments.iter().map(|word| word.to_string_lossy()).collect();
        let text = format!("runs {name} {}", words.join(" "));
        shared.observer.event(&Event::Noted { job, text: &text });
        let mut tell = |_, text: &str| shared.observer.event(&Event::Said { job, text });
        let run = || process::run(&call, shared.stop, &mut tell);
        // A panic drops the program, which ends it.
        let ended =
            catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Cause::panicked(&*panic))?;
        ended.map_err(|failed| {
            if is_told_to_end(&failed.problem) {
                // A terminal's signal may end the command before we have seen it.
                shared.stop.wait(SIGNAL_DELAY);
            }
            let (program, path) = (name.to_owned(), file.path.to_owned());
            let Failed { problem, last_line } = failed;
            let failure = Box::new(CommandFailure { program, path, problem, last_line });
            Cause::Command { failure }
        })
    }
}

/// Returns whether a command ended as by one of the signals that end us too, of its own or of its shell.
fn is_told_to_end(problem: &CommandProblem) -> bool {
    match problem {
        CommandProblem::Code(code) => matches!(code, 129 | 130 | 143),
        CommandProblem::NotRun(_) => false,
        CommandProblem::Signal(signal) => matches!(signal, 1 | 2 | 15),
    }
}

/// Returns what a command finds in its environment.
fn variables(job: &Job, url: &str, file: Arrived<'_>) -> Vec<(&'static str, Option<OsString>)> {
    // One that was checked need not have been told.
    let checked = job.checksum.as_deref();
    let checked = checked.filter(|digest| digest.algorithm() == Algorithm::Sha256);
    let sha256 = file.sha256.or(checked).map(|digest| digest.hex().into());
    vec![
        ("HAUL_PATH", Some(operand(file.path))),
        // What is not known must not be that of another haul around this one.
        ("HAUL_SHA256", sha256),
        ("HAUL_SIZE", Some(file.size.to_string().into())),
        ("HAUL_URL", Some(url.into())),
    ]
}
