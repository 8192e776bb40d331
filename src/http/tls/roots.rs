//! Who vouches for a server: webpki's checks, and what they leave open.
//!
//! webpki takes no certificate of an authority (CA:TRUE) for a server's, which is what many
//! self-signed ones are. Like curl, haul takes one that the user trusts as it is, byte for byte, and
//! checks its name and its dates. And webpki takes every certificate that is trusted for an
//! authority's, which one of a server is not.

use std::collections::HashSet;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_cert::certificate::{Certificate, Version};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::BasicConstraints;

use crate::http::tls::verifier::{is_of_authority, odd_rsa_bits, refusal, system_time};
use crate::model::tls::TlsProblem;

/// Who is trusted.
#[derive(Debug)]
pub(super) struct Roots {
    /// What follows a chain to an authority; `None` if there is none.
    checks: Option<Arc<WebPkiServerVerifier>>,
    /// The trusted certificates themselves.
    given: HashSet<CertificateDer<'static>>,
}

impl Roots {
    /// Trusts these certificates, and those of them that are authorities' to vouch for others. What
    /// cannot be read is passed over.
    pub(super) fn new(
        given: HashSet<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(given.iter().filter(|it| may_vouch(it)).cloned());
        if anchors.is_empty() {
            return Ok(Self { checks: None, given });
        }
        let checks = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider);
        Ok(Self { checks: Some(checks.build().map_err(|error| error.to_string())?), given })
    }

    /// Checks who vouches for a server, for which name and at which time.
    pub(super) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.given.contains(end_entity) {
            check_dates(end_entity, now)?;
            return verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name);
        }
        let checked = match &self.checks {
            Some(checks) => {
                checks.verify_server_cert(end_entity, intermediates, server_name, &[], now)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        checked.map(drop).map_err(|error| {
            if error == CertificateError::BadSignature.into() {
                self.explain_signature(error, end_entity, intermediates)
            } else {
                explain(error, end_entity)
            }
        })
    }

    /// Adds to a signature that is wrong that the key which should have made it is of no use. webpki does not
    /// tell the two apart.
    fn explain_signature(
        &self,
        error: Error,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Error {
        let shown = || iter::once(end_entity).chain(intermediates);
        let issuers: Vec<_> = shown()
            .filter_map(|it| {
                Some(Certificate::from_der(it).ok()?.tbs_certificate().issuer().clone())
            })
            .collect();
        let is_issuer = |it: &&CertificateDer<'_>| {
            Certificate::from_der(it)
                .is_ok_and(|it| issuers.contains(it.tbs_certificate().subject()))
        };
        let bits = intermediates.iter().chain(&self.given).filter(is_issuer).find_map(odd_rsa_bits);
        match bits {
            Some(bits) => refusal(TlsProblem::Unusable {
                reason: format!(
                    "the RSA key of one that vouches for it has {bits} bits, and haul takes 2048 to 8192"
                ),
            }),
            None => error,
        }
    }
}

/// Returns whether a trusted certificate is an authority's (RFC 5280 §4.2.1.9). webpki does not ask:
/// whoever has the key of a single server that is trusted could pass for all others.
fn may_vouch(certificate: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else { return true };
    let certificate = certificate.tbs_certificate();
    let constraints = certificate.get_extension::<BasicConstraints>();
    // Some old roots are of version 1, which has no extensions.
    certificate.version() == Version::V1
        || constraints.is_ok_and(|found| found.is_some_and(|(_, constraints)| constraints.ca))
}

/// Checks the dates of a certificate for which nobody else does.
fn check_dates(end_entity: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate =
        Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.tbs_certificate().validity();
    let from = validity.not_before.to_unix_duration().as_secs();
    let to = validity.not_after.to_unix_duration().as_secs();
    let unix = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    if now.as_secs() < from {
        return Err(
            CertificateError::NotValidYetContext { time: now, not_before: unix(from) }.into()
        );
    }
    if now.as_secs() > to {
        return Err(CertificateError::ExpiredContext { time: now, not_after: unix(to) }.into());
    }
    Ok(())
}

/// Adds to an error what only the certificate tells.
fn explain(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    let Error::InvalidCertificate(problem) = &error else { return error };
    let Ok(certificate) = Certificate::from_der(end_entity) else { return error };
    let certificate = certificate.tbs_certificate();
    let is_self_signed = certificate.issuer() == certificate.subject();
    let validity = certificate.validity();
    match problem {
        CertificateError::UnknownIssuer if is_self_signed => refusal(TlsProblem::SelfSigned),
        CertificateError::UnknownIssuer => {
            refusal(TlsProblem::UnknownIssuer { issuer: Some(certificate.issuer().to_string()) })
        }
        CertificateError::Other(other) if is_self_signed && is_of_authority(other) => {
            refusal(TlsProblem::SelfSigned)
        }
        CertificateError::ExpiredContext { time, not_after }
            if not_after.as_secs() != validity.not_after.to_unix_duration().as_secs() =>
        {
            let (since, now) = (system_time(*not_after), system_time(*time));
            refusal(TlsProblem::Expired { since, now, is_issuer: true })
        }
        CertificateError::NotValidYetContext { time, not_before }
            if not_before.as_secs() != validity.not_before.to_unix_duration().as_secs() =>
        {
            let (from, now) = (system_time(*not_before), system_time(*time));
            refusal(TlsProblem::NotYetValid { from, now, is_issuer: true })
        }
        _ => error,
    }
}
