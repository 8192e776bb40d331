//! What TLS is told. The files are read here, so that a wrong one ends the run before it begins.

use anyhow::{Result, anyhow};

use crate::cli::args::TlsArgs;
use crate::http::tls::{Options, files};
use crate::model::tls::TlsVersion;

/// Returns whom haul trusts, and how it names itself.
///
/// # Errors
/// A file that is not what it should be.
pub(super) fn options(args: &TlsArgs) -> Result<Options> {
    let mut authorities = Vec::new();
    for path in &args.ca_cert {
        let found = files::authorities(path).map_err(|error| anyhow!("`--ca-cert`: {error}"))?;
        authorities.extend(found);
    }
    let identity = args.cert.as_deref().map(|certificate| {
        files::identity(certificate, args.key.as_deref())
            .map_err(|error| anyhow!("`--cert`: {error}"))
    });
    Ok(Options {
        authorities,
        identity: identity.transpose()?,
        least: TlsVersion::from(args.tls_min),
        pins: args.pin.clone(),
        is_insecure: args.insecure,
    })
}

/// Returns what is said at the beginning of a run that checks less than it should.
pub fn warning(options: &Options) -> Option<&'static str> {
    match (options.is_insecure, options.pins.is_empty()) {
        (false, _) => None,
        (true, true) => Some(
            "`--insecure`: certificates are not checked; anybody on the way can read and change what \
             comes",
        ),
        (true, false) => Some("`--insecure`: of certificates only the public key is checked"),
    }
}
