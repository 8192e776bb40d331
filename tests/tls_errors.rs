//! What is wrong with TLS is told apart, with the next step, and not tried again.

use std::path::Path;
use std::process::{Command, Stdio};

use haul::model::pin::Pin;
use rcgen::SanType;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::harness::certificates::{Holder, Signer, VERSIONS, authority, early, expired, says};
use crate::harness::objects::object;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test, is_missing};
use crate::insecure::showing;
use crate::trust::{distrusted, serving, text};

const HOST: &str = "127.0.0.1";

/// What must come of a server that is not to be trusted.
struct Told<'a> {
    cause: &'a str,
    hint: Option<&'a str>,
    /// The word in JSON.
    word: &'a str,
}

/// Asks a server with this configuration, with everything to trust `signer` by; it must fail at once,
/// however many retries there may be.
#[track_caller]
fn fails(config: ServerConfig, signer: &Signer, args: &[&str], told: &Told<'_>) {
    let server = Server::start();
    let front = TlsFront::with(&server, config);
    let file = signer.write(front.folder(), "authority.pem");
    let url = front.url("/a");
    let test = |test: Test| test.arg("--ca-cert").arg(&file).args(args).arg(&url);
    let mut plain = test(front.test().retries(3)).fails(&url, told.cause);
    if let Some(hint) = told.hint {
        plain = plain.hint(hint);
    }
    plain.run();
    let output = test(front.test().retries(3)).arg("--json").any_stdout().any_stderr();
    let error = object(&output.status(1).run())["error"].take();
    assert_eq!((&error["kind"], &error["tls"]), (&"tls".into(), &told.word.into()), "{error}");
    assert_eq!(error["phase"], "handshake");
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_whose_time_is_over_is_told_with_the_date() {
    let signer = Signer::new("authority");
    fails(
        signer.sign(&expired(says("old", &[HOST]))).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 expired on 2020-01-31 00:00 UTC",
            hint: Some("is this machine's clock right? It says 20…-…-… …:… UTC"),
            word: "expired",
        },
    );
}

#[test]
fn a_certificate_whose_time_has_not_begun_is_told_with_the_date() {
    let signer = Signer::new("authority");
    fails(
        signer.sign(&early(says("early", &[HOST]))).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 is not valid before 2090-12-31 00:00 UTC",
            hint: Some("is this machine's clock right? It says 20…-…-… …:… UTC"),
            word: "not_yet_valid",
        },
    );
}

#[test]
fn an_expired_certificate_in_between_is_not_taken_for_the_servers() {
    let signer = Signer::new("authority");
    let between = expired(says("between", &[]));
    fails(
        signer.sign_twice(between, &says("leaf", &[HOST])).server(),
        &signer,
        &[],
        &Told {
            cause: "a certificate that vouches for 127.0.0.1 expired on 2020-01-31 00:00 UTC",
            hint: Some("is this machine's clock right? It says …"),
            word: "expired",
        },
    );
}

#[test]
fn a_certificate_for_other_hosts_is_told_with_their_names() {
    let signer = Signer::new("authority");
    fails(
        signer.sign(&says("other", &["a.example", "*.b.example", "192.0.2.1"])).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate is not for 127.0.0.1 but for a.example, *.b.example, 192.0.2.1",
            hint: Some("check the spelling of the host"),
            word: "wrong_host",
        },
    );
}

#[test]
fn a_common_name_is_no_host() {
    let signer = Signer::new("authority");
    fails(
        signer.sign(&says(HOST, &[])).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 names no host",
            hint: Some("it needs a subject alternative name; a common name does not count"),
            word: "wrong_host",
        },
    );
}

/// The hint for a certificate that nobody who is trusted vouches for.
const UNKNOWN: &str = "to trust the issuer, name its certificate with `--ca-cert FILE`; a public \
                       server may fail to send a certificate that stands between";

#[test]
fn an_unknown_issuer_is_told_by_its_name() {
    fails(
        Signer::new("strange CA\u{1b}[1m").sign(&says("leaf", &[HOST])).server(),
        &Signer::new("authority"),
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 comes from an issuer that is not trusted here \
                    (CN=strange CA…1b[1m)",
            hint: Some(UNKNOWN),
            word: "unknown_issuer",
        },
    );
}

