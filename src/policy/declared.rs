//! What a server declares that the file is: a digest in the head of its response.
//!
//! | Field | Of |
//! | --- | --- |
//! | `Repr-Digest` (RFC 9530 §3) | the whole representation, also in a 206 |
//! | `Digest` (RFC 3230 §4.3.2), which it replaced | the same |
//! | `x-goog-hash` (Google Cloud Storage) | the stored object, also in a 206 |
//! | `Content-Digest` (RFC 9530 §2) | the content of that response: the file in a 200 |
//! | `Content-MD5` (RFC 1864) | the same |
//! | `x-amz-checksum-...` (Amazon S3) | the object in a 200; in a 206 perhaps a part of it |
//!
//! Of these the strongest counts. What is not understood says nothing: a field that is broken fails no
//! file. Nor does any count with a content coding, which haul asks for none of: what coded the content on
//! its way seldom took the fields along.

use std::convert::Infallible;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use crate::model::digest::{Algorithm, Digest};

/// Fields of a head: names in lower case, and values.
type Fields<'a> = Vec<(&'a str, &'a [u8])>;

/// Returns the strongest digest of the whole file that a head with this status declares, if it declares
/// any. The names of fields are in lower case.
pub fn strongest<'a>(
    status: u16,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Option<Digest> {
    let fields: Fields<'_> = fields.filter(|(name, _)| FIELDS.contains(name)).collect();
    if fields.is_empty() || !matches!(status, 200 | 206) || !is(&fields, CODING, "identity") {
        return None;
    }
    let mut found = Vec::new();
    for name in ["repr-digest", "content-digest"] {
        if name == "repr-digest" || status == 200 {
            found.extend(dictionary(&fields, name));
        }
    }
    for (name, value) in &fields {
        match (*name, status) {
            ("digest", _) => found.extend(pairs(value, instance)),
            ("x-goog-hash", _) if is(&fields, GOOGLE_CODING, "identity") => {
                found.extend(pairs(value, google));
            }
            ("content-md5", 200) => found.extend(digest(Algorithm::Md5, value)),
            (name, 200) if is(&fields, AMAZON_TYPE, "full_object") => {
                found.extend(amazon(name).and_then(|algorithm| digest(algorithm, value)));
            }
            _ => {}
        }
    }
    choose(found)
}

/// The fields that are looked at.
pub const FIELDS: [&str; 13] = [
    "repr-digest",
    "content-digest",
    "digest",
    "content-md5",
    "x-goog-hash",
    "x-amz-checksum-sha256",
    "x-amz-checksum-sha1",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc32",
    CODING,
    GOOGLE_CODING,
    AMAZON_TYPE,
];

const CODING: &str = "content-encoding";
/// How the object is coded that the hash is of. What is stored with gzip is sent without.
const GOOGLE_CODING: &str = "x-goog-stored-content-encoding";
/// Of an object that came in parts the value may be of their values.
const AMAZON_TYPE: &str = "x-amz-checksum-type";

/// Returns whether a field that says `usual` where it is left out says that.
fn is(fields: &Fields<'_>, name: &str, usual: &str) -> bool {
    let mut values = fields.iter().filter(|(other, _)| *other == name);
    values.all(|(_, value)| value.trim_ascii().eq_ignore_ascii_case(usual.as_bytes()))
}

/// Returns the digest of the strongest algorithm that says one thing.
fn choose(mut found: Vec<Digest>) -> Option<Digest> {
    while let Some(best) = found.iter().map(Digest::algorithm).max() {
        let (of_best, weaker): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|digest| digest.algorithm() == best);
        if of_best.iter().all(|digest| *digest == of_best[0]) {
            return of_best.into_iter().next();
        }
        found = weaker;
    }
    None
}

fn digest(algorithm: Algorithm, base64: &[u8]) -> Option<Digest> {
    Digest::new(algorithm, BASE64_STANDARD.decode(base64.trim_ascii()).ok()?)
}

/// Reads `name=BASE64` pairs with commas between them.
fn pairs(
    value: &[u8],
    algorithm: impl Fn(&str) -> Option<Algorithm>,
) -> impl Iterator<Item = Digest> {
    value.split(|&byte| byte == b',').filter_map(move |pair| {
        let (name, base64) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        digest(algorithm(&name.trim().to_ascii_lowercase())?, base64.as_bytes())
    })
}

/// Algorithms of the registry of RFC 3230, of which some have digests that are no base64.
fn instance(name: &str) -> Option<Algorithm> {
    Some(match name {
        "md5" => Algorithm::Md5,
        "sha" => Algorithm::Sha1,
        "sha-256" => Algorithm::Sha256,
        "sha-512" => Algorithm::Sha512,
        _ => return None,
    })
}

