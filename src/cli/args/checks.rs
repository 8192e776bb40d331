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

    /// Check files by the checksums in FILE, which has them with names, as `sha256sum` writes them
    ///
    /// Each counts for the file with its path below the folder of `--dir`, else for one with its name alone
    /// if no other line has that. Lists of all formats of `--input-format sums` are taken, and read before
    /// anything is downloaded. May be given more than once.
    #[arg(long, value_name = "FILE")]
    pub checksums: Vec<PathBuf>,

    /// Fail each file that there is no checksum for, by `--checksum`, `--checksums` or its list
    ///
    /// Before it is asked for, if its name is known by then. What its server says that it is does not count
    /// as one: it comes from the same place as the file.
    #[arg(long)]
    pub require_checksum: bool,

    /// Do not check files by the digests that servers send with them
    ///
    /// Otherwise a file that has no checksum must be what Repr-Digest, Content-Digest, Digest, Content-MD5,
    /// x-goog-hash or x-amz-checksum-... of its response says.
    #[arg(long)]
    pub no_server_digests: bool,
}
