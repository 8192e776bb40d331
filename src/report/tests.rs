//! What arrives on the two streams.

use std::fs::File;
use std::io::{PipeReader, Read};
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Instant;

use super::*;
use crate::model::event::{Details, Skip, Subject};
use crate::model::failure::Failure;
use crate::model::job::Job;
use crate::model::progress::Progress;
use crate::model::survey::Survey;
use crate::report::lines::tests::{failure, job};
use crate::report::stream::tests::stream;

const LINES: Options = Options {
    mode: Mode::Fetch,
    results: Results::Paths(PathEnd::Newline),
    verbosity: Verbosity::Normal,
    view: View::Lines,
};

const TOTALS: Totals = Totals {
    completed: 1,
    verified: 0,
    skipped: 1,
    failed: 1,
    cancelled: 0,
    kept: 0,
    bytes: 1 << 20,
    survey: Survey { planned: 0, found: 0, bytes: 0, unsized_files: 0 },
};

fn completed<'a>(job: &'a Job, path: &'a str) -> Event<'a> {
    lines::tests::completed(job, Some(Path::new(path)))
}

fn failed(failure: &Failure) -> Event<'_> {
    Event::Failed { subject: Subject::Text(""), failure, details: Details::default() }
}

fn read(mut reader: PipeReader) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// Returns what a run of one file, one skip and one failure leaves on both streams.
fn run(options: Options) -> (String, String) {
    let stop = Stop::default();
    let (out_reader, out) = io::pipe().unwrap();
    let (err_reader, err) = io::pipe().unwrap();
    let reporter = Reporter::with_streams(options, &stop, stream(out, &stop), stream(err, &stop));
    let job = job(1);
    let progress = Arc::new(Progress::default());
    reporter.event(&Event::Listed);
    reporter.event(&Event::Started { job: &job, name: "a", progress: &progress });
    reporter.event(&completed(&job, "out/a"));
    reporter.event(&Event::Skipped {
        job: &job,
        reason: Skip::Exists { path: Path::new("out/b"), found: None },
    });
    reporter.event(&failed(&failure(404, "Not Found")));
    reporter.finish(&TOTALS, Duration::from_secs(1), None);
    drop(reporter);
    (read(out_reader), read(err_reader))
}

const SAVED: &str = "saved out/a (1.0 MiB in 0.02s, 50 MiB/s)\nskipped out/b: exists already\n";
const ERROR: &str = "error: http://h.example/a: 404 Not Found\n  hint: check the URL\n";
const END: &str = "failed:\n  http://h.example/a: 404 Not Found\n\
                   1 file, 1.0 MiB in 1.00s (1.0 MiB/s), 1 skipped, 1 failed\n";

#[test]
fn paths_go_to_stdout_and_lines_to_stderr() {
    let (out, err) = run(LINES);
    assert_eq!(out, "out/a\n");
    assert_eq!(err, format!("{SAVED}{ERROR}{END}"));
}

#[test]
fn objects_go_to_stdout_instead_of_paths_and_the_last_has_the_totals() {
    for verbosity in [Verbosity::Normal, Verbosity::Quiet] {
        let (out, err) = run(Options { results: Results::Json, verbosity, ..LINES });
        let objects: Vec<serde_json::Value> =
            out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ends: Vec<_> = objects.iter().filter_map(|object| object["status"].as_str()).collect();
        assert_eq!(ends, ["completed", "skipped", "failed"]);
        assert_eq!(objects.len(), 4);
        assert_eq!(objects[3]["totals"]["bytes"], 1 << 20);
        if verbosity == Verbosity::Normal {
            assert_eq!(err, format!("{SAVED}{ERROR}{END}"));
        }
    }
}