fn google(name: &str) -> Option<Algorithm> {
    Some(match name {
        "crc32c" => Algorithm::Crc32c,
        "md5" => Algorithm::Md5,
        _ => return None,
    })
}

fn amazon(name: &str) -> Option<Algorithm> {
    Some(match name.strip_prefix("x-amz-checksum-")? {
        "crc32" => Algorithm::Crc32,
        "crc32c" => Algorithm::Crc32c,
        "crc64nvme" => Algorithm::Crc64Nvme,
        "sha1" => Algorithm::Sha1,
        "sha256" => Algorithm::Sha256,
        _ => return None,
    })
}

/// Reads a dictionary of byte sequences (RFC 9651 §3.2), whose field may have several lines.
fn dictionary(fields: &Fields<'_>, name: &str) -> Vec<Digest> {
    let lines = fields.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value);
    let value = lines.collect::<Vec<_>>().join(&b", "[..]);
    let mut found = Vec::new();
    match Parser::new(&value).parse_dictionary_with_visitor(&mut Members(&mut found)) {
        Ok(()) => found,
        Err(_) => Vec::new(),
    }
}

/// The members of a dictionary.
struct Members<'f>(&'f mut Vec<Digest>);

impl<'de> DictionaryVisitor<'de> for Members<'_> {
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(Member { algorithm: instance(key.as_str()), found: self.0 })
    }
}

/// A member, under the name of an algorithm.
struct Member<'f> {
    algorithm: Option<Algorithm>,
    found: &'f mut Vec<Digest>,
}

impl<'de> ItemVisitor<'de> for Member<'_> {
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de>, Infallible> {
        if let (Some(algorithm), BareItemFromInput::ByteSequence(bytes)) = (self.algorithm, item) {
            self.found.extend(Digest::new(algorithm, bytes));
        }
        Ok(Ignored)
    }
}

