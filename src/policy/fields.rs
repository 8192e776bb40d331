//! Which header fields the user may add to requests, and how they are written.
//!
//! What is wrong with one is told without its value, and without a text that is not known to be a name:
//! both may be secrets.

use crate::model::field::{Field, Fields};

/// How many bytes the fields of one source may have together; servers take much less.
const MAX_BYTES: usize = 32 * 1024;

/// Fields that say how messages are framed and connections are used.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Fields that ask for a part or a version of a file.
const PARTS: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// Fields that a request has once.
const ONCE: [&str; 5] = ["authorization", "cookie", "host", "referer", "user-agent"];

/// Reads `Name: value`, `Name;` for a field without a value, or `Name:` to leave out one of haul's own.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &[u8]) -> Result<Field, String> {
    let Some(at) = line.iter().position(|&byte| byte == b':') else {
        return match line.trim_ascii_end().strip_suffix(b";") {
            Some(name) => new(name, Some(b"")),
            None => Err("a header is written `Name: value`, and there is no colon".to_owned()),
        };
    };
    let (name, value) = (&line[..at], line[at + 1..].trim_ascii());
    new(name, Some(value).filter(|value| !value.is_empty()))
}

/// Makes a field of its parts; one without a value leaves out haul's own.
///
/// # Errors
/// What is wrong with it.
pub fn new(name: &[u8], value: Option<&[u8]>) -> Result<Field, String> {
    let name = name_of(name)?;
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let refused = if is_one_of(&FRAMING) {
        "haul says itself how its requests are framed"
    } else if is_one_of(&PARTS) {
        "haul asks itself for the parts and versions of files"
    } else if is_one_of(&["accept-encoding"]) {
        "files are saved as they are, and haul decodes nothing"
    } else if is_one_of(&["proxy-authorization"]) {
        "the server would get it, and not the proxy"
    } else {
        ""
    };
    if !refused.is_empty() {
        return Err(format!("`{name}` cannot be set: {refused}"));
    }
    let Some(value) = value else {
        if is_one_of(&["host"]) {
            return Err("`Host` cannot be left out".to_owned());
        }
        return Ok(Field { name: name.into(), value: None });
    };
    // obs-text may be in a value (RFC 9110 §5.5), and curl sends it too.
    if value.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(format!("the value of `{name}` has a control character in it"));
    }
    if is_one_of(&["authorization", "host"]) && !value.is_ascii() {
        return Err(format!("the value of `{name}` is not ASCII"));
    }
    if is_one_of(&["host"]) && !is_host(value) {
        return Err("the value of `Host` is not a host".to_owned());
    }
    Ok(Field::new(name, value))
}

/// Adds a field to others.
///
/// # Errors
/// That a request cannot have both, or so many.
pub fn add(fields: &mut Fields, field: Field) -> Result<(), String> {
    if ONCE.iter().any(|name| field.is(name)) && fields.iter().any(|other| other.is(&field.name)) {
        return Err(format!("`{}` is given twice", field.name));
    }
    fields.push(field);
    let size =
        |field: &Field| field.name.len() + field.value.as_ref().map_or(0, |value| value.len());
    if fields.iter().map(size).sum::<usize>() > MAX_BYTES {
        return Err(format!("more than {} KiB of headers", MAX_BYTES / 1024));
    }
    Ok(())
}

/// Returns a name that is a token (RFC 9110 §5.6.2).
fn name_of(name: &[u8]) -> Result<&str, String> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match std::str::from_utf8(name) {
        Ok("") => Err("the name of a header is empty".to_owned()),
        Ok(text) if name.iter().all(is_token) => Ok(text),
        _ => Err("the name of a header has a character in it that none may have".to_owned()),
    }
}

fn is_host(value: &[u8]) -> bool {
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(byte);
    !value.is_empty() && value.iter().all(is_fit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_become_fields() {
        #[track_caller]
        fn case(line: &[u8], name: &str, value: Option<&[u8]>) {
            let field = parse(line).unwrap();
            assert_eq!((&*field.name, field.value.as_deref()), (name, value));
        }
        case(b"X-Key: a b", "X-Key", Some(b"a b"));
        case(b"x:y:z", "x", Some(b"y:z"));
        case(b"X-Key:\t a \t", "X-Key", Some(b"a"));
        case(b"X-Key:", "X-Key", None);
        case(b"User-Agent: ", "User-Agent", None);
        case(b"X-Key;", "X-Key", Some(b""));
        case(b"X-Key; ", "X-Key", Some(b""));
        case("X-Key: ü".as_bytes(), "X-Key", Some("ü".as_bytes()));
        case(b"X-Key: \xff", "X-Key", Some(b"\xff"));
        case(b"Host: virtual.example:80", "Host", Some(b"virtual.example:80"));
        case(b"!#$%&'*+-.^_`|~:1", "!#$%&'*+-.^_`|~", Some(b"1"));
    }

    #[test]
    fn what_cannot_be_sent_says_why_and_not_what() {
        #[track_caller]
        fn case(line: &[u8], why: &str) {
            let told = parse(line).unwrap_err();
            assert!(told.contains(why) && !told.contains("s3cret"), "{told}");
        }
        case(b"", "no colon");
        case(b"Bearer s3cret", "no colon");
        case(b": s3cret", "is empty");
        case(b" X: s3cret", "character");
        case(b"X s3cret: y", "character");
        case("s3cret\u{fc}: y".as_bytes(), "character");
        case(b"X: s3cret\r\nY: z", "control character");
        case(b"X: s3cret\0", "control character");
        case(b"X\r: s3cret", "character");
        case(b"Authorization: s3cret \xfc", "not ASCII");
        case(b"Host: a b", "not a host");
        case(b"Host:", "cannot be left out");
        case(b"Host;", "not a host");
        case(b"range: bytes=0-1", "`range` cannot be set: haul asks itself");
        case(b"If-Range:", "`If-Range` cannot be set");
        case(b"Content-Length: 5", "framed");
        case(b"TE;", "framed");
        case(b"Accept-Encoding: gzip", "decodes nothing");
        case(b"Proxy-Authorization: s3cret", "not the proxy");
    }

    #[test]
    fn some_fields_come_once_and_all_are_bounded() {
        let mut fields = Fields::new();
        let mut take = |line: &str| add(&mut fields, parse(line.as_bytes()).unwrap());
        for line in ["X: 1", "x: 2", "Cookie: a", "Host: h"] {
            take(line).unwrap();
        }
        assert_eq!(take("cookie: b").unwrap_err(), "`cookie` is given twice");
        assert!(take(&format!("X: {}", "x".repeat(MAX_BYTES))).unwrap_err().contains("32 KiB"));
    }

    proptest! {
        #[test]
        fn no_line_makes_more_than_one_field(line: Vec<u8>) {
            if let Ok(field) = parse(&line) {
                let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
                prop_assert!(!field.name.bytes().any(|byte| is_break(&byte) || byte == b':'));
                prop_assert!(!field.value.unwrap_or_default().iter().any(is_break));
            }
        }
    }
}
