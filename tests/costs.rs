//! What haul costs, in numbers that no busy machine changes: system calls, instructions and allocations for
//! each small file, allocations for each piece of a large one, and memory for each URL of a list. Who makes
//! them larger has a reason, and writes it here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Reply, Server, Test, content, is_missing};

/// Moving all this with an unoptimized build takes a while when other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each system call was made, by its name.
type Calls = BTreeMap<String, f64>;

/// Downloads all of a list under a program, whose command line goes on with a file to write to; returns what
/// it wrote there.
fn watched(server: &Server, workers: &str, list: String, program: &str) -> String {
    let files = list.lines().count();
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    let output = server
        .test()
        .args([workers, "-d", "out", "-i", "-"])
        .stdin(list)
        .shell(&format!("exec {program}{path} \"$@\""))
        .within(PATIENCE)
        .any_result()
        .run();
    assert_eq!(output.status, Some(0), "{}", output.stderr);
    let saved = std::fs::read_dir(output.folder.path().join("out")).unwrap().count();
    assert_eq!(saved, files);
    std::fs::read_to_string(log.path()).unwrap()
}

/// Downloads so many small files with four workers under strace.
fn calls_for(files: u32) -> Calls {
    let server = Server::start();
    let reply = Reply::ok(content(1, 10 * 1024))
        .header("ETag", "\"v1\"")
        .header("Last-Modified", "Sat, 21 Nov 2026 11:00:00 GMT");
    server.handle(move |_| reply.clone());
    let mut list = String::new();
    for number in 0..files {
        let _ = writeln!(list, "{}", server.url(&format!("/{number}.bin")));
    }
    let text = watched(&server, "-j4", list, "strace -f -c -o");
    // % time, seconds, microseconds a call, calls, errors if there are any, the call's name.
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let counted = lines.filter(|fields| fields.len() >= 5 && fields.last() != Some(&"total"));
    let call = |fields: Vec<&str>| {
        Some((fields.last().map(|name| (*name).to_owned())?, fields[3].parse().ok()?))
    };
    counted.filter_map(call).collect()
}

#[test]
fn a_small_file_takes_few_system_calls() {
    /// How often threads wait for each other, and in how many pieces an answer comes, is chance; a build
    /// that is not optimized checks descriptors before it closes them.
    const CHANCE: [&str; 5] = ["fcntl", "futex", "madvise", "recvfrom", "sched_yield"];
    /// openat, flock, a look at the new file once it is locked, sendto, pwrite64, utimensat, a look whether its
    /// name is still its own, renameat2, close; a path on standard output, a line on standard error.
    const WORK: f64 = 11.0;
    const FILES: u32 = 200;
    if is_missing("strace") {
        return;
    }
    // What a run costs by itself is not of the files.
    let (few, many) = (calls_for(20), calls_for(20 + FILES));
    let each: Calls = many
        .iter()
        .map(|(name, count)| {
            let before = few.get(name).copied().unwrap_or_default();
            (name.clone(), (count - before) / f64::from(FILES))
        })
        .collect();
    let work: f64 =
        each.iter().filter(|(name, _)| !CHANCE.contains(&name.as_str())).map(|(_, n)| n).sum();
    assert!(work < WORK + 0.5, "{work} calls for each file: {each:?}");
    let of = |name: &str| each.get(name).copied().unwrap_or_default();
    // A look whether the connection is still good, and the answer, mostly in one piece.
    assert!(of("recvfrom") < 4.0 && of("futex") < 4.0, "{each:?}");
}

/// What a run took in all.
struct Spent {
    instructions: f64,
    allocations: f64,
}

impl Spent {
    /// Returns what each of `count` things took that `less` had not to do.
    fn each(&self, less: &Self, count: u32) -> Self {
        let each = |all: f64, less: f64| (all - less) / f64::from(count);
        Self {
            instructions: each(self.instructions, less.instructions),
            allocations: each(self.allocations, less.allocations),
        }
    }
}

