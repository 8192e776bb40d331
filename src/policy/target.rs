//! From the text of an argument or a line to a URL that can be asked for.
//!
//! Parsing is WHATWG's (RFC 3986 as browsers read it, with IDNA), so that one parser decides for
//! the request, the file's name and the origin that credentials belong to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::{Host, ParseError, Position, Url};

use crate::model::error::Cause;
use crate::model::job::{Credentials, Target};
use crate::model::redact::shorten;
use crate::policy::scheme;

/// The longest URL that can be sent: `http::Uri` takes 65,534 bytes.
const MAX_URL_BYTES: usize = 65_000;

/// Reads one URL. A text without a scheme gets `https://`.
///
/// # Errors
/// [`Cause::BadUrl`] and [`Cause::UnsupportedScheme`].
pub fn parse(text: &str) -> Result<Target, Cause> {
    let text = text.trim();
    if text.is_empty() {
        return Err(bad_url("`` is empty".to_owned()));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        return Err(bad_url(format!("`{}` has `{}` in it", shorten(text), bad.escape_default())));
    }
    if text.len() > MAX_URL_BYTES {
        return Err(bad_url(format!("`{}` is longer than {MAX_URL_BYTES} bytes", shorten(text))));
    }
    let with_scheme = match scheme_of(text) {
        Some(scheme) if scheme::is_known(scheme) => text.to_owned(),
        Some(scheme) => {
            return Err(Cause::UnsupportedScheme { scheme: scheme.to_owned() });
        }
        None if looks_like_a_host(text) => format!("https://{}", text.trim_start_matches("//")),
        None => return Err(bad_url(format!("`{}`", shorten(text)))),
    };
    if has_zone(text) {
        let reason = format!("`{}` has a zone in its address", shorten(text));
        let hint = Some("leave it out, and name the device with `--interface`".to_owned());
        return Err(Cause::BadUrl { reason, hint });
    }
    let mut url = Url::parse(&with_scheme)
        .map_err(|error| bad_url(format!("`{}`: {}", shorten(text), why(error, &with_scheme))))?;
    if url.scheme() == "file" && url.host().is_some() {
        return Err(bad_url(format!("`{}` is a file of another machine", shorten(text))));
    }
    let credentials = take_credentials(&mut url);
    url.set_fragment(None);
    check_sendable(&url).map_err(|why| bad_url(format!("`{}` {why}", shorten(text))))?;
    Ok(Target { url, credentials })
}

/// Reads URLs one after the other, most of which differ from the one before only behind their origin: a list's.
#[derive(Debug, Default)]
pub struct Series {
    /// The root of the last one's origin.
    root: Option<Url>,
}

impl Series {
    /// Reads one URL as [`parse`] does, in a third of the time if its origin is that of the last one.
    ///
    /// # Errors
    /// Those of [`parse`].
    pub fn parse(&mut self, text: &str) -> Result<Target, Cause> {
        if let Some(url) = self.follow(text) {
            return Ok(Target { url, credentials: None });
        }
        let target = parse(text)?;
        self.root = is_web(target.url.scheme()).then(|| {
            let mut root = target.url.clone();
            root.set_path("/");
            root.set_query(None);
            root
        });
        Ok(target)
    }

    /// Reads a URL that is written with the last one's origin, in normal form, and a path that has nothing
    /// in it of which [`parse`] would have to think. Such a path means the same as a reference to that URL.
    fn follow(&self, text: &str) -> Option<Url> {
        let root = self.root.as_ref()?;
        let path = text.strip_prefix(&root[..Position::BeforePath])?;
        let is_path = path.starts_with('/') && !path.starts_with("//");
        let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\');
        if !is_path || !path.bytes().all(is_plain) {
            return None;
        }
        let url = if path.contains('?') {
            root.join(path).ok()?
        } else {
            let mut url = root.clone();
            url.set_path(path);
            url
        };
        (text.len().max(url.as_str().len()) <= MAX_URL_BYTES).then_some(url)
    }
}

