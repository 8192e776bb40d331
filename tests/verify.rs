//! `--verify`: whether what is on the disk is what it must be, without a word to any server.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use crate::harness::folder::Entry;
use crate::harness::objects::{now, objects, sha256, take_file_time, take_times};
use crate::harness::{Output, Test, content};

/// A line of a lock whose server is not there.
fn line(out: &str, bytes: &[u8]) -> String {
    let object = json!({
        "haul": 1, "url": url(out), "out": out, "size": bytes.len(), "sha256": sha256(bytes),
    });
    format!("{object}\n")
}

fn url(out: &str) -> String {
    format!("http://127.0.0.1:1/{out}")
}

/// Looks at what a list is about.
fn verifying(list: &str) -> Test {
    Test::new().existing("list", list).args(["--verify", "-i", "list", "-d", "out"])
}

fn run(test: Test) -> Output {
    test.any_stderr().any_stdout().run()
}

#[test]
fn files_that_are_right_are_told_and_others_fail() {
    let list = ["a", "sub/b", "changed", "short", "gone"].map(|out| line(out, out.as_bytes()));
    let test = verifying(&list.concat())
        .existing("out/a", "a")
        .existing("out/sub/b", "sub/b")
        .existing("out/changed", "chAnged")
        .existing("out/short", "shor")
        .existing("out/more", "is no concern of the list");
    let output = test.stdout("out/a\nout/sub/b\n").arg("-j1").any_stderr().status(1).run();
    for told in [
        "verified out/a (1 B in ",
        "/changed: out/changed exists, and its checksum is sha256:",
        "/short: out/short exists, and has 4 bytes, not 5\n  hint: `--if-exists overwrite` replaces it\n",
        "/gone: out/gone is not there\n  hint: the same command without `--verify` fetches it\n",
        "2 files verified, 6 B in ",
        ", 3 failed\n",
    ] {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
}

#[test]
fn nothing_is_written() {
    let output = run(verifying(&line("a", b"a")).status(1));
    assert!(!output.folder.path().join("out").exists());
    let output = run(verifying(&line("a", b"a")).existing("out/a", "").status(1));
    assert_eq!(output.folder.path().join("out").read_dir().unwrap().count(), 1);
}

#[test]
fn objects_tell_it_too() {
    let before = now();
    let list = line("a", b"a") + &line("gone", b"x");
    let test = verifying(&list).arg("--json").existing("out/a", "a").status(1);
    let (mut found, totals) = objects(&run(test));
    found.sort_by_key(|object| object["status"].as_str() == Some("failed"));
    take_times(&mut found[0], &before);
    take_file_time(&mut found[0], &before);
    let expected = json!({
        "haul": 1, "url": url("a"), "path": "out/a", "status": "verified", "size": 1,
        "sha256": sha256("a"), "attempts": 1,
    });
    assert_eq!(found[0], expected);
    assert_eq!(found[1]["error"]["kind"], "missing");
    assert_eq!((&totals["verified"], &totals["failed"]), (&json!(1), &json!(1)));
}

#[test]
fn a_list_of_checksums_says_enough() {
    let sums = format!("{}  a\n{} *sub/b\n", sha256("a"), sha256("b"));
    let test = || verifying(&sums).existing("out/a", "a").existing("out/sub/b", "b");
    assert_eq!(run(test()).stdout.len(), "out/a\nout/sub/b\n".len());
    run(test().args(["--input-format", "sums"]));
}

#[test]
fn nothing_is_made_up_where_no_list_has_a_url() {
    let sums = format!("{}  a\n{}  sub/b c\n", sha256("a"), sha256("b"));
    let test = || verifying(&sums).existing("out/a", "a").args(["--failed", "f", "-j1"]).status(1);
    let output = run(test().arg("--json=events").expect_entry("f", Entry::AnyFile));
    let objects = String::from_utf8(output.stdout).unwrap();
    assert!(objects.lines().count() > 3 && !objects.contains("\"url\""), "{objects}");
    let told = "error: sub/b%20c: out/sub/b c is not there\n  hint: with `--base-url URL` the same";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let told = "warning: the list of what failed cannot be fetched: 1 line has no URL, which";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let failed = fs::read_to_string(output.folder.path().join("f")).unwrap();
    assert!(failed.starts_with("{\"haul\":1,\"out\":\"sub/b c\","), "{failed}");
    let again = Test::new().existing("f", failed).args(["-i", "f"]).status(1);
    assert!(run(again).stderr.contains("no `url`"));

    let base = ["--base-url", "http://127.0.0.1:1/d"];
    let output = run(test().args(base).expect_entry("f", Entry::AnyFile));
    let failed = fs::read_to_string(output.folder.path().join("f")).unwrap();
    assert!(failed.contains("\"url\":\"http://127.0.0.1:1/d/sub/b%20c\""), "{failed}");
}

#[test]
fn every_line_of_a_file_is_looked_at() {
    let sums = |bytes: [&str; 2]| bytes.map(|bytes| sha256(bytes) + "  a\n").concat();
    let output = run(verifying(&sums(["a", "b"])).existing("out/a", "a").status(1));
    assert!(output.stderr.contains("out/a exists, and its checksum is"), "{}", output.stderr);
    run(verifying(&sums(["a", "a"])).existing("out/a", "a"));
}

#[test]
fn what_nothing_is_known_of_cannot_be_verified() {
    let list = format!("{}\nhttp://127.0.0.1:1/\n", url("a"));
    let output = run(verifying(&list).existing("out/a", "a").status(1));
    for told in
        ["/a: no checksum says what it must be\n", "/: nothing says what its file is called\n"]
    {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
    let sum = format!("sha256:{}", sha256("a"));
    let test = Test::new().existing("a", "a").args(["--verify", "--checksum", &sum, &url("a")]);
    assert_eq!(run(test).stdout, b"a\n");
}

#[test]
fn a_list_of_a_thousand_files_takes_all_workers() {
    let mut list = String::new();
    let mut test = Test::new();
    for number in 0..1000 {
        let (name, bytes) = (format!("f{number}"), content(number, number as usize));
        let _ = write!(list, "{}", line(&name, &bytes));
        test = test.existing(&format!("out/{name}"), bytes);
    }
    let test = test.existing("list", list).args(["--verify", "-i", "list", "-d", "out"]);
    let output = run(test);
    assert!(output.stderr.contains("1000 files verified, "), "{}", output.stderr);
}

#[test]
fn wrong_usage_is_refused() {
    #[track_caller]
    fn case(args: &[&str], told: &str) {
        let test = Test::new().arg("--verify").args(args).stdout("").any_stderr();
        let output = test.status(2).run();
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    case(&["--lock", "l", "http://h/a"], "give it as the list: `-i l`");
    case(&["-o", "-", "http://h/a"], "`--output -` makes none");
    case(&["-i", "l", "-o", "x"], "`--output` names one");
}

#[test]
fn what_is_no_file_is_named() {
    let list = line("folder", b"a") + &line("link", b"a");
    let test = verifying(&list).existing_folder("out/folder").status(1);
    std::os::unix::fs::symlink("nowhere", test.path().join("out/link")).unwrap();
    let output = run(test.expect_entry("out/link", Entry::Link("nowhere".into())));
    for told in ["out/folder is a folder\n", "out/link is a symbolic link to nothing\n"] {
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
    }
    assert!(fs::read_link(output.folder.path().join("out/link")).is_ok());
}

#[test]
fn checksums_by_name_say_enough_too() {
    let sums = format!("{}  a\n", sha256("a"));
    let args = ["--verify", "--checksums", "SUMS", "--require-checksum", "-d", "out"];
    let test = || Test::new().existing("SUMS", &sums).args(args).existing("out/a", "a");
    assert_eq!(run(test().arg(url("a"))).stdout, b"out/a\n");
    let output = run(test().arg(url("b")).existing("out/b", "b").status(1));
    assert!(output.stderr.contains("no checksum"), "{}", output.stderr);
}
