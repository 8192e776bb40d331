//! The lines of standard error: what is expected of them, and whether they are that.
//!
//! Sizes of files are the tests' own affair, times and rates differ from run to run; so a pattern
//! has `…` where any text may stand.

use std::fmt::Write as _;

/// What standard error must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// Nothing is compared.
    pub(super) any: bool,
    /// Only errors and hints come.
    pub(super) quiet: bool,
    /// Instead of everything below: these, in this order.
    pub(super) exactly: Option<Vec<String>>,
    /// Lines that come in any order.
    pub(super) lines: Vec<String>,
    /// What follows `error: `, and comes again in the list at the end.
    pub(super) failures: Vec<String>,
    /// What follows `skipped `.
    pub(super) skips: Vec<String>,
    /// What follows the counts in the totals.
    pub(super) totals_end: Option<String>,
    /// The hint below the totals.
    pub(super) totals_hint: Option<String>,
}

impl Expected {
    /// Says how `stderr` differs from what is expected, given the files that must be saved.
    pub(super) fn problems(&self, stderr: &str, saved: &[String]) -> Vec<String> {
        let mut problems = Vec::new();
        if stderr.contains("panicked at") {
            problems.push("haul panicked".to_owned());
        }
        let control = |c: char| c.is_control() && c != '\n';
        problems.extend(
            stderr.find(control).map(|at| format!("a control character on stderr at byte {at}")),
        );
        if self.any {
            return problems;
        }
        let found: Vec<&str> = stderr.lines().collect();
        if let Some(exactly) = &self.exactly {
            problems.extend(in_order(exactly, &found));
            return problems;
        }
        let (body, end) =
            if self.quiet { (found.as_slice(), [].as_slice()) } else { split_end(&found) };
        problems.extend(in_any_order(&self.body(saved), body));
        if !self.quiet {
            problems.extend(in_any_order(&self.end(saved.len()), end));
        }
        problems
    }

    fn body(&self, saved: &[String]) -> Vec<String> {
        let mut patterns = self.lines.clone();
        patterns.extend(self.failures.iter().map(|f| format!("error: {f}")));
        if !self.quiet {
            patterns.extend(saved.iter().map(|path| format!("saved {path} (…)")));
            patterns.extend(self.skips.iter().map(|s| format!("skipped {s}")));
        }
        patterns
    }

    fn end(&self, saved: usize) -> Vec<String> {
        let mut patterns = Vec::new();
        if !self.failures.is_empty() {
            patterns.push("failed:".to_owned());
            patterns.extend(self.failures.iter().map(|f| format!("  {f}")));
        }
        let mut totals = format!("{}, …", haul::model::size::count(saved as u64, "file"));
        for (number, word) in [(self.skips.len(), "skipped"), (self.failures.len(), "failed")] {
            if number > 0 {
                let _ = write!(totals, ", {number} {word}");
            }
        }
        if let Some(words) = &self.totals_end {
            let _ = write!(totals, ", {words}");
        }
        patterns.push(totals);
        patterns.extend(self.totals_hint.iter().map(|hint| format!("  hint: {hint}")));
        patterns
    }
}

/// Splits off the list of failures, if there is one, and the totals.
fn split_end<'a, 'b>(lines: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    let list = lines.iter().position(|&line| line == "failed:");
    let has_hint = lines.last().is_some_and(|line| line.starts_with("  hint: "));
    let totals = lines.len().saturating_sub(1 + usize::from(has_hint));
    lines.split_at(list.unwrap_or(totals))
}

fn in_order(patterns: &[String], found: &[&str]) -> Option<String> {
    let equal = patterns.len() == found.len()
        && patterns.iter().zip(found).all(|(pattern, line)| matches(pattern, line));
    (!equal).then(|| format!("stderr should be\n  {}", patterns.join("\n  ")))
}

fn in_any_order(patterns: &[String], found: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rest = found.to_vec();
    let mut patterns: Vec<_> = patterns.iter().collect();
    // A pattern without a gap fits one line only, so it chooses first.
    patterns.sort_by_key(|pattern| pattern.contains('…'));
    for pattern in patterns {
        match rest.iter().position(|line| matches(pattern, line)) {
            Some(index) => {
                rest.remove(index);
            }
            None => problems.push(format!("no line on stderr is like {pattern:?}")),
        }
    }
    problems.extend(
        rest.iter().map(|line| format!("a line on stderr that should not be there: {line:?}")),
    );
    problems
}

/// Returns whether `line` is `pattern` with any text in place of each `…`. In the totals, which
/// have commas between their parts, a `…` does not reach past a count or a word of its own.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    let Some(gap) = rest.strip_suffix(last) else {
        return false;
    };
    let totals = first.ends_with("file, ") || first.ends_with("files, ");
    !(totals && gap.contains(','))
}
