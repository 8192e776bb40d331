//! Floor 1: decisions. Each is a pure function of what was seen and returns a value that says why.

pub mod command;
pub mod declared;
pub mod disk_failure;
pub mod disposition;
pub mod existing;
pub mod fields;
pub mod filename;
pub mod inquiry;
pub mod known_sums;
pub mod mirrors;
pub mod pace;
pub mod pieces;
pub mod placement;
pub mod rate;
pub mod redirect;
pub mod resume;
pub mod retry;
pub mod scheme;
pub mod secrets;
pub mod share;
pub mod sources;
pub mod spacing;
pub mod split;
pub mod target;
pub mod template;
pub mod update;
