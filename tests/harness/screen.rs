//! A terminal for tests: a `tmux` server of its own, whose screen can be read as text.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::{Test, is_missing, wait_until};

/// A terminal with a shell command in it. Dropping it ends both.
pub(crate) struct Screen {
    socket: PathBuf,
    test: Test,
}

impl Screen {
    /// Runs haul in a terminal of this size, in the folder of `test`; afterwards the screen shows
    /// `status N` and stays. `arguments` are words for the shell. `None` if tmux is not installed.
    pub(crate) fn start(test: Test, columns: u16, rows: u16, arguments: &str) -> Option<Self> {
        Self::start_with(test, columns, rows, "", arguments)
    }

    /// Like `start`, with assignments of environment variables before the command.
    pub(crate) fn start_with(
        test: Test,
        columns: u16,
        rows: u16,
        variables: &str,
        arguments: &str,
    ) -> Option<Self> {
        if is_missing("tmux") {
            return None;
        }
        let screen = Self { socket: test.path().join("tmux"), test };
        let haul = env!("CARGO_BIN_EXE_haul");
        // The shell catches the interrupt that is meant for haul, to go on and tell its status.
        let script =
            format!("trap : INT; {variables} '{haul}' {arguments}; echo \"status $?\"; exec cat");
        let output = screen.tmux(&[
            "-u",
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns.to_string(),
            "-y",
            &rows.to_string(),
            &script,
        ]);
        assert!(output.status.success(), "tmux: {}", String::from_utf8_lossy(&output.stderr));
        Some(screen)
    }

    /// Returns the lines of the screen, without blanks at their ends and empty lines at the bottom.
    pub(crate) fn lines(&self) -> Vec<String> {
        let output = self.tmux(&["capture-pane", "-p"]);
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the screen is as wanted, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        let mut shown = String::new();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(what, || {
                lines = self.lines();
                shown = lines.join("\n");
                wanted(&lines)
            });
        }));
        assert!(result.is_ok(), "the screen never showed {what}; it is\n{shown}");
        lines
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Waits until what is typed is not shown.
    #[track_caller]
    pub(crate) fn wait_for_no_echo(&self) {
        let name = self.tmux(&["display-message", "-p", "#{pane_tty}"]).stdout;
        let name = String::from_utf8(name).unwrap();
        wait_until("echo is off", || {
            let output = Command::new("stty").args(["-F", name.trim(), "-a"]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).contains(" -echo ")
        });
    }

    /// Sends keys, as `C-c`.
    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(arguments)
            .current_dir(self.test.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("SHELL", "/bin/sh")
            .output()
            .unwrap()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}
