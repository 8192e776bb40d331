//! What goes along with requests.
//!
//! No error has a secret in it. Those that are in files, on standard input, in the environment or in the
//! user's head are read here, once.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use url::Url;

use crate::cli::args::{Args, CredentialArgs};
use crate::cli::environment::Environment;
use crate::http::jar::Jar;
use crate::input::Source;
use crate::model::error::Plain;
use crate::model::field::{Field, Fields};
use crate::model::job::Credentials;
use crate::model::text::Printable;
use crate::policy::fields;
use crate::policy::netrc::Netrc;
use crate::policy::secrets::{self, Secrets};

/// How many bytes a file with secrets may have.
const MAX_BYTES: u64 = 64 * 1024;

/// How many one with cookies may have; a browser keeps some thousand cookies.
const MAX_COOKIE_BYTES: u64 = 16 * 1024 * 1024;

/// Returns what goes along with requests.
///
/// # Errors
/// What cannot be sent or read, or two options that contradict each other.
pub(super) fn options(
    args: &Args,
    sources: &[Source],
    environment: &Environment,
) -> Result<Secrets> {
    let args = &args.credentials;
    let mut all = Fields::new();
    for header in &args.header {
        take_header(&mut all, header.as_bytes())?;
    }
    let is_stdin_taken = sources.contains(&Source::Stdin);
    if let Some(login) = login(args, is_stdin_taken, environment)? {
        let option = if args.bearer.is_some() { "--bearer" } else { "--user" };
        take(&mut all, login, option)?;
    }
    if let Some(url) = &args.referer {
        take(&mut all, referer(url)?, "--referer")?;
    }
    if !args.cookie.is_empty() {
        take(&mut all, field("Cookie", &cookies(&args.cookie), "--cookie")?, "--cookie")?;
    }
    let mut everywhere = Fields::new();
    if let Some(name) = &args.user_agent {
        if all.iter().any(|field| field.is("user-agent")) {
            bail!("`--user-agent` and `--header`: `User-Agent` is given twice");
        }
        everywhere.push(field("User-Agent", name, "--user-agent")?);
    }
    Ok(Secrets {
        fields: all,
        everywhere,
        netrc: netrc(args)?,
        is_location_trusted: args.location_trusted,
    })
}

/// Returns the file that a value of the form `@FILE` names.
pub(super) fn file_of(value: &[u8]) -> Option<&Path> {
    value.strip_prefix(b"@").map(|name| Path::new(OsStr::from_bytes(name)))
}

/// Takes what `--header` has: a header, or the name of a file of them.
fn take_header(all: &mut Fields, header: &[u8]) -> Result<()> {
    let Some(path) = file_of(header) else {
        let field = fields::parse(header).map_err(|why| anyhow!("`--header`: {why}"))?;
        return take(all, field, "--header");
    };
    let text = read(path).with_context(|| format!("`--header {}`", shown(header)))?;
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        fields::parse(line)
            .and_then(|field| fields::add(all, field))
            .map_err(|why| anyhow!("`--header {}`, line {number}: {why}", shown(header)))?;
    }
    Ok(())
}

/// Adds the field of an option.
fn take(all: &mut Fields, field: Field, option: &str) -> Result<()> {
    fields::add(all, field).map_err(|why| anyhow!("`{option}`: {why}"))
}

/// Makes the field of an option that has its value; an empty value leaves the field out.
fn field(name: &str, value: &OsStr, option: &str) -> Result<Field> {
    let value = Some(value.as_bytes().trim_ascii()).filter(|value| !value.is_empty());
    fields::new(name.as_bytes(), value).map_err(|why| anyhow!("`{option}`: {why}"))
}

/// Joins the cookies of an option that is given several times. Who ends some with a `;` means no empty one.
fn cookies(given: &[OsString]) -> OsString {
    if let [one] = given {
        return one.clone();
    }
    let bare = |text: &OsString| {
        let text = text.as_bytes().trim_ascii_start();
        let last = text.iter().rposition(|byte| *byte != b';' && !byte.is_ascii_whitespace());
        text[..last.map_or(0, |last| last + 1)].to_vec()
    };
    let texts: Vec<_> = given.iter().map(bare).filter(|text| !text.is_empty()).collect();
    OsString::from_vec(texts.join(&b"; "[..]))
}

/// A Referer has neither userinfo nor a fragment (RFC 9110 §10.1.3).
fn referer(text: &OsStr) -> Result<Field> {
    let url = text.to_str().and_then(|text| Url::parse(text.trim()).ok());
    let mut url = url.ok_or_else(|| anyhow!("`--referer` is not a URL with its scheme"))?;
    url.set_fragment(None);
    // Only a URL without a host refuses it, and that has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    field("Referer", OsStr::new(url.as_str()), "--referer")
}

