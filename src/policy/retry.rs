//! Whether a failed attempt is followed by another, and when.
//!
//! # Which failures pass
//! Transient is what may be different in a moment: connections that are refused, break or stall,
//! bodies that end early, name servers that are silent, and the statuses 408, 425, 429, 500, 502,
//! 503, 504, with those above 500 that nobody has registered: they count as 500 (RFC 9110 §15; 520 to 530
//! are Cloudflare's for an origin that does not answer). Everything else is permanent; what is not known is not tried again.
//!
//! # How long to wait
//! Exponential backoff with full jitter: the wait before retry *n* is drawn evenly from 0 to
//! `BASE x 2^(n-1)`, at most `CAP`. Unjittered: 1 s, 2 s, 4 s, 8 s, 16 s, 30 s, 30 s ...
//! After progress it is drawn from 0 to `AFTER_PROGRESS`: the server is there, and gives.
//! (AWS, "Exponential backoff and jitter", found full jitter to end soonest under contention.)
//! Retry-After (RFC 9110 §10.2.3) is a floor, up to the longest wait that the user allows.
//!
//! # How often
//! Only failures in a row without progress count: an attempt that got further than any before it
//! begins a new count. A server that cuts every response at the same place is given up; one that
//! gives a third each time is followed to the end. One that was too slow for the user counts all the
//! same: a server that crawls gets a little further each time, and would never be given up.

use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use crate::model::error::Cause;
use crate::model::proxy::{ProxyProblem, SocksRefusal};

/// The longest first wait.
const BASE: Duration = Duration::from_secs(1);

/// The longest wait after an attempt that got further than any before it.
const AFTER_PROGRESS: Duration = Duration::from_millis(250);

/// The longest wait without a Retry-After.
const CAP: Duration = Duration::from_secs(30);

/// What the user can set about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many retries without progress a job gets.
    pub retries: u32,
    /// The longest wait that a server may ask for.
    pub max_wait: Duration,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it would fail again, or has failed often enough.
    GiveUp,
    /// Another attempt, after a wait.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Whether the server asked for more than the user allows.
        is_capped: bool,
    },
}

/// Decides what follows the `failures`th failure in a row without progress (from 1; 0 when the
/// attempt made progress). `jitter` is drawn evenly from 0 to 1.
pub fn decide(options: Options, cause: &Cause, failures: u32, jitter: f64) -> Decision {
    if !is_transient(cause) || failures > options.retries || options.retries == 0 {
        return Decision::GiveUp;
    }
    let asked = asked_wait(cause).unwrap_or_default();
    let backoff = ceiling(failures).mul_f64(jitter.clamp(0.0, 1.0)).min(options.max_wait);
    let is_capped = asked > options.max_wait;
    Decision::Retry { after: backoff.max(asked.min(options.max_wait)), is_capped }
}

/// Returns the longest backoff after so many failures.
fn ceiling(failures: u32) -> Duration {
    match failures {
        0 => AFTER_PROGRESS,
        _ => (BASE * 2_u32.pow((failures - 1).min(16))).min(CAP),
    }
}

/// Returns whether the same request may fare better in a moment.
pub fn is_transient(cause: &Cause) -> bool {
    match cause {
        Cause::Connect { source, .. } | Cause::Disk { source, .. } if is_scarcity(source) => true,
        Cause::Connect { source, .. } => may_pass(source),
        Cause::Proxy { problem, .. } => is_transient_of_proxy(problem),
        Cause::Connection { .. }
        | Cause::ConnectTimeout { .. }
        | Cause::ResolverSilent { .. }
        | Cause::Stalled { .. }
        | Cause::TooSlow { .. }
        | Cause::Truncated { .. } => true,
        Cause::Status { code, .. } => is_transient_status(*code),
        // A mirror whose bytes came out of a cache is asked past it, when the others have been.
        Cause::WrongPiece { is_again, .. } => !is_again,
        _ => false,
    }
}

