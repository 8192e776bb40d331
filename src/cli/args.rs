//! The command line as it is typed. Values are checked for their form only; what they mean together
//! is settled in [`crate::cli::config`].

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::cli::values::{base_url, min_speed, min_split, rate, seconds, stdout_buffer};
use crate::input::Format;
use crate::model::digest::Digest;
use crate::model::job::Target;
use crate::model::size::ByteSize;
use crate::policy::existing::IfExists;
use crate::policy::pace::MinSpeed;
use crate::policy::spacing::Frequency;

const AFTER_HELP: &str = "\
Exit codes:
  0    every file is complete, or was there already
  1    at least one file failed, or the reader of stdout went away
  2    wrong usage, or a list that cannot be read
  129, 130, 143    ended by SIGHUP, SIGINT or SIGTERM

Environment:
  SSL_CERT_FILE, SSL_CERT_DIR    trusted certificates instead of the system's
  TERM=dumb                      no bars

`haul --help` says more than `haul -h`.";

/// Download many files at once, and keep only those that came whole
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that is typed")]
#[derive(Clone, Debug, Parser)]
#[command(name = "haul", version, args_override_self = true, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Args {
    /// What to download; without a scheme `https://` is meant
    ///
    /// Several URLs of one file are one argument with a TAB between each two: the first gives the
    /// name, the others are mirrors that are asked when it fails.
    #[arg(value_name = "URL")]
    pub urls: Vec<String>,

    /// Read URLs from a list, one a line (`-` is stdin)
    ///
    /// Lists of other formats than that are told by their first line (see `--input-format`). Blank lines
    /// and lines that begin with `#` are passed over. The list is read as it comes: the first transfer
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

    /// How many workers there are: files at once, and connections
    ///
    /// A worker without a file helps with that of another (see `--no-split`).
    #[arg(short, long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,

    /// How many connections one host gets at once (default: as many as there are jobs)
    ///
    /// Files of other hosts pass those that wait.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub per_host: Option<u16>,

    /// Let no idle worker help with a file that another downloads
    ///
    /// Otherwise a worker that finds no more files takes over a part of the file that would be done
    /// last, on a connection of its own, if the server serves ranges under a strong validator.
    #[arg(long)]
    pub no_split: bool,

    /// The least that is worth a connection of its own
    ///
    /// No worker helps with less. A part must also be worth three round trips.
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = min_split)]
    pub min_split: ByteSize,

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
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = stdout_buffer)]
    pub stdout_buffer: ByteSize,

    /// Let the server choose names
    ///
    /// From Content-Disposition, else from the URL after redirects. Such a name passes the same
    /// filter as all others and never replaces a file. A file whose URL has no name in its path is
    /// named this way without the option too.
    #[arg(short = 'J', long)]
    pub server_name: bool,

    /// What the file of one URL must be, such as `sha256:9f86d0...`
    ///
    /// md5, sha1, sha256, sha384 or sha512, in hexadecimal digits or as `sha256-BASE64`. A file that
    /// comes with another checksum is fetched once more, past all caches, and then fails. One that is
    /// there already is checked too.
    #[arg(long, value_name = "ALGO:HEX")]
    pub checksum: Option<Digest>,

    /// What to do when a file is there already
    ///
    /// An empty file never counts as there.
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    pub if_exists: IfExistsArg,

    /// Keep the time of the download instead of the server's Last-Modified
    #[arg(long)]
    pub no_mtime: bool,

    /// End each path on stdout with NUL instead of a newline
    #[arg(short = '0', long)]
    pub null: bool,

    /// Print a JSON object for each job as it ends, and one for the totals, instead of paths
    ///
    /// One a line, also where stdout is a terminal. Each completed file comes with its SHA-256. The
    /// README has the fields.
    #[arg(long, conflicts_with = "null")]
    pub json: bool,

    /// Write what failed, or was not done when a signal came, to FILE, as JSON lines
    ///
    /// Each has the URLs as they were given, with their secrets, and the error. FILE is replaced at the
    /// end, and nobody else can read it. It is empty when nothing failed.
    #[arg(long, value_name = "FILE")]
    pub failed: Option<PathBuf>,

    /// Say nothing but errors, and print no paths
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Tell of each request, response and redirect
    #[arg(short, long)]
    pub verbose: bool,

    /// How many redirects to follow for one file
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(0..=100))]
    pub max_redirects: u16,

    /// Follow redirects from https to http
    #[arg(long)]
    pub allow_downgrade: bool,

    /// How many times to try again without progress
    ///
    /// After a connection that broke or was refused, a body that ended early, a stall, a silent name
    /// server, or a status 408, 425, 429, 500, 502, 503 or 504. An attempt that got further than any
    /// before it begins a new count. Waits grow from 1 s to 30 s, at random below that.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub retries: u32,

    /// The longest wait that a server may ask for by Retry-After
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub retry_max_wait: f64,

    /// Receive no more than RATE bytes a second over all files, such as `2M`
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit_rate: Option<ByteSize>,

    /// Receive no more than RATE bytes a second from each host, such as `500K`
    ///
    /// A host is the one that a URL names, with its port. With `--limit-rate` both hold.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit_rate_host: Option<ByteSize>,

    /// Begin no more than N requests a UNIT (s, m, h or d), such as `2/s` or `30/m`
    ///
    /// All of the run's are counted, also those that follow a redirect or go on after a failure. They
    /// are begun evenly: with `30/m` one every two seconds. Waiting counts as time of the file.
    #[arg(long, value_name = "N/UNIT")]
    pub rate: Option<Frequency>,

    /// Fail an attempt that is slower than RATE over SECONDS, such as `50K:10`
    #[arg(long, value_name = "RATE:SECONDS", value_parser = min_speed)]
    pub min_speed: Option<MinSpeed>,

    /// The longest time for one file, with all its attempts
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub max_time: Option<f64>,

    /// The largest file, such as `500M`
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<ByteSize>,

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

    /// How long looking up, connecting and the TLS handshake may take together
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub connect_timeout: f64,

    /// How long a server may send nothing
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub stall_timeout: f64,

    /// Print the manual page or a shell's completions, and end
    #[arg(long, value_name = "KIND")]
    pub generate: Option<Generate>,
}

