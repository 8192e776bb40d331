//! The command line as it is typed. Values are checked for their form only; what they mean together
//! is settled in [`crate::cli::config`].

use clap::{Parser, ValueEnum};

pub use crate::cli::args::addresses::AddressArgs;
pub use crate::cli::args::checks::CheckArgs;
pub use crate::cli::args::credentials::CredentialArgs;
pub use crate::cli::args::files::{FileArgs, IfExistsArg};
pub use crate::cli::args::input::{FormatArg, InputArgs};
pub use crate::cli::args::limits::LimitArgs;
pub use crate::cli::args::lock::LockArgs;
pub use crate::cli::args::mode::ModeArgs;
pub use crate::cli::args::proxies::ProxyArgs;
pub use crate::cli::args::requests::RequestArgs;
pub use crate::cli::args::results::{JsonArg, ResultArgs};
pub use crate::cli::args::tls::{TlsArgs, TlsMinArg};
pub use crate::cli::args::workers::WorkerArgs;

mod addresses;
mod checks;
mod credentials;
mod files;
mod input;
mod limits;
mod lock;
mod mode;
mod proxies;
mod requests;
mod results;
mod tip;
mod tls;
mod workers;

const AFTER_HELP: &str = "\
Exit codes:
  0    every file is complete, or was there already
  1    at least one file failed, or the reader of stdout went away
  2    wrong usage, or a list that cannot be read
  129, 130, 143    ended by SIGHUP, SIGINT or SIGTERM

Environment:
  PATH                           where the programs of `--exec` and `--refresh-cmd` are
  HOME, NETRC                    the file of `--netrc`: `~/.netrc`, or this one
  SSL_CERT_FILE, SSL_CERT_DIR    trusted certificates instead of the system's
  http_proxy, https_proxy, all_proxy, no_proxy    proxies, as curl reads them
  TERM=dumb                      no bars
  NO_COLOR                       no colour in this help and in usage errors

`haul --help` says more than `haul -h`.";

/// Download many files at once, and keep only those that came whole
#[derive(Clone, Debug, Parser)]
#[command(name = "haul", version, args_override_self = true, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Args {
    /// What is downloaded.
    #[command(flatten)]
    pub input: InputArgs,

    /// Where files go, and what happens to what is there.
    #[command(flatten)]
    pub files: FileArgs,

    /// What files must be.
    #[command(flatten)]
    pub checks: CheckArgs,

    /// What an earlier run brought.
    #[command(flatten)]
    pub locks: LockArgs,

    /// What is done instead of downloading.
    #[command(flatten)]
    pub mode: ModeArgs,

    /// How many connections there are, and what they do.
    #[command(flatten)]
    pub workers: WorkerArgs,

    /// What is told, and where.
    #[command(flatten)]
    pub results: ResultArgs,

    /// How servers are asked.
    #[command(flatten)]
    pub requests: RequestArgs,

    /// What goes along with requests.
    #[command(flatten)]
    pub credentials: CredentialArgs,

    /// Whom haul trusts over https, and how it names itself there.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// What connections go through.
    #[command(flatten)]
    pub proxies: ProxyArgs,

    /// Where connections go, and where they come from.
    #[command(flatten)]
    pub addresses: AddressArgs,

    /// How much, how fast, how long, how often.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Print the manual page or a shell's completions, and end
    #[arg(long, value_name = "KIND", help_heading = None)]
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
