//! What `--json` prints, read again.

use std::time::{Duration, SystemTime};

use haul::model::digest::{Algorithm, Hasher};
use haul::model::timestamp::{FileTime, Timestamp};
use serde_json::Value;

use super::Output;

/// Returns the time, as objects have it.
pub(crate) fn now() -> String {
    Timestamp(SystemTime::now()).to_string()
}

/// Returns a digest, as objects have it.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes.as_ref());
    hasher.digest().hex()
}

/// Returns the objects of a run with `--json`, and its totals apart.
#[track_caller]
pub(crate) fn objects(output: &Output) -> (Vec<Value>, Value) {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let read = |line: &str| -> Value {
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["haul"], 1);
        assert!(!object.as_object().unwrap().values().any(Value::is_null), "{line}");
        object
    };
    let mut objects: Vec<Value> = text.lines().map(read).collect();
    let totals = objects.pop().unwrap()["totals"].take();
    assert!(totals.is_object(), "{text}");
    assert!(objects.iter().all(|object| object["status"].is_string()), "{text}");
    (objects, totals)
}

/// Returns the one object of a run.
#[track_caller]
pub(crate) fn object(output: &Output) -> Value {
    let (mut objects, _) = objects(output);
    assert_eq!(objects.len(), 1, "{objects:?}");
    objects.remove(0)
}

/// Takes the fields away that differ from run to run, once they are what they should be.
#[track_caller]
pub(crate) fn take_times(object: &mut Value, before: &str) {
    let fields = object.as_object_mut().unwrap();
    let started = fields.remove("started").unwrap();
    let started = started.as_str().unwrap();
    let now = now();
    assert!(*before <= *started && *started <= *now, "{before} {started} {now}");
    let seconds = fields.remove("seconds").unwrap().as_f64().unwrap();
    assert!((0.0..10.0).contains(&seconds), "{seconds}");
}

/// Takes the time of a file away that was made by this run or just before it.
#[track_caller]
pub(crate) fn take_file_time(object: &mut Value, before: &str) {
    let time = object.as_object_mut().unwrap().remove("mtime").unwrap();
    let time: FileTime = time.as_str().unwrap().parse().unwrap();
    let before: FileTime = before.parse().unwrap();
    // The clock of files may be a tick behind.
    assert!(time.0 + Duration::from_secs(1) > before.0, "{time} {before}");
}
