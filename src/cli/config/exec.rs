//! What the user has run: for each file, and for a new URL.

use anyhow::{Result, bail};

use crate::cli::args::Args;
use crate::engine::hook::Hook;
use crate::engine::{Mode, Output};
use crate::policy::command::Command;
use crate::process;

/// Returns the command that is run for each file, if there is one.
///
/// # Errors
/// A program that is not there, or a run that makes no files.
pub(super) fn hook(args: &Args, output: &Output) -> Result<Option<Hook>> {
    let Some(command) = args.results.exec.clone() else { return Ok(None) };
    if *output == Output::Stdout {
        bail!("`--exec` is run for files, and `--output -` makes none");
    }
    if super::engine::mode(args) != Mode::Fetch {
        bail!("`--exec` is run for files that were fetched, and this run fetches none");
    }
    found("--exec", command).map(Some)
}

/// Returns the command that gives a new URL in the place of one that has expired, if there is one.
///
/// # Errors
/// A program that is not there, or a run that asks for nothing.
pub(super) fn refresh(args: &Args) -> Result<Option<Hook>> {
    let Some(command) = args.requests.refresh_cmd.clone() else { return Ok(None) };
    if matches!(super::engine::mode(args), Mode::Plan | Mode::Verify) {
        bail!("`--refresh-cmd` is run when a server refuses a file, and this run asks none");
    }
    found("--refresh-cmd", command).map(Some)
}

/// Looks for the program of a command.
fn found(option: &str, command: Command) -> Result<Hook> {
    let name = command.program();
    match process::find(name) {
        Some(program) => Ok(Hook { command, program }),
        None if name.contains('/') => bail!("`{option}`: {name} is no program"),
        None => bail!(
            "`{option}`: no program `{name}` in PATH; for what only a shell knows, run `sh -c '...'`"
        ),
    }
}
