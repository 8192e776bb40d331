//! TLS by way of a proxy: all that is said of it holds for the host, and for an https proxy what says whom
//! to trust.

use crate::harness::certificates::{Holder, Signer, VERSIONS, says};
use crate::harness::objects::objects;
use crate::harness::peer::Peer;
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test};

const HOST: &str = "127.0.0.1";

/// What only a proxy can find.
const URL: &str = "http://nowhere.invalid/a";

/// A host that has this configuration, a tunnel to it, and a test that goes through it.
struct Tunnelled {
    server: Server,
    front: TlsFront,
    proxy: Peer,
}

impl Tunnelled {
    fn start(config: rustls::ServerConfig) -> Self {
        let server = Server::start();
        server.maybe("/a", Reply::ok("hello").close());
        let front = TlsFront::with(&server, config);
        Self { server, front, proxy: Peer::proxy() }
    }

    fn test(&self) -> Test {
        let proxy = format!("http://{}", self.proxy.authority());
        self.server.test().args(["--proxy", &proxy, &self.front.url("/a")])
    }
}

#[test]
fn a_host_behind_a_tunnel_must_be_trusted() {
    let signer = Signer::new("authority");
    let way = Tunnelled::start(signer.sign(&says("leaf", &[HOST])).server());
    let told = "the certificate of 127.0.0.1 comes from an issuer that is not trusted here (…)";
    way.test().fails(way.front.url("/a"), told).hint("to trust the issuer, …").run();
    let file = signer.write(way.front.folder(), "authority.pem");
    way.test().arg("--ca-cert").arg(file).expect_file("a", "hello").run();
    way.test().arg("--insecure").any_stderr().expect_file("a", "hello").run();
}

#[test]
fn a_host_behind_a_tunnel_must_have_its_key() {
    let holder = Holder::self_signed(&says("leaf", &[HOST]));
    let way = Tunnelled::start(holder.server());
    let with = |pin: &str| way.test().args(["--insecure", "--pin", pin]).any_stderr();
    with(&holder.pin()).expect_file("a", "hello").run();
    let other = Holder::self_signed(&says("other", &[HOST])).pin();
    let output = with(&other).status(1).run();
    assert!(output.stderr.contains("is not the one of `--pin`"), "{}", output.stderr);
}

#[test]
fn a_host_behind_a_tunnel_is_shown_the_client_certificate() {
    for version in VERSIONS {
        let (signer, members) = (Signer::new("authority"), Signer::new("members"));
        let leaf = signer.sign(&says("leaf", &[HOST]));
        let way = Tunnelled::start(leaf.server_of(&[version], Some(&members)));
        let file = signer.write(way.front.folder(), "authority.pem");
        let test = || way.test().arg("--ca-cert").arg(&file);
        test()
            .fails(
                way.front.url("/a"),
                "127.0.0.1 wants a client certificate (certificate_required)",
            )
            .hint("name one with `--cert` and `--key`")
            .run();
        let member = members.sign(&says("me", &[]));
        let certificate = member.write(way.front.folder(), "me.pem");
        let key = member.write_key(way.front.folder(), "me.key");
        let test = test().arg("--cert").arg(certificate).arg("--key").arg(key);
        test.expect_file("a", "hello").run();
    }
}

/// Downloads by way of an https proxy that has this configuration.
fn by(server: &Server, front: &TlsFront) -> Test {
    server.maybe(URL, Reply::ok("hello").close());
    server.test().retries(3).args(["--proxy", &front.url(""), URL])
}

#[test]
fn an_https_proxy_must_be_trusted() {
    let server = Server::start();
    let signer = Signer::new("authority");
    let front = TlsFront::with(&server, signer.sign(&says("leaf", &[HOST])).server());
    let proxy = front.url("");
    let told = format!(
        "proxy {proxy}: the certificate of the proxy comes from an issuer that is not trusted here (…)"
    );
    by(&server, &front).fails(URL, &told).hint("to trust the issuer, …").run();
    let output = by(&server, &front).arg("--json").any_stdout().any_stderr().status(1).run();
    let (jobs, _) = objects(&output);
    assert_eq!(jobs[0]["error"]["kind"], "proxy_connect");
    assert_eq!(jobs[0]["error"]["tls"], "unknown_issuer");
    assert!(server.requests().is_empty());
    let file = signer.write(front.folder(), "authority.pem");
    by(&server, &front).arg("--ca-cert").arg(file).expect_file("a", "hello").run();
    by(&server, &front).arg("--insecure").any_stderr().expect_file("a", "hello").run();
}

#[test]
fn pins_are_for_hosts_and_not_for_proxies() {
    let server = Server::start();
    let signer = Signer::new("authority");
    let front = TlsFront::with(&server, signer.sign(&says("leaf", &[HOST])).server());
    let file = signer.write(front.folder(), "authority.pem");
    let pin = Holder::self_signed(&says("other", &[HOST])).pin();
    let test = by(&server, &front).arg("--ca-cert").arg(&file).args(["--pin", &pin]);
    test.expect_file("a", "hello").run();
}

#[test]
fn a_client_certificate_is_not_shown_to_a_proxy() {
    for version in VERSIONS {
        let server = Server::start();
        let (signer, members) = (Signer::new("authority"), Signer::new("members"));
        let config = signer.sign(&says("leaf", &[HOST])).server_of(&[version], Some(&members));
        let front = TlsFront::with(&server, config);
        let file = signer.write(front.folder(), "authority.pem");
        let member = members.sign(&says("me", &[]));
        let certificate = member.write(front.folder(), "me.pem");
        let key = member.write_key(front.folder(), "me.key");
        let told = format!(
            "proxy {}: the proxy wants a client certificate (certificate_required)",
            front.url("")
        );
        for url in [URL, "https://nowhere.invalid/a"] {
            let test = server.test().retries(3).args(["--proxy", &front.url(""), url]);
            test.arg("--ca-cert")
                .arg(&file)
                .arg("--cert")
                .arg(&certificate)
                .arg("--key")
                .arg(&key)
                .fails(url, &told)
                .hint("haul shows its client certificate to servers, and to no proxy")
                .run();
        }
    }
}
