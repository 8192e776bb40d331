//! The wording of events: which line an event gets on standard error, if any.
//!
//! Both views use it, so a finished file reads the same above bars and in a log. Nothing is written
//! here, and every text that comes from elsewhere is made safe for a terminal.

use std::fmt::{Display, Write as _};

use crate::http::head;
use crate::model::event::{Event, Skip};
use crate::model::job::Job;
use crate::model::redact::Redacted;
use crate::model::size::{ByteSize, Span};
use crate::model::text::Printable;
use crate::report::Verbosity;
use crate::report::survey;
use crate::report::totals::Amount;

/// Longer than most lines about a file.
const USUAL_LINE: usize = 128;

/// Returns the lines that `event` gets, each with its end; often none.
pub(super) fn text(event: &Event<'_>, verbosity: Verbosity) -> String {
    match verbosity {
        Verbosity::Normal => normal(event),
        Verbosity::Quiet => error(event),
        Verbosity::Verbose => verbose(event),
    }
    .unwrap_or_default()
}

/// Errors and their hints: all that `-q` leaves.
fn error(event: &Event<'_>) -> Option<String> {
    let Event::Failed { failure, .. } = event else {
        return None;
    };
    let mut text = format!("error: {}\n", failure.headline());
    for hint in failure.hints() {
        let _ = writeln!(text, "  hint: {}", Printable(&hint));
    }
    Some(text)
}

fn normal(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Completed { job, path, size, received, details, .. } => {
            let (bytes, received, time) = (*size, *received, details.elapsed);
            let amount = Amount { bytes, received, time, brackets: [", ", ""] };
            let mut text = String::with_capacity(USUAL_LINE);
            let _ = match path {
                Some(path) => {
                    writeln!(text, "saved {} ({amount})", Printable(&path.to_string_lossy()))
                }
                None => writeln!(text, "sent {} to stdout ({amount})", Redacted(&job.url)),
            };
            Some(text)
        }
        Event::Found { job, found, .. } => Some(survey::found(job, found)),
        Event::Planned { job, planned } => Some(survey::planned(job, planned)),
        Event::Verified { path, found, details, .. } => {
            let (bytes, time) = (found.size, details.elapsed);
            let amount = Amount { bytes, received: bytes, time, brackets: [", ", ""] };
            Some(format!("verified {} ({amount})\n", Printable(&path.to_string_lossy())))
        }
        Event::Skipped { reason: Skip::Exists { path, .. }, .. } => {
            Some(format!("skipped {}: exists already\n", Printable(&path.to_string_lossy())))
        }
        Event::Skipped { reason: Skip::Unchanged { path, .. }, .. } => {
            Some(format!("skipped {}: unchanged\n", Printable(&path.to_string_lossy())))
        }
        Event::Skipped { job, reason: Skip::Duplicate } => {
            Some(format!("skipped {}: listed twice\n", Redacted(&job.url)))
        }
        Event::Retrying { url, cause, after, retry, retries, .. } => Some(format!(
            "warning: {}: {cause}; retrying in {} ({})\n",
            Redacted(url),
            Span(*after),
            match retry {
                0 => "after progress".to_owned(),
                retry => format!("retry {retry} of {retries}"),
            },
        )),
        Event::Switched { url, cause, to, is_dropped, .. } => Some(format!(
            "warning: {}: {cause}; {} {}\n",
            Redacted(url),
            if *is_dropped { "going on with" } else { "trying" },
            Redacted(to),
        )),
        Event::Said { text, .. } => Some(format!("{}\n", Printable(&text.replace('\t', "    ")))),
        Event::Warned { text } => Some(format!("warning: {}\n", Printable(text))),
        _ => error(event),
    }
}

fn verbose(event: &Event<'_>) -> Option<String> {
    let line = |job: &Job, text: &dyn Display| Some(format!("{} {text}\n", job.id));
    match event {
        Event::Requested { job, method, url } => {
            line(job, &format_args!("{method} {}", Redacted(url)))
        }
        Event::Responded { job, status, length: Some(length) } => {
            line(job, &format_args!("{}, {}", status_line(*status), ByteSize(*length)))
        }
        Event::Responded { job, status, length: None } => line(job, &status_line(*status)),
        Event::Redirected { job, status, to } => {
            line(job, &format_args!("{}, to {}", status_line(*status), Redacted(to)))
        }
        Event::Helped { job, worker, range, from } => {
            // Where there is one URL, it is known which.
            let from = (!job.mirrors.is_empty()).then(|| format!(" from {}", Redacted(from)));
            let from = from.unwrap_or_default();
            line(job, &format_args!("worker {worker} helps: bytes {range}{from}"))
        }
        Event::Noted { job, text } => line(job, &Printable(text)),
        Event::Said { job, .. } => Some(format!("{} {}", job.id, normal(event)?)),
        _ => normal(event),
    }
}

