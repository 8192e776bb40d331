//! The armour of a list that is signed in the clear (RFC 9580 §7), and of what is signed.

/// The first line of such a list.
pub(super) const BEGIN_SIGNED: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &[u8] = b"-----END PGP SIGNATURE-----";

/// Where in a signed list a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// In a list that is not signed, or behind its signature.
    #[default]
    Plain,
    /// In the header that tells how the list was hashed for its signature.
    Header,
    /// In what was signed.
    Signed,
    /// In the signature.
    Signature,
}

/// Follows the parts of a signed list from line to line.
#[derive(Debug, Default)]
pub(in crate::input) struct Armour {
    part: Part,
}

impl Armour {
    /// Takes a line that says something, without blanks before it; returns what it says of a file, if it
    /// may. That nobody checks the signature is told where one begins.
    pub(in crate::input) fn enter<'a>(
        &mut self,
        line: &'a [u8],
        list: &str,
        warnings: &mut Vec<String>,
    ) -> Option<&'a [u8]> {
        match (self.part, line.trim_ascii_end()) {
            (Part::Plain, BEGIN_SIGNED) => {
                self.part = Part::Header;
                warnings.push(format!("{list}: the signature of the list is not checked"));
                return None;
            }
            (Part::Header | Part::Signed, BEGIN_SIGNATURE) => {
                self.part = Part::Signature;
                return None;
            }
            (Part::Header, _) if is_header(line) => return None,
            (Part::Header, _) => self.part = Part::Signed,
            (Part::Signature, END_SIGNATURE) => {
                self.part = Part::Plain;
                return None;
            }
            (Part::Signature, line) if is_header(line) || is_armour(line) => return None,
            // Its end is missing, and this is no part of it.
            (Part::Signature, _) => self.part = Part::Plain,
            (Part::Plain | Part::Signed, _) => {}
        }
        // What was signed has this before each line that begins with a dash.
        let escaped = line.strip_prefix(b"- ").filter(|_| self.part == Part::Signed);
        Some(escaped.unwrap_or(line))
    }
}

/// Returns whether a line is a header field of an armour.
fn is_header(line: &[u8]) -> bool {
    let key = line.iter().position(|&byte| byte == b':').map(|end| &line[..end]);
    key.is_some_and(|key| key.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Returns whether a line is of an armour's body: Base64.
fn is_armour(line: &[u8]) -> bool {
    line.iter().all(|&b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}
