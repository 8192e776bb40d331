//! Many files from a server that misbehaves at random, always in the same way: all of them are right
//! in the end, and no request is made that a fault does not explain.
//!
//! `HAUL_SOAK=1` makes it 20,000 files.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;

use crate::harness::{Reply, Request, Server, content};

/// What has happened to a file so far.
#[derive(Clone, Copy, Debug, Default)]
struct File {
    /// Answers that were not the whole truth.
    faults: u32,
    /// Those of them that fell silent.
    silences: u32,
    /// How often the file was replaced by another of the same length.
    version: u32,
}

impl File {
    fn body(self, number: u32) -> Vec<u8> {
        let length = Rng::with_seed(number.into()).usize(1..20_000);
        content(number + self.version * 1_000_000, length)
    }
}

/// Answers as a good server would.
fn whole_truth(body: &[u8], etag: &str, request: &Request) -> Reply {
    let from: Option<usize> = request
        .header("range")
        .filter(|_| request.header("if-range") == Some(etag))
        .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let reply = match from {
        Some(from) => Reply::part(body, from..body.len()),
        None => Reply::ok(body),
    };
    reply.header("ETag", etag)
}

/// Answers, and misbehaves in 14 of 100 cases. What happens depends on the file and on how often it
/// was asked for, and not on the order of requests.
fn answer(file: &mut File, number: u32, request: &Request) -> Reply {
    let mut random = Rng::with_seed(u64::from(number) << 8 | u64::from(file.faults));
    let body = file.body(number);
    let etag = format!("\"v{}\"", file.version);
    let reply = whole_truth(&body, &etag, request);
    let sent = reply.body_len();
    let cut = random.usize(0..body.len());
    let fault = random.u8(0..100);
    if fault < 14 {
        file.faults += 1;
    }
    match fault {
        0..5 => reply.reset_after(cut),
        5..10 => Reply::status(503, "Service Unavailable"),
        10..12 => reply.cut_after(cut.min(sent - 1)),
        // Longer than the stall timeout.
        12 => {
            file.silences += 1;
            reply.trickle(body.len() / 2 + 1, Duration::from_secs(1))
        }
        13 => {
            file.version += 1;
            reply.cut_after(sent / 2)
        }
        _ => reply,
    }
}

#[test]
fn a_server_that_misbehaves_at_random_costs_no_file() {
    let count: u32 = if std::env::var_os("HAUL_SOAK").is_some() { 20_000 } else { 3000 };
    let server = Server::start();
    let files: Arc<Mutex<HashMap<u32, File>>> = Arc::default();
    let state = Arc::clone(&files);
    server.handle(move |request| {
        let number = request.target[1..].parse().unwrap();
        let mut files = state.lock().unwrap();
        answer(files.entry(number).or_default(), number, request)
    });
    let mut list = String::new();
    for number in 0..count {
        let _ = writeln!(list, "{}", server.url(&format!("/{number}")));
    }
    let output = server
        .test()
        .stdin(list)
        .retries(5)
        .args(["--stall-timeout", "0.4"])
        .within(Duration::from_secs(120))
        .any_result()
        .run();
    let errors: Vec<&str> = output.stderr.lines().filter(|l| !l.contains("warning: ")).collect();
    assert_eq!(output.status, Some(0), "{:?}", &errors[errors.len().saturating_sub(20)..]);

    let files = files.lock().unwrap();
    assert_eq!(std::fs::read_dir(output.folder.path()).unwrap().count(), count as usize);
    let mut requests: HashMap<String, u32> = HashMap::new();
    for target in server.targets() {
        *requests.entry(target).or_default() += 1;
    }
    for number in 0..count {
        let file = files[&number];
        let found = std::fs::read(output.folder.path().join(number.to_string())).unwrap();
        assert!(found == file.body(number), "{number} is wrong: {file:?}");
        let target = format!("/{number}");
        let requests = requests[&target];
        // On a busy machine the server may be silent where it was not meant to be.
        let own = format!("{}: ", server.url(&target));
        let lines = output.stderr.lines().filter(|line| line.contains(&own));
        let silences = lines.filter(|line| line.contains("nothing came")).count() as u32;
        let most = 1 + file.faults + silences.saturating_sub(file.silences);
        assert!(requests <= most, "{number}: {requests} requests, {file:?}");
    }
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').count() - 1, count as usize);
}