impl<'de> EntryVisitor<'de> for Member<'_> {
    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::digest::Hasher;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.digest()
    }

    /// Writes a digest of `abc` as it is in a field.
    fn base64(algorithm: Algorithm) -> String {
        let hex = of(algorithm, b"abc").hex();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        BASE64_STANDARD.encode((0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>())
    }

    /// Puts digests into a text with `{sha256}` and the like.
    fn filled(text: &str) -> String {
        use Algorithm::{Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256, Sha512};
        let mut text = text.to_owned();
        for algorithm in [Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256, Sha512] {
            text = text.replace(&format!("{{{}}}", algorithm.name()), &base64(algorithm));
        }
        text
    }

    /// Takes lines of a head; returns the algorithm of what is declared, which must be of `abc`.
    fn declared(status: u16, head: &str) -> Option<&'static str> {
        let head = filled(head);
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let found = strongest(status, fields.map(|(name, value)| (name, value.as_bytes())))?;
        assert_eq!(found, of(found.algorithm(), b"abc"), "{head}");
        Some(found.algorithm().name())
    }

    #[test]
    fn every_field_is_read_where_it_is_of_the_whole_file() {
        #[track_caller]
        fn case(head: &str, whole: Option<&str>, part: Option<&str>) {
            assert_eq!(declared(200, head), whole, "200 {head}");
            assert_eq!(declared(206, head), part, "206 {head}");
            assert_eq!(declared(404, head), None);
        }
        let (sha256, md5) = (Some("sha256"), Some("md5"));
        case("", None, None);
        case("repr-digest: sha-256=:{sha256}:", sha256, sha256);
        case("repr-digest: sha-256=:{sha256}:;a=1, x=1", sha256, sha256);
        case("repr-digest: sha=:{sha1}:, md5=:{md5}:", Some("sha1"), Some("sha1"));
        case(
            "repr-digest: sha=:{sha1}:\nrepr-digest: sha-512=:{sha512}:",
            Some("sha512"),
            Some("sha512"),
        );
        case("content-digest: sha-256=:{sha256}:", sha256, None);
        case(
            "content-digest: sha-512=:{sha512}:\nrepr-digest: sha-256=:{sha256}:",
            Some("sha512"),
            sha256,
        );
        case("digest: SHA-256={sha256}", sha256, sha256);
        case("digest: sha-256={sha256},md5={md5} , unixsum=30637", sha256, sha256);
        case("digest: SHA={sha1}", Some("sha1"), Some("sha1"));
        case("content-md5: {md5}", md5, None);
        case("content-md5:  {md5} ", md5, None);
        case("x-goog-hash: crc32c={crc32c},md5={md5}", md5, md5);
        case("x-goog-hash: crc32c={crc32c}\nx-goog-hash: md5={md5}", md5, md5);
        case("x-goog-hash: crc32c={crc32c}", Some("crc32c"), Some("crc32c"));
        case("x-amz-checksum-sha256: {sha256}", sha256, None);
        case("x-amz-checksum-sha1: {sha1}\nx-amz-checksum-type: FULL_OBJECT", Some("sha1"), None);
        case("x-amz-checksum-crc32: {crc32}", Some("crc32"), None);
        case(
            "x-amz-checksum-crc32c: {crc32c}\nx-amz-checksum-crc64nvme: {crc64nvme}",
            Some("crc64nvme"),
            None,
        );
        case("content-encoding: identity\ncontent-md5: {md5}", md5, None);
        case("content-encoding: gzip", None, None);
    }

    #[test]
    fn what_is_of_something_else_or_broken_says_nothing() {
        #[track_caller]
        fn case(head: &str) {
            assert_eq!(declared(200, head), None, "{head}");
        }
        case("repr-digest: sha-256={sha256}");
        case("repr-digest: sha-256=\"{sha256}\"");
        case("repr-digest: sha-256=(:{sha256}:)");
        case("repr-digest: sha-256=:{md5}:");
        case("repr-digest: sha-256=:{sha256}:,");
        case("repr-digest: SHA-256=:{sha256}:");
        case("repr-digest: sha-256=:{sha256}");
        case("repr-digest: id-sha-256=:{sha256}:");
        case("repr-digest: crc32c=:{crc32c}:");
        case("digest: SHA-256=");
        case("digest: {sha256}");
        case("digest: sha-256=:{sha256}:");
        case("digest: sha-256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        case("content-md5: {sha256}");
        case("content-md5: kAFQmDzST7DWlj99KOF/cg");
        case("x-goog-hash: md5");
        case("x-goog-hash: md5={md5}\nx-goog-stored-content-encoding: gzip");
        case("x-amz-checksum-sha256: {sha256}-7");
        case("x-amz-checksum-sha256: {sha256}\nx-amz-checksum-type: COMPOSITE");
        case("x-amz-checksum-algorithm: SHA256");
        case("content-encoding: gzip\nrepr-digest: sha-256=:{sha256}:");
        case("content-encoding: identity\ncontent-encoding: br\ncontent-md5: {md5}");
        // Two that contradict each other.
        case("content-md5: {md5}\ndigest: md5=1B2M2Y8AsgTpgAmY7PhCfg==");
    }

    #[test]
    fn a_contradiction_leaves_what_is_weaker() {
        let head = "digest: sha={sha1},md5={md5}\ncontent-md5: 1B2M2Y8AsgTpgAmY7PhCfg==";
        assert_eq!(declared(200, head), Some("sha1"));
        let head = "x-goog-hash: crc32c={crc32c},md5={md5}\ncontent-md5: 1B2M2Y8AsgTpgAmY7PhCfg==";
        assert_eq!(declared(200, head), Some("crc32c"));
    }

    proptest! {
        #[test]
        fn any_fields_return(fields: Vec<(prop::sample::Index, Vec<u8>)>, is_part: bool) {
            let status = if is_part { 206 } else { 200 };
            let fields = fields.iter().map(|(name, value)| (*name.get(&FIELDS), &value[..]));
            let _ = strongest(status, fields);
        }

        #[test]
        fn digests_are_found_among_anything_well_formed(
            bytes: Vec<u8>,
            before in "([a-z][a-z0-9]{0,5}(=[0-9]{1,3})?, ){0,3}",
            after in "(, [a-z][a-z0-9]{0,5}=:[A-Za-z0-9]{4}:){0,3}",
        ) {
            let wanted = of(Algorithm::Sha256, &bytes);
            let hash = (0..64).step_by(2).map(|at| u8::from_str_radix(&wanted.hex()[at..at + 2], 16).unwrap());
            let base64 = BASE64_STANDARD.encode(hash.collect::<Vec<_>>());
            let value = format!("{before}sha-256=:{base64}:{after}");
            let found = strongest(206, [("repr-digest", value.as_bytes())].into_iter());
            prop_assert_eq!(found, Some(wanted.clone()));
            let value = format!("x=y,SHA-256={base64} ,z");
            prop_assert_eq!(strongest(200, [("digest", value.as_bytes())].into_iter()), Some(wanted));
        }
    }
}
