//! What the engine is told.

use std::time::Duration;

use crate::cli::args::Args;
use crate::cli::config::own;
use crate::cli::environment::Environment;
use crate::disk::partial::Allocation;
use crate::engine::{Account, Checksums, Declared, IfLocked, Mode, Options, Output, Resume};
use crate::model::digest::Algorithm;
use crate::policy::existing::IfExists;
use crate::policy::secrets::Secrets;
use crate::policy::{pace, redirect, retry};

/// Returns how jobs are worked on.
pub(super) fn options(
    args: &Args,
    output: Output,
    secrets: Secrets,
    environment: &Environment,
) -> Options {
    let mode = mode(args);
    let is_told = args.results.json.is_some() || args.locks.lock.is_some();
    Options {
        mode,
        // A plan comes in the order of the input.
        workers: if mode == Mode::Plan { 1 } else { usize::from(args.workers.jobs) },
        stdout_buffer: args.files.stdout_buffer.0,
        account: if is_told { Account::Full } else { Account::Brief },
        checksums: Checksums::new(args.checks.require_checksum),
        declared: if args.checks.no_server_digests { Declared::Ignored } else { Declared::Checked },
        digests: if is_told { digests(args) } else { Vec::new() },
        lock: None,
        // Who asks no host waits for none.
        per_host: args
            .workers
            .per_host
            .filter(|_| matches!(mode, Mode::Fetch | Mode::Ask))
            .map_or(usize::MAX, usize::from),
        min_split: (!args.workers.no_split && !args.requests.compressed)
            .then_some(args.workers.min_split.0),
        output,
        folder: args.files.dir.clone().unwrap_or_default(),
        server_name: args.files.server_name,
        template: None,
        reserved: own::reserved(args),
        hook: None,
        refresh: None,
        if_exists: IfExists::from(args.files.if_exists),
        set_modified: !args.files.no_mtime,
        schemes: args.requests.proto.unwrap_or_default(),
        redirects: redirect::Options {
            max_hops: usize::from(args.requests.max_redirects),
            allow_downgrade: args.requests.allow_downgrade,
        },
        secrets,
        sync: args.files.fsync,
        allocation: if args.files.prealloc {
            Allocation::BeforeFirstByte
        } else {
            Allocation::AsWritten
        },
        if_locked: if args.files.wait_lock { IfLocked::Wait } else { IfLocked::Fail },
        // What is unpacked has no ranges.
        resume: match (args.files.no_resume || args.requests.compressed, args.files.restart) {
            (true, _) => Resume::Never,
            (false, true) => Resume::WithinRun,
            (false, false) => Resume::Always,
        },
        limit_rate: args.limits.limit_rate.map(|rate| rate.0),
        limit_rate_host: args.limits.limit_rate_host.map(|rate| rate.0),
        request_rate: args.limits.rate,
        max_failures: if args.limits.fail_fast { Some(1) } else { args.limits.max_failures },
        max_size: args.limits.max_size.map(|size| size.0),
        pace: pace::Options {
            max_time: args.limits.max_time.map(Duration::from_secs_f64),
            min_speed: args.limits.min_speed,
        },
        retries: retry::Options {
            retries: args.limits.retries,
            max_wait: Duration::from_secs_f64(args.limits.retry_max_wait),
        },
        fixed_backoff: environment.fixed_backoff,
    }
}

/// Returns what is done for each job.
pub(super) fn mode(args: &Args) -> Mode {
    let modes = [
        (args.mode.dry_run, Mode::Plan),
        (args.mode.spider, Mode::Ask),
        (args.mode.verify, Mode::Verify),
    ];
    modes.into_iter().find_map(|(wanted, mode)| wanted.then_some(mode)).unwrap_or(Mode::Fetch)
}

/// Returns which digests are told, where any is: always the SHA-256.
fn digests(args: &Args) -> Vec<Algorithm> {
    let mut told = vec![Algorithm::Sha256];
    for &algorithm in &args.results.hash {
        if !told.contains(&algorithm) {
            told.push(algorithm);
        }
    }
    told
}
