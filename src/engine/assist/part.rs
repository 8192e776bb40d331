//! Bringing one part of a shared transfer: a range request, its answer judged, the body copied.

use std::cell::Cell;
use std::fmt::Display;
use std::time::Instant;

use crate::engine::Shared;
use crate::engine::ask::{Ask, Reply};
use crate::engine::assist::sources::{FIRST, Seat, Source};
use crate::engine::assist::{End, Lane};
use crate::engine::hosts::Answered;
use crate::engine::limits::Throttle;
use crate::engine::pump::{Copied, Pump, Track, Watch};
use crate::engine::transfer::{refusal, time_left};
use crate::http::body::Body;
use crate::http::client::{Client, Method, Response, Rest};
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::model::event::Event;
use crate::model::range::ByteRange;
use crate::model::redact::Redacted;
use crate::policy::allowance::Refusal;
use crate::policy::mirrors;
use crate::policy::resume::{self, Answer, Held, Part, Restart};
use crate::policy::retry;

/// What is told of a lane.
pub(in crate::engine) enum Help {
    /// These bytes are asked for.
    Begun(ByteRange),
    /// So many came.
    Ended(u64),
}

/// Asks for the bytes of a lane and brings them. Whatever fails is noted in the transfer; how it went for
/// the host is returned. `tell` is called while the transfer cannot end yet, and not at all when nothing is
/// asked for.
pub(in crate::engine) fn bring(
    shared: &Shared<'_>,
    client: &Client,
    buffer: &mut [u8],
    mut lane: Lane,
    throttle: &Throttle,
    watch: Option<Watch<'_>>,
    mut tell: impl FnMut(Help),
) -> Answered {
    let pump = &mut Pump { shared, buffer, throttle };
    let mut is_begun = false;
    let brought = bring_from(pump, client, &mut lane, watch, &mut |range| {
        is_begun = true;
        tell(Help::Begun(range));
    });
    if is_begun {
        tell(Help::Ended(lane.received()));
    }
    drop(lane);
    // Whatever came of it: a piece that was broken off would break off the worker's next request too.
    client.end_piece();
    brought
}

fn bring_from(
    pump: &mut Pump<'_>,
    client: &Client,
    lane: &mut Lane,
    watch: Option<Watch<'_>>,
    begin: &mut dyn FnMut(ByteRange),
) -> Answered {
    let shared = pump.shared;
    let asked = lane.range();
    // A helper that waited for its turn would keep its part from those who bring it already.
    let may_begin = lane.seat().is_leaders || shared.limits.try_turn();
    if asked.is_empty() || !may_begin {
        return Answered::Otherwise;
    }
    begin(asked);
    let source = lane.seat().source;
    match request(shared, client, lane, asked) {
        Ok(Reply { response: Response { head, mut body, .. }, reached, .. }) => {
            match judge(&head, asked, lane) {
                Ok(end) => {
                    lane.set_reach(end);
                    let reached = Some(reached).filter(|to| to.url != lane.source().given);
                    lane.joint().with_sources(|known| known.prove(source, reached));
                    lane.joint().note_ranges();
                    if end - asked.start < asked.len().min(lane.joint().subject().terms.min_part) {
                        // It would be asked for a million such pieces without a pause.
                        give_up(shared, lane, Unfit::NoRanges(Restart::TooShort));
                    }
                    copy(pump, &mut body, lane, watch)
                }
                Err(unfit) => {
                    body.drain();
                    give_up(shared, lane, unfit)
                }
            }
        }
        Err(cause) => fail(shared, lane, cause, lane.seat().is_leaders),
    }
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
            let cause = Cause::Truncated { received: lane.range().start, expected: None };
            fail(shared, lane, cause, lane.seat().is_leaders)
        }
        Err(cause) => fail(shared, lane, cause, lane.seat().is_leaders),
    }
}

