//! Where files go, and what happens to what is there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::values::stdout_buffer;
use crate::model::size::ByteSize;
use crate::policy::existing::IfExists;
use crate::policy::template::Template;

/// Where files go, and what happens to what is there.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that is typed")]
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Files")]
pub struct FileArgs {
    /// Put files into this folder, which is made if need be
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Name for the file of one URL; `-` sends all files to stdout
    ///
    /// With `-` the files come one after the other, in the order of the list.
    #[arg(short, long, value_name = "FILE", conflicts_with = "server_name")]
    pub output: Option<PathBuf>,

    /// How much of a file may wait in memory for its turn on stdout
    ///
    /// With `-o -` all workers bring parts of one file. What comes ahead of the next byte is held until
    /// the reader has taken what is before it.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = stdout_buffer, allow_negative_numbers = true)]
    pub stdout_buffer: ByteSize,

    /// Let the server choose names
    ///
    /// From Content-Disposition, else from the URL after redirects. Such a name passes the same
    /// filter as all others and never replaces a file. A file whose URL has no name in its path is
    /// named this way without the option too.
    #[arg(short = 'J', long)]
    pub server_name: bool,

    /// Make names by a template, such as `{host}/{stem}-{index:04}.{ext}`
    ///
    /// `/` divides folders, which are made as they are needed. Known are `{host}` (with `_PORT` if it is not
    /// the scheme's), `{path}` (all of the URL's path), `{dir}` (that without its last component),
    /// `{name}` (its last component), `{stem}` and `{ext}` (the two parts of that), `{index}` (the number of
    /// the file in this run), `{sha256}` and `{query}`; `{{` and `}}` are braces. Paths in lists go
    /// before the template. With `-J` the server gives `{name}`, `{stem}` and `{ext}`.
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["output", "tree"])]
    pub name: Option<Template>,

    /// Put each file where its URL has it: `--name {host}/{path}`
    #[arg(long, conflicts_with_all = ["output", "server_name"])]
    pub tree: bool,

    /// What to do when a file is there already
    ///
    /// An empty file never counts as there.
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    pub if_exists: IfExistsArg,

    /// Keep the time of the download instead of the server's Last-Modified
    #[arg(long)]
    pub no_mtime: bool,

    /// Begin with the first byte, whatever an earlier run left
    #[arg(long)]
    pub restart: bool,

    /// Neither go on with partial files nor keep any
    #[arg(long, conflicts_with = "restart")]
    pub no_resume: bool,

    /// Sync each file and its folder to the disk before it counts as saved
    #[arg(long)]
    pub fsync: bool,

    /// Allocate all of a file on the disk before its first byte
    ///
    /// A full disk or quota is found before the transfer then, not at its end. What the file system
    /// cannot allocate is downloaded all the same.
    #[arg(long)]
    pub prealloc: bool,

    /// Wait for another haul that is writing the same file, rather than fail
    #[arg(long)]
    pub wait_lock: bool,
}

/// What `--if-exists` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfExistsArg {
    /// Take it as complete: haul only gives finished files their name
    Skip,
    /// Replace it once the new one is complete
    Overwrite,
    /// Replace it if the server has another
    Update,
    /// Give the new one a number
    Rename,
    /// Fail
    Error,
}

impl From<IfExistsArg> for IfExists {
    fn from(arg: IfExistsArg) -> Self {
        match arg {
            IfExistsArg::Skip => Self::Skip,
            IfExistsArg::Overwrite => Self::Overwrite,
            IfExistsArg::Update => Self::Update,
            IfExistsArg::Rename => Self::Rename,
            IfExistsArg::Error => Self::Error,
        }
    }
}
