//! What a run would do for a job, found out without a request and without a trace.

use std::path::Path;

use crate::disk::partial::{self, Replace};
use crate::engine::Resume;
use crate::engine::transfer::{Done, Place, Setback, Transfer};
use crate::model::job::Destination;
use crate::model::survey::{self, Planned, Replaces};
use crate::policy::resume;

impl Transfer<'_> {
    /// Looks where the job's bytes would go, and what of them is there.
    ///
    /// # Errors
    /// What a run would find as soon.
    pub(super) fn plan(mut self) -> Result<Done, Setback> {
        if self.shared.content_template(&self.work.job).is_some() {
            return Ok(Done::Planned(self.unnamed()));
        }
        let (path, replaces) = match self.place_before_request()? {
            Some(Place::Skip(path, found)) => return Ok(Done::skipped(path, found)),
            Some(Place::Write(path, Replace::Allowed)) => (path, Replaces::Always),
            Some(Place::Write(path, _) | Place::Device(path)) => (path, Replaces::Nothing),
            None if self.work.update.is_some() => return Ok(Done::Planned(self.updated())),
            Some(Place::Stdout) | None => return Ok(Done::Planned(self.unnamed())),
        };
        let (resumed_from, length) = self.held(&path);
        let place = survey::Place::File(path);
        Ok(Done::Planned(Planned { place, replaces, resumed_from, length }))
    }

    /// A file that is replaced if the server has another.
    fn updated(&self) -> Planned {
        let path = self.work.place.as_ref().map(|(path, _)| path.clone()).unwrap_or_default();
        let (resumed_from, length) = self.held(&path);
        let replaces = Replaces::IfChanged;
        Planned { place: survey::Place::File(path), replaces, resumed_from, length }
    }

    fn unnamed(&self) -> Planned {
        let folder = match &self.work.job.destination {
            Destination::Unnamed(folder) => folder.clone(),
            Destination::ByContent(path) => path.parent().map(Path::to_owned).unwrap_or_default(),
            Destination::File(_) | Destination::Stdout => self.shared.options.folder.clone(),
        };
        let place = survey::Place::Folder(folder);
        Planned { place, replaces: Replaces::Nothing, resumed_from: 0, length: None }
    }

    /// Returns how much of a file would be gone on with, and how long it is.
    fn held(&self, path: &Path) -> (u64, Option<u64>) {
        if self.shared.options.resume != Resume::Always {
            return (0, None);
        }
        let url = self.work.recorded_url();
        let held = partial::look(path, &url, &self.work.recorded_urls());
        match resume::plan(held.as_ref()) {
            resume::Plan::Rest { .. } => {
                held.map_or((0, None), |held| (held.ranges.len(), held.length))
            }
            resume::Plan::Whole(_) => (0, None),
        }
    }
}
