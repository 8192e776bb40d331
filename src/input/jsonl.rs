//! Lists of JSON objects, one a line, of which only `url` is needed.
//!
//! What haul prints about its jobs is such a list. As input it checks: the size and the checksum of a file
//! that was complete are what the file must have. Keys that mean nothing here are passed over, and so are
//! objects with `totals` or `event`, and those that were listed twice, which stand for no file of their own.
//!
//! Nothing is built of what is passed over, and however deep it is nested it takes no stack; the length of
//! a line is bounded.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::input::entry::{Entry, Wanted, bad_line, checksum};
use crate::input::headers;
use crate::input::lines::Line;
use crate::input::urls;
use crate::model::digest::{Algorithm, Digest};
use crate::model::error::Cause;
use crate::model::job::Origin;
use crate::model::known::Known;
use crate::model::validator::Validators;
use crate::policy::placement::{Base, Placement};
use crate::policy::target;

/// What a line may say. A key with `null` is a key that is not there.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mirrors: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    checksum: Option<Cow<'a, str>>,
    #[serde(borrow)]
    md5: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sha1: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sha224: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    blake3: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sha384: Option<Cow<'a, str>>,
    #[serde(borrow)]
    blake2b: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sha512: Option<Cow<'a, str>>,
    #[serde(borrow)]
    out: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    size: Option<u64>,
    #[serde(borrow)]
    etag: Option<Cow<'a, str>>,
    #[serde(borrow)]
    last_modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    foreign: Option<bool>,
    totals: Option<IgnoredAny>,
    event: Option<IgnoredAny>,
}

impl Object<'_> {
    /// Returns the digests that are keys of their own, in hexadecimal digits.
    fn digests(&self) -> impl Iterator<Item = (Algorithm, &str)> {
        let keys = [
            (Algorithm::Md5, &self.md5),
            (Algorithm::Sha1, &self.sha1),
            (Algorithm::Sha224, &self.sha224),
            (Algorithm::Sha256, &self.sha256),
            (Algorithm::Blake3, &self.blake3),
            (Algorithm::Sha384, &self.sha384),
            (Algorithm::Blake2b, &self.blake2b),
            (Algorithm::Sha512, &self.sha512),
        ];
        keys.into_iter().filter_map(|(algorithm, hex)| Some((algorithm, hex.as_deref()?)))
    }
}

/// Returns whether a list whose first line this is has an object on each, or was meant to.
pub(super) fn is_likely(first: Line<'_>) -> bool {
    first.begin().starts_with(b"{") || is_array(first.begin())
}

/// Returns whether an array of objects begins here, and no address of IPv6.
fn is_array(line: &[u8]) -> bool {
    let inside = line.strip_prefix(b"[").map(<[u8]>::trim_ascii);
    inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(b"{"))
}

/// Reads a line that says something; `None` for an object that stands for no file. A `path` may begin
/// with `folder`, that of all files.
pub(super) fn read(origin: Origin, line: Line<'_>, folder: &Base) -> Option<Entry> {
    let object = match line.text().map_err(|reason| bad_line(&reason)).and_then(parse) {
        Ok(object) => object,
        Err(cause) => return Some(Entry::bad(origin, cause, "")),
    };
    // A job that was the same as another has the same file.
    let is_duplicate = object.path.is_none() && object.reason.as_deref() == Some("duplicate");
    if object.totals.is_some() || object.event.is_some() || is_duplicate {
        return None;
    }
    Some(match wanted(&object, folder) {
        Ok(wanted) => Entry { origin, wanted: Ok(wanted), text: String::new() },
        Err((cause, text)) => Entry::bad(origin, cause, text),
    })
}

fn parse(text: &str) -> Result<Object<'_>, Cause> {
    if is_array(text.as_bytes()) {
        let reason = "a JSON array, and not an object on each line".to_owned();
        return Err(Cause::BadLine { reason, hint: Some("`jq -c '.[]'` makes those of it") });
    }
    if !text.starts_with('{') {
        return Err(bad_line("not a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            return bad_line("not a JSON object: it does not end on its line");
        }
        // The line that serde counts is always the first.
        let told = error.to_string().replace(" at line 1 column ", " at byte ");
        bad_line(&format!("not a JSON object of a file: {told}"))
    })
}

