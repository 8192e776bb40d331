//! Resume records: what a record says counts only if it can be true of the partial file, and what
//! haul writes it reads back. Records are not public, so this goes through `Partial` in a folder of
//! its own; the partial file has 50 bytes.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use haul::disk::partial::{Content, Partial, Purpose, Replace, Sync};
use haul::policy::resume::{Held, Plan, plan};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use ureq::http::HeaderValue;

const PART_BYTES: u64 = 50;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|record: &[u8]| {
    let folder = FOLDER.path();
    let destination = folder.join("a");
    fs::write(folder.join("a.part"), [b'x'; PART_BYTES as usize]).unwrap();
    fs::write(folder.join("a.part.haul"), record).unwrap();
    let (partial, content) = open(&destination);
    match content {
        Content::Nothing => panic!("50 bytes are nothing"),
        Content::Disbelieved(_) => drop(partial),
        Content::Held(held) => {
            assert!(held.ranges.end() <= PART_BYTES, "holds {:?}", held.ranges);
            assert!(held.length.is_none_or(|length| held.ranges.end() <= length), "more than all of it");
            if let Plan::Rest { validator, .. } = plan(Some(&held)) {
                assert!(HeaderValue::from_str(&validator).is_ok(), "cannot be sent: {validator:?}");
            }
            // Nothing is never kept.
            if !held.ranges.is_empty() {
                read_back(partial, &destination, held);
            } else {
                drop(partial);
            }
        }
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "something is left");
});

fn open(destination: &Path) -> (Partial, Content) {
    let purpose = Purpose {
        destination,
        replace: Replace::Never,
        url: "http://h/a",
        other_urls: &[],
        sync: Sync::Nothing,
        expects_orphan: true,
    };
    Partial::open(&purpose).unwrap()
}

fn read_back(partial: Partial, destination: &Path, held: Held) {
    let kept = partial.keep(held.clone()).unwrap().unwrap();
    assert_eq!((kept.bytes, kept.length), (held.ranges.len(), held.length));
    drop(partial);
    let (_partial, content) = open(destination);
    assert_eq!(content, Content::Held(held), "not what was written");
}
