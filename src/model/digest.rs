//! Digests: what a whole file can be checked by.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::model::size::count;

mod hasher;

pub use hasher::Hasher;

/// How a digest is computed. They are ordered by strength, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// The CRC of Ethernet and gzip. This and the other CRCs find accidents only, and only servers
    /// declare them.
    Crc32,
    /// RFC 9260, Appendix A.
    Crc32c,
    /// NVM Express, NVM Command Set Specification, 64b CRC.
    Crc64Nvme,
    /// RFC 1321. Broken: it finds accidents, not attacks.
    Md5,
    /// RFC 3174. Broken as well.
    Sha1,
    /// RFC 6234.
    Sha224,
    /// RFC 6234.
    Sha256,
    /// Of 256 bits, as `b3sum` prints it.
    Blake3,
    /// RFC 6234.
    Sha384,
    /// RFC 7693, of 512 bits, as `b2sum` prints it.
    Blake2b,
    /// RFC 6234.
    Sha512,
}

impl Algorithm {
    /// What a user may name. Of those with digests of one size the first is meant where only digits
    /// are given.
    pub const NAMED: [Self; 8] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Blake2b,
        Self::Blake3,
    ];

    /// Returns its name as it is written before a digest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
            Self::Sha384 => "sha384",
            Self::Blake2b => "blake2b",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns how many bytes its digests have.
    pub fn size(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha384 => 48,
            Self::Blake2b | Self::Sha512 => 64,
        }
    }

    /// Returns the one that is written so, if it is known.
    pub fn named(name: &str) -> Option<Self> {
        // `sha-256`, `SHA256`: everybody writes it in another way.
        let plain: String = name.chars().filter(|&c| c != '-').collect();
        if plain.eq_ignore_ascii_case("blake2b512") {
            return Some(Self::Blake2b);
        }
        Self::NAMED.into_iter().find(|algorithm| plain.eq_ignore_ascii_case(algorithm.name()))
    }
}

impl FromStr for Algorithm {
    type Err = String;

    /// Reads a name, in upper or lower case and with or without dashes.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::named(name).ok_or_else(|| format!("known are {}", known()))
    }
}

fn known() -> String {
    Algorithm::NAMED.map(Algorithm::name).join(", ")
}

/// The digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// Makes one of its bytes; `None` when their number is not that of the algorithm.
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.size()).then_some(Self { algorithm, bytes })
    }

    /// Returns the SHA-256 among digests of a file, if it is there.
    pub fn sha256_of(digests: &[Self]) -> Option<&Self> {
        digests.iter().find(|digest| digest.algorithm == Algorithm::Sha256)
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
            format!("`{text}` is not a checksum such as sha256:9f86d0...; known are {}", known())
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
                let has_size = |known: &Algorithm| known.size() == bytes.len();
                (Algorithm::NAMED.into_iter().find(has_size).ok_or_else(wrong)?, Some(bytes))
            }
        };
        match bytes {
            Some(bytes) if bytes.len() == algorithm.size() => Ok(Self { algorithm, bytes }),
            Some(bytes) => Err(format!(
                "`{text}` has {}, and {} has {}",
                count(bytes.len() as u64, "byte"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn every_usual_way_to_write_one_is_read() {
        let digest: Digest = SHA256.parse().unwrap();
        let hex = &SHA256["sha256:".len()..];
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
        case(
            "crc32:00000000",
            "known are md5, sha1, sha224, sha256, sha384, sha512, blake2b, blake3",
        );
        case("blake2b-256:00", "is not a checksum");
        case("sha256:00", "has 1 byte, and sha256 has 32");
        case("sha256-====", "is not a checksum");
        case("0123", "is not a checksum");
        case("ü:00", "is not a checksum");
    }

    #[test]
    fn algorithms_are_known_by_their_names_and_digits_by_their_number() {
        #[track_caller]
        fn case(text: &str, algorithm: Algorithm) {
            assert_eq!(text.parse::<Digest>().unwrap().algorithm(), algorithm);
        }
        let zeros = |algorithm: Algorithm| "00".repeat(algorithm.size());
        for algorithm in Algorithm::NAMED {
            assert_eq!(algorithm.name().to_uppercase().parse(), Ok(algorithm));
            case(&format!("{}:{}", algorithm.name(), zeros(algorithm)), algorithm);
        }
        case(&format!("BLAKE2b-512:{}", zeros(Algorithm::Blake2b)), Algorithm::Blake2b);
        case(&zeros(Algorithm::Sha224), Algorithm::Sha224);
        case(&zeros(Algorithm::Blake3), Algorithm::Sha256);
        case(&zeros(Algorithm::Blake2b), Algorithm::Sha512);
        assert!("crc32".parse::<Algorithm>().unwrap_err().starts_with("known are md5, "));
        assert_eq!(Digest::new(Algorithm::Crc32, vec![0; 3]), None);
    }

    proptest! {
        #[test]
        fn any_text_returns(text: String) {
            let _ = text.parse::<Digest>();
        }
    }
}
