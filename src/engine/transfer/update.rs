//! Replacing a file only if the server has another (`--if-exists update`).

use std::path::PathBuf;

use crate::disk;
use crate::disk::leftovers;
use crate::disk::partial::Replace;
use crate::engine::transfer::existing::examine;
use crate::engine::transfer::place::Place;
use crate::engine::transfer::{Done, Transfer};
use crate::engine::work::Update;
use crate::http::head::Head;
use crate::model::error::Cause;
use crate::policy::update::{condition, is_unchanged};

impl Transfer<'_> {
    /// Decides what tells whether the server has another file than the one that is there, and takes note of
    /// it. One that is not what it must be is replaced in any case.
    ///
    /// # Errors
    /// What the disk says; any when the run must end.
    pub(super) fn place_update(&mut self, path: PathBuf) -> Result<Place, Cause> {
        let job = &self.work.job;
        let examined = examine(self.shared, job, &path, self.progress);
        let judged = examined.and_then(|found| self.judge_existing_pieces(&path).map(|()| found));
        let found = match judged {
            Ok(Some(found)) => found,
            Ok(None) => disk::found(&path)?,
            Err(Cause::Mismatch { .. } | Cause::WrongPiece { .. } | Cause::WrongSize { .. }) => {
                return Ok(Place::Write(path, Replace::Allowed));
            }
            Err(cause) => return Err(cause),
        };
        let known = job.known.as_ref().map(|known| &known.validators);
        self.work.update =
            condition(known, &found).map(|condition| Box::new(Update { found, condition }));
        Ok(Place::Write(path, Replace::Allowed))
    }

    /// Returns where to write before the response; nowhere if only that tells whether anything is to be
    /// written.
    pub(super) fn await_answer(&mut self, place: Place) -> Option<Place> {
        if let (Some(_), Place::Write(path, replace)) = (&self.work.update, &place) {
            self.work.place = Some((path.clone(), *replace));
            return None;
        }
        Some(place)
    }

    /// Returns the end of a job whose file is what the server has, if a response says so.
    pub(super) fn judge_update(&mut self, head: &Head) -> Option<Done> {
        let Update { found, condition } = &**self.work.update.as_ref()?;
        let (status, length) = (head.status, head.length());
        if !is_unchanged(condition, found, status, length, &head.validators) {
            if matches!(status, 200 | 206) {
                self.work.update = None;
            }
            return None;
        }
        let (path, _) = self.work.place.clone()?;
        // What an earlier run left of another version is of no use.
        leftovers::tidy(&path);
        let found = self.work.update.take().map(|update| update.found);
        Some(Done::Skipped { path, found, is_unchanged: true })
    }
}