fn is_transient_of_proxy(problem: &ProxyProblem) -> bool {
    match problem {
        ProxyProblem::Unreachable { source } => is_scarcity(source) || may_pass(source),
        ProxyProblem::Unresolved { .. }
        | ProxyProblem::TimedOut { .. }
        | ProxyProblem::Broken { .. } => true,
        ProxyProblem::Refused { code, .. } => is_transient_status(*code),
        ProxyProblem::Socks(refusal) => matches!(
            refusal,
            SocksRefusal::General
                | SocksRefusal::NetworkUnreachable
                | SocksRefusal::HostUnreachable
                | SocksRefusal::ConnectionRefused
                | SocksRefusal::TtlExpired
        ),
        ProxyProblem::NotFound
        | ProxyProblem::Tls(_)
        | ProxyProblem::Login { .. }
        | ProxyProblem::Protocol { .. } => false,
    }
}

/// Returns whether a connection that could not be opened may be in a moment.
fn may_pass(source: &io::Error) -> bool {
    matches!(
        source.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
            | ErrorKind::AddrNotAvailable
    )
}

/// Returns whether the system is out of something that other transfers will give back: open files,
/// memory for sockets.
pub fn is_scarcity(source: &io::Error) -> bool {
    matches!(Errno::from_io_error(source), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS))
}

/// Returns whether a status says "not now" rather than "no".
pub fn is_transient_status(code: u16) -> bool {
    matches!(code, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 512..=599)
}

/// Returns whether an attempt that ended like this counts as a failure although it got further.
pub fn counts_always(cause: &Cause) -> bool {
    matches!(cause, Cause::TooSlow { .. })
}

/// Returns whether a status asks for fewer requests, so that other requests to the host wait too.
pub fn is_overload(cause: &Cause) -> bool {
    matches!(cause, Cause::Status { code: 429 | 503, .. })
}

