//! Plain lists: one URL a line, or several of one file.
//!
//! Blank lines and lines that begin with `#` are passed over, and so are blanks around a URL.

use crate::input::entry::Entry;
use crate::input::lines::Line;
use crate::model::error::Cause;
use crate::model::job::Origin;
use crate::policy::target::Series;

/// Reads a line that says something; `urls` are those of its list.
pub(super) fn read(origin: Origin, line: Line<'_>, urls: &mut Series) -> Entry {
    match line.text() {
        Ok(text) => Entry::new(origin, text, |text| urls.parse(text)),
        Err(reason) => Entry::bad(origin, Cause::BadUrl { reason, hint: None }, ""),
    }
}
