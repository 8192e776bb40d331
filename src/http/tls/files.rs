//! Certificates and keys from files that the user names, in PEM (RFC 7468).

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

use crate::model::error::Plain;

/// A certificate that is trusted.
#[derive(Clone, Debug)]
pub struct Authority(pub(super) CertificateDer<'static>);

/// A certificate with those that vouch for it, and its private key.
#[derive(Clone)]
pub struct Identity(pub(super) Arc<CertifiedKey>);

impl fmt::Debug for Identity {
    /// Shows nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Reads the certificates of a file that are to be trusted.
///
/// # Errors
/// What is wrong with the file, in words for the user.
pub fn authorities(path: &Path) -> Result<Vec<Authority>, String> {
    let certificates = certificates(path, &read(path)?)?;
    for (number, certificate) in (1..).zip(&certificates) {
        let added = RootCertStore::empty().add(certificate.clone());
        let shown = path.display();
        added.map_err(|_| format!("certificate {number} in {shown} cannot be read"))?;
    }
    Ok(certificates.into_iter().map(Authority).collect())
}

/// Reads a certificate, and the private key that is in the same file or one of its own.
///
/// # Errors
/// What is wrong with the files, or that they do not belong together, in words for the user.
pub fn identity(certificate: &Path, key: Option<&Path>) -> Result<Identity, String> {
    let text = read(certificate)?;
    let chain = certificates(certificate, &text)?;
    let private = match key {
        Some(path) => private_key(path, &read(path)?)?,
        None => private_key(certificate, &text)
            .map_err(|error| format!("{error} (`--key` names a file of its own)"))?,
    };
    let (holder, key) = (certificate.display(), key.unwrap_or(certificate).display());
    match CertifiedKey::from_der(chain, private, &ring::default_provider()) {
        Ok(pair) => Ok(Identity(Arc::new(pair))),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(format!(
            "the private key in {key} is not that of the first certificate in {holder}"
        )),
        Err(Error::InvalidCertificate(_)) => {
            Err(format!("the first certificate in {holder} cannot be read"))
        }
        Err(_) => Err(format!(
            "the private key in {key} cannot be used; one for RSA, P-256, P-384 or Ed25519 can"
        )),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {}", path.display(), Plain(&error)))
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() && has(text, b"-----BEGIN TRUSTED CERTIFICATE-----") => {
            let path = path.display();
            Err(format!(
                "{path} is of OpenSSL's own format; `openssl x509 -in {path}` writes the certificate as \
                 others read it"
            ))
        }
        Ok(found) if found.is_empty() => Err(lacks(path, text, "certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(path, &error)),
    }
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // PKCS #8 says so in its label, what OpenSSL wrote before it in a line below.
    if has(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(text, b"Proc-Type: 4,ENCRYPTED") {
        let path = path.display();
        return Err(format!(
            "the private key in {path} is encrypted; `openssl pkey -in {path}` writes it without"
        ));
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(lacks(path, text, "private key")),
        Err(error) => Err(broken(path, &error)),
    }
}

fn lacks(path: &Path, text: &[u8], what: &str) -> String {
    let path = path.display();
    match text.first() {
        None => format!("{path} is empty"),
        // A SEQUENCE, with which everything in DER begins.
        Some(0x30) => format!("{path} is in DER; `openssl` turns that into PEM"),
        Some(_) => format!("{path} has no {what} in PEM"),
    }
}

fn broken(path: &Path, error: &pem::Error) -> String {
    let path = path.display();
    match error {
        pem::Error::MissingSectionEnd { .. } => format!("{path} ends in the middle of a section"),
        pem::Error::Base64Decode(_) => format!("{path} is broken: a section is not base64"),
        error => format!("{path} is broken: {error}"),
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
