//! What a response is good for: a file, the rest of one, or neither.

use std::time::SystemTime;

use url::Url;

use crate::http::head::{self, Head};
use crate::model::error::Cause;
use crate::model::problem::{LoginProblem, RedirectProblem};
use crate::model::range_set::RangeSet;
use crate::model::redact::Redacted;
use crate::model::validator::Validators;
use crate::policy::resume::{self, Answer, Held, Plan, Verdict};
use crate::policy::retry;

/// Judges the answer to a plan to go on; `None` when there was no such plan, or when the status says nothing
/// about it.
pub(super) fn verdict(plan: &Plan, old: &Held, head: &Head, url: &Url) -> Option<Verdict> {
    let Plan::Rest { from, .. } = plan else { return None };
    let target = target(&old.validators, url);
    let is_answer = matches!(head.status, 200 | 206 | 416) || resume::is_of_request(head.status);
    is_answer.then(|| {
        resume::judge(
            old,
            *from,
            &Answer {
                status: head.status,
                content_range: head.content_range.as_deref(),
                is_multipart: head.is_multipart,
                body_length: head.length(),
                validators: &head.validators,
                coding: head.coding.as_deref(),
                target: target.as_deref(),
            },
        )
    })
}

/// What is held at the beginning of a whole response of `url`, whose validators it takes over.
pub(super) fn fresh(head: &mut Head, url: &Url) -> Held {
    let validators = std::mem::take(&mut head.validators);
    let (length, coding, target) = (head.length(), head.coding.clone(), target(&validators, url));
    Held { ranges: RangeSet::default(), length, validators, coding, elsewhere: None, target }
}

/// Returns what is to be known of the URL of a response with these validators.
fn target(validators: &Validators, url: &Url) -> Option<String> {
    let has_date_only = validators.strong_etag().is_none() && validators.strong().is_some();
    has_date_only.then(|| Redacted(url).to_string())
}

/// Only what is taken as a 200 is a file (a 206 that nobody asked for is a piece of one).
pub(in crate::engine) fn judge(head: &Head) -> Result<(), Cause> {
    let (status, told) = (head.status, head.told_status);
    let reason = head::reason(told);
    match status {
        200 if !resume::is_whole(head.content_range.as_deref(), head.length()) => {
            let status = format!("status {told} {reason}");
            let detail = format!("{} with the Content-Range of a part", status.trim_end());
            Err(Cause::Protocol { detail })
        }
        200 => Ok(()),
        204 | 205 => Err(Cause::Protocol {
            detail: format!("status {status} {reason}: the server says that there is no content"),
        }),
        206 => Err(Cause::Protocol {
            detail: "status 206 Partial Content for a request of the whole".to_owned(),
        }),
        304 => Err(Cause::Protocol {
            detail: "status 304 Not Modified for an unconditional request".to_owned(),
        }),
        300..=399 if head.location.is_none() => {
            Err(Cause::Redirect { problem: RedirectProblem::NoLocation { code: status } })
        }
        401 => {
            let problem = head.login.as_deref().cloned().unwrap_or(LoginProblem::Wanted);
            Err(Cause::Login { problem })
        }
        _ => Err(Cause::Status {
            code: status,
            reason: reason.to_owned(),
            retry_after: head
                .retry_after
                .as_deref()
                .and_then(|field| retry::parse_retry_after(field, SystemTime::now())),
        }),
    }
}
