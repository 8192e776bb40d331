//! What connections are told.

use std::time::Duration;

use anyhow::Result;

use crate::cli::args::Args;
use crate::cli::config::{addresses, proxies, tls};
use crate::cli::environment::Environment;
use crate::http::Options;
use crate::policy::proxy::Proxies;

/// Returns how connections behave.
///
/// # Errors
/// A file of certificates that is none, a proxy that is none, and options that contradict each other.
pub(super) fn options(args: &Args, environment: &Environment) -> Result<Options> {
    let addresses = addresses::addresses(args)?;
    // Nothing is reached but the socket, so that no proxy of the environment is either.
    let proxies = match addresses.unix_socket {
        Some(_) => Proxies::default(),
        None => proxies::proxies(args, &environment.proxies)?,
    };
    Ok(Options {
        connect_timeout: Duration::from_secs_f64(args.requests.connect_timeout),
        stall_timeout: Duration::from_secs_f64(args.requests.stall_timeout),
        tls: tls::options(&args.tls)?,
        proxies,
        addresses,
        unpacks: args.requests.compressed,
    })
}
