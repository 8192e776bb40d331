//! Files that the run reads before it begins, or as it goes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cli::args::Args;
use crate::cli::config::credentials;

/// The option of a list.
pub(super) const LIST: &str = "--input";

/// The option of the cookies that a run begins with.
pub(super) const COOKIES: &str = "--cookies";

/// Returns the options that name such files, and the files.
pub(super) fn all(args: &Args) -> Vec<(&'static str, PathBuf)> {
    let (given, tls) = (&args.credentials, &args.tls);
    let list = |list: &PathBuf| {
        let is_stdin = list.as_os_str() == "-";
        if is_stdin { PathBuf::from("/dev/stdin") } else { list.clone() }
    };
    let mut all: Vec<(&str, PathBuf)> =
        args.input.input.iter().map(|path| (LIST, list(path))).collect();
    if args.input.input.is_empty() && args.input.urls.is_empty() {
        all.push((LIST, PathBuf::from("/dev/stdin")));
    }
    let several = [("--checksums", &args.checks.checksums), ("--ca-cert", &tls.ca_cert)];
    all.extend(
        several
            .into_iter()
            .flat_map(|(option, paths)| paths.iter().map(move |path| (option, path.clone()))),
    );
    let single = [("--cert", &tls.cert), ("--key", &tls.key), (COOKIES, &given.cookies)];
    all.extend(single.into_iter().filter_map(|(option, path)| Some((option, path.clone()?))));
    let netrc = if given.netrc { "--netrc" } else { "--netrc-file" };
    all.extend(credentials::netrc_path(given).map(|path| (netrc, path)));
    let file = |value: &OsString| credentials::file_of(value.as_bytes()).map(Path::to_owned);
    all.extend(given.bearer.iter().filter_map(file).map(|path| ("--bearer", path)));
    all.extend(given.header.iter().filter_map(file).map(|path| ("--header", path)));
    all
}
