//! What connections go through.

use std::fmt;

use clap::Args;

/// What connections go through.
#[derive(Args, Clone)]
#[command(next_help_heading = "Proxies")]
pub struct ProxyArgs {
    /// Send all requests through this proxy (`''` for none)
    ///
    /// http, https, socks4, socks4a, socks5 or socks5h; without a scheme `http://` is meant, and
    /// without a port 1080, or 443 for https. Without this option the environment tells: see below.
    /// With socks4 and socks5 names are looked up here, with the others by the proxy.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,

    /// Hosts that are asked without a proxy, separated by commas
    ///
    /// Names, which cover what is below them, addresses and networks such as `10.0.0.0/8`; a name or an
    /// address with a port means that port only; `*` is all. Instead of the variable `no_proxy`.
    #[arg(long, value_name = "LIST")]
    pub no_proxy: Option<String>,

    /// The login for the proxy, instead of the one in its URL
    #[arg(long, value_name = "NAME:PASSWORD")]
    pub proxy_user: Option<String>,
}

impl fmt::Debug for ProxyArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyArgs(***)")
    }
}