/// Returns the file that an object stands for; or what is wrong, and the text that is no URL.
fn wanted<'a>(object: &'a Object<'_>, folder: &Base) -> Result<Wanted, (Cause, &'a str)> {
    let Some(url) = object.url.as_deref() else {
        return Err((bad_line("the object has no `url`"), ""));
    };
    let mirrors = object.mirrors.iter().flatten().map(AsRef::as_ref);
    let (target, mirrors) = urls::collect(std::iter::once(url).chain(mirrors), target::parse)?;
    // What is told of a file that did not come is not what it must be; a `checksum` is always a wish.
    let status = object.status.as_deref();
    let has_come = !matches!(status, Some("failed" | "cancelled"));
    // Nor is a file that a server was only asked for the one that is there.
    let is_here = has_come && !matches!(status, Some("found" | "planned"));
    let rest = || -> Result<Wanted, Cause> {
        Ok(Wanted {
            target,
            mirrors,
            size: object.size.filter(|_| has_come),
            checksum: digest(object.checksum.as_deref(), object.digests().filter(|_| has_come))?,
            known: known(object).filter(|_| is_here),
            pieces: None,
            place: place(object, folder).map_err(|reason| bad_line(&reason))?,
            fields: object.headers.map(headers::read).transpose()?.flatten(),
            is_foreign: object.foreign.unwrap_or_default(),
        })
    };
    rest().map_err(|cause| (cause, url))
}

/// Returns what the file is checked by: `checksum` if there is one, because that was chosen, else the
/// strongest that was told.
fn digest<'a>(
    chosen: Option<&str>,
    told: impl Iterator<Item = (Algorithm, &'a str)>,
) -> Result<Option<Box<Digest>>, Cause> {
    let chosen = chosen.map(checksum).transpose()?;
    let mut strongest = None;
    for (algorithm, hex) in told {
        let name = algorithm.name();
        let digest = checksum(&format!("{name}:{hex}"))?;
        let of_same = chosen.as_ref().filter(|chosen| chosen.algorithm() == algorithm);
        if of_same.is_some_and(|chosen| *chosen != digest) {
            return Err(bad_line(&format!("`checksum` and `{name}` contradict each other")));
        }
        if strongest.as_deref().is_none_or(|best: &Digest| best.algorithm() < algorithm) {
            strongest = Some(digest);
        }
    }
    Ok(chosen.or(strongest))
}

/// Returns what told the version that an earlier run brought from others.
fn known(object: &Object<'_>) -> Option<Box<Known>> {
    let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let (etag, last_modified) = (owned(&object.etag), owned(&object.last_modified));
    let validators = Validators { etag, last_modified, date: None };
    (validators != Validators::default()).then(|| Box::new(Known { validators, locked: None }))
}

