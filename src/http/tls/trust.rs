//! The configuration that all workers share: whom haul trusts, and how it names itself.
//!
//! The system's roots are loaded when the first https URL comes (it takes tens of milliseconds,
//! which a plain download should not pay). Sessions are resumed across workers because the
//! configuration is one: rustls resumes none that another verifier or client certificate began.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use openssl_probe::ProbeResult;
use rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore as _, ResolvesClientCert, Resumption,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use crate::http::tls::files::{Authority, Identity};
use crate::http::tls::roots::Roots;
use crate::http::tls::verifier::Verifier;
use crate::model::error::{Cause, Plain};
use crate::model::pin::Pin;
use crate::model::tls::TlsVersion;

/// With how many hosts sessions are resumed: rustls' own default.
const SESSIONS: usize = 256;

/// What the user can set about TLS.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Certificates that are trusted besides the system's.
    pub authorities: Vec<Authority>,
    /// What a server is shown that asks who is there.
    pub identity: Option<Identity>,
    /// The least version that is spoken.
    pub least: TlsVersion,
    /// The public keys that a server may have; any, if there are none.
    pub pins: Vec<Pin>,
    /// Whether certificates are not checked, apart from their keys by `pins`.
    pub is_insecure: bool,
}

impl Options {
    /// Returns what holds for https proxies: as with curl the client certificate is not shown to them, and
    /// the pins are not theirs.
    pub(in crate::http) fn for_proxies(&self) -> Self {
        Self { identity: None, pins: Vec::new(), ..self.clone() }
    }
}

/// What TLS needs to know, made on first use.
#[derive(Debug)]
pub(in crate::http) struct Trust {
    options: Options,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
    sessions: OnceLock<Arc<ClientSessionMemoryCache>>,
    badge: Arc<Badge>,
    /// Hosts with ports that have asked for a client certificate.
    curious: Mutex<HashSet<String>>,
}

impl Trust {
    /// Prepares for what the user has set. Nothing is loaded yet.
    pub(in crate::http) fn new(options: Options) -> Self {
        let key = options.identity.as_ref().map(|identity| Arc::clone(&identity.0));
        let badge = Arc::new(Badge { key, asked: Mutex::default() });
        Self {
            options,
            config: OnceLock::new(),
            sessions: OnceLock::new(),
            badge,
            curious: Mutex::default(),
        }
    }

    /// Returns the configuration.
    ///
    /// # Errors
    /// [`Cause::TrustStore`] when the system has no readable roots.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Cause> {
        let config = self.config.get_or_init(|| self.load().map(Arc::new));
        config.clone().map_err(|detail| Cause::TrustStore { detail })
    }

    fn load(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(provider());
        let algorithms = provider.signature_verification_algorithms;
        let roots = if self.options.is_insecure {
            None
        } else {
            Some(Roots::new(trusted(&self.options.authorities)?, Arc::clone(&provider))?)
        };
        let verifier = Verifier { roots, pins: self.options.pins.clone(), algorithms };
        let badge: Arc<Badge> = Arc::clone(&self.badge);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(self.options.least))
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(badge);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption =
            Resumption::store(Arc::<ClientSessionMemoryCache>::clone(self.sessions()));
        Ok(config)
    }

    fn sessions(&self) -> &Arc<ClientSessionMemoryCache> {
        self.sessions.get_or_init(|| Arc::new(ClientSessionMemoryCache::new(SESSIONS)))
    }

    /// Forgets a session with `host`: what came could not be decrypted, maybe because the server no longer
    /// knows it right. Only rustls' connection with buffers does so by itself.
    pub(super) fn forget(&self, host: &str) {
        if let Ok(name) = name(host) {
            self.sessions().remove_tls12_session(&name);
        }
    }

    /// Returns the least version that is spoken.
    pub(super) fn least(&self) -> TlsVersion {
        self.options.least
    }

    /// Returns whether there is a client certificate.
    pub(in crate::http) fn has_identity(&self) -> bool {
        self.options.identity.is_some()
    }

    /// Returns whether a server has asked for a client certificate in a handshake that this thread
    /// has done since the last call.
    pub(super) fn take_question(&self) -> bool {
        lock(&self.badge.asked).remove(&thread::current().id())
    }

    /// Remembers that the server at `place` has asked for a client certificate. It does not ask again
    /// when a session is resumed.
    pub(in crate::http) fn note_curious(&self, place: String) {
        lock(&self.curious).insert(place);
    }

    /// Returns whether the server at `place` has asked for a client certificate in this run.
    pub(in crate::http) fn is_curious(&self, place: &str) -> bool {
        lock(&self.curious).contains(place)
    }
}

