//! Digests: what a whole file can be checked by.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Digest as _;

/// How a digest is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 1321. Broken: it finds accidents, not attacks.
    Md5,
    /// RFC 3174. Broken as well.
    Sha1,
    /// RFC 6234.
    Sha256,
    /// RFC 6234.
    Sha384,
    /// RFC 6234.
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns its name as it is written before a digest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns how many bytes its digests have.
    pub fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Returns the one that is written so, if it is known.
    pub fn named(name: &str) -> Option<Self> {
        // `sha-256`, `SHA256`: everybody writes it in another way.
        let plain: String = name.chars().filter(|&c| c != '-').collect();
        Self::ALL.into_iter().find(|algorithm| plain.eq_ignore_ascii_case(algorithm.name()))
    }
}

/// The digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// Makes one of its bytes, as many as its algorithm gives.
    pub(in crate::model) fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len(), algorithm.size());
        Self { algorithm, bytes }
    }

    /// Returns its bytes.
    pub(in crate::model) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how it is computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns it in hexadecimal digits, without its algorithm.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(2 * self.bytes.len());
        for byte in &self.bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl FromStr for Digest {
    type Err = String;

    /// Reads `ALGORITHM:HEX` (also with `=`, as aria2 has it), the `ALGORITHM-BASE64` of Subresource
    /// Integrity, and bare hexadecimal digits, whose number tells the algorithm.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("`{text}` is not a checksum such as sha256:9f86d0...; known are {names}")
        };
        let separators = text.char_indices().filter(|(_, c)| matches!(c, ':' | '=' | '-'));
        let mut split = separators.filter_map(|(at, separator)| {
            Some((Algorithm::named(&text[..at])?, separator, &text[at + 1..]))
        });
        let (algorithm, bytes) = match split.next_back() {
            Some((algorithm, '-', base64)) => (algorithm, BASE64_STANDARD.decode(base64).ok()),
            Some((algorithm, _, hex)) => (algorithm, from_hex(hex)),
            None => {
                let bytes = from_hex(text).ok_or_else(wrong)?;
                let algorithm =
                    Algorithm::ALL.into_iter().find(|known| known.size() == bytes.len());
                (algorithm.ok_or_else(wrong)?, Some(bytes))
            }
        };
        match bytes {
            Some(bytes) if bytes.len() == algorithm.size() => Ok(Self { algorithm, bytes }),
            Some(bytes) => Err(format!(
                "`{text}` has {} bytes, and {} has {}",
                bytes.len(),
                algorithm.name(),
                algorithm.size()
            )),
            None => Err(wrong()),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    let is_even = text.len().is_multiple_of(2) && !text.is_empty();
    is_even.then(|| text.as_bytes().chunks(2).map(pair).collect()).flatten()
}

/// Computes a digest from bytes in order.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// See [`Algorithm::Md5`].
    Md5(md5::Md5),
    /// See [`Algorithm::Sha1`].
    Sha1(sha1::Sha1),
    /// See [`Algorithm::Sha256`].
    Sha256(sha2::Sha256),
    /// See [`Algorithm::Sha384`].
    Sha384(sha2::Sha384),
    /// See [`Algorithm::Sha512`].
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Begins before the first byte.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all bytes so far.
    pub fn digest(&self) -> Digest {
        let (algorithm, bytes) = match self.clone() {
            Self::Md5(hasher) => (Algorithm::Md5, hasher.finalize().to_vec()),
            Self::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Self::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Self::Sha384(hasher) => (Algorithm::Sha384, hasher.finalize().to_vec()),
            Self::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        Digest { algorithm, bytes }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of no bytes, by coreutils.
    const EMPTY: [&str; 5] = [
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ];

    #[test]
    fn digests_are_those_of_other_programs() {
        for text in EMPTY {
            let digest: Digest = text.parse().unwrap();
            assert_eq!(Hasher::new(digest.algorithm()).digest(), digest);
            assert_eq!(digest.to_string(), text);
        }
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"a");
        hasher.update(b"bc");
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hasher.digest().to_string(), abc);
    }

    #[test]
    fn every_usual_way_to_write_one_is_read() {
        let digest: Digest = EMPTY[2].parse().unwrap();
        let hex = &EMPTY[2]["sha256:".len()..];
        let sri = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let upper = hex.to_uppercase();
        let texts = [
            sri.to_owned(),
            hex.to_owned(),
            format!("SHA-256:{upper}"),
            format!("sha-256={hex}"),
            format!("sha256={hex}"),
        ];
        for text in texts {
            assert_eq!(text.parse(), Ok(digest.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_what_is() {
        #[track_caller]
        fn case(text: &str, why: &str) {
            let told = text.parse::<Digest>().unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        case("", "`` is not a checksum");
        case("sha256:", "`sha256:` is not a checksum");
        case("sha256:xy", "is not a checksum such as sha256:");
        case("crc32:00000000", "known are md5, sha1, sha256, sha384, sha512");
        case("sha256:00", "has 1 bytes, and sha256 has 32");
        case("sha256-====", "is not a checksum");
        case("0123", "is not a checksum");
        case("ü:00", "is not a checksum");
    }

    proptest! {
        #[test]
        fn any_text_returns(text: String) {
            let _ = text.parse::<Digest>();
        }
    }
}
