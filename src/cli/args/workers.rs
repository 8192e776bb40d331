//! How many connections there are, and what they do.

use clap::Args;

use crate::cli::values::{min_split, whole};
use crate::model::size::ByteSize;

/// How many connections there are, and what they do.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Workers")]
pub struct WorkerArgs {
    /// How many workers there are: files at once, and connections
    ///
    /// A worker without a file helps with that of another (see `--no-split`).
    #[arg(short, long, value_name = "N", default_value_t = 8,
          value_parser = whole(1_u16, 1024), allow_negative_numbers = true)]
    pub jobs: u16,

    /// How many connections one host gets at once (default: as many as there are jobs)
    ///
    /// Files of other hosts pass those that wait.
    #[arg(long, value_name = "N", value_parser = whole(1, u16::MAX), allow_negative_numbers = true)]
    pub per_host: Option<u16>,

    /// Let no idle worker help with a file that another downloads
    ///
    /// Otherwise a worker that finds no more files takes over a part of the file that would be done
    /// last, on a connection of its own, if the server serves ranges under a strong validator.
    #[arg(long)]
    pub no_split: bool,

    /// The least that is worth a connection of its own
    ///
    /// No worker helps with less. A part must also be worth three round trips.
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = min_split, allow_negative_numbers = true)]
    pub min_split: ByteSize,
}
