//! The view for a terminal: a bar for each running transfer and a line for the whole run.
//!
//! The only file that names indicatif. The data path never touches it: workers write on the
//! [`Board`], and one thread, which the view owns, wakes ten times a second and draws what it finds
//! there. A transfer gets a bar once it has run for [`QUIET`], so tiny files never do.
//!
//! A tick is one frame and one write: lines to print, then the bars below them. A terminal that the
//! user has paused holds the drawing thread until the run is stopped, and workers once many
//! lines wait.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::Term;
#[cfg(test)]
use indicatif::InMemoryTerm;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::model::event::Event;
use crate::model::job::JobId;
use crate::report::board::{Board, Running, Snapshot};
use crate::report::layout::{self, Gauge};
use crate::report::screen::Screen;
use crate::report::speed::Speed;
use crate::report::stream::Stream;

/// Time from one frame to the next.
const TICK: Duration = Duration::from_millis(100);

/// How long a transfer runs, and the run, before it is drawn.
const QUIET: Duration = Duration::from_millis(400);

/// The view for a terminal. Ended by [`Bars::end`], at the latest when it is dropped.
#[derive(Debug)]
pub(super) struct Bars {
    board: Arc<Board>,
    stream: Arc<Stream>,
    drawer: Mutex<Option<JoinHandle<()>>>,
}

impl Bars {
    /// Begins to draw on `stream`, which must be standard error and a terminal.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn try_new(stream: Arc<Stream>) -> io::Result<Self> {
        let board = Arc::new(Board::default());
        let closer = Closer { board: Arc::clone(&board), stream: Arc::clone(&stream) };
        let drawer = thread::Builder::new()
            .name("bars".to_owned())
            .spawn(move || draw(&closer.board, &closer.stream))?;
        Ok(Self { board, stream, drawer: Mutex::new(Some(drawer)) })
    }

    /// Takes note of an event, and has its lines printed above the bars.
    pub(super) fn note(&self, event: &Event<'_>, lines: String) {
        let stream = &self.stream;
        if let Some(lines) = self.board.note(event, lines, || stream.is_stopped()) {
            let _ = stream.write_line(lines.as_bytes());
        }
    }

    /// Prints the lines that wait, clears the bars and ends the drawing thread.
    pub(super) fn end(&self) {
        self.board.end();
        let mut drawer = self.drawer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(drawer) = drawer.take() {
            // A panic of the drawing thread has been reported, and costs nothing but the bars.
            let _ = drawer.join();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.end();
    }
}

/// Closes the board when the drawing thread ends, also by a panic: nobody may wait for it then.
struct Closer {
    board: Arc<Board>,
    stream: Arc<Stream>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        let lines = self.board.close();
        let _ = self.stream.write_line(lines.as_bytes());
    }
}

/// The drawing thread.
fn draw(board: &Board, stream: &Stream) {
    let begun = Instant::now();
    let term = Term::stderr();
    let mut painter = Painter::default();
    loop {
        let snapshot = board.take(TICK);
        // Asked anew each time: the window may have changed.
        let (rows, columns) = term.size();
        let frame = painter.tick(begun.elapsed(), columns, rows, &snapshot);
        let _ = stream.write_line(frame.as_bytes());
        if snapshot.is_last {
            return;
        }
    }
}

/// Draws frames. Reads no clock and no terminal: time and size come in, the frame goes out.
#[derive(Debug)]
struct Painter {
    screen: Screen,
    multi: MultiProgress,
    rows: BTreeMap<JobId, Row>,
    more: Option<ProgressBar>,
    total: Option<ProgressBar>,
    speed: Speed,
}

/// What is remembered of a running transfer from one tick to the next.
#[derive(Debug)]
struct Row {
    seen: Duration,
    speed: Speed,
    bar: Option<ProgressBar>,
    template: String,
}

impl Default for Painter {
    fn default() -> Self {
        let screen = Screen::default();
        // Each change of a bar draws all of them. One a second is the least that indicatif lets
        // through; frames come from `suspend`, which always draws.
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 1);
        Self {
            screen,
            multi: MultiProgress::with_draw_target(target),
            rows: BTreeMap::new(),
            more: None,
            total: None,
            speed: Speed::default(),
        }
    }
}

