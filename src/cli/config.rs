//! From what was typed to settings that make sense together.
//!
//! After [`Config::resolve`] nobody asks the terminal, the environment or the arguments again, and no
//! combination is left that means nothing.

pub mod addresses;
mod credentials;
mod engine;
mod exec;
mod http;
mod input;
mod inputs;
mod naming;
mod own;
mod proxies;
mod report;
pub mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::cli::args::{Args, IfExistsArg};
use crate::cli::environment::Environment;
use crate::engine::{Mode, Output};
use crate::http::jar::Jar;
use crate::input::Source;
use crate::model::size::ByteSize;
use crate::policy::placement::Placement;

/// Names of standard output.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// What may wait for standard output, unless the user says otherwise.
const STDOUT_BUFFER: ByteSize = ByteSize(64 << 20);

/// A lock, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its file.
    pub path: PathBuf,
    /// Whether files that look untouched are hashed all the same.
    pub is_hashed: bool,
    /// Whether files that the server has changed are taken.
    pub accepts_drift: bool,
}

/// Everything a run needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where URLs come from.
    pub sources: Vec<Source>,
    /// How lists are read.
    pub input: crate::input::Options,
    /// Files of checksums, by name.
    pub checksums: Vec<PathBuf>,
    /// How they are worked on.
    pub engine: crate::engine::Options,
    /// How connections behave.
    pub http: crate::http::Options,
    /// What is told.
    pub report: crate::report::Options,
    /// Where what failed is listed.
    pub failed: Option<PathBuf>,
    /// Cookies, in a run that sends and keeps them.
    pub jar: Option<Arc<Jar>>,
    /// What the user should know of their file.
    pub doubt: Option<String>,
    /// Where they are written at the end.
    pub save_cookies: Option<PathBuf>,
    /// What holds files to what an earlier run brought.
    pub lock: Option<Lock>,
}

impl Config {
    /// Settles what the arguments mean here.
    ///
    /// # Errors
    /// A usage error, in words for the user.
    pub fn resolve(mut args: Args, environment: &Environment) -> Result<Self> {
        let output = output(args.files.output.take(), args.input.urls.len())?;
        check_mode(&args, &output)?;
        check_stream(&args, &output)?;
        let report = report::options(&args, output == Output::Stdout, environment)?;
        let is_update = matches!(args.files.if_exists, IfExistsArg::Update);
        if is_update && args.files.server_name && args.locks.lock.is_none() {
            bail!(
                "`--if-exists update` needs names that are known before a file is asked for; \
                 `--lock` notes those that `--server-name` gives"
            );
        }
        let lock = lock(&args, &output)?;
        own::check(&args, &output)?;
        let sources = input::sources(&args, environment)?;
        let secrets = credentials::options(&args, &sources, environment)?;
        let (jar, doubt) = credentials::jar(&args)?;
        Ok(Self {
            sources,
            input: input::options(&args)?,
            checksums: input::checksums(&mut args)?,
            engine: crate::engine::Options {
                hook: exec::hook(&args, &output)?,
                refresh: exec::refresh(&args)?,
                template: naming::template(&args)?,
                ..engine::options(&args, output, secrets, environment)
            },
            http: http::options(&args, environment)?,
            report,
            jar,
            doubt,
            failed: args.results.failed,
            lock,
            save_cookies: args.credentials.save_cookies,
        })
    }
}

/// Refuses what asks for bytes or paths of files together with what gives none.
fn check_mode(args: &Args, output: &Output) -> Result<()> {
    let option = match engine::mode(args) {
        Mode::Fetch => return Ok(()),
        Mode::Ask => "--spider",
        Mode::Plan => "--dry-run",
        Mode::Verify => return check_verify(args, output),
    };
    if *output == Output::Stdout {
        bail!("`{option}` and `--output -` both want standard output; leave out one of them");
    }
    if args.results.null {
        bail!("`--null` ends paths, and `{option}` prints none; `--json` is for any name");
    }
    if args.mode.spider && args.requests.compressed {
        bail!("`--compressed` is of what is downloaded, and `--spider` downloads nothing");
    }
    if args.mode.spider && args.checks.checksum.is_some() {
        bail!("`--checksum` needs the bytes, and `{option}` gets none; leave out one of them");
    }
    Ok(())
}

/// Refuses what is of files where none is made, and what is of a stream where there is none.
fn check_stream(args: &Args, output: &Output) -> Result<()> {
    if *output != Output::Stdout {
        if args.files.stdout_buffer != STDOUT_BUFFER {
            bail!(
                "`--stdout-buffer` is of what `--output -` sends to standard output; give that too"
            );
        }
        return Ok(());
    }
    let of_files = [
        ("--null", args.results.null),
        ("--if-exists", !matches!(args.files.if_exists, IfExistsArg::Skip)),
        ("--prealloc", args.files.prealloc),
        ("--fsync", args.files.fsync),
        ("--restart", args.files.restart),
    ];
    match of_files.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => bail!("`{option}` is of files, and `--output -` makes none"),
        None => Ok(()),
    }
}

