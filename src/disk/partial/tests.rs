//! The partial file: written, kept, found again, given its name.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;

use super::*;
use crate::disk::leftovers::tidy;
use crate::model::range_set::RangeSet;
use crate::model::validator::Validators;

fn purpose(destination: &Path, replace: Replace) -> Purpose<'_> {
    Purpose {
        destination,
        replace,
        url: "http://h/a",
        other_urls: &[],
        sync: Sync::Nothing,
        expects_orphan: true,
    }
}

fn create(destination: &Path, replace: Replace) -> Result<Partial, Cause> {
    let (partial, content) = Partial::open(&purpose(destination, replace))?;
    if content != Content::Nothing {
        partial.start_over()?;
    }
    Ok(partial)
}

/// The first bytes of a file of which nothing else is known.
fn held(bytes: u64) -> Held {
    Held {
        ranges: RangeSet::prefix_of(bytes),
        length: None,
        validators: Validators::default(),
        coding: None,
        elsewhere: None,
        target: None,
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_commit_leaves_the_file_alone_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    fs::write(folder.path().join("a.part"), "left by an earlier run, and longer").unwrap();
    let partial = create(&destination, Replace::Never).unwrap();
    partial.write_at(b"world", 6).unwrap();
    partial.write_at(b"hello ", 0).unwrap();
    let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86_400);
    assert_eq!(partial.commit(Some(modified)).unwrap(), destination);
    assert_eq!(fs::read(&destination).unwrap(), b"hello world");
    assert_eq!(destination.metadata().unwrap().modified().unwrap(), modified);
    assert_eq!(entries(folder.path()), ["a"]);
}

#[test]
fn bytes_come_out_of_a_pipe_also_where_the_file_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let mut partial = create(&destination, Replace::Never).unwrap();
    let (output, mut input) = std::io::pipe().unwrap();
    input.write_all(b"hello, world!").unwrap();
    partial.write_at(b"....", 0).unwrap();
    partial.write_from(output.as_fd(), 5, 2).unwrap();
    assert!(partial.takes_pipes());
    // A file that is appended to takes nothing from a pipe; what is written to it goes to its end.
    let part = part_of(&destination);
    partial.file = File::options().read(true).append(true).open(&part).unwrap();
    partial.write_from(output.as_fd(), 7, 7).unwrap();
    assert!(!partial.takes_pipes());
    assert_eq!(fs::read(part).unwrap(), b"..hello, world");
    // What nobody asked for is still there.
    drop(input);
    let mut left = String::new();
    (&output).read_to_string(&mut left).unwrap();
    assert_eq!(left, "!");
}

#[test]
fn a_partial_file_that_is_not_committed_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    fs::write(&destination, "old").unwrap();
    drop(create(&destination, Replace::Allowed).unwrap());
    assert_eq!(entries(folder.path()), ["a"]);
    assert_eq!(fs::read(&destination).unwrap(), b"old");
}

#[test]
fn a_name_taken_meanwhile_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let partial = create(&destination, Replace::Never).unwrap();
    fs::write(&destination, "somebody else's").unwrap();
    assert!(matches!(partial.commit(None), Err(Cause::Exists { .. })));
    drop(partial);
    assert_eq!(fs::read(&destination).unwrap(), b"somebody else's");
    assert_eq!(entries(folder.path()), ["a"]);
}

#[test]
fn two_transfers_never_share_a_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let first = create(&destination, Replace::Never).unwrap();
    let second = create(&destination, Replace::Never).unwrap_err();
    assert!(matches!(second, Cause::InUse { .. }));
    first.write_at(b"x", 0).unwrap();
    first.commit(None).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"x");
}

#[test]
fn links_and_folders_in_the_partial_files_place_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("a.part")).unwrap();
    fs::create_dir(folder.path().join("b.part")).unwrap();
    for name in ["a", "b"] {
        let cause = create(&folder.path().join(name), Replace::Never).unwrap_err();
        assert!(matches!(cause, Cause::NotAFile { .. }), "{cause}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn what_is_kept_is_found_again_and_its_record_goes_with_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let partial = create(&destination, Replace::Never).unwrap();
    partial.write_at(b"hello ", 0).unwrap();
    let validators = Validators { etag: Some("\"v1\"".to_owned()), ..Validators::default() };
    let held = Held { length: Some(11), validators, ..held(6) };
    let kept = partial.keep(held.clone()).unwrap().unwrap();
    drop(partial);
    assert_eq!((kept.bytes, kept.length), (6, Some(11)));
    assert_eq!(entries(folder.path()), ["a.part", "a.part.haul"]);

    let (partial, content) = Partial::open(&purpose(&destination, Replace::Never)).unwrap();
    assert_eq!(content, Content::Held(held));
    partial.write_at(b"world", 6).unwrap();
    partial.commit(None).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"hello world");
    assert_eq!(entries(folder.path()), ["a"]);
}

#[test]
fn starting_over_and_dropping_leave_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let held = held(1);
    let partial = create(&destination, Replace::Never).unwrap();
    partial.write_at(b"x", 0).unwrap();
    partial.record(&held).unwrap();
    partial.start_over().unwrap();
    assert_eq!(entries(folder.path()), ["a.part"]);
    partial.record(&held).unwrap();
    drop(partial);
    assert!(entries(folder.path()).is_empty());
}

#[test]
fn a_record_that_outlived_its_file_speaks_for_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("a");
    let held = held(1);
    let orphan = || Record::new("http://h/a", &held, false).write(&part_of(&destination), false);
    orphan().unwrap();
    let partial = create(&destination, Replace::Never).unwrap();
    assert_eq!(entries(folder.path()), ["a.part"]);
    tidy(&destination);
    drop(partial);
    orphan().unwrap();
    tidy(&destination);
    assert!(entries(folder.path()).is_empty());
}
