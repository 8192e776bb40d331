//! Tools that a test needs: a test whose tool is not there fails in CI, and is named as skipped elsewhere.

use std::io::Write;
use std::path::PathBuf;

/// Returns whether `tool` is missing, and says then that the test is skipped.
#[track_caller]
pub(crate) fn is_missing(tool: &str) -> bool {
    let is_missing = !is_installed(tool);
    if is_missing {
        assert!(std::env::var_os("CI").is_none(), "{tool} is not installed");
        skip(&format!("{tool} not installed"));
    }
    is_missing
}

/// Says that a test is not run.
pub(crate) fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    // Not by a macro: what those print is shown for failed tests only.
    let _ = writeln!(std::io::stderr(), "{name} skipped: {reason}");
}

/// Returns whether `tool` is in the search path or where servers are.
pub(crate) fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(tool).is_file())
}
