//! TLS with a real nginx, which is to say with OpenSSL: versions, sessions, client certificates.

use std::path::Path;

use crate::harness::certificates::{Signer, says};
use crate::harness::nginx::Nginx;

/// Starts nginx with this version of TLS only and these lines, and one file.
fn speaking(version: &str, lines: &str, fill: impl FnOnce(&Path)) -> Option<Nginx> {
    Nginx::start(&format!("ssl_protocols {version};\n{lines}"), |root| {
        std::fs::write(root.join("file"), "hello").unwrap();
        fill(root);
    })
}

const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

#[test]
fn both_versions_are_spoken() {
    let lines = "location = /version { return 200 $ssl_protocol; }";
    for version in VERSIONS {
        let Some(nginx) = speaking(version, lines, |_| {}) else { return };
        let test = nginx.test().arg(nginx.https("/version"));
        test.expect_file("version", version).run();
    }
}

#[test]
fn a_version_that_is_not_wanted_is_not_spoken() {
    for version in VERSIONS {
        let Some(nginx) = speaking(version, "", |_| {}) else { return };
        let url = nginx.https("/file");
        let test = nginx.test().retries(3).args(["--tls-min", "1.3"]).arg(&url);
        if version == "TLSv1.3" {
            test.expect_file("file", "hello").run();
        } else {
            test.fails(&url, "localhost does not speak TLS 1.3 or newer")
                .hint("`--tls-min 1.2` allows one older version")
                .run();
        }
    }
}

#[test]
fn a_session_is_resumed_by_all_workers() {
    // Each answer says whether its connection resumed a session, and takes a while, so that the two of
    // the second step are fetched by two workers. (OpenSSL gives two tickets, each for one use.)
    const PADDING: usize = 20_000;
    let lines = "
        keepalive_timeout 0;
        ssi on;
        ssi_types *;
        limit_rate 15k;";
    for version in VERSIONS {
        let Some(nginx) = speaking(version, lines, |root| {
            let body = "<!--# echo var=\"ssl_session_reused\" -->".to_owned();
            for name in ["0", "1", "2"] {
                std::fs::write(root.join(name), body.clone() + &"x".repeat(PADDING)).unwrap();
            }
        }) else {
            return;
        };
        let resumed = |mark: &str| mark.to_owned() + &"x".repeat(PADDING);
        let mut test = nginx.test().args(["-j", "4", "-i", "-"]).open_stdin();
        test = test.expect_file("0", resumed("."));
        for name in ["1", "2"] {
            test = test.expect_file(name, resumed("r"));
        }
        let mut running = test.start();
        running.write(format!("{}\n", nginx.https("/0")));
        running.wait_for_stdout("0\n");
        for name in ["1", "2"] {
            running.write(format!("{}\n", nginx.https(&format!("/{name}"))));
        }
        running.close_stdin();
        running.finish();
    }
}

#[test]
fn nginx_gets_the_certificate_that_it_asks_for() {
    for version in VERSIONS {
        let members = Signer::new("members");
        let lines = "ssl_client_certificate members.pem; ssl_verify_client on;
            location = /who { return 200 $ssl_client_s_dn; }";
        let fill = |root: &Path| {
            members.write(root.parent().unwrap(), "members.pem");
        };
        let Some(nginx) = speaking(version, lines, fill) else { return };
        let folder = nginx.root().parent().unwrap().to_owned();
        let test = |signer: &Signer| {
            let holder = signer.sign(&says("me", &[]));
            let certificate = holder.write(&folder, "me.pem");
            let key = holder.write_key(&folder, "me.key");
            nginx.test().retries(3).arg("--cert").arg(certificate).arg("--key").arg(key)
        };
        test(&members).arg(nginx.https("/who")).expect_file("who", "CN=me").run();
        // nginx does the handshake and refuses then; also where a session is resumed.
        let [first, second] = ["/who", "/file"].map(|target| nginx.https(target));
        let wanted = "localhost wants a client certificate (400 Bad Request)";
        let hint = "name one with `--cert` and `--key`";
        let without = nginx.test().retries(3).args(["-j", "1", &first, &second]);
        without.fails(&first, wanted).hint(hint).fails(&second, wanted).hint(hint).run();
        let refused = "localhost refuses the client certificate (400 Bad Request)";
        let hint = "check that `--cert` is the one for this server";
        let url = &first;
        test(&Signer::new("strangers")).arg(url).fails(url, refused).hint(hint).run();
    }
}

#[test]
fn a_bad_request_that_has_nothing_to_do_with_certificates_stays_one() {
    let lines = "location = /bad { return 400; }";
    let Some(nginx) = speaking("TLSv1.3", lines, |_| {}) else { return };
    let url = nginx.https("/bad");
    nginx.test().arg(&url).fails(&url, "400 Bad Request").run();
}
