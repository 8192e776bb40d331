//! haul from outside: the program is run as a user runs it, against servers that the tests script.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, and in what tests are made of, a panic is the report"
)]

/// The test builder, the scripted server and their helpers.
mod harness;

/// Help, version, wrong usage.
mod cli;
/// README, help and manual page say the same.
mod documents;
/// Files arrive whole, however they are framed, or not at all.
mod download;
/// Failures: told, hinted at, and no harm to others.
mod errors;
/// What the harness itself promises.
mod harness_itself;
/// Arguments, lists, standard input.
mod input;
/// Signals, and readers that go away.
mod interrupt;
/// The names of files: the URL's, the server's, the next free one.
mod naming;
/// What is told, where, and never a secret.
mod output;
/// Where files are put, and what happens to what is there.
mod placing;
/// Against a real nginx, over http and https.
mod real_nginx;
/// Redirects: resolved, bounded, and without secrets.
mod redirects;
/// In a real terminal.
mod terminal;
/// The end of a connection over TLS.
mod tls;
