//! The last words of a run: what failed, and the totals.
//!
//! Only text is made here. The list of failures is bounded, because a run's memory must not grow
//! with its list; what does not fit was printed when it happened.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use crate::engine::Mode;
use crate::model::failure::Failure;
use crate::model::size::{ByteSize, Rate, Span, count};
use crate::model::totals::Totals;
use crate::report::survey;

/// How many failures are kept for the list at the end.
const KEPT: usize = 1000;

/// Why a run ended before its input did, as its totals tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// So many jobs failed as the user allows at most.
    Failures(u64),
    /// Nobody reads standard output any more.
    ReaderGone {
        /// How many jobs were not begun, if that is known.
        unbegun: u64,
    },
    /// A signal came.
    Signal,
}

/// The failures of a run, as the list at the end shows them.
#[derive(Debug, Default)]
pub(super) struct Failures {
    headlines: Vec<String>,
    number: u64,
}

impl Failures {
    /// Adds one.
    pub(super) fn add(&mut self, failure: &Failure) {
        self.number += 1;
        if self.headlines.len() < KEPT {
            self.headlines.push(failure.headline());
        }
    }

    /// Returns the list, empty when nothing failed.
    pub(super) fn list(&self) -> String {
        let mut text = String::new();
        if self.number > 0 {
            text.push_str("failed:\n");
        }
        for headline in &self.headlines {
            let _ = writeln!(text, "  {headline}");
        }
        let more = self.number - self.headlines.len() as u64;
        if more > 0 {
            let _ = writeln!(text, "  ... and {more} more, shown above");
        }
        text
    }
}

/// Returns the totals as one line, and in a second what the user may do where the run ended early.
pub(super) fn line(
    mode: Mode,
    totals: &Totals,
    elapsed: Duration,
    ending: Option<Ending>,
) -> String {
    let all_bytes = Amount {
        bytes: totals.bytes,
        received: totals.bytes,
        time: elapsed,
        brackets: [" (", ")"],
    };
    let mut text = match mode {
        Mode::Ask => survey::total_found(&totals.survey, elapsed),
        Mode::Fetch => format!("{}, {}", count(totals.completed, "file"), all_bytes),
        Mode::Verify => format!("{} verified, {}", count(totals.verified, "file"), all_bytes),
        Mode::Plan => format!("{} would be saved", count(totals.survey.planned, "file")),
    };
    for (number, what) in
        [(totals.skipped, "skipped"), (totals.failed, "failed"), (totals.cancelled, "cancelled")]
    {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    match ending {
        Some(Ending::Failures(most)) => {
            let _ = write!(text, ", stopped after {}", count(most, "failure"));
        }
        Some(Ending::ReaderGone { unbegun }) => {
            if unbegun > 0 {
                let _ = write!(text, ", {unbegun} not begun");
            }
            text.push_str(", stopped: the reader of standard output went away");
        }
        Some(Ending::Signal) => text.push_str(", interrupted"),
        None => {}
    }
    text.push('\n');
    if totals.kept > 0 {
        let kept = ByteSize(totals.kept);
        let _ = writeln!(text, "  hint: {kept} are kept; run the same command again to go on");
    }
    text
}

/// Shows `1.0 MiB in 0.02s`, and between the brackets the mean rate of what was received, if there is one.
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) received: u64,
    pub(super) time: Duration,
    pub(super) brackets: [&'static str; 2],
}

impl Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, received, time, brackets: [open, close] } = *self;
        write!(f, "{} in {}", ByteSize(bytes), Span(time))?;
        match Rate::mean(received, time) {
            Some(rate) => write!(f, "{open}{rate}{close}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Cause;
    use crate::model::job::Origin;
    use crate::model::survey::Survey;

    #[test]
    fn the_totals_name_only_what_happened() {
        #[track_caller]
        fn case(totals: Totals, ending: Option<Ending>, shown: &str) {
            let text = line(Mode::Fetch, &totals, Duration::from_millis(1200), ending);
            assert_eq!(text, format!("{shown}\n"));
        }
        let one = Totals { completed: 1, bytes: 1 << 20, ..Totals::default() };
        case(one, None, "1 file, 1.0 MiB in 1.20s (853 KiB/s)");
        for (unbegun, what) in [(0, ""), (3, ", 3 not begun")] {
            let ending = Some(Ending::ReaderGone { unbegun });
            let why = "stopped: the reader of standard output went away";
            case(one, ending, &format!("1 file, 1.0 MiB in 1.20s (853 KiB/s){what}, {why}"));
        }
        let all = Totals {
            completed: 12,
            skipped: 3,
            failed: 1,
            cancelled: 2,
            bytes: 34 << 20,
            ..Totals::default()
        };
        case(
            all,
            Some(Ending::Signal),
            "12 files, 34 MiB in 1.20s (28 MiB/s), 3 skipped, 1 failed, 2 cancelled, interrupted",
        );
        let kept = Totals { cancelled: 1, kept: 3 << 20, ..Totals::default() };
        case(
            kept,
            Some(Ending::Signal),
            "0 files, 0 B in 1.20s (0 B/s), 1 cancelled, interrupted\n  hint: 3.0 MiB are kept; run the same command again to go on",
        );
        let broken = Totals { failed: 2, cancelled: 1, ..Totals::default() };
        case(
            broken,
            Some(Ending::Failures(1)),
            "0 files, 0 B in 1.20s (0 B/s), 2 failed, 1 cancelled, stopped after 1 failure",
        );
    }

    #[test]
    fn what_is_not_downloaded_has_totals_of_its_own() {
        let mut survey = Survey { planned: 2, ..Survey::default() };
        let totals = Totals { skipped: 1, failed: 1, survey, ..Totals::default() };
        let time = Duration::from_millis(1200);
        let text = line(Mode::Plan, &totals, time, None);
        assert_eq!(text, "2 files would be saved, 1 skipped, 1 failed\n");
        survey.note(Some(3 << 20));
        let found = |survey| line(Mode::Ask, &Totals { survey, ..Totals::default() }, time, None);
        assert_eq!(found(survey), "found 1 file, 3.0 MiB, in 1.20s\n");
        survey.note(None);
        assert_eq!(found(survey), "found 2 files, 3.0 MiB and 1 of unknown size, in 1.20s\n");
    }

    #[test]
    fn a_run_without_time_has_no_rate() {
        let text = line(Mode::Fetch, &Totals::default(), Duration::ZERO, None);
        assert_eq!(text, "0 files, 0 B in 0.00s\n");
    }

    #[test]
    fn the_list_of_failures_is_bounded() {
        let mut failures = Failures::default();
        assert_eq!(failures.list(), "");
        let failure = Failure {
            subject: "http://h/a\x1b".to_owned(),
            origin: Origin::Argument,
            cause: Cause::Status { code: 404, reason: "Not Found".to_owned(), retry_after: None },
            attempts: 1,
            exhausted: None,
            kept: None,
            is_barren: false,
        };
        failures.add(&failure);
        assert_eq!(failures.list(), "failed:\n  http://h/a\\u{1b}: 404 Not Found\n");
        for _ in 0..1002 {
            failures.add(&failure);
        }
        let list = failures.list();
        assert_eq!(list.lines().count(), 1 + 1000 + 1);
        assert!(list.ends_with("\n  ... and 3 more, shown above\n"));
    }
}
