//! Retry-After fields: seconds are taken as they are, a date is as far away as it is, the past is
//! nothing, and no field makes haul wait longer than the user allows.

#![no_main]

use std::time::{Duration, SystemTime};

use haul::model::error::Cause;
use haul::policy::retry::{Decision, Options, decide, parse_retry_after};
use libfuzzer_sys::fuzz_target;

/// Seconds after 1970 at which a field may come: then, in 1994 (the dates of the RFCs), in 2026, and
/// in the last year that has a date.
const CLOCKS: [u64; 4] = [0, 784_111_777, 1_780_000_000, 253_402_300_000];

const MAX_WAIT: Duration = Duration::from_secs(120);

fuzz_target!(|field: &[u8]| {
    let text = std::str::from_utf8(field).map(str::trim).unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    for clock in CLOCKS {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(clock);
        let wait = parse_retry_after(field, now);
        if is_number {
            let seconds = text.bytes().fold(0_u64, |sum, digit| {
                sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
            });
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "seconds");
        } else if let Some(wait) = wait {
            let date = httpdate::fmt_http_date(now + wait);
            assert_eq!(parse_retry_after(date.as_bytes(), now), Some(wait), "the same as `{date}`");
        } else if let Ok(date) = httpdate::parse_http_date(text) {
            assert!(date < now, "a date to come says nothing");
        }
        bounded(wait);
    }
});

/// The user's bound holds whatever was asked, and what was asked holds up to it.
fn bounded(asked: Option<Duration>) {
    let cause = Cause::Status { code: 503, reason: String::new(), retry_after: asked };
    let options = Options { retries: 5, max_wait: MAX_WAIT };
    for (failures, jitter) in [(0, 0.0), (1, 1.0), (5, 0.5)] {
        let Decision::Retry { after, is_capped } = decide(options, &cause, failures, jitter) else {
            panic!("given up after {failures} failures");
        };
        assert!(after <= MAX_WAIT, "waits {after:?}");
        assert!(after >= asked.unwrap_or_default().min(MAX_WAIT), "waits {after:?} of {asked:?}");
        assert_eq!(is_capped, asked.is_some_and(|asked| asked > MAX_WAIT));
    }
}
