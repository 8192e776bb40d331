//! What is done instead of downloading.

use clap::Args;

/// What is done instead of downloading.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Instead of downloading")]
pub struct ModeArgs {
    /// Print what would be saved, replaced, gone on with or skipped; send nothing and write nothing
    ///
    /// One line each on stdout, or an object with `--json`.
    #[arg(long, conflicts_with = "spider")]
    pub dry_run: bool,

    /// Ask the servers for each file's size, type and date, and print them; download nothing
    ///
    /// By HEAD, or for the first byte alone where that does not tell. One line each on stdout, or an
    /// object with `--json`. A file that is not there fails.
    #[arg(long, conflicts_with_all = ["lock", "prealloc", "fsync", "restart"])]
    pub spider: bool,

    /// Check the files that are there against a list, and fetch nothing
    ///
    /// A lock, or another list with checksums, says where files are and what they must be. No server is
    /// asked.
    #[arg(long, conflicts_with_all = [
        "dry_run", "spider", "save_cookies", "restart", "prealloc", "fsync", "compressed",
    ])]
    pub verify: bool,
}