/// Refuses what has no meaning where nothing is fetched.
fn check_verify(args: &Args, output: &Output) -> Result<()> {
    if *output == Output::Stdout {
        bail!("`--verify` looks at files, and `--output -` makes none");
    }
    if matches!(output, Output::File(_)) && args.input.urls.is_empty() {
        bail!("`--verify` looks at the files that a list names, and `--output` names one");
    }
    if let Some(lock) = &args.locks.lock {
        bail!("`--verify` changes no lock; give it as the list: `-i {}`", lock.display());
    }
    Ok(())
}

/// What holds files to what an earlier run brought.
fn lock(args: &Args, output: &Output) -> Result<Option<Lock>> {
    let Some(path) = args.locks.lock.clone() else { return Ok(None) };
    if is_stdout(&path) {
        bail!("`--lock` is read and replaced, and needs the name of a file");
    }
    if *output == Output::Stdout {
        bail!("`--lock` is of files, and `--output -` makes none");
    }
    if args.input.input.iter().any(|list| *list == path || own::is_one_file(list, &path)) {
        bail!(
            "`--lock {}` is the list too; with `-i` alone its files are downloaded and checked",
            path.display()
        );
    }
    if let Output::File(file) = output {
        let folder = args.files.dir.clone().unwrap_or_default();
        let path = folder.join(file);
        let below = path.strip_prefix(&folder).unwrap_or(&path).to_str();
        if below.is_none_or(|below| Placement::file(below.as_bytes()).is_err()) {
            bail!(
                "`--lock` has paths below the folder of `--dir`, and `--output {}` is none",
                file.display()
            );
        }
    }
    let (is_hashed, accepts_drift) = (args.locks.lock_verify, args.locks.lock_update);
    Ok(Some(Lock { path, is_hashed, accepts_drift }))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::environment::ProxyVariables;
    use crate::engine::Account;
    use crate::report::{PathEnd, Results, View};

    fn resolve(args: &[&str], environment: &Environment) -> Result<Config> {
        let args = Args::try_parse_from(std::iter::once(&"haul").chain(args)).unwrap();
        Config::resolve(args, environment)
    }

    const TERMINAL: Environment = Environment {
        stdin_is_terminal: true,
        stdout_is_terminal: true,
        stderr_can_draw: true,
        fixed_backoff: None,
        proxies: ProxyVariables { http: None, https: None, all: None, none: None },
    };

    #[test]
    fn standard_input_is_read_when_nothing_else_is_given() {
        let pipe = &Environment::default();
        assert_eq!(resolve(&[], pipe).unwrap().sources, [Source::Stdin]);
        assert!(resolve(&[], &TERMINAL).unwrap_err().to_string().contains("no URL"));
        let both = resolve(&["-i", "-", "u"], &TERMINAL).unwrap().sources;
        let argument = Source::Argument { text: "u".to_owned(), checksum: None };
        assert_eq!(both, [argument, Source::Stdin]);
        assert!(resolve(&["-i", "-", "-i", "-"], pipe).is_err());
    }

    #[test]
    fn an_output_file_is_for_one_url() {
        assert!(resolve(&["-o", "x", "a", "b"], &TERMINAL).is_err());
        let one = resolve(&["-o", "x", "a"], &TERMINAL).unwrap();
        assert_eq!(one.engine.output, Output::File(PathBuf::from("x")));
    }

    #[test]
    fn bodies_on_standard_output_go_one_after_the_other_and_leave_it_to_them() {
        let config = resolve(&["-o", "-", "a", "b"], &TERMINAL).unwrap();
        assert_eq!(config.report.results, Results::Nothing);
        assert_eq!(config.report.view, View::Lines);
    }

    #[test]
    fn paths_are_printed_into_pipes_only_and_not_when_quiet() {
        #[track_caller]
        fn case(args: &[&str], environment: &Environment, results: Results) {
            assert_eq!(resolve(args, environment).unwrap().report.results, results);
        }
        let pipe = &Environment::default();
        case(&["a"], &TERMINAL, Results::Nothing);
        case(&["a"], pipe, Results::Paths(PathEnd::Newline));
        case(&["-0", "a"], pipe, Results::Paths(PathEnd::Nul));
        case(&["-q", "a"], pipe, Results::Nothing);
    }

    #[test]
    fn objects_are_printed_wherever_they_were_asked_for() {
        for environment in [TERMINAL, Environment::default()] {
            for args in [&["--json", "a"] as &[_], &["--json", "-q", "a"]] {
                let config = resolve(args, &environment).unwrap();
                assert_eq!(config.report.results, Results::Json);
                // On one terminal, lines and bars would write over each other.
                assert_eq!(config.report.view, View::Lines);
                assert_eq!(config.engine.account, Account::Full);
            }
        }
        let results = |args: &[&str]| resolve(args, &TERMINAL).unwrap().report.results;
        assert_eq!(results(&["--json=ends", "a"]), Results::Json);
        assert_eq!(results(&["--json=events", "a"]), Results::Events);
        let bars = Environment { stdout_is_terminal: false, ..TERMINAL };
        assert_eq!(resolve(&["--json", "a"], &bars).unwrap().report.view, View::Bars);
        let error = resolve(&["--json", "-o", "-", "a"], &TERMINAL).unwrap_err().to_string();
        assert!(error.contains("both want standard output"), "{error}");
    }
}
