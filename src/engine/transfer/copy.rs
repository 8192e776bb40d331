//! From the body to the sink.
//!
//! Reads fill one buffer before each write, and a record follows the data now and then, so that a
//! process that is killed loses little. What has come when a read fails is written all the same.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::http::body::Body;
use crate::model::error::Cause;
use crate::policy::pace::Pace;
use crate::policy::rate::Bucket;
use crate::policy::resume::Held;

/// How many bytes may come between two records: what a killed process loses at most, with the
/// buffer.
const RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// How much time may pass between two records while bytes come.
const RECORD_TIME: Duration = Duration::from_secs(1);

/// What came of a body that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// All of it is in the sink.
    All,
    /// It was longer than the range that it should have been.
    TooLong,
}

impl Transfer<'_> {
    /// Copies the body behind what is held, and keeps `held` true.
    ///
    /// # Errors
    /// Why it ended early. `held` says what is in the sink then. `end` is where the body has to end, if
    /// that is known.
    pub(super) fn copy(
        &mut self,
        body: Body,
        sink: &mut Sink<'_>,
        held: &mut Held,
        end: Option<u64>,
    ) -> Result<Copied, Cause> {
        let is_recorded =
            !sink.is_stream() && self.is_worth_keeping(&Held { bytes: 1, ..held.clone() });
        let mut copy = Copy {
            sink,
            held,
            filled: 0,
            end: end.unwrap_or(u64::MAX),
            is_recorded,
            recorded_bytes: 0,
            recorded_at: Instant::now(),
        };
        copy.recorded_bytes = copy.held.bytes;
        let result = self.read_all(body, &mut copy);
        let flushed = copy.flush(self.buffer);
        result.and_then(|copied| flushed.map(|()| copied))
    }

    fn read_all(&mut self, mut body: Body, copy: &mut Copy<'_, '_>) -> Result<Copied, Cause> {
        let options = self.shared.options;
        let stall_timeout = self.shared.http.stall_timeout();
        let mut pace = Pace::new(options.pace, self.began.elapsed());
        let patience = pace.patience(stall_timeout);
        body.set_patience(patience);
        let mut last_byte = Instant::now();
        let mut received = 0;
        loop {
            let end = self.buffer.len().min(copy.filled.saturating_add(self.read_bytes()));
            match body.read(&mut self.buffer[copy.filled..end]) {
                Ok(0) => return Ok(Copied::All),
                Ok(count) => {
                    copy.filled += count;
                    received += count as u64;
                    self.progress.advance(count as u64);
                    self.hold_back(count as u64);
                }
                // A short patience only asks whether all is well.
                Err(Cause::Stalled { .. })
                    if patience.is_some() && last_byte.elapsed() < stall_timeout =>
                {
                    pace.check(self.began.elapsed(), received)?;
                    continue;
                }
                Err(cause) => return Err(cause),
            }
            let size = copy.held.bytes + copy.filled as u64;
            if size > copy.end {
                // None of the buffer is to be trusted, and all of it will come again.
                copy.filled = 0;
                return Ok(Copied::TooLong);
            }
            if let Some(limit) = options.max_size.filter(|limit| size > *limit) {
                return Err(Cause::TooLarge { limit });
            }
            let is_full = copy.filled == self.buffer.len() || copy.sink.is_stream();
            if is_full {
                copy.flush(self.buffer)?;
            }
            if patience.is_some() || copy.is_recorded {
                let now = Instant::now();
                if patience.is_some() {
                    last_byte = now;
                    pace.check(now.duration_since(self.began), received)?;
                }
                copy.record_if_due(self.buffer, now)?;
            }
        }
    }
}

impl Transfer<'_> {
    /// Returns how many bytes one read may bring.
    fn read_bytes(&self) -> usize {
        match &self.shared.rate {
            None => usize::MAX,
            Some((_, bucket)) => lock(bucket).read_bytes(),
        }
    }

    /// Waits until the run's rate allows the next read, or the run must end.
    fn hold_back(&self, bytes: u64) {
        if let Some((since, bucket)) = &self.shared.rate {
            let wait = lock(bucket).take(bytes, since.elapsed());
            if !wait.is_zero() {
                self.shared.stop.wait(wait);
            }
        }
    }
}

fn lock(bucket: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes on their way.
struct Copy<'a, 's> {
    sink: &'a mut Sink<'s>,
    held: &'a mut Held,
    /// Bytes in the buffer.
    filled: usize,
    /// Where the range ends that the body should be.
    end: u64,
    is_recorded: bool,
    recorded_bytes: u64,
    recorded_at: Instant,
}

impl Copy<'_, '_> {
    /// Writes what the buffer holds.
    fn flush(&mut self, buffer: &[u8]) -> Result<(), Cause> {
        if self.filled > 0 {
            let bytes = &buffer[..std::mem::take(&mut self.filled)];
            self.sink.write(bytes, self.held.bytes)?;
            self.held.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn record_if_due(&mut self, buffer: &[u8], now: Instant) -> Result<(), Cause> {
        if !self.is_recorded {
            return Ok(());
        }
        let is_time = now.duration_since(self.recorded_at) >= RECORD_TIME;
        if is_time {
            self.flush(buffer)?;
        }
        if is_time || self.held.bytes - self.recorded_bytes >= RECORD_BYTES {
            self.sink.record(self.held);
            (self.recorded_bytes, self.recorded_at) = (self.held.bytes, now);
        }
        Ok(())
    }
}
