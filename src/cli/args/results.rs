//! What is told, and where.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::policy::command::Command;

use crate::model::digest::Algorithm;

/// What is told, and where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Results")]
pub struct ResultArgs {
    /// Print a JSON object for each job as it ends, and one for the totals, instead of paths
    ///
    /// One a line, also where stdout is a terminal. Each completed file comes with its SHA-256.
    /// `--json=events` also tells of what happens before that. The README has the fields.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "ends", conflicts_with = "null")]
    pub json: Option<JsonArg>,

    /// Add these digests of each completed file to its JSON object, such as `sha512,md5`
    ///
    /// md5, sha1, sha224, sha384, sha512, blake2b or blake3, next to the sha256 that is always there. May be
    /// given more than once. All are computed while the file comes.
    #[arg(long, value_name = "ALGO,...", value_delimiter = ',')]
    pub hash: Vec<Algorithm>,

    /// End each path on stdout with NUL instead of a newline
    #[arg(short = '0', long)]
    pub null: bool,

    /// Write what failed, or was not done when a signal came, to FILE, as JSON lines
    ///
    /// Each has the URLs as they were given, with their secrets, and the error. FILE is replaced at the
    /// end, and nobody else can read it. It is empty when nothing failed.
    #[arg(long, value_name = "FILE")]
    pub failed: Option<PathBuf>,

    /// Run a command for each file as soon as it is complete, such as `gunzip -k {}`
    ///
    /// `{}` is the file's path, `{url}` its URL without secrets; without `{}` the path is the last argument.
    /// Words are divided as a shell does it, but no shell sees them: `sh -c 'COMMANDS' sh` asks for one, and
    /// has the path as `"$1"`. A command that fails makes its file's job fail, and the file is kept. What
    /// it writes goes to stderr. It is not run for files that are skipped.
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<Command>,

    /// Say nothing but errors, and print no paths
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Tell of each request, response and redirect
    #[arg(short, long)]
    pub verbose: bool,
}

/// What `--json` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JsonArg {
    /// An object for each job as it ends, and one for the totals
    Ends,
    /// Also one for each start, retry, redirect, helper and warning, and for each second of a transfer
    Events,
}
