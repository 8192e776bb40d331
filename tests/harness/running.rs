//! A run of haul under way: a child process, the threads that read its streams, and a watchdog.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use super::verdict::{Ended, judge};
use super::{Stdin, Test, wait_until};

/// What came of a run that went as expected, for a test that wants to look closer.
pub(crate) struct Output {
    /// The exit code; `None` after a signal that killed it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// From the start to the end.
    pub(crate) took: Duration,
    /// From the first signal that the test sent to the end.
    pub(crate) since_signal: Option<Duration>,
    /// The folder, which is removed when this is dropped.
    pub(crate) folder: TempDir,
}

/// A run of haul under way. Dropping it kills it.
#[must_use = "a run is judged when it is finished"]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Our end of the terminal that is haul's standard input.
    _terminal: Option<OwnedFd>,
    stdout: Capture,
    stderr: Capture,
    command: String,
    test: Option<Test>,
    started: Instant,
    deadline: Instant,
    signalled: Option<Instant>,
    ended: Option<Instant>,
}

impl Running {
    #[track_caller]
    pub(super) fn start(test: Test) -> Self {
        let mut command = command(&test);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut terminal = None;
        command.stdin(match test.stdin {
            Stdin::Null => Stdio::null(),
            Stdin::Bytes(_) | Stdin::Open => Stdio::piped(),
            Stdin::Terminal => {
                let (ours, theirs) = open_terminal();
                terminal = Some(ours);
                theirs.into()
            }
        });
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        let mut stdin = child.stdin.take();
        if let Stdin::Bytes(bytes) = &test.stdin {
            let (bytes, mut pipe) = (bytes.clone(), stdin.take().unwrap());
            // A list may be larger than a pipe; haul may also end without reading it.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        Self {
            stdout: if test.unread_stdout {
                Capture::later(child.stdout.take().unwrap())
            } else {
                Capture::start(child.stdout.take().unwrap(), test.read_lines)
            },
            stderr: Capture::start(child.stderr.take().unwrap(), None),
            stdin,
            _terminal: terminal,
            child,
            command: format!("{command:?}"),
            started,
            deadline: started + test.limit,
            test: Some(test),
            signalled: None,
            ended: None,
        }
    }

    /// Writes to standard input, which stays open.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is an open pipe");
        stdin.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    #[track_caller]
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.signalled.get_or_insert_with(Instant::now);
    }

    /// Returns the folder in which haul runs.
    pub(crate) fn path(&self) -> &Path {
        self.test.as_ref().unwrap().path()
    }

    /// Waits until a file is in the folder.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) {
        let file = self.path().join(name);
        wait_until(&format!("{name} is saved"), || file.exists());
    }

    /// Returns the most memory that haul has taken so far, in bytes; not of a shell before it.
    #[track_caller]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    }

    /// Returns the arguments that haul was run with, as every user of the machine sees them.
    #[track_caller]
    pub(crate) fn command_line(&self) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/cmdline", self.child.id())).unwrap()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until half of what standard output holds without a reader is there.
    #[track_caller]
    pub(crate) fn wait_for_unread_stdout(&self) {
        let pipe = self.stdout.unread.as_ref().expect("an unread pipe");
        let size = rustix::pipe::fcntl_getpipe_size(pipe).unwrap() as u64;
        wait_until("stdout fills", || rustix::io::ioctl_fionread(pipe).unwrap() >= size / 2);
    }

    /// Begins to read standard output that was left unread.
    #[track_caller]
    pub(crate) fn read_stdout(&mut self) {
        let pipe = self.stdout.unread.take().expect("an unread pipe");
        self.stdout = Capture::start(pipe, None);
    }

    /// Waits until haul has ended by itself, with its standard input still open.
    #[track_caller]
    pub(crate) fn wait_for_exit(&mut self) {
        wait_until("haul ends", || self.has_ended());
        self.ended = Some(Instant::now());
    }

    /// Waits until standard output holds this.
    #[track_caller]
    pub(crate) fn wait_for_stdout(&self, text: &str) {
        wait_until(&format!("{text:?} on stdout"), || self.stdout.holds(text));
    }

    /// Waits until standard error holds this.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        wait_until(&format!("{text:?} on stderr"), || self.stderr.holds(text));
    }

    /// Returns whether standard error holds this by now.
    pub(crate) fn stderr_holds(&self, text: &str) -> bool {
        self.stderr.holds(text)
    }

    /// Waits for the end and compares.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Output {
        self.close_stdin();
        let mut problem = None;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > self.deadline {
                problem = Some("haul did not end in time and was killed".to_owned());
                self.child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let ended = self.ended.unwrap_or_else(Instant::now);
        let since_signal = self.signalled.map(|at| ended - at);
        let stdout = self.stdout.finish();
        let stderr = self.stderr.finish();
        let test = self.test.take().unwrap();
        judge(
            &test,
            &Ended {
                command: &self.command,
                status: status.code(),
                stdout: &stdout,
                stderr: &stderr,
                problem,
            },
        );
        Output {
            status: status.code(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            took: ended - self.started,
            since_signal,
            folder: test.folder,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `finish` the child is gone and both calls say so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(test: &Test) -> Command {
    let haul = env!("CARGO_BIN_EXE_haul");
    let mut command = match &test.shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh", haul]);
            command
        }
        None => Command::new(haul),
    };
    // Nothing of the surroundings may matter: no proxy, no colour, no trusted certificates.
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        // But for the way of the bytes: `__HAUL_SPLICE=always cargo test` tries that of the pipe in all tests.
        .envs(std::env::var_os("__HAUL_SPLICE").map(|way| ("__HAUL_SPLICE", way)))
        .envs(test.env.iter().map(|(name, value)| (name, value)))
        .args(test.retries.iter().flat_map(|count| ["--retries".to_owned(), count.to_string()]))
        .args(&test.args)
        .current_dir(test.path());
    command
}

/// Opens both ends of a terminal: ours and haul's.
fn open_terminal() -> (OwnedFd, OwnedFd) {
    // Without NOCTTY it could become the terminal that controls the tests.
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    (ours, theirs)
}

/// A thread that reads a stream to its end.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
    unread: Option<ChildStdout>,
}

impl Capture {
    /// Reads everything, or `lines` lines after which the reading end is closed.
    fn start(stream: impl Read + Send + 'static, lines: Option<usize>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let target = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut left = lines;
            while left != Some(0) {
                let mut line = Vec::new();
                match stream.read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => target.lock().unwrap().append(&mut line),
                }
                left = left.map(|left| left - 1);
            }
        });
        Self { bytes, thread: Some(thread), unread: None }
    }

    /// Reads nothing before `finish`.
    fn later(stream: ChildStdout) -> Self {
        Self { bytes: Arc::default(), thread: None, unread: Some(stream) }
    }

    fn holds(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).contains(text)
    }

    fn finish(&mut self) -> Vec<u8> {
        if let Some(mut stream) = self.unread.take() {
            stream.read_to_end(&mut self.bytes.lock().unwrap()).unwrap();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}
