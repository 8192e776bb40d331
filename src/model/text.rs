//! Text from servers, URLs and lists, made safe for a terminal and for a line of output; and what a file of it
//! may begin with.

use std::fmt;

/// What some editors write before a text in UTF-8 (RFC 3629 §6). It is no part of it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Shows a text with every character that could move a cursor, hide or reorder other text
/// replaced by its escape: C0, DEL and C1 controls, line and paragraph separators, bidirectional
/// controls (CVE-2009-3376, CVE-2024-52005).
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly all texts are of letters, digits and signs; `fold` looks at many bytes at once.
        if self.0.bytes().fold(true, |all, byte| all & (0x20..0x7f).contains(&byte)) {
            return f.write_str(self.0);
        }
        for c in self.0.chars() {
            if is_deceptive(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

/// Returns whether `c` controls a terminal or the order of the text around it, or is not seen at all. The two
/// joiners (U+200C, U+200D) are: they shape what they stand between.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidi_characters_are_escaped_and_others_kept() {
        assert_eq!(
            Printable("a\x1b[31mb\u{202e}gpj.exe\nü日").to_string(),
            "a\\u{1b}[31mb\\u{202e}gpj.exe\\nü日"
        );
        assert!(!is_deceptive('\u{200c}') && !is_deceptive('\u{200d}'));
    }
}
