//! Real programs, run by a shell.

use std::thread;

use super::*;

/// Runs a shell's script; returns what came of it and the lines that it wrote.
fn shell(script: &str, stop: &Stop) -> (Result<(), Failed>, Vec<String>) {
    let program = find("sh").unwrap();
    let arguments = ["-c", script].map(OsString::from).to_vec();
    let variables = vec![("WITH", Some("value".into())), ("PATH", None)];
    let call = Call { program: &program, name: "shell", arguments, variables, longest_line: 4096 };
    let mut lines = Vec::new();
    let ended = run(&call, stop, &mut |_, line| lines.push(line.to_owned()));
    (ended, lines)
}

#[test]
fn a_program_is_run_with_its_name_and_its_environment_and_nothing_to_read() {
    let (ended, lines) = shell("echo $0 $WITH ${PATH-none}; read x; echo $?", &Stop::default());
    ended.unwrap();
    // A shell without a PATH may take one of its own.
    assert!(lines[0].starts_with("shell value "), "{lines:?}");
    assert_eq!(lines[1], "1");
}

#[test]
fn both_streams_are_told_and_the_last_line_of_the_second_is_kept() {
    let (ended, mut lines) =
        shell("echo out; echo one >&2; printf two >&2; exit 3", &Stop::default());
    let failed = ended.unwrap_err();
    assert!(matches!(failed.problem, CommandProblem::Code(3)), "{failed:?}");
    assert_eq!(failed.last_line.as_deref(), Some("two"));
    lines.sort();
    assert_eq!(lines, ["one", "out", "two"]);
}

#[test]
fn a_signal_is_told() {
    let (ended, _) = shell("kill -9 $$", &Stop::default());
    assert!(matches!(ended.unwrap_err().problem, CommandProblem::Signal(9)));
}

#[test]
fn a_program_that_cannot_be_started_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Vec::new();
    let call = Call {
        program: folder.path(),
        name: "x",
        arguments,
        variables: Vec::new(),
        longest_line: 9,
    };
    let failed = run(&call, &Stop::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(failed.problem, CommandProblem::NotRun(_)), "{failed:?}");
}

#[test]
fn much_output_on_both_streams_blocks_nobody() {
    let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf '%01000d\\n' 7; \
                  printf '%01000d\\n' 8 >&2; done";
    let (ended, lines) = shell(script, &Stop::default());
    ended.unwrap();
    assert_eq!(lines.len(), 6000);
}

#[test]
fn who_is_left_behind_is_not_waited_for() {
    let began = Instant::now();
    let (ended, lines) = shell("/bin/sleep 60 & echo $!", &Stop::default());
    ended.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    let pid = lines[0].parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_program_that_closes_its_output_is_waited_for() {
    let (ended, lines) = shell("exec >/dev/null 2>&1; /bin/sleep 0.05; exit 5", &Stop::default());
    assert!(matches!(ended.unwrap_err().problem, CommandProblem::Code(5)));
    assert!(lines.is_empty());
}

#[test]
fn the_end_of_the_run_ends_a_program() {
    for reason in [StopReason::Signal(15), StopReason::Signal(2), StopReason::OutputClosed] {
        let stop = Stop::default();
        let began = Instant::now();
        let (ended, _) = thread::scope(|scope| {
            let running = scope.spawn(|| shell("exec /bin/sleep 60", &stop));
            stop.stop(reason);
            running.join().unwrap()
        });
        let problem = ended.unwrap_err().problem;
        assert!(matches!(problem, CommandProblem::Signal(15)), "{problem:?}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn a_signal_is_passed_on_unless_the_terminal_did_it() {
    let first = |reason| urges(reason)[0];
    assert_eq!(first(StopReason::Signal(15)), (Duration::ZERO, Signal::TERM));
    assert_eq!(first(StopReason::Signal(1)), (Duration::ZERO, Signal::HUP));
    assert_eq!(first(StopReason::Signal(2)), (AFTER_INTERRUPT, Signal::TERM));
    assert_eq!(first(StopReason::OutputClosed), (Duration::ZERO, Signal::TERM));
}

#[test]
fn programs_are_found_where_a_shell_finds_them() {
    assert!(find("sh").unwrap().is_absolute());
    assert_eq!(find("/bin/sh").unwrap(), Path::new("/bin/sh"));
    for name in ["", "no-such-program", "./no/such", "/dev/null", "/"] {
        assert_eq!(find(name), None, "{name}");
    }
}
