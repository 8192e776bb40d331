//! Lists in UTF-16, as `>` of Windows PowerShell writes them: told by their first bytes, and decoded as
//! they are read.
//!
//! What came before a damaged place is given, and only then is it told: a character that stands for
//! another would make another URL.

use std::io::{self, Cursor, Read};

use crate::input::head::{self, Again, TooFew};

/// How many bytes are read at once.
const PIECE: usize = 16 * 1024;

/// The first bytes of what is in UTF-16: a byte-order mark, or XML without one.
const BEGINS: [(&[u8], Order); 4] = [
    (b"\xff\xfe", u16::from_le_bytes),
    (b"\xfe\xff", u16::from_be_bytes),
    (b"<\0?\0", u16::from_le_bytes),
    (b"\0<\0?", u16::from_be_bytes),
];

/// Makes a code unit of its bytes.
type Order = fn([u8; 2]) -> u16;

/// A list as UTF-8, or as what it is if it is not in UTF-16.
pub(super) enum Text<R> {
    AsIs(Again<R>),
    Decoded(Utf16<Again<R>>),
}

/// Looks whether a list is in UTF-16; gives it from its first byte on, with its mark.
///
/// # Errors
/// What the source says.
pub(super) fn text<R: Read>(bytes: R) -> io::Result<Text<R>> {
    let (order, bytes) = head::look(bytes, judge)?;
    Ok(match order {
        None => Text::AsIs(bytes),
        Some(order) => Text::Decoded(Utf16::new(order, bytes)),
    })
}

fn judge(head: &[u8]) -> Result<Option<Order>, TooFew> {
    if let Some((_, order)) = BEGINS.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Ok(Some(*order));
    }
    let may_be = BEGINS.iter().any(|(begin, _)| begin.starts_with(head));
    if may_be { Err(TooFew) } else { Ok(None) }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::AsIs(bytes) => bytes.read(buffer),
            Self::Decoded(text) => text.read(buffer),
        }
    }
}

/// A list in UTF-16, given in UTF-8.
pub(super) struct Utf16<R> {
    source: R,
    order: Order,
    /// The first byte of a code unit.
    half: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
    /// What was decoded and not given yet.
    text: Cursor<String>,
    /// Whether what follows is damaged.
    is_broken: bool,
}

impl<R: Read> Utf16<R> {
    fn new(order: Order, source: R) -> Self {
        let text = Cursor::new(String::new());
        Self { source, order, half: None, high: None, text, is_broken: false }
    }

    /// Decodes what comes next; returns whether anything did.
    fn decode(&mut self) -> io::Result<bool> {
        let mut bytes = [0; PIECE];
        let count = self.source.read(&mut bytes)?;
        self.text.set_position(0);
        self.text.get_mut().clear();
        if count == 0 {
            self.is_broken = self.half.is_some() || self.high.is_some();
            return Ok(self.is_broken);
        }
        for &byte in &bytes[..count] {
            let Some(first) = self.half.take() else {
                self.half = Some(byte);
                continue;
            };
            if !self.take((self.order)([first, byte])) {
                self.is_broken = true;
                break;
            }
        }
        Ok(true)
    }

    /// Takes a code unit; returns whether it can stand here.
    fn take(&mut self, unit: u16) -> bool {
        if self.high.is_none() && matches!(unit, 0xd800..=0xdbff) {
            self.high = Some(unit);
            return true;
        }
        let units = self.high.take().into_iter().chain([unit]);
        char::decode_utf16(units).all(|character| {
            character.is_ok_and(|character| {
                self.text.get_mut().push(character);
                true
            })
        })
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.text.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if self.is_broken {
                let why = "its UTF-16 is damaged, or only its beginning is in UTF-16";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if !self.decode()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes a few at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()).min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            self.0 = rest;
            Ok(now.len())
        }
    }

    /// Returns what could be read, and whether all of it.
    fn read(bytes: &[u8], at_once: usize) -> (Vec<u8>, bool) {
        let mut read = Vec::new();
        let is_whole = text(Slow(bytes, at_once)).unwrap().read_to_end(&mut read).is_ok();
        (read, is_whole)
    }

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn big(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn utf_16_is_told_by_its_first_bytes() {
        #[track_caller]
        fn case(bytes: &[u8], text: &str) {
            for at_once in [1, 2, 3, 100] {
                assert_eq!(read(bytes, at_once), (text.as_bytes().to_vec(), true));
            }
        }
        let text = "\u{feff}http://a/ü€😀\r\nhttp://b/\r\n";
        case(&little(text), text);
        case(&big(text), text);
        case(text.as_bytes(), text);
        case(&little("<?xml ?>"), "<?xml ?>");
        case(&big("<?xml ?>"), "<?xml ?>");
        for as_is in ["", "<", "<?xml", "h\0", "\u{feff}", "http://a/"] {
            case(as_is.as_bytes(), as_is);
        }
        case(b"\xff\xfe", "\u{feff}");
        assert_eq!(read(b"\xff", 1), (b"\xff".to_vec(), true));
        assert_eq!(read(b"\xfea", 1), (b"\xfea".to_vec(), true));
    }

    #[test]
    fn what_came_before_damage_is_given_and_the_damage_told() {
        let good = little("\u{feff}a\n");
        for damage in [&b"h"[..], b"\0\xd8", b"\0\xd8h\0", b"\0\xdc", b"\0\xd8\0\xd8\0\xdc"] {
            for at_once in [1, 3, 100] {
                let told = read(&[&good, damage].concat(), at_once);
                assert_eq!(told, ("\u{feff}a\n".as_bytes().to_vec(), false), "{damage:?}");
            }
        }
    }

    #[test]
    fn nothing_is_waited_for_while_something_can_be_given() {
        let bytes = [little("\u{feff}a\n"), little("b\n")].concat();
        let mut text = text(Slow(&bytes, 6)).unwrap();
        let mut buffer = [0; 100];
        let counts: Vec<_> = (0..3).map(|_| text.read(&mut buffer).unwrap()).collect();
        assert_eq!(counts, [5, 2, 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_decoded(text: String, at_once in 1_usize..20) {
            let text = format!("\u{feff}{text}");
            let told = (text.clone().into_bytes(), true);
            prop_assert_eq!(&read(&little(&text), at_once), &told);
            prop_assert_eq!(&read(&big(&text), at_once), &told);
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes: Vec<u8>, at_once in 1_usize..20) {
            let _ = read(&bytes, at_once);
            let (read, _) = read(&[b"\xff\xfe", &bytes[..]].concat(), at_once);
            prop_assert!(std::str::from_utf8(&read).is_ok());
        }
    }
}
