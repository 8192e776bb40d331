//! How much, how fast, how long, how often.

use clap::Args;

use crate::cli::values::{min_speed, positive, rate, seconds, whole};
use crate::model::size::ByteSize;
use crate::policy::pace::MinSpeed;
use crate::policy::spacing::Frequency;

/// How much, how fast, how long, how often.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits and retries")]
pub struct LimitArgs {
    /// How many times to try again without progress
    ///
    /// After a connection that broke or was refused, a body that ended early, a stall, a silent name
    /// server, or a status 408, 425, 429, 500, 502, 503, 504 or an unregistered one from 509 on. An
    /// attempt that got further than any before it begins a new count. Waits grow from 1 s to 30 s, at
    /// random below that.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole(0, u32::MAX), allow_negative_numbers = true)]
    pub retries: u32,

    /// The longest wait that a server may ask for by Retry-After
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds, allow_negative_numbers = true)]
    pub retry_max_wait: f64,

    /// Receive no more than RATE bytes a second over all files, such as `2M`
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    pub limit_rate: Option<ByteSize>,

    /// Receive no more than RATE bytes a second from each host, such as `500K`
    ///
    /// A host is the one that a URL names, with its port. With `--limit-rate` both hold.
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    pub limit_rate_host: Option<ByteSize>,

    /// Begin no more than N requests a UNIT (s, m, h or d), such as `2/s` or `30/m`
    ///
    /// All of the run's are counted, also those that follow a redirect or go on after a failure. They
    /// are begun evenly: with `30/m` one every two seconds. Waiting counts as time of the file.
    #[arg(long, value_name = "N/UNIT", allow_negative_numbers = true)]
    pub rate: Option<Frequency>,

    /// End the run when N files have failed: no new ones are begun, what came of others is kept
    ///
    /// What was not done is in the list of `--failed`, and the same command again goes on with it.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub max_failures: Option<u64>,

    /// End the run when one file has failed: `--max-failures 1`
    #[arg(long, conflicts_with = "max_failures")]
    pub fail_fast: bool,

    /// Fail an attempt that is slower than RATE over SECONDS, such as `50K:10`
    ///
    /// It counts for `--retries` also if it got further than any before it.
    #[arg(long, value_name = "RATE:SECONDS", value_parser = min_speed, allow_negative_numbers = true)]
    pub min_speed: Option<MinSpeed>,

    /// The longest time for one file, with all its attempts
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub max_time: Option<f64>,

    /// The largest file, such as `500M`
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub max_size: Option<ByteSize>,
}
