//! The wording of what goes wrong with TLS.

use std::fmt;

use crate::model::text::Printable;
use crate::model::timestamp::Minute;
use crate::model::tls::{TlsProblem, TlsVersion};

/// How many of a certificate's names are told; some have a hundred.
const MAX_NAMES: usize = 8;

/// Says what went wrong with `host`.
pub(in crate::model) fn write(
    f: &mut fmt::Formatter<'_>,
    host: &str,
    problem: &TlsProblem,
) -> fmt::Result {
    let host = Printable(host);
    let which = |is_issuer| {
        if is_issuer { "a certificate that vouches for" } else { "the certificate of" }
    };
    match problem {
        TlsProblem::AddressAsName => {
            write!(f, "the certificate names {host} as a DNS name, not as an IP address")
        }
        TlsProblem::BadSignature => {
            write!(f, "a signature of the certificate of {host} is wrong")
        }
        TlsProblem::CertificateRefused { answer } => {
            write!(f, "{host} refuses the client certificate ({})", Printable(answer))
        }
        TlsProblem::CertificateWanted { answer } => {
            write!(f, "{host} wants a client certificate ({})", Printable(answer))
        }
        TlsProblem::Expired { since, is_issuer, .. } => {
            write!(f, "{} {host} expired on {}", which(*is_issuer), Minute(*since))
        }
        TlsProblem::NotYetValid { from, is_issuer, .. } => {
            write!(f, "{} {host} is not valid before {}", which(*is_issuer), Minute(*from))
        }
        TlsProblem::NotTls => write!(f, "{host} does not speak TLS on this port"),
        TlsProblem::PlainHttp => write!(f, "{host} speaks plain HTTP on this port, not TLS"),
        TlsProblem::PinMismatch { found } => {
            write!(f, "the public key of {host} is not the one of `--pin` but {found}")
        }
        TlsProblem::Refused { alert } => {
            write!(f, "{host} refuses to speak TLS with haul ({})", Printable(alert))
        }
        TlsProblem::Revoked => write!(f, "the certificate of {host} was revoked"),
        TlsProblem::SelfSigned => {
            write!(f, "the certificate of {host} is self-signed, and not trusted here")
        }
        TlsProblem::UnknownIssuer { issuer: Some(issuer) } => write!(
            f,
            "the certificate of {host} comes from an issuer that is not trusted here ({})",
            Printable(issuer)
        ),
        TlsProblem::UnknownIssuer { issuer: None } => {
            write!(f, "the certificate of {host} comes from an issuer that is not trusted here")
        }
        TlsProblem::Unusable { reason } => {
            write!(f, "the certificate of {host} is of no use: {}", Printable(reason))
        }
        TlsProblem::Version { least } => write!(f, "{host} does not speak {least} or newer"),
        TlsProblem::WrongHost { names } if names.is_empty() => {
            write!(f, "the certificate of {host} names no host")
        }
        TlsProblem::WrongHost { names } => {
            let (shown, more) = names.split_at(names.len().min(MAX_NAMES));
            write!(f, "the certificate is not for {host} but for ")?;
            write!(f, "{}", Printable(&shown.join(", ")))?;
            if more.is_empty() { Ok(()) } else { write!(f, " and {} more", more.len()) }
        }
        TlsProblem::WrongKey => write!(f, "{host} does not have the key of its certificate"),
        TlsProblem::Other(detail) => write!(f, "TLS with {host} failed: {}", Printable(detail)),
    }
}

/// Returns the next step that the user can take, if there is one.
pub(in crate::model) fn hint(problem: &TlsProblem) -> Option<String> {
    let hint = match problem {
        TlsProblem::Expired { now, .. } | TlsProblem::NotYetValid { now, .. } => {
            return Some(format!("is this machine's clock right? It says {}", Minute(*now)));
        }
        TlsProblem::AddressAsName => "it needs a subject alternative name of the kind IP",
        TlsProblem::BadSignature => {
            "an authority that was made anew under its old name has another key: `--ca-cert` takes its new \
             certificate; if it was not, something between here and the server may be interfering"
        }
        TlsProblem::CertificateRefused { .. } => "check that `--cert` is the one for this server",
        TlsProblem::CertificateWanted { .. } => "name one with `--cert` and `--key`",
        TlsProblem::NotTls => "check the port, and the scheme: without one `https://` is meant",
        TlsProblem::PlainHttp => "is it an http:// URL? Without a scheme `https://` is meant",
        TlsProblem::PinMismatch { .. } => {
            "if its owner confirms that the key was changed, name the new one with `--pin`"
        }
        TlsProblem::Refused { alert } if alert == "handshake_failure" => {
            "it may only speak TLS in ways that are not safe any more, or with keys and curves that haul \
             does not know (P-521, X448)"
        }
        TlsProblem::Refused { .. } | TlsProblem::Revoked | TlsProblem::Other(_) => return None,
        TlsProblem::SelfSigned => "if it is the right one, trust it with `--ca-cert FILE`",
        TlsProblem::UnknownIssuer { .. } => {
            "to trust the issuer, name its certificate with `--ca-cert FILE`; \
             a public server may fail to send a certificate that stands between"
        }
        TlsProblem::Unusable { .. } => "the server needs another certificate",
        TlsProblem::Version { least: TlsVersion::V1_3 } => {
            "`--tls-min 1.2` allows one older version"
        }
        TlsProblem::Version { .. } => "the server needs an update: older versions are not safe",
        TlsProblem::WrongHost { names } if names.is_empty() => {
            "it needs a subject alternative name; a common name does not count"
        }
        TlsProblem::WrongHost { .. } => "check the spelling of the host",
        TlsProblem::WrongKey => "something between here and the server may be interfering",
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::model::error::Cause;

    use super::*;

    #[test]
    fn many_names_are_cut() {
        #[track_caller]
        fn case(count: u32, expected: &str) {
            let names = (0..count).map(|number| format!("h{number}")).collect();
            let problem = TlsProblem::WrongHost { names };
            let cause = Cause::Tls { host: "h".to_owned(), problem };
            assert_eq!(
                cause.to_string(),
                format!("the certificate is not for h but for {expected}")
            );
        }
        case(2, "h0, h1");
        case(8, "h0, h1, h2, h3, h4, h5, h6, h7");
        case(108, "h0, h1, h2, h3, h4, h5, h6, h7 and 100 more");
    }
}
