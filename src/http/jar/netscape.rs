//! A line of a cookie file in the format of Netscape, as browsers' exporters, curl and wget write it: seven
//! fields with tabs between them, and `#HttpOnly_` before those that scripts do not see. It is bytes: curl
//! takes a value that is not UTF-8, and sends it as it is.

use std::net::Ipv6Addr;
use std::time::Duration;

use url::{Host, Url};

use crate::http::jar::cookie::Cookie;
use crate::http::jar::domain::is_address;
use crate::policy::set_cookie::NEVER;

const HTTP_ONLY: &[u8] = b"#HttpOnly_";

/// Reads a line; `None` for one that is blank or a comment.
///
/// # Errors
/// What is wrong with it, without what is in it.
pub(super) fn parse(line: &[u8]) -> Result<Option<Cookie>, &'static str> {
    let (is_http_only, line) = match line.strip_prefix(HTTP_ONLY) {
        Some(rest) => (true, rest),
        None if line.starts_with(b"#") || line.trim_ascii().is_empty() => return Ok(None),
        None => (false, line),
    };
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
    let (&[domain, subdomains, path, secure, expires, name], value) = (match &*fields {
        [first @ .., value] if fields.len() == 7 => (first, *value),
        // Some write no tab before a value that is empty.
        first => (first, &b""[..]),
    }) else {
        return Err("not seven fields with tabs between them");
    };
    if name.is_empty() || line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err("its name is empty, or a control character is in it");
    }
    if name.contains(&b'=') || [name, value].iter().any(|text| text.contains(&b';')) {
        return Err("its name or value has a `;` in it, or its name a `=`");
    }
    let (has_subdomains, is_secure) = (flag(subdomains)?, flag(secure)?);
    let expires = time(expires)?;
    let domain = host(domain.strip_prefix(b".").unwrap_or(domain))?;
    Ok(Some(Cookie {
        // Nothing is below an address, whatever the line says.
        has_subdomains: has_subdomains && !is_address(&domain),
        is_secure,
        expires,
        domain,
        path: sent_below(path).into(),
        name: name.into(),
        value: value.into(),
        is_http_only,
    }))
}

/// Writes the line of a cookie.
pub(super) fn write(cookie: &Cookie, output: &mut Vec<u8>) {
    let flag = |is_set| if is_set { &b"TRUE"[..] } else { b"FALSE" };
    let expires = cookie.expires.unwrap_or_default().as_secs().to_string();
    let fields = [
        bare(&cookie.domain).as_bytes(),
        flag(cookie.has_subdomains),
        &cookie.path,
        flag(cookie.is_secure),
        expires.as_bytes(),
        &cookie.name,
        &cookie.value,
    ];
    output.extend_from_slice(if cookie.is_http_only { HTTP_ONLY } else { b"" });
    output.extend_from_slice(if cookie.has_subdomains { b"." } else { b"" });
    output.extend_from_slice(&fields.join(&b'\t'));
    output.push(b'\n');
}

/// Returns the path of a line. curl writes one as the server said it, also in quotes or without its `/`, and
/// means all paths then.
fn sent_below(path: &[u8]) -> &[u8] {
    let quoted = path.strip_prefix(b"\"");
    let path = quoted.map_or(path, |rest| rest.strip_suffix(b"\"").unwrap_or(rest));
    if path.starts_with(b"/") { path } else { b"/" }
}

fn flag(text: &[u8]) -> Result<bool, &'static str> {
    match text {
        _ if text.eq_ignore_ascii_case(b"TRUE") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"FALSE") => Ok(false),
        _ => Err("its second or fourth field is neither TRUE nor FALSE"),
    }
}

/// Reads a time, which some write with a fraction. Zero or nothing is the end of the session, and what is
/// before 1970 has expired.
fn time(text: &[u8]) -> Result<Option<Duration>, &'static str> {
    const NO_TIME: &str = "its fifth field is not a time in seconds";
    let text = std::str::from_utf8(text).map_err(|_| NO_TIME)?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    if !is_number(digits) || !is_number(fraction) || (digits.is_empty() && digits != seconds) {
        return Err(NO_TIME);
    }
    if digits != seconds {
        return Ok(Some(Duration::ZERO));
    }
    // A number that is too large is a time that never comes.
    let seconds = if seconds.is_empty() { 0 } else { seconds.parse().unwrap_or(u64::MAX) };
    Ok((seconds > 0).then_some(Duration::from_secs(seconds).min(NEVER)))
}

/// Reads a domain as URLs have it. curl writes an address of IPv6 without brackets.
fn host(text: &[u8]) -> Result<Box<str>, &'static str> {
    const NO_HOST: &str = "its domain is not a host";
    let text = std::str::from_utf8(text).map_err(|_| NO_HOST)?;
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(Host::<&str>::Ipv6(address).to_string().into());
    }
    let url = Url::parse(&format!("https://{text}/")).ok();
    // A port, a path or a login in it would be one of the URL.
    let url = url.filter(|url| url.path() == "/" && url.username().is_empty());
    url.as_ref().and_then(Url::host_str).map(Box::from).ok_or(NO_HOST)
}

/// Returns a domain as files have it: curl finds no address of IPv6 in brackets.
fn bare(domain: &str) -> &str {
    domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(domain)
}
