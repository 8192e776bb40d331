//! URLs as they may be shown: without userinfo, without the values of secret query parameters.

use std::fmt;

use url::Url;

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

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARAMETERS.contains(&name.as_str())
        || name == "x-goog-signature"
        || name == "x-goog-credential"
}

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        if url.cannot_be_a_base() {
            return write!(f, "{}", Printable(url.as_str()));
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
            for (index, pair) in query.split('&').enumerate() {
                f.write_str(if index == 0 { "?" } else { "&" })?;
                match pair.split_once('=') {
                    Some((name, _)) if is_secret(name) => write!(f, "{}=***", Printable(name))?,
                    _ => write!(f, "{}", Printable(pair))?,
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
    fn userinfo_and_secret_parameters_are_hidden() {
        let url =
            Url::parse("https://u:p@h.example:8443/a%20b?x=1&X-Amz-Signature=abc&Token=t#frag");
        assert_eq!(
            Redacted(&url.unwrap()).to_string(),
            "https://h.example:8443/a%20b?x=1&X-Amz-Signature=***&Token=***"
        );
    }
}
