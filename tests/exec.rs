//! A command for each file: what it is given, what becomes of what it says, and how it and the run end.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::harness::folder::Entry;
use crate::harness::objects::{objects, sha256};
use crate::harness::{Reply, Server, Test};

const HINT: &str = "run it for the file by hand, or fetch that again with `--if-exists overwrite`";

/// A server that has these targets once, each with itself as the body.
fn serving<'a>(targets: impl IntoIterator<Item = &'a str>) -> Server {
    let server = Server::start();
    for target in targets {
        server.serve(target, Reply::ok(target));
    }
    server
}

/// A shell's script as a command.
fn script(text: &str) -> String {
    assert!(!text.contains('\''));
    format!("sh -c '{text}' sh")
}

/// Runs haul with this command for `/a`.
fn with(server: &Server, command: &str) -> Test {
    server.get(["/a"]).args(["--exec", command])
}

#[test]
fn a_command_is_run_for_each_file_that_is_saved_and_no_other() {
    let server = serving(["/a", "/b"]);
    server.serve("/gone", Reply::status(404, "Not Found"));
    server
        .get(["/a", "/b", "/old", "/gone"])
        .args(["-d", "files", "--exec", "cat"])
        .existing("files/old", "old")
        .skips("files/old", "exists already")
        .fails(server.url("/gone"), "404 Not Found")
        .hint("check the URL")
        .expect_file("files/a", "/a")
        .expect_file("files/b", "/b")
        // What it prints is for people: standard output has paths.
        .line("/a")
        .line("/b")
        .run();
}

#[test]
fn a_command_gets_its_words_as_they_are() {
    let target = "/$(touch%20x);%20%22'%20y?token=s3cret&n=1";
    let server = serving([target]);
    let name = "$(touch x); \"' y";
    let url = server.url("/$(touch%20x);%20%22'%20y?token=***&n=1");
    let command =
        "sh -c 'for word; do echo \"[$word]\"; done' sh a\\ b \"$HOME\" p={}! {url} '' {} {x}";
    server
        .get([target])
        .args(["--exec", command])
        .expect_file(name, target)
        .line("[a b]")
        .line("[$HOME]")
        .line(format!("[p={name}!]"))
        .line(format!("[{url}]"))
        .line("[]")
        .line(format!("[{name}]"))
        .line("[{x}]")
        .run();
}

#[test]
fn no_path_is_taken_for_an_option() {
    let server = serving(["/a"]);
    with(&server, "cat").arg("--dir=-n").expect_file("-n/a", "/a").line("/a").run();
}

#[test]
fn a_command_finds_what_is_known_in_its_environment() {
    let tell = script(
        "echo $HAUL_PATH,$HAUL_SIZE,${HAUL_SHA256-unknown},$HAUL_URL,$OWN; read x || echo empty",
    );
    let sum = sha256("/a");
    let checksum = format!("sha256:{sum}");
    for (options, told) in [(&[] as &[&str], "unknown"), (&["--checksum", &checksum], &sum)] {
        let server = serving(["/a"]);
        with(&server, &tell)
            .args(["-d", "d"])
            .args(options)
            .env("HAUL_SHA256", "of another")
            .env("OWN", "mine")
            .expect_file("d/a", "/a")
            .line(format!("d/a,2,{told},{},mine", server.url("/a")))
            .line("empty")
            .run();
    }
    let server = serving(["/a"]);
    with(&server, &tell)
        .args(["--name", "{sha256}"])
        .expect_file(&sum, "/a")
        .line(format!("{sum},2,{sum},{},", server.url("/a")))
        .line("empty")
        .run();
}

