//! Certificates of every kind, right and wrong, made in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haul::model::pin::Pin;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair,
    PublicKeyData, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Versions of TLS, the newest first.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

/// Who signs certificates.
pub(crate) struct Signer(CertifiedIssuer<'static, KeyPair>);

/// A certificate, those that vouch for it, and its key.
pub(crate) struct Holder {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// Returns what a certificate for these hosts says, valid for centuries.
pub(crate) fn says(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

/// Returns the same with a time that is over.
pub(crate) fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_after = date_time_ymd(2020, 1, 31);
    params
}

/// Returns the same with a time that is to come.
pub(crate) fn early(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2090, 12, 31);
    params
}

/// Returns the same for an authority.
pub(crate) fn authority(mut params: CertificateParams) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Signer {
    /// An authority that vouches for itself.
    pub(crate) fn new(name: &str) -> Self {
        Self::unentitled(authority(says(name, &[])))
    }

    /// One that signs for others and may not: its certificate is that of a server.
    pub(crate) fn unentitled(params: CertificateParams) -> Self {
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Signs a certificate.
    pub(crate) fn sign(&self, params: &CertificateParams) -> Holder {
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let certificate = params.signed_by(&key, issuer).unwrap();
        Holder { chain: vec![certificate.der().clone()], key }
    }

    /// Signs a certificate by one that stands between.
    pub(crate) fn sign_twice(
        &self,
        between: CertificateParams,
        params: &CertificateParams,
    ) -> Holder {
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let between = Self(CertifiedIssuer::signed_by(authority(between), key, issuer).unwrap());
        let mut holder = between.sign(params);
        holder.chain.push(between.0.der().clone());
        holder
    }

    /// Writes its certificate into a file.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, name, &self.0.pem())
    }

    /// Returns what trusts it.
    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }
}

impl Holder {
    /// One that vouches for itself.
    pub(crate) fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { chain: vec![certificate.der().clone()], key }
    }

    /// Leaves out who stands between, as many servers do.
    pub(crate) fn alone(mut self) -> Self {
        self.chain.truncate(1);
        self
    }

    /// Changes the last byte of its certificate's signature.
    pub(crate) fn forged(mut self) -> Self {
        let mut bytes = self.chain[0].to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        self.chain[0] = bytes.into();
        self
    }

    /// Returns what a server shows that does not look at it.
    pub(crate) fn pair(&self) -> CertifiedKey {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        CertifiedKey::new(self.chain.clone(), ring::sign::any_supported_type(&key.into()).unwrap())
    }

    /// Returns its public key as haul's `--pin` takes it.
    pub(crate) fn pin(&self) -> String {
        Pin::of(&self.key.subject_public_key_info()).to_string()
    }

    /// Returns its certificates in PEM.
    pub(crate) fn pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    /// Returns its private key in PEM.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Writes its certificates into a file.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, name, &self.pem())
    }

    /// Writes its private key into a file.
    pub(crate) fn write_key(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, name, &self.key_pem())
    }

    /// Returns the configuration of a server that has it.
    pub(crate) fn server(&self) -> ServerConfig {
        self.server_of(&VERSIONS, None)
    }

    /// Returns that of a server that speaks `versions` only, and wants a certificate that `asks`
    /// has signed, if there is one.
    pub(crate) fn server_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        asks: Option<&Signer>,
    ) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match asks {
            None => builder.with_no_client_auth(),
            Some(signer) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(signer.roots(), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        builder.with_single_cert(self.chain.clone(), PrivateKeyDer::from(key)).unwrap()
    }
}

/// Writes bytes in PEM (RFC 7468).
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
