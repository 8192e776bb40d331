//! What is downloaded.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::values::base_url;
use crate::input::Format;
use crate::model::job::Target;

/// What is downloaded.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// What to download; without a scheme `https://` is meant
    ///
    /// Several URLs of one file are one argument with a TAB between each two: the first gives the
    /// name, the others are mirrors that are asked when it fails.
    #[arg(value_name = "URL", help_heading = None)]
    pub urls: Vec<String>,

    /// Read URLs from a list, one a line (`-` is stdin)
    ///
    /// Lists of other formats than that are told by their first line (see `--input-format`), and those
    /// that gzip, xz or zstd packed are unpacked. Blank lines and lines that begin with `#` are passed
    /// over. The list is read as it comes: the first transfer
    /// starts with the first line. Several URLs on a line, with a TAB between each two,
    /// are of one file: the first gives the name, the others are mirrors. May be given more than once.
    /// Without a URL and without a list, haul reads stdin unless that is a terminal.
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,

    /// How lists are written
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub input_format: FormatArg,

    /// The URL of the folder with the files of a list of checksums
    ///
    /// The names in the list are taken as paths below it.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub base_url: Option<Target>,
}

/// What `--input-format` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Each list as it looks; a pipe by its first line
    Auto,
    /// A URL a line, or several of one file with TABs between them
    Lines,
    /// A JSON object a line, with `url` and, as wanted, `mirrors`, `out`, `checksum`, `sha256`, `size`,
    /// `headers`
    Jsonl,
    /// What `sha256sum` and its kin write; needs `--base-url`
    Sums,
    /// URLs and, indented below them, `out=`, `dir=`, `checksum=` and `header=`
    Aria2,
    /// A Metalink document: RFC 5854, or version 3
    Metalink,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Self {
        match arg {
            FormatArg::Auto => Self::Auto,
            FormatArg::Lines => Self::Lines,
            FormatArg::Jsonl => Self::Jsonl,
            FormatArg::Sums => Self::Sums,
            FormatArg::Aria2 => Self::Aria2,
            FormatArg::Metalink => Self::Metalink,
        }
    }
}
