//! What the reporter is told.

use anyhow::{Result, bail};

use crate::cli::args::{Args, JsonArg};
use crate::cli::config::engine;
use crate::cli::environment::Environment;
use crate::engine::Mode;
use crate::report::{Options, PathEnd, Results, Verbosity, View};

/// Returns what is told, and where.
///
/// # Errors
/// Two options that contradict each other.
pub(super) fn options(args: &Args, is_stream: bool, environment: &Environment) -> Result<Options> {
    if args.results.json.is_some() && is_stream {
        bail!("`--json` and `--output -` both want standard output; use `--dir` or a file");
    }
    if !args.results.hash.is_empty() && args.results.json.is_none() {
        bail!("`--hash` adds digests to the objects that `--json` prints; give that too");
    }
    let mode = engine::mode(args);
    let results = if let Some(json) = args.results.json {
        match json {
            JsonArg::Ends => Results::Json,
            JsonArg::Events => Results::Events,
        }
    } else if !matches!(mode, Mode::Fetch | Mode::Verify) && !args.results.quiet {
        Results::Lines
    } else if is_stream || args.results.quiet || environment.stdout_is_terminal {
        Results::Nothing
    } else {
        Results::Paths(if args.results.null { PathEnd::Nul } else { PathEnd::Newline })
    };
    let verbosity = match (args.results.quiet, args.results.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    let has_lines = results == Results::Lines || args.results.json.is_some();
    let is_shared = environment.stdout_is_terminal && (is_stream || has_lines);
    let can_draw = environment.stderr_can_draw && !is_shared && mode != Mode::Plan;
    let view = if can_draw { View::Bars } else { View::Lines };
    Ok(Options { mode, results, verbosity, view })
}
