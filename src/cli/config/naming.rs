//! What names are made by.

use anyhow::{Result, bail};

use crate::cli::args::Args;
use crate::policy::template::{TREE, Template};

/// Returns the template of names, if there is one.
///
/// # Errors
/// An option that would mean nothing beside it.
pub(super) fn template(args: &Args) -> Result<Option<Template>> {
    let template = match &args.files.name {
        Some(template) => Some(template.clone()),
        None if args.files.tree => TREE.parse().ok(),
        None => None,
    };
    if args.files.server_name && template.as_ref().is_some_and(|template| !template.has_name()) {
        bail!(
            "`--server-name` gives `{{name}}`, `{{stem}}` and `{{ext}}`, and the template of \
             `--name` has none of them"
        );
    }
    Ok(template)
}
