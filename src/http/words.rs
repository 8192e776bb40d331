//! Words for what rustls finds wrong, whose own are the names of its variants.

use std::fmt::Debug;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Short names that are no words.
const ACRONYMS: [&str; 11] =
    ["CRL", "DER", "DH", "DNS", "ECH", "EKU", "EMS", "OCSP", "PSK", "QUIC", "TLS"];

/// How identifiers of signatures begin that are not safe any more (DER), and their names: RSA with MD5 and
/// SHA-1, DSA and ECDSA with SHA-1.
const WEAK_SIGNATURES: [(&[u8], &str); 4] = [
    (&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 4], "MD5"),
    (&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5], "SHA-1"),
    (&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3], "SHA-1"),
    (&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "SHA-1"),
];

/// What webpki finds wrong that rustls has no word for, by the name of its variant.
const UNUSABLE: [(&str, &str); 12] = [
    ("CaUsedAsEndEntity", "it is an authority's"),
    ("EmptyEkuExtension", "it is meant for nothing"),
    ("EndEntityUsedAsCa", "it is signed with a certificate that is not an authority's"),
    ("InvalidSerialNumber", "its serial number is not one"),
    ("MalformedDnsIdentifier", "a name that it is for is not one"),
    ("MaximumNameConstraintComparisonsExceeded", "it has too many names"),
    ("MaximumPathBuildCallsExceeded", "too many certificates come with it"),
    ("MaximumPathDepthExceeded", "too many certificates stand between it and an authority"),
    ("MaximumSignatureChecksExceeded", "too many certificates come with it"),
    ("NameConstraintViolation", "its authority may not vouch for its name"),
    ("PathLenConstraintViolated", "more authorities stand behind it than the first of them allows"),
    ("UnsupportedCertVersion", "it is not of X.509 version 3"),
];

/// Says what went wrong in a session.
pub(super) fn of(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => format!("the server gave up ({})", of_alert(*alert)),
        Error::DecryptError => "what came cannot be decrypted".to_owned(),
        Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => {
            "the server sent a message that was not its turn".to_owned()
        }
        Error::InvalidCertificate(error) => format!("of the certificate: {}", unusable(error)),
        Error::InvalidMessage(what) => {
            format!("a message of the server makes no sense ({})", spaced(what))
        }
        Error::NoCertificatesPresented => "the server showed no certificate".to_owned(),
        Error::PeerIncompatible(what) => {
            format!("the server does not speak it as haul does ({})", spaced(what))
        }
        Error::PeerMisbehaved(what) => {
            format!("the server breaks the protocol ({})", spaced(what))
        }
        Error::PeerSentOversizedRecord => "the server sent a record that is too long".to_owned(),
        Error::UnsupportedNameType => "the host's name is of no kind that it knows".to_owned(),
        Error::General(text) => text.clone(),
        other => spaced(other),
    }
}

/// Says why a certificate is of no use.
pub(super) fn unusable(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::BadEncoding => "it cannot be read",
        // With dates that are told rustls has another word for it.
        CertificateError::Expired => "its time ends before it begins",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not meant for a server"
        }
        CertificateError::UnhandledCriticalExtension => UNKNOWN_EXTENSION,
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id, ..
        } => {
            let is_of = |(id, _): &&(&[u8], _)| signature_algorithm_id.starts_with(id);
            return match WEAK_SIGNATURES.iter().find(is_of) {
                Some((_, name)) => {
                    format!(
                        "a signature that vouches for it is by {name}, which is not safe any more"
                    )
                }
                None => "it is signed in a way that haul does not know".to_owned(),
            };
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature is not of the kind of the key that made it"
        }
        CertificateError::Other(other) => {
            let name = other.to_string();
            if name.starts_with("UnsupportedCriticalExtension") {
                return UNKNOWN_EXTENSION.to_owned();
            }
            let known = UNUSABLE.iter().find(|(known, _)| *known == name);
            return known.map_or_else(|| in_words(&name), |(_, words)| (*words).to_owned());
        }
        other => return spaced(other),
    };
    text.to_owned()
}

const UNKNOWN_EXTENSION: &str = "it demands a check that haul does not know (a critical extension)";

/// Puts rustls' error inside an I/O error, if there is one, into words.
pub(super) fn plain(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(found) => io::Error::new(error.kind(), of(found)),
        None => error,
    }
}

/// Returns the name of an alert as RFC 8446 §6 writes it: `handshake_failure`.
pub(super) fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        AlertDescription::Unknown(code) => format!("alert {code}"),
        _ => divided(&format!("{alert:?}"), '_'),
    }
}

/// Makes words of the name of a variant, without what is in it.
fn spaced(variant: &impl Debug) -> String {
    in_words(&format!("{variant:?}"))
}

fn in_words(variant: &str) -> String {
    let name = variant.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let words = divided(name, ' ');
    let known =
        |word: &str| ACRONYMS.iter().find(|known| known.eq_ignore_ascii_case(word)).copied();
    words.split(' ').map(|word| known(word).unwrap_or(word)).collect::<Vec<_>>().join(" ")
}

