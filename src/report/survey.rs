//! The wording of what is told of files that are not downloaded.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::http::head;
use crate::model::job::Job;
use crate::model::redact::Redacted;
use crate::model::size::{ByteSize, Span, count};
use crate::model::survey::{Found, Place, Planned, Replaces, Survey};
use crate::model::text::Printable;

/// What only a request tells.
const IF_CHANGED: &str = ", if the server has another";

/// Returns the line for what a server says of a file.
pub(super) fn found(job: &Job, found: &Found) -> String {
    let Found { status, size, has_ranges, validators, content_type, path } = found;
    let status = format!("{status} {}", head::reason(*status));
    let mut text = format!("found {}: {}", Redacted(&job.url), status.trim_end());
    let _ = match size {
        Some(size) => write!(text, ", {}", ByteSize(*size)),
        None => write!(text, ", size unknown"),
    };
    if let Some(content_type) = content_type {
        let _ = write!(text, ", {}", Printable(content_type));
    }
    if let Some(modified) = &validators.last_modified {
        let _ = write!(text, ", {}", Printable(modified));
    }
    let ranges = if *has_ranges { "ranges" } else { "no ranges" };
    let _ = writeln!(text, ", {ranges}, for {}", shown(path));
    text
}

/// Returns the line for what would be done.
pub(super) fn planned(job: &Job, planned: &Planned) -> String {
    let url = Redacted(&job.url);
    let path = match &planned.place {
        Place::File(path) => shown(path),
        Place::Folder(folder) => {
            let here = folder.as_os_str().is_empty();
            let folder = if here { Path::new(".") } else { folder };
            return format!("would save {url} in {}, named by the server\n", shown(folder));
        }
    };
    let from = match (planned.resumed_from, planned.length) {
        (0, _) => {
            return match planned.replaces {
                Replaces::Nothing => format!("would save {path} from {url}\n"),
                Replaces::Always => format!("would replace {path} by {url}\n"),
                Replaces::IfChanged => format!("would replace {path} by {url}{IF_CHANGED}\n"),
            };
        }
        (bytes, Some(length)) => format!("{} of {}", ByteSize(bytes), ByteSize(length)),
        (bytes, None) => ByteSize(bytes).to_string(),
    };
    let (old, unless) = match planned.replaces {
        Replaces::Nothing => ("", ""),
        Replaces::Always => (", and replace it", ""),
        Replaces::IfChanged => (", and replace it", IF_CHANGED),
    };
    format!("would go on with {path} after {from}, from {url}{old}{unless}\n")
}

/// Returns the beginning of the totals of a run that asks.
pub(super) fn total_found(survey: &Survey, elapsed: Duration) -> String {
    let mut text = format!("found {}, {}", count(survey.found, "file"), ByteSize(survey.bytes));
    if survey.unsized_files > 0 {
        let _ = write!(text, " and {} of unknown size", survey.unsized_files);
    }
    let _ = write!(text, ", in {}", Span(elapsed));
    text
}

fn shown(path: &Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::validator::Validators;
    use crate::report::lines::tests::job;

    #[test]
    fn what_a_server_says_is_a_line() {
        let mut of_file = Found {
            status: 206,
            size: Some(1 << 20),
            has_ranges: true,
            validators: Validators {
                last_modified: Some("Mon, 24 Aug 2020 10:00:00 GMT".to_owned()),
                ..Validators::default()
            },
            content_type: Some("text/\u{1b}plain".to_owned()),
            path: "out/a\u{202e}".into(),
        };
        let url = "http://h.example/a?token=***";
        assert_eq!(
            found(&job(1), &of_file),
            format!(
                "found {url}: 206 Partial Content, 1.0 MiB, text/\\u{{1b}}plain, \
                 Mon, 24 Aug 2020 10:00:00 GMT, ranges, for out/a\\u{{202e}}\n"
            )
        );
        (of_file.size, of_file.content_type, of_file.has_ranges) = (None, None, false);
        (of_file.status, of_file.validators) = (200, Validators::default());
        of_file.path = "a".into();
        let expected = format!("found {url}: 200 OK, size unknown, no ranges, for a\n");
        assert_eq!(found(&job(1), &of_file), expected);
    }

    #[test]
    fn what_would_be_done_is_a_line() {
        #[track_caller]
        fn case(
            place: Place,
            replaces: Replaces,
            resumed_from: u64,
            length: Option<u64>,
            line: &str,
        ) {
            let plan = Planned { place, replaces, resumed_from, length };
            let url = "http://h.example/a?token=***";
            assert_eq!(planned(&job(1), &plan), format!("{}\n", line.replace("URL", url)));
        }
        let file = || Place::File("d/a".into());
        case(file(), Replaces::Nothing, 0, None, "would save d/a from URL");
        case(file(), Replaces::Always, 0, None, "would replace d/a by URL");
        let part = "would go on with d/a after 1.0 KiB of 2.0 KiB, from URL";
        case(file(), Replaces::Nothing, 1024, Some(2048), part);
        let part = "would go on with d/a after 1.0 KiB, from URL, and replace it";
        case(file(), Replaces::Always, 1024, None, part);
        let update = "would replace d/a by URL, if the server has another";
        case(file(), Replaces::IfChanged, 0, None, update);
        let update = format!("{part}, if the server has another");
        case(file(), Replaces::IfChanged, 1024, None, &update);
        let folder = |path: &str| Place::Folder(path.into());
        case(folder("d"), Replaces::Nothing, 0, None, "would save URL in d, named by the server");
        case(folder(""), Replaces::Nothing, 0, None, "would save URL in ., named by the server");
    }
}
