//! What a server wants for a login (WWW-Authenticate, RFC 9110 §11.6.1), and whether haul has it.

/// The schemes that haul can log in with; any other is a field that the user writes himself.
const KNOWN: [&str; 2] = ["basic", "bearer"];

/// How many schemes are told, and how long their names may be.
const MAX_TOLD: usize = 3;
const MAX_NAME: usize = 20;

/// Returns the schemes that a server offers if it offers some and haul knows none of them, as they are told.
pub fn unknown_schemes<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for field in fields {
        for item in items(field) {
            let Some(name) = scheme(&item) else { continue };
            if KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                return None;
            }
            if names.len() < MAX_TOLD && !names.iter().any(|told| told.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
    }
    (!names.is_empty()).then(|| names.join(" or "))
}

/// Splits a field at its commas, but for those in quoted strings, which are left out.
fn items(field: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for &byte in field {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => items.push(Vec::new()),
            _ if is_quoted => {}
            _ => items.last_mut().into_iter().for_each(|item| item.push(byte)),
        }
    }
    items
}

/// Returns the scheme that an item begins with; one that is a parameter of the scheme before it has none.
fn scheme(item: &[u8]) -> Option<&str> {
    let item = std::str::from_utf8(item.trim_ascii()).ok()?;
    let (name, rest) = item.split_once([' ', '\t']).unwrap_or((item, ""));
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_scheme = !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_name);
    // `realm = x` is a parameter too.
    (is_scheme && !rest.trim_start().starts_with('=')).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schemes_that_haul_knows_go_before_others() {
        #[track_caller]
        fn case(fields: &[&str], told: Option<&str>) {
            let found = unknown_schemes(fields.iter().map(|field| field.as_bytes()));
            assert_eq!(found.as_deref(), told, "{fields:?}");
        }
        case(&[], None);
        case(&[""], None);
        case(&["Basic realm=\"x\""], None);
        case(&["bearer"], None);
        case(&["Digest realm=\"x\", nonce=\"1\", qop=\"auth, auth-int\""], Some("Digest"));
        case(&["Digest realm=\"Basic, Basic\", nonce = 1"], Some("Digest"));
        case(&["Digest realm=\"a\\\", Basic x\""], Some("Digest"));
        case(&["Digest realm=\"x\", Basic realm=\"y\""], None);
        case(&["Negotiate", "NTLM", "ntlm"], Some("Negotiate or NTLM"));
        case(&["Negotiate, NTLM, BASIC realm=x"], None);
        case(&["A, B, C, D"], Some("A or B or C"));
        case(&["NTLM TlRMTVNTUAACAAAA=="], Some("NTLM"));
        case(&["\u{202e}x, a=b, =, <b>"], None);
    }

    proptest! {
        #[test]
        fn nothing_of_a_field_is_told_that_is_no_name(field: Vec<u8>) {
            let told = unknown_schemes(std::iter::once(&field[..])).unwrap_or_default();
            prop_assert!(told.len() <= 3 * 20 + 8);
            prop_assert!(told.chars().all(|c| c.is_ascii_alphanumeric() || " -._".contains(c)));
        }
    }
}
