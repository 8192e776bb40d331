//! The terminal as bars are drawn on it: a frame is gathered and leaves in one write.
//!
//! The size is what the last tick was told, so every part of a frame agrees on it.
//!
//! Whoever draws the bars fills each line with blanks up to the right edge and lets the terminal
//! wrap to get to the next one. Such full lines are folded in two by most terminals when the window
//! becomes narrower. So the blanks are not written: they only say that the line is over, and the
//! line end is written when another line follows.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A terminal that gathers what is drawn. Cloned handles share it; one thread uses them all, so the
/// lock never waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    frame: Arc<Mutex<Frame>>,
}

#[derive(Debug, Default)]
struct Frame {
    bytes: String,
    columns: u16,
    rows: u16,
    is_line_over: bool,
}

impl Screen {
    /// Says how large the window is.
    pub(super) fn resize(&self, columns: u16, rows: u16) {
        let mut frame = self.lock();
        (frame.columns, frame.rows) = (columns, rows);
    }

    /// Returns the window's columns and rows.
    pub(super) fn size(&self) -> (u16, u16) {
        let frame = self.lock();
        (frame.columns, frame.rows)
    }

    /// Moves the cursor by `number`, in the direction of the ANSI letter.
    pub(super) fn step(&self, number: usize, direction: char) {
        if number > 0 {
            let _ = write!(self.lock().bytes, "\x1b[{number}{direction}");
        }
    }

    /// Clears the cursor's line and goes to its beginning.
    pub(super) fn clear_line(&self) {
        let mut frame = self.lock();
        frame.is_line_over = false;
        frame.bytes.push_str("\r\x1b[2K");
    }

    /// Draws a part of a line; blanks alone end it.
    pub(super) fn draw(&self, text: &str) {
        let mut frame = self.lock();
        if text.bytes().all(|byte| byte == b' ') {
            frame.is_line_over = true;
            return;
        }
        if std::mem::take(&mut frame.is_line_over) {
            frame.bytes.push_str("\r\n");
        }
        frame.bytes.push_str(text);
    }

    /// Prints whole lines, which may be wider than the window, where nothing is drawn.
    pub(super) fn print(&self, lines: &str) {
        self.lock().bytes.push_str(&lines.replace('\n', "\r\n"));
    }

    /// Returns what was drawn since the last call.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.lock().bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Frame> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
