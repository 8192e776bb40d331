//! Names of files: from a URL's path, and through the one filter that every name passes.
//!
//! What comes out of the filter is one normal path component that neither hides, deceives, nor
//! leaves the folder: no separator, no control or bidirectional character, no leading dot or dash,
//! no trailing dot or blank, no device name, and short enough to leave room for what haul appends.
//! It is UTF-8: of bytes in any other encoding nobody says which one, so they stay as a URL has them.
//! Catalogue of what happens otherwise: CVE-2010-2252, CVE-2019-20916, CVE-2025-11563,
//! CVE-2009-3376, CVE-2016-0754.

use std::borrow::Cow;

use memchr::{memchr, memrchr};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use url::Url;

use crate::model::text::is_deceptive;

/// The longest name in bytes. `NAME_MAX` is 255 on all common file systems; the rest is room for
/// `.part` and for the record beside it.
pub const MAX_NAME_BYTES: usize = 240;

/// An extension longer than this is part of the name.
const MAX_EXTENSION_BYTES: usize = 20;

/// The name for a URL whose server gives none.
pub const FALLBACK: &str = "index.html";

/// The name for a `data:` URL, which has a file where others have a path and a query.
pub const DATA: &str = "data";

/// What is escaped in bytes that are not UTF-8, besides those above ASCII: what would be dropped, what would be
/// taken for an escape, and what separates, for it may be half of a character (the second byte of some in
/// Shift JIS and GBK is `\`).
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'/').add(b'\\');

/// Returns the last component of the URL's path, filtered; `None` if there is none.
pub fn from_url(url: &Url) -> Option<Cow<'_, str>> {
    if url.scheme() == "data" {
        return Some(Cow::Borrowed(DATA));
    }
    let path = url.path();
    let component = &path[memrchr(b'/', path.as_bytes()).map_or(0, |slash| slash + 1)..];
    if is_plain(component) {
        return Some(Cow::Borrowed(component));
    }
    filter(decode(component).as_bytes()).map(Cow::Owned)
}

/// Returns what a part of a URL says: percent-decoded if that is UTF-8, else with escapes for all bytes that
/// are not ASCII, so that each can be read off it.
pub fn decode(part: &str) -> Cow<'_, str> {
    let bytes = percent_decode_str(part);
    bytes.clone().decode_utf8().unwrap_or_else(|_| Cow::Owned(escape(&bytes.collect::<Vec<_>>())))
}

/// Writes bytes that are not UTF-8 as text.
fn escape(bytes: &[u8]) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}

/// Returns the safe form of a name, `None` if nothing is left of it.
pub fn filter(name: &[u8]) -> Option<String> {
    let last = name.rsplit(|&b| b == b'/' || b == b'\\').next()?;
    match std::str::from_utf8(last) {
        Ok(text) if is_plain(text) => Some(text.to_owned()),
        Ok(text) => by_rules(text),
        Err(_) => by_rules(&escape(last)),
    }
}

/// Returns whether each rule leaves the name as it is, for names of ASCII letters, digits, `.`, `_` and
/// `-`. Nearly all are, and the rules take as long as a tenth of the request.
fn is_plain(name: &str) -> bool {
    let is_ordinary = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(is_ordinary)
        && !name.starts_with(['.', '-'])
        && !name.ends_with('.')
        && !is_device(name)
        && !is_partial(name)
}

/// Applies the rules to a name without separators until it passes all.
fn by_rules(last: &str) -> Option<String> {
    let mut text: String = last.chars().filter(|&c| !is_deceptive(c)).collect();
    // Cutting may bring forth another end, and a mark may make it too long again: what is returned
    // has passed every rule in one go.
    loop {
        let passed = pass(&text)?;
        if passed == text {
            return Some(passed);
        }
        text = passed;
    }
}

/// Applies each rule once.
fn pass(text: &str) -> Option<String> {
    let text = text.trim_start().trim_end_matches(['.', ' ']);
    if text.is_empty() {
        return None;
    }
    let mut safe = match text.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None => text.to_owned(),
    };
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    // The name of a partial file would one day be taken for one.
    if is_partial(&safe) {
        safe.push('_');
    }
    Some(cut(&safe, ""))
}

/// Returns the `number`th other form of a name: `data.csv` is followed by `data.1.csv`, `a.tar.gz`
/// by `a.1.tar.gz`.
pub fn numbered(name: &str, number: u32) -> String {
    cut(name, &format!(".{number}"))
}

