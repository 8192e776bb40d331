//! Words for TLS: versions, and why it fails with a server.

use std::fmt;
use std::time::SystemTime;

use crate::model::pin::Pin;

/// What is wrong with an answer to plain HTTP that is a record of TLS.
pub const SPEAKS_TLS: &str = "it speaks TLS on this port, not plain HTTP";

/// Returns whether bytes that should be HTTP begin like a record of TLS: an alert, or a handshake.
pub fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 3, ..])
}

/// A version of TLS that is safe to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// Why TLS with a server failed. None of it is better in a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsProblem {
    /// The certificate has the host's IP address as the name of a host.
    AddressAsName,
    /// A signature of the certificate, or of one that vouches for it, is wrong.
    BadSignature,
    /// The server does not take the client certificate.
    CertificateRefused {
        /// The alert or status that it answers.
        answer: String,
    },
    /// The server wants a client certificate, and there is none.
    CertificateWanted {
        /// The alert or status that it answers.
        answer: String,
    },
    /// The certificate's time is over.
    Expired {
        /// When it ended.
        since: SystemTime,
        /// What this machine's clock says.
        now: SystemTime,
        /// Whether it is not the server's own but one that vouches for it.
        is_issuer: bool,
    },
    /// The certificate's time has not begun.
    NotYetValid {
        /// When it begins.
        from: SystemTime,
        /// What this machine's clock says.
        now: SystemTime,
        /// Whether it is not the server's own but one that vouches for it.
        is_issuer: bool,
    },
    /// The peer does not speak TLS.
    NotTls,
    /// The peer speaks HTTP without TLS.
    PlainHttp,
    /// The certificate's public key is none of those that the user named.
    PinMismatch {
        /// The key that it has.
        found: Pin,
    },
    /// The server ends the handshake.
    Refused {
        /// Its alert.
        alert: String,
    },
    /// The certificate was revoked.
    Revoked,
    /// The certificate is its own issuer and nobody vouches for it.
    SelfSigned,
    /// The issuer is not among the trusted roots.
    UnknownIssuer {
        /// Its name, if it can be read.
        issuer: Option<String>,
    },
    /// The certificate cannot be used for a server, or not be read.
    Unusable {
        /// Why not.
        reason: String,
    },
    /// The server speaks no version that is allowed.
    Version {
        /// The least that is.
        least: TlsVersion,
    },
    /// The certificate is for other names.
    WrongHost {
        /// The names it is for.
        names: Vec<String>,
    },
    /// The server's signature of the handshake is not by the key of its certificate.
    WrongKey,
    /// Anything else, in words.
    Other(String),
}
