//! A line of a list of checksums: a digest and the name of its file.

use std::borrow::Cow;

use crate::input::entry::{bad_line, checksum};
use crate::model::digest::{Algorithm, Digest};
use crate::model::error::Cause;

/// The fewest hexadecimal digits that are taken for a checksum: those of MD5.
const MIN_DIGITS: usize = 32;

/// What a line says.
pub(in crate::input) struct Sum<'a> {
    /// The digest.
    pub(in crate::input) digest: Box<Digest>,
    /// The name of its file, or its path.
    pub(in crate::input) name: Cow<'a, [u8]>,
}

/// Returns how the digests of a list are computed if its name tells: digits alone look the same for
/// `BLAKE2b` and SHA-512, and for BLAKE3 and SHA-256.
pub(in crate::input) fn algorithm_of(list: &str) -> Option<Algorithm> {
    let name = list.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let has =
        |words: [&str; 2], end: &str| words.iter().any(|w| name.contains(w)) || name.ends_with(end);
    if has(["b2sum", "blake2b"], ".b2") {
        Some(Algorithm::Blake2b)
    } else if has(["b3sum", "blake3"], ".b3") {
        Some(Algorithm::Blake3)
    } else {
        None
    }
}

/// Reads a line of a list. Digits without the name of their algorithm are of `algorithm`, or as their
/// number tells.
///
/// # Errors
/// [`Cause::BadLine`].
pub(in crate::input) fn read(line: &[u8], algorithm: Option<Algorithm>) -> Result<Sum<'_>, Cause> {
    let Some((sum, name)) = split(line) else {
        return Err(bad_line("no checksum with the name of a file"));
    };
    if name == b"-" {
        return Err(bad_line("the checksum is of a standard input, not of a file"));
    }
    let name = match line[0] {
        b'\\' => unescape(name)?,
        _ => Cow::Borrowed(name),
    };
    let digest = match algorithm.filter(|_| !sum.contains(':')) {
        Some(algorithm) => checksum(&format!("{}:{sum}", algorithm.name()))?,
        None => checksum(&sum)?,
    };
    Ok(Sum { digest, name })
}

/// Splits a line into its checksum and the name of its file, which may be escaped.
pub(super) fn split(line: &[u8]) -> Option<(String, &[u8])> {
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    split_gnu(line).or_else(|| split_tag(line))
}

/// Splits `HEX  name` and `HEX *name`.
fn split_gnu(line: &[u8]) -> Option<(String, &[u8])> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let rest = line[end..].strip_prefix(b" ").or_else(|| line[end..].strip_prefix(b"\t"))?;
    // The second character says how the file was read.
    let name = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"*")).unwrap_or(rest);
    let is_sum = end >= MIN_DIGITS && !name.is_empty();
    is_sum.then(|| (String::from_utf8_lossy(&line[..end]).into_owned(), name))
}

/// Splits `SHA256 (name) = HEX`, and the `SHA2-256(name)= HEX` of OpenSSL.
fn split_tag(line: &[u8]) -> Option<(String, &[u8])> {
    let open = line.iter().position(|&byte| byte == b'(')?;
    let close = line.iter().rposition(|&byte| byte == b')').filter(|&close| close > open)?;
    let algorithm = std::str::from_utf8(&line[..open]).ok()?.trim_ascii_end();
    let digits = line[close + 1..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let digits = std::str::from_utf8(digits).ok()?;
    let is_word =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/".contains(&b));
    let name = &line[open + 1..close];
    if algorithm.is_empty() || digits.is_empty() || !is_word(algorithm) || !is_word(digits) {
        return None;
    }
    let algorithm = match algorithm.strip_prefix("SHA2-") {
        Some(size) => Cow::Owned(format!("SHA{size}")),
        None => Cow::Borrowed(algorithm),
    };
    Some((format!("{algorithm}:{digits}"), name))
}

/// Takes back what is done to a name in a line that begins with a backslash.
fn unescape(name: &[u8]) -> Result<Cow<'_, [u8]>, Cause> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            (_, true) => match bytes.next() {
                Some(b'\\') => b'\\',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                _ => return Err(bad_line("the name has a backslash that stands for nothing")),
            },
        });
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_list_tells_what_digits_alone_do_not() {
        #[track_caller]
        fn case(list: &str, algorithm: Option<Algorithm>) {
            assert_eq!(algorithm_of(list), algorithm, "{list}");
        }
        case("SHA512SUMS", None);
        case("b2sums/SHA512SUMS", None);
        case("rel/B2SUMS", Some(Algorithm::Blake2b));
        case("a.iso.b2", Some(Algorithm::Blake2b));
        case("a.iso.b2sum", Some(Algorithm::Blake2b));
        case("B3SUMS.txt", Some(Algorithm::Blake3));
        case("a.blake3", Some(Algorithm::Blake3));
        case("-", None);
    }

    #[test]
    fn digits_alone_are_of_the_algorithm_of_the_list() {
        #[track_caller]
        fn case(line: &str, list: Option<Algorithm>, algorithm: Algorithm) {
            let sum = read(line.as_bytes(), list).ok().unwrap();
            assert_eq!((sum.digest.algorithm(), &*sum.name), (algorithm, &b"a"[..]));
        }
        let (short, long) = ("00".repeat(32), "00".repeat(64));
        case(&format!("{long}  a"), None, Algorithm::Sha512);
        case(&format!("{long}  a"), Some(Algorithm::Blake2b), Algorithm::Blake2b);
        case(&format!("{short} *a"), Some(Algorithm::Blake3), Algorithm::Blake3);
        case(&format!("SHA256 (a) = {short}"), Some(Algorithm::Blake3), Algorithm::Sha256);
        case(&format!("BLAKE2b (a) = {long}"), None, Algorithm::Blake2b);
        case(&format!("BLAKE2B-512(a)= {long}"), None, Algorithm::Blake2b);
        case(&format!("BLAKE3 (a) = {short}"), None, Algorithm::Blake3);
        assert!(read(format!("{short}  a").as_bytes(), Some(Algorithm::Blake2b)).is_err());
        assert!(read(format!("BLAKE2b-256 (a) = {short}").as_bytes(), None).is_err());
    }
}
