//! The file name in a Content-Disposition field (RFC 6266, RFC 8187).
//!
//! `filename*` wins over `filename`, and both over the continuations of RFC 2231 §3 (`filename*0`,
//! `filename*1*` ...), which mail software leaves behind; the first of each counts, and what cannot be read is passed
//! over rather than failing the download. The result is not filtered yet.

use percent_encoding::percent_decode;

/// Returns the name that the field suggests, as bytes that still need the filter.
pub fn filename(field: &[u8]) -> Option<Vec<u8>> {
    let mut plain = None;
    let mut extended = None;
    for (name, value) in Parameters(field) {
        if name.eq_ignore_ascii_case(b"filename*") {
            extended = extended.or_else(|| extended_value(&value));
        } else if name.eq_ignore_ascii_case(b"filename") {
            plain = plain.or(Some(to_utf8(value)));
        }
    }
    let is_name = |name: &Vec<u8>| !name.is_empty();
    let given = extended.filter(is_name).or(plain.filter(is_name));
    given.or_else(|| continued(field).filter(is_name))
}

/// Joins `filename*0`, `filename*1` and so on; a part whose number ends in `*` is percent-encoded, and
/// the first such part names the charset.
fn continued(field: &[u8]) -> Option<Vec<u8>> {
    const PREFIX: &[u8] = b"filename*";
    let mut name = Vec::new();
    let mut charset: Option<Vec<u8>> = None;
    for number in 0_usize.. {
        let wanted = number.to_string();
        let part = Parameters(field).find_map(|(parameter, value)| {
            let prefix = parameter.get(..PREFIX.len())?;
            let suffix = &parameter[PREFIX.len()..];
            let is_encoded = suffix.ends_with(b"*");
            let digits = suffix.strip_suffix(b"*").unwrap_or(suffix);
            let is_it = prefix.eq_ignore_ascii_case(PREFIX) && digits == wanted.as_bytes();
            is_it.then_some((value, is_encoded))
        });
        match part {
            None => break,
            Some((value, false)) => name.extend(value),
            Some((value, true)) if number == 0 => {
                let mut parts = value.splitn(3, |&b| b == b'\'');
                let (set, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
                charset = Some(set.to_ascii_lowercase());
                name.extend(octets(text)?);
            }
            Some((value, true)) => name.extend(octets(&value)?),
        }
    }
    match charset.as_deref() {
        Some(b"iso-8859-1") => Some(latin1(&name)),
        Some(b"utf-8") | None => Some(to_utf8(name)),
        Some(_) => None,
    }
}

/// Returns the octets of `charset'language'percent-encoded` as UTF-8 (RFC 8187 §3.2.1).
fn extended_value(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let octets = octets(encoded)?;
    if charset.eq_ignore_ascii_case(b"utf-8") {
        std::str::from_utf8(&octets).is_ok().then_some(octets)
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(latin1(&octets))
    } else {
        None
    }
}

/// Decodes percent-encoded bytes, `None` where a `%` has not two digits behind it.
fn octets(encoded: &[u8]) -> Option<Vec<u8>> {
    let is_escape =
        |rest: &[u8]| rest.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let mut escapes = encoded.split(|&b| b == b'%').skip(1);
    escapes.all(is_escape).then(|| percent_decode(encoded).collect())
}

/// Takes bytes that are no UTF-8 for ISO-8859-1, which servers send raw.
fn to_utf8(octets: Vec<u8>) -> Vec<u8> {
    if std::str::from_utf8(&octets).is_ok() { octets } else { latin1(&octets) }
}

fn latin1(octets: &[u8]) -> Vec<u8> {
    octets.iter().map(|&b| char::from(b)).collect::<String>().into_bytes()
}

/// The `name=value` pairs of a field, quoted strings unquoted. Words without `=`, such as the
/// disposition type, are passed over.
struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
            let end = rest.iter().position(|b| matches!(b, b';' | b'=')).unwrap_or(rest.len());
            let name = rest[..end].trim_ascii_end();
            if rest.get(end) != Some(&b'=') {
                self.0 = rest.get(end + 1..).unwrap_or_default();
                continue;
            }
            // `attachment filename=x`, without the semicolon, is common enough to be read.
            let name = name.rsplit(u8::is_ascii_whitespace).next().unwrap_or(name);
            let value = rest[end + 1..].trim_ascii_start();
            return Some((name, self.value(value)));
        }
    }
}

impl<'a> Parameters<'a> {
    /// Reads a quoted string or a token from the start of `text` and moves behind it.
    fn value(&mut self, text: &'a [u8]) -> Vec<u8> {
        let Some(quoted) = text.strip_prefix(b"\"") else {
            let end = text.iter().position(|&b| b == b';').unwrap_or(text.len());
            self.0 = text.get(end + 1..).unwrap_or_default();
            return text[..end].trim_ascii_end().to_vec();
        };
        let is_path = is_path(quoted);
        let mut value = Vec::new();
        let mut bytes = quoted.iter().enumerate();
        while let Some((index, &byte)) = bytes.next() {
            match byte {
                b'"' => {
                    let rest = &quoted[index + 1..];
                    let end =
                        rest.iter().position(|&b| b == b';').map_or(rest.len(), |end| end + 1);
                    self.0 = &rest[end..];
                    return value;
                }
                // A quoted pair stands for its second byte (RFC 9110 §5.6.4). In a path only those are pairs
                // that had to be: its other backslashes separate.
                b'\\' if !is_path || matches!(quoted.get(index + 1), Some(b'"' | b'\\')) => {
                    value.extend(bytes.next().map(|(_, second)| second));
                }
                _ => value.push(byte),
            }
        }
        self.0 = b"";
        value
    }
}