fn request(
    shared: &Shared<'_>,
    client: &Client,
    lane: &Lane,
    asked: ByteRange,
) -> Result<Reply, Cause> {
    let (joint, Source { given, credentials, .. }) = (lane.joint(), lane.source());
    let subject = joint.subject();
    let time_left = || time_left(shared, subject.began);
    // A helper's first request has its turn already.
    let has_turn = Cell::new(!lane.seat().is_leaders);
    let await_turn = || {
        if !has_turn.replace(false) {
            shared.limits.await_turn(subject.began, shared.stop, || lane.is_over())?;
        }
        client.set_patience(time_left()?);
        Ok(())
    };
    let rest = Rest { from: asked.start, to: Some(asked.end), validator: Some(&subject.validator) };
    let (job, credentials, rest) = (&subject.job, credentials.as_ref(), Some(rest));
    let source = lane.seat().source;
    let known = joint.with_sources(|known| known.reached(source));
    // The first one's redirects were followed when the transfer began.
    let follows = source != FIRST;
    let (method, no_cache, condition) = (Method::Get, subject.no_cache, None);
    Ask { shared, client, job, given, credentials, method, rest, no_cache, condition }
        .send(known, follows, await_turn)
        .map_err(|cause| time_left().err().unwrap_or(cause))
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
        coding: head.coding.as_deref(),
        // The first source is asked where its redirects led, and a mirror by its ETag.
        target: lane.joint().subject().held.target.as_deref(),
    };
    let subject = lane.joint().subject();
    let part = if lane.seat().source == FIRST {
        resume::judge_part(&subject.held, asked, &answer)
    } else {
        let from = Redacted(&subject.sources[FIRST].given).to_string();
        let mixed = Held { elsewhere: Some(from), ..subject.held.clone() };
        resume::judge_part(&mixed, asked, &answer)
    };
    match part {
        Part::Fits { end } => Ok(end),
        Part::Changed(reason) => Err(Unfit::Changed(reason)),
        Part::Unfit(reason) => Err(Unfit::NoRanges(reason)),
    }
}

/// Takes note that an answer is of no use. One of the first source is everybody's concern, one of a mirror
/// its own.
fn give_up(shared: &Shared<'_>, lane: &Lane, unfit: Unfit) -> Answered {
    let (joint, source) = (lane.joint(), lane.seat().source);
    match unfit {
        Unfit::Changed(reason) if source == FIRST => joint.end(End::Changed(reason)),
        Unfit::NoRanges(reason) if source == FIRST => {
            let text = format!("not split any further: {reason}");
            shared.observer.event(&Event::Noted { job: &joint.subject().job, text: &text });
            joint.with_sources(|known| known.give_up(source));
        }
        Unfit::Changed(reason) | Unfit::NoRanges(reason) => {
            if joint.with_sources(|known| known.give_up(source)) {
                tell_given_up(shared, lane, &mirrors::unfit(reason));
            }
        }
        Unfit::Status(cause) => {
            // What is refused for good here need not be at the job's own URL, behind other redirects.
            let is_leaders = lane.seat().is_leaders && retry::is_transient(&cause);
            return fail(shared, lane, cause, is_leaders);
        }
    }
    Answered::Otherwise
}

/// Says that a source is not used any more.
fn tell_given_up(shared: &Shared<'_>, lane: &Lane, why: &dyn Display) {
    let (url, name) = (Redacted(&lane.source().given), &lane.joint().subject().name);
    let text = format!("{url}: {why}; not used for {name}");
    shared.observer.event(&Event::Warned { text: &text });
}

/// Takes note of a failure, unless nobody wanted the bytes any more. `is_leaders` says whether it is the
/// transfer's failure when nobody else is left.
fn fail(shared: &Shared<'_>, lane: &Lane, cause: Cause, is_leaders: bool) -> Answered {
    let joint = lane.joint();
    if lane.is_over() || joint.has_ended() || shared.stop.is_stopped() {
        return Answered::Otherwise;
    }
    if is_for_all(&cause) {
        joint.end(End::Failed(cause));
        return Answered::Otherwise;
    }
    let (job, seat) = (&joint.subject().job, lane.seat());
    let why = cause.to_string();
    let text = if job.mirrors.is_empty() {
        format!("a connection failed: {why}")
    } else {
        format!("a connection to {} failed: {why}", Redacted(&lane.source().given))
    };
    shared.observer.event(&Event::Noted { job, text: &text });
    let failures = joint.with_sources(|known| {
        if lane.has_begun() {
            known.succeed(seat.source);
        }
        known.failures(seat.source) + 1
    });
    let options = shared.options;
    let pause = match retry::decide(options.retries, &cause, failures, fastrand::f64()) {
        retry::Decision::Retry { after, .. } => Some(options.wait(&cause, after)),
        retry::Decision::GiveUp => None,
    };
    let brought = match pause {
        Some(pause) if retry::is_overload(&cause) => Answered::Overloaded(Refusal {
            at: Instant::now(),
            pause,
            is_asked: retry::asked_wait(&cause).is_some(),
        }),
        _ => Answered::Otherwise,
    };
    if joint.with_sources(|known| known.fail(Seat { is_leaders, ..seat }, cause, pause)) {
        tell_given_up(shared, lane, &why);
    }
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
