//! Which figures fit into a line of so many columns, and their text.
//!
//! A line on the terminal never wraps: a wrapped line counts as two, and then the wrong lines are
//! cleared. So the narrower the window, the fewer the figures; names give way first and are cut
//! with an ellipsis, by columns rather than characters. Figures have a fixed width within a tier, so
//! the columns of several lines agree.

use std::borrow::Cow;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use crate::model::size::{ByteSize, Rate, Span};
use crate::model::text::Printable;
use crate::report::board::{Running, Snapshot};
use crate::report::speed::Speed;

/// What a figure shows before there is real data.
const NONE: &str = "--";

/// One transfer's line, in the parts that a bar's template joins with blanks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The name, padded to its place.
    pub(super) name: String,
    /// What stands between the name and the figures.
    pub(super) gauge: Gauge,
    /// Sizes, speed and time left.
    pub(super) figures: String,
}

/// What shows that a transfer moves, and how wide it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    /// A bar, with this many columns inside its brackets.
    Bar(usize),
    /// Nothing: there is no room.
    Nothing,
    /// A spinner in the middle of this many columns.
    Spinner(usize),
}

impl Gauge {
    /// Returns the columns it takes, with a blank after it.
    fn columns(self) -> usize {
        match self {
            Self::Bar(inside) => inside + 3,
            Self::Nothing => 0,
            Self::Spinner(columns) => columns + 1,
        }
    }
}

/// Lays out a transfer's line in at most `columns`.
pub(super) fn transfer(columns: usize, transfer: &Running, speed: &Speed) -> Line {
    let rate = rate(speed);
    let left =
        transfer.length.and_then(|length| speed.time_for(length.saturating_sub(transfer.position)));
    let left = left.map_or(Cow::from(NONE), |left| time(left).into());
    let done = ByteSize(transfer.position);
    let figures = match (columns, transfer.length) {
        (64.., Some(length)) => {
            format!("{done:>7}/{:<7} {rate:>9} {left:>6}", ByteSize(length))
        }
        (64.., None) => format!("{done:>7}{:8} {rate:>9} {left:>6}", ""),
        (40.., Some(length)) => {
            format!("{:>7} {rate:>9} {left:>6}", percent(transfer.position, length))
        }
        (40.., None) => format!("{done:>7} {rate:>9} {left:>6}"),
        (26.., Some(length)) => format!("{:>7} {rate:>9}", percent(transfer.position, length)),
        (26.., None) => format!("{done:>7} {rate:>9}"),
        (_, Some(length)) => format!("{:>4}", percent(transfer.position, length)),
        (_, None) => format!("{done:>4}"),
    };
    let rest = columns.saturating_sub(figures.len() + 1);
    // Half of the rest is the gauge's, the other half the name's.
    let half = (rest / 2).min(40);
    let gauge = match (columns, transfer.length) {
        (64.., Some(_)) => Gauge::Bar(half - 3),
        (64.., None) => Gauge::Spinner(half - 1),
        (26.., None) => Gauge::Spinner(1),
        _ => Gauge::Nothing,
    };
    let place = (rest.saturating_sub(gauge.columns())).min(60);
    if place == 0 {
        return Line {
            name: String::new(),
            gauge: Gauge::Nothing,
            figures: truncate_str(&figures, columns, "").into_owned(),
        };
    }
    // How many connections bring it stands at the end of the name's place, where there is room for both.
    let mark = match transfer.connections {
        2.. if columns >= 40 => format!(" x{}", transfer.connections),
        _ => String::new(),
    };
    let place = place.saturating_sub(mark.len());
    let name = Printable(&transfer.name).to_string();
    let name = pad_str(&name, place, Alignment::Left, Some("…")) + mark.as_str();
    Line { name: name.into_owned(), gauge, figures }
}

/// Lays out the line of the whole run in at most `columns`.
pub(super) fn total(columns: usize, snapshot: &Snapshot, speed: &Speed) -> String {
    let counts = &snapshot.counts;
    // The plus: the list has not been read to its end.
    let more = if counts.list_ended { "" } else { "+" };
    let jobs = format!("{}/{}{more}", counts.ended, counts.listed);
    let mut text = jobs.clone();
    // Each figure with how dispensable it is; what does not fit goes, the most dispensable first.
    let mut figures = vec![
        (2, " files".to_owned()),
        (3, format!(", {}", ByteSize(snapshot.bytes()))),
        (1, format!(", {}", rate(speed))),
    ];
    if counts.list_ended {
        let left = snapshot.bytes_left().and_then(|left| speed.time_for(left));
        let left = left.map_or(Cow::from(NONE), |left| time(left).into());
        figures.push((4, format!(", {left} left")));
    }
    if counts.failed > 0 {
        figures.push((0, format!(", {} failed", counts.failed)));
    }
    for dispensable in (0..=5).rev() {
        figures.retain(|&(rank, _)| rank < dispensable);
        text.truncate(jobs.len());
        text.extend(figures.iter().map(|(_, figure)| figure.as_str()));
        if measure_text_width(&text) <= columns {
            return text;
        }
    }
    cut(&jobs, columns)
}

