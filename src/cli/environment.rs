//! What the program is told by its surroundings, read once.

use std::io::IsTerminal;
use std::time::Duration;

/// Facts about the process's surroundings. Tests make their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal that can move its cursor.
    pub stderr_can_draw: bool,
    /// The wait before each retry, for tests (`__HAUL_FIXED_BACKOFF_MS`, not an interface).
    pub fixed_backoff: Option<Duration>,
}

impl Environment {
    /// Looks at the process.
    pub fn of_process() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_can_draw: std::io::stderr().is_terminal() && !dumb,
            fixed_backoff: std::env::var("__HAUL_FIXED_BACKOFF_MS")
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Duration::from_millis),
        }
    }
}
