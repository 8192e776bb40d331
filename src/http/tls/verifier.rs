//! Whether a server is the one that was meant: by who vouches for it, and by its key.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, SliceReader};

use crate::http::tls::roots::Roots;
use crate::model::pin::Pin;
use crate::model::tls::TlsProblem;

/// Checks the certificates of servers.
#[derive(Debug)]
pub(super) struct Verifier {
    /// Who is trusted; `None` when nothing but the pins is checked.
    pub(super) roots: Option<Roots>,
    /// The public keys that a server may have; any, if there are none.
    pub(super) pins: Vec<Pin>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// A problem that rustls has no word for, on its way through it.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) TlsProblem);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl StdError for Refusal {}

pub(super) fn refusal(problem: TlsProblem) -> Error {
    CertificateError::Other(OtherError(Arc::new(Refusal(problem)))).into()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            roots.check(end_entity, intermediates, server_name, now)?;
        }
        self.check_pins(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.takes_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
            .or_else(|error| self.verify_by_key(error, message, certificate, signature))
            .map_err(|error| explain(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.takes_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .or_else(|error| self.verify_by_key(error, message, certificate, signature))
            .map_err(|error| explain(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if self.takes_anybody() {
            // What is not verified may be of a kind that cannot be.
            schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        }
        schemes
    }
}

impl Verifier {
    /// Returns whether nothing is asked of a server. Then its signature of the handshake is not verified either:
    /// it proves that the server has the key of its certificate, and anybody on the way can show another
    /// certificate. A pin is worth something only if the server has the key.
    fn takes_anybody(&self) -> bool {
        self.roots.is_none() && self.pins.is_empty()
    }

    /// Verifies a signature under a certificate that webpki does not read, as one of another version of X.509
    /// or with a critical extension that nobody knows: with `--insecure` its key alone counts.
    fn verify_by_key(
        &self,
        error: Error,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.roots.is_some() || ParsedCertificate::try_from(certificate).is_ok() {
            return Err(error);
        }
        let key = public_key(certificate)?;
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn check_pins(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let found = Pin::of(&public_key(end_entity)?);
        if self.pins.contains(&found) {
            Ok(())
        } else {
            Err(refusal(TlsProblem::PinMismatch { found }))
        }
    }
}

/// Says of a signature of the handshake that it is wrong, and of what key: webpki does not tell.
fn explain(error: Error, certificate: &CertificateDer<'_>) -> Error {
    if error != CertificateError::BadSignature.into() {
        return error;
    }
    match odd_rsa_bits(certificate) {
        Some(bits) => refusal(TlsProblem::Unusable {
            reason: format!("its RSA key has {bits} bits, and haul takes 2048 to 8192"),
        }),
        None => refusal(TlsProblem::WrongKey),
    }
}

/// Returns how many bits the RSA key of a certificate has, if they are so few or so many that no signature by
/// it is verified.
pub(super) fn odd_rsa_bits(certificate: &CertificateDer<'_>) -> Option<usize> {
    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    if key.algorithm.oid != RSA {
        return None;
    }
    // RFC 8017 §A.1.1: the modulus comes first.
    let modulus = AnyRef::from_der(key.subject_public_key.as_bytes()?).ok()?.value();
    let mut reader = SliceReader::new(modulus).ok()?;
    let modulus = UintRef::decode(&mut reader).ok()?;
    let first = modulus.as_bytes().first()?;
    let bits = 8 * modulus.as_bytes().len() - first.leading_zeros() as usize;
    (!(2048..=8192).contains(&bits)).then_some(bits)
}

/// Returns the public key of a certificate, also of one that webpki does not read.
fn public_key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    if let Ok(parsed) = ParsedCertificate::try_from(certificate) {
        return Ok(parsed.subject_public_key_info());
    }
    let key = Certificate::from_der(certificate)
        .and_then(|certificate| certificate.tbs_certificate().subject_public_key_info().to_der())
        .map_err(|_| CertificateError::BadEncoding)?;
    Ok(key.into())
}

/// Returns whether webpki refuses a certificate because it is that of an authority.
pub(super) fn is_of_authority(error: &OtherError) -> bool {
    error.to_string() == "CaUsedAsEndEntity"
}

pub(super) fn system_time(time: UnixTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.as_secs())
}