/// Puts `between` before each capital that follows a small letter or a digit, and makes all letters small.
fn divided(name: &str, between: char) -> String {
    let mut divided = String::new();
    let mut was_small = false;
    for char in name.chars() {
        if char.is_uppercase() && was_small {
            divided.push(between);
        }
        was_small = char.is_lowercase() || char.is_ascii_digit();
        divided.push(char.to_ascii_lowercase());
    }
    divided
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::{AlgorithmIdentifier, UnixTime};
    use rustls::{
        CertRevocationListError, ContentType, EncryptedClientHelloError, ExtendedKeyPurpose,
        HandshakeType, InconsistentKeys, InvalidMessage, OtherError, PeerIncompatible,
        PeerMisbehaved,
    };

    use super::*;

    #[test]
    fn alerts_are_named_as_the_standard_does() {
        #[track_caller]
        fn case(alert: AlertDescription, expected: &str) {
            assert_eq!(of_alert(alert), expected);
        }
        case(AlertDescription::HandshakeFailure, "handshake_failure");
        case(AlertDescription::UnknownCA, "unknown_ca");
        case(AlertDescription::UnrecognisedName, "unrecognized_name");
        case(AlertDescription::NoApplicationProtocol, "no_application_protocol");
        case(AlertDescription::Unknown(200), "alert 200");
    }

    #[test]
    fn variants_become_words() {
        #[track_caller]
        fn case(error: impl Into<Error>, expected: &str) {
            assert_eq!(of(&error.into()), expected);
        }
        case(
            PeerMisbehaved::IllegalTlsInnerPlaintext,
            "the server breaks the protocol (illegal TLS inner plaintext)",
        );
        case(
            PeerMisbehaved::TooManyEmptyFragments,
            "the server breaks the protocol (too many empty fragments)",
        );
        case(
            InvalidMessage::MissingData("ServerHello"),
            "a message of the server makes no sense (missing data)",
        );
        case(
            PeerIncompatible::ServerRejectedEncryptedClientHello(None),
            "the server does not speak it as haul does (server rejected encrypted client hello)",
        );
        case(
            Error::AlertReceived(AlertDescription::BadRecordMac),
            "the server gave up (bad_record_mac)",
        );
        case(Error::EncryptError, "encrypt error");
    }

    /// What webpki says by way of rustls.
    #[derive(Debug)]
    struct Foreign(&'static str);

    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Foreign {}

    fn foreign(name: &'static str) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(Foreign(name))))
    }

    fn signed_by(id: &[u8]) -> CertificateError {
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: id.to_vec(),
            supported_algorithms: vec![AlgorithmIdentifier::from_slice(b"x")],
        }
    }

    #[test]
    fn a_signature_that_is_not_safe_is_named() {
        #[track_caller]
        fn case(id: &[u8], expected: &str) {
            assert_eq!(unusable(&signed_by(id)), expected);
        }
        let weak = |name| {
            format!("a signature that vouches for it is by {name}, which is not safe any more")
        };
        case(&[6, 7, 42, 134, 72, 206, 61, 4, 1], &weak("SHA-1"));
        case(&[6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 4, 5, 0], &weak("MD5"));
        case(&[6, 3, 43, 101, 113], "it is signed in a way that haul does not know");
    }

    #[test]
    fn no_name_of_a_variant_is_left() {
        #[track_caller]
        fn case(words: &str) {
            let is_name = |word: &str| {
                word.contains(['{', '[', '_']) && !word.starts_with('(')
                    || word.chars().any(char::is_lowercase)
                        && word.chars().skip(1).any(char::is_uppercase)
            };
            assert!(!words.is_empty() && !words.split(' ').any(is_name), "{words}");
        }
        let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        for error in [
            Error::InappropriateMessage {
                expect_types: vec![ContentType::Alert],
                got_type: ContentType::Handshake,
            },
            Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ClientHello],
                got_type: HandshakeType::Finished,
            },
            EncryptedClientHelloError::NoCompatibleConfig.into(),
            InvalidMessage::UnexpectedMessage("HelloRequest").into(),
            Error::NoCertificatesPresented,
            Error::UnsupportedNameType,
            Error::DecryptError,
            Error::EncryptError,
            PeerIncompatible::Tls12NotOfferedOrEnabled.into(),
            PeerMisbehaved::SelectedTls12UsingTls13VersionExtension.into(),
            Error::AlertReceived(AlertDescription::CertificateUnobtainable),
            CertificateError::UnknownIssuer.into(),
            CertRevocationListError::ParseError.into(),
            Error::FailedToGetCurrentTime,
            Error::FailedToGetRandomBytes,
            Error::HandshakeNotComplete,
            Error::PeerSentOversizedRecord,
            Error::NoApplicationProtocol,
            Error::BadMaxFragmentSize,
            InconsistentKeys::KeyMismatch.into(),
            Error::Other(OtherError(Arc::new(Foreign("SomethingElse")))),
        ] {
            case(&of(&error));
        }
        for error in [
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::ExpiredContext { time, not_after: time },
            CertificateError::NotValidYet,
            CertificateError::Revoked,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownRevocationStatus,
            CertificateError::ExpiredRevocationListContext { time, next_update: time },
            CertificateError::BadSignature,
            signed_by(&[]),
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![6],
                public_key_algorithm_id: vec![6],
            },
            CertificateError::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![ExtendedKeyPurpose::ClientAuth],
            },
            CertificateError::InvalidOcspResponse,
            CertificateError::ApplicationVerificationFailure,
            foreign("UnsupportedCriticalExtension"),
            foreign("MalformedExtensions"),
            foreign("TrailingData(Certificate)"),
        ] {
            case(&unusable(&error));
        }
        for (name, words) in UNUSABLE {
            assert_eq!(unusable(&foreign(name)), words);
            case(words);
        }
    }

    #[test]
    fn only_what_is_of_tls_is_put_into_other_words() {
        let broken = io::Error::new(io::ErrorKind::InvalidData, Error::DecryptError);
        let told = plain(broken);
        assert_eq!(told.kind(), io::ErrorKind::InvalidData);
        assert_eq!(told.to_string(), "what came cannot be decrypted");
        let reset = plain(io::ErrorKind::ConnectionReset.into());
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(plain(io::Error::other("hello")).to_string(), "hello");
    }
}
