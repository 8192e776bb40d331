//! The table of contents: parse, resolve, feed, join, totals, exit code.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow};

use crate::cli::args::{self, Args};
use crate::cli::config::{Config, addresses, tls};
use crate::cli::descriptors;
use crate::cli::environment::Environment;
use crate::cli::exit_code;
use crate::cli::signals::Catcher;
use crate::disk::draft::{Access, Draft};
use crate::disk::spill::Spill;
use crate::disk::{self, folder};
use crate::engine::{self, Locking, Mode, Output, pool};
use crate::http::client::Common;
use crate::http::jar::Jar;
use crate::input;
use crate::input::lock::Lock;
use crate::model::error::{Cause, Plain};
use crate::model::event::{Event, Observer};
use crate::model::stop::{Stop, StopReason};
use crate::policy::existing::Presence;
use crate::report::failed::FailedList;
use crate::report::lock::LockFile;
use crate::report::{self, Files, Reporter};

/// Runs haul from its arguments to its exit code. It may be called again in the same process.
///
/// # Errors
/// Why the run could not begin: a `clap::Error`, or a text for the user. Nothing was downloaded then.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> Result<u8> {
    let args = Args::read(args)?;
    if let Some(kind) = args.generate {
        report::print(&args::generate(kind)?).map_err(|cause| anyhow!("{cause}"))?;
        return Ok(exit_code::SUCCESS);
    }
    let mut config = Config::resolve(args, environment)?;
    let interface = config.http.addresses.interface.as_ref();
    config.http.check_interface().map_err(|error| addresses::refused(interface, &error))?;
    let mut doubts = read_checksums(&mut config)?;
    doubts.extend(config.doubt.take());
    if config.engine.mode == Mode::Fetch {
        prepare_folders(&config.engine)?;
    }
    let files = Files { failed: begin_list(&config)?, lock: begin_lock(&mut config)? };
    let cookies = begin_cookies(&config)?;
    let stop = Arc::new(Stop::default());
    let _catcher = Catcher::start(Arc::clone(&stop)).context("cannot catch signals")?;
    let entries =
        input::read(config.sources, config.input).map_err(|(list, error)| match list {
            Some(list) => anyhow!("cannot read list {}: {}", list.display(), Plain(&error)),
            None => anyhow!("cannot start a thread: {}", Plain(&error)),
        })?;

    let began = Instant::now();
    let warning = tls::warning(&config.http.tls);
    let common = Common::new(config.http, Arc::clone(&stop)).with_jar(config.jar.clone());
    let common = Arc::new(common);
    let reporter = Reporter::new(config.report, files, &stop);
    for text in &doubts {
        reporter.event(&Event::Warned { text });
    }
    if let Some(text) = warning {
        reporter.event(&Event::Warned { text });
    }
    let has_command = config.engine.hook.is_some() || config.engine.refresh.is_some();
    let workers = descriptors::workers_that_fit(config.engine.workers, has_command);
    if workers < config.engine.workers {
        let text = format!(
            "{} of {} workers: the limit on open files (`ulimit -n`) is low",
            workers, config.engine.workers
        );
        reporter.event(&Event::Warned { text: &text });
        config.engine.workers = workers;
    }
    let summary = pool::run(&config.engine, &common, &reporter, &stop, &entries)
        .context("cannot start a worker")?;
    if let Some(text) = unused_checksums(&config.engine, stop.reason()) {
        reporter.event(&Event::Warned { text: &text });
    }
    let is_saved = match save_cookies(cookies, config.jar.as_deref()) {
        Ok(()) => true,
        Err(cause) => {
            let text = format!("the cookies are not saved: {cause}");
            reporter.event(&Event::Warned { text: &text });
            false
        }
    };
    let is_told = is_saved & reporter.finish(&summary.totals, began.elapsed(), stop.reason());
    Ok(exit_code::of(&summary, is_told, stop.reason()))
}

/// Reads the checksums that are known by name, before anything else happens; returns what the user should
/// know of them.
fn read_checksums(config: &mut Config) -> Result<Vec<String>> {
    if config.checksums.is_empty() {
        return Ok(Vec::new());
    }
    let (known, doubts) = input::checksums::read(&config.checksums).map_err(Error::msg)?;
    config.engine.checksums.list(known);
    Ok(doubts)
}

