//! What connections are told.

use std::time::Duration;

use anyhow::Result;

use crate::cli::args::Args;
use crate::cli::config::{proxies, tls};
use crate::cli::environment::Environment;
use crate::http::Options;

/// Returns how connections behave.
///
/// # Errors
/// A file of certificates that is none, or a proxy that is none.
pub(super) fn options(args: &Args, environment: &Environment) -> Result<Options> {
    Ok(Options {
        connect_timeout: Duration::from_secs_f64(args.requests.connect_timeout),
        stall_timeout: Duration::from_secs_f64(args.requests.stall_timeout),
        tls: tls::options(&args.tls)?,
        proxies: proxies::proxies(args, &environment.proxies)?,
    })
}
