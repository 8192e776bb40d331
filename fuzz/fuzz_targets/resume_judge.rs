//! Answers to range requests against what is held: haul goes on only when all that the answer says
//! fits, and it does go on when all fits.
//!
//! An input is lines of text, so that a seed can be read and written by hand; a missing or empty
//! line is an absent field:
//!
//! ```text
//! held bytes
//! held length
//! held ETag
//! held Last-Modified
//! held Date
//! status
//! Content-Range
//! body length
//! ETag
//! Last-Modified
//! multipart
//! held Content-Encoding
//! Content-Encoding
//! ```

#![no_main]

use haul::model::range::ContentRange;
use haul::model::range_set::RangeSet;
use haul::model::validator::Validators;
use haul::policy::resume::{Answer, Held, Plan, Verdict, judge, plan};
use libfuzzer_sys::fuzz_target;
use ureq::http::HeaderValue;

fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut lines = input.lines().map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut next = || lines.next().flatten();
    let number = |line: Option<&str>| line.and_then(|line| line.parse::<u64>().ok());
    let owned = |line: Option<&str>| line.map(str::to_owned);
    let mut held = Held {
        ranges: RangeSet::prefix_of(number(next()).unwrap_or_default()),
        length: number(next()),
        validators: Validators {
            etag: owned(next()),
            last_modified: owned(next()),
            date: owned(next()),
        },
        coding: None,
        elsewhere: None,
        target: None,
    };
    let status = number(next()).and_then(|status| status.try_into().ok()).unwrap_or(206);
    let content_range = next().map(str::as_bytes);
    let body_length = number(next());
    let validators = Validators { etag: owned(next()), last_modified: owned(next()), date: None };
    let is_multipart = next().is_some();
    held.coding = owned(next());
    let coding = next();
    held.target = owned(next());
    let target = next();
    // A record that speaks of more than the length is not believed.
    if held.length.is_some_and(|length| held.ranges.end() > length) {
        return;
    }
    let from = asked_from(&held);
    let validators = &validators;
    let answer =
        Answer { status, content_range, is_multipart, body_length, validators, coding, target };
    check(&held, from, &answer);
});

/// Checks the plan and returns where its request begins.
fn asked_from(held: &Held) -> u64 {
    match plan(Some(held)) {
        Plan::Rest { from, to, validator } => {
            let held_bytes = held.ranges.prefix();
            assert!(held_bytes > 0 && from <= held_bytes, "asks behind what is held");
            assert!(to.is_none(), "asks for a hole that is not there");
            assert!(held.length.is_none_or(|length| from < length), "asks behind the end");
            assert!(!validator.starts_with("W/"), "asks under a weak validator");
            assert!(HeaderValue::from_str(&validator).is_ok(), "cannot be sent: {validator:?}");
            from
        }
        Plan::Whole(_) => held.ranges.prefix(),
    }
}

fn check(held: &Held, from: u64, answer: &Answer<'_>) {
    let told = answer.content_range.and_then(ContentRange::parse);
    let etags = (held.validators.etag.as_deref(), answer.validators.etag.as_deref());
    let dates = (&held.validators.last_modified, &answer.validators.last_modified);
    match judge(held, from, answer) {
        Verdict::GoOn { range, total } => {
            assert!(answer.status == 206 && !answer.is_multipart, "not a 206 of one part");
            assert_eq!(range.start, from, "goes on elsewhere");
            assert!(range.end > range.start, "goes on with nothing");
            assert!(range.end <= total, "goes on behind the end");
            assert!(answer.body_length.is_none_or(|length| length == range.len()), "other lengths");
            assert!(held.length.is_none_or(|length| length == total), "of another length");
            if let (Some(ours), theirs) = etags {
                assert_eq!(Some(ours), theirs, "another version, or an unnamed one");
                assert!(ours.starts_with('"'), "a weak ETag was compared");
            }
            if let (Some(ours), Some(theirs)) = dates {
                assert_eq!(ours, theirs, "another version");
            }
            assert!(matches!(told, Some(ContentRange::Satisfied { range: r, .. }) if r == range));
            let coding = answer.coding;
            assert!(coding.is_none() || coding == held.coding.as_deref(), "packed otherwise");
        }
        Verdict::StartOver(_) => assert!(!matches!(answer.status, 206 | 416), "a part as a whole"),
        Verdict::AskForAll(reason) => {
            let fits = matches!(told, Some(ContentRange::Satisfied { range, total: Some(total) })
                if range.start == from
                    && answer.body_length == Some(range.len())
                    && held.length == Some(total));
            let same_etag = etags.0 == etags.1
                && etags.0.is_none_or(|etag| held.validators.strong() == Some(etag));
            let same_date = dates.1.is_none() || dates.0 == dates.1;
            let same_coding = answer.coding.is_none_or(|it| held.coding.as_deref() == Some(it));
            let same = same_etag && same_date && same_coding;
            let good = answer.status == 206 && !answer.is_multipart && fits && same;
            assert!(!good, "a good answer was refused: {reason:?}");
        }
    }
}
