//! What is asked for, and what answers are good for.

use super::*;

fn etag(etag: &str) -> Validators {
    Validators { etag: Some(etag.to_owned()), ..Validators::default() }
}

fn held(bytes: u64) -> Held {
    let ranges = RangeSet::prefix_of(bytes);
    Held {
        ranges,
        length: Some(100),
        validators: etag("\"v1\""),
        coding: None,
        elsewhere: None,
        target: None,
    }
}

/// An answer of one part; no text is no field.
fn answer<'a>(
    status: u16,
    content_range: &'a str,
    body_length: Option<u64>,
    validators: &'a Validators,
) -> Answer<'a> {
    Answer {
        status,
        content_range: (!content_range.is_empty()).then_some(content_range.as_bytes()),
        is_multipart: false,
        body_length,
        validators,
        coding: None,
        target: None,
    }
}

/// The same, from another mirror.
fn elsewhere(validators: Validators) -> Held {
    Held { validators, elsewhere: Some("http://other/".to_owned()), ..held(40) }
}

fn dated(etag: Option<&str>, modified: &str) -> Validators {
    Validators {
        etag: etag.map(str::to_owned),
        last_modified: Some(modified.to_owned()),
        date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
    }
}

const OLD: &str = "Sun, 06 Nov 1994 08:40:00 GMT";
const OLDER: &str = "Sun, 06 Nov 1994 08:39:00 GMT";

#[test]
fn a_range_is_asked_for_only_under_a_strong_validator() {
    let rest = |from| Plan::Rest { from, to: None, validator: "\"v1\"".to_owned() };
    assert_eq!(plan(None), Plan::Whole(Restart::NothingHeld));
    assert_eq!(plan(Some(&held(0))), Plan::Whole(Restart::NothingHeld));
    assert_eq!(plan(Some(&held(40))), rest(40));
    assert_eq!(plan(Some(&held(100))), rest(99));
    let weak = Held { validators: etag("W/\"v1\""), ..held(40) };
    assert_eq!(plan(Some(&weak)), Plan::Whole(Restart::NoStrongValidator));
}

#[test]
fn the_first_hole_is_asked_for() {
    let mut with_hole = held(40);
    with_hole.ranges.insert(ByteRange { start: 60, end: 70 });
    let rest = |from, to| Plan::Rest { from, to, validator: "\"v1\"".to_owned() };
    assert_eq!(plan(Some(&with_hole)), rest(40, Some(60)));
    with_hole.ranges.insert(ByteRange { start: 40, end: 60 });
    assert_eq!(plan(Some(&with_hole)), rest(70, None));
    let headless = Held { ranges: with_hole.ranges, ..held(0) };
    let later = RangeSet::from_ascending([ByteRange { start: 60, end: 100 }]).unwrap();
    assert_eq!(plan(Some(&Held { ranges: later, ..headless })), rest(0, Some(60)));
}

#[test]
fn a_date_is_of_use_only_where_it_was_given() {
    let rest = |validator: &str| Plan::Rest { from: 40, to: None, validator: validator.to_owned() };
    let here = Held { elsewhere: None, ..elsewhere(dated(None, OLD)) };
    assert_eq!(plan(Some(&here)), rest(OLD));
    assert_eq!(plan(Some(&elsewhere(dated(None, OLD)))), Plan::Whole(Restart::OtherMirror));
    assert_eq!(plan(Some(&elsewhere(dated(Some("\"v1\""), OLD)))), rest("\"v1\""));
    let nothing = Plan::Whole(Restart::NoStrongValidator);
    assert_eq!(plan(Some(&elsewhere(dated(Some("W/\"v1\""), OLD)))), nothing);
}