#[test]
fn a_command_that_fails_fails_its_job_and_leaves_the_file() {
    let server = serving(["/a", "/b"]);
    let command = script("echo so; echo oops >&2; test $1 = b || exit 3");
    let url = server.url("/a");
    let output = server
        .get(["/a", "/b"])
        .retries(3)
        .args(["--failed", "failed", "--exec", &command])
        .expect_entry("a", Entry::File("/a".into()))
        .expect_file("b", "/b")
        .fails(&url, "saved a, but `sh` ended with status 3: oops")
        .hint(HINT)
        .args(["-j", "1"])
        .line("so")
        .line("oops")
        .line("so")
        .line("oops")
        .expect_entry("failed", Entry::AnyFile)
        .run();
    let failed = fs::read_to_string(output.folder.path().join("failed")).unwrap();
    assert!(failed.contains("\"kind\":\"command\"") && failed.lines().count() == 1, "{failed}");
    // As the hint says.
    server.serve("/a", Reply::ok("new"));
    server
        .test()
        .args(["-i", "failed", "--exec", "cat", "--if-exists", "overwrite"])
        .in_folder(output.folder)
        .expect_entry("failed", Entry::AnyFile)
        .expect_entry("b", Entry::File("/b".into()))
        .expect_file("a", "new")
        .line("new")
        .run();
}

#[test]
fn the_object_of_a_job_tells_how_its_command_ended() {
    let server = serving(["/a"]);
    let output = with(&server, &script("kill -9 $$"))
        .arg("--json")
        .any_stdout()
        .any_stderr()
        .status(1)
        .expect_entry("a", Entry::File("/a".into()))
        .run();
    let (objects, totals) = objects(&output);
    assert_eq!(objects[0]["error"]["kind"], "command");
    assert_eq!(objects[0]["error"]["message"], "saved a, but `sh` was ended by signal 9");
    assert_eq!(totals["failed"], 1);
}

#[test]
fn a_program_that_the_system_does_not_run_fails_its_job() {
    let server = serving(["/a"]);
    // Neither a program nor a script says what the system could run it with.
    let test = with(&server, "./odd");
    // Not written by this process: what another thread starts meanwhile would hold it open.
    let write = ["-c", "printf \\\\0 >odd && chmod +x odd"];
    let written = Command::new("sh").args(write).current_dir(test.path()).status().unwrap();
    assert!(written.success());
    let test = test.expect_entry("odd", Entry::AnyFile);
    test.expect_entry("a", Entry::File("/a".into()))
        .fails(server.url("/a"), "saved a, but `./odd` could not be run: exec format error")
        .hint(HINT)
        .run();
}

#[test]
fn a_job_is_complete_when_its_command_is() {
    let server = serving(["/a"]);
    let test = with(&server, &script("echo up; until [ -e go ]; do sleep 0.01; done"));
    let go = test.path().join("go");
    let test = test.expect_file("a", "/a").line("up").expect_entry("go", Entry::File(Vec::new()));
    let running = test.start();
    running.wait_for_stderr("up");
    assert!(!running.stderr_holds("saved"));
    fs::write(go, "").unwrap();
    running.finish();
}

