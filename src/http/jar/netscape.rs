//! A line of a cookie file in the format of Netscape, as browsers' exporters, curl and wget write it: seven
//! fields with tabs between them, and `#HttpOnly_` before those that scripts do not see.

use std::fmt;

const HTTP_ONLY: &str = "#HttpOnly_";

/// A cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Without a dot before it.
    pub(super) domain: &'a str,
    pub(super) has_subdomains: bool,
    pub(super) path: &'a str,
    pub(super) is_secure: bool,
    /// In seconds since 1970; `None` for the end of the session.
    pub(super) expires: Option<u64>,
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) is_http_only: bool,
}

impl<'a> Line<'a> {
    /// Reads a line; `None` for one that is blank or a comment.
    ///
    /// # Errors
    /// What is wrong with it, without what is in it.
    pub(super) fn parse(line: &'a str) -> Result<Option<Self>, &'static str> {
        let (is_http_only, line) = match line.strip_prefix(HTTP_ONLY) {
            Some(rest) => (true, rest),
            None if line.starts_with('#') || line.trim().is_empty() => return Ok(None),
            None => (false, line),
        };
        let fields: Vec<&str> = line.split('\t').collect();
        let (&[domain, subdomains, path, secure, expires, name], value) = (match &*fields {
            [first @ .., value] if fields.len() == 7 => (first, *value),
            // Some write no tab before a value that is empty.
            first => (first, ""),
        }) else {
            return Err("not seven fields with tabs between them");
        };
        if name.is_empty() || line.contains(|c: char| c.is_control() && c != '\t') {
            return Err("its name is empty, or a control character is in it");
        }
        let pair = [name, value];
        if name.contains(['=', ';']) || pair.iter().any(|text| text.contains(';')) {
            return Err("its name or value has a `;` in it, or its name a `=`");
        }
        if !path.starts_with('/') {
            return Err("its path does not begin with `/`");
        }
        Ok(Some(Self {
            domain: domain.strip_prefix('.').unwrap_or(domain),
            has_subdomains: flag(subdomains)?,
            path,
            is_secure: flag(secure)?,
            expires: time(expires)?,
            name,
            value,
            is_http_only,
        }))
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |is_set| if is_set { "TRUE" } else { "FALSE" };
        let Self { domain, path, name, value, .. } = self;
        let prefix = if self.is_http_only { HTTP_ONLY } else { "" };
        let dot = if self.has_subdomains { "." } else { "" };
        let (subdomains, secure) = (flag(self.has_subdomains), flag(self.is_secure));
        let expires = self.expires.unwrap_or_default();
        writeln!(
            f,
            "{prefix}{dot}{domain}\t{subdomains}\t{path}\t{secure}\t{expires}\t{name}\t{value}"
        )
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        _ if text.eq_ignore_ascii_case("TRUE") => Ok(true),
        _ if text.eq_ignore_ascii_case("FALSE") => Ok(false),
        _ => Err("its second or fourth field is neither TRUE nor FALSE"),
    }
}

/// Reads a time, which some write with a fraction. Zero or nothing is the end of the session.
fn time(text: &str) -> Result<Option<u64>, &'static str> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) {
        return Err("its fifth field is not a time in seconds");
    }
    // A number that is too large is a time that never comes.
    let seconds =
        if seconds.is_empty() { 0 } else { seconds.parse().unwrap_or(u64::from(u32::MAX)) };
    Ok((seconds > 0).then_some(seconds))
}
