//! Floor 0: the words that every other floor speaks.
//!
//! No I/O happens here and no clock, environment or randomness is read.

pub mod date;
pub mod digest;
pub mod error;
pub mod event;
pub mod failure;
pub mod field;
pub mod job;
pub mod known;
pub mod pieces;
pub mod pin;
pub mod problem;
pub mod progress;
pub mod proxy;
pub mod range;
pub mod range_set;
pub mod redact;
pub mod size;
pub mod stop;
pub mod survey;
pub mod text;
pub mod timestamp;
pub mod tls;
pub mod totals;
pub mod validator;
