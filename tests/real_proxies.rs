//! Through a real squid and a real dante, to a real nginx.

use std::path::Path;
use std::time::Duration;

use crate::harness::dante::Dante;
use crate::harness::nginx::Nginx;
use crate::harness::squid::{HOST, Squid};
use crate::harness::{Test, content};

/// As against nginx alone.
const PATIENCE: Duration = Duration::from_secs(60);

fn files(root: &Path) {
    for number in 0..20 {
        let body = content(number, 10_000 + number as usize);
        std::fs::write(root.join(format!("{number}.bin")), body).unwrap();
    }
    std::fs::write(root.join("large"), content(99, 12 << 20)).unwrap();
}

/// Downloads all files of nginx by this proxy.
#[track_caller]
fn all(nginx: &Nginx, test: Test, proxy: &str, url: impl Fn(&str) -> String) {
    let names = (0..20).map(|number| format!("{number}.bin")).chain(["large".to_owned()]);
    let mut test = test.within(PATIENCE).args(["-j", "4", "--proxy", proxy]);
    for name in names {
        test = test.arg(url(&format!("/{name}"))).expect_copy(&name, &nginx.root().join(&name));
    }
    test.run();
}

#[test]
fn squid_passes_on_http_and_tunnels_https_over_tcp_and_over_tls() {
    let Some(nginx) = Nginx::start("", files) else { return };
    let Some(squid) = Squid::start(&nginx, false) else { return };
    // Of this host only squid knows the address.
    let named = |target: &str| format!("http://{HOST}:{}{target}", nginx.http_port());
    for proxy in [squid.http(), squid.https()] {
        all(&nginx, squid.test(&nginx), &proxy, named);
        all(&nginx, squid.test(&nginx), &proxy, |target| nginx.https(target));
    }
}

#[test]
fn squid_wants_its_login() {
    let Some(nginx) = Nginx::start("", files) else { return };
    let Some(squid) = Squid::start(&nginx, true) else { return };
    let source = nginx.root().join("1.bin");
    for (proxy, url) in [squid.http(), squid.https()]
        .iter()
        .flat_map(|proxy| [(proxy, nginx.http("/1.bin")), (proxy, nginx.https("/1.bin"))])
    {
        let test = || squid.test(&nginx).args(["--proxy", proxy, &url]);
        test().args(["--proxy-user", "me:s3cret"]).expect_copy("1.bin", &source).run();
        test()
            .args(["--proxy-user", "me:wrong"])
            .fails(&url, &format!("proxy {proxy}: it refuses the login"))
            .hint("check the name and the password of the proxy")
            .run();
        test()
            .fails(&url, &format!("proxy {proxy}: it wants a login"))
            .hint("give one with `--proxy-user NAME:PASSWORD`")
            .run();
    }
}

#[test]
fn squid_says_what_it_does_not_allow_and_what_it_does_not_reach() {
    let Some(nginx) = Nginx::start("", files) else { return };
    let Some(squid) = Squid::start(&nginx, false) else { return };
    let proxy = squid.http();
    let test = || squid.test(&nginx).args(["--proxy", &proxy]);
    let url = nginx.wrong_host("/1.bin");
    let told = format!("proxy {proxy}: it refuses a tunnel: 403 Forbidden");
    test().arg(&url).fails(&url, &told).run();
    // nginx has this port on another address.
    let url = format!("https://127.0.0.2:{}/", nginx.https_port());
    let told = format!("proxy {proxy}: it refuses a tunnel: 503 Service Unavailable");
    test().arg(&url).fails(&url, &told).run();
    let url = "http://127.0.0.1:1/";
    test().arg(url).fails(url, "503 Service Unavailable").run();
}

#[test]
fn dante_passes_everything_on_by_every_version() {
    let Some(nginx) = Nginx::start("", files) else { return };
    let Some(dante) = Dante::start("none", nginx.http_port() ^ 1) else { return };
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let proxy = dante.url(scheme);
        all(&nginx, nginx.test(), &proxy, |target| nginx.http(target));
        // dante takes the name of SOCKS 4A for an address.
        if scheme != "socks4a" {
            all(&nginx, nginx.test(), &proxy, |target| nginx.https(target));
        }
    }
}

#[test]
fn dante_says_what_it_does_not_allow_and_what_it_does_not_reach() {
    let Some(nginx) = Nginx::start("", files) else { return };
    let Some(dante) = Dante::start("none", nginx.http_port()) else { return };
    let fails = |scheme: &str, url: &str, told: &str| {
        let proxy = dante.url(scheme);
        let test = Test::new().args(["--proxy", &proxy, url]);
        test.fails(url, &format!("proxy {proxy}: {told}")).run();
    };
    let blocked = &nginx.http("/1.bin");
    fails("socks5h", blocked, "its rules do not allow this connection");
    fails("socks4a", blocked, "it cannot connect: general failure");
    // Nothing listens on port 1.
    fails("socks5h", "http://127.0.0.1:1/", "it cannot connect: connection refused");
    fails("socks5", "http://127.0.0.1:1/", "it cannot connect: connection refused");
    fails("socks4", "http://127.0.0.1:1/", "it cannot connect: general failure");
}

#[test]
fn dante_wants_its_login() {
    // It knows the users of the machine; nobody is called so.
    let Some(dante) = Dante::start("username", 1) else { return };
    let proxy = dante.url("socks5h");
    let url = "http://127.0.0.1:1/";
    let test = || Test::new().args(["--proxy", &proxy, url]);
    test()
        .args(["--proxy-user", "no-such-user:s3cret"])
        .fails(url, &format!("proxy {proxy}: it refuses the login"))
        .hint("check the name and the password of the proxy")
        .run();
    test()
        .fails(url, &format!("proxy {proxy}: it wants a login"))
        .hint("give one with `--proxy-user NAME:PASSWORD`")
        .run();
}
