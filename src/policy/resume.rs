//! Whether bytes that are there may be gone on with, and what an answer to that means.
//!
//! ```text
//! what is held ── plan ──► Whole(reason)            GET
//!                     └──► Rest { from, validator } GET + Range + If-Range
//!                               │
//!            206 that fits ◄────┼────► 200: the representation is new, or ranges are not served
//!            go on              │      start over in this response
//!                               └────► 416, or a 206 that does not fit: ask anew for all of it
//! ```
//!
//! Bytes of two versions are never joined: without a strong validator there is no range request, and
//! an answer has to show that it is the range asked for, of a representation of the known length,
//! under validators that contradict nothing.
//!
//! A file may have several mirrors, and redirects may lead to one place now and to another later. Bytes of
//! one are gone on with at another only under a strong ETag that both give: a date of modification is each
//! resource's own, and is neither trusted nor compared across two of them.

use std::fmt;

use crate::model::range::{ByteRange, ContentRange};
use crate::model::range_set::RangeSet;
use crate::model::validator::Validators;

/// What is known of bytes that an earlier attempt or run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which bytes are there for certain.
    pub ranges: RangeSet,
    /// The length of the whole representation, if it was told.
    pub length: Option<u64>,
    /// The validators that came with them.
    pub validators: Validators,
    /// How the server packed them, if it did: Content-Encoding, as it came.
    pub coding: Option<String>,
    /// The URL that they came from, when it is another than the one to be asked now.
    pub elsewhere: Option<String>,
    /// The URL that redirects led to, redacted. Kept where only a date tells a version from another.
    pub target: Option<String>,
}

impl Held {
    /// Returns what may be sent in If-Range to the mirror that is asked now.
    fn validator(&self) -> Option<&str> {
        match self.elsewhere {
            None => self.validators.strong(),
            Some(_) => self.validators.strong_etag(),
        }
    }

    /// Returns whether an answer of the mirror that is asked now is of the same version, as far as its
    /// validators tell.
    fn agrees_with(&self, validators: &Validators) -> bool {
        match self.elsewhere {
            None => self.validators.agree_with(validators),
            Some(_) => self.validators.etags_agree(validators),
        }
    }

    /// Says that the mirror in use, which answered with these validators, goes on with them.
    pub fn adopt(&mut self, validators: &Validators) {
        if self.elsewhere.take().is_some() {
            self.validators = validators.clone();
        }
    }
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The first bytes that are missing, if the representation is still the same.
    Rest {
        /// The first byte to ask for.
        from: u64,
        /// The byte after the last one; `None` for all that follow.
        to: Option<u64>,
        /// What to send in If-Range.
        validator: String,
    },
    /// All of it.
    Whole(Restart),
}

/// Why a transfer begins with the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The server answered the range with the whole representation: it changed, or it is not served
    /// in ranges.
    AnsweredWhole,
    /// The answer's Content-Range is not what was asked for.
    BadRange,
    /// The answer's validators are of another version.
    Changed,
    /// The answer has several parts.
    Multipart,
    /// The file is not what it is checked by.
    Mismatch,
    /// Nothing is held.
    NothingHeld,
    /// What is held has no strong validator.
    NoStrongValidator,
    /// The answer does not tell how long the file is, and neither did any before it.
    NoLength,
    /// The server says that the range is not there.
    NotSatisfiable,
    /// The server refuses the request for a range.
    Refused,
    /// What is held came from another mirror, under no strong ETag.
    OtherMirror,
    /// Redirects led elsewhere when what is held came, under no strong ETag.
    OtherTarget,
    /// The answer is of a representation of another length.
    OtherLength,
    /// The body is longer than the range that it should be.
    TooLong,
    /// The answer has much less than the range that was asked for.
    TooShort,
    /// The file has not the size that it should have.
    WrongSize,
    /// The answer does not say of which version it is.
    Unidentified,
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnsweredWhole => "the server sent the whole file: it changed, or has no ranges",
            Self::BadRange => "the server sent another range than it was asked for",
            Self::Changed => "the file changed on the server",
            Self::Multipart => "the server sent several ranges in one",
            Self::WrongSize => "it has not the size that it should have",
            Self::Mismatch => "the checksum does not match",
            Self::NothingHeld => "nothing is held",
            Self::NoStrongValidator => "the server gave nothing to tell a changed file by",
            Self::NoLength => "the server does not tell how long the file is",
            Self::NotSatisfiable => "the server has no such range",
            Self::Refused => "the server refuses to be asked for the rest",
            Self::OtherMirror => "what is held came from another mirror, and without a strong ETag",
            Self::OtherTarget => "what is held came from another URL, and without a strong ETag",
            Self::OtherLength => "the file has another length on the server",
            Self::TooLong => "the server sent more than the range that it announced",
            Self::TooShort => "the server sends much less than the range that it is asked for",
            Self::Unidentified => "the server does not say which version it sent a range of",
        })
    }
}

