//! Bringing one part of a shared transfer: a range request, its answer judged, the body copied.

use crate::engine::Shared;
use crate::engine::assist::{End, Lane};
use crate::engine::hosts::Answered;
use crate::engine::limits::Throttle;
use crate::engine::pump::{Copied, Pump, Track, Watch};
use crate::engine::transfer::refusal;
use crate::http::body::Body;
use crate::http::client::{Client, Request, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::range::ByteRange;
use crate::policy::resume::{self, Answer, Part, Restart};
use crate::policy::retry;

/// Asks for the bytes of a lane and brings them. Whatever fails is noted in the
/// transfer; how it went for the host is returned.
pub(in crate::engine) fn bring(
    shared: &Shared<'_>,
    client: &Client,
    buffer: &mut [u8],
    mut lane: Lane,
    throttle: &Throttle,
    watch: Option<Watch<'_>>,
) -> Answered {
    let asked = lane.range();
    if asked.is_empty() {
        return Answered::Otherwise;
    }
    let brought = match request(shared, client, &lane, asked) {
        Ok(Response { head, mut body }) => match judge(&head, asked, &lane) {
            Ok(end) => {
                lane.set_reach(end);
                lane.joint().note_success();
                copy(&mut Pump { shared, buffer, throttle }, &mut body, &mut lane, watch)
            }
            Err(unfit) => {
                body.drain();
                give_up(shared, &lane, unfit)
            }
        },
        Err(cause) => fail(shared, &lane, cause),
    };
    drop(lane);
    client.end_piece();
    brought
}

/// Copies the body of a lane's response, as far as it is wanted.
pub(in crate::engine) fn copy(
    pump: &mut Pump<'_>,
    body: &mut Body,
    lane: &mut Lane,
    watch: Option<Watch<'_>>,
) -> Answered {
    let shared = pump.shared;
    match pump.run(body, lane, watch) {
        _ if lane.is_over() => {
            if lane.is_at_reach() {
                // Only a read that finds the end makes the connection free for the next request.
                let _ = body.read(&mut [0]);
            }
            Answered::Well
        }
        // A body that ends before its range does has no length, and those are not shared.
        Ok(Copied::All | Copied::TooLong) => {
            fail(shared, lane, Cause::Truncated { received: lane.range().start, expected: None })
        }
        Err(cause) => fail(shared, lane, cause),
    }
}

fn request(
    shared: &Shared<'_>,
    client: &Client,
    lane: &Lane,
    asked: ByteRange,
) -> Result<Response, Cause> {
    let subject = lane.joint().subject();
    client.set_patience(None);
    let await_turn = || shared.limits.await_turn(subject.began, shared.stop, || lane.is_over());
    await_turn()?;
    let rest = Rest { from: asked.start, to: Some(asked.end), validator: &subject.validator };
    let (url, credentials) = (&subject.url, subject.credentials.as_ref());
    shared.observer.event(&Event::Requested { job: &subject.job, url });
    let response =
        client.get(&Request { url, credentials, rest: Some(rest), no_cache: false }, await_turn)?;
    let Head { status, .. } = response.head;
    let length = response.head.length();
    shared.observer.event(&Event::Responded { job: &subject.job, status, length });
    Ok(response)
}

/// Why an answer is of no use.
enum Unfit {
    /// The representation is another one.
    Changed(Restart),
    /// Ranges are not served as they should be.
    NoRanges(Restart),
    /// The server says why.
    Status(Cause),
}

/// Returns where the answer ends, if it can be used.
fn judge(head: &Head, asked: ByteRange, lane: &Lane) -> Result<u64, Unfit> {
    if !matches!(head.status, 200 | 206 | 416)
        && let Err(cause) = refusal(head)
    {
        return Err(Unfit::Status(cause));
    }
    let answer = Answer {
        status: head.status,
        content_range: head.content_range.as_deref(),
        is_multipart: head.is_multipart,
        body_length: head.length(),
        validators: &head.validators,
    };
    match resume::judge_part(&lane.joint().subject().held, asked, &answer) {
        Part::Fits { end } => Ok(end),
        Part::Changed(reason) => Err(Unfit::Changed(reason)),
        Part::Unfit(reason) => Err(Unfit::NoRanges(reason)),
    }
}

fn give_up(shared: &Shared<'_>, lane: &Lane, unfit: Unfit) -> Answered {
    let joint = lane.joint();
    match unfit {
        Unfit::Changed(reason) => joint.end(End::Changed(reason)),
        Unfit::NoRanges(reason) => {
            let text = format!("not split any further: {reason}");
            shared.observer.event(&Event::Noted { job: &joint.subject().job, text: &text });
            joint.forbid_help();
        }
        Unfit::Status(cause) => return fail(shared, lane, cause),
    }
    Answered::Otherwise
}

/// Takes note of a failure, unless nobody wanted the bytes any more.
fn fail(shared: &Shared<'_>, lane: &Lane, cause: Cause) -> Answered {
    let joint = lane.joint();
    if lane.is_over() || joint.has_ended() || shared.stop.is_stopped() {
        return Answered::Otherwise;
    }
    if is_for_all(&cause) {
        joint.end(End::Failed(cause));
        return Answered::Otherwise;
    }
    let text = format!("a connection failed: {cause}");
    shared.observer.event(&Event::Noted { job: &joint.subject().job, text: &text });
    if lane.has_begun() {
        joint.note_progress();
    }
    let options = shared.options;
    let failures = joint.failures() + 1;
    let pause = match retry::decide(options.retries, &cause, failures, fastrand::f64()) {
        retry::Decision::Retry { after, .. } => Some(options.wait(&cause, after)),
        retry::Decision::GiveUp => None,
    };
    let brought = match pause {
        Some(pause) if retry::is_overload(&cause) => Answered::Overloaded(pause),
        _ => Answered::Otherwise,
    };
    joint.note_failure(cause, pause, lane.is_leaders());
    brought
}

/// Returns whether a failure is not one connection's.
fn is_for_all(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Disk { .. }
            | Cause::TimeOver { .. }
            | Cause::TooLarge { .. }
            | Cause::TooSlow { .. }
    )
}
