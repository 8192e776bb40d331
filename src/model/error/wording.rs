//! The wording of causes, which lives here alone: what the user reads, and what he can do about it.
//!
//! The sentence names what, where and why, in lower case, safe for a terminal. The next step is a
//! separate hint, given only when there is an action to take.

pub(in crate::model) mod tls;

use std::fmt;
use std::io;

use crate::model::error::Cause;
use crate::model::pieces::WrongPieces;
use crate::model::problem::{Phase, RedirectProblem};
use crate::model::redact::shorten;
use crate::model::size::{ByteSize, Rate, Span, count};
use crate::model::text::Printable;
use crate::model::tls::SPEAKS_TLS;

impl fmt::Display for Cause {
    #[allow(clippy::too_many_lines, reason = "one arm a cause; the wording stays in one place")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLine { reason, .. } => write!(f, "{}", Printable(reason)),
            Self::BadUrl { reason, .. } => write!(f, "not a URL: {}", Printable(reason)),
            Self::Command { failure } => failure.fmt(f),
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
            Self::NotAsDeclared { declared, found } => {
                write!(f, "the checksum is {found}, and the server declared {declared}")
            }
            Self::Contradiction { own, listed } => {
                write!(f, "its checksum is to be {own}, and {listed} by `--checksums`")
            }
            Self::NoChecksum => f.write_str("there is no checksum to check it by"),
            Self::CannotGoOn { reason } => {
                write!(f, "cannot go on after a part was written: {}", Printable(reason))
            }
            Self::Drifted { sizes, digests } => {
                f.write_str("the server has another file than the lock: ")?;
                if let Some((locked, found)) = sizes {
                    write!(f, "{}", other_size(*locked, Some(*found)))?;
                }
                if let Some((locked, found)) = digests.as_deref() {
                    let comma = if sizes.is_some() { ", " } else { "" };
                    write!(f, "{comma}{found}, not {locked}")?;
                }
                Ok(())
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
            Self::ForbiddenScheme { scheme } => {
                write!(f, "scheme `{}` is not allowed here", Printable(scheme))
            }
            Self::Exists { path, is_new } => {
                let what = if *is_new { "appeared during the transfer" } else { "exists already" };
                write!(f, "{} {what}", Printable(&path.to_string_lossy()))
            }
            Self::Missing { path, .. } => {
                write!(f, "{} is not there", Printable(&path.to_string_lossy()))
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
            Self::Proxy { proxy, problem } => write!(f, "proxy {}: {problem}", Printable(proxy)),
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
                    Phase::Handshake => {
                        return write!(f, "the TLS handshake was not done within {}", Span(*after));
                    }
                    Phase::Header => "no response",
                    Phase::Body => "the transfer stalled",
                };
                write!(f, "{what}: nothing came for {}", Span(*after))
            }
            Self::Login { problem } => write!(f, "{problem}"),
            Self::Status { code, reason, .. } => {
                write!(f, "{}", Printable(format!("{code} {reason}").trim_end()))
            }
            Self::StreamBroken => {
                f.write_str("not written: an earlier body broke off in the middle of the stream")
            }
            Self::TrustStore { detail } => {
                write!(f, "no trusted certificates: {}", Printable(detail))
            }
            Self::Tls { host, problem } => tls::write(f, host, problem),
            Self::TransferCoding { coding } => {
                write!(f, "transfer coding `{}` is not understood", Printable(&shorten(coding)))
            }
            Self::Truncated { received, expected: Some(expected) } => {
                let (came, all) = (ByteSize(*received), ByteSize(*expected));
                // Rounded, the two may be alike.
                if came.to_string() == all.to_string() {
                    let missing = ByteSize(expected.saturating_sub(*received));
                    return write!(f, "the body of {all} ended {missing} too early");
                }
                write!(f, "the body ended after {came} of {all}")
            }
            Self::Truncated { received, expected: None } => {
                write!(f, "the body broke off after {}", ByteSize(*received))
            }
            Self::Stdout { source } => {
                write!(f, "cannot write to standard output: {}", Plain(source))
            }
            Self::Unchecked { reason } => f.write_str(reason),
            Self::UnsupportedScheme { scheme } => {
                write!(f, "scheme `{}` is not supported", Printable(scheme))
            }
            Self::WrongPiece { existing, wrong, .. } => {
                let WrongPieces { range, wanted, found, count } = &**wrong;
                if let Some(path) = existing {
                    write!(f, "{} exists, and ", Printable(&path.to_string_lossy()))?;
                }
                let last = range.end.saturating_sub(1);
                write!(f, "the checksum of bytes {}-{last} is {found}, not {wanted}", range.start)?;
                match count.saturating_sub(1) {
                    0 => Ok(()),
                    1 => f.write_str(", and another piece is wrong"),
                    more => write!(f, ", and {more} more pieces are wrong"),
                }
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

impl Cause {
    /// Returns the next step that the user can take, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadLine { hint, .. } => return hint.map(str::to_owned),
            Self::BadUrl { hint, .. } => return hint.clone(),
            Self::Disk { action: "read", .. } => return None,
            Self::Disk { source, path, .. } => return disk_hint(source, path),
            Self::Mismatch { existing: Some(_), .. }
            | Self::WrongPiece { existing: Some(_), .. }
            | Self::WrongSize { existing: Some(_), .. } => "`--if-exists overwrite` replaces it",
            Self::Mismatch { .. } | Self::WrongPiece { .. } => {
                "check where the checksum comes from, or try again later"
            }
            Self::Command { .. } => {
                "run it for the file by hand, or fetch that again with `--if-exists overwrite`"
            }
            Self::Drifted { .. } => "`--lock-update` takes the new one into the lock",
            Self::Contradiction { .. } => "take out the one that is wrong",
            Self::NoChecksum => {
                "`--checksums` gives one by name; without `--require-checksum` it is not needed"
            }
            Self::NotAsDeclared { .. } => {
                "try again later; `--no-server-digests` takes the file as it comes"
            }
            Self::Exists { is_new: true, .. } => {
                "it is somebody else's and was left alone; what came for it was removed"
            }
            Self::Exists { .. } => "`--if-exists skip`, `overwrite` or `rename` accept it",
            Self::ForbiddenScheme { .. } => "`--proto` says which ones are",
            Self::HostNotFound { .. } => "check the spelling of the host",
            Self::InUse { .. } => "`--wait-lock` waits for it to end",
            Self::Login { problem } => problem.hint(),
            // Others may need it, whoever chose the name.
            Self::NotAFile { what: "a device" | "a folder", .. } => {
                "give the name of a file with `--output`"
            }
            Self::NotAFile { .. } => "remove it, or give another name with `--output`",
            Self::Missing { has_url: false, .. } => {
                "with `--base-url URL` the same command without `--verify` fetches it"
            }
            Self::Missing { .. } => "the same command without `--verify` fetches it",
            Self::NoRoom { .. } => "make room, or give another folder with `--dir`",
            Self::TooLarge { .. } => "`--max-size` allows more",
            Self::Panicked { .. } => "this is a bug in haul; please report it",
            Self::Proxy { problem, .. } => return problem.hint(),
            Self::Protocol { detail } if detail == SPEAKS_TLS => "is it an https:// URL?",
            Self::Redirect { problem: RedirectProblem::Downgrade { .. } } => {
                "`--allow-downgrade` follows it, in the clear"
            }
            Self::Redirect { problem: RedirectProblem::Loop { .. } } => {
                "`--save-cookies` gives a server its cookies back, if it waits for them"
            }
            Self::Redirect { problem: RedirectProblem::TooMany { .. } } => {
                "`--max-redirects` allows more"
            }
            Self::ResolverSilent { .. } => "check the network and the name servers",
            Self::SecondOutput { .. } => "use `--dir` for several files",
            Self::Status { code: 202, .. } => "the server is still preparing it; try again later",
            Self::Status { code: 403, .. } => {
                "it may want a login; `--user`, `--bearer` or `--netrc` give one"
            }
            Self::Status { code: 407, .. } => {
                "the server wants a login as a proxy does; if it is one, name it with `--proxy`"
            }
            Self::Status { code: 404 | 410, .. } => "check the URL",
            Self::Status { retry_after: Some(wait), .. } => {
                return Some(format!("the server wants to be left alone for {}", Span(*wait)));
            }
            Self::TrustStore { .. } => {
                "install the system's CA certificates, or name others with `--ca-cert`"
            }
            Self::Tls { problem, .. } => return tls::hint(problem),
            Self::TransferCoding { .. } => {
                "it was not asked for; another mirror may do without, or another way there (`--proxy`)"
            }
            Self::WrongSize { .. } => "if the new file is right, take its old size out of the list",
            Self::Unchecked { .. } => "a lock or a list with checksums and names tells",
            Self::UnsupportedScheme { .. } => {
                "haul speaks http, https, file and data; for others there are curl, rclone and aws s3"
            }
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
        ErrorKind::FileTooLarge => {
            Some(format!("`ulimit -f` or the file system of {path} allows no larger files"))
        }
        ErrorKind::NotADirectory => Some("give another folder with `--dir`".to_owned()),
        ErrorKind::InvalidFilename => Some("give a shorter name with `--output`".to_owned()),
        _ => None,
    }
}

fn other_size(wanted: u64, found: Option<u64>) -> String {
    match found {
        Some(found) => format!("{}, not {wanted}", count(found, "byte")),
        None => format!("more than {}", count(wanted, "byte")),
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
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_body_that_lacks_little_is_told_by_what_it_lacks() {
        let told = |received, expected| {
            Cause::Truncated { received, expected: Some(expected) }.to_string()
        };
        assert_eq!(told(1 << 19, 1 << 20), "the body ended after 512 KiB of 1.0 MiB");
        assert_eq!(told((1 << 22) - 100, 1 << 22), "the body of 4.0 MiB ended 100 B too early");
    }

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