/// Lays out the line that stands for `number` transfers without one of their own.
pub(super) fn more(columns: usize, number: usize) -> String {
    cut(&format!("… and {number} more"), columns)
}

fn cut(text: &str, columns: usize) -> String {
    truncate_str(text, columns, "…").into_owned()
}

fn rate(speed: &Speed) -> Cow<'static, str> {
    match speed.rate() {
        // Rounded here: sums of fractions end just below the whole number they mean.
        Some(rate) => Rate(rate.round()).to_string().into(),
        None => NONE.into(),
    }
}

/// Returns a time left, without fractions of a second that nobody can foresee.
fn time(left: Duration) -> String {
    let seconds = left.as_secs_f64().ceil() as u64;
    if seconds < 10 {
        format!("{seconds}s")
    } else {
        Span(Duration::from_secs(seconds)).to_string()
    }
}

fn percent(position: u64, length: u64) -> String {
    let percent = match length {
        0 => 100,
        _ => (u128::from(position) * 100 / u128::from(length)).min(100),
    };
    format!("{percent}%")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::job::JobId;
    use crate::report::board::Counts;

    fn running(name: &str, position: u64, length: Option<u64>) -> Running {
        Running {
            id: JobId(1),
            name: Arc::from(name),
            position,
            received: position,
            length,
            connections: 1,
        }
    }

    fn width(line: &Line) -> usize {
        let name = measure_text_width(&line.name);
        let figures = measure_text_width(&line.figures);
        name + usize::from(name > 0) + line.gauge.columns() + figures
    }

    #[test]
    fn no_line_is_wider_than_the_window() {
        let mut speed = Speed::default();
        speed.update(Duration::from_secs(1), 1);
        speed.update(Duration::from_secs(2), 999 << 20);
        let counts = Counts {
            listed: 12_345_678,
            list_ended: true,
            ended: 1_234_567,
            failed: 345_678,
            ..Counts::default()
        };
        let names =
            ["a", "日本語の長い名前のファイル.tar.gz", "a\x1b[2J\u{202e}b", &"x".repeat(300)];
        for columns in 1..250 {
            for name in names {
                for length in [None, Some(0), Some(1000 << 20), Some(u64::MAX)] {
                    let mut transfer = running(name, 999 << 20, length);
                    transfer.connections = columns % 1024;
                    for speed in [&speed, &Speed::default()] {
                        let line = super::transfer(columns, &transfer, speed);
                        assert!(width(&line) <= columns, "{columns}: {line:?}");
                        assert!(!line.name.contains('\x1b'));
                    }
                }
            }
            let snapshot = Snapshot { counts, ..Snapshot::default() };
            assert!(measure_text_width(&total(columns, &snapshot, &speed)) <= columns);
            assert!(measure_text_width(&more(columns, 1_000_000)) <= columns);
        }
    }

    #[test]
    fn several_connections_are_shown_beside_the_name() {
        let mut transfer = running("name", 0, Some(1));
        transfer.connections = 4;
        let wide = super::transfer(79, &transfer, &Speed::default());
        assert!(wide.name.starts_with("name  ") && wide.name.ends_with(" x4"), "{wide:?}");
        let alone = super::transfer(79, &running("name", 0, Some(1)), &Speed::default());
        assert_eq!((alone.name.trim_end(), alone.name.len()), ("name", wide.name.len()));
        assert!(!super::transfer(30, &transfer, &Speed::default()).name.contains('x'));
    }

    #[test]
    fn the_total_line_drops_what_is_most_dispensable() {
        #[track_caller]
        fn case(columns: usize, snapshot: &Snapshot, shown: &str) {
            assert_eq!(total(columns, snapshot, &Speed::default()), shown);
        }
        let counts =
            Counts { listed: 345, list_ended: true, ended: 12, failed: 1, ..Counts::default() };
        let snapshot = Snapshot { counts, ..Snapshot::default() };
        case(79, &snapshot, "12/345 files, 0 B, --, -- left, 1 failed");
        case(39, &snapshot, "12/345 files, 0 B, --, 1 failed");
        case(29, &snapshot, "12/345 files, --, 1 failed");
        case(24, &snapshot, "12/345, --, 1 failed");
        case(19, &snapshot, "12/345, 1 failed");
        case(9, &snapshot, "12/345");
        case(4, &snapshot, "12/…");
        let mut snapshot = snapshot;
        snapshot.counts.list_ended = false;
        case(79, &snapshot, "12/345+ files, 0 B, --, 1 failed");
    }
}
