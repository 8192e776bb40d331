//! How a body is coded for its transfer (Transfer-Encoding, RFC 9112 §6.1).

/// What all lines of the field say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferCoding {
    /// The body comes in chunks.
    Chunked,
    /// The body comes as it is: there is no such field, or it says no more than `identity`, which was a coding
    /// before RFC 7230.
    Identity,
    /// The body is coded in another way, or in one that is not told.
    Unknown,
}

/// Reads all lines of the field. Chunked that is said twice is meant once, as curl and browsers take it:
/// proxies add a line without a look at the one that is there.
pub fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> TransferCoding {
    let (mut is_chunked, mut is_told, mut is_there) = (false, false, false);
    for line in lines {
        is_there = true;
        for coding in line.split(|&byte| byte == b',').map(trim) {
            // Empty elements of a list are nothing (RFC 9110 §5.6.1.2).
            if coding.is_empty() {
                continue;
            }
            is_told = true;
            if coding.eq_ignore_ascii_case(b"chunked") {
                is_chunked = true;
            } else if !coding.eq_ignore_ascii_case(b"identity") {
                return TransferCoding::Unknown;
            }
        }
    }
    match (is_chunked, is_told == is_there) {
        (true, _) => TransferCoding::Chunked,
        (false, true) => TransferCoding::Identity,
        (false, false) => TransferCoding::Unknown,
    }
}

/// Takes off the blanks that may be around an element, and nothing else (RFC 9110 §5.6.3).
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::TransferCoding::{Chunked, Identity, Unknown};
    use super::*;

    #[test]
    fn chunked_and_nothing_are_understood_however_they_are_said() {
        #[track_caller]
        fn case(lines: &[&str], coding: TransferCoding) {
            assert_eq!(read(lines.iter().map(|line| line.as_bytes())), coding, "{lines:?}");
        }
        case(&[], Identity);
        case(&["identity"], Identity);
        case(&["Identity,", "identity"], Identity);
        for lines in [
            &["chunked"][..],
            &[" Chunked\t"],
            &["chunked", "chunked"],
            &["chunked, chunked"],
            &[", chunked"],
            &["chunked,"],
            &[" ,\t,chunked"],
            &["", "chunked"],
            &["identity, chunked"],
            &["chunked", "identity"],
        ] {
            case(lines, Chunked);
        }
        for lines in [
            &["gzip"][..],
            &["gzip, chunked"],
            &["chunked", "deflate"],
            &["identity, x"],
            &["chunked;q=1"],
            &["chunked chunked"],
            &["\"chunked\""],
            &["\x0cchunked"],
            &["\x0bchunked"],
            &["xchunked"],
            &[""],
            &[" , "],
        ] {
            case(lines, Unknown);
        }
    }
}
