//! Floor 1: decisions. Each is a pure function of what was seen and returns a value that says why.

pub mod disposition;
pub mod existing;
pub mod filename;
pub mod redirect;
pub mod target;
