//! A file in two halves: what tests of resuming cut, keep and go on with.

use super::resource::Resource;
use super::{Server, content};

/// Half of the file, in bytes.
pub(crate) const HALF: usize = 150_000;

/// All of it.
pub(crate) const LENGTH: usize = 2 * HALF;

/// A request for the second half of version 1, as the server's log shows it.
pub(crate) const REST: &str = "bytes=150000- ? \"v1\"";

/// The bytes of version 1.
pub(crate) fn body() -> Vec<u8> {
    content(1, LENGTH)
}

/// Version 1.
pub(crate) fn v1() -> Resource {
    Resource::new(&body(), "\"v1\"")
}

/// A server that cuts the first answer for `/a` at half and is a good one from there on.
pub(crate) fn cutting(resource: &Resource) -> Server {
    let server = Server::start();
    let copy = resource.clone();
    server.answer("/a", move |request| copy.answer(request).cut_after(HALF));
    let resource = resource.clone();
    server.handle(move |request| resource.answer(request));
    server
}
