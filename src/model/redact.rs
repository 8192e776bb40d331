//! URLs as they may be shown: without userinfo, without the values of secret query parameters.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::job::is_nowhere;
use crate::model::text::Printable;

/// Shows a URL that a person, a log or a state file may see.
#[derive(Clone, Copy, Debug)]
pub struct Redacted<'a>(pub &'a Url);

/// Query parameters whose values open doors: signed links of S3, Google Cloud Storage, Azure and
/// `CloudFront`, and the names that APIs use for tokens. Compared in lower case.
const SECRET_PARAMETERS: [&str; 22] = [
    "access_key",
    "access_token",
    "accesskey",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "client_secret",
    "credential",
    "jwt",
    "key",
    "passwd",
    "password",
    "private_token",
    "pwd",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
];

/// What lists for aria2 have a secret behind, and where one of another format is taken for a URL.
const SECRET_SETTINGS: [&str; 7] = [
    "all-proxy-passwd",
    "ftp-passwd",
    "header",
    "http-passwd",
    "http-proxy-passwd",
    "https-proxy-passwd",
    "rpc-secret",
];

/// Returns a text that was meant as a URL, or came as one, without what [`Redacted`] hides.
pub fn redact_text(text: &str) -> String {
    if let Some(shown) = other_line(text) {
        return shown;
    }
    let start = text.find("//").map_or(0, |at| at + 2);
    let authority = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    // A password may have any of these in it; what looks like userinfo is hidden to its last `@`.
    let end = match text[start..].rfind('@') {
        Some(at) if text[start..start + at].contains(':') || start + at < authority => start + at,
        _ => start,
    };
    let mut shown = text[..start].to_owned();
    if end > start {
        shown.push_str("***");
    }
    for (index, pair) in text[end..].split_inclusive(['?', '&', ';', '#']).enumerate() {
        match pair.split_once('=') {
            Some((name, value)) if index > 0 && is_secret(name.trim()) => {
                let separator = value.find(['?', '&', ';', '#']).map_or("", |at| &value[at..]);
                shown.push_str(name);
                shown.push_str("=***");
                shown.push_str(separator);
            }
            _ => shown.push_str(pair),
        }
    }
    shown
}

/// Shows a line of a list that is of another format than it is read in, if a secret may be in it.
fn other_line(text: &str) -> Option<String> {
    let line = text.trim_start();
    if line.starts_with('{') {
        return Some("{***".to_owned());
    }
    let (name, _) = line.split_once('=')?;
    let is_setting = SECRET_SETTINGS.iter().any(|known| name.eq_ignore_ascii_case(known));
    (is_setting || is_secret(name)).then(|| format!("{name}=***"))
}

/// Returns the beginning of a text that a message has, without what [`redact_text`] hides.
pub fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    let text = redact_text(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns whether the value of a query parameter of that name is hidden, however it is escaped.
fn is_secret(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    SECRET_PARAMETERS.contains(&name.as_str())
        || name == "x-goog-signature"
        || name == "x-goog-credential"
}

/// Divides a query into its parameters, each with the separator behind it (`&`, and `;` as HTML 4 has it), and
/// says which of them are secret.
pub fn parameters(query: &str) -> impl Iterator<Item = (&str, bool)> {
    query.split_inclusive(['&', ';']).map(|parameter| {
        let name = parameter.split(['=', '&', ';']).next().unwrap_or_default();
        (parameter, is_secret(name))
    })
}

/// Returns whether a URL can be shown as it is, which is true of nearly all.
fn has_nothing_to_hide(url: &Url) -> bool {
    url.has_authority()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        // Unlike `all` this looks at many bytes at once.
        && url.as_str().bytes().fold(true, |all, byte| all & byte.is_ascii_graphic())
}

impl<'a> Redacted<'a> {
    /// Returns what is shown; mostly that is there already.
    pub fn text(self) -> Cow<'a, str> {
        match self.0 {
            url if has_nothing_to_hide(url) => Cow::Borrowed(url.as_str()),
            _ => Cow::Owned(self.to_string()),
        }
    }
}

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        if url.cannot_be_a_base() {
            return write!(f, "{}", Printable(url.as_str()));
        }
        if has_nothing_to_hide(url) {
            return f.write_str(url.as_str());
        }
        if is_nowhere(url) {
            return write!(f, "{}", Printable(url.path().trim_start_matches('/')));
        }
        write!(f, "{}://", url.scheme())?;
        if let Some(host) = url.host_str() {
            write!(f, "{host}")?;
        }
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", Printable(url.path()))?;
        if let Some(query) = url.query() {
            f.write_str("?")?;
            for (parameter, is_secret) in parameters(query) {
                match parameter.split_once('=') {
                    Some((name, value)) if is_secret => {
                        let separator = &value[value.trim_end_matches(['&', ';']).len()..];
                        write!(f, "{}=***{separator}", Printable(name))?;
                    }
                    _ => write!(f, "{}", Printable(parameter))?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_urls_hide_the_same() {
        #[track_caller]
        fn case(text: &str, shown: &str) {
            assert_eq!(redact_text(text), shown);
        }
        case("http://u:p@h:99999/a", "http://***@h:99999/a");
        case("http://u:p/w@h/a b", "http://***@h/a b");
        case("u:p@", "***@");
        case("u@h/x", "***@h/x");
        case("http://h/a b?x=1&token=t&y=2#f", "http://h/a b?x=1&token=***&y=2#f");
        case("http://h/user@example.org", "http://h/user@example.org");
        case("word", "word");
        case("header=Authorization: Bearer s;x?y", "header=***");
        case("  Http-Passwd=s", "Http-Passwd=***");
        case("token=a&b", "token=***");
        case("out=a b", "out=a b");
        case(r#"{"url": "http://h/", "headers": {"X": "s"}}"#, "{***");
        case("", "");
    }

    #[test]
    fn a_url_with_nothing_to_hide_is_shown_as_it_is() {
        #[track_caller]
        fn case(text: &str, shown: &str) {
            let url = Url::parse(text).unwrap();
            assert_eq!(Redacted(&url).to_string(), shown);
            assert_eq!(Redacted(&url).text(), shown);
        }
        for url in ["http://h/", "https://h:8443/a@b:c%20d/..x", "http://[::1]:80/a", "file:///a"] {
            case(url, Url::parse(url).unwrap().as_str());
        }
        case("http://u@h/a", "http://h/a");
        case("http://:p@h/a", "http://h/a");
        case("http://h/a#token=t", "http://h/a");
        case("http://h/a?", "http://h/a?");
        case("foo:/a", "foo:///a");
        case("nowhere:/d/a%20b", "d/a%20b");
    }

    #[test]
    fn userinfo_and_secret_parameters_are_hidden() {
        let url =
            Url::parse("https://u:p@h.example:8443/a%20b?x=1&X-Amz-Signature=abc&Token=t#frag");
        assert_eq!(
            Redacted(&url.unwrap()).to_string(),
            "https://h.example:8443/a%20b?x=1&X-Amz-Signature=***&Token=***"
        );
        let url = Url::parse("https://h/?&a;b=1;token=t;&to%6Ben=t=u&sig;key=k;").unwrap();
        let shown = "https://h/?&a;b=1;token=***;&to%6Ben=***&sig;key=***;";
        assert_eq!(Redacted(&url).to_string(), shown);
        assert_eq!(redact_text(url.as_str()), shown);
    }
}
