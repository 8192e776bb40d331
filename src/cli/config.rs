//! From what was typed to settings that make sense together.
//!
//! After [`Config::resolve`] nobody asks the terminal, the environment or the arguments again, and no
//! combination is left that means nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::args::Args;
use crate::cli::environment::Environment;
use crate::disk::partial::Allocation;
use crate::engine::{self, Account, IfLocked, Output, Resume};
use crate::input::{Format, Source};
use crate::model::digest::Digest;
use crate::policy::placement::Base;
use crate::policy::{pace, redirect, retry};
use crate::report::{self, PathEnd, Results, Verbosity, View};
use crate::{http, input, policy};

/// Names of standard output.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Everything a run needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where URLs come from.
    pub sources: Vec<Source>,
    /// How lists are read.
    pub input: input::Options,
    /// How they are worked on.
    pub engine: engine::Options,
    /// How connections behave.
    pub http: http::Options,
    /// What is told.
    pub report: report::Options,
    /// Where what failed is listed.
    pub failed: Option<PathBuf>,
}

impl Config {
    /// Settles what the arguments mean here.
    ///
    /// # Errors
    /// A usage error, in words for the user.
    pub fn resolve(mut args: Args, environment: Environment) -> Result<Self> {
        let output = output(args.output.take(), args.urls.len())?;
        let report = report(&args, output == Output::Stdout, environment)?;
        if args.checksum.is_some() && (args.urls.len() != 1 || !args.input.is_empty()) {
            bail!("`--checksum` is of one file; give one URL and no list with it");
        }
        if args.failed.as_deref().is_some_and(is_stdout) {
            bail!("`--failed` is written at the end and needs a name; `--json` writes to stdout");
        }
        let format = Format::from(args.input_format);
        match (&args.base_url, format) {
            (None, Format::Sums) => {
                bail!("`--input-format sums` needs `--base-url`, the folder with the files");
            }
            (Some(_), Format::Aria2 | Format::Jsonl | Format::Lines) => {
                bail!("`--base-url` is for lists of checksums only");
            }
            _ => {}
        }
        let sources = sources(args.urls, args.checksum.as_ref(), args.input, environment)?;
        let folder = args.dir.unwrap_or_default();
        let has_lists = sources.iter().any(|source| !matches!(source, Source::Argument { .. }));
        if args.base_url.is_some() && !has_lists {
            bail!("`--base-url` is for lists of checksums, and there is no list");
        }
        Ok(Self {
            sources,
            input: input::Options { format, base: args.base_url, folder: base_of(&folder) },
            engine: engine::Options {
                workers: usize::from(args.jobs),
                stdout_buffer: args.stdout_buffer.0,
                account: if args.json { Account::Full } else { Account::Brief },
                per_host: args.per_host.map_or(usize::MAX, usize::from),
                min_split: (!args.no_split).then_some(args.min_split.0),
                output,
                folder,
                server_name: args.server_name,
                if_exists: policy::existing::IfExists::from(args.if_exists),
                set_modified: !args.no_mtime,
                redirects: redirect::Options {
                    max_hops: usize::from(args.max_redirects),
                    allow_downgrade: args.allow_downgrade,
                },
                sync: args.fsync,
                allocation: if args.prealloc {
                    Allocation::BeforeFirstByte
                } else {
                    Allocation::AsWritten
                },
                if_locked: if args.wait_lock { IfLocked::Wait } else { IfLocked::Fail },
                resume: match (args.no_resume, args.restart) {
                    (true, _) => Resume::Never,
                    (false, true) => Resume::WithinRun,
                    (false, false) => Resume::Always,
                },
                limit_rate: args.limit_rate.map(|rate| rate.0),
                limit_rate_host: args.limit_rate_host.map(|rate| rate.0),
                request_rate: args.rate,
                max_size: args.max_size.map(|size| size.0),
                pace: pace::Options {
                    max_time: args.max_time.map(Duration::from_secs_f64),
                    min_speed: args.min_speed,
                },
                retries: retry::Options {
                    retries: args.retries,
                    max_wait: Duration::from_secs_f64(args.retry_max_wait),
                },
                fixed_backoff: environment.fixed_backoff,
            },
            http: http::Options {
                connect_timeout: Duration::from_secs_f64(args.connect_timeout),
                stall_timeout: Duration::from_secs_f64(args.stall_timeout),
            },
            report,
            failed: args.failed,
        })
    }
}

/// Where files go.
fn output(path: Option<PathBuf>, urls: usize) -> Result<Output> {
    Ok(match path {
        None => Output::Folder,
        Some(path) if is_stdout(&path) => Output::Stdout,
        Some(path) if path.to_string_lossy().ends_with('/') => {
            bail!("`--output {}` names a folder; use `--dir`", path.display())
        }
        Some(path) if urls > 1 => bail!(
            "`--output {}` names one file, and there are {urls} URLs; use `--dir` for several",
            path.display(),
        ),
        Some(path) => Output::File(path),
    })
}

fn is_stdout(path: &Path) -> bool {
    STDOUT.iter().any(|name| path == Path::new(name))
}

