//! Where connections go, and where they come from.

use std::path::PathBuf;

use clap::Args;

use crate::policy::address::{Detour, Given};

/// Where connections go, and where they come from.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Addresses")]
pub struct AddressArgs {
    /// Use addresses of IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub ipv4: bool,

    /// Use addresses of IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub ipv6: bool,

    /// Use these addresses for a host and a port, without looking it up
    ///
    /// The host may be `*`. May be given more than once.
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]...")]
    pub resolve: Vec<Given>,

    /// Connect to HOST2 and PORT2 for URLs with HOST1 and PORT1
    ///
    /// What is sent stays as it is, and so does the name that a certificate must have. An empty HOST1 or
    /// PORT1 is any, an empty HOST2 or PORT2 that of the URL. May be given more than once: the first that
    /// fits holds.
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub connect_to: Vec<Detour>,

    /// Connect from this address of the machine, or over this network device
    #[arg(long, value_name = "ADDRESS|NAME")]
    pub interface: Option<String>,

    /// Connect to this socket instead of the hosts of URLs
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
}
