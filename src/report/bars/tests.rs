//! Frames, drawn tick by tick on a terminal in memory.

use super::*;
use crate::report::board::Counts;

/// A window, and the run that is drawn in it.
struct Window {
    term: InMemoryTerm,
    columns: u16,
    rows: u16,
    painter: Painter,
    now: Duration,
    snapshot: Snapshot,
}

impl Window {
    fn new(columns: u16, rows: u16) -> Self {
        Self {
            term: InMemoryTerm::new(rows, columns),
            columns,
            rows,
            painter: Painter::default(),
            now: Duration::ZERO,
            snapshot: Snapshot {
                counts: Counts { listed: 12, ..Counts::default() },
                ..Snapshot::default()
            },
        }
    }

    fn start(&mut self, name: &str, length: Option<u64>) -> &mut Self {
        self.snapshot.running.push(Running {
            id: JobId(self.snapshot.running.len() as u32 + 1),
            name: Arc::from(name),
            position: 0,
            received: 0,
            length,
            connections: 1,
        });
        self
    }

    /// Draws `number` ticks, between which each transfer gets `bytes`.
    fn run(&mut self, number: usize, bytes: u64) -> &mut Self {
        for _ in 0..number {
            self.now += TICK;
            for transfer in &mut self.snapshot.running {
                transfer.position += bytes;
                transfer.received += bytes;
            }
            let frame = self.painter.tick(self.now, self.columns, self.rows, &self.snapshot);
            self.snapshot.lines.clear();
            self.term.write_str(&frame).unwrap();
        }
        self
    }

    fn print(&mut self, lines: &str) -> &mut Self {
        self.snapshot.lines.push_str(lines);
        self
    }

    #[track_caller]
    fn expect(&mut self, shown: &[&str]) -> &mut Self {
        assert_eq!(self.term.contents(), shown.join("\n"));
        self
    }
}

const TOTAL: &str = "0/12+ files, 0 B, --";

#[test]
fn nothing_is_drawn_at_first() {
    let mut window = Window::new(80, 24);
    window.start("a.iso", None).run(3, 1000).expect(&[]);
    window.snapshot.running.clear();
    window.run(1, 0).start("b.iso", None).run(4, 0);
    window.expect(&["0/12+ files, 0 B, 3.0 KiB/s"]);
}

#[test]
fn a_transfer_shows_sizes_speed_and_time_left() {
    let mut window = Window::new(80, 24);
    window.start("a.iso", Some(10 << 20)).run(5, 0);
    window.expect(&[
        "a.iso                   [                    ]     0 B/10 MiB         --     --",
        TOTAL,
    ]);
    window.run(5, 1 << 20);
    window.expect(&[
        "a.iso                   [==========>         ] 5.0 MiB/10 MiB   10 MiB/s     1s",
        "0/12+ files, 5.0 MiB, 10 MiB/s",
    ]);
    window.snapshot.counts.list_ended = true;
    window.snapshot.counts.listed = 1;
    window.snapshot.counts.failed = 2;
    window.run(1, 1 << 20);
    window.expect(&[
        "a.iso                   [============>       ] 6.0 MiB/10 MiB   10 MiB/s     1s",
        "0/1 files, 6.0 MiB, 10 MiB/s, 1s left, 2 failed",
    ]);
}

#[test]
fn an_unknown_length_has_a_spinner_and_bytes() {
    let mut window = Window::new(80, 24);
    window.start("a.iso", None).run(6, 1 << 20);
    window.expect(&[
        "a.iso                             |            6.0 MiB          10 MiB/s     --",
        "0/12+ files, 6.0 MiB, 10 MiB/s",
    ]);
}

#[test]
fn narrow_windows_show_less_and_never_wrap() {
    fn narrow(columns: u16) -> Window {
        let mut window = Window::new(columns, 24);
        window.start("a-rather-long-name.tar.gz", Some(100 << 20));
        window.start("b", None).run(6, 1 << 20);
        window
    }
    let mut window = narrow(50);
    window.expect(&[
        "a-rather-long-name.tar.…      6%  10 MiB/s    10s",
        "b                      | 6.0 MiB  10 MiB/s     --",
        "0/12+ files, 12 MiB, 20 MiB/s",
    ]);
    let mut window = narrow(30);
    window.expect(&[
        "a-rather-l…      6%  10 MiB/s",
        "b         | 6.0 MiB  10 MiB/s",
        "0/12+ files, 12 MiB, 20 MiB/s",
    ]);
    let mut window = narrow(20);
    window.expect(&["a-rather-long…   6%", "b           6.0 MiB", "0/12+, 20 MiB/s"]);
    let mut window = narrow(10);
    window.expect(&["a-r…   6%", "b 6.0 MiB", "0/12+"]);
}

#[test]
fn wide_characters_count_as_two_columns() {
    let mut window = Window::new(30, 24);
    window.start("日本語のファイル", Some(100)).run(6, 10);
    window.expect(&["日本語のフ…     60%   100 B/s", "0/12+ files, 60 B, 100 B/s"]);
}

#[test]
fn names_cannot_move_the_cursor() {
    let mut window = Window::new(80, 24);
    window.start("a\x1b[2J\r\n\tb", Some(100)).run(5, 0);
    window.expect(&[
        "a\\u{1b}[2J\\r\\n\\tb       [                    ]     0 B/100 B          --     --",
        TOTAL,
    ]);
}

#[test]
fn more_transfers_than_rows_are_counted() {
    let mut window = Window::new(20, 5);
    for name in ["a", "b", "c", "d", "e"] {
        window.start(name, Some(100));
    }
    window.run(5, 1);
    window.expect(&[
        "a                5%",
        "b                5%",
        "c                5%",
        "… and 2 more",
        "0/12+ files, 50 B/s",
    ]);
    // The first two end, the window grows by a row, and all get a line.
    window.snapshot.running.drain(..2);
    window.run(1, 1);
    window.expect(&[
        "c                6%",
        "d                6%",
        "e                6%",
        "0/12+ files, 50 B/s",
    ]);
}

#[test]
fn a_window_that_shrinks_keeps_the_oldest() {
    let mut window = Window::new(20, 8);
    for name in ["a", "b", "c"] {
        window.start(name, Some(100));
    }
    window.run(5, 1);
    (window.rows, window.columns) = (4, 10);
    window.run(1, 1);
    let shown = window.term.contents();
    assert_eq!(shown, "a      6%\nb      6%\n… and 1 …\n0/12+");
    window.rows = 8;
    window.run(1, 1);
    window.expect(&["a      7%", "b      7%", "c      7%", "0/12+"]);
}

#[test]
fn finished_lines_go_above_the_bars_and_stay() {
    let mut window = Window::new(20, 12);
    window.start("a", Some(100)).print("saved x (1 B)\n").run(1, 1);
    window.expect(&["saved x (1 B)"]);
    window.run(5, 1);
    window.expect(&["saved x (1 B)", "a                6%", "0/12+ files, 10 B/s"]);
    // Wider than the window: it wraps, and the bars stay below it.
    window.print("saved a-long-name/of-a-file (2 B)\nerror: y\n").run(2, 1);
    let above = ["saved x (1 B)", "saved a-long-name/of", "-a-file (2 B)", "error: y"];
    window.expect(&[&above[..], &["a                8%", "0/12+ files, 10 B/s"]].concat());
    window.snapshot.is_last = true;
    window.print("saved a (3 B)\n").run(1, 1);
    window.expect(&[&above[..], &["saved a (3 B)"]].concat());
    window.term.write_str("prompt").unwrap();
    window.expect(&[&above[..], &["saved a (3 B)", "prompt"]].concat());
}