/// What is told, and where.
fn report(args: &Args, is_stream: bool, environment: Environment) -> Result<report::Options> {
    if args.json && is_stream {
        bail!("`--json` and `--output -` both want standard output; use `--dir` or a file");
    }
    let results = if args.json {
        Results::Json
    } else if is_stream || args.quiet || environment.stdout_is_terminal {
        Results::Nothing
    } else {
        Results::Paths(if args.null { PathEnd::Nul } else { PathEnd::Newline })
    };
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    let is_shared = environment.stdout_is_terminal && (is_stream || args.json);
    let view = if environment.stderr_can_draw && !is_shared { View::Bars } else { View::Lines };
    Ok(report::Options { results, verbosity, view })
}

/// Returns the forms in which paths of lists may begin with the folder of all files.
fn base_of(folder: &Path) -> Base {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Where the current folder cannot be told, no absolute path leads below it.
    Base { given: folder.to_owned(), absolute: std::path::absolute(here).unwrap_or_default() }
}

/// Lists come after arguments; without either, standard input is the list.
fn sources(
    urls: Vec<String>,
    checksum: Option<&Digest>,
    lists: Vec<PathBuf>,
    environment: Environment,
) -> Result<Vec<Source>> {
    if lists.iter().filter(|list| list.as_os_str() == "-").count() > 1 {
        bail!("`--input -` reads standard input, which can be done once");
    }
    let argument = |text| Source::Argument { text, checksum: checksum.cloned() };
    let mut sources: Vec<Source> = urls.into_iter().map(argument).collect();
    sources.extend(
        lists
            .into_iter()
            .map(|list| if list.as_os_str() == "-" { Source::Stdin } else { Source::File(list) }),
    );
    if sources.is_empty() {
        if environment.stdin_is_terminal {
            bail!("no URL; give one, or a list with `--input FILE` (`haul --help` tells more)");
        }
        sources.push(Source::Stdin);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn resolve(args: &[&str], environment: Environment) -> Result<Config> {
        let args = Args::try_parse_from(std::iter::once(&"haul").chain(args)).unwrap();
        Config::resolve(args, environment)
    }

    const TERMINAL: Environment = Environment {
        stdin_is_terminal: true,
        stdout_is_terminal: true,
        stderr_can_draw: true,
        fixed_backoff: None,
    };

    #[test]
    fn standard_input_is_read_when_nothing_else_is_given() {
        let pipe = Environment::default();
        assert_eq!(resolve(&[], pipe).unwrap().sources, [Source::Stdin]);
        assert!(resolve(&[], TERMINAL).unwrap_err().to_string().contains("no URL"));
        let both = resolve(&["-i", "-", "u"], TERMINAL).unwrap().sources;
        let argument = Source::Argument { text: "u".to_owned(), checksum: None };
        assert_eq!(both, [argument, Source::Stdin]);
        assert!(resolve(&["-i", "-", "-i", "-"], pipe).is_err());
    }

    #[test]
    fn an_output_file_is_for_one_url() {
        assert!(resolve(&["-o", "x", "a", "b"], TERMINAL).is_err());
        let one = resolve(&["-o", "x", "a"], TERMINAL).unwrap();
        assert_eq!(one.engine.output, Output::File(PathBuf::from("x")));
    }

    #[test]
    fn bodies_on_standard_output_go_one_after_the_other_and_leave_it_to_them() {
        let config = resolve(&["-o", "-", "a", "b"], TERMINAL).unwrap();
        assert_eq!(config.report.results, Results::Nothing);
        assert_eq!(config.report.view, View::Lines);
    }

    #[test]
    fn paths_are_printed_into_pipes_only_and_not_when_quiet() {
        #[track_caller]
        fn case(args: &[&str], environment: Environment, results: Results) {
            assert_eq!(resolve(args, environment).unwrap().report.results, results);
        }
        let pipe = Environment::default();
        case(&["a"], TERMINAL, Results::Nothing);
        case(&["a"], pipe, Results::Paths(PathEnd::Newline));
        case(&["-0", "a"], pipe, Results::Paths(PathEnd::Nul));
        case(&["-q", "a"], pipe, Results::Nothing);
    }

    #[test]
    fn objects_are_printed_wherever_they_were_asked_for() {
        for environment in [TERMINAL, Environment::default()] {
            for args in [&["--json", "a"] as &[_], &["--json", "-q", "a"]] {
                let config = resolve(args, environment).unwrap();
                assert_eq!(config.report.results, Results::Json);
                // On one terminal, lines and bars would write over each other.
                assert_eq!(config.report.view, View::Lines);
                assert_eq!(config.engine.account, Account::Full);
            }
        }
        let bars = Environment { stdout_is_terminal: false, ..TERMINAL };
        assert_eq!(resolve(&["--json", "a"], bars).unwrap().report.view, View::Bars);
        let error = resolve(&["--json", "-o", "-", "a"], TERMINAL).unwrap_err().to_string();
        assert!(error.contains("both want standard output"), "{error}");
    }
}
