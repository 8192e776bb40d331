//! What haul prints, haul reads: a run's output is the list of the next one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::harness::objects::{now, objects, take_times};
use crate::harness::{Output, Reply, Server, Test, content};

const FILES: u32 = 1000;
/// The file that changes.
const CHANGED: u32 = 617;

fn body(number: u32) -> Vec<u8> {
    content(number, (number as usize * 37) % 9000)
}

/// Serves a thousand files; one of them with another byte once `is_changed`.
fn serve(server: &Server, is_changed: &Arc<AtomicBool>) {
    let is_changed = Arc::clone(is_changed);
    server.handle(move |request| {
        let number: u32 = request.target.trim_start_matches("/d/f").parse().unwrap();
        let mut bytes = body(number);
        if number == CHANGED && is_changed.load(Ordering::Relaxed) {
            bytes[7] ^= 1;
        }
        Reply::ok(bytes).header("ETag", format!("\"{number}\"")).header("Last-Modified", DATE)
    });
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Expects the files in `folder`, all but the one that is `missing`.
fn expecting(mut test: Test, missing: Option<u32>) -> Test {
    for number in (0..FILES).filter(|&number| Some(number) != missing) {
        test = test.expect_file(&format!("out/f{number}"), body(number));
    }
    test.any_stderr().any_stdout()
}

/// Returns the objects of a run by their URLs, without what differs from run to run.
fn told(output: &Output, before: &str) -> BTreeMap<String, Value> {
    let (found, _) = objects(output);
    let entries = found.into_iter().map(|mut object| {
        take_times(&mut object, before);
        (object["url"].as_str().unwrap().to_owned(), object)
    });
    entries.collect()
}

#[test]
fn the_output_of_a_run_gives_the_same_files_and_the_same_output() {
    let (server, before, is_changed) = (Server::start(), now(), Arc::default());
    serve(&server, &is_changed);
    let mut list = String::new();
    for number in 0..FILES {
        let _ = writeln!(list, "{}", server.url(&format!("/d/f{number}")));
    }
    let test = server.test().args(["--json", "-d", "out", "-i", "-"]).stdin(list);
    let first = expecting(test, None).run();
    let objects = told(&first, &before);
    assert_eq!(objects.len(), FILES as usize);

    let again = |format: &str| {
        let args = ["--json", "-d", "out", "-i", "-", "--input-format", format];
        server.test().args(args).stdin(&first.stdout)
    };
    let second = expecting(again("auto"), None).run();
    assert_eq!(told(&second, &before), objects);

    is_changed.store(true, Ordering::Relaxed);
    let third = expecting(again("jsonl"), Some(CHANGED)).status(1).run();
    let mut found = told(&third, &before);
    let url = server.url(&format!("/d/f{CHANGED}"));
    let changed = found.remove(&url).unwrap();
    assert_eq!(
        (&changed["status"], &changed["error"]["kind"]),
        (&"failed".into(), &"mismatch".into())
    );
    let mut others = objects;
    others.remove(&url);
    assert_eq!(found, others);
}
