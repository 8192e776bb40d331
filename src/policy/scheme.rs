//! The schemes of URLs that haul speaks, and which of them the user allows (`--proto`).

use std::str::FromStr;

/// What haul speaks.
const KNOWN: [&str; 4] = ["http", "https", "file", "data"];

/// Returns whether haul speaks a scheme.
pub fn is_known(scheme: &str) -> bool {
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

/// Schemes that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes([bool; KNOWN.len()]);

impl Default for Schemes {
    fn default() -> Self {
        Self([true; KNOWN.len()])
    }
}

impl Schemes {
    /// Returns whether a scheme is allowed.
    pub fn allow(self, scheme: &str) -> bool {
        KNOWN.iter().zip(self.0).any(|(known, allowed)| allowed && *known == scheme)
    }
}

impl FromStr for Schemes {
    type Err = String;

    /// Reads a list as curl does: `https` or `=https` allows this one alone, `+https` this one too, `-http`
    /// all but this one; `all` stands for all. Schemes that haul does not speak are allowed in vain.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut schemes = Self::default();
        for (index, item) in text.split(',').map(str::trim).enumerate() {
            let (sign, name) = match item.chars().next() {
                Some(sign @ ('+' | '-' | '=')) => (sign, &item[1..]),
                _ if index == 0 => ('=', item),
                _ => ('+', item),
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(format!("`{item}` is no scheme; such as `https` or `-http` is one"));
            }
            if sign == '=' {
                schemes = Self([false; KNOWN.len()]);
            }
            for (known, allowed) in KNOWN.iter().zip(&mut schemes.0) {
                if name.eq_ignore_ascii_case(known) || name.eq_ignore_ascii_case("all") {
                    *allowed = sign != '-';
                }
            }
        }
        if schemes.0.contains(&true) {
            Ok(schemes)
        } else {
            Err(format!("`{text}` allows nothing; haul speaks {}", KNOWN.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_by_curl() {
        #[track_caller]
        fn case(text: &str, allowed: &[&str]) {
            let schemes: Schemes = text.parse().unwrap();
            let found: Vec<_> = KNOWN.into_iter().filter(|known| schemes.allow(known)).collect();
            assert_eq!(found, allowed, "{text}");
        }
        case("https", &["https"]);
        case("=https", &["https"]);
        case("https,http", &["http", "https"]);
        case("-http", &["https", "file", "data"]);
        case("-file,-data", &["http", "https"]);
        case("-all,https", &["https"]);
        case("-all,+HTTPS", &["https"]);
        case("all", &KNOWN);
        case("https, ftp", &["https"]);
        case("http,=data", &["data"]);
    }

    #[test]
    fn what_allows_nothing_is_refused() {
        for text in ["", ",", "-", "http s", "ftp", "-all", "https,"] {
            assert!(text.parse::<Schemes>().is_err(), "{text}");
        }
        assert!(!Schemes::default().allow("ftp"));
    }
}
