//! haul downloads many files at once.

pub mod model;
pub mod policy;
