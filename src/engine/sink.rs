//! Where a body goes: a partial file, a device, or standard output.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use crate::disk::device::Device;
use crate::disk::partial::Partial;
use crate::engine::Shared;
use crate::engine::check::Check;
use crate::engine::load::Load;
use crate::model::error::Cause;
use crate::model::failure::Kept;
use crate::policy::resume::Held;

/// Where a body goes.
pub(super) enum Sink<'a> {
    Device(Device),
    Partial(Arc<Partial>),
    Stdout(&'a Shared<'a>, Option<Arc<Check>>),
}

impl Sink<'_> {
    /// Writes bytes at an offset, which for a stream is where it stands.
    pub(super) fn write(&mut self, load: &mut Load<'_>, offset: u64) -> Result<(), Cause> {
        let count = load.len();
        match self {
            Self::Device(device) => device.write(load.seen(count)),
            Self::Partial(partial) => load.write_to(partial, count, offset),
            Self::Stdout(shared, check) => write_out(shared, check.as_ref(), load.seen(count)),
        }
    }

    /// Says what is there for certain, if that can be said.
    pub(super) fn record(&mut self, held: &Held) {
        if let Self::Partial(partial) = self {
            // The old record stays true; a disk that takes no record will fail the next write.
            let _ = partial.record(held);
        }
    }

    /// Begins again with the first byte.
    pub(super) fn start_over(&mut self, reason: &dyn std::fmt::Display) -> Result<(), Cause> {
        match self {
            Self::Partial(partial) => partial.start_over(),
            Self::Device(_) | Self::Stdout(..) => {
                Err(Cause::CannotGoOn { reason: reason.to_string() })
            }
        }
    }

    /// Makes what was written final; returns the path it has then.
    pub(super) fn commit(
        &mut self,
        modified: Option<SystemTime>,
    ) -> Result<Option<PathBuf>, Cause> {
        match self {
            Self::Stdout(..) => Ok(None),
            Self::Device(device) => Ok(Some(device.path().to_owned())),
            Self::Partial(partial) => partial.commit(modified).map(Some),
        }
    }

    /// Keeps what was written for another attempt or run, if that is not known to be of no use.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn keep(self, held: Held) -> Result<Option<Kept>, Cause> {
        match self {
            Self::Partial(partial) => partial.keep(held),
            Self::Device(_) | Self::Stdout(..) => Ok(None),
        }
    }

    /// Returns whether somebody waits for every byte.
    pub(super) fn is_stream(&self) -> bool {
        !matches!(self, Self::Partial(_))
    }
}

/// Writes bytes of a body to standard output.
pub(super) fn write_out(
    shared: &Shared<'_>,
    check: Option<&Arc<Check>>,
    bytes: &[u8],
) -> Result<(), Cause> {
    // Raised before the first byte and lowered by whoever completes the body.
    shared.stream_broken.store(true, Ordering::Relaxed);
    shared.observer.body(bytes).map_err(|source| Cause::Stdout { source })?;
    if let Some(check) = check {
        check.append(bytes);
    }
    Ok(())
}