/// Decides what to ask for.
pub fn plan(held: Option<&Held>) -> Plan {
    let Some(held) = held.filter(|held| !held.ranges.is_empty()) else {
        return Plan::Whole(Restart::NothingHeld);
    };
    let Some(validator) = held.validator() else {
        let is_trusted_there = held.validators.strong().is_some();
        let reason =
            if is_trusted_there { Restart::OtherMirror } else { Restart::NoStrongValidator };
        return Plan::Whole(reason);
    };
    // When all is there, the last byte is asked for once more: the answer says whether it is still
    // the same representation, which an unsatisfiable range would not.
    let last = (held.ranges.end() - 1, None);
    let (from, to) = held.ranges.first_gap(held.length).unwrap_or(last);
    // Asked for without an end, a rest may turn out to be longer than was known.
    let to = to.filter(|&to| held.length != Some(to));
    Plan::Rest { from, to, validator: validator.to_owned() }
}

/// The part of a response that tells which bytes it has.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status: 200, 206, 416, or one that is about the request.
    pub status: u16,
    /// Content-Range, as it came.
    pub content_range: Option<&'a [u8]>,
    /// Whether the media type is `multipart/byteranges`.
    pub is_multipart: bool,
    /// The length of the body, if it is told.
    pub body_length: Option<u64>,
    /// The response's validators.
    pub validators: &'a Validators,
    /// How the server packed the body, if it says so: Content-Encoding, as it came.
    pub coding: Option<&'a str>,
    /// The URL that it came from, redacted. Needed where only a date tells a version from another.
    pub target: Option<&'a str>,
}

/// What an answer to a range request is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body goes on where the held bytes end, and may end before the representation does.
    GoOn {
        /// The bytes that the body has.
        range: ByteRange,
        /// The length of the whole representation.
        total: u64,
    },
    /// The body is the whole representation.
    StartOver(Restart),
    /// The body is of no use: ask again, for all of it.
    AskForAll(Restart),
}

/// Judges the answer to a request for the bytes from `from` on. A body may end before, or behind, the
/// end that was asked for.
pub fn judge(held: &Held, from: u64, answer: &Answer<'_>) -> Verdict {
    match answer.status {
        206 => match check(held, from, answer) {
            Ok((range, total)) => Verdict::GoOn { range, total },
            Err(reason) => Verdict::AskForAll(reason),
        },
        416 => Verdict::AskForAll(Restart::NotSatisfiable),
        status if is_of_request(status) => Verdict::AskForAll(Restart::Refused),
        // What says that it is a part, or is of another length under the same strong ETag, is not the file.
        _ if !is_whole(answer.content_range, answer.body_length) => {
            Verdict::AskForAll(Restart::BadRange)
        }
        _ if held.validators.strong_etag().is_some()
            && held.validators.strong_etag() == answer.validators.strong_etag()
            && is_other(held.length, answer.body_length) =>
        {
            Verdict::AskForAll(Restart::OtherLength)
        }
        _ => Verdict::StartOver(Restart::AnsweredWhole),
    }
}

/// Returns whether a status is about the request rather than the file, which may be had without a range:
/// servers that know none refuse it so. What is held stays until the whole comes. A 403 is the end of a link.
pub fn is_of_request(status: u16) -> bool {
    matches!(status, 400 | 405 | 406 | 412 | 417 | 501)
}

