//! The finer causes of some failures: phases that stall, redirects, and commands.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::model::error::Plain;
use crate::model::redact::shorten;
use crate::model::text::Printable;

/// What was waited for when nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The TLS handshake.
    Handshake,
    /// The status line and the header fields.
    Header,
    /// The body.
    Body,
}

/// Why a server gives nothing without a login, or with the one that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginProblem {
    /// It got one and says no.
    Refused,
    /// It wants one of these kinds, and haul knows none of them.
    Unknown {
        /// Their names, as they are told.
        schemes: String,
    },
    /// It got none.
    Wanted,
}

impl LoginProblem {
    /// Returns the next step that the user can take.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused => "the server refuses the login that it got; check it",
            Self::Unknown { .. } => "curl has `--digest`, `--ntlm` and `--negotiate`",
            Self::Wanted => "the server wants a login; `--user`, `--bearer` or `--netrc` give one",
        }
    }
}

impl fmt::Display for LoginProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("401 Unauthorized")?;
        match self {
            Self::Refused | Self::Wanted => Ok(()),
            Self::Unknown { schemes } => {
                write!(f, ": the server takes {}, which haul does not know", Printable(schemes))
            }
        }
    }
}

/// How the command for a file failed.
#[derive(Debug)]
pub enum CommandProblem {
    /// It ended with a status that is not zero.
    Code(i32),
    /// The system could not run it.
    NotRun(io::Error),
    /// A signal ended it, by its number.
    Signal(i32),
}

impl fmt::Display for CommandProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with status {code}"),
            Self::NotRun(source) => write!(f, "could not be run: {}", Plain(source)),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// A command that failed for a file, which is complete.
#[derive(Debug)]
pub struct CommandFailure {
    /// Its first word.
    pub program: String,
    /// The file.
    pub path: PathBuf,
    /// How it failed.
    pub problem: CommandProblem,
    /// The last line that it wrote to its standard error.
    pub last_line: Option<String>,
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        write!(f, "saved {}, but `{}` ", Printable(&path), Printable(&self.program))?;
        write!(f, "{}", self.problem)?;
        self.last_line.iter().try_for_each(|line| write!(f, ": {}", Printable(&shorten(line))))
    }
}

/// Why a redirect cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectProblem {
    /// `Location` is missing.
    NoLocation {
        /// The status code.
        code: u16,
    },
    /// `Location` is not a URL reference.
    BadLocation {
        /// What it says.
        location: String,
    },
    /// From https to http.
    Downgrade {
        /// The target, redacted.
        to: String,
    },
    /// More hops than allowed, and the last one to a URL that was visited already.
    Loop {
        /// The target, redacted.
        to: String,
        /// The limit.
        limit: usize,
    },
    /// To a scheme other than http and https.
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// More hops than allowed.
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for RedirectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocation { code } => write!(f, "status {code} without a Location"),
            Self::BadLocation { location } => {
                write!(f, "redirect to `{}`, which is not a URL", Printable(location))
            }
            Self::Downgrade { to } => write!(f, "redirect from https to {to} refused"),
            Self::Loop { to, limit } => {
                write!(f, "redirect loop: {to} again after {limit} redirects")
            }
            Self::Scheme { scheme } => {
                write!(f, "redirect to scheme `{}` refused", Printable(scheme))
            }
            Self::TooMany { limit } => write!(f, "more than {limit} redirects"),
        }
    }
}
