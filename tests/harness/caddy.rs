//! A real caddy for one test, which makes an authority of its own and a certificate by it. All that it
//! writes is in a folder of the test's, and it listens on the loopback interface alone.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{Test, is_missing, wait_until};

/// A running caddy. Dropping it ends it.
pub(crate) struct Caddy {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Caddy {
    /// Starts caddy with these lines in its site; `None` if it is not installed. `fill` writes the
    /// files that it offers.
    pub(crate) fn start(lines: &str, fill: impl FnOnce(&Path)) -> Option<Self> {
        if is_missing("caddy") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("haul-caddy-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        fill(&folder.path().join("root"));
        // A port that is free now may be taken when caddy asks for it.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let text = configuration(folder.path(), port, lines);
            std::fs::write(folder.path().join("Caddyfile"), text).unwrap();
            if let Some(child) = launch(folder.path()) {
                return Some(Self { child, folder, port });
            }
        }
        panic!("caddy does not start: {}", log(folder.path()));
    }

    /// The folder with the files that are offered.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("https://localhost:{}{target}", self.port)
    }

    /// The certificate of its authority.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("storage/pki/authorities/local").join("root.crt")
    }

    /// Starts a test that trusts its authority.
    pub(crate) fn test(&self) -> Test {
        Test::new().arg("--ca-cert").arg(self.certificate())
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path) -> Option<Child> {
    let errors = std::fs::File::create(folder.join("log")).unwrap();
    let mut child = Command::new("caddy")
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(folder.join("Caddyfile"))
        // Whatever it keeps for its user is kept here.
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .unwrap();
    let mut ended = false;
    wait_until("caddy serves", || {
        ended = child.try_wait().unwrap().is_some();
        let log = log(folder);
        let is_ready = ["serving initial configuration", "certificate obtained successfully"]
            .iter()
            .all(|message| log.contains(message));
        ended || is_ready
    });
    (!ended).then_some(child)
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn configuration(folder: &Path, port: u16, lines: &str) -> String {
    let folder = folder.display();
    format!(
        "{{
    admin off
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}/storage
}}
https://localhost:{port} {{
    bind 127.0.0.1
    tls internal
    root * {folder}/root
    {lines}
    file_server
}}
"
    )
}
