//! What the program is told by its surroundings, read once.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

/// Facts about the process's surroundings. Tests make their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal that can move its cursor.
    pub stderr_can_draw: bool,
    /// The wait before each retry, for tests (`__HAUL_FIXED_BACKOFF_MS`, not an interface).
    pub fixed_backoff: Option<Duration>,
    /// What requests go through.
    pub proxies: ProxyVariables,
}

/// What the environment says of proxies. A variable that is empty says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyVariables {
    /// `http_proxy`. Not in capitals: a web server gives its programs `HTTP_PROXY`, and the client that
    /// asks it chooses the value.
    pub http: Option<Variable>,
    /// `https_proxy` or `HTTPS_PROXY`.
    pub https: Option<Variable>,
    /// `all_proxy` or `ALL_PROXY`, for what has no other.
    pub all: Option<Variable>,
    /// `no_proxy` or `NO_PROXY`.
    pub none: Option<Variable>,
}

/// A variable of the environment. It may hold a login, so `Debug` hides its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl Variable {
    /// Returns the first of several that says something.
    fn first(names: &[&'static str]) -> Option<Self> {
        names.iter().find_map(|name| {
            let value = std::env::var_os(name)?.to_string_lossy().into_owned();
            (!value.is_empty()).then_some(Self { name, value })
        })
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=***", self.name)
    }
}

impl ProxyVariables {
    fn of_process() -> Self {
        Self {
            http: Variable::first(&["http_proxy"]),
            https: Variable::first(&["https_proxy", "HTTPS_PROXY"]),
            all: Variable::first(&["all_proxy", "ALL_PROXY"]),
            none: Variable::first(&["no_proxy", "NO_PROXY"]),
        }
    }
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
            proxies: ProxyVariables::of_process(),
        }
    }
}
