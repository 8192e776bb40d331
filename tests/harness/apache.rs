//! A real apache for one test: its own folder, configuration and free ports, over http and https.

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use super::daemon::start;
use super::tls::Authority;
use super::{Test, is_missing, wait_until};

/// Where Debian puts what apache loads.
const MODULES: &str = "/usr/lib/apache2/modules";

const LOADED: [&str; 18] = [
    "mpm_event",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_user",
    "auth_basic",
    "auth_digest",
    "alias",
    "cgi",
    "deflate",
    "dir",
    "filter",
    "mime",
    "negotiation",
    "ratelimit",
    "setenvif",
    "socache_shmcb",
    "ssl",
];

/// A running apache. Dropping it ends it.
pub(crate) struct Apache {
    child: Child,
    folder: TempDir,
    authority: Authority,
    ports: [u16; 3],
}

impl Apache {
    /// Starts apache with this in its configuration, where `{http}`, `{other}` (a second port over http) and
    /// `{https}` stand for its authorities and `{folder}` for its folder; `None` if apache or openssl is not
    /// installed. `fill` writes the files that it offers.
    pub(crate) fn start(rules: &str, fill: impl FnOnce(&Path)) -> Option<Self> {
        if is_missing("apache2") || is_missing("openssl") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("haul-apache-").tempdir().unwrap();
        // Run by root, apache becomes another user, who must read here.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(folder.path().join("site")).unwrap();
        fill(&folder.path().join("site"));
        let authority = Authority::new(folder.path(), "authority");
        authority.sign("leaf", "IP:127.0.0.1,DNS:localhost");
        // A port that is free now may be taken when apache asks for it.
        for _ in 0..5 {
            let listeners: [TcpListener; 3] =
                std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
            let text = configuration(folder.path(), rules, ports);
            std::fs::write(folder.path().join("apache.conf"), text).unwrap();
            if let Some(child) = launch(folder.path(), ports[2]) {
                return Some(Self { child, folder, authority, ports });
            }
        }
        let log = std::fs::read_to_string(folder.path().join("error.log"));
        panic!("apache does not start: {}", log.unwrap_or_default());
    }

    /// The folder with the files that are offered.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub(crate) fn http(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.ports[0])
    }

    /// On the second port.
    pub(crate) fn other(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.ports[1])
    }

    /// Starts a test that trusts this apache's authority.
    pub(crate) fn test(&self) -> Test {
        Test::new().env("SSL_CERT_FILE", self.authority.certificate())
    }

    /// Waits for a line that says the path, the status and the login of a request; apache writes it when all
    /// is sent.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, line: &str) {
        wait_until(line, || self.log().lines().any(|logged| logged == line));
    }

    /// Returns all such lines.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs apache as a single process, which ends when it is killed and leaves no workers behind.
fn launch(folder: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new("apache2");
    command.arg("-X").arg("-d").arg(folder).arg("-f").arg(folder.join("apache.conf"));
    start(&mut command, &[port])
}

fn configuration(folder: &Path, rules: &str, [http, other, https]: [u16; 3]) -> String {
    let load = |name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    let text = LOADED.map(load).concat();
    let rules = rules
        .replace("{http}", &format!("127.0.0.1:{http}"))
        .replace("{other}", &format!("127.0.0.1:{other}"))
        .replace("{https}", &format!("localhost:{https}"))
        .replace("{folder}", &folder.display().to_string());
    let folder = folder.display();
    text + &format!(
        "ServerName localhost
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex pthread
User nobody
Group nogroup
ErrorLog {folder}/error.log
LogFormat \"%U %>s %{{Authorization}}i\" seen
CustomLog {folder}/access.log seen
TypesConfig /dev/null
DocumentRoot {folder}/site
ThreadsPerChild 16
MaxRequestWorkers 16
KeepAlive On
<Directory {folder}/site>
    Require all granted
</Directory>
{rules}
Listen 127.0.0.1:{http}
Listen 127.0.0.1:{other}
Listen 127.0.0.1:{https}
<VirtualHost 127.0.0.1:{https}>
    SSLEngine on
    SSLCertificateFile {folder}/leaf.pem
    SSLCertificateKeyFile {folder}/leaf.key
</VirtualHost>
"
    )
}
