//! What an earlier run brought.

use std::path::PathBuf;

use clap::Args;

/// What an earlier run brought.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Locks")]
pub struct LockArgs {
    /// Hold all files to what an earlier run brought, and note in FILE what this one brings
    ///
    /// FILE has a JSON object for each file that is complete, with its size and SHA-256; it is made by the
    /// first run. A file that has the size and time that are noted is skipped without a request. One that
    /// the server has changed fails. FILE is also a list, for `-i`.
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,

    /// Hash the files that are there, even if they look untouched
    #[arg(long, requires = "lock")]
    pub lock_verify: bool,

    /// Take files that the server has changed into the lock, and say what changed
    #[arg(long, requires = "lock")]
    pub lock_update: bool,
}
