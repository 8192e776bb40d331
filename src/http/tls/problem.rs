//! From rustls' errors to what a user can do something about.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::http::tls::verifier::{Refusal, system_time};
use crate::http::words;
use crate::model::tls::{TlsProblem, TlsVersion};

/// What is known of a handshake besides its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// The least version that is spoken.
    pub(super) least: TlsVersion,
    /// Whether there is a client certificate.
    pub(super) has_identity: bool,
    /// Whether the server asked for one.
    pub(super) is_asked: bool,
    /// Whether what came from the server begins like HTTP.
    pub(super) looks_like_http: bool,
}

/// Returns rustls' error inside an I/O error, if there is one.
pub(super) fn of(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns why a handshake failed.
pub(super) fn of_handshake(error: &Error, known: Circumstances) -> TlsProblem {
    let version = TlsProblem::Version { least: known.least };
    match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        Error::InvalidMessage(_) if known.looks_like_http => TlsProblem::PlainHttp,
        Error::InvalidMessage(_) => TlsProblem::NotTls,
        Error::AlertReceived(alert) => of_alert(*alert, known),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => version,
        other => TlsProblem::Other(words::of(other)),
    }
}

/// Returns why a server ends a connection after the handshake, if that is TLS's business. In TLS 1.3
/// a client certificate is judged when the client has done its part already.
pub(super) fn after_handshake(error: &Error, known: Circumstances) -> Option<TlsProblem> {
    match error {
        Error::AlertReceived(alert) if is_about_certificates(*alert) => {
            Some(of_alert(*alert, known))
        }
        _ => None,
    }
}

fn of_alert(alert: AlertDescription, known: Circumstances) -> TlsProblem {
    let name = words::of_alert(alert);
    let is_judged = alert == AlertDescription::CertificateRequired
        || known.is_asked
            && (is_about_certificates(alert) || alert == AlertDescription::HandshakeFailure);
    match alert {
        AlertDescription::ProtocolVersion => TlsProblem::Version { least: known.least },
        _ if is_judged && known.has_identity => TlsProblem::CertificateRefused { answer: name },
        _ if is_judged => TlsProblem::CertificateWanted { answer: name },
        _ => TlsProblem::Refused { alert: name },
    }
}

/// Returns whether a server says by `alert` what it thinks of the client's certificate.
fn is_about_certificates(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

fn of_certificate(error: &CertificateError) -> TlsProblem {
    let unusable = || TlsProblem::Unusable { reason: words::unusable(error) };
    match error {
        CertificateError::ExpiredContext { time, not_after } => TlsProblem::Expired {
            since: system_time(*not_after),
            now: system_time(*time),
            is_issuer: false,
        },
        CertificateError::NotValidYetContext { time, not_before } => TlsProblem::NotYetValid {
            from: system_time(*not_before),
            now: system_time(*time),
            is_issuer: false,
        },
        CertificateError::NotValidForName => TlsProblem::WrongHost { names: Vec::new() },
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| bare_name(name)).collect();
            // A name that looks the same and does not count is one of another kind.
            match expected {
                ServerName::IpAddress(_) if names.contains(&expected.to_str().into_owned()) => {
                    TlsProblem::AddressAsName
                }
                _ => TlsProblem::WrongHost { names },
            }
        }
        CertificateError::Revoked => TlsProblem::Revoked,
        CertificateError::UnknownIssuer => TlsProblem::UnknownIssuer { issuer: None },
        CertificateError::BadSignature => TlsProblem::BadSignature,
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(Refusal(problem)) => problem.clone(),
            None => unusable(),
        },
        _ => unusable(),
    }
}

/// Takes the name out of rustls' `DnsName("h.example")`.
fn bare_name(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Circumstances = Circumstances {
        least: TlsVersion::V1_2,
        has_identity: false,
        is_asked: false,
        looks_like_http: false,
    };

    #[test]
    fn an_alert_is_about_the_client_certificate_if_that_was_asked_for() {
        #[track_caller]
        fn case(alert: AlertDescription, known: Circumstances, expected: &str) {
            let problem = of_handshake(&Error::AlertReceived(alert), known);
            let problem = format!("{problem:?}");
            assert!(problem.starts_with(expected), "{alert:?}: {problem}");
        }
        let asked = Circumstances { is_asked: true, ..KNOWN };
        let shown = Circumstances { has_identity: true, ..asked };
        case(AlertDescription::HandshakeFailure, KNOWN, "Refused");
        case(AlertDescription::HandshakeFailure, asked, "CertificateWanted");
        case(AlertDescription::HandshakeFailure, shown, "CertificateRefused");
        case(AlertDescription::CertificateRequired, KNOWN, "CertificateWanted");
        case(AlertDescription::UnknownCA, KNOWN, "Refused");
        case(AlertDescription::UnknownCA, shown, "CertificateRefused");
        case(AlertDescription::InternalError, asked, "Refused");
        case(AlertDescription::ProtocolVersion, asked, "Version");
    }

    #[test]
    fn what_breaks_after_the_handshake_is_mostly_the_connection() {
        let of = |alert| after_handshake(&Error::AlertReceived(alert), KNOWN);
        assert!(of(AlertDescription::CertificateRequired).is_some());
        assert_eq!(of(AlertDescription::InternalError), None);
        assert_eq!(after_handshake(&Error::DecryptError, KNOWN), None);
    }
}
