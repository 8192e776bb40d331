//! The final name of a complete file, where that is known only now.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::disk::partial::{Partial, Replace, Sync};
use crate::disk::{self, folder, presence};
use crate::engine::naming;
use crate::engine::sink::Sink;
use crate::engine::transfer::Transfer;
use crate::model::digest::Digest;
use crate::model::error::Cause;
use crate::policy::existing::{Admission, IfExists, NamedBy, admit};

/// How often it is looked anew what is under a name that another transfer took meanwhile.
const MAX_LOOKS: usize = 3;

/// What became of a complete file.
pub(super) enum Settled {
    /// It has its name, unless it is a stream.
    Saved(Option<PathBuf>),
    /// A file with its content is there already.
    There(PathBuf),
}

impl<'a> Transfer<'a> {
    /// Gives a complete file its name.
    pub(super) fn settle(
        &self,
        sink: &mut Sink<'a>,
        modified: Option<SystemTime>,
        size: u64,
        sha256: Option<&Digest>,
    ) -> Result<Settled, Cause> {
        let job = &self.work.job;
        let by_content =
            self.shared.content_template(job).zip(sha256).and_then(|(template, sha256)| {
                let server_name = self.work.server_name.as_deref();
                naming::place_by_content(template, job, server_name, sha256)
            });
        match (by_content, &*sink) {
            (Some(path), Sink::Partial(partial)) => self.settle_at(partial, &path, modified, size),
            _ => sink.commit(modified).map(Settled::Saved),
        }
    }

    /// Gives a file the name that its content gives it. What has that name has that content, so that none
    /// is ever numbered.
    fn settle_at(
        &self,
        partial: &Partial,
        path: &Path,
        modified: Option<SystemTime>,
        size: u64,
    ) -> Result<Settled, Cause> {
        let options = self.shared.options;
        let deeper = path.parent().filter(|parent| *parent != options.folder);
        if let Some(deeper) = deeper {
            folder::make_below(&options.folder, deeper, self.shared.sync == Sync::All)?;
        }
        let wish = match options.if_exists {
            IfExists::Rename => IfExists::Skip,
            wish => wish,
        };
        let mut looks = 0;
        loop {
            looks += 1;
            let replace = match admit(presence(path)?, wish, NamedBy::Url) {
                Admission::Create => Replace::Never,
                Admission::Replace => Replace::Allowed,
                Admission::Skip | Admission::Renumber | Admission::Update => {
                    return match disk::found(path)?.size {
                        found if found == size => Ok(Settled::There(path.to_owned())),
                        found => Err(Cause::WrongSize {
                            existing: Some(path.to_owned()),
                            wanted: size,
                            found: Some(found),
                        }),
                    };
                }
                Admission::Exists => {
                    return Err(Cause::Exists { path: path.to_owned(), is_new: false });
                }
                Admission::NotAFile(what) => {
                    return Err(Cause::NotAFile { path: path.to_owned(), what });
                }
                Admission::WriteInto => {
                    return Err(Cause::NotAFile { path: path.to_owned(), what: "a device" });
                }
            };
            match partial.commit_to(path, replace, modified) {
                // Another transfer of the same content was faster.
                Err(Cause::Exists { .. }) if looks < MAX_LOOKS => {}
                committed => return committed.map(|()| Settled::Saved(Some(path.to_owned()))),
            }
        }
    }
}