#[test]
fn objects_of_many_threads_are_never_torn() {
    let stop = Stop::default();
    let (reader, out) = io::pipe().unwrap();
    let null = File::create("/dev/null").unwrap();
    let options = Options { results: Results::Json, ..LINES };
    let reporter = Reporter::with_streams(options, &stop, stream(out, &stop), stream(null, &stop));
    let text = thread::scope(|scope| {
        let text = scope.spawn(|| read(reader));
        thread::scope(|scope| {
            for worker in 0..8 {
                let reporter = &reporter;
                scope.spawn(move || {
                    for file in 0..500 {
                        reporter.event(&completed(&job(1), &format!("{worker}/{file}\n")));
                    }
                });
            }
        });
        drop(reporter);
        text.join().unwrap()
    });
    let mut paths: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|object| object["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 4000);
}

#[test]
fn quiet_leaves_errors_and_paths() {
    for view in [View::Bars, View::Lines] {
        let (out, err) = run(Options {
            results: Results::Paths(PathEnd::Nul),
            verbosity: Verbosity::Quiet,
            view,
            ..LINES
        });
        assert_eq!(out, "out/a\0");
        assert_eq!(err, ERROR);
    }
}

#[test]
fn a_run_too_short_for_bars_looks_the_same() {
    let (out, err) = run(Options { results: Results::Nothing, view: View::Bars, ..LINES });
    assert_eq!(out, "");
    assert_eq!(err.replace("\r\n", "\n"), format!("{SAVED}{ERROR}{END}"));
}

#[test]
fn lines_of_many_threads_are_never_torn() {
    for view in [View::Bars, View::Lines] {
        let stop = Stop::default();
        let (reader, err) = io::pipe().unwrap();
        let null = File::create("/dev/null").unwrap();
        let reporter = Reporter::with_streams(
            Options { view, ..LINES },
            &stop,
            stream(null, &stop),
            stream(err, &stop),
        );
        let next = AtomicU32::new(0);
        let text = thread::scope(|scope| {
            let text = scope.spawn(|| read(reader));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..1000 {
                            let id = next.fetch_add(1, Ordering::Relaxed);
                            reporter.event(&completed(&job(id), &format!("out/{id}")));
                        }
                    });
                }
            });
            reporter.finish(&TOTALS, Duration::from_secs(1), None);
            drop(reporter);
            text.join().unwrap()
        });
        let mut numbers: Vec<u32> = text
            .split("\r\n")
            .flat_map(|lines| lines.split('\n'))
            .filter_map(|line| line.rsplit_once("saved out/"))
            .map(|(_, rest)| {
                let number = rest.strip_suffix(" (1.0 MiB in 0.02s, 50 MiB/s)").unwrap();
                number.parse().unwrap()
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..8000).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_of_paths_that_went_away_stops_the_run_quietly() {
    let stop = Stop::default();
    let (out_reader, out) = io::pipe().unwrap();
    let (err_reader, err) = io::pipe().unwrap();
    let reporter = Reporter::with_streams(LINES, &stop, stream(out, &stop), stream(err, &stop));
    drop(out_reader);
    reporter.event(&completed(&job(1), "out/a"));
    assert_eq!(stop.reason(), Some(StopReason::OutputClosed));
    let error = reporter.body(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    drop(reporter);
    assert!(!read(err_reader).contains("error"));
}

#[test]
fn a_full_disk_under_stdout_is_told_once_and_stops_the_run() {
    let stop = Stop::default();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (err_reader, err) = io::pipe().unwrap();
    let reporter = Reporter::with_streams(LINES, &stop, stream(full, &stop), stream(err, &stop));
    reporter.event(&completed(&job(1), "out/a"));
    reporter.event(&completed(&job(2), "out/b"));
    assert_eq!(stop.reason(), Some(StopReason::OutputClosed));
    drop(reporter);
    let told = read(err_reader);
    let error = "error: cannot write to standard output: no space left on device\n";
    assert_eq!(told.matches(error).count(), 1, "{told}");
}

#[test]
fn a_stop_releases_a_worker_whose_lines_nobody_reads() {
    for view in [View::Bars, View::Lines] {
        let stop = Stop::default();
        let (_reader, err) = io::pipe().unwrap();
        let null = File::create("/dev/null").unwrap();
        let reporter = Reporter::with_streams(
            Options { view, ..LINES },
            &stop,
            stream(null, &stop),
            stream(err, &stop),
        );
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                while !stop.is_stopped() {
                    reporter.event(&completed(&job(1), "out/a"));
                }
            });
            thread::sleep(Duration::from_millis(400));
            let begun = Instant::now();
            stop.stop(StopReason::Signal(2));
            worker.join().unwrap();
            reporter.finish(&TOTALS, Duration::from_secs(1), stop.reason());
            assert!(begun.elapsed() < Duration::from_millis(500));
        });
    }
}
