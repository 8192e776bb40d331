//! Why a job failed, as an object.

use serde::Serialize;

use crate::model::error::Cause;
use crate::model::failure::Failure;
use crate::model::problem::Phase;
use crate::model::proxy::ProxyProblem;
use crate::model::tls::TlsProblem;

/// Why a job failed.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Problem {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Problem {
    /// Tells what kept a job from being done that did not fail.
    pub(in crate::report) fn new(kind: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self { kind, tls: None, phase: None, http_status: None, message, hint: None }
    }

    /// Tells why an attempt failed that is followed by another.
    pub(super) fn of_cause(cause: &Cause) -> Self {
        Self {
            kind: kind(cause),
            tls: tls(cause),
            phase: phase(cause),
            http_status: http_status(cause),
            message: cause.to_string(),
            hint: cause.hint(),
        }
    }

    /// Tells why a job failed.
    pub(in crate::report) fn of(failure: &Failure) -> Self {
        let cause = &failure.cause;
        let hints = failure.hints();
        Self {
            kind: kind(cause),
            tls: tls(cause),
            phase: phase(cause),
            http_status: http_status(cause),
            message: failure.reason(),
            hint: (!hints.is_empty()).then(|| hints.join("; ")),
        }
    }
}

/// Returns the word for a cause. Scripts compare it: a word is never changed, and README lists them all.
fn kind(cause: &Cause) -> &'static str {
    match cause {
        Cause::BadLine { .. } => "bad_line",
        Cause::BadUrl { .. } => "bad_url",
        Cause::CannotGoOn { .. } => "cannot_go_on",
        Cause::Command { .. } => "command",
        Cause::Connect { .. } => "connect",
        Cause::ConnectTimeout { .. } => "connect_timeout",
        Cause::Connection { .. } => "connection",
        Cause::Contradiction { .. } => "contradiction",
        Cause::NoChecksum => "no_checksum",
        Cause::Disk { .. } => "disk",
        Cause::Drifted { .. } => "drifted",
        Cause::Exists { .. } => "exists",
        Cause::ForbiddenScheme { .. } => "forbidden_scheme",
        Cause::HostNotFound { .. } => "host_not_found",
        Cause::InUse { .. } => "in_use",
        Cause::Mismatch { .. } => "mismatch",
        Cause::Missing { .. } => "missing",
        Cause::NoRoom { .. } => "no_room",
        Cause::NotAsDeclared { .. } => "not_as_declared",
        Cause::NotAFile { .. } => "not_a_file",
        Cause::Panicked { .. } => "panicked",
        Cause::Protocol { .. } | Cause::TransferCoding { .. } => "protocol",
        Cause::Proxy { problem, .. } => match problem {
            ProxyProblem::Login { .. } => "proxy_login",
            ProxyProblem::Refused { .. } | ProxyProblem::Socks(_) => "proxy_refused",
            ProxyProblem::Protocol { .. } => "proxy_protocol",
            ProxyProblem::NotFound
            | ProxyProblem::Unresolved { .. }
            | ProxyProblem::Unreachable { .. }
            | ProxyProblem::TimedOut { .. }
            | ProxyProblem::Broken { .. }
            | ProxyProblem::Tls(_) => "proxy_connect",
        },
        Cause::Redirect { .. } => "redirect",
        Cause::ResolverSilent { .. } => "resolver_silent",
        Cause::SecondOutput { .. } => "second_output",
        Cause::Stalled { .. } => "stalled",
        Cause::Login { .. } | Cause::Status { .. } => "status",
        Cause::Stdout { .. } => "stdout",
        Cause::StreamBroken => "stream_broken",
        Cause::TimeOver { .. } => "time_over",
        Cause::Tls { .. } => "tls",
        Cause::TooLarge { .. } => "too_large",
        Cause::TooSlow { .. } => "too_slow",
        Cause::Truncated { .. } => "truncated",
        Cause::TrustStore { .. } => "trust_store",
        Cause::Unchecked { .. } => "unchecked",
        Cause::UnsupportedScheme { .. } => "unsupported_scheme",
        Cause::WrongPiece { .. } => "wrong_piece",
        Cause::WrongSize { .. } => "wrong_size",
    }
}

fn http_status(cause: &Cause) -> Option<u16> {
    match cause {
        Cause::Login { .. } => Some(401),
        Cause::Status { code, .. }
        | Cause::Proxy { problem: ProxyProblem::Refused { code, .. }, .. } => Some(*code),
        _ => None,
    }
}

/// Returns the word for what went wrong with TLS. It is never changed either.
fn tls(cause: &Cause) -> Option<&'static str> {
    let problem = match cause {
        Cause::Tls { problem, .. } => problem,
        Cause::Proxy { problem: ProxyProblem::Tls(problem), .. } => problem,
        _ => return None,
    };
    Some(match problem {
        TlsProblem::BadSignature | TlsProblem::WrongKey => "bad_signature",
        TlsProblem::CertificateRefused { .. } => "client_certificate_refused",
        TlsProblem::CertificateWanted { .. } => "client_certificate_wanted",
        TlsProblem::Expired { .. } => "expired",
        TlsProblem::NotTls => "not_tls",
        TlsProblem::NotYetValid { .. } => "not_yet_valid",
        TlsProblem::Other(_) => "other",
        TlsProblem::PinMismatch { .. } => "pin_mismatch",
        TlsProblem::PlainHttp => "plain_http",
        TlsProblem::Refused { .. } => "refused",
        TlsProblem::Revoked => "revoked",
        TlsProblem::SelfSigned => "self_signed",
        TlsProblem::UnknownIssuer { .. } => "unknown_issuer",
        TlsProblem::Unusable { .. } => "unusable",
        TlsProblem::Version { .. } => "version",
        TlsProblem::AddressAsName | TlsProblem::WrongHost { .. } => "wrong_host",
    })
}

/// Returns what was under way, where the cause tells.
fn phase(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::HostNotFound { .. } | Cause::ResolverSilent { .. } => Some("resolve"),
        Cause::Connect { .. } | Cause::ConnectTimeout { .. } | Cause::Proxy { .. } => {
            Some("connect")
        }
        Cause::Tls { .. } | Cause::Stalled { phase: Phase::Handshake, .. } => Some("handshake"),
        Cause::Login { .. }
        | Cause::Status { .. }
        | Cause::Stalled { phase: Phase::Header, .. } => Some("header"),
        Cause::Truncated { .. } | Cause::Stalled { phase: Phase::Body, .. } => Some("body"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_readme_lists_every_word() {
        let (source, readme) = (include_str!("error.rs"), include_str!("../../../README.md"));
        let code = source.split("#[cfg(test)]").next().unwrap();
        let words = code
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        let words: Vec<&str> = words.collect();
        assert!(words.len() >= 49, "{words:?}");
        for word in words {
            assert!(readme.contains(&format!("`{word}`")), "{word}");
        }
    }
}
