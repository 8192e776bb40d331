//! Why a job failed: a typed cause, its wording, and what the user can do about it.
//!
//! The wording lives here alone. A cause carries facts (host, path, numbers) and no sentences; the
//! sentence names what, where and why, in lower case, safe for a terminal. The next step is a
//! separate hint, given only when there is an action to take.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::digest::Digest;
use crate::model::problem::{Phase, RedirectProblem, TlsProblem};
use crate::model::size::{ByteSize, Rate, Span};
use crate::model::text::Printable;

/// Why a job failed.
#[derive(Debug)]
pub enum Cause {
    /// The line of a list says nothing that a file could be made of.
    BadLine {
        /// What is wrong with it.
        reason: String,
        /// What the user can do about it.
        hint: Option<&'static str>,
    },
    /// The text is not a URL.
    BadUrl {
        /// What is wrong with it.
        reason: String,
        /// What the user might have meant.
        hint: Option<String>,
    },
    /// No connection could be opened.
    Connect {
        /// Host and port.
        host: String,
        /// What the last address that was tried said.
        source: io::Error,
    },
    /// No connection was opened in time.
    ConnectTimeout {
        /// Host and port.
        host: String,
        /// How long it was tried.
        after: Duration,
    },
    /// The connection broke while the request was sent or the response read.
    Connection {
        /// What the system said.
        source: io::Error,
    },
    /// The file system refused something.
    Disk {
        /// A verb: `create`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A body that went to a stream in part cannot be gone on with.
    CannotGoOn {
        /// Why not.
        reason: String,
    },
    /// The name server says that the host does not exist.
    HostNotFound {
        /// The host's name.
        host: String,
    },
    /// A file of that name exists and the user asked for an error then.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what it is checked by.
    Mismatch {
        /// The file, if it was there before.
        existing: Option<PathBuf>,
        /// What it should be.
        wanted: Box<Digest>,
        /// What it is.
        found: Box<Digest>,
    },
    /// A folder, device or other thing that is not a file has the destination's name.
    NotAFile {
        /// What is in the way.
        path: PathBuf,
        /// What it is: `a folder`, `a symbolic link to nothing`.
        what: &'static str,
    },
    /// Something broke HTTP, or used a part of it that makes no file.
    Protocol {
        /// What it was.
        detail: String,
    },
    /// The file is longer than the file system has room for.
    NoRoom {
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// Another transfer, of this or another process, writes the same partial file.
    InUse {
        /// The partial file.
        path: PathBuf,
    },
    /// The job's worker panicked: a bug.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A redirect cannot be followed.
    Redirect {
        /// Why not.
        problem: RedirectProblem,
    },
    /// No name server answered.
    ResolverSilent {
        /// The host's name.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// `-o FILE` names one file and this is not the first URL.
    SecondOutput {
        /// The file.
        path: PathBuf,
    },
    /// No byte came for the stall timeout.
    Stalled {
        /// How long nothing came.
        after: Duration,
        /// What was waited for.
        phase: Phase,
    },
    /// A status that gives no file.
    Status {
        /// The status code.
        code: u16,
        /// The registered reason phrase.
        reason: String,
        /// How long the server asks to wait before another request.
        retry_after: Option<Duration>,
    },
    /// An earlier body broke off in the middle of the stream on standard output.
    StreamBroken,
    /// The system's certificate store cannot be read.
    TrustStore {
        /// What is wrong with it.
        detail: String,
    },
    /// The TLS handshake failed.
    Tls {
        /// The host's name.
        host: String,
        /// What was wrong.
        problem: TlsProblem,
    },
    /// The body ended before its length.
    Truncated {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced, if a number was.
        expected: Option<u64>,
    },
    /// Writing to standard output failed.
    Stdout {
        /// What the system said.
        source: io::Error,
    },
    /// The transfer took longer than the user allows.
    TimeOver {
        /// The limit.
        limit: Duration,
    },
    /// The file is larger than the user allows.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The transfer is slower than the user allows.
    TooSlow {
        /// Bytes a second over the time.
        rate: f64,
        /// The time.
        over: Duration,
    },
    /// The URL's scheme is not one that haul speaks.
    UnsupportedScheme {
        /// The scheme.
        scheme: String,
    },
    /// The file has not as many bytes as its list says.
    WrongSize {
        /// The file, if it was there before.
        existing: Option<PathBuf>,
        /// How many it should have.
        wanted: u64,
        /// How many it has; `None` for more than it should.
        found: Option<u64>,
    },
}

impl fmt::Display for Cause {
    #[allow(clippy::too_many_lines, reason = "one arm a cause; the wording stays in one place")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLine { reason, .. } => write!(f, "{}", Printable(reason)),
            Self::BadUrl { reason, .. } => write!(f, "not a URL: {}", Printable(reason)),
            Self::Connect { host, source } => {
                write!(f, "cannot connect to {}: {}", Printable(host), Plain(source))
            }
            Self::ConnectTimeout { host, after } => {
                write!(
                    f,
                    "cannot connect to {}: no answer within {}",
                    Printable(host),
                    Span(*after)
                )
            }
            Self::Connection { source } => write!(f, "the connection broke: {}", Plain(source)),
            Self::Disk { action, path, source } => {
                write!(
                    f,
                    "cannot {action} {}: {}",
                    Printable(&path.to_string_lossy()),
                    Plain(source)
                )
            }
            Self::Mismatch { existing: Some(path), wanted, found } => {
                let path = path.to_string_lossy();
                let path = Printable(&path);
                write!(f, "{path} exists, and its checksum is {found}, not {wanted}")
            }
            Self::Mismatch { existing: None, wanted, found } => {
                write!(f, "the checksum is {found}, not {wanted}")
            }
            Self::CannotGoOn { reason } => {
                write!(f, "cannot go on after a part was written: {}", Printable(reason))
            }
            Self::NoRoom { needed, free, folder } => write!(
                f,
                "needs {} and {} has {} free",
                ByteSize(*needed),
                Printable(&folder.to_string_lossy()),
                ByteSize(*free)
            ),
            Self::TimeOver { limit } => write!(f, "not done within {}", Span(*limit)),
            Self::TooLarge { limit } => write!(f, "larger than {}", ByteSize(*limit)),
            Self::TooSlow { rate, over } => {
                write!(f, "too slow: {} over {}", Rate(*rate), Span(*over))
            }
            Self::HostNotFound { host } => write!(f, "host `{}` not found", Printable(host)),
            Self::Exists { path } => {
                write!(f, "{} exists already", Printable(&path.to_string_lossy()))
            }
            Self::NotAFile { path, what } => {
                write!(f, "{} is {what}", Printable(&path.to_string_lossy()))
            }
            Self::Protocol { detail } => write!(f, "{}", Printable(detail)),
            Self::InUse { path } => {
                write!(f, "another haul is writing {}", Printable(&path.to_string_lossy()))
            }
            Self::Panicked { message } => {
                write!(f, "internal error: {}", Printable(message))
            }
            Self::Redirect { problem } => problem.fmt(f),
            Self::ResolverSilent { host, detail } => {
                write!(f, "cannot look up `{}`: {}", Printable(host), Printable(detail))
            }
            Self::SecondOutput { path } => write!(
                f,
                "`-o {}` names one file, and it is taken by the first URL",
                Printable(&path.to_string_lossy())
            ),
            Self::Stalled { after, phase } => {
                let what = match phase {
                    Phase::Handshake => "the TLS handshake stalled",
                    Phase::Header => "no response",
                    Phase::Body => "the transfer stalled",
                };
                write!(f, "{what}: nothing came for {}", Span(*after))
            }
            Self::Status { code, reason, .. } => {
                write!(f, "{}", Printable(format!("{code} {reason}").trim_end()))
            }
            Self::StreamBroken => {
                f.write_str("not written: an earlier body broke off in the middle of the stream")
            }
            Self::TrustStore { detail } => {
                write!(f, "no trusted certificates: {}", Printable(detail))
            }
            Self::Tls { host, problem } => write_tls(f, host, problem),
            Self::Truncated { received, expected: Some(expected) } => {
                write!(f, "the body ended after {} of {}", ByteSize(*received), ByteSize(*expected))
            }
            Self::Truncated { received, expected: None } => {
                write!(f, "the body broke off after {}", ByteSize(*received))
            }
            Self::Stdout { source } => {
                write!(f, "cannot write to standard output: {}", Plain(source))
            }
            Self::UnsupportedScheme { scheme } => {
                write!(f, "scheme `{}` is not supported", Printable(scheme))
            }
            Self::WrongSize { existing: Some(path), wanted, found } => {
                let path = path.to_string_lossy();
                write!(f, "{} exists, and has {}", Printable(&path), other_size(*wanted, *found))
            }
            Self::WrongSize { existing: None, wanted, found } => {
                write!(f, "the file has {}", other_size(*wanted, *found))
            }
        }
    }
}

fn write_tls(f: &mut fmt::Formatter<'_>, host: &str, problem: &TlsProblem) -> fmt::Result {
    let host = Printable(host);
    match problem {
        TlsProblem::Expired => write!(f, "the certificate of {host} has expired"),
        TlsProblem::NotYetValid => write!(f, "the certificate of {host} is not valid yet"),
        TlsProblem::NotTls => write!(f, "{host} does not speak TLS on this port"),
        TlsProblem::Revoked => write!(f, "the certificate of {host} was revoked"),
        TlsProblem::SelfSigned => write!(f, "the certificate of {host} is self-signed"),
        TlsProblem::UnknownIssuer => {
            write!(f, "the certificate of {host} comes from an issuer that is not trusted here")
        }
        TlsProblem::WrongHost { names } if names.is_empty() => {
            write!(f, "the certificate is not for {host}")
        }
        TlsProblem::WrongHost { names } => {
            write!(f, "the certificate is not for {host} but for {}", Printable(&names.join(", ")))
        }
        TlsProblem::Other(detail) => write!(f, "TLS with {host} failed: {}", Printable(detail)),
    }
}

impl Cause {
    /// Returns the next step that the user can take, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadLine { hint, .. } => return hint.map(str::to_owned),
            Self::BadUrl { hint, .. } => return hint.clone(),
            Self::Disk { source, path, .. } => return disk_hint(source, path),
            Self::Mismatch { existing: Some(_), .. }
            | Self::WrongSize { existing: Some(_), .. } => "`--if-exists overwrite` replaces it",
            Self::Mismatch { .. } => "check where the checksum comes from, or try again later",
            Self::Exists { .. } => "`--if-exists skip`, `overwrite` or `rename` accept it",
            Self::HostNotFound { .. } => "check the spelling of the host",
            Self::InUse { .. } => "`--wait-lock` waits for it to end",
            Self::NotAFile { .. } => "remove it, or give another name with `--output`",
            Self::NoRoom { .. } => "make room, or give another folder with `--dir`",
            Self::TooLarge { .. } => "`--max-size` allows more",
            Self::Panicked { .. } => "this is a bug in haul; please report it",
            Self::Redirect { problem: RedirectProblem::Downgrade { .. } } => {
                "`--allow-downgrade` follows it, in the clear"
            }
            Self::Redirect { problem: RedirectProblem::TooMany { .. } } => {
                "`--max-redirects` allows more"
            }
            Self::ResolverSilent { .. } => "check the network and the name servers",
            Self::SecondOutput { .. } => "use `--dir` for several files",
            Self::Status { code: 401 | 407, .. } => "the server wants a login",
            Self::Status { code: 404 | 410, .. } => "check the URL",
            Self::TrustStore { .. } => {
                "install the system's CA certificates, or name a file in SSL_CERT_FILE"
            }
            Self::Tls { problem, .. } => match problem {
                TlsProblem::Expired | TlsProblem::NotYetValid => "is this machine's clock right?",
                TlsProblem::NotTls => "is it an http:// URL?",
                TlsProblem::SelfSigned | TlsProblem::UnknownIssuer => {
                    "to trust it, name its CA certificate in SSL_CERT_FILE"
                }
                _ => return None,
            },
            Self::WrongSize { .. } => "if the new file is right, take its old size out of the list",
            Self::UnsupportedScheme { .. } => "haul downloads http and https",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn disk_hint(source: &io::Error, path: &std::path::Path) -> Option<String> {
    use io::ErrorKind;
    let path = path.to_string_lossy();
    let path = Printable(&path);
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room and run the same command again".to_owned())
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Some(format!("make {path} writable, or give another folder with `--dir`"))
        }
        ErrorKind::NotADirectory => Some("give another folder with `--dir`".to_owned()),
        ErrorKind::InvalidFilename => Some("give a shorter name with `--output`".to_owned()),
        _ => None,
    }
}

fn other_size(wanted: u64, found: Option<u64>) -> String {
    match found {
        Some(found) => format!("{found} bytes, not {wanted}"),
        None => format!("more than {wanted} bytes"),
    }
}

/// Shows a system error in the system's words, without Rust's `(os error 13)`.
pub struct Plain<'a>(pub &'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = match text.rfind(" (os error ") {
            Some(end) => &text[..end],
            None => &text,
        };
        let mut chars = text.chars();
        // "Permission denied" is the middle of our sentence, not its beginning.
        match (chars.next(), chars.clone().next()) {
            (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
                write!(f, "{}{}", first.to_lowercase(), Printable(chars.as_str()))
            }
            _ => write!(f, "{}", Printable(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_lose_the_number_and_the_capital() {
        let cause = Cause::Disk {
            action: "create",
            path: PathBuf::from("x\x1b/y"),
            source: io::Error::from_raw_os_error(13),
        };
        assert_eq!(cause.to_string(), "cannot create x\\u{1b}/y: permission denied");
        assert!(cause.hint().unwrap().contains("--dir"));
    }
}