/// Returns whether a quoted string begins as a path of Windows does that was quoted as it is: with a drive or
/// as that of a share. No other name begins so, and browsers that unquote all the same get `C:dirx.exe`.
fn is_path(quoted: &[u8]) -> bool {
    match quoted {
        [drive, b':', b'\\', ..] => drive.is_ascii_alphabetic(),
        _ => quoted.starts_with(br"\\"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found() {
        #[track_caller]
        fn case(field: &str, name: Option<&str>) {
            let found = filename(field.as_bytes()).map(|name| String::from_utf8(name).unwrap());
            assert_eq!(found.as_deref(), name, "{field}");
        }
        case("attachment", None);
        case("attachment; filename=foo.html", Some("foo.html"));
        case("attachment; filename=\"foo.html\"", Some("foo.html"));
        case("attachment; filename=\"f\\\"o\\\\o.html\"", Some("f\"o\\o.html"));
        case("attachment; filename=\"a;b.html\"; size=3", Some("a;b.html"));
        case("attachment; filename=foo bar.html", Some("foo bar.html"));
        case("attachment; FILENAME = \"foo.html\" ;", Some("foo.html"));
        case("filename=foo.html", Some("foo.html"));
        case("attachment filename=foo.html", Some("foo.html"));
        case("attachment; filename=\"unterminated.html", Some("unterminated.html"));
        case(r#"attachment; filename="f\oo.html""#, Some("foo.html"));
        case(r#"attachment; filename="foo-%\41.html""#, Some("foo-%41.html"));
        case(r#"attachment; filename="\ü\ö.html""#, Some("üö.html"));
        case(r#"attachment; filename="\"a\".html"; x=y"#, Some("\"a\".html"));
        case(r#"attachment; filename="a\"#, Some("a"));
        case(r#"attachment; filename="..\\..\\x.dll""#, Some(r"..\..\x.dll"));
        case(r#"attachment; filename="C:\dir\x.exe""#, Some(r"C:\dir\x.exe"));
        case(r#"attachment; filename="C:\\dir\\x.exe""#, Some(r"C:\dir\x.exe"));
        case(r#"attachment; filename="c:\a \"b\" c\x.exe""#, Some(r#"c:\a "b" c\x.exe"#));
        case(r#"attachment; filename="\\host\share\x.exe""#, Some(r"\host\share\x.exe"));
        case(r#"attachment; filename="\\\\host\\share\\x.exe""#, Some(r"\\host\share\x.exe"));
        case(r#"attachment; filename="ab:\cd""#, Some("ab:cd"));
        case("attachment; filename=a.txt; filename=b.txt", Some("a.txt"));
        case("attachment; filename=a.txt; filename*=UTF-8''%e2%82%ac.txt", Some("€.txt"));
        case("attachment; filename*=UTF-8''%e2%82%ac.txt; filename=a.txt", Some("€.txt"));
        case("attachment; filename*=iso-8859-1'en'%E4.txt", Some("ä.txt"));
        case("attachment; filename*=UTF-8''%ff; filename=a.txt", Some("a.txt"));
        case("attachment; filename*=UTF-8''f%oo.html; filename=good.html", Some("good.html"));
        case("attachment; filename*=UTF-8''foo-%.html; filename=good.html", Some("good.html"));
        case("attachment; filename=good.html; filename*=UTF-8''foo%4", Some("good.html"));
        case("attachment; filename*=UTF-8''f%oo.html", None);
        case("attachment; filename*=UTF-8''f%oo.html; filename*=UTF-8''b%25.html", Some("b%.html"));
        case("attachment; filename*0*=UTF-8''a; filename*1*=%x", None);
        case("attachment; filename*=UTF-8''; filename=good.html", Some("good.html"));
        case("attachment; filename=; filename*=UTF-8''", None);
        case("attachment; filename*=klingon''x; filename=a.txt", Some("a.txt"));
        case("attachment; filename*=broken; filename=a.txt", Some("a.txt"));
        case("attachment; filename=\"foo-%41.html\"", Some("foo-%41.html"));
        case("attachment; filename*0=\"a \"; filename*1=\"b.txt\"", Some("a b.txt"));
        case("attachment; filename*1=b.txt; filename*0*=UTF-8''%e2%82%ac", Some("€b.txt"));
        case("attachment; filename*1=b.txt", None);
        case("attachment; filename*0=a; filename=c.txt", Some("c.txt"));
        case("attachment; xfilename=foo.html", None);
        case("attachment; filename=", None);
        case("attachment; filename=\"\"", None);
        case("inline; filename=\"Umläut.txt\"", Some("Umläut.txt"));
    }

    #[test]
    fn raw_latin1_is_understood() {
        assert_eq!(filename(b"attachment; filename=\"\xe4.txt\"").unwrap(), "ä.txt".as_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_return(bytes: Vec<u8>) {
            let _ = filename(&bytes);
        }
    }
}