#[test]
fn no_more_commands_run_at_once_than_there_are_workers() {
    let targets = ["/a", "/b", "/c", "/d", "/e", "/f"];
    let server = serving(targets);
    let command = script("echo begin; sleep 0.05; echo end");
    let test = server.get(targets).args(["-j", "2", "--exec", &command]).any_stderr();
    let test = targets.iter().fold(test, |test, target| test.expect_file(&target[1..], target));
    let stderr = test.run().stderr;
    let (mut now, mut most) = (0, 0);
    for line in stderr.lines() {
        match line {
            "begin" => now += 1,
            "end" => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    assert_eq!(now, 0);
    assert!((1..=2).contains(&most), "{stderr}");
}

#[test]
fn a_command_does_not_keep_its_host_from_others() {
    let server = serving(["/a", "/b"]);
    server
        .get(["/a", "/b"])
        .args([
            "-j",
            "2",
            "--per-host",
            "1",
            "--exec",
            &script("until [ -e b ]; do sleep 0.01; done"),
        ])
        .expect_file("a", "/a")
        .expect_file("b", "/b")
        .run();
}

#[test]
fn a_command_that_says_much_is_heard_to_the_end_or_not_at_all() {
    let say = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); printf \"%0700d\\n\" 1; printf \"%0700d\\n\" 2 >&2; done";
    let server = serving(["/a"]);
    let output = with(&server, &script(say)).expect_file("a", "/a").any_stderr().run();
    let lines = output.stderr.lines().filter(|line| line.len() == 700).count();
    assert_eq!(lines, 4000);
    let server = serving(["/a"]);
    with(&server, &script(say)).quiet().expect_file("a", "/a").run();
}

#[test]
fn what_a_command_says_does_nothing_to_a_terminal() {
    let server = serving(["/a"]);
    with(&server, &script("printf \"a\\033[2Jb\\n10%%\\rdone\\n\""))
        .expect_file("a", "/a")
        .line("a\\u{1b}[2Jb")
        .line("done")
        .run();
}

/// A test of a command that says `up` and does not end by itself, until a signal ends the run.
fn endless(server: &Server, command: &str, status: i32) -> Test {
    with(server, &script(command))
        .expect_entry("a", Entry::File("/a".into()))
        .line("up")
        .line("warning: saved a, but the run ended before `sh` did its work")
        .totals_end("1 cancelled, interrupted")
        .status(status)
}

/// Ends a run by a signal once its command is up.
#[track_caller]
fn end(test: Test, signal: Signal) {
    let mut running = test.start();
    running.wait_for_stderr("up");
    running.signal(signal);
    running.finish();
}

#[test]
fn a_signal_is_passed_on_to_commands() {
    let server = serving(["/a"]);
    let command = "trap \"echo got; kill \\$!; exit 1\" TERM; sleep 60 & echo up; wait";
    end(endless(&server, command, 143).line("got"), Signal::TERM);
}

#[test]
fn an_interrupt_that_is_not_the_terminals_ends_commands_all_the_same() {
    let server = serving(["/a"]);
    end(endless(&server, "echo up; exec sleep 60", 130), Signal::INT);
}

#[test]
fn a_command_that_an_interrupt_ends_too_is_cancelled() {
    let server = serving(["/a"]);
    // As a terminal does it: both get the signal.
    endless(&server, "echo up; kill -INT $PPID; kill -INT $$", 130).run();
}

#[test]
fn a_command_that_ignores_signals_holds_nobody_up_for_long() {
    let server = serving(["/a"]);
    let command = "trap \"\" TERM; echo up; while :; do sleep 0.1; done";
    end(endless(&server, command, 143), Signal::TERM);
}

#[test]
fn a_command_that_ends_well_after_the_signal_completes_its_job() {
    let server = serving(["/a"]);
    let command = "trap \"kill \\$!; exit 0\" TERM; sleep 60 & echo up; wait";
    let test = with(&server, &script(command)).expect_file("a", "/a").line("up");
    end(test.totals_end("interrupted").status(143), Signal::TERM);
}

#[test]
fn wrong_commands_are_wrong_usage() {
    #[track_caller]
    fn case(args: &[&str], told: &str) {
        let test = Test::new().args(args).arg("http://h/a").stdout("").any_stderr().status(2);
        let stderr = test.run().stderr;
        assert!(stderr.contains(told), "{stderr}");
    }
    case(&["--exec", "no-such-program-here x"], "no program `no-such-program-here` in PATH");
    case(&["--exec", "./nothing"], "./nothing is no program");
    case(&["--exec", ""], "it has no command");
    case(&["--exec", "sh -c 'x"], "a quote or a backslash");
    case(&["--exec", "{}"], "the command itself cannot be `{}`");
    case(&["--exec", "cat", "-o", "-"], "`--output -` makes none");
}

#[test]
fn a_run_that_fetches_nothing_runs_nothing() {
    for mode in ["--dry-run", "--spider", "--verify"] {
        let test = Test::new().args(["--exec", "true", mode, "http://127.0.0.1:1/a"]).stdout("");
        let output = test.any_stderr().status(2).run();
        assert!(output.stderr.contains("this run fetches none"), "{}", output.stderr);
    }
}
