//! What a line says of each kind of end.

use std::ffi::OsStr;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::digest::{Algorithm, Hasher};
use crate::model::error::Cause;
use crate::model::event::Served;
use crate::model::failure::Kept;
use crate::model::job::{Origin, Target};
use crate::model::text::is_deceptive;
use crate::model::validator::Validators;
use crate::report::lines::tests::{failure, job};

/// 2026-08-24.
fn started() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_787_577_559_012)
}

#[track_caller]
fn case(event: &Event<'_>, line: &str) {
    let found = super::line(event, false).map(|line| String::from_utf8(line).unwrap());
    assert_eq!(found, Some(format!("{line}\n")));
}

#[test]
fn a_completed_job_tells_everything_in_a_fixed_order() {
    let mut job = job(1);
    job.mirrors = vec![Target {
        url: "http://u:p@m.example/a?sig=x&y=1".parse().unwrap(),
        credentials: None,
    }];
    let served = Served {
        url: "https://c.example/b?token=x".parse().unwrap(),
        content_type: Some("text/plain".to_owned()),
    };
    let validators = Validators {
        etag: Some("\"v1\"".to_owned()),
        last_modified: Some("Mon, 24 Aug 2026 10:00:00 GMT".to_owned()),
        date: None,
    };
    let details = Details {
        started: Some(started()),
        elapsed: Duration::from_micros(1_234_567),
        attempts: 2,
        resumed_from: 4096,
        served: Some(&served),
    };
    let told = [Algorithm::Sha256, Algorithm::Md5].map(|of| Hasher::new(of).digest());
    let completed = |path| Event::Completed {
        job: &job,
        path,
        size: 5000,
        received: 904,
        digests: &told,
        modified: None,
        validators: &validators,
        details,
    };
    case(
        &completed(Some(Path::new("out/a"))),
        concat!(
            r#"{"haul":1,"url":"http://h.example/a?token=***","#,
            r#""mirrors":["http://m.example/a?sig=***&y=1"],"#,
            r#""final_url":"https://c.example/b?token=***","path":"out/a","status":"completed","#,
            r#""size":5000,"#,
            r#""sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
            r#""md5":"d41d8cd98f00b204e9800998ecf8427e","#,
            r#""etag":"\"v1\"","last_modified":"Mon, 24 Aug 2026 10:00:00 GMT","#,
            r#""content_type":"text/plain","attempts":2,"resumed_from":4096,"#,
            r#""started":"2026-08-24T13:19:19.012Z","seconds":1.234}"#
        ),
    );
    let line =
        super::line(&completed(Some(Path::new(OsStr::from_bytes(b"out/\xff")))), false).unwrap();
    let object: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(object["path_base64"], "b3V0L/8=");
    assert_eq!(object["path"], Value::Null);
}

