//! haul from outside: the program is run as a user runs it, against servers that the tests script.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, and in what tests are made of, a panic is the report"
)]

/// The test builder, the scripted server and their helpers.
mod harness;

/// Where connections go, and where they come from.
mod addresses;
/// Lists for aria2.
mod aria2_lists;
/// Idle workers help.
mod assist;
/// Idle workers help with what a bad server gives.
mod assist_faults;
/// Helped transfers that are interrupted, and gone on with.
mod assist_interrupted;
/// Files of checksums: what files must be, by their names.
mod checksum_files;
/// What a file must be.
mod checksums;
/// Help, version, wrong usage.
mod cli;
/// What haul shows to servers that ask who is there.
mod client_certificates;
/// Lists that are packed.
mod compressed;
/// Cookies, and where they belong.
mod cookies;
/// What haul costs, counted.
mod costs;
/// What is given for a host goes to that host.
mod credentials;
/// The same by way of proxies, which have secrets of their own.
mod credentials_by_proxy;
/// Partial files that are not what they were.
mod custody;
/// What servers declare of their files.
mod declared;
/// A full disk, and one that is told to keep what it was given.
mod disk;
/// README, help and manual page say the same.
mod documents;
/// Files arrive whole, however they are framed, or not at all.
mod download;
/// What would be done.
mod dry_run;
/// Failures: told, hinted at, and no harm to others.
mod errors;
/// What happens, one object each.
mod events;
/// A command for each file.
mod exec;
/// The run ends when enough files have failed.
mod fail_fast;
/// What another run has to do.
mod failed;
/// Into a FIFO, whoever reads it.
mod fifos;
/// HTTP as it should not be.
mod framing;
/// What the harness itself promises.
mod harness_itself;
/// Header fields that the user adds.
mod headers;
/// Requests to one host at once.
mod hosts;
/// Arguments, lists, standard input.
mod input;
mod insecure;
/// Signals, and readers that go away.
mod interrupt;
/// One object for each job.
mod json;
/// SIGKILL at any moment.
mod kill;
/// The user's limits, and those of the machine.
mod limits;
/// Lists that say more of a file than its URL.
mod lists;
/// URLs that need no server.
mod local;
/// What one run brought, the next one holds to.
mod locked_names;
mod locks;
/// Logins, and how they are given.
mod logins;
mod low_water;
/// Lists in XML.
mod metalink;
/// Several URLs for one file, one after the other.
mod mirrors;
/// Bytes of several mirrors in one file.
mod mirrors_joined;
/// The names of files: the URL's, the server's, the next free one.
mod naming;
/// What is told, where, and never a secret.
mod output;
/// Files that a run writes and files that it reads, which stay apart.
mod own_files;
/// Files of which only pieces are wrong.
mod pieces;
/// Where files are put, and what happens to what is there.
mod placing;
/// Through scripted proxies: chosen, spoken to, logged in to, and blamed.
mod proxies;
/// What servers answer to a request for the rest of a file.
mod ranges;
/// Rates of bytes and of requests.
mod rates;
/// Against a real apache.
mod real_apache;
/// Against a real caddy, which is an authority of its own.
mod real_caddy;
/// Lists that other programs write or read.
mod real_lists;
/// Against a real nginx, over http and https.
mod real_nginx;
/// TLS with a real nginx, version by version.
mod real_nginx_tls;
/// Through a real squid and a real dante.
mod real_proxies;
/// The record beside a partial file.
mod records;
/// Redirects that lead to another place later.
mod redirect_targets;
/// Redirects: resolved, bounded, and without secrets.
mod redirects;
/// A new URL for one that has expired.
mod refresh;
/// What one run leaves for the next.
mod reruns;
/// Transfers that break go on inside one run.
mod resume;
/// Another attempt, and when.
mod retries;
/// What haul prints, haul reads.
mod round_trip;
/// No secret in anything that is shown or left.
mod secrets;
/// Many files from a server that misbehaves at random.
mod soak;
/// Through SOCKS proxies: the bytes that they are told, and what they refuse.
mod socks;
/// What servers say of files that are not wanted.
mod spider;
/// From the socket to the file by a pipe.
mod splice;
/// Several URLs for one file, at once.
mod spread;
/// Statuses that are taken as another, and those that are not.
mod statuses;
/// One stream to standard output, fetched by several workers.
mod stdout_stream;
/// Lists of checksums.
mod sums;
/// Names that others take while a run goes on.
mod taken_names;
/// Names by a template of the user.
mod templates;
/// In a real terminal.
mod terminal;
/// The end of a connection over TLS.
mod tls;
/// TLS by way of proxies: for the host, and for the proxy.
mod tls_by_proxy;
/// What is wrong with TLS is told apart.
mod tls_errors;
/// Whom haul trusts over https.
mod trust;
/// What servers pack for the way.
mod unpacked;
/// What the server has changed comes anew.
mod update;
/// Files on the disk against a list.
mod verify;
