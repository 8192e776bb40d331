//! What connections are told.

use std::time::Duration;

use crate::cli::args::Args;
use crate::http::Options;

/// Returns how connections behave.
pub(super) fn options(args: &Args) -> Options {
    Options {
        connect_timeout: Duration::from_secs_f64(args.requests.connect_timeout),
        stall_timeout: Duration::from_secs_f64(args.requests.stall_timeout),
    }
}
