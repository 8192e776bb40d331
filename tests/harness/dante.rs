//! A real dante for one test: a SOCKS 4 and 5 proxy with its own folder, configuration and free port.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::daemon::start;
use super::is_missing;

/// A running danted. Dropping it ends it.
pub(crate) struct Dante {
    child: Child,
    _folder: TempDir,
    port: u16,
}

impl Dante {
    /// Starts danted with `method`, the login it wants; connections to `blocked` are refused by a rule.
    /// `None` if it is not installed.
    pub(crate) fn start(method: &str, blocked: u16) -> Option<Self> {
        if is_missing("danted") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("haul-dante-").tempdir().unwrap();
        for _ in 0..5 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let text = configuration(folder.path(), port, method, blocked);
            std::fs::write(folder.path().join("danted.conf"), text).unwrap();
            if let Some(child) = launch(folder.path(), port) {
                return Some(Self { child, _folder: folder, port });
            }
        }
        let log = std::fs::read_to_string(folder.path().join("log"));
        panic!("danted does not start: {}", log.unwrap_or_default());
    }

    /// As a proxy of this scheme.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Drop for Dante {
    fn drop(&mut self) {
        // Killed, it would leave its children behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new("danted");
    command
        .arg("-f")
        .arg(folder.join("danted.conf"))
        .arg("-p")
        .arg(folder.join("pid"))
        .current_dir(folder);
    start(&mut command, &[port])
}

fn configuration(folder: &Path, port: u16, method: &str, blocked: u16) -> String {
    let log = folder.join("log");
    format!(
        "logoutput: {}
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 127.0.0.0/8 to: 127.0.0.1/32 port = {blocked} }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
",
        log.display()
    )
}
