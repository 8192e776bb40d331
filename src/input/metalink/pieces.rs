//! The hashes of a file's pieces: in their order in RFC 5854, and numbered from 0 in version 3.

use crate::input::metalink::hashes::digest;
use crate::model::digest::Algorithm;
use crate::model::pieces::Pieces;
use crate::model::redact::shorten;

/// How many pieces a file may have: 64 GiB of them of 1 MiB each, and 4 MiB of SHA-512.
const MAX_PIECES: usize = 1 << 16;

/// Pieces whose element is open.
pub(super) struct Open {
    /// Those that have come, or why they cannot be used.
    pieces: Result<Pieces, String>,
    /// The numbers of those that have one.
    numbers: Vec<usize>,
}

impl Open {
    pub(super) fn new(algorithm: Algorithm, length: Option<&str>) -> Self {
        let length = length.and_then(|text| text.trim().parse().ok());
        let pieces = length.and_then(|length| Pieces::new(length, algorithm));
        Self { pieces: pieces.ok_or_else(|| "they have no length".to_owned()), numbers: Vec::new() }
    }

    /// Takes what comes next, with its number if it has one.
    pub(super) fn add(&mut self, number: Option<&str>, text: &str) {
        if let Ok(pieces) = &mut self.pieces
            && let Err(reason) = add(pieces, &mut self.numbers, number, text)
        {
            self.pieces = Err(reason);
        }
    }

    /// Returns all of them, in their order.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub(super) fn complete(self) -> Result<Pieces, String> {
        let pieces = self.pieces?;
        if self.numbers.is_empty() {
            return Ok(pieces);
        }
        let last = pieces.count() - 1;
        pieces
            .ordered(&self.numbers)
            .ok_or_else(|| format!("their numbers are not 0 to {last}, each once"))
    }
}

fn add(
    pieces: &mut Pieces,
    numbers: &mut Vec<usize>,
    number: Option<&str>,
    text: &str,
) -> Result<(), String> {
    if pieces.count() == MAX_PIECES {
        return Err(format!("there are more than {MAX_PIECES}"));
    }
    if let Some(number) = number {
        let wrong = |_| format!("`{}` is not the number of a piece", shorten(number));
        numbers.push(number.trim().parse().map_err(wrong)?);
    }
    pieces.push(&digest(pieces.algorithm(), text)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first digits of the pieces, in their order.
    fn told(hashes: &[(Option<&str>, char)]) -> Result<String, String> {
        let mut open = Open::new(Algorithm::Md5, Some("1"));
        for (number, digit) in hashes {
            open.add(*number, &digit.to_string().repeat(32));
        }
        let pieces = open.complete()?;
        let digests = pieces.of(pieces.count() as u64);
        Ok(digests.filter_map(|(_, digest)| digest.hex().chars().next()).collect())
    }

    #[test]
    fn pieces_with_numbers_are_in_their_order() {
        assert_eq!(told(&[]).unwrap(), "");
        assert_eq!(told(&[(None, 'b'), (None, 'a')]).unwrap(), "ba");
        assert_eq!(told(&[(Some("0"), 'b'), (Some("1"), 'a')]).unwrap(), "ba");
        let mixed = [(Some("1"), 'b'), (Some("2"), 'a'), (Some(" 0 "), 'c')];
        assert_eq!(told(&mixed).unwrap(), "cba");
    }

    #[test]
    fn numbers_that_are_not_those_of_all_pieces_make_them_of_no_use() {
        #[track_caller]
        fn case(numbers: [Option<&str>; 2], why: &str) {
            assert_eq!(told(&numbers.map(|number| (number, 'a'))).unwrap_err(), why);
        }
        let wrong = "their numbers are not 0 to 1, each once";
        case([Some("1"), Some("2")], wrong);
        case([Some("0"), Some("0")], wrong);
        case([Some("0"), Some("2")], wrong);
        case([Some("0"), Some("18446744073709551615")], wrong);
        case([Some("0"), None], wrong);
        case([None, Some("0")], wrong);
        case([Some("0"), Some("-1")], "`-1` is not the number of a piece");
        case([Some(""), Some("1")], "`` is not the number of a piece");
    }
}