/// Returns the name of a host as it is in a URL.
pub(super) fn name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// Returns ring's algorithms, AES with 128 bits first, as browsers offer it: nobody can break either, and ten
/// rounds instead of fourteen cost both ends less. A server that prefers another takes that.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    let is_later = |suite: &SupportedCipherSuite| suite.suite() != TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(is_later);
    provider
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    const ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match least {
        TlsVersion::V1_2 => &ALL,
        TlsVersion::V1_3 => &ALL[..1],
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the system's certificates and those that were added.
fn trusted(authorities: &[Authority]) -> Result<HashSet<CertificateDer<'static>>, String> {
    let found = system();
    // Where the system has no store, what the user has named will do; but a variable that names nothing
    // is a mistake.
    let is_named = variable("SSL_CERT_FILE").or_else(|| variable("SSL_CERT_DIR")).is_some();
    let (readable, _ignored) =
        RootCertStore::empty().add_parsable_certificates(found.certs.iter().cloned());
    if readable == 0 && (authorities.is_empty() || is_named) {
        return Err(why_none(&found));
    }
    let added = authorities.iter().map(|authority| authority.0.clone());
    Ok(found.certs.into_iter().chain(added).collect())
}

/// Returns the value of a variable of the environment. An empty one is none.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the certificates that the system trusts, or those that the environment names.
fn system() -> CertificateResult {
    if env::var_os("SSL_CERT_FILE").is_none_or(|value| !value.is_empty()) {
        return load_native_certs();
    }
    // rustls-native-certs would take this one for the name of a file.
    let places = match variable("SSL_CERT_DIR") {
        Some(folders) => {
            let folders = env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty());
            ProbeResult { cert_file: None, cert_dir: folders.collect() }
        }
        None => openssl_probe::probe(),
    };
    let mut found = load_certs_from_paths(places.cert_file.as_deref(), None);
    for folder in &places.cert_dir {
        let more = load_certs_from_paths(None, Some(folder));
        found.certs.extend(more.certs);
        found.errors.extend(more.errors);
    }
    found
}

/// Says why the system's store has no certificates.
fn why_none(found: &CertificateResult) -> String {
    let place = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .find_map(|name| Some(format!("{name}={}", Path::new(&variable(name)?).display())));
    let error = found.errors.first().map(|error| match &error.kind {
        ErrorKind::Io { inner, path } => cannot_read(path, inner),
        ErrorKind::Pem(error) => error.to_string(),
        other => format!("{other:?}"),
    });
    match (place, error) {
        (Some(place), Some(error)) => format!("{place}: {error}"),
        (Some(place), None) => format!("{place} has no certificate in PEM"),
        (None, Some(error)) => error,
        (None, None) => "the system's certificate store is empty".to_owned(),
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {}", path.display(), Plain(error))
}

/// What a server is shown that asks who is there.
///
/// rustls does not tell which connection a server asks on; but it asks on the thread that does the
/// handshake, and a thread does one at a time.
struct Badge {
    key: Option<Arc<CertifiedKey>>,
    asked: Mutex<HashSet<ThreadId>>,
}

impl fmt::Debug for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Badge").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Badge {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        lock(&self.asked).insert(thread::current().id());
        // Whatever authorities the server names: it may know better than it says.
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_aes_is_offered_first_and_nothing_is_left_out() {
        let (ours, all) = (provider().cipher_suites, ring::ALL_CIPHER_SUITES);
        assert_eq!(ours[0].suite(), TLS13_AES_128_GCM_SHA256);
        assert!(ours.len() == all.len() && all.iter().all(|suite| ours.contains(suite)));
        // Those of TLS 1.3 come before those of TLS 1.2.
        assert!(ours.is_sorted_by_key(|suite| suite.tls13().is_none()));
    }
}