/// Puts `infix` before the extension and shortens what is before it, at the end of a character or an escape.
fn cut(name: &str, infix: &str) -> String {
    let (stem, extension) = split_extension(name);
    let room = MAX_NAME_BYTES - infix.len() - extension.len();
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let is_escape = |at: &usize| {
        let digits = stem[*at..].strip_prefix('%').and_then(|rest| rest.get(..2));
        digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let within = [1, 2].map(|bytes| end.saturating_sub(bytes));
    // Where all is kept no escape goes on behind the end.
    let cut_in = within.into_iter().find(|at| stem.is_char_boundary(*at) && is_escape(at));
    let end = cut_in.unwrap_or(end);
    format!("{}{infix}{extension}", &stem[..end])
}

/// Splits before the dot of the extension; `.tar.gz` and its kin are one extension.
pub fn split_extension(name: &str) -> (&str, &str) {
    let Some(mut dot) = name.rfind('.').filter(|&dot| dot > 0) else {
        return (name, "");
    };
    if let Some(stem) = name[..dot].strip_suffix(".tar").filter(|stem| !stem.is_empty()) {
        dot = stem.len();
    }
    if name.len() - dot > MAX_EXTENSION_BYTES { (name, "") } else { name.split_at(dot) }
}

/// Returns whether the name is one that haul gives to what is not complete.
fn is_partial(name: &str) -> bool {
    let extension = memrchr(b'.', name.as_bytes()).map(|dot| &name[dot + 1..]);
    extension
        .is_some_and(|found| ["part", "haul"].iter().any(|own| found.eq_ignore_ascii_case(own)))
}

/// Returns whether Windows takes the name for a device, whatever its extension.
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["AUX", "CON", "CONIN$", "CONOUT$", "NUL", "PRN"];
    const PORTS: [&str; 2] = ["COM", "LPT"];
    let stem = &name[..memchr(b'.', name.as_bytes()).unwrap_or(name.len())];
    let stem = stem.trim_end();
    // Most names cannot be one, by their length alone.
    if !matches!(stem.len(), 3..=7) {
        return false;
    }
    let is_one_of =
        |names: &[&str], text: &str| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    is_one_of(&DEVICES, stem)
        || stem.split_at_checked(3).is_some_and(|(port, digit)| {
            is_one_of(&PORTS, port)
                && matches!(
                    digit,
                    "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
                )
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_from_the_last_component() {
        #[track_caller]
        fn case(url: &str, name: Option<&str>) {
            assert_eq!(from_url(&Url::parse(url).unwrap()).as_deref(), name, "{url}");
        }
        case("http://h/a/b.txt?x=/c#d", Some("b.txt"));
        case("http://h/", None);
        case("http://h", None);
        case("http://h/dir/", None);
        case("http://h/a%20b.txt", Some("a b.txt"));
        case("http://h/a%2520b", Some("a%20b"));
        case("http://h/..%2F..%2Fetc%2Fpasswd", Some("passwd"));
        case("http://h/..%5C..%5Cx.dll", Some("x.dll"));
        case("http://h/%2E%2E", None);
        case("http://h/a%2F", None);
        case("http://h/%00%0A", None);
        case("http://h/.bashrc", Some("_bashrc"));
        case("http://h/-rf", Some("_rf"));
        case("http://h/cod%E2%80%AEgpj.exe", Some("codgpj.exe"));
        case("http://h/a%1B%5B31m", Some("a[31m"));
        case("http://h/nul.txt", Some("_nul.txt"));
        case("http://h/COM1", Some("_COM1"));
        case("http://h/command", Some("command"));
        case("http://h/end.%20.", Some("end"));
        case("http://h/x.part", Some("x.part_"));
        case("http://h/x.PART.", Some("x.PART_"));
        case("http://h/x.part1.rar", Some("x.part1.rar"));
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_the_url_has_them() {
        #[track_caller]
        fn case(path: &str, name: &str) {
            let url = Url::parse(&format!("http://h/{path}")).unwrap();
            assert_eq!(from_url(&url).as_deref(), Some(name), "{path}");
        }
        case("caf%E9.txt", "caf%E9.txt");
        case("caf%e9%20(1).txt", "caf%E9 (1).txt");
        case("%CE%C4%BC%FE.zip", "%CE%C4%BC%FE.zip");
        case("%C3%BC%FF", "%C3%BC%FF");
        case("%ff%fe", "%FF%FE");
        case("%C0%AE%C0%AE", "%C0%AE%C0%AE");
        // The second byte of a character of Shift JIS is a backslash.
        case("%95%5C.txt", "%95%5C.txt");
        case("..%2F..%2F%E9", "_.%2F..%2F%E9");
        case("%41%2541%00%E9", "A%2541%00%E9");
        case("100%-%E9", "100%25-%E9");
        // The rules hold for these too.
        case(".%E9", "_%E9");
        case("-%E9", "_%E9");
        case("nul.%E9", "_nul.%E9");
        case("%E9.part", "%E9.part_");
        case("%E9.%20.", "%E9");
        assert_eq!(filter(b"a/\xe4%\x1b.txt").as_deref(), Some("%E4%25%1B.txt"));
    }

    #[test]
    fn no_escape_is_cut_in_two() {
        for blanks in 0..4 {
            let name = format!("{}{}.tar.gz", "n".repeat(blanks), "\u{fffd}".repeat(100));
            let name = name.replace('\u{fffd}', "%E9");
            for cut in [filter(name.as_bytes()).unwrap(), numbered(&name, 12)] {
                assert!((MAX_NAME_BYTES - 2..=MAX_NAME_BYTES).contains(&cut.len()), "{cut}");
                assert!(cut.contains("%E9.tar.gz") || cut.contains("%E9.12.tar.gz"), "{cut}");
            }
        }
        // One that is no escape is no reason to cut off more.
        let name = format!("{}%zz", "n".repeat(MAX_NAME_BYTES - 1));
        assert_eq!(filter(name.as_bytes()).unwrap().len(), MAX_NAME_BYTES);
    }

    #[test]
    fn long_names_keep_their_extension_and_whole_characters() {
        let name = filter(format!("{}.tar.gz", "ü".repeat(200)).as_bytes()).unwrap();
        assert!(name.len() <= MAX_NAME_BYTES && name.len() > MAX_NAME_BYTES - 2, "{}", name.len());
        assert!(name.ends_with("ü.tar.gz"));
        let numbered = numbered(&name, 12);
        assert!(numbered.len() <= MAX_NAME_BYTES);
        assert!(numbered.ends_with("ü.12.tar.gz"));
    }

    #[test]
    fn no_rule_undoes_another() {
        let long = "a".repeat(250);
        for name in [format!("{long}.part"), format!("a.part{}z", " ".repeat(250))] {
            let safe = filter(name.as_bytes()).unwrap();
            assert!(
                safe.len() <= MAX_NAME_BYTES && Some(safe.clone()) == filter(safe.as_bytes()),
                "{safe}"
            );
        }
        assert_eq!(filter(format!("con{}z", " ".repeat(250)).as_bytes()).unwrap(), "_con");
    }

    #[test]
    fn the_number_goes_before_the_extension() {
        #[track_caller]
        fn case(name: &str, second: &str) {
            assert_eq!(numbered(name, 1), second);
        }
        case("a.txt", "a.1.txt");
        case("a.tar.xz", "a.1.tar.xz");
        case("a", "a.1");
        case("a.b.c", "a.b.1.c");
        case(
            "v1.2-with-a-long-tail-that-is-no-extension",
            "v1.2-with-a-long-tail-that-is-no-extension.1",
        );
    }

    /// Bytes as parts of URLs have them: some ASCII, and halves and wholes of characters in several encodings.
    fn part() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            Just(b'a'),
            Just(b'E'),
            Just(b'9'),
            Just(b'%'),
            Just(b'\\'),
            Just(b'/'),
            Just(0xc3),
            Just(0xa9),
            Just(0xe9),
            0x80..=0xff_u8,
        ];
        prop::collection::vec(byte, 1..20)
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_text_get_a_name_of_their_own(one in part(), other in part()) {
            let name = |bytes: &[u8]| {
                let part = percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC);
                let url = Url::parse(&format!("http://h/x{part}")).unwrap();
                from_url(&url).map(Cow::into_owned)
            };
            let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
            if !is_text(&one) {
                // All of it can be read off the name.
                let found = name(&one).unwrap();
                let said: Vec<u8> = percent_decode_str(&found).collect();
                prop_assert_eq!(&said[1..], &one[..]);
                if !is_text(&other) && one != other {
                    prop_assert_ne!(name(&one), name(&other));
                }
            }
        }

        #[test]
        fn a_plain_name_is_what_the_rules_make_of_it(
            name in "[a-zA-Z0-9._-]{0,12}|(con|NUL|com1|LPT0|a)[.-]?(part|HAUL|part_)?|[a.]{236,244}",
        ) {
            prop_assert!(!is_plain(&name) || by_rules(&name) == Some(name));
        }

        #[test]
        fn any_bytes_give_one_normal_component_or_nothing(bytes: Vec<u8>) {
            if let Some(name) = filter(&bytes) {
                let path = std::path::Path::new(&name);
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                prop_assert!(name.len() <= MAX_NAME_BYTES);
                prop_assert!(!name.starts_with(['.', '-', ' ']));
                prop_assert_eq!(filter(name.as_bytes()), Some(name));
            }
        }
    }
}
