//! Whom haul trusts over https, and how it names itself there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::model::pin::Pin;
use crate::model::tls::TlsVersion;

/// Whom haul trusts over https, and how it names itself there.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Trust the certificates in this file too, besides the system's
    ///
    /// In PEM, one or many: authorities, or the certificates of single servers. May be given more
    /// than once.
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Vec<PathBuf>,

    /// Show this certificate to servers that ask for one
    ///
    /// In PEM, followed by those that vouch for it; it may have its private key with it. Every https
    /// server of the run that asks is shown it.
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The private key of `--cert`, in PEM and not encrypted
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// The least version of TLS to speak
    #[arg(long, value_name = "VERSION", default_value = "1.2")]
    pub tls_min: TlsMinArg,

    /// Take servers only if they have one of these public keys
    ///
    /// As `sha256//BASE64`, the SHA-256 of the key as a certificate has it (`SubjectPublicKeyInfo`
    /// in DER); several with `;` between each two, or by giving the option more than once. They hold for
    /// every https server of the run, and also with `--insecure`.
    #[arg(long, value_name = "PIN[;PIN]", value_delimiter = ';')]
    pub pin: Vec<Pin>,

    /// Do not check certificates, so that anybody on the way can read and change what comes
    #[arg(short = 'k', long, conflicts_with = "ca_cert")]
    pub insecure: bool,
}

/// What `--tls-min` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TlsMinArg {
    /// TLS 1.2
    #[value(name = "1.2")]
    V1_2,
    /// TLS 1.3
    #[value(name = "1.3")]
    V1_3,
}

impl From<TlsMinArg> for TlsVersion {
    fn from(arg: TlsMinArg) -> Self {
        match arg {
            TlsMinArg::V1_2 => Self::V1_2,
            TlsMinArg::V1_3 => Self::V1_3,
        }
    }
}