/// Returns the code and, if it has one, its registered phrase.
fn status_line(code: u16) -> String {
    format!("{code} {}", head::reason(code)).trim_end().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::model::error::Cause;
    use crate::model::event::{Details, Subject};
    use crate::model::failure::Failure;
    use crate::model::job::{Destination, JobId, Origin};
    use crate::model::validator::Validators;

    /// A job whose URL has a secret in it.
    pub(crate) fn job(id: u32) -> Job {
        Job {
            id: JobId(id),
            url: "http://h.example/a?token=x".parse().unwrap(),
            credentials: None,
            fresh: None,
            mirrors: Vec::new(),
            fields: None,
            is_foreign: false,
            size: None,
            checksum: None,
            known: None,
            pieces: None,
            origin: Origin::Argument,
            destination: Destination::Stdout,
        }
    }

    /// A job that failed with a status.
    pub(crate) fn failure(code: u16, reason: &str) -> Failure {
        Failure {
            subject: "http://h.example/a".to_owned(),
            origin: Origin::Argument,
            cause: Cause::Status { code, reason: reason.to_owned(), retry_after: None },
            attempts: 1,
            exhausted: None,
            kept: None,
            is_barren: false,
        }
    }

    /// Its file is complete.
    pub(crate) fn completed<'a>(job: &'a Job, path: Option<&'a Path>) -> Event<'a> {
        const NONE: &Validators = &Validators { etag: None, last_modified: None, date: None };
        let elapsed = Duration::from_millis(20);
        Event::Completed {
            job,
            path,
            size: 1 << 20,
            received: 1 << 20,
            digests: &[],
            modified: None,
            validators: NONE,
            details: Details { elapsed, ..Details::default() },
        }
    }

    #[track_caller]
    fn case(event: &Event<'_>, quiet: &str, normal: &str, verbose: &str) {
        assert_eq!(text(event, Verbosity::Quiet), quiet);
        assert_eq!(text(event, Verbosity::Normal), normal);
        assert_eq!(text(event, Verbosity::Verbose), verbose);
    }

    #[test]
    fn ends_of_jobs_get_a_line() {
        let job = job(3);
        let saved = "saved out/a\\u{1b}.bin (1.0 MiB in 0.02s, 50 MiB/s)\n";
        let path = Some(Path::new("out/a\x1b.bin"));
        let completed = |path| completed(&job, path);
        case(&completed(path), "", saved, saved);
        let sent = "sent http://h.example/a?token=*** to stdout (1.0 MiB in 0.02s, 50 MiB/s)\n";
        case(&completed(None), "", sent, sent);
        let skipped = |reason| Event::Skipped { job: &job, reason };
        let there = "skipped out/a: exists already\n";
        case(&skipped(Skip::Exists { path: Path::new("out/a"), found: None }), "", there, there);
        let twice = "skipped http://h.example/a?token=***: listed twice\n";
        case(&skipped(Skip::Duplicate), "", twice, twice);
        case(&Event::Cancelled { job: &job, details: Details::default() }, "", "", "");
        case(&Event::Unstarted { job: &job }, "", "", "");
    }

    #[test]
    fn errors_are_told_at_every_verbosity_and_warnings_not_when_quiet() {
        let (missing, broken) = (failure(404, "Not Found"), failure(500, "Oh\x07"));
        let (subject, details) = (Subject::Text(""), Details::default());
        let failed = |failure| Event::Failed { subject, failure, details };
        let text = "error: http://h.example/a: 404 Not Found\n  hint: check the URL\n";
        case(&failed(&missing), text, text, text);
        let text = "error: http://h.example/a: 500 Oh\\u{7}\n";
        case(&failed(&broken), text, text, text);
        let text = "warning: odd\\n\n";
        case(&Event::Warned { text: "odd\n" }, "", text, text);
    }

    #[test]
    fn what_follows_a_failed_attempt_is_told_with_the_url_that_failed() {
        let job = job(3);
        let (url, to) = (&job.url, &"http://user@other.example/a".parse().unwrap());
        let cause = &Cause::HostNotFound { host: "h.example".to_owned() };
        let failed = "warning: http://h.example/a?token=***: host `h.example` not found; ";
        let told = |event: &Event<'_>, rest: &str| {
            let text = format!("{failed}{rest}\n");
            case(event, "", &text, &text);
        };
        let after = Duration::from_secs(1);
        let retrying = |retry| Event::Retrying { job: &job, url, cause, after, retry, retries: 5 };
        told(&retrying(2), "retrying in 1.00s (retry 2 of 5)");
        told(&retrying(0), "retrying in 1.00s (after progress)");
        let switched = |is_dropped| Event::Switched { job: &job, url, cause, to, is_dropped };
        told(&switched(true), "going on with http://other.example/a");
        told(&switched(false), "trying http://other.example/a");
    }

    #[test]
    fn requests_are_told_when_many_lines_are_wanted() {
        let job = job(3);
        let url = &job.url;
        let requested = |method| Event::Requested { job: &job, method, url };
        case(&requested("GET"), "", "", "#3 GET http://h.example/a?token=***\n");
        case(&requested("HEAD"), "", "", "#3 HEAD http://h.example/a?token=***\n");
        let responded = |status, length| Event::Responded { job: &job, status, length };
        case(&responded(200, Some(1 << 20)), "", "", "#3 200 OK, 1.0 MiB\n");
        case(&responded(299, None), "", "", "#3 299\n");
        let redirected = Event::Redirected { job: &job, status: 302, to: url };
        case(&redirected, "", "", "#3 302 Found, to http://h.example/a?token=***\n");
        let noted = Event::Noted { job: &job, text: "named \x1b" };
        case(&noted, "", "", "#3 named \\u{1b}\n");
        let said = Event::Said { job: &job, text: "a\tb\x1b" };
        case(&said, "", "a    b\\u{1b}\n", "#3 a    b\\u{1b}\n");
        case(&Event::Listed, "", "", "");
    }
}
