//! A new URL in the place of one that has expired, from a command of the user (`--refresh-cmd`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::Shared;
use crate::engine::hook::Hook;
use crate::engine::work::Work;
use crate::engine::worker::Worker;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::job::{Job, Target};
use crate::model::redact::Redacted;
use crate::policy::target;
use crate::process::{self, Call, Stream};

/// How many new URLs a job gets one after the other that bring nothing.
const MOST: u32 = 3;

/// Longer URLs than this are none that can be sent.
const LONGEST: usize = 64 * 1024;

impl Worker<'_> {
    /// Gets a new URL for a work that was refused, if the user has a command for that; returns whether it
    /// has one now. What is held of the file stays, and is gone on with on the usual terms.
    pub(super) fn refresh(&mut self, work: &mut Work, cause: &Cause) -> bool {
        let shared = self.shared;
        let Some(hook) = &shared.options.refresh else { return false };
        let is_refused = matches!(cause, Cause::Login { .. } | Cause::Status { code: 403, .. });
        if work.reached > work.refreshed_at {
            work.refreshed = 0;
        }
        if !is_refused || work.mirrors.current() != 0 || work.refreshed >= MOST {
            return false;
        }
        (work.refreshed, work.refreshed_at) = (work.refreshed + 1, work.reached);
        let job = &work.job;
        let text = format!("{cause}: asks {} for a new URL", hook.command.program());
        shared.observer.event(&Event::Noted { job, text: &text });
        match ask(shared, job, hook) {
            Ok(fresh) => {
                work.job.fresh = Some(Box::new(fresh));
                true
            }
            Err(_) if shared.stop.is_stopped() => false,
            Err(why) => {
                let (url, program) = (Redacted(&job.url), hook.command.program());
                let text = format!("{url}: no new URL from {program}: {why}");
                shared.observer.event(&Event::Warned { text: &text });
                false
            }
        }
    }
}

/// Runs the command, and reads the URL that it writes.
fn ask(shared: &Shared<'_>, job: &Job, hook: &Hook) -> Result<Target, String> {
    let given = job.url.to_string();
    let call = Call {
        program: &hook.program,
        name: hook.command.program(),
        arguments: hook.command.arguments_of(&given),
        variables: vec![("HAUL_URL", Some(given.into()))],
        longest_line: LONGEST,
    };
    let mut answer: Option<String> = None;
    let mut tell = |stream, text: &str| match stream {
        Stream::Out if answer.is_none() && !text.trim().is_empty() => {
            answer = Some(text.trim().to_owned());
        }
        Stream::Out => {}
        Stream::Err => shared.observer.event(&Event::Said { job, text }),
    };
    let run = || process::run(&call, shared.stop, &mut tell);
    let ended = catch_unwind(AssertUnwindSafe(run)).map_err(|_| "it panicked".to_owned())?;
    ended.map_err(|failed| format!("it {}", failed.problem))?;
    let answer = answer.ok_or("it wrote nothing")?;
    target::parse(&answer).map_err(|cause| cause.to_string())
}