/// Returns how long the server asked to wait, if it did.
pub fn asked_wait(cause: &Cause) -> Option<Duration> {
    match cause {
        Cause::Status { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// Reads a Retry-After field: seconds, or a date in any of the three forms of RFC 9110 §5.6.7. A
/// negative number, a past date and anything else say nothing.
pub fn parse_retry_after(field: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(field).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 has are a very long time all the same.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tls::TlsProblem;

    const OPTIONS: Options = Options { retries: 5, max_wait: Duration::from_secs(120) };

    fn status(code: u16) -> Cause {
        Cause::Status { code, reason: String::new(), retry_after: None }
    }

    #[test]
    fn every_status_has_a_class() {
        let transient: Vec<u16> = (100..=599).filter(|&code| is_transient(&status(code))).collect();
        let registered = [408, 425, 429, 500, 502, 503, 504];
        assert_eq!(
            transient,
            registered.into_iter().chain([509]).chain(512..=599).collect::<Vec<_>>()
        );
    }

    #[test]
    fn connections_may_recover_and_refusals_of_the_machine_do_not() {
        let connect =
            |kind: ErrorKind| Cause::Connect { host: "h".to_owned(), source: kind.into() };
        assert!(is_transient(&connect(ErrorKind::ConnectionRefused)));
        assert!(!is_transient(&connect(ErrorKind::PermissionDenied)));
        let too_many_files = io::Error::from(Errno::MFILE);
        assert!(is_transient(&Cause::Connect { host: "h".to_owned(), source: too_many_files }));
        assert!(is_transient(&Cause::Truncated { received: 1, expected: Some(2) }));
        assert!(is_transient(&Cause::Connection { source: io::ErrorKind::ConnectionReset.into() }));
        assert!(!is_transient(&Cause::HostNotFound { host: "h".to_owned() }));
        assert!(!is_transient(&Cause::Protocol { detail: String::new() }));
    }

    #[test]
    fn what_is_wrong_with_tls_stays_wrong() {
        let tls = |problem| Cause::Tls { host: "h".to_owned(), problem };
        assert!(!is_transient(&tls(TlsProblem::SelfSigned)));
        assert!(!is_transient(&tls(TlsProblem::CertificateWanted { answer: String::new() })));
        assert!(!is_transient(&Cause::TrustStore { detail: String::new() }));
    }

    #[test]
    fn what_a_proxy_says_is_final_and_what_it_could_not_do_is_not() {
        #[track_caller]
        fn case(problem: ProxyProblem, transient: bool) {
            let cause = Cause::Proxy { proxy: "http://p:1".to_owned(), problem };
            assert_eq!(is_transient(&cause), transient, "{cause}");
        }
        let refused = |code| ProxyProblem::Refused { code, reason: "" };
        for code in [502, 503, 504] {
            case(refused(code), true);
        }
        for code in [302, 400, 403, 404, 405] {
            case(refused(code), false);
        }
        case(ProxyProblem::Unreachable { source: ErrorKind::ConnectionRefused.into() }, true);
        case(ProxyProblem::Unreachable { source: Errno::MFILE.into() }, true);
        case(ProxyProblem::Unreachable { source: ErrorKind::PermissionDenied.into() }, false);
        case(ProxyProblem::TimedOut { after: Duration::from_secs(1) }, true);
        case(ProxyProblem::Broken { source: ErrorKind::UnexpectedEof.into() }, true);
        case(ProxyProblem::NotFound, false);
        case(ProxyProblem::Login { was_given: true, is_basic: true }, false);
        case(ProxyProblem::Protocol { detail: String::new() }, false);
        case(ProxyProblem::Socks(SocksRefusal::HostUnreachable), true);
        case(ProxyProblem::Socks(SocksRefusal::NotAllowed), false);
    }

    #[test]
    fn progress_excuses_what_breaks_and_not_what_crawls() {
        let too_slow = Cause::TooSlow { rate: 1.0, over: Duration::from_secs(1) };
        assert!(counts_always(&too_slow));
        let broken = Cause::Connection { source: ErrorKind::ConnectionReset.into() };
        let truncated = Cause::Truncated { received: 1, expected: Some(2) };
        assert!(![broken, truncated, status(503)].iter().any(counts_always));
    }

    #[test]
    fn the_schedule_doubles_and_is_capped() {
        let waits: Vec<u64> = (1..=8)
            .map(|failures| {
                let options = Options { retries: 9, ..OPTIONS };
                match decide(options, &status(500), failures, 1.0) {
                    Decision::Retry { after, .. } => after.as_secs(),
                    Decision::GiveUp => panic!("given up"),
                }
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn the_count_the_server_and_the_user_bound_it() {
        let wait = |seconds: u64, is_capped| Decision::Retry {
            after: Duration::from_secs(seconds),
            is_capped,
        };
        let decide = |failures, after: Option<u64>, jitter| {
            let retry_after = after.map(Duration::from_secs);
            let cause = Cause::Status { code: 503, reason: String::new(), retry_after };
            decide(OPTIONS, &cause, failures, jitter)
        };
        assert_eq!(decide(5, None, 0.0), wait(0, false));
        assert_eq!(decide(6, None, 0.0), Decision::GiveUp);
        assert_eq!(decide(1, Some(7), 0.5), wait(7, false));
        assert_eq!(decide(5, Some(7), 1.0), wait(16, false));
        assert_eq!(decide(1, Some(86_400), 0.0), wait(120, true));
        let soon = Decision::Retry { after: AFTER_PROGRESS, is_capped: false };
        assert_eq!(decide(0, None, 1.0), soon);
        assert_eq!(super::decide(OPTIONS, &status(404), 1, 0.0), Decision::GiveUp);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        #[track_caller]
        fn case(field: &str, seconds: Option<u64>) {
            let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
            let read = parse_retry_after(field.as_bytes(), now).map(|wait| wait.as_secs());
            assert_eq!(read, seconds, "{field}");
        }
        case("120", Some(120));
        case(" 0 ", Some(0));
        case("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        case("Sunday, 06-Nov-94 08:49:39 GMT", Some(2));
        case("Sun, 06 Nov 1994 08:49:36 GMT", None);
        case("-5", None);
        case("1.5", None);
        case("soon", None);
        case("", None);
        case("99999999999999999999999", Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn any_field_returns(field: Vec<u8>) {
            let _ = parse_retry_after(&field, SystemTime::UNIX_EPOCH);
        }
    }
}