#[test]
fn a_chain_with_a_gap_is_told_by_the_name_of_what_is_missing() {
    let signer = Signer::new("authority");
    let leaf = signer.sign_twice(says("between", &[]), &says("leaf", &[HOST])).alone();
    fails(
        leaf.server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 comes from an issuer that is not trusted here \
                    (CN=between)",
            hint: Some(UNKNOWN),
            word: "unknown_issuer",
        },
    );
}

#[test]
fn a_self_signed_certificate_is_told_as_such() {
    let told = Told {
        cause: "the certificate of 127.0.0.1 is self-signed, and not trusted here",
        hint: Some("if it is the right one, trust it with `--ca-cert FILE`"),
        word: "self_signed",
    };
    let signer = Signer::new("authority");
    let leaf = says("alone", &[HOST]);
    fails(Holder::self_signed(&leaf).server(), &signer, &[], &told);
    fails(Holder::self_signed(&authority(leaf)).server(), &signer, &[], &told);
}

/// The hint for a signature by another key than that of the trusted authority.
const RENEWED: &str = "an authority that was made anew under its old name has another key: `--ca-cert` takes \
                       its new certificate; if it was not, something between here and the server may be \
                       interfering";

/// What is told of such a one, whoever made it.
const WRONG_SIGNATURE: Told<'_> = Told {
    cause: "a signature of the certificate of 127.0.0.1 is wrong",
    hint: Some(RENEWED),
    word: "bad_signature",
};

#[test]
fn an_authority_with_a_new_key_under_its_old_name_is_told_as_such() {
    fails(
        Signer::new("authority").sign(&says("leaf", &[HOST])).server(),
        &Signer::new("authority"),
        &[],
        &WRONG_SIGNATURE,
    );
}

#[test]
fn an_address_that_is_named_as_a_host_is_told_as_such() {
    let signer = Signer::new("authority");
    let mut params = says("leaf", &[]);
    params.subject_alt_names.push(SanType::DnsName(HOST.try_into().unwrap()));
    fails(
        signer.sign(&params).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate names 127.0.0.1 as a DNS name, not as an IP address",
            hint: Some("it needs a subject alternative name of the kind IP"),
            word: "wrong_host",
        },
    );
}

#[test]
fn a_forged_signature_is_told_as_such() {
    let signer = Signer::new("authority");
    fails(signer.sign(&says("leaf", &[HOST])).forged().server(), &signer, &[], &WRONG_SIGNATURE);
}

#[test]
fn a_certificate_for_clients_is_not_one_for_servers() {
    let signer = Signer::new("authority");
    let mut params = says("leaf", &[HOST]);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    fails(
        signer.sign(&params).server(),
        &signer,
        &[],
        &Told {
            cause: "the certificate of 127.0.0.1 is of no use: it is not meant for a server",
            hint: Some("the server needs another certificate"),
            word: "unusable",
        },
    );
}

#[test]
fn a_server_that_is_older_than_allowed_is_told_as_such() {
    let signer = Signer::new("authority");
    fails(
        signer.sign(&says("leaf", &[HOST])).server_of(&VERSIONS[1..], None),
        &signer,
        &["--tls-min", "1.3"],
        &Told {
            cause: "127.0.0.1 does not speak TLS 1.3 or newer",
            hint: Some("`--tls-min 1.2` allows one older version"),
            word: "version",
        },
    );
}

#[test]
fn a_server_that_speaks_another_protocol_only_is_told_with_its_alert() {
    let signer = Signer::new("authority");
    let mut config = signer.sign(&says("leaf", &[HOST])).server();
    config.alpn_protocols = vec![b"h2".to_vec()];
    fails(
        config,
        &signer,
        &[],
        &Told {
            cause: "127.0.0.1 refuses to speak TLS with haul (no_application_protocol)",
            hint: None,
            word: "refused",
        },
    );
}

/// Answers the beginning of a handshake with `reply`.
#[track_caller]
fn answered(reply: Reply, cause: &str, hint: Option<&str>) {
    let server = Server::start();
    server.serve("hello", reply);
    let url = format!("https://{}/a", server.authority());
    let mut test = server.test().retries(3).arg(&url).fails(&url, cause);
    if let Some(hint) = hint {
        test = test.hint(hint);
    }
    test.run();
}