/// Returns where the file is put: `out` if there is one, because haul prints no such key.
fn place(object: &Object<'_>, folder: &Base) -> Result<Placement, String> {
    match (object.out.as_deref(), object.path.as_deref()) {
        (Some(out), _) => Placement::file(out.as_bytes()),
        (None, Some(path)) => Placement::file(folder.below(path).as_bytes()),
        (None, None) => Ok(Placement::default()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(line: &[u8]) -> Option<Result<Wanted, String>> {
        let origin = Origin::Line { list: Arc::from("l"), number: 1 };
        let entry = super::read(
            origin,
            Line::from(line),
            &Base { given: "d".into(), absolute: "/here/d".into() },
        )?;
        Some(entry.wanted.map_err(|cause| cause.to_string()))
    }

    fn good(line: &str) -> Wanted {
        read(line.as_bytes()).unwrap().unwrap()
    }

    /// Returns the URL, its mirrors, the size, the checksum and the path.
    fn told(line: &str) -> String {
        let Wanted { target, mirrors, size, checksum, place, .. } = good(line);
        let urls = [target].into_iter().chain(mirrors).map(|target| target.url.to_string());
        let size = size.map(|size| size.to_string());
        let sum = checksum.map(|sum| sum.to_string()[..10].to_owned());
        let path = place.name.map(|name| place.folder.join(name).display().to_string());
        let told: Vec<_> = urls.chain(size).chain(sum).chain(path).collect();
        told.join(" ")
    }

    #[test]
    fn an_object_says_what_a_file_is() {
        #[track_caller]
        fn case(line: &str, expected: &str) {
            assert_eq!(told(line), expected, "{line}");
        }
        let sum = format!("sha256:{SUM}");
        case(r#"{"url":"http://a/x"}"#, "http://a/x");
        case(r#" { "x" : [{}], "url" : "a.example/\u0078" } "#, "https://a.example/x");
        case(
            r#"{"url":"http://a/x","mirrors":["http://b/x","http://a/x"]}"#,
            "http://a/x http://b/x",
        );
        case(
            r#"{"url":"http://a/x","mirrors":null,"sha256":null,"size":null,"path":null}"#,
            "http://a/x",
        );
        case(r#"{"url":"http://a/x","size":7,"out":"y"}"#, "http://a/x 7 y");
        case(r#"{"url":"http://a/x","path":"d/e/y"}"#, "http://a/x e/y");
        case(r#"{"url":"http://a/x","path":"/here/d/e/y"}"#, "http://a/x e/y");
        case(r#"{"url":"http://a/x","path":"e/y"}"#, "http://a/x e/y");
        case(r#"{"url":"http://a/x","path":"y","out":"d/z"}"#, "http://a/x d/z");
        case(&format!(r#"{{"url":"http://a/x","sha256":"{SUM}"}}"#), "http://a/x sha256:ba7");
        case(
            &format!(r#"{{"url":"http://a/x","checksum":"{sum}","sha256":"{SUM}"}}"#),
            "http://a/x sha256:ba7",
        );
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        case(
            &format!(r#"{{"url":"http://a/x","checksum":"{md5}","sha256":"{SUM}"}}"#),
            "http://a/x md5:d41d8c",
        );
    }

    #[test]
    fn what_did_not_come_is_not_checked() {
        let line = |status: &str| {
            told(&format!(
                r#"{{"url":"http://a/x","status":"{status}","size":7,"sha256":"{SUM}"}}"#
            ))
        };
        assert_eq!(line("completed"), "http://a/x 7 sha256:ba7");
        assert_eq!(line("skipped"), "http://a/x 7 sha256:ba7");
        assert_eq!(line("failed"), "http://a/x");
        assert_eq!(line("cancelled"), "http://a/x");
        let wish = format!(r#"{{"url":"http://a/x","status":"failed","checksum":"{SUM}"}}"#);
        assert_eq!(told(&wish), "http://a/x sha256:ba7");
    }

    #[test]
    fn the_strongest_of_several_digests_counts() {
        #[track_caller]
        fn case(keys: &[(&str, usize)], expected: &str) {
            let key = |(key, size): &(&str, usize)| format!(r#","{key}":"{}""#, "00".repeat(*size));
            let keys = keys.iter().map(key).collect::<Vec<_>>().concat();
            assert_eq!(
                told(&format!(r#"{{"url":"http://a/x"{keys}}}"#)),
                format!("http://a/x {expected}")
            );
        }
        case(&[("md5", 16)], "md5:000000");
        case(&[("sha1", 20), ("md5", 16)], "sha1:00000");
        case(&[("sha256", 32), ("sha224", 28), ("blake3", 32)], "blake3:000");
        case(&[("blake2b", 64), ("sha512", 64), ("sha384", 48)], "sha512:000");
        case(&[("blake2b", 64), ("sha384", 48)], "blake2b:00");
    }

    #[test]
    fn totals_and_events_stand_for_no_file() {
        assert!(read(br#"{"haul":1,"event":"started","id":1,"url":"http://h/a"}"#).is_none());
        assert_eq!(told(r#"{"url":"http://h/a","event":null}"#), "http://h/a");
        assert!(read(br#"{"totals":{"completed":1}}"#).is_none());
        let duplicate = br#"{"url":"http://h/a","status":"skipped","reason":"duplicate"}"#;
        assert!(read(duplicate).is_none());
        assert!(read(br#"{"schema":1,"totals":[]}"#).is_none());
    }

    #[test]
    fn lines_that_are_no_object_say_why() {
        #[track_caller]
        fn case(line: &[u8], why: &str) {
            let told = read(line).unwrap().unwrap_err();
            assert!(told.contains(why), "{told}");
            assert!(told.chars().count() < 400, "{told}");
        }
        case(b"http://a/x", "not a JSON object");
        case(b"[]", "not a JSON object");
        case(b"[{\"url\":\"http://a/\"}]", "a JSON array, and not an object on each line");
        case(b"[", "a JSON array, and not an object on each line");
        case(b"{", "not a JSON object: it does not end on its line");
        case(b"{\"url\":\"\xff\"}", "byte 9 is not UTF-8");
        case(b"{}", "the object has no `url`");
        case(br#"{"url":"http://a/x"} x"#, "trailing characters at byte 22");
        case(br#"{"url":1}"#, "invalid type: integer `1`, expected a string");
        case(br#"{"url":"http://a/","url":"http://b/"}"#, "duplicate field `url`");
        case(br#"{"url":"http://a/","size":-1}"#, "expected u64");
        case(br#"{"url":"http://a/","size":"http://u:secret@h/"}"#, "***");
        case(br#"{"url":"http://a/","mirrors":"http://b/"}"#, "expected a sequence");
        case(br#"{"url":"word"}"#, "not a URL: `word`");
        case(br#"{"url":"http://a/","mirrors":["ftp://b/"]}"#, "scheme `ftp`");
        case(br#"{"url":"http://a/","sha256":"00"}"#, "has 1 byte");
        case(br#"{"url":"http://a/","checksum":"crc32:00"}"#, "not a checksum");
        case(br#"{"url":"http://a/","path":"../x"}"#, "has `..` in it");
        case(br#"{"url":"http://a/","path":"/x"}"#, "is absolute");
        case(br#"{"url":"http://a/","out":""}"#, "names no file");
        let sums =
            format!(r#"{{"url":"http://a/","sha256":"{SUM}","checksum":"{}"}}"#, "0".repeat(64));
        case(sums.as_bytes(), "`checksum` and `sha256` contradict each other");
        case(br#"{"url":"http://a/","md5":"00"}"#, "has 1 byte, and md5 has 16");
        let md5s = "0".repeat(32) + r#"","checksum":"md5:"# + &"1".repeat(32);
        case(format!(r#"{{"url":"http://a/","md5":"{md5s}"}}"#).as_bytes(), "`md5` contradict");
        let long = "x".repeat(100_000);
        case(format!(r#"{{"url":"http://a/","checksum":"{long}"}}"#).as_bytes(), "not a checksum");
        case(format!(r#"{{"url":"http://a/","size":"{long}"}}"#).as_bytes(), "invalid type");
        let deep = "[".repeat(60_000);
        let (open, close) = (&deep, "]".repeat(60_000));
        assert_eq!(told(&format!(r#"{{"x":{open}{close},"url":"http://a/"}}"#)), "http://a/");
        case(
            format!(r#"{{"url":"http://a/","x":{deep}"#).as_bytes(),
            "it does not end on its line",
        );
    }

    #[test]
    fn a_list_of_objects_is_told_by_its_first_line() {
        for line in [&b"{\"url\":"[..], b" {\xff", b"[", b"[ \t", b"[{\"url\":", b"[ {"] {
            assert!(is_likely(Line::from(line)), "{line:?}");
        }
        for line in ["[::1]:8080/x", "[::1]", "[a](http://b/)", "http://a/{b}", ""] {
            assert!(!is_likely(Line::from(line.as_bytes())), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_returns(line: Vec<u8>, end: String) {
            let _ = read(&line);
            let _ = read(format!("{{\"url\":\"http://a/x\",{end}").as_bytes());
        }
    }
}
