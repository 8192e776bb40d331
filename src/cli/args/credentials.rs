//! What goes along with requests.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// What goes along with requests. No value is checked here: what is wrong with one would be told with it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Credentials and headers")]
pub struct CredentialArgs {
    /// Log in with a name and a password; without the password haul asks for it
    ///
    /// Basic credentials, for the origins of all URLs that are given. Redirects to other origins do not
    /// take them along, nor anything else of this group but `--user-agent`.
    #[arg(short, long, value_name = "NAME[:PASSWORD]", conflicts_with = "bearer")]
    pub user: Option<OsString>,

    /// Log in with a token, or one that is in a file (`@FILE`), on stdin (`-`) or in the environment
    /// (`env:NAME`)
    ///
    /// What is typed as an argument can be seen by all users of the machine, in the list of processes.
    #[arg(long, value_name = "TOKEN")]
    pub bearer: Option<OsString>,

    /// Take logins from `~/.netrc`, or the file that `NETRC` in the environment names
    ///
    /// Each host gets its own, also one that a redirect leads to. Logins that are given in other ways go
    /// before these.
    #[arg(long, conflicts_with = "netrc_file")]
    pub netrc: bool,

    /// Take logins from this file, which is written like `.netrc`
    #[arg(long, value_name = "FILE")]
    pub netrc_file: Option<PathBuf>,

    /// Let redirects take credentials and headers along to any other origin
    #[arg(long)]
    pub location_trusted: bool,

    /// Add a header to requests: `Name: value`, or `@FILE` with one a line
    ///
    /// `Name;` sends it without a value, and `Name:` leaves out one that haul sends by itself. May be
    /// given more than once.
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub header: Vec<OsString>,

    /// The name of the program that servers are told; with `''` they are told none
    #[arg(short = 'A', long, value_name = "NAME")]
    pub user_agent: Option<OsString>,

    /// The page that the URLs are from
    #[arg(long, value_name = "URL")]
    pub referer: Option<OsString>,

    /// Send cookies, such as `a=b; c=d`; may be given more than once
    #[arg(long, value_name = "COOKIES")]
    pub cookie: Vec<OsString>,

    /// Send the cookies of this file, in the format of Netscape, each where it belongs
    ///
    /// Those that servers set meanwhile are sent too.
    #[arg(long, value_name = "FILE")]
    pub cookies: Option<PathBuf>,

    /// Write all cookies to this file at the end, also those that servers have set
    ///
    /// FILE is replaced, and nobody else can read it. It may be that of `--cookies`.
    #[arg(long, value_name = "FILE")]
    pub save_cookies: Option<PathBuf>,
}