#[test]
fn mirrors_with_one_etag_may_differ_in_their_dates() {
    let etag = Some("\"v1\"");
    let theirs = dated(etag, OLDER);
    let answer = |validators| Answer {
        status: 206,
        content_range: Some(b"bytes 40-99/100"),
        is_multipart: false,
        body_length: None,
        validators,
        coding: None,
        target: None,
    };
    let mut held = elsewhere(dated(etag, OLD));
    let go_on = Verdict::GoOn { range: ByteRange { start: 40, end: 100 }, total: 100 };
    assert_eq!(judge(&held, 40, &answer(&theirs)), go_on);
    let asked = ByteRange { start: 40, end: 100 };
    let part = Answer { body_length: Some(60), ..answer(&theirs) };
    assert_eq!(judge_part(&held, asked, &part), Part::Fits { end: 100 });
    let whole = Answer { status: 200, body_length: Some(100), ..part };
    assert_eq!(judge_part(&held, asked, &whole), Part::Unfit(Restart::AnsweredWhole));
    // Without its length an ETag says nothing about another mirror's file.
    let no_total = Answer { content_range: Some(b"bytes 40-99/*"), ..part };
    assert_eq!(judge(&held, 40, &no_total), Verdict::AskForAll(Restart::NoLength));
    // From then on they are this mirror's, and its date counts.
    held.adopt(&theirs);
    assert_eq!(judge(&held, 40, &answer(&theirs)), go_on);
    let changed = Verdict::AskForAll(Restart::Changed);
    assert_eq!(judge(&held, 40, &answer(&dated(etag, OLD))), changed);
}

#[test]
fn answers_are_gone_on_with_only_when_all_fits() {
    use Verdict::{AskForAll, GoOn, StartOver};
    let same = etag("\"v1\"");
    let case = |status, content_range: &str, body_length, validators: &Validators| {
        let answer = answer(status, content_range, body_length, validators);
        judge(&held(40), 40, &answer)
    };
    let go_on = |end| GoOn { range: ByteRange { start: 40, end }, total: 100 };
    assert_eq!(case(206, "bytes 40-99/100", Some(60), &same), go_on(100));
    assert_eq!(case(206, "bytes 40-69/100", Some(30), &same), go_on(70));
    assert_eq!(case(206, "bytes 40-99/*", None, &same), go_on(100));
    let unidentified = AskForAll(Restart::Unidentified);
    assert_eq!(case(206, "bytes 40-99/100", None, &Validators::default()), unidentified);
    let bad = AskForAll(Restart::BadRange);
    assert_eq!(case(206, "bytes 41-99/100", Some(59), &same), bad);
    assert_eq!(case(206, "bytes 0-99/100", Some(100), &same), bad);
    assert_eq!(case(206, "bytes 40-99/100", Some(61), &same), bad);
    assert_eq!(case(206, "garbage", Some(60), &same), bad);
    assert_eq!(case(206, "", Some(60), &same), bad);
    let other_length = AskForAll(Restart::OtherLength);
    assert_eq!(case(206, "bytes 40-99/101", Some(60), &same), other_length);
    assert_eq!(case(206, "bytes 40-119/*", Some(80), &same), other_length);
    let changed = AskForAll(Restart::Changed);
    assert_eq!(case(206, "bytes 40-99/100", Some(60), &etag("\"v2\"")), changed);
    assert_eq!(case(206, "bytes 40-99/100", Some(60), &etag("W/\"v1\"")), changed);
    assert_eq!(case(200, "", Some(100), &same), StartOver(Restart::AnsweredWhole));
    assert_eq!(case(416, "bytes */100", None, &same), AskForAll(Restart::NotSatisfiable));
}

#[test]
fn the_end_of_a_range_is_not_the_end_of_a_file_of_unknown_length() {
    let held = Held { length: None, ..held(40) };
    let answer = |content_range| Answer {
        status: 206,
        content_range: Some(content_range),
        is_multipart: false,
        body_length: None,
        validators: &held.validators,
        coding: None,
        target: None,
    };
    let judge = |content_range| judge(&held, 40, &answer(content_range));
    assert_eq!(judge(b"bytes 40-99/*"), Verdict::AskForAll(Restart::NoLength));
    let range = ByteRange { start: 40, end: 100 };
    assert_eq!(judge(b"bytes 40-99/120"), Verdict::GoOn { range, total: 120 });
}

