//! JSON that is one line and safe for a terminal, whatever is in its strings.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::model::text::is_deceptive;

/// What most lines fit into.
const CAPACITY: usize = 512;

/// Returns a value as one line with its end.
pub(in crate::report) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(CAPACITY);
    let mut serializer = Serializer::with_formatter(&mut line, Escaping);
    // Neither memory nor a struct of texts and numbers can fail.
    let _ = value.serialize(&mut serializer);
    line.push(b'\n');
    line
}

/// Compact, with an escape for each character that could act on a terminal. JSON itself asks for that
/// below U+0020 only.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_deceptive(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_the_rest_kept() {
        let text = "a\"\\\n\u{1b}\u{7f}\u{9b}\u{202e}\u{2028}\u{e0041}ü日";
        let line = String::from_utf8(line(&text)).unwrap();
        let shown = r#""a\"\\\n\u001b\u007f\u009b\u202e\u2028\udb40\udc41ü日""#;
        assert_eq!(line, format!("{shown}\n"));
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    proptest! {
        #[test]
        fn any_text_is_one_safe_line_and_comes_back(text: String) {
            let line = String::from_utf8(line(&text)).unwrap();
            prop_assert_eq!(line.find(is_deceptive), Some(line.len() - 1));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
