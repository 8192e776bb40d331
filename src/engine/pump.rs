//! From a body to where its bytes go.
//!
//! Reads fill one buffer before each write, and now and then a buffer is written before it is full, so
//! that a process that is killed loses little. What has come when a read fails is written all the same.
//! Bytes that nobody has to see may come by a pipe instead, and are written as they come.

use std::time::{Duration, Instant};

use crate::disk::device;
use crate::engine::Shared;
use crate::engine::limits::Throttle;
use crate::engine::load::Load;
use crate::http::body::{Body, Came, Piped};
use crate::model::error::Cause;
use crate::model::progress::Progress;
use crate::policy::pace::Pace;

/// How long bytes of which a record is kept may wait in the buffer.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Where the bytes of a body go, and how many of them are wanted.
pub(super) trait Track {
    /// Takes note that `count` bytes have come, with which `filled` wait to be written.
    ///
    /// # Errors
    /// Why the transfer must end.
    fn receive(&mut self, count: usize, filled: usize) -> Result<Next, Cause>;

    /// Writes what came, as far as it is wanted.
    ///
    /// # Errors
    /// What the disk or the stream says.
    fn write(&mut self, run: &Shared<'_>, load: Load<'_>) -> Result<(), Cause>;

    /// Returns how many of the next bytes, if any, nobody has to see but the file that they go to.
    fn unseen(&self) -> u64;

    /// Returns whether nothing that may still come is wanted.
    fn is_over(&self) -> bool;

    /// Returns whether a record is kept of what is there.
    fn is_recorded(&self) -> bool;

    /// Takes note that the user's limits held it back so long.
    fn held_back(&mut self, _: Duration) {}
}

/// What to do after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read on.
    Read,
    /// Nothing of the buffer is to be trusted.
    Refuse,
    /// Write what is in the buffer.
    Write,
}

/// What came of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// All that is wanted of it has been written.
    All,
    /// It was longer than it should have been.
    TooLong,
}

/// What moves the bytes: a worker's buffer, and what may hold it back.
pub(super) struct Pump<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) buffer: &'a mut [u8],
    /// What holds its connection to the rates of the run and the host.
    pub(super) throttle: &'a Throttle,
}

/// Watches the time that a whole transfer takes.
pub(super) struct Watch<'a> {
    pub(super) pace: &'a mut Pace,
    /// When the job's first attempt began.
    pub(super) began: Instant,
    /// How far it is, over all its connections.
    pub(super) progress: &'a Progress,
}

impl Pump<'_> {
    /// Copies a body to where its bytes go, until its end or until no more is wanted.
    ///
    /// # Errors
    /// Why it ended early.
    pub(super) fn run(
        &mut self,
        body: &mut Body,
        track: &mut impl Track,
        mut watch: Option<Watch<'_>>,
    ) -> Result<Copied, Cause> {
        let mut filled = 0;
        let result = self.read_all(body, track, &mut watch, &mut filled);
        if filled == 0 {
            return result;
        }
        let written = match &result {
            Ok(_) => self.flush(track, &mut watch, &mut filled),
            // Nobody waits any more for who reads it.
            Err(_) => track.write(self.shared, Load::Bytes(&self.buffer[..filled])),
        };
        result.and_then(|copied| written.map(|()| copied))
    }

    fn read_all(
        &mut self,
        body: &mut Body,
        track: &mut impl Track,
        watch: &mut Option<Watch<'_>>,
        filled: &mut usize,
    ) -> Result<Copied, Cause> {
        let stall_timeout = self.shared.http.stall_timeout();
        let patience = watch.as_ref().and_then(|watch| watch.pace.patience(stall_timeout));
        body.set_patience(patience);
        let mut last_byte = Instant::now();
        let mut last_write = last_byte;
        // Who comes to a rate that others share begins at the end of their line.
        self.hold_back(0, track);
        loop {
            if track.is_over() {
                return Ok(Copied::All);
            }
            let next = match self.take(body, track, filled) {
                Ok(None) => return Ok(Copied::All),
                Ok(Some(next)) => next,
                // A short patience only asks whether all is well.
                Err(Cause::Stalled { .. })
                    if patience.is_some() && last_byte.elapsed() < stall_timeout =>
                {
                    check(watch)?;
                    continue;
                }
                Err(cause) => return Err(cause),
            };
            let is_full = match next {
                Next::Refuse => {
                    *filled = 0;
                    return Ok(Copied::TooLong);
                }
                Next::Read => *filled == self.buffer.len(),
                Next::Write => true,
            };
            let mut is_time = false;
            if patience.is_some() || track.is_recorded() {
                let now = Instant::now();
                last_byte = now;
                is_time = track.is_recorded() && now.duration_since(last_write) >= FLUSH_TIME;
                if is_time {
                    last_write = now;
                }
                check(watch)?;
            }
            if (is_full || is_time) && *filled > 0 {
                self.flush(track, watch, filled)?;
                if patience.is_some() {
                    // That somebody took his time to read was no silence of the server.
                    last_byte = Instant::now();
                }
            }
        }
    }

    /// Reads once, or takes what came by a pipe to where it goes. `None` at the end.
    fn take(
        &mut self,
        body: &mut Body,
        track: &mut impl Track,
        filled: &mut usize,
    ) -> Result<Option<Next>, Cause> {
        let unseen = if self.throttle.is_none() { track.unseen() } else { 0 };
        let end = self.buffer.len().min(filled.saturating_add(self.throttle.read_bytes()));
        let most = unseen.saturating_sub(*filled as u64);
        let count = match body.read_or_pipe(&mut self.buffer[*filled..end], most)? {
            Came::Read(0) => return Ok(None),
            Came::Read(count) => count,
            Came::Piped(piped) => return self.pour(body, piped, track, filled).map(Some),
        };
        *filled += count;
        let next = track.receive(count, *filled);
        self.hold_back(count as u64, track);
        next.map(Some)
    }

    fn pour(
        &mut self,
        body: &Body,
        mut piped: Piped,
        track: &mut impl Track,
        filled: &mut usize,
    ) -> Result<Next, Cause> {
        // What waits in the buffer came before it.
        if *filled > 0 {
            self.flush(track, &mut None, filled)?;
        }
        let next = track.receive(piped.bytes(), piped.bytes())?;
        if next != Next::Refuse {
            track.write(self.shared, Load::Piped(&mut piped))?;
            body.give_back(piped);
        }
        Ok(next)
    }

    /// Writes what is in the buffer, and waits for who reads it as long as that is wanted.
    fn flush(
        &mut self,
        track: &mut impl Track,
        watch: &mut Option<Watch<'_>>,
        filled: &mut usize,
    ) -> Result<(), Cause> {
        let count = std::mem::take(filled);
        loop {
            match track.write(self.shared, Load::Bytes(&self.buffer[..count])) {
                Err(cause) if device::waits(&cause) && !self.shared.stop.is_stopped() => {
                    check(watch)?;
                }
                written => return written,
            }
        }
    }

    fn hold_back(&self, bytes: u64, track: &mut impl Track) {
        let waited = self.throttle.hold_back(bytes, self.shared.stop, || track.is_over());
        if !waited.is_zero() {
            track.held_back(waited);
        }
    }
}

fn check(watch: &mut Option<Watch<'_>>) -> Result<(), Cause> {
    match watch {
        Some(Watch { pace, began, progress }) => pace.check(began.elapsed(), progress.received()),
        None => Ok(()),
    }
}
