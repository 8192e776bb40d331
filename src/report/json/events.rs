//! What happens before a job ends, as JSON: the lines of `--json=events`, each with the key `event`.
//!
//! README has the schema. A list that is read passes such lines over.

use serde::Serialize;
use url::Url;

use crate::model::event::Event;
use crate::model::job::{Job, JobId};
use crate::model::redact::Redacted;
use crate::report::json::{self, Problem, VERSION, seconds, text};

/// A line. The order of the fields is that of the line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    haul: u32,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(flatten)]
    facts: Facts<'a>,
}

/// What an event says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Facts<'a> {
    Started { name: &'a str },
    Redirected { http_status: u16, to: String },
    Retrying { from: String, after: f64, retry: u32, retries: u32, error: Problem },
    Switched { from: String, to: String, dropped: bool, error: Problem },
    Helped { worker: usize, first: u64, last: u64, from: String },
    HelpEnded { worker: usize, received: u64 },
    Progress(Figures),
    Warning { message: &'a str },
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::report) struct Figures {
    /// The bytes that are there.
    pub(in crate::report) position: u64,
    /// The bytes that this attempt received.
    pub(in crate::report) received: u64,
    /// The bytes that there will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) size: Option<u64>,
    /// Bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) rate: Option<u64>,
    /// The connections that bring them.
    pub(in crate::report) connections: usize,
}

/// Returns the line that an event gets, if it is one that does not end a job.
pub(in crate::report) fn line(event: &Event<'_>) -> Option<Vec<u8>> {
    let shown = |url: &Url| Redacted(url).to_string();
    let of = |job: &Job, event, facts| Line { facts, ..Line::new(event, job.id, &job.url) };
    let line = match event {
        Event::Started { job, name, .. } => of(job, "started", Facts::Started { name }),
        Event::Redirected { job, status, to } => {
            let facts = Facts::Redirected { http_status: *status, to: shown(to) };
            of(job, "redirected", facts)
        }
        Event::Retrying { job, url, cause, after, retry, retries } => {
            let (from, error) = (shown(url), Problem::of_cause(cause));
            let after = seconds(*after);
            let facts = Facts::Retrying { from, after, retry: *retry, retries: *retries, error };
            of(job, "retrying", facts)
        }
        Event::Switched { job, url, cause, to, is_dropped } => {
            let (from, to, error) = (shown(url), shown(to), Problem::of_cause(cause));
            of(job, "switched", Facts::Switched { from, to, dropped: *is_dropped, error })
        }
        Event::Helped { job, worker, range, from } => {
            let (first, last) = (range.start, range.end.saturating_sub(1));
            let facts = Facts::Helped { worker: *worker, first, last, from: shown(from) };
            of(job, "helped", facts)
        }
        Event::HelpEnded { job, worker, received } => {
            let facts = Facts::HelpEnded { worker: *worker, received: *received };
            of(job, "help_ended", facts)
        }
        Event::Warned { text } => {
            let facts = Facts::Warning { message: text };
            Line { haul: VERSION, event: "warning", id: None, url: None, facts }
        }
        _ => return None,
    };
    Some(text::line(&line))
}

/// Returns the line that says how far a transfer is.
pub(in crate::report) fn progress(id: JobId, url: &Url, figures: Figures) -> Vec<u8> {
    let facts = Facts::Progress(figures);
    text::line(&Line { facts, ..Line::new("progress", id, url) })
}

impl Line<'_> {
    /// Begins a line about a job, with nothing to say yet.
    fn new(event: &'static str, id: JobId, url: &Url) -> Self {
        let url = json::shown(url);
        Self { haul: VERSION, event, id: Some(id.0), url, facts: Facts::Warning { message: "" } }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::error::Cause;
    use crate::model::event::Details;
    use crate::model::progress::Progress;
    use crate::model::range::ByteRange;
    use crate::report::lines::tests::job;

    #[track_caller]
    fn case(event: &Event<'_>, name: &str, rest: &str) {
        let found = line(event).map(|line| String::from_utf8(line).unwrap());
        let of_job = r#""id":3,"url":"http://h.example/a?token=***""#;
        let start = format!(r#"{{"haul":1,"event":"{name}",{of_job},"#);
        assert_eq!(found, Some(format!("{start}{rest}}}\n")));
    }

    #[test]
    fn what_happens_to_a_job_is_told_with_its_number_and_url() {
        let job = &job(3);
        let progress = &Arc::new(Progress::default());
        let to = &"https://u:p@c.example/b?sig=x".parse().unwrap();
        case(
            &Event::Started { job, name: "a\u{202e}", progress },
            "started",
            r#""name":"a\u202e""#,
        );
        case(
            &Event::Redirected { job, status: 302, to },
            "redirected",
            r#""http_status":302,"to":"https://c.example/b?sig=***""#,
        );
        let cause = &Cause::Status { code: 503, reason: "Busy".to_owned(), retry_after: None };
        let error = concat!(
            r#""error":{"kind":"status","phase":"header","http_status":503,"#,
            r#""message":"503 Busy"}"#
        );
        let after = Duration::from_millis(1500);
        case(
            &Event::Retrying { job, url: to, cause, after, retry: 1, retries: 5 },
            "retrying",
            &format!(
                r#""from":"https://c.example/b?sig=***","after":1.5,"retry":1,"retries":5,{error}"#
            ),
        );
        case(
            &Event::Switched { job, url: &job.url, cause, to, is_dropped: true },
            "switched",
            &format!(
                r#""from":"http://h.example/a?token=***","to":"https://c.example/b?sig=***","dropped":true,{error}"#
            ),
        );
        let range = ByteRange { start: 10, end: 20 };
        case(
            &Event::Helped { job, worker: 2, range, from: to },
            "helped",
            r#""worker":2,"first":10,"last":19,"from":"https://c.example/b?sig=***""#,
        );
        case(
            &Event::HelpEnded { job, worker: 2, received: 9 },
            "help_ended",
            r#""worker":2,"received":9"#,
        );
    }

    #[test]
    fn a_warning_is_of_the_run() {
        let line = line(&Event::Warned { text: "odd\n" }).unwrap();
        assert_eq!(line, b"{\"haul\":1,\"event\":\"warning\",\"message\":\"odd\\n\"}\n");
    }

    #[test]
    fn ends_and_what_only_people_read_are_no_such_lines() {
        let job = &job(3);
        let details = Details::default();
        for event in [
            Event::Listed,
            Event::Noted { job, text: "x" },
            Event::Requested { job, method: "GET", url: &job.url },
            Event::Cancelled { job, details },
        ] {
            assert!(line(&event).is_none(), "{event:?}");
        }
    }
}