impl Painter {
    /// Draws the moment `now`, counted from the beginning, in a window of this size.
    fn tick(&mut self, now: Duration, columns: u16, rows: u16, snapshot: &Snapshot) -> String {
        self.screen.resize(columns, rows);
        // Some terminals wrap as soon as the last column is written: leave it.
        let columns = usize::from(columns).saturating_sub(1);
        self.speed.update(now, snapshot.bytes());
        self.follow(now, &snapshot.running);
        if snapshot.is_last {
            self.clear();
        } else {
            self.place_bars(now, columns, usize::from(rows), &snapshot.running);
            self.place_total(now, columns, snapshot);
        }
        let is_drawn = self.total.is_some() || snapshot.is_last;
        if is_drawn || !snapshot.lines.is_empty() {
            let screen = &self.screen;
            self.multi.suspend(|| screen.print(&snapshot.lines));
        }
        self.screen.take()
    }

    /// Keeps the speeds of what runs and forgets what does not.
    fn follow(&mut self, now: Duration, running: &[Running]) {
        let multi = &self.multi;
        self.rows.retain(|id, row| {
            let runs = running.binary_search_by_key(id, |transfer| transfer.id).is_ok();
            if !runs {
                row.hide(multi);
            }
            runs
        });
        for transfer in running {
            let row = self.rows.entry(transfer.id).or_insert_with(|| Row {
                seen: now,
                speed: Speed::default(),
                bar: None,
                template: String::new(),
            });
            row.speed.update(now, transfer.received);
        }
    }

    /// Gives the oldest transfers a bar each, as many as the window has room for.
    fn place_bars(&mut self, now: Duration, columns: usize, rows: usize, running: &[Running]) {
        let room = rows.saturating_sub(2);
        let mut placed = 0;
        let mut hidden = 0;
        for transfer in running {
            let Some(row) = self.rows.get_mut(&transfer.id) else {
                continue;
            };
            if now.saturating_sub(row.seen) < QUIET {
                continue;
            }
            if placed == room {
                hidden += 1;
                row.hide(&self.multi);
                continue;
            }
            row.show(&self.multi, placed, columns, transfer);
            placed += 1;
        }
        if hidden > 0 {
            let multi = &self.multi;
            let more = self.more.get_or_insert_with(|| text_bar(multi, placed));
            more.set_message(layout::more(columns, hidden));
        } else if let Some(more) = self.more.take() {
            self.multi.remove(&more);
        }
    }

    /// Draws the last line.
    fn place_total(&mut self, now: Duration, columns: usize, snapshot: &Snapshot) {
        if now < QUIET {
            return;
        }
        let multi = &self.multi;
        let total = self.total.get_or_insert_with(|| text_bar(multi, usize::MAX));
        total.set_message(layout::total(columns, snapshot, &self.speed));
    }

    fn clear(&mut self) {
        for row in self.rows.values_mut() {
            row.hide(&self.multi);
        }
        for bar in [self.more.take(), self.total.take()].into_iter().flatten() {
            self.multi.remove(&bar);
        }
    }
}

impl Row {
    fn show(&mut self, multi: &MultiProgress, index: usize, columns: usize, transfer: &Running) {
        let line = layout::transfer(columns, transfer, &self.speed);
        let template = match line.gauge {
            Gauge::Nothing if line.name.is_empty() => "{msg}".to_owned(),
            Gauge::Nothing => "{prefix} {msg}".to_owned(),
            Gauge::Bar(inside) => format!("{{prefix}} [{{bar:{inside}}}] {{msg}}"),
            Gauge::Spinner(columns) => format!("{{prefix}} {{spinner:^{columns}}} {{msg}}"),
        };
        let bar = self.bar.get_or_insert_with(|| multi.insert(index, ProgressBar::hidden()));
        if template != self.template {
            bar.set_style(style(&template));
            self.template = template;
        }
        bar.set_length(transfer.length.unwrap_or(0));
        bar.set_position(transfer.position);
        bar.set_prefix(line.name);
        bar.set_message(line.figures);
        bar.tick();
    }

    fn hide(&mut self, multi: &MultiProgress) {
        if let Some(bar) = self.bar.take() {
            multi.remove(&bar);
            self.template.clear();
        }
    }
}

fn text_bar(multi: &MultiProgress, index: usize) -> ProgressBar {
    let bar = multi.insert(index, ProgressBar::hidden());
    bar.set_style(style("{msg}"));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .tick_chars("|/-\\ ")
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.size().0
    }

    fn height(&self) -> u16 {
        self.size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.print(s);
        self.print("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.draw(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Self::clear_line(self);
        Ok(())
    }

    /// A frame leaves at the end of its tick.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
