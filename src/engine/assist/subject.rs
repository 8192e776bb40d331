//! What is known of a transfer before it is split.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::assist::sources::Source;
use crate::engine::check::Check;
use crate::model::job::Job;
use crate::model::progress::Progress;
use crate::policy::resume::Held;
use crate::policy::share::Terms;

/// What is known of a transfer that may be split.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Subject {
    /// The job, for events.
    pub(in crate::engine) job: Job,
    /// When its first attempt began.
    pub(in crate::engine) began: Instant,
    /// The name of its file, for people.
    pub(in crate::engine) name: String,
    /// Where its bytes may come from: first where its first response came from, then any mirrors.
    pub(in crate::engine) sources: Vec<Source>,
    /// The representation, and which bytes of it were there at the beginning.
    pub(in crate::engine) held: Held,
    /// Its length.
    pub(in crate::engine) length: u64,
    /// Its strong validator.
    pub(in crate::engine) validator: String,
    /// What a part must have to be worth a connection.
    pub(in crate::engine) terms: Terms,
    /// How many bytes a worker takes at once at most.
    pub(in crate::engine) piece: u64,
    /// Whether its server has answered a range with that range.
    pub(in crate::engine) serves_ranges: bool,
    /// Whether caches on the way are to ask the origin anew.
    pub(in crate::engine) no_cache: bool,
    /// Whether a record is kept of what is there.
    pub(in crate::engine) is_recorded: bool,
    /// What it is checked by.
    pub(in crate::engine) check: Option<Arc<Check>>,
    /// How far it is.
    pub(in crate::engine) progress: Arc<Progress>,
}
