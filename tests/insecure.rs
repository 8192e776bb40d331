//! `--insecure`: no certificate is checked, only its key if there is a pin.

use std::process::{Command, Stdio};
use std::sync::Arc;

use haul::model::pin::Pin;
use rcgen::CustomExtension;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::harness::certificates::{Holder, Signer, VERSIONS, authority, expired, says};
use crate::harness::is_missing;
use crate::trust::{HOST, INSECURE, PINNED, distrusted, serving, text, trusted};

#[test]
fn insecure_takes_any_certificate_and_says_so() {
    for params in [says("x", &["other.example"]), expired(authority(says("x", &[])))] {
        for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
            let config = Holder::self_signed(&params).server_of(versions, None);
            let (_server, front) = serving(config);
            trusted(&front, &["--insecure"], &[INSECURE]);
            let test = front.test().quiet().arg("-k").arg(front.url("/a"));
            test.expect_file("a", "hello").run();
        }
    }
}

/// What `openssl x509 -req` made for decades: a certificate without extensions, of version 1.
fn of_version_1() -> Option<(Vec<u8>, CertifiedKey)> {
    if is_missing("openssl") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        "req -newkey rsa:2048 -nodes -subj /CN=old -keyout key -out request",
        "x509 -req -in request -signkey key -out certificate",
    ] {
        let mut openssl = Command::new("openssl");
        let openssl = openssl.args(arguments.split(' ')).current_dir(folder.path());
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
    }
    let certificate = CertificateDer::from_pem_file(folder.path().join("certificate")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path().join("key")).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let public = key.public_key().unwrap().to_vec();
    Some((public, CertifiedKey::new(vec![certificate], key)))
}

/// Returns the configuration of a server that shows a certificate, whether the key is its own or not.
pub(crate) fn showing(
    pair: &CertifiedKey,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair.clone())))
}

#[test]
fn a_certificate_of_version_1_is_taken_by_its_key_only() {
    let Some((public, pair)) = of_version_1() else { return };
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let (_server, front) = serving(showing(&pair, versions));
        trusted(&front, &["-k"], &[INSECURE]);
        trusted(&front, &["-k", "--pin", &Pin::of(&public).to_string()], &[PINNED]);
        distrusted(
            &front,
            &[],
            "the certificate of 127.0.0.1 is of no use: it is not of X.509 version 3",
        );
    }
}

#[test]
fn a_certificate_with_an_unknown_critical_extension_is_taken_by_its_key_only() {
    let signer = Signer::new("authority");
    let mut params = says("odd", &[HOST]);
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
    let holder = signer.sign(&params);
    let pin = holder.pin();
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let (_server, front) = serving(showing(&holder.pair(), versions));
        let file = signer.write(front.folder(), "authority.pem");
        trusted(&front, &["-k"], &[INSECURE]);
        trusted(&front, &["-k", "--pin", &pin], &[PINNED]);
        distrusted(
            &front,
            &["--ca-cert", text(&file)],
            "the certificate of 127.0.0.1 is of no use: it demands a check that haul does not know \
             (a critical extension)",
        );
    }
}

#[test]
fn a_server_without_the_key_of_its_certificate_has_not_that_of_a_pin() {
    let signer = Signer::new("authority");
    let [shown, own] = ["shown", "own"].map(|name| signer.sign(&says(name, &[HOST])));
    let pair = CertifiedKey::new(shown.pair().cert, own.pair().key);
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let (_server, front) = serving(showing(&pair, versions));
        let file = signer.write(front.folder(), "authority.pem");
        let cause = "127.0.0.1 does not have the key of its certificate";
        distrusted(&front, &["--ca-cert", text(&file)], cause);
        distrusted(&front, &["-k", "--pin", &shown.pin()], cause);
        trusted(&front, &["-k"], &[INSECURE]);
    }
}

#[test]
fn insecure_needs_no_roots() {
    let (_server, front) = serving(Holder::self_signed(&says("x", &[])).server());
    let test = front.test().env("SSL_CERT_FILE", "/nonexistent.pem");
    test.arg("-k").arg(front.url("/a")).expect_file("a", "hello").line(INSECURE).run();
}