/// What `--generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Completions for bash
    Bash,
    /// Completions for elvish
    Elvish,
    /// Completions for fish
    Fish,
    /// The manual page, in roff
    Man,
    /// Completions for `PowerShell`
    Powershell,
    /// Completions for zsh
    Zsh,
}

/// What `--input-format` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Each list as it looks; a pipe by its first line
    Auto,
    /// A URL a line, or several of one file with TABs between them
    Lines,
    /// A JSON object a line, with `url` and, as wanted, `mirrors`, `out`, `checksum`, `sha256`, `size`
    Jsonl,
    /// What `sha256sum` and its kin write; needs `--base-url`
    Sums,
    /// URLs and, indented below them, `out=`, `dir=` and `checksum=`
    Aria2,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Self {
        match arg {
            FormatArg::Auto => Self::Auto,
            FormatArg::Lines => Self::Lines,
            FormatArg::Jsonl => Self::Jsonl,
            FormatArg::Sums => Self::Sums,
            FormatArg::Aria2 => Self::Aria2,
        }
    }
}

/// What `--if-exists` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfExistsArg {
    /// Take it as complete: haul only gives finished files their name
    Skip,
    /// Replace it once the new one is complete
    Overwrite,
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
            IfExistsArg::Rename => Self::Rename,
            IfExistsArg::Error => Self::Error,
        }
    }
}

/// Returns the manual page or the completions.
///
/// # Errors
/// Never, but for a writer that fails; this one is memory.
pub fn generate(kind: Generate) -> std::io::Result<Vec<u8>> {
    use clap::CommandFactory;
    use clap_complete::Shell;
    let mut command = Args::command();
    let mut text = Vec::new();
    let shell = match kind {
        Generate::Man => {
            clap_mangen::Man::new(command).render(&mut text)?;
            return Ok(text);
        }
        Generate::Bash => Shell::Bash,
        Generate::Elvish => Shell::Elvish,
        Generate::Fish => Shell::Fish,
        Generate::Powershell => Shell::PowerShell,
        Generate::Zsh => Shell::Zsh,
    };
    clap_complete::generate(shell, &mut command, "haul", &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_has_help() {
        for argument in Args::command().get_arguments() {
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
        }
    }

    #[test]
    fn the_manual_page_names_every_option() {
        let page = String::from_utf8(generate(Generate::Man).unwrap()).unwrap().replace('\\', "");
        for argument in Args::command().get_arguments() {
            if let Some(long) = argument.get_long() {
                assert!(page.contains(&format!("--{long}")), "{long}");
            }
        }
    }
}
