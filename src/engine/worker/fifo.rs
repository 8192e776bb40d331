//! A FIFO that a file goes into, and whoever reads it.

use std::time::Instant;

use crate::disk::device;
use crate::engine::transfer::time_left;
use crate::engine::work::Work;
use crate::engine::{Mode, Output, Shared};
use crate::model::error::Cause;
use crate::model::job::Destination;

/// Waits for the reader of the FIFO that a work's bytes go into, if they do, before they are asked for;
/// `began` is when its first attempt did. Once there was one it is not waited for another.
///
/// # Errors
/// [`Cause::TimeOver`], [`Cause::Disk`]. After a stop the FIFO may have no reader.
pub(super) fn await_reader(
    shared: &Shared<'_>,
    work: &mut Work,
    began: Instant,
) -> Result<(), Cause> {
    let is_named = matches!(shared.options.output, Output::File(_));
    let Destination::File(path) = &work.job.destination else { return Ok(()) };
    if !is_named || shared.options.mode != Mode::Fetch || work.fifo.is_some() {
        return Ok(());
    }
    work.fifo = device::await_reader(path, |turn| {
        if shared.stop.wait(turn) {
            return Ok(false);
        }
        time_left(shared, began).map(|_| true)
    })?;
    Ok(())
}
