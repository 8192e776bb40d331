//! What files must be.

use std::path::PathBuf;

use clap::Args;

use crate::model::digest::Digest;

/// What files must be.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Checks")]
pub struct CheckArgs {
    /// What the file of one URL must be, such as `sha256:9f86d0...`
    ///
    /// md5, sha1, sha224, sha256, sha384, sha512, blake2b or blake3, in hexadecimal digits or as
    /// `sha256-BASE64`. A file that comes with another checksum is fetched once more, past all caches,
    /// and then fails. One that is there already is checked too.
    #[arg(long, value_name = "ALGO:HEX")]
    pub checksum: Option<Digest>,

    /// Do not check files by the digests that servers send with them
    ///
    /// Otherwise a file that has no checksum must be what Repr-Digest, Content-Digest, Digest, Content-MD5,
    /// x-goog-hash or x-amz-checksum-... of its response says.
    #[arg(long)]
    pub no_server_digests: bool,

    /// Hold all files to what an earlier run brought, and note in FILE what this one brings
    ///
    /// FILE has a JSON object for each file that is complete, with its size and SHA-256; it is made by the
    /// first run. A file that has the size and time that are noted is skipped without a request. One that
    /// the server has changed fails. FILE is also a list, for `-i`.
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,

    /// Hash the files that are there, even if they look untouched
    #[arg(long, requires = "lock")]
    pub lock_verify: bool,

    /// Take files that the server has changed into the lock, and say what changed
    #[arg(long, requires = "lock")]
    pub lock_update: bool,
}
