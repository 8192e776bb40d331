//! A file that is worth helping with: what tests of idle workers download.

use super::resource::Resource;
use super::{Server, Test, content};

pub(crate) const KIB: usize = 1024;

/// All of it, in bytes: no multiple of anything.
pub(crate) const LENGTH: usize = 2048 * KIB + 1013;

/// What each connection gets, in bytes a second: two seconds for the file if there is only one.
pub(crate) const RATE: u64 = 1024 * KIB as u64;

/// More than a connection can have on its way when its range ends early or its client dies.
pub(crate) const ON_THE_WAY: usize = 128 * KIB;

/// The bytes of version 1.
pub(crate) fn body() -> Vec<u8> {
    content(1, LENGTH)
}

/// Version 1.
pub(crate) fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

/// Starts a test that downloads `/a` in parts of at least 64 KiB.
pub(crate) fn get(server: &Server) -> Test {
    small_parts(server.get(["/a"]))
}

/// Allows parts of 64 KiB.
pub(crate) fn small_parts(test: Test) -> Test {
    test.args(["--min-split", "64K"])
}
