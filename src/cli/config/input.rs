//! What the input is told.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::args::{Args, FormatArg};
use crate::cli::environment::Environment;
use crate::input::{Format, Options, Source};
use crate::policy::placement::Base;

/// Returns where URLs come from: lists come after arguments; without either, standard input is the list.
///
/// # Errors
/// No source, or one that can not be what it is taken for.
pub(super) fn sources(args: &Args, environment: &Environment) -> Result<Vec<Source>> {
    let (urls, lists) = (&args.input.urls, &args.input.input);
    let checksum = &args.checks.checksum;
    if checksum.is_some() && (urls.len() != 1 || !lists.is_empty()) {
        bail!("`--checksum` is of one file; give one URL and no list with it");
    }
    if lists.iter().filter(|list| list.as_os_str() == "-").count() > 1 {
        bail!("`--input -` reads standard input, which can be done once");
    }
    let argument =
        |text: &String| Source::Argument { text: text.clone(), checksum: checksum.clone() };
    let mut sources: Vec<Source> = urls.iter().map(argument).collect();
    sources.extend(lists.iter().map(|list| {
        if list.as_os_str() == "-" { Source::Stdin } else { Source::File(list.clone()) }
    }));
    if sources.is_empty() {
        if environment.stdin_is_terminal {
            bail!("no URL; give one, or a list with `--input FILE` (`haul --help` tells more)");
        }
        sources.push(Source::Stdin);
    }
    let has_lists = sources.iter().any(|source| !matches!(source, Source::Argument { .. }));
    if args.input.base_url.is_some() && !has_lists {
        bail!("`--base-url` is for lists of checksums, and there is no list");
    }
    if !matches!(args.input.input_format, FormatArg::Auto) && !has_lists {
        bail!("`--input-format` says how lists are written, and there is no list");
    }
    Ok(sources)
}

/// Returns the files of checksums.
///
/// # Errors
/// One that looks like standard input.
pub(super) fn checksums(args: &mut Args) -> Result<Vec<PathBuf>> {
    let files = std::mem::take(&mut args.checks.checksums);
    if files.iter().any(|file| file.as_os_str() == "-") {
        bail!("`--checksums -` is no file; for standard input give `/dev/stdin`");
    }
    Ok(files)
}

/// Returns how lists are read.
///
/// # Errors
/// A format that contradicts another option.
pub(super) fn options(args: &Args) -> Result<Options> {
    let format = Format::from(args.input.input_format);
    match (&args.input.base_url, format) {
        (None, Format::Sums) if !args.mode.verify => {
            bail!("`--input-format sums` needs `--base-url`, the folder with the files");
        }
        (Some(_), Format::Aria2 | Format::Jsonl | Format::Lines | Format::Metalink) => {
            bail!("`--base-url` is for lists of checksums only");
        }
        _ => {}
    }
    let folder = args.files.dir.clone().unwrap_or_default();
    Ok(Options {
        format,
        base: args.input.base_url.clone(),
        is_offline: args.mode.verify,
        folder: base_of(&folder),
    })
}

/// Returns the forms in which paths of lists may begin with the folder of all files.
fn base_of(folder: &Path) -> Base {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Where the current folder cannot be told, no absolute path leads below it.
    Base { given: folder.to_owned(), absolute: std::path::absolute(here).unwrap_or_default() }
}
