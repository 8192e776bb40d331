//! Certificates made on the spot by the `openssl` command: an authority, and leaves that it signs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate authority with its files in a folder.
pub(crate) struct Authority {
    folder: PathBuf,
    name: String,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let authority = Self { folder: folder.to_path_buf(), name: name.to_owned() };
        authority.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
             -subj /CN={name} -addext basicConstraints=critical,CA:TRUE \
             -addext keyUsage=critical,keyCertSign -keyout {name}.key -out {name}.pem"
        ));
        authority
    }

    /// The certificate that clients must trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Signs a certificate for `subjects`, as `DNS:localhost,IP:127.0.0.1`, into `NAME.pem` and
    /// `NAME.key`.
    pub(crate) fn sign(&self, name: &str, subjects: &str) {
        let authority = &self.name;
        // rustls takes no authority's certificate as a server's: CA:FALSE must be said.
        let extensions = format!("basicConstraints=critical,CA:FALSE\nsubjectAltName={subjects}\n");
        std::fs::write(self.folder.join(format!("{name}.cnf")), extensions).unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial \
             -days 2 -extfile {name}.cnf -out {name}.pem"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