/// Downloads these URLs with one worker under DHAT, which counts each instruction and each allocation: two
/// runs differ by a thousandth, in how often a thread looks for what another has not done yet.
fn spent_for(server: &Server, urls: &[String]) -> Spent {
    let list = urls.join("\n") + "\n";
    let profile = watched(server, "-j1", list, "valgrind -q --tool=dhat --dhat-out-file=");
    let profile: Value = serde_json::from_str(&profile).unwrap();
    assert_eq!(profile["tu"], "instrs");
    // Of each place that allocates: how many blocks.
    let places = profile["pps"].as_array().unwrap();
    Spent {
        instructions: profile["te"].as_f64().unwrap(),
        allocations: places.iter().map(|place| place["tbk"].as_f64().unwrap()).sum(),
    }
}

#[test]
fn a_small_file_takes_few_instructions_and_allocations() {
    /// Of a build that is not optimized, as tests are of: 12 times as many as otherwise. It is 698,000, and
    /// some room for other versions of the compiler and of libraries.
    const INSTRUCTIONS: f64 = 765_000.0;
    /// It is 40.3, the same in every build; more than half of them are made by ureq.
    const ALLOCATIONS: f64 = 42.0;
    const FILES: u32 = 200;
    if is_missing("valgrind") {
        return;
    }
    let server = Server::start();
    let reply = Reply::ok(content(1, 10 * 1024))
        .header("Server", "one")
        .header("Date", "Sat, 21 Nov 2026 12:00:00 GMT")
        .header("Content-Type", "application/octet-stream")
        .header("ETag", "\"v1\"")
        .header("Last-Modified", "Sat, 21 Nov 2026 11:00:00 GMT")
        .header("Accept-Ranges", "bytes");
    server.handle(move |_| reply.clone());
    let urls: Vec<_> =
        (0..20 + FILES).map(|number| server.url(&format!("/file-{number:05}.bin"))).collect();
    // What a run takes by itself is not of the files.
    let each = spent_for(&server, &urls).each(&spent_for(&server, &urls[..20]), FILES);
    let Spent { instructions, allocations } = each;
    assert!(instructions < INSTRUCTIONS, "{instructions} instructions for each file");
    assert!(allocations < ALLOCATIONS, "{allocations} allocations for each file");
}

#[test]
fn a_piece_of_a_large_file_takes_no_allocation() {
    const MIB: usize = 1024 * 1024;
    /// Pieces of the size of haul's buffer in what one file has more than the other.
    const PIECES: u32 = 96;
    if is_missing("valgrind") {
        return;
    }
    let server = Server::start();
    // Without a validator, so that no record is written now and then.
    let (small, large) = (content(1, 8 * MIB), content(1, 32 * MIB));
    server.handle(move |request| {
        let reply = Reply::ok(if request.target.contains("large") { &large } else { &small });
        if request.target.contains("chunks") { reply.chunked(16 * 1024) } else { reply }
    });
    for form in ["plain", "chunks"] {
        let spent = |size| spent_for(&server, &[server.url(&format!("/{size}-{form}.bin"))]);
        let Spent { allocations, .. } = spent("large").each(&spent("small"), PIECES);
        assert!(allocations < 0.5, "{allocations} allocations for each piece, {form}");
    }
}

/// Returns the most memory that a run takes for a list of so many names.
fn memory_for(urls: u32) -> u64 {
    let mut running = Test::new()
        .args(["-q", "-j2", "--dry-run", "-i", "-"])
        .shell("exec \"$@\" >/dev/null")
        .open_stdin()
        .within(PATIENCE)
        .any_result()
        .start();
    for hundred in 0..urls / 100 {
        let mut list = String::new();
        for number in 0..100 {
            let _ = writeln!(list, "http://host.example/a/folder/{hundred}-{number}.tar.gz");
        }
        running.write(list);
    }
    // All of it is read, but for what a pipe and a queue hold.
    let peak = running.peak_memory();
    running.close_stdin();
    assert_eq!(running.finish().status, Some(0));
    peak
}

#[test]
fn a_listed_url_takes_few_bytes() {
    const URLS: u32 = 200_000;
    // What a run takes by itself, its queue full, is not of the list.
    let (few, many) = (memory_for(5000), memory_for(5000 + URLS));
    let each = many.saturating_sub(few) / u64::from(URLS);
    // 16 for the claims of a name and a URL, and what is merged into them next.
    assert!(each <= 24, "{each} bytes for each URL");
}
