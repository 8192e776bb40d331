//! haul downloads many files at once.

pub mod disk;
pub mod engine;
pub mod http;
pub mod input;
pub mod model;
pub mod policy;