/// Everything in a name that means, or might mean, something in a path.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the URL of a folder: without a slash at its end it gets one.
///
/// # Errors
/// As [`parse`]; a URL with a query is none of a folder.
pub fn base(text: &str) -> Result<Target, Cause> {
    let mut target = parse(text)?;
    if target.url.query().is_some() {
        return Err(bad_url(format!("`{}` has a query, and a folder has none", shorten(text))));
    }
    if !target.url.path().ends_with('/') {
        let path = format!("{}/", target.url.path());
        target.url.set_path(&path);
    }
    Ok(target)
}

/// Returns the file of this name, which may have folders in it, below the folder `base`. Each component
/// is percent-encoded, so that it is nothing but a name.
///
/// # Errors
/// [`Cause::BadUrl`] when the name leads elsewhere or is too long.
pub fn below(base: &Target, name: &[u8]) -> Result<Target, Cause> {
    let mut path = base.url.path().to_owned();
    if name.starts_with(b"/") || name.split(|&byte| byte == b'/').any(|part| part == b"..") {
        let name = String::from_utf8_lossy(name);
        return Err(bad_url(format!("`{}` is not below the base URL", shorten(&name))));
    }
    let components = name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    for (index, component) in components.enumerate() {
        path.extend((index > 0).then_some('/'));
        path.extend(percent_encode(component, NAME));
    }
    let mut target = base.clone();
    target.url.set_path(&path);
    check_sendable(&target.url).map_err(|why| bad_url(format!("the name of a file {why}")))?;
    Ok(target)
}

/// Checks what WHATWG lets pass and a request cannot carry: some characters in hosts, and lengths.
///
/// # Errors
/// What is wrong, after the URL.
pub fn check_sendable(url: &Url) -> Result<(), String> {
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(format!("is longer than {MAX_URL_BYTES} bytes"));
    }
    let is_sendable = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:[]%".contains(c);
    match url.host_str().unwrap_or_default().chars().find(|&c| !is_sendable(c)) {
        Some(bad) => Err(format!("has `{bad}` in its host")),
        None => Ok(()),
    }
}

/// Returns why a text is no URL: for a host that is no name, by its label.
fn why(error: ParseError, text: &str) -> String {
    let label = if error == ParseError::IdnaError { wrong_label(text) } else { None };
    let Some(label) = label else { return error.to_string() };
    let is_encoded = label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
    let what = if is_encoded { "encodes no name" } else { "has a character that no name has" };
    format!("the label `{}` of its host {what}", shorten(label))
}

/// Returns the label for which a host is no name, where it can be told alone.
fn wrong_label(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("//")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    // What is before an `@` further on may be meant for userinfo, which is never shown.
    if rest[authority.len()..].contains('@') {
        return None;
    }
    let host = authority.rsplit('@').next()?.split(':').next()?;
    host.split('.').find(|label| Host::parse(label) == Err(ParseError::IdnaError))
}

/// Removes the userinfo from `url` and returns it decoded, if there was any.
pub fn take_credentials(url: &mut Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let credentials = Credentials {
        user: percent_decode_str(url.username()).collect(),
        password: percent_decode_str(url.password().unwrap_or_default()).collect(),
    };
    // Both fail only for URLs without a host, and http URLs have one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(credentials)
}

/// Returns whether a scheme is that of a server, to which a redirect may lead.
pub fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn bad_url(reason: String) -> Cause {
    Cause::BadUrl { reason, hint: None }
}

/// Returns whether the host is an address with a zone (RFC 6874), which WHATWG has taken out of URLs.
fn has_zone(text: &str) -> bool {
    let authority = text.split_once("//").map_or(text, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.starts_with('[') && host.contains('%')
}

/// Returns whether a text begins with a scheme. A reference without one means something only below
/// another URL (RFC 3986 §4.2), or to whoever types the name of a host.
pub fn has_scheme(text: &str) -> bool {
    scheme_of(text.trim()).is_some()
}

/// Returns the scheme of `scheme://...`, and of `mailto:...`-like texts that no host can look like.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    // `localhost:8080/x` and `user:pass@host/x` have no scheme, `data:,x` has one.
    let is_scheme = rest.starts_with("//")
        || matches!(
            scheme.to_ascii_lowercase().as_str(),
            "data" | "file" | "http" | "https" | "javascript" | "magnet" | "mailto"
        );
    (well_formed && is_scheme).then_some(scheme)
}

