//! A real squid for one test: its own folder, configuration and free ports, over http and https.

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

use tempfile::TempDir;

use super::daemon::start;
use super::nginx::Nginx;
use super::tls::Authority;
use super::{Test, is_missing};

/// A host that squid finds and nobody else.
pub(crate) const HOST: &str = "only-squid-knows.invalid";

/// Answers whether a login is right.
const HELPER: &str =
    "while read -r login; do [ \"$login\" = 'me s3cret' ] && echo OK || echo ERR; done\n";

/// A running squid. Dropping it ends it.
pub(crate) struct Squid {
    child: Child,
    folder: TempDir,
    authority: Authority,
    http: u16,
    https: u16,
}

impl Squid {
    /// Starts squid, with a login or without; `None` if it or openssl is not installed. Tunnels lead to
    /// `nginx` over https only.
    pub(crate) fn start(nginx: &Nginx, wants_login: bool) -> Option<Self> {
        if is_missing("squid") || is_missing("openssl") {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("haul-squid-").tempdir().unwrap();
        // Run by root, squid becomes another user, who must write here.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let authority = Authority::new(folder.path(), "authority");
        authority.sign("leaf", "IP:127.0.0.1");
        let key = folder.path().join("leaf.key");
        std::fs::set_permissions(key, Permissions::from_mode(0o644)).unwrap();
        std::fs::write(folder.path().join("hosts"), format!("127.0.0.1 localhost {HOST}\n"))
            .unwrap();
        std::fs::write(folder.path().join("helper"), HELPER).unwrap();
        // A port that is free now may be taken when squid asks for it.
        for _ in 0..5 {
            let [http, https] = pick();
            let text = configuration(folder.path(), [http, https], nginx.https_port(), wants_login);
            std::fs::write(folder.path().join("squid.conf"), text).unwrap();
            if let Some(child) = launch(folder.path(), [http, https]) {
                return Some(Self { child, folder, authority, http, https });
            }
        }
        let log = std::fs::read_to_string(folder.path().join("cache.log"));
        panic!("squid does not start: {}", log.unwrap_or_default());
    }

    /// As a proxy over plain TCP.
    pub(crate) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// As a proxy over TLS.
    pub(crate) fn https(&self) -> String {
        format!("https://127.0.0.1:{}", self.https)
    }

    /// Starts a test that trusts nginx's authority and squid's.
    pub(crate) fn test(&self, nginx: &Nginx) -> Test {
        let both = [self.authority.certificate(), nginx.certificate()]
            .map(|file| std::fs::read_to_string(file).unwrap());
        let file = self.folder.path().join("trusted.pem");
        std::fs::write(&file, both.concat()).unwrap();
        Test::new().env("SSL_CERT_FILE", file)
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pick() -> [u16; 2] {
    let listeners: [TcpListener; 2] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn launch(folder: &Path, ports: [u16; 2]) -> Option<Child> {
    let mut command = Command::new("squid");
    command.arg("-N").arg("-f").arg(folder.join("squid.conf")).current_dir(folder);
    start(&mut command, &ports)
}

fn configuration(
    folder: &Path,
    [http, https]: [u16; 2],
    tunnel_port: u16,
    wants_login: bool,
) -> String {
    let folder = folder.display();
    let (login, who) = if wants_login {
        let login = format!(
            "auth_param basic program /bin/sh {folder}/helper\n\
             auth_param basic children 1\n\
             acl who proxy_auth REQUIRED\n"
        );
        (login, "who")
    } else {
        (String::new(), "localhost")
    };
    format!(
        "http_port 127.0.0.1:{http}
https_port 127.0.0.1:{https} tls-cert={folder}/leaf.pem tls-key={folder}/leaf.key
pid_filename none
access_log none
cache_log {folder}/cache.log
cache_store_log none
coredump_dir {folder}
hosts_file {folder}/hosts
visible_hostname localhost
cache deny all
cache_mem 0
pinger_enable off
icp_port 0
shutdown_lifetime 0 seconds
{login}
acl Safe_ports port 1-65535
acl SSL_ports port {tunnel_port}
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow {who}
http_access deny all
"
    )
}
