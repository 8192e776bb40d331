//! The command line itself: help, version, wrong usage, and what is generated from it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::harness::Test;

/// Runs haul with these arguments, which must print something and touch nothing.
#[track_caller]
fn prints(args: &[&str]) -> String {
    let output = Test::new().args(args).any_stdout().stderr([""; 0]).run();
    String::from_utf8(output.stdout).unwrap()
}

/// Runs haul with arguments that make no sense; returns what it says.
#[track_caller]
fn misused(args: &[&str]) -> String {
    let output = Test::new().args(args).stdout("").any_stderr().status(2).run();
    assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
    output.stderr
}

#[test]
fn help_names_every_option_and_exit_code() {
    let help = prints(&["--help"]);
    for part in [
        "--input",
        "--jobs",
        "--dir",
        "--output",
        "--server-name",
        "--if-exists",
        "skip",
        "overwrite",
        "rename",
        "error",
        "--no-mtime",
        "--null",
        "--quiet",
        "--verbose",
        "--max-redirects",
        "--connect-timeout",
        "--stall-timeout",
        "--generate",
        "--version",
        "Exit codes:",
        "130",
        "143",
        "SSL_CERT_FILE",
    ] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn short_help_is_shorter() {
    assert!(prints(&["-h"]).len() < prints(&["--help"]).len());
}

#[test]
fn the_version_is_the_one_of_the_package() {
    let version = concat!("haul ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(prints(&["--version"]), version);
    assert_eq!(prints(&["-V"]), version);
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    #[track_caller]
    fn case(args: &[&str], named: &str) {
        let told = misused(args);
        assert!(told.contains(named), "{told}");
    }
    let url = "http://127.0.0.1:1/a";
    case(&["--no-such-option", url], "--no-such-option");
    case(&["-j", "0", url], "--jobs");
    case(&["-j", "1025", url], "--jobs");
    case(&["-j", "many", url], "--jobs");
    case(&["-j", "many", url], "not a whole number from 1 to 1024");
    case(&["--retries", "-1", url], "not a whole number from 0 to 4294967295");
    case(&["--max-failures", "0", url], "not a whole number above zero");
    case(&["--max-size", "-1", url], "invalid value '-1' for '--max-size <SIZE>'");
    case(&["--stall-timeout", "-1", url], "not a number of seconds");
    case(&["--name", "-{name}", url], "is given as `--name=TEMPLATE`");
    case(&["--if-exists", "ask", url], "--if-exists");
    case(&["--max-redirects=-1", url], "--max-redirects");
    case(&["--stall-timeout", "0", url], "--stall-timeout");
    case(&["--connect-timeout", "soon", url], "--connect-timeout");
    case(&["-q", "-v", url], "--quiet");
    case(&["-J", "-o", "x", url], "--output");
    case(&["-i"], "--input");
    case(&["-i", "-", "-i", "-"], "standard input");
    case(&["--generate", "poetry"], "poetry");
    case(&["-o", "x", url, url], "--output");
}

#[test]
fn what_would_mean_nothing_is_refused() {
    #[track_caller]
    fn case(args: &[&str], told: &str) {
        let found = misused(&[args, &["http://127.0.0.1:1/a"]].concat());
        assert!(found.contains(told), "{found}");
    }
    for option in [&["-0"] as &[_], &["--prealloc"], &["--fsync"], &["--restart"]] {
        case(&[&["-o", "-"], option].concat(), "is of files, and `--output -` makes none");
    }
    case(&["-o", "-", "--if-exists", "error"], "`--if-exists` is of files");
    case(&["--stdout-buffer", "1M"], "`--stdout-buffer` is of what `--output -` sends");
    case(&["--input-format", "jsonl"], "there is no list");
    for option in ["--save-cookies=x", "--restart", "--prealloc", "--fsync", "--compressed"] {
        case(&["--verify", option], "'--verify' cannot be used with");
    }
    for option in ["--lock=x", "--restart", "--prealloc", "--fsync"] {
        case(&["--spider", option], "'--spider' cannot be used with");
    }
}

#[test]
fn what_is_said_already_may_be_said() {
    let list = ["-i", "list", "--stdout-buffer", "64M", "--input-format", "auto"];
    let skip = ["--if-exists", "skip", "--no-split", "--min-split", "2M"];
    for output in [&["-o", "-"] as &[_], &["--spider"], &["--verify"], &["--dry-run"]] {
        let test = Test::new().existing("list", "").args(list).args(skip).args(output);
        assert_eq!(test.any_result().run().status, Some(0), "{output:?}");
    }
}

#[test]
fn a_wrong_option_shows_no_secret() {
    let told = misused(&["-j", "0", "http://user:s3cret@127.0.0.1:1/a?token=s3cret"]);
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn the_manual_page_is_one() {
    let page = prints(&["--generate", "man"]);
    assert!(page.contains(".TH haul 1"), "{page}");
    assert!(page.contains(".SH SYNOPSIS"), "{page}");
}

#[test]
fn completions_are_generated_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = prints(&["--generate", shell]);
        assert!(script.contains("max-redirects"), "{shell}");
    }
}

#[test]
fn bash_reads_its_completions() {
    if crate::harness::is_missing("bash") {
        return;
    }
    let script = prints(&["--generate", "bash"]);
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn help_may_be_cut_off_by_its_reader() {
    for args in [["--help"].as_slice(), &["--generate", "man"]] {
        let output = Test::new().args(args).read_lines(1).any_result().run();
        assert!(output.status.is_some());
    }
}

#[test]
fn what_was_asked_for_and_cannot_be_written_is_an_error() {
    let told = "error: cannot write to standard output: no space left on device";
    for args in [["--help"].as_slice(), &["-h"], &["--version"], &["--generate", "man"]] {
        let test = Test::new().args(args).shell("exec \"$@\" > /dev/full");
        test.stdout("").stderr([told]).status(2).run();
    }
}

#[test]
fn options_may_follow_urls_and_end_with_two_dashes() {
    Test::new().args(["-q", "--", "-odd"]).any_stderr().stdout("").status(1).run();
}