#[test]
fn what_is_not_known_is_left_out() {
    let job = job(1);
    let url = r#"{"haul":1,"url":"http://h.example/a?token=***","#;
    let skipped = |reason| Event::Skipped { job: &job, reason };
    case(
        &skipped(Skip::Exists { path: Path::new("a"), found: None }),
        &format!(r#"{url}"path":"a","status":"skipped","reason":"exists"}}"#),
    );
    case(&skipped(Skip::Duplicate), &format!(r#"{url}"status":"skipped","reason":"duplicate"}}"#));
    let cancelled = |details| Event::Cancelled { job: &job, details };
    case(&cancelled(Details::default()), &format!(r#"{url}"status":"cancelled"}}"#));
    let details = Details { started: Some(started()), attempts: 1, ..Details::default() };
    let begun = r#""attempts":1,"started":"2026-08-24T13:19:19.012Z","seconds":0.0"#;
    case(&cancelled(details), &format!(r#"{url}"status":"cancelled",{begun}}}"#));
    for event in [Event::Listed, Event::Unstarted { job: &job }, Event::Warned { text: "x" }] {
        assert_eq!(super::line(&event, false), None);
    }
}

#[test]
fn a_job_has_its_number_where_others_lines_have_it_too() {
    let job = job(7);
    let event = Event::Skipped { job: &job, reason: Skip::Duplicate };
    let line = String::from_utf8(super::line(&event, true).unwrap()).unwrap();
    assert!(line.starts_with(r#"{"haul":1,"id":7,"url":"http://h.example/a?token=***","status":"#));
}

fn failed<'a>(subject: Subject<'a>, failure: &'a Failure) -> Event<'a> {
    Event::Failed { subject, failure, details: Details::default() }
}

#[test]
fn an_error_says_what_standard_error_says() {
    let mut failure = failure(503, "Service Unavailable");
    failure.kept = Some(Kept { path: "a.part".into(), bytes: 1 << 20, length: None });
    failure.attempts = 6;
    let job = job(1);
    case(
        &failed(Subject::Job(&job), &failure),
        concat!(
            r#"{"haul":1,"url":"http://h.example/a?token=***","status":"failed","error":{"#,
            r#""kind":"status","phase":"header","http_status":503,"#,
            r#""message":"503 Service Unavailable after 1.0 MiB (6 attempts)","#,
            r#""hint":"1.0 MiB are kept in a.part; run the same command again to go on"}}"#
        ),
    );
    failure.subject = "http://***@h:99999/".to_owned();
    failure.origin = Origin::Line { list: "list".into(), number: 7 };
    failure.cause = Cause::BadUrl { reason: "invalid port".to_owned(), hint: None };
    failure.kept = None;
    case(
        &failed(Subject::Text("http://u:p@h:99999/"), &failure),
        concat!(
            r#"{"haul":1,"url":"http://***@h:99999/","status":"failed","error":{"#,
            r#""kind":"bad_url","message":"list:7: not a URL: invalid port"}}"#
        ),
    );
}

#[test]
fn the_last_line_has_the_totals() {
    let sums =
        Totals { completed: 1, skipped: 2, failed: 3, cancelled: 4, bytes: 5, ..Totals::default() };
    let line = |stopped| {
        String::from_utf8(totals(Mode::Fetch, &sums, Duration::from_millis(1500), stopped)).unwrap()
    };
    let start = concat!(
        r#"{"haul":1,"totals":{"completed":1,"skipped":2,"failed":3,"cancelled":4,"bytes":5,"#,
        r#""seconds":1.5,"interrupted":"#
    );
    assert_eq!(line(None), format!("{start}false}}}}\n"));
    assert_eq!(line(Some(StopReason::Signal(2))), format!("{start}true}}}}\n"));
    let stopped = line(Some(StopReason::Failures(3)));
    assert_eq!(stopped, format!("{start}false,\"stopped\":\"failures\"}}}}\n"));
}

#[test]
fn the_last_line_of_a_run_that_downloads_nothing_has_what_it_counted() {
    let mut sums = Totals::default();
    sums.survey.planned = 2;
    sums.survey.note(Some(7));
    sums.survey.note(None);
    let line = |mode| -> Value {
        serde_json::from_slice(&totals(mode, &sums, Duration::ZERO, None)).unwrap()
    };
    let (plan, asked) = (&line(Mode::Plan)["totals"], &line(Mode::Ask)["totals"]);
    assert_eq!((&plan["planned"], plan.get("found")), (&2.into(), None));
    let found = ["found", "found_bytes", "found_unsized"].map(|key| asked[key].as_u64());
    assert_eq!((found, asked.get("planned")), ([Some(2), Some(7), Some(1)], None));
}

proptest! {
    #[test]
    fn any_url_path_and_message_is_one_line_of_json_without_secrets(
        text: String,
        path: Vec<u8>,
        field: String,
    ) {
        let mut job = job(1);
        let mut url: url::Url = "http://u:s3cret@h/".parse().unwrap();
        url.set_path(&text);
        url.query_pairs_mut().append_pair(&text, "x").append_pair("Signature", "s3cret");
        job.url = url;
        let path = Path::new(OsStr::from_bytes(&path));
        let validators =
            Validators { etag: Some(field.clone()), last_modified: None, date: None };
        let details = Details { started: Some(started()), ..Details::default() };
        let mut failure = failure(404, &text);
        failure.cause = Cause::Protocol { detail: field };
        failure.subject = text;
        for event in [
            Event::Completed {
                job: &job,
                path: Some(path),
                size: 1,
                received: 1,
                digests: &[],
                modified: None,
                validators: &validators,
                details,
            },
            Event::Skipped { job: &job, reason: Skip::Exists { path, found: None } },
            Event::Failed { subject: Subject::Job(&job), failure: &failure, details },
            Event::Failed { subject: Subject::Text("s3cret"), failure: &failure, details },
        ] {
            let line = String::from_utf8(super::line(&event, false).unwrap()).unwrap();
            prop_assert_eq!(line.find(is_deceptive), Some(line.len() - 1));
            prop_assert!(!line.contains("s3cret"));
            let object: Value = serde_json::from_str(&line).unwrap();
            if !matches!(event, Event::Failed { .. }) {
                let bytes = match object["path"].as_str() {
                    Some(text) => text.as_bytes().to_vec(),
                    None => {
                        BASE64_STANDARD.decode(object["path_base64"].as_str().unwrap()).unwrap()
                    }
                };
                prop_assert_eq!(bytes, path.as_os_str().as_bytes());
            }
            if let Event::Completed { .. } = event {
                prop_assert_eq!(object["etag"].as_str(), validators.etag.as_deref());
            }
        }
    }
}