#[test]
fn parts_tell_a_changed_file_from_a_server_without_ranges() {
    let asked = ByteRange { start: 40, end: 60 };
    let case = |status, content_range: &str, body_length, validators: &Validators| {
        let answer = answer(status, content_range, body_length, validators);
        judge_part(&held(0), asked, &answer)
    };
    let (same, other) = (etag("\"v1\""), etag("\"v2\""));
    assert_eq!(case(206, "bytes 40-59/100", Some(20), &same), Part::Fits { end: 60 });
    assert_eq!(case(206, "bytes 40-49/100", Some(10), &same), Part::Fits { end: 50 });
    assert_eq!(case(206, "bytes 40-59/100", None, &same), Part::Unfit(Restart::NoLength));
    assert_eq!(case(206, "bytes 0-19/100", Some(20), &same), Part::Unfit(Restart::BadRange));
    assert_eq!(case(206, "bytes 40-59/100", Some(20), &other), Part::Changed(Restart::Changed));
    let longer = Part::Changed(Restart::OtherLength);
    assert_eq!(case(206, "bytes 40-59/101", Some(20), &same), longer);
    assert_eq!(case(200, "", Some(100), &same), Part::Unfit(Restart::AnsweredWhole));
    assert_eq!(case(200, "", Some(100), &other), Part::Changed(Restart::Changed));
    assert_eq!(case(200, "", Some(101), &Validators::default()), longer);
    assert_eq!(case(416, "bytes */100", None, &same), Part::Unfit(Restart::NotSatisfiable));
    assert_eq!(case(416, "bytes */30", None, &same), longer);
}

#[test]
fn several_parts_are_of_no_use() {
    let answer = Answer {
        status: 206,
        content_range: Some(b"bytes 40-99/100"),
        is_multipart: true,
        body_length: None,
        validators: &etag("\"v1\""),
        coding: None,
        target: None,
    };
    assert_eq!(judge(&held(40), 40, &answer), Verdict::AskForAll(Restart::Multipart));
}

#[test]
fn packed_bytes_are_not_joined_with_others() {
    let validators = etag("\"v1\"");
    let of = |coding: Option<&str>| Held { coding: coding.map(str::to_owned), ..held(40) };
    let go_on = Verdict::GoOn { range: ByteRange { start: 40, end: 100 }, total: 100 };
    let changed = Verdict::AskForAll(Restart::Changed);
    for (before, now, verdict) in [
        (None, Some("gzip"), changed),
        (Some("br"), Some("gzip"), changed),
        (Some("gzip"), Some("gzip"), go_on),
        // It need not be said again.
        (Some("gzip"), None, go_on),
    ] {
        let answer = Answer { coding: now, ..answer(206, "bytes 40-99/100", None, &validators) };
        assert_eq!(judge(&of(before), 40, &answer), verdict, "{before:?} {now:?}");
    }
}

#[test]
fn a_date_is_that_of_one_url() {
    let dated_there = dated(None, OLD);
    let at = |target: &str| Held {
        validators: dated_there.clone(),
        target: Some(target.to_owned()),
        ..held(40)
    };
    let from = |target| Answer { target, ..answer(206, "bytes 40-99/100", None, &dated_there) };
    let go_on = Verdict::GoOn { range: ByteRange { start: 40, end: 100 }, total: 100 };
    assert_eq!(judge(&at("http://a/x"), 40, &from(Some("http://a/x"))), go_on);
    let other = Verdict::AskForAll(Restart::OtherTarget);
    for target in [Some("http://a/y"), Some("http://b/x"), None] {
        assert_eq!(judge(&at("http://a/x"), 40, &from(target)), other, "{target:?}");
    }
    // An ETag is believed wherever the same one is given.
    let validators = etag("\"v1\"");
    let anywhere = Answer { target: None, ..answer(206, "bytes 40-99/100", None, &validators) };
    assert_eq!(judge(&Held { target: None, ..held(40) }, 40, &anywhere), go_on);
}

#[test]
fn an_answer_that_contradicts_itself_proves_nothing() {
    let (dated_only, v1) = (dated(None, OLDER), etag("\"v1\""));
    let by_date = Held { validators: dated_only, ..held(40) };
    for told in ["*", "\"v1\", \"v2\"", "v1,v2", "\"v 1\""] {
        let told = etag(told);
        let answer = answer(206, "bytes 40-99/100", None, &told);
        for held in [&held(40), &by_date] {
            assert_eq!(judge(held, 40, &answer), Verdict::AskForAll(Restart::Unidentified));
        }
    }
    let twice = "bytes 40-99/100, bytes 0-59/100";
    let judge = |status, length| judge(&held(40), 40, &answer(status, twice, length, &v1));
    assert_eq!(judge(206, None), Verdict::AskForAll(Restart::BadRange));
    // As a 200 it is taken for a part too.
    assert_eq!(judge(200, Some(60)), Verdict::AskForAll(Restart::BadRange));
}
