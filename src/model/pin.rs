//! The hash of a public key, by which a server can be known whoever vouches for it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// What a pin begins with, as in curl's `--pinnedpubkey`.
const PREFIX: &str = "sha256//";

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// Returns the pin of a `SubjectPublicKeyInfo` in DER.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a pin such as `{PREFIX}` and 44 characters of base64");
        let hash = text.strip_prefix(PREFIX).ok_or_else(wrong)?;
        let bytes = BASE64_STANDARD.decode(hash).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_written_as_it_is_read() {
        let text = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Pin::of(b""), text.parse().unwrap());
        assert_eq!(Pin::of(b"").to_string(), text);
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for text in [
            "",
            "sha256//",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "sha256//47DEQpj8HBSa",
            "sha1//2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "key.pem",
        ] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }
}