/// Returns whether a text without scheme can be meant as `host/path`: its host part has a dot or a
/// port, or is followed by a path. A bare word is more likely a mistake, and so is a URL with something
/// before it, such as a quotation mark, whose scheme would be the host.
fn looks_like_a_host(text: &str) -> bool {
    let text = text.trim_start_matches("//");
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let named = host.rsplit('@').next().unwrap_or_default();
    let is_scheme = host.ends_with(':') && text[host.len()..].starts_with("//");
    !named.is_empty()
        && !is_scheme
        && !named.starts_with(['.', '-'])
        && (named.contains(['.', ':']) || host.len() < text.len() || named == "localhost")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_urls() {
        #[track_caller]
        fn case(text: &str, url: &str) {
            assert_eq!(parse(text).unwrap().url.as_str(), url);
        }
        case(" http://h/a b".trim_end_matches(" b"), "http://h/a");
        case("host.example/path", "https://host.example/path");
        case("//host.example/path", "https://host.example/path");
        case("localhost:8080/x", "https://localhost:8080/x");
        case("localhost", "https://localhost/");
        case("localhost:/x", "https://localhost/x");
        case("localhost:80//x", "https://localhost:80//x");
        case("localhost/http://h/", "https://localhost/http://h/");
        case("intranet/file", "https://intranet/file");
        case("HTTP://H.Example:80/../x?q=1#frag", "http://h.example/x?q=1");
        case("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC");
        case("http://[::1]:8000/x", "http://[::1]:8000/x");
        case("FILE:/d/x", "file:///d/x");
        case("file://localhost/d/x", "file:///d/x");
        case("data:,hello", "data:,hello");
    }

    #[test]
    fn texts_that_are_no_urls_say_why() {
        #[track_caller]
        fn case(text: &str, why: &str) {
            let cause = parse(text).unwrap_err().to_string();
            assert!(cause.contains(why), "{text}: {cause}");
        }
        case("word", "not a URL: `word`");
        case("two words", "has ` ` in it");
        case("http://h:99999/", "invalid port number");
        case("http://[fe80::1%25eth0]/x", "has a zone in its address");
        case("[fe80::1%eth0]:80/x", "has a zone in its address");
        case("http:///x y", "has ` ` in it");
        case("http://", "empty host");
        case("../file", "not a URL");
        case("'http://h/x'", "not a URL: `'http://h/x'`");
        case("\"http://h/x\"", "not a URL: `\"http://h/x\"`");
        case("<http://h/x>", "not a URL: `<http://h/x>`");
        case("name,http://h/x", "not a URL: `name,http://h/x`");
        case("//http://h/x", "not a URL: `//http://h/x`");
        case("ftp://h/x", "scheme `ftp` is not supported");
        case("file://host/x", "is a file of another machine");
        case("http://h/\u{0}", "in it");
        case(&format!("http://h/{}", "x".repeat(70_000)), "longer than");
        case(&format!("http://h/{}", "ü".repeat(22_000)), "longer than");
        case("http://a\"b.example/", "has `\"` in its host");
        case("http://xn--a/a", "`http://xn--a/a`: the label `xn--a` of its host encodes no name");
        case("h.XN--zzzzzz.example:80/x", "the label `XN--zzzzzz` of its host encodes no name");
        case("http://u:p@a.b<c.d:80", "the label `b<c` of its host has a character that no name");
        case("http://exa%00mple/", "the label `exa%00mple` of its host has a character");
        case("http://me<x:s/3@h/", "`http://***@h/`: invalid international domain name");
        case("MAILTO:a@b.example", "scheme `MAILTO`");
    }

    #[test]
    fn what_has_no_scheme_is_relative() {
        for text in ["http://a/", " HTTPS://a/", "ftp://a/", "data:,x", "magnet:?xt=1"] {
            assert!(has_scheme(text), "{text}");
        }
        for text in ["", "a.ext", "d/a.iso", "/a", "//a.example/x", "a:80/x", "?a://b", "../a"] {
            assert!(!has_scheme(text), "{text}");
        }
    }

    #[test]
    fn names_are_put_below_a_folder() {
        #[track_caller]
        fn case(folder: &str, name: &str, url: &str) {
            let base = base(folder).unwrap();
            assert_eq!(below(&base, name.as_bytes()).unwrap().url.as_str(), url);
        }
        case("http://h", "a", "http://h/a");
        case("h.example/d", "a", "https://h.example/d/a");
        case("http://h/d/#x", "./a//b", "http://h/d/a/b");
        case("http://h/%C3%BC/", "ü", "http://h/%C3%BC/%C3%BC");
        case("http://h/d/", "%2e%2e/x", "http://h/d/%252e%252e/x");
        case("http://h/d/", "a?b#c:d@e\\f", "http://h/d/a%3Fb%23c%3Ad%40e%5Cf");
        case("http://h/d/", ".../~-_", "http://h/d/.../~-_");
        let folder = base("http://h/d").unwrap();
        for name in ["..", "a/../b", "/a", "a/.."] {
            assert!(below(&folder, name.as_bytes()).is_err(), "{name}");
        }
        assert!(below(&folder, &b" ".repeat(30_000)).is_err());
        assert!(base("http://h/d?x=1").unwrap_err().to_string().contains("has a query"));
        assert!(base("ftp://h/").is_err());
    }

    #[test]
    fn userinfo_is_taken_out_and_decoded() {
        let target = parse("https://us%40er:p%3Aw@h.example/x").unwrap();
        assert_eq!(target.url.as_str(), "https://h.example/x");
        let credentials = target.credentials.unwrap();
        assert_eq!(credentials.user, b"us@er");
        assert_eq!(credentials.password, b"p:w");
        assert_eq!(parse("https://h.example/x").unwrap().credentials, None);
    }

    #[test]
    fn a_url_with_the_origin_of_the_last_one_is_followed() {
        let mut urls = Series::default();
        assert_eq!(urls.follow("http://h:8080/a"), None);
        urls.parse("http://h:8080/a/b?c").unwrap();
        let follow = |text| urls.follow(text).map(String::from);
        assert_eq!(follow("http://h:8080/x/../y%2f?d").unwrap(), "http://h:8080/y%2f?d");
        for text in ["http://h:8080", "http://h:80801/a", "http://h:8080//x/y", "http://h:8080/\\x"]
        {
            assert_eq!(follow(text), None, "{text}");
        }
        assert_eq!(follow(&format!("http://h:8080/{}", "\"".repeat(30_000))), None);
    }

    proptest! {
        #[test]
        fn a_series_of_urls_is_read_as_each_alone(
            texts in proptest::collection::vec(
                proptest::collection::vec(
                    prop_oneof![
                        Just("http://h"), Just("HTTP://"), Just("https://h"), Just(":80"), Just(":8080"),
                        Just("/"), Just("/"), Just("\\"), Just("u:p@"), Just("a"), Just("..."), Just(".."),
                        Just("%2e"), Just("%2F"), Just("?"), Just("#"), Just(" "), Just("\t"), Just("ü"),
                        Just("|"), Just("\""), Just("["), Just(":"), Just("file:///"), Just("data:,"),
                    ],
                    0..8,
                ),
                1..5,
            ),
        ) {
            let mut urls = Series::default();
            for text in texts {
                // Most begin alike.
                let text = if text.len() > 4 { "http://h".to_owned() } else { String::new() } + &text.concat();
                let told = |read: Result<Target, Cause>| read.map_err(|cause| cause.to_string());
                prop_assert_eq!(told(urls.parse(&text)), told(parse(&text)), "{}", text);
            }
        }
    }
}