/// Returns the credentials for all URLs.
fn login(
    args: &CredentialArgs,
    is_stdin_taken: bool,
    environment: &Environment,
) -> Result<Option<Field>> {
    if let Some(user) = &args.user {
        return Ok(Some(secrets::basic(&credentials(user.as_bytes())?)));
    }
    let Some(source) = &args.bearer else { return Ok(None) };
    let source = source.as_bytes();
    let token = if let Some(path) = file_of(source) {
        read(path).with_context(|| format!("`--bearer {}`", shown(source)))?
    } else if let Some(name) = source.strip_prefix(b"env:") {
        let value = std::env::var_os(OsStr::from_bytes(name));
        let missing = || anyhow!("`--bearer {}`: there is no such variable", shown(source));
        value.ok_or_else(missing)?.into_encoded_bytes()
    } else if source != b"-" {
        source.to_vec()
    } else if is_stdin_taken {
        bail!(
            "`--bearer -` and a list both read standard input; use `--bearer @FILE` or `env:NAME`"
        );
    } else if environment.stdin_is_terminal {
        ask("Token: ").context("`--bearer -`")?
    } else {
        bounded(io::stdin().lock(), MAX_BYTES).context("`--bearer -`")?
    };
    // Whoever writes a token to a file ends the line.
    let token = token.strip_suffix(b"\n").unwrap_or(&token);
    let token = token.strip_suffix(b"\r").unwrap_or(token);
    let field = secrets::bearer(token).map_err(|why| anyhow!("the token of `--bearer` {why}"))?;
    Ok(Some(field))
}

/// Reads `NAME:PASSWORD`, or asks for the password.
fn credentials(text: &[u8]) -> Result<Credentials> {
    let (user, password) = if let Some(at) = text.iter().position(|&byte| byte == b':') {
        (&text[..at], text[at + 1..].to_vec())
    } else {
        let question = format!("Password for {}: ", shown(text));
        let password =
            ask(&question).context("`--user` has no password; `NAME:PASSWORD` gives one")?;
        (text, password)
    };
    if user.is_empty() && password.is_empty() {
        bail!("`--user` has neither a name nor a password");
    }
    // RFC 7617 §2.
    if user.iter().chain(&password).any(u8::is_ascii_control) {
        bail!("`--user` has a control character in it");
    }
    Ok(Credentials { user: user.to_vec(), password })
}

/// Returns where the netrc file is; `None` if none is wanted, or the home folder cannot be told.
pub(super) fn netrc_path(args: &CredentialArgs) -> Option<PathBuf> {
    if args.netrc_file.is_some() || !args.netrc {
        return args.netrc_file.clone();
    }
    let named = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(std::env::home_dir()?.join(".netrc")))
}

/// Returns the logins of the netrc file.
fn netrc(args: &CredentialArgs) -> Result<Option<Netrc>> {
    if args.netrc_file.is_none() && !args.netrc {
        return Ok(None);
    }
    let path = netrc_path(args).context("`--netrc`: there is no home folder")?;
    let told = || format!("netrc file {}", Printable(&path.to_string_lossy()));
    let file = File::open(&path).map_err(unread).with_context(told)?;
    let metadata = file.metadata().map_err(unread).with_context(told)?;
    // Only a file has a mode that says who can read it.
    if metadata.is_file() && metadata.permissions().mode() & 0o066 != 0 {
        let path = path.to_string_lossy();
        let path = Printable(&path);
        bail!("netrc file {path} is open to other users; `chmod 600 {path}` closes it");
    }
    let text = bounded(file, MAX_BYTES).with_context(told)?;
    Netrc::parse(&text).map(Some).map_err(|why| anyhow!("{}, {why}", told()))
}

/// Returns the cookies that the run begins with, and what the user should know of them; `None` if it is to send
/// and keep none.
///
/// # Errors
/// A file that cannot be read or is not understood.
pub(super) fn jar(args: &Args) -> Result<(Option<Arc<Jar>>, Option<String>)> {
    let CredentialArgs { cookies, save_cookies, .. } = &args.credentials;
    let Some(path) = cookies else {
        return Ok((save_cookies.is_some().then(Arc::default), None));
    };
    let told = || format!("cookie file {}", Printable(&path.to_string_lossy()));
    let file = File::open(path).map_err(unread).with_context(told)?;
    let text = bounded(file, MAX_COOKIE_BYTES).with_context(told)?;
    let (jar, doubt) = Jar::read(&text).map_err(|why| anyhow!("{}, {why}", told()))?;
    Ok((Some(Arc::new(jar)), doubt.map(|doubt| format!("{}, {doubt}", told()))))
}

/// Asks at the terminal that haul was started from, wherever its streams go.
fn ask(question: &str) -> Result<Vec<u8>> {
    let answer = rpassword::prompt_password(question);
    answer.map(String::into_bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            end_line();
            anyhow!("the question was left without an answer")
        }
        _ => anyhow!("there is no terminal to ask at: {}", Plain(&error)),
    })
}

/// Ends the line of a question that got no answer; where that fails, what follows it is hard to read.
fn end_line() {
    if let Ok(mut terminal) = File::options().write(true).open("/dev/tty") {
        let _ = terminal.write_all(b"\n");
    }
}

/// Reads a small file.
fn read(path: &Path) -> Result<Vec<u8>> {
    bounded(File::open(path).map_err(unread)?, MAX_BYTES)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn unread(error: io::Error) -> anyhow::Error {
    anyhow!("cannot be read: {}", Plain(&error))
}

fn bounded(reader: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = reader.take(most + 1).read_to_end(&mut text);
    let count = read.map_err(unread)?;
    if count as u64 > most {
        bail!("has more than {} KiB", most / 1024);
    }
    Ok(text)
}

/// Returns the name of a file or a variable, or a user's, as a terminal may show it.
fn shown(name: &[u8]) -> String {
    Printable(&String::from_utf8_lossy(name)).to_string()
}