/// Returns whether the body of a 200 is all of the representation, as far as Content-Range tells: it means
/// nothing there (RFC 9110 §14.4), but servers that forget the 206 send it with a part, which is as long as it
/// says.
pub fn is_whole(content_range: Option<&[u8]>, body_length: Option<u64>) -> bool {
    let is_of_whole = |said: &[u8]| match ContentRange::parse(said) {
        Some(ContentRange::Satisfied { range, total }) => {
            let is_all = range.start == 0 && !is_other(Some(range.end), total);
            is_all || is_other(Some(range.len()), body_length)
        }
        _ => true,
    };
    // Several lines that differ are one with commas.
    content_range.is_none_or(|said| said.split(|&byte| byte == b',').all(is_of_whole))
}

/// Returns whether both are known and differ.
fn is_other(known: Option<u64>, told: Option<u64>) -> bool {
    matches!((known, told), (Some(known), Some(told)) if known != told)
}

/// What an answer to a request for one range among several is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The representation is another one now.
    Changed(Restart),
    /// The body goes from the first byte that was asked for to this end.
    Fits {
        /// The byte after its last one.
        end: u64,
    },
    /// Ranges are not served as they should be.
    Unfit(Restart),
}

/// Judges the answer to a request for the bytes of `asked` while other bytes of the same representation
/// are on their way.
pub fn judge_part(held: &Held, asked: ByteRange, answer: &Answer<'_>) -> Part {
    let has_other_length = |told| is_other(held.length, told);
    match answer.status {
        206 => match check(held, asked.start, answer) {
            // Whether all of it came could not be told without a length.
            Ok(_) if answer.body_length.is_none() => Part::Unfit(Restart::NoLength),
            Ok((range, _)) => Part::Fits { end: range.end },
            Err(reason @ (Restart::Changed | Restart::OtherLength)) => Part::Changed(reason),
            Err(reason) => Part::Unfit(reason),
        },
        416 => match answer.content_range.and_then(ContentRange::parse) {
            Some(ContentRange::Unsatisfied { total }) if has_other_length(Some(total)) => {
                Part::Changed(Restart::OtherLength)
            }
            _ => Part::Unfit(Restart::NotSatisfiable),
        },
        // The whole: under other validators it is another one, else there are no ranges.
        _ if !held.agrees_with(answer.validators) => Part::Changed(Restart::Changed),
        _ if has_other_length(answer.body_length) => Part::Changed(Restart::OtherLength),
        _ => Part::Unfit(Restart::AnsweredWhole),
    }
}

/// Checks everything that a 206 says against what is known.
fn check(held: &Held, from: u64, answer: &Answer<'_>) -> Result<(ByteRange, u64), Restart> {
    if answer.is_multipart {
        return Err(Restart::Multipart);
    }
    let Some(ContentRange::Satisfied { range, total }) =
        answer.content_range.and_then(ContentRange::parse)
    else {
        return Err(Restart::BadRange);
    };
    if range.start != from || answer.body_length.is_some_and(|length| length != range.len()) {
        return Err(Restart::BadRange);
    }
    if is_other(held.length, total) || held.length.is_some_and(|length| range.end > length) {
        return Err(Restart::OtherLength);
    }
    // Of an ETag that is none, nobody knows what it would have said.
    if answer.validators.etag.is_some() && answer.validators.sendable_etag().is_none() {
        return Err(Restart::Unidentified);
    }
    if !held.agrees_with(answer.validators) {
        return Err(Restart::Changed);
    }
    // A date is that of one resource (RFC 9110 §8.8): of two that have the same it says nothing.
    if held.validators.strong_etag().is_none() && held.target.as_deref() != answer.target {
        return Err(Restart::OtherTarget);
    }
    // RFC 9110 §15.3.7: a 206 has the ETag that a 200 would have. One without it comes from a server
    // that may not have looked at the condition either. Last-Modified need not be repeated.
    if held.validators.etag.is_some() && answer.validators.etag.is_none() {
        return Err(Restart::Unidentified);
    }
    // A 206 need not repeat Content-Encoding (RFC 9110 §15.3.7), but what it says must be so: a validator
    // that packed bytes share with those that are not is none.
    if answer.coding.is_some_and(|coding| held.coding.as_deref() != Some(coding)) {
        return Err(Restart::Changed);
    }
    // At another mirror an ETag is believed only together with the length.
    if held.elsewhere.is_some() && total.is_none() {
        return Err(Restart::NoLength);
    }
    // Without a length the end of the range could be taken for the end of the file.
    let total = total.or(held.length).ok_or(Restart::NoLength)?;
    Ok((range, total))
}

#[cfg(test)]
mod tests;
