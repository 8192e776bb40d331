//! Floor 5: the command line, the environment and signals.

pub mod args;
pub mod config;
pub mod descriptors;
pub mod environment;
pub mod exit_code;
pub mod signals;
mod values;
