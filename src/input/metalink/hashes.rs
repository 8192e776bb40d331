//! The hashes of one file, of which the strongest that can be used counts.
//!
//! One that is malformed fails nothing while another can be used; alone it does, for then the file was
//! to be checked and cannot be.

use crate::model::digest::{Algorithm, Digest};

/// What is wrong, and the line it is on.
type Wrong = (u64, String);

/// The hashes of a file whose element is open.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    strongest: Option<Digest>,
    /// The line of one that contradicts the strongest.
    contradiction: Option<u64>,
    /// The first that is none, whatever its algorithm.
    malformed: Option<Wrong>,
    has_unknown: bool,
}

/// What came of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There are none.
    Absent,
    /// The strongest contradict each other, and how.
    Contradictory(Wrong),
    /// All are of kinds that are not known.
    Unknown,
    /// Of the kinds that are known none can be used, and why.
    Unusable(Wrong),
    /// The strongest, and why another is not used.
    Usable(Digest, Option<Wrong>),
}

impl Hashes {
    /// Takes the hash on `line`, of the type `kind`.
    pub(super) fn add(&mut self, kind: Option<&str>, text: &str, line: u64) {
        let Some(algorithm) = kind.and_then(Algorithm::named) else {
            return self.add_unknown();
        };
        let new = match digest(algorithm, text) {
            Ok(new) => new,
            Err(reason) => {
                self.malformed.get_or_insert((line, reason));
                return;
            }
        };
        match &self.strongest {
            Some(old) if old.algorithm() > algorithm || *old == new => {}
            Some(old) if old.algorithm() == algorithm => {
                self.contradiction.get_or_insert(line);
            }
            _ => {
                self.strongest = Some(new);
                // Of one that is weaker.
                self.contradiction = None;
            }
        }
    }

    /// Says that there is one that is not looked at.
    pub(super) fn add_unknown(&mut self) {
        self.has_unknown = true;
    }

    /// Says what came of all.
    pub(super) fn outcome(self) -> Outcome {
        match (self.strongest, self.contradiction, self.malformed) {
            (Some(strongest), Some(line), _) => {
                let name = strongest.algorithm().name();
                Outcome::Contradictory((line, format!("two `{name}` that contradict each other")))
            }
            (Some(strongest), None, malformed) => Outcome::Usable(strongest, malformed),
            (None, _, Some(malformed)) => Outcome::Unusable(malformed),
            (None, _, None) if self.has_unknown => Outcome::Unknown,
            (None, _, None) => Outcome::Absent,
        }
    }
}

/// Reads the digits of a hash, between which there may be blanks.
///
/// # Errors
/// Why they are none.
pub(super) fn digest(algorithm: Algorithm, hex: &str) -> Result<Digest, String> {
    // No longer one is a digest, and it may be told.
    let hex: String = hex.chars().filter(|c| !c.is_ascii_whitespace()).take(161).collect();
    format!("{}:{hex}", algorithm.name()).parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const ZEROS: &str = "00000000000000000000000000000000";

    fn outcome(hashes: &[(&str, &str)]) -> String {
        let mut all = Hashes::default();
        for (line, (kind, text)) in (1..).zip(hashes) {
            all.add(Some(*kind).filter(|kind| !kind.is_empty()), text, line);
        }
        let told = |(line, why): Wrong| format!("{line}: {}", why.split(" such").next().unwrap());
        match all.outcome() {
            Outcome::Absent => "absent".to_owned(),
            Outcome::Unknown => "unknown".to_owned(),
            Outcome::Contradictory(why) => told(why),
            Outcome::Unusable(why) => format!("unusable {}", told(why)),
            Outcome::Usable(digest, None) => digest.algorithm().name().to_owned(),
            Outcome::Usable(digest, Some(why)) => {
                format!("{} not {}", digest.algorithm().name(), told(why))
            }
        }
    }

    #[test]
    fn the_strongest_that_can_be_used_counts() {
        #[track_caller]
        fn case(hashes: &[(&str, &str)], expected: &str) {
            assert_eq!(outcome(hashes), expected);
        }
        let (long, short) = (ZEROS.repeat(2), &ZEROS[1..]);
        case(&[], "absent");
        case(&[("", MD5), ("whirl", "x")], "unknown");
        case(&[("md5", MD5), ("sha-1", SHA1), ("MD5", ZEROS), ("x", "x")], "sha1");
        case(&[("sha256", &long), ("blake3", &long)], "blake3");
        case(&[("blake3", &long), ("sha256", &long)], "blake3");
        // What is weaker is not needed.
        case(
            &[("md5", short), ("sha1", SHA1)],
            &format!("sha1 not 1: `md5:{short}` is not a checksum"),
        );
        case(
            &[("sha1", SHA1), ("md5", "x"), ("md5", "y")],
            "sha1 not 2: `md5:x` is not a checksum",
        );
        case(&[("sha1", "x"), ("md5", MD5)], "md5 not 1: `sha1:x` is not a checksum");
        case(&[("md5", MD5), ("md5", ZEROS), ("sha1", SHA1)], "sha1");
        case(&[("md5", MD5), ("md5", &MD5.to_uppercase())], "md5");
        case(&[("x", "x"), ("md5", ""), ("md5", "y")], "unusable 2: `md5:` is not a checksum");
        let contradiction = "3: two `md5` that contradict each other";
        case(&[("md5", MD5), ("md5", "x"), ("md5", ZEROS)], contradiction);
    }
}
