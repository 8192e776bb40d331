//! The exit code: a fold over everything that happened, independent of its order.

use crate::engine::pool::Summary;
use crate::model::stop::StopReason;

/// Every file is complete or was there.
pub const SUCCESS: u8 = 0;
/// At least one job failed, or not all were done.
pub const FAILURE: u8 = 1;
/// The command line or the configuration is wrong; nothing was tried.
pub const USAGE: u8 = 2;

/// Returns the exit code of a run, of which `is_told` says whether everything that was to be written about
/// it is. A signal's is 128 and its number, as shells have it.
pub fn of(summary: &Summary, is_told: bool, stopped: Option<StopReason>) -> u8 {
    match stopped {
        Some(StopReason::Signal(number)) => 128_u8.saturating_add(number as u8),
        Some(StopReason::Failures(_) | StopReason::OutputClosed) => FAILURE,
        None if summary.totals.failed > 0 || !summary.finished || !is_told => FAILURE,
        None => SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::totals::Totals;

    #[test]
    fn codes_tell_what_happened() {
        #[track_caller]
        fn case(failed: u64, finished: bool, stopped: Option<StopReason>, code: u8) {
            let totals = Totals { completed: 3, failed, ..Totals::default() };
            assert_eq!(of(&Summary { totals, finished }, true, stopped), code);
            assert_eq!(of(&Summary { totals, finished }, false, stopped), code.max(1));
        }
        case(0, true, None, 0);
        case(1, true, None, 1);
        case(0, false, None, 1);
        case(0, false, Some(StopReason::OutputClosed), 1);
        case(0, true, Some(StopReason::OutputClosed), 1);
        case(1, false, Some(StopReason::Failures(1)), 1);
        case(1, false, Some(StopReason::Signal(2)), 130);
        case(0, true, Some(StopReason::Signal(15)), 143);
    }
}
