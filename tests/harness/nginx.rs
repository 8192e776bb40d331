//! A real nginx for one test: its own folder, configuration and free ports, over http and https.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use super::daemon::start;
use super::tls::Authority;
use super::{Test, is_missing};

/// A running nginx. Dropping it ends it.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    authority: Authority,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    https: u16,
    /// https with a certificate for another host.
    wrong_host: u16,
}

impl Nginx {
    /// Starts nginx with `locations` in both of its servers, in which `{http}` and
    /// `{https}` stand for their authorities; `None` if nginx or openssl is not installed. `fill` writes the
    /// files that it offers.
    pub(crate) fn start(locations: &str, fill: impl FnOnce(&Path)) -> Option<Self> {
        if is_missing("nginx") || is_missing("openssl") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("haul-nginx-").tempdir().unwrap();
        for name in ["root", "logs", "temp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        fill(&folder.path().join("root"));
        let authority = Authority::new(folder.path(), "authority");
        authority.sign("leaf", "IP:127.0.0.1,DNS:localhost");
        authority.sign("other", "DNS:other.example");
        // A port that is free now may be taken when nginx asks for it.
        for _ in 0..5 {
            let ports = Ports::pick();
            let configuration = configuration(locations, ports);
            std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
            if let Some(child) = launch(folder.path(), ports) {
                return Some(Self { child, folder, authority, ports });
            }
        }
        let log = std::fs::read_to_string(folder.path().join("logs/error.log"));
        panic!("nginx does not start: {}", log.unwrap_or_default());
    }

    /// The folder with the files that are offered.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn http(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.ports.http)
    }

    pub(crate) fn https(&self, target: &str) -> String {
        format!("https://localhost:{}{target}", self.ports.https)
    }

    pub(crate) fn wrong_host(&self, target: &str) -> String {
        format!("https://127.0.0.1:{}{target}", self.ports.wrong_host)
    }

    pub(crate) fn http_port(&self) -> u16 {
        self.ports.http
    }

    pub(crate) fn https_port(&self) -> u16 {
        self.ports.https
    }

    /// The certificate that its clients must trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Starts a test that trusts this nginx's authority.
    pub(crate) fn test(&self) -> Test {
        Test::new().env("SSL_CERT_FILE", self.authority.certificate())
    }

    /// Starts a test that trusts an authority of which nginx knows nothing.
    pub(crate) fn distrusting_test(&self) -> Test {
        let stranger = Authority::new(self.folder.path(), "stranger");
        Test::new().env("SSL_CERT_FILE", stranger.certificate())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ports {
    fn pick() -> Self {
        // All are held until all are picked, so that they differ.
        let listeners: [TcpListener; 3] =
            std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [http, https, wrong_host] = listeners.map(|l| l.local_addr().unwrap().port());
        Self { http, https, wrong_host }
    }
}

/// Runs nginx as a single process, which ends when it is killed and leaves no workers behind.
fn launch(folder: &Path, ports: Ports) -> Option<Child> {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-e", "logs/error.log", "-c", "nginx.conf"]);
    start(&mut command, &[ports.http, ports.https, ports.wrong_host])
}

fn configuration(locations: &str, ports: Ports) -> String {
    let Ports { http, https, wrong_host } = ports;
    let locations = locations
        .replace("{http}", &format!("127.0.0.1:{http}"))
        .replace("{https}", &format!("localhost:{https}"));
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
    keepalive_requests 100;
    sendfile on;
    root root;
    server {{
        listen 127.0.0.1:{http};
        {locations}
    }}
    server {{
        listen 127.0.0.1:{https} ssl;
        ssl_certificate leaf.pem;
        ssl_certificate_key leaf.key;
        {locations}
    }}
    server {{
        listen 127.0.0.1:{wrong_host} ssl;
        ssl_certificate other.pem;
        ssl_certificate_key other.key;
    }}
}}
"
    )
}
