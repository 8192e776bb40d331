//! Looking at a file that was there before: is it what it must be?

use std::path::Path;

use crate::disk;
use crate::engine::check::go_on;
use crate::engine::{Account, Shared};
use crate::model::digest::{Algorithm, Digest, Hasher};
use crate::model::error::Cause;
use crate::model::job::Job;
use crate::model::known::Found;
use crate::model::progress::Progress;

/// Looks at a file that was there before, and reads it where only that tells whether it is what it must
/// be. Returns what is known of it, if anybody asks for that.
///
/// # Errors
/// [`Cause::WrongSize`], [`Cause::Mismatch`]; what the disk says; any when the run must end.
pub(in crate::engine) fn examine(
    shared: &Shared<'_>,
    job: &Job,
    path: &Path,
    progress: &Progress,
) -> Result<Option<Found>, Cause> {
    let locking = shared.options.lock.as_ref();
    let locked = job.known.as_ref().and_then(|known| known.locked.as_ref());
    let is_told = shared.options.account == Account::Full;
    if job.size.is_none() && job.checksum.is_none() && locked.is_none() && !is_told {
        return Ok(None);
    }
    let mut found = disk::found(path)?;
    let wanted_sizes = [job.size, locked.map(|locked| locked.size)];
    if let Some(wanted) = wanted_sizes.into_iter().flatten().find(|&wanted| wanted != found.size) {
        let existing = Some(path.to_owned());
        return Err(Cause::WrongSize { existing, wanted, found: Some(found.size) });
    }
    // What else is known that the file must be, the lock cannot vouch for.
    let is_all = |sum: &Digest| job.checksum.as_deref().is_none_or(|wanted| wanted == sum);
    if let Some(locked) = locked.filter(|locked| locked.is_untouched(&found))
        && locking.is_none_or(|locking| !locking.is_hashed)
        && is_all(&locked.sha256)
    {
        found.sha256 = Some(locked.sha256.clone());
        return Ok(Some(found));
    }
    let wanted: Vec<&Digest> =
        job.checksum.as_deref().into_iter().chain(locked.map(|locked| &locked.sha256)).collect();
    let mut algorithms: Vec<Algorithm> = wanted.iter().map(|digest| digest.algorithm()).collect();
    algorithms.extend(locking.map(|_| Algorithm::Sha256));
    progress.set_length(Some(found.size));
    let mut digests = hash(shared, path, &algorithms, progress)?.into_iter();
    for wanted in wanted {
        let Some(digest) = digests.next() else { break };
        if digest != *wanted {
            let (existing, wanted) = (Some(path.to_owned()), Box::new(wanted.clone()));
            return Err(Cause::Mismatch { existing, wanted, found: Box::new(digest) });
        }
        found.sha256 = Some(digest).filter(is_sha256).or(found.sha256);
    }
    found.sha256 = digests.find(is_sha256).or(found.sha256);
    Ok(Some(found))
}

fn is_sha256(digest: &Digest) -> bool {
    digest.algorithm() == Algorithm::Sha256
}

/// Computes digests of a whole file, in the order asked for.
///
/// # Errors
/// What the disk says; any when the run must end.
fn hash(
    shared: &Shared<'_>,
    path: &Path,
    algorithms: &[Algorithm],
    progress: &Progress,
) -> Result<Vec<Digest>, Cause> {
    // Each is computed once.
    let mut hashers: Vec<(Algorithm, Hasher)> = Vec::new();
    for &algorithm in algorithms {
        if hashers.iter().all(|(other, _)| *other != algorithm) {
            hashers.push((algorithm, Hasher::new(algorithm)));
        }
    }
    if !hashers.is_empty() {
        disk::read(path, |bytes| {
            for (_, hasher) in &mut hashers {
                hasher.update(bytes);
            }
            progress.advance_by(0, bytes.len() as u64);
            go_on(shared.stop)
        })?;
    }
    let of = |algorithm: &Algorithm| hashers.iter().find(|(other, _)| other == algorithm);
    Ok(algorithms.iter().filter_map(|algorithm| Some(of(algorithm)?.1.digest())).collect())
}
