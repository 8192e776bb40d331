//! How servers are asked.

use clap::Args;

use crate::cli::values::{seconds, whole};
use crate::policy::command::Command;
use crate::policy::scheme::Schemes;

/// How servers are asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// Which schemes URLs may have, also after redirects, such as `https` or `-file,-data`
    ///
    /// As curl has it: `https` or `=https` is this one alone, `+https` adds it and `-http` takes it away.
    /// haul speaks http, https, file and data. No redirect leads to a file or to data.
    #[arg(long, value_name = "SCHEMES", allow_hyphen_values = true)]
    pub proto: Option<Schemes>,

    /// Let servers pack files for the way (gzip, br, zstd), and save them unpacked
    ///
    /// Then no partial file is gone on with or kept, and no idle worker helps: the bytes of what is unpacked
    /// cannot be asked for. A file whose name says that it is packed stays as it is.
    #[arg(long)]
    pub compressed: bool,

    /// How many redirects to follow for one file
    ///
    /// One that leads back to a URL that was visited is followed too: it may answer otherwise by then.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = whole(0_u16, 100), allow_negative_numbers = true)]
    pub max_redirects: u16,

    /// Follow redirects from https to http
    #[arg(long)]
    pub allow_downgrade: bool,

    /// Run a command for a new URL when a server refuses one (401, 403), such as `sign-again {}`
    ///
    /// `{}` is the URL as it was given; without it that is the last argument. The first line that the command
    /// writes to stdout is asked instead, for the same file: what is there of it is gone on with if it is
    /// still the same. Up to three times without progress in between. Words are divided as for `--exec`.
    #[arg(long, value_name = "COMMAND")]
    pub refresh_cmd: Option<Command>,

    /// How long looking up, connecting, a proxy and the TLS handshake may take together
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    pub connect_timeout: f64,

    /// How long a server may send nothing
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, allow_negative_numbers = true)]
    pub stall_timeout: f64,
}
