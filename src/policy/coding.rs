//! How a server packed a body (Content-Encoding, RFC 9110 §8.4), and whether it is unpacked.

/// A way to pack, of those that haul unpacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// What is asked for when bodies are to be unpacked (RFC 9110 §12.5.3).
pub const ACCEPTED: &str = "gzip, br, zstd";

/// How many times over a body may be packed to be unpacked.
pub const MAX_LAYERS: usize = 2;

/// How many times as long as what came an unpacked body may be, once it is long. Text is packed to a
/// twentieth at best; a thousandth is a trap, or nothing but zeros.
const MAX_RATIO: u64 = 250;

/// Until here nothing is said against a ratio.
const ALWAYS: u64 = 64 * 1024 * 1024;

impl Coding {
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Zstd];

    /// Returns its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the ends of names that say that a file is packed so for good.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Brotli => &["br"],
            Self::Gzip => &["gz", "tgz", "svgz", "gzip"],
            Self::Zstd => &["zst", "tzst", "zstd"],
        }
    }
}

/// Reads the field, in the order in which the codings were applied. Without one, and with `identity`
/// alone, it is empty.
///
/// # Errors
/// The first coding that haul cannot unpack, as it was written.
pub fn read(field: &str) -> Result<Vec<Coding>, String> {
    let names = field.split(',').map(str::trim);
    let packed = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    packed
        .map(|name| {
            let plain = name.strip_prefix("x-").or_else(|| name.strip_prefix("X-")).unwrap_or(name);
            let known = Coding::ALL.into_iter().find(|c| plain.eq_ignore_ascii_case(c.name()));
            known.ok_or_else(|| name.to_owned())
        })
        .collect()
}

/// Returns whether the path of a URL ends as one of a file that is packed so for good: then unpacking it
/// would leave another file than its name says.
pub fn is_in_name(codings: &[Coding], path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((_, end)) = name.rsplit_once('.') else { return false };
    let mut suffixes = codings.iter().flat_map(|coding| coding.suffixes());
    suffixes.any(|suffix| end.eq_ignore_ascii_case(suffix))
}

/// Returns whether so much was unpacked of so little that it can only be a trap.
pub fn is_too_much(packed: u64, unpacked: u64) -> bool {
    unpacked > ALWAYS && unpacked > packed.saturating_mul(MAX_RATIO)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Zstd};
    use super::*;

    #[test]
    fn codings_are_read_in_their_order() {
        assert_eq!(read("gzip"), Ok(vec![Gzip]));
        assert_eq!(read("X-GZIP"), Ok(vec![Gzip]));
        assert_eq!(read("br, zstd ,identity"), Ok(vec![Brotli, Zstd]));
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("identity"), Ok(Vec::new()));
        assert_eq!(read("gzip, compress"), Err("compress".to_owned()));
        assert_eq!(read("aws-chunked"), Err("aws-chunked".to_owned()));
    }

    #[test]
    fn what_is_named_as_packed_stays_packed() {
        assert!(is_in_name(&[Gzip], "/d/x.tar.gz"));
        assert!(is_in_name(&[Gzip], "/d/x.TGZ"));
        assert!(is_in_name(&[Brotli, Zstd], "/x.zst"));
        assert!(!is_in_name(&[Gzip], "/d.gz/x.txt"));
        assert!(!is_in_name(&[Brotli], "/x.gz"));
        assert!(!is_in_name(&[Gzip], "/gz"));
        assert!(!is_in_name(&[], "/x.gz"));
    }

    #[test]
    fn only_a_long_body_can_be_a_trap() {
        assert!(!is_too_much(10, ALWAYS));
        assert!(is_too_much(10, ALWAYS + 1));
        assert!(!is_too_much(ALWAYS, ALWAYS * MAX_RATIO));
        assert!(is_too_much(ALWAYS, ALWAYS * MAX_RATIO + 1));
        assert!(!is_too_much(u64::MAX, u64::MAX));
    }
}
