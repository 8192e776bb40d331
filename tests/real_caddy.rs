//! Against a real caddy, which is an authority of its own and speaks TLS by another library.

use crate::harness::caddy::Caddy;
use crate::harness::{Test, content};

#[test]
fn files_of_a_caddy_whose_authority_is_named_are_right() {
    let Some(caddy) = Caddy::start("", |root| {
        for number in 0..8 {
            let body = content(number, 1_000_003);
            std::fs::write(root.join(number.to_string()), body).unwrap();
        }
    }) else {
        return;
    };
    let mut test = caddy.test();
    for number in 0..8 {
        let name = number.to_string();
        let source = caddy.root().join(&name);
        test = test.arg(caddy.url(&format!("/{name}"))).expect_copy(&name, &source);
    }
    test.run();
}

#[test]
fn a_caddy_whose_authority_is_not_named_is_not_trusted() {
    let Some(caddy) = Caddy::start("", |_| {}) else { return };
    let url = caddy.url("/a");
    Test::new()
        .arg(&url)
        .fails(
            &url,
            "the certificate of localhost comes from an issuer that is not trusted here \
             (CN=Caddy Local Authority - ECC Intermediate)",
        )
        .hint("to trust the issuer, name its certificate with `--ca-cert FILE`; …")
        .run();
}

#[test]
fn a_name_that_caddy_does_not_have_is_told_with_its_alert() {
    let Some(caddy) = Caddy::start("", |_| {}) else { return };
    let url = caddy.url("/a").replace("localhost", "127.0.0.1");
    caddy
        .test()
        .arg(&url)
        .fails(&url, "127.0.0.1 refuses to speak TLS with haul (internal_error)")
        .run();
}
