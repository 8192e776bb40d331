//! Compares what came of a run with what its test expects, and tells everything when it differs.

use std::fmt::Write as _;
use std::path::Path;

use super::content::difference;
use super::folder::{differences, listing, snapshot};
use super::{Stdout, Test};

/// What a run left behind.
pub(super) struct Ended<'a> {
    pub(super) command: &'a str,
    pub(super) status: Option<i32>,
    pub(super) stdout: &'a [u8],
    pub(super) stderr: &'a [u8],
    /// Something that is wrong already, such as a run that had to be killed.
    pub(super) problem: Option<String>,
}

/// Panics with the whole world of the run unless everything is as expected.
#[track_caller]
pub(super) fn judge(test: &Test, ended: &Ended<'_>) {
    let mut problems: Vec<String> = ended.problem.clone().into_iter().collect();
    let expected = test.status.unwrap_or(i32::from(!test.stderr.failures.is_empty()));
    if ended.status != Some(expected) && !test.any_result {
        problems.push(format!("status {expected} expected, got {:?}", ended.status));
    }
    let found = snapshot(test.path());
    if !test.any_result {
        problems.extend(differences(&test.entries, &found));
    }
    problems.extend(stdout_problem(test, ended.stdout));
    let stderr = String::from_utf8_lossy(ended.stderr);
    problems.extend(test.stderr.problems(&stderr, &test.saved));
    if problems.is_empty() {
        return;
    }
    let logs: Vec<String> = test.servers.iter().map(|server| server.log()).collect();
    panic!(
        "\n- {}\n\ncommand: {}\nfolder: {}\n{}status: {:?}\nstdout:\n{}\nstderr:\n{}\n{}",
        problems.join("\n- "),
        ended.command,
        Path::display(test.path()),
        listing(&found),
        ended.status,
        shown(ended.stdout),
        shown(ended.stderr),
        logs.concat()
    );
}

fn stdout_problem(test: &Test, stdout: &[u8]) -> Option<String> {
    match &test.stdout {
        Stdout::Any => None,
        Stdout::Exactly(bytes) => difference(bytes, stdout).map(|d| format!("stdout: {d}")),
        Stdout::Paths => {
            let mut expected: Vec<&[u8]> = test.saved.iter().map(String::as_bytes).collect();
            let mut found: Vec<&[u8]> = stdout
                .split_inclusive(|&byte| byte == b'\n')
                .map(|line| line.strip_suffix(b"\n").unwrap_or(b"(no newline)"))
                .collect();
            expected.sort_unstable();
            found.sort_unstable();
            (expected != found).then(|| format!("stdout should hold the paths {:?}", test.saved))
        }
    }
}

/// Shows at most the first few thousand bytes, with control characters escaped.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 6000;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
    let mut shown = String::new();
    for line in text.lines() {
        let _ = writeln!(shown, "  {}", line.escape_debug());
    }
    if bytes.len() > MOST {
        let _ = writeln!(shown, "  ... {} bytes in all", bytes.len());
    }
    shown
}
