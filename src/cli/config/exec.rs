//! What is run for each file.

use anyhow::{Result, bail};

use crate::cli::args::Args;
use crate::engine::hook::Hook;
use crate::engine::{Mode, Output};
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
    let name = command.program();
    match process::find(name) {
        Some(program) => Ok(Some(Hook { command, program })),
        None if name.contains('/') => bail!("`--exec`: {name} is no program"),
        None => bail!(
            "`--exec`: no program `{name}` in PATH; for what only a shell knows, run `sh -c '...'`"
        ),
    }
}