#[test]
fn what_is_no_tls_is_told_as_such() {
    answered(
        Reply::status(400, "Bad Request").close(),
        "127.0.0.1 speaks plain HTTP on this port, not TLS",
        Some("is it an http:// URL? Without a scheme `https://` is meant"),
    );
    answered(
        Reply::raw("SSH-2.0-OpenSSH_9.2\r\n"),
        "127.0.0.1 does not speak TLS on this port",
        Some("check the port, and the scheme: without one `https://` is meant"),
    );
}

#[test]
fn what_is_tls_and_asked_in_the_clear_is_told_as_such() {
    let told = "it speaks TLS on this port, not plain HTTP";
    for record in [&[0x15, 3, 1, 0, 2, 2, 70][..], &[0x16, 3, 3, 0, 4, 14, 0, 0, 0]] {
        let server = Server::start();
        server.serve("/a", Reply::raw(record));
        let url = server.url("/a");
        server.test().arg(&url).fails(&url, told).hint("is it an https:// URL?").run();
        let (url, proxy) = ("http://nowhere.invalid/a", format!("http://{}", server.authority()));
        server.serve(url, Reply::raw(record));
        server
            .test()
            .args(["--proxy", &proxy, url])
            .fails(url, &format!("proxy {proxy}: {told}"))
            .hint("is it an https:// proxy?")
            .run();
    }
}

#[test]
fn alerts_of_old_servers_are_told_in_words() {
    let alert = |code: u8| Reply::raw([21, 3, 1, 0, 2, 2, code]);
    answered(
        alert(70),
        "127.0.0.1 does not speak TLS 1.2 or newer",
        Some("the server needs an update: older versions are not safe"),
    );
    answered(
        alert(40),
        "127.0.0.1 refuses to speak TLS with haul (handshake_failure)",
        Some(
            "it may only speak TLS in ways that are not safe any more, or with keys and curves that \
             haul does not know (P-521, X448)",
        ),
    );
    answered(alert(112), "127.0.0.1 refuses to speak TLS with haul (unrecognized_name)", None);
}

#[test]
fn a_connection_that_breaks_in_the_handshake_is_tried_again() {
    let server = Server::start();
    server.serve("hello", Reply::nothing());
    server.serve("hello", Reply::nothing());
    let url = format!("https://{}/a", server.authority());
    let cause = "the connection broke: …";
    server
        .test()
        .retries(1)
        .arg(&url)
        .retried(&url, cause, "retry 1 of 1")
        .fails(&url, "the connection broke: … (2 attempts)")
        .run();
}

/// Expects that a server with this certificate and key, which need not be its own, is not taken.
#[track_caller]
fn shows(shown: &Path, key: &Path, args: &[&str], cause: &str) {
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let pair = CertifiedKey::new(vec![CertificateDer::from_pem_file(shown).unwrap()], key);
    let (_server, front) = serving(showing(&pair, &VERSIONS));
    distrusted(&front, args, &format!("the certificate of 127.0.0.1 is of no use: {cause}"));
}

#[test]
fn an_rsa_key_that_is_too_small_is_told_as_such() {
    if is_missing("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    for arguments in [
        "req -x509 -newkey rsa:1024 -nodes -subj /CN=small -keyout small.key -out small.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=leaf -keyout leaf.key -out request",
        "x509 -req -in request -CA small.pem -CAkey small.key -set_serial 1 -extfile names -out leaf.pem",
    ] {
        let mut openssl = Command::new("openssl");
        let openssl = openssl.args(arguments.split(' ')).current_dir(folder.path());
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
    }
    let (small, leaf) = (path("small.pem"), path("leaf.pem"));
    let authority = ["--ca-cert", text(&small)];
    let bits = "has 1024 bits, and haul takes 2048 to 8192";
    let its_authority = format!("the RSA key of one that vouches for it {bits}");
    shows(&leaf, &path("leaf.key"), &authority, &its_authority);
    // The server's own key cannot sign here, so another does: neither is verified by a key of that size.
    let parsed = CertificateDer::from_pem_file(&small).unwrap();
    let parsed = rustls::server::ParsedCertificate::try_from(&parsed).unwrap();
    let pin = Pin::of(&parsed.subject_public_key_info()).to_string();
    let own = format!("its RSA key {bits}");
    shows(&small, &path("leaf.key"), &["-k", "--pin", &pin], &own);
}
