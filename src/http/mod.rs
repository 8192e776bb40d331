//! Floor 2: HTTP as haul uses it, typed. The only place that names ureq.
//!
//! ```text
//! Client (one a worker) ── ureq::Agent ── connector ── resolver, dial, proxy, TLS ── Wire (the transport)
//!         │                                                                     │
//!         └──────────────────────── Link: what the wire noticed ◄───────────────┘
//! ```
//!
//! ureq speaks the protocol. Connections are ours, because ureq's cannot be interrupted while they
//! are opened, try one address after the other, and take a reset or a missing close_notify for the
//! end of a body that has no length.

pub mod body;
mod bounded;
mod buffers;
pub mod client;
mod conduit;
mod connector;
mod dial;
mod fields;
pub mod head;
pub mod jar;
mod layers;
mod link;
mod local;
mod low_water;
mod normalizer;
mod proxy;
mod remote;
mod request;
mod resolver;
pub mod tls;
mod unix;
mod unpack;
mod wire;
mod words;

use std::io;
use std::time::Duration;

use crate::policy::address::Addresses;
use crate::policy::proxy::Proxies;

/// What the user can set about connections.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long opening one may take: name look-up, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
    /// How long nothing may come from a server that owes us bytes.
    pub stall_timeout: Duration,
    /// Whom haul trusts, and how it names itself.
    pub tls: tls::Options,
    /// What requests go through.
    pub proxies: Proxies,
    /// Where connections go.
    pub addresses: Addresses,
    /// Whether servers are asked to pack bodies, which are unpacked as they come.
    pub unpacks: bool,
}

impl Options {
    /// Checks that connections can come from where they are to come from.
    ///
    /// # Errors
    /// What the system says.
    pub fn check_interface(&self) -> io::Result<()> {
        match &self.addresses.interface {
            Some(interface) => dial::check(interface),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
impl Options {
    /// What a test of the engine begins with: one bound for all waits.
    pub(crate) fn plain(timeout: Duration) -> Self {
        Self { connect_timeout: timeout, stall_timeout: timeout, ..Self::default() }
    }
}
