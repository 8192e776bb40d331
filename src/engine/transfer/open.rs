//! The partial file of a transfer: opened, and given room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::partial::{Content, Partial, Purpose, Replace, Room, Sync};
use crate::disk::{folder, presence};
use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::engine::{IfLocked, Output, Resume};
use crate::model::error::Cause;
use crate::policy::existing::Presence;
use crate::policy::resume::Held;

impl<'a> Transfer<'a> {
    /// Opens the partial file for a path; what it holds counts if it may be gone on with.
    pub(super) fn open(
        &mut self,
        path: PathBuf,
        replace: Replace,
    ) -> Result<(Sink<'a>, Option<Held>), Cause> {
        let opened = self.open_file(&path, replace);
        self.work.place = Some((path, replace));
        let (partial, content) = opened?;
        let is_first = self.work.resumed_from.is_none();
        let held = match (content, self.shared.options.resume) {
            (Content::Nothing, _) => {
                self.work.resumed_from = Some(0);
                return Ok((Sink::Partial(Arc::new(partial)), None));
            }
            (_, Resume::Never) => None,
            (_, Resume::WithinRun) if is_first => None,
            (Content::Held(held), _) => Some(held),
            (Content::Disbelieved(reason), _) => {
                self.note(&format!("the partial file is not gone on with: {reason}"));
                None
            }
        };
        if held.is_none() {
            partial.start_over()?;
        }
        // What was not there at first is of this run.
        let bytes = held.as_ref().map_or(0, |held| held.ranges.len());
        self.work.resumed_from = Some(self.work.resumed_from.unwrap_or(bytes).min(bytes));
        Ok((Sink::Partial(Arc::new(partial)), held))
    }

    fn open_file(&self, path: &Path, replace: Replace) -> Result<(Partial, Content), Cause> {
        let is_deeper = self.is_deeper(path);
        if is_deeper {
            let folder = path.parent().unwrap_or(path);
            let is_synced = self.shared.sync == Sync::All;
            folder::make_below(&self.shared.options.folder, folder, is_synced)?;
        }
        let opened = Partial::open(&Purpose {
            destination: path,
            replace,
            url: &self.work.recorded_url(),
            other_urls: &self.work.recorded_urls(),
            sync: self.shared.sync,
            // Nobody has looked into the folders below.
            expects_orphan: self.shared.listing.may_have_records() || is_deeper,
        })?;
        // Between the look at the name and the lock another process may have finished the file. One
        // that waits for such a process looks again, and finds it.
        let waits = self.shared.options.if_locked == IfLocked::Wait;
        if waits && replace == Replace::Never && presence(path)? != Presence::Nothing {
            return Err(Cause::InUse { path: path.to_owned() });
        }
        Ok(opened)
    }

    /// Returns whether a list wants the file in a folder below that of all files.
    fn is_deeper(&self, path: &Path) -> bool {
        let options = self.shared.options;
        options.output == Output::Folder && folder::name_in(&options.folder, path).is_none()
    }

    /// Refuses what can be seen not to fit, before its bytes come, and allocates what is to be.
    pub(super) fn make_room(
        &self,
        sink: &mut Sink<'_>,
        held: &Held,
        end: Option<u64>,
    ) -> Result<(), Cause> {
        let Some(length) = held.length.or(end) else { return Ok(()) };
        if let Some(limit) = self.shared.options.max_size.filter(|limit| length > *limit) {
            return Err(Cause::TooLarge { limit });
        }
        if let Sink::Partial(partial) = sink {
            let room =
                partial.make_room(length, held.ranges.len(), self.shared.options.allocation)?;
            if room == Room::NotAllocatable {
                self.note("the file system cannot allocate room in advance");
            }
        }
        Ok(())
    }
}