/// Says how many checksums were of no file of a run that came to its end.
fn unused_checksums(options: &engine::Options, stopped: Option<StopReason>) -> Option<String> {
    let (all, unused) = options.checksums.unused();
    let is_worth_telling = unused > 0 && stopped.is_none();
    is_worth_telling.then(|| match all {
        1 => "the checksum of `--checksums` is of no file of this run".to_owned(),
        _ => format!("{unused} of {all} checksums of `--checksums` are of no file of this run"),
    })
}

/// Makes the folders that files will go to, before anything is asked of a server.
fn prepare_folders(options: &engine::Options) -> Result<()> {
    let folder = match &options.output {
        Output::Stdout => return Ok(()),
        Output::Folder => options.folder.clone(),
        Output::File(file) => {
            let path = options.folder.join(file);
            if disk::presence(&path).is_ok_and(|found| found == Presence::Device) {
                return Ok(());
            }
            path.parent().map(Path::to_owned).unwrap_or_default()
        }
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    folder::prepare(folder).map_err(|cause| {
        let hint = cause.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        anyhow!("{cause}{hint}")
    })
}

/// Begins the list of what fails, so that a place where none can be ends the run before it begins.
fn begin_list(config: &Config) -> Result<Option<FailedList>> {
    let Some(path) = config.failed.as_ref().filter(|_| config.engine.mode != Mode::Plan) else {
        return Ok(None);
    };
    let draft = Draft::begin(path, Access::Owner)
        .map_err(|cause| anyhow!("cannot list what fails: {cause}"))?;
    let has_names = config.engine.output == Output::Folder;
    let folder = has_names.then(|| config.engine.folder.clone());
    Ok(Some(FailedList::new(draft, folder)))
}

/// Reads the lock, and begins the one that will replace it.
fn begin_lock(config: &mut Config) -> Result<Option<LockFile>> {
    let Some(lock) = &config.lock else { return Ok(None) };
    let path = &lock.path;
    let open = || Ok((Draft::begin(path, Access::Shared)?, Spill::beside(path)?));
    // First, so that no other run replaces what is read.
    let begun = if config.engine.mode == Mode::Fetch {
        let opened = open();
        Some(opened.map_err(|cause: Cause| anyhow!("cannot write the lock: {cause}"))?)
    } else {
        None
    };
    let before = Lock::read(path, config.input.folder.clone()).map_err(|reason| {
        anyhow!("cannot read the lock {}: {reason}; mend it, or remove it", path.display())
    })?;
    let before = Arc::new(before);
    config.engine.lock = Some(Locking {
        lock: Arc::clone(&before),
        is_hashed: lock.is_hashed,
        accepts_drift: lock.accepts_drift,
    });
    let folder = &config.engine.folder;
    Ok(begun.map(|(draft, lines)| LockFile::new(draft, lines, before, folder.clone())))
}

/// Begins the file of cookies, so that a place where none can be ends the run before it begins.
fn begin_cookies(config: &Config) -> Result<Option<Draft>> {
    // Where nothing is sent, none are set.
    let is_asked = matches!(config.engine.mode, Mode::Fetch | Mode::Ask);
    let path = config.save_cookies.as_deref().filter(|_| is_asked);
    let draft = path.map(|path| Draft::begin(path, Access::Owner)).transpose();
    draft.map_err(|cause| anyhow!("cannot save cookies: {cause}"))
}

/// Writes the file of cookies, whatever became of the run.
fn save_cookies(draft: Option<Draft>, jar: Option<&Jar>) -> Result<(), Cause> {
    let (Some(mut draft), Some(jar)) = (draft, jar) else { return Ok(()) };
    draft.append(&jar.write())?;
    draft.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_can_be_called_more_than_once() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        std::fs::write(&list, "").unwrap();
        let args = ["haul", "-q", "-i", list.to_str().unwrap()].map(OsString::from);
        for _ in 0..2 {
            assert_eq!(run(args.clone(), &Environment::default()).unwrap(), exit_code::SUCCESS);
        }
    }
}
