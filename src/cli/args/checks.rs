//! What files must be.

use clap::Args;

use crate::model::digest::Digest;

/// What files must be.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Checks")]
pub struct CheckArgs {
    /// What the file of one URL must be, such as `sha256:9f86d0...`
    ///
    /// md5, sha1, sha256, sha384 or sha512, in hexadecimal digits or as `sha256-BASE64`. A file that
    /// comes with another checksum is fetched once more, past all caches, and then fails. One that is
    /// there already is checked too.
    #[arg(long, value_name = "ALGO:HEX")]
    pub checksum: Option<Digest>,
}
