//! Where connections go when the user says so, and where they come from.

use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use crate::harness::peer::{Peer, Step};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test, skip};

/// Returns the port of an authority.
fn port(authority: &str) -> &str {
    authority.rsplit_once(':').unwrap().1
}

#[test]
fn addresses_that_are_given_are_not_looked_up() {
    let server = Server::start();
    let authority = server.authority();
    let port = port(&authority);
    let url = format!("http://nowhere.invalid:{port}/a");
    for given in ["nowhere.invalid:{port}:127.0.0.1", "*:{port}:[::1],127.0.0.1"] {
        server.serve("/a", Reply::ok("hello"));
        server
            .test()
            .args(["--resolve", &given.replace("{port}", port), "--resolve", "*:1:127.0.0.9", &url])
            .expect_file("a", "hello")
            .run();
    }
    for request in server.requests() {
        assert_eq!(request.header("host"), Some(&*format!("nowhere.invalid:{port}")));
    }
    // Of another port nothing is given.
    let other = "http://nowhere.invalid:1/a";
    let given = format!("nowhere.invalid:{port}:127.0.0.1");
    let output = Test::new().args(["--resolve", &given, other]).any_stderr().status(1).run();
    assert!(!output.stderr.contains("127.0.0.1"), "{}", output.stderr);
}

#[test]
fn a_family_that_a_host_has_not_is_told() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    let authority = server.authority();
    let url = server.url("/a");
    let told = format!("cannot connect to {authority}: it has no address of IPv6");
    Test::new().default_retries().args(["-6", &url]).fails(&url, &told).run();
    server.get(["/a"]).args(["-6", "-4"]).expect_file("a", "hello").run();
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let server = Server::on(listener);
        server.serve("/a", Reply::ok("hello"));
        server.get(["/a"]).arg("-6").expect_file("a", "hello").run();
    }
    let url = "http://[::1]:1/";
    let told = "cannot connect to [::1]:1: it has no address of IPv4";
    Test::new().args(["--ipv4", url]).fails(url, told).run();
}

#[test]
fn another_host_is_connected_to_and_the_name_stays() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    let to = format!("nowhere.invalid:80:127.0.0.1:{}", port(&server.authority()));
    let url = "http://nowhere.invalid/a";
    server.test().args(["--connect-to", &to, url]).expect_file("a", "hello").run();
    assert_eq!(server.requests()[0].header("host"), Some("nowhere.invalid"));

    let front = TlsFront::start(&server, true);
    let authority = front.url("").replace("https://", "");
    let to = format!("::{authority}");
    let right = "https://127.0.0.1:1/a";
    server.serve("/a", Reply::ok("hello").close());
    front.test().args(["--connect-to", &to, right]).expect_file("a", "hello").run();
    let wrong = "https://nowhere.invalid/a";
    let told = "the certificate is not for nowhere.invalid but for …";
    front
        .test()
        .args(["--connect-to", &to, wrong])
        .fails(wrong, told)
        .hint("check the spelling of the host")
        .run();
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_to_the_other_host() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    let proxy = Peer::tunnel(&server.authority());
    server
        .test()
        .args(["--proxy", &proxy.authority(), "--connect-to", "nowhere.invalid::else.invalid:81"])
        .arg("http://nowhere.invalid/a")
        .expect_file("a", "hello")
        .run();
    let asked = String::from_utf8(proxy.received().concat()).unwrap();
    assert!(asked.starts_with("CONNECT else.invalid:81 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(server.requests()[0].header("host"), Some("nowhere.invalid"));
}

/// A server that answers one request on each connection.
fn answering() -> Peer {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec();
    Peer::start([Step::TakeHead, Step::Send(answer)])
}

#[test]
fn connections_come_from_where_they_are_told_to() {
    let peer = answering();
    let url = format!("http://{}/a", peer.authority());
    Test::new().args(["--interface", "127.0.0.2", &url]).expect_file("a", "hello").run();
    assert_eq!(peer.clients(), ["127.0.0.2".parse::<IpAddr>().unwrap()]);
    let told = format!("cannot connect to {}: it has no address of IPv6", peer.authority());
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        Test::new().args(["--interface", "::1", &url]).fails(&url, &told).run();
    }
}

#[test]
fn connections_go_over_the_device_that_is_named() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if socket.bind_device(Some(b"lo")).is_err() {
        return skip("naming a device is not allowed here");
    }
    let peer = answering();
    let url = format!("http://{}/a", peer.authority());
    Test::new().args(["--interface", "lo", &url]).expect_file("a", "hello").run();
}

#[test]
fn an_interface_that_there_is_not_is_wrong_usage() {
    let refused = |interface: &str, why: &str| {
        Test::new()
            .args(["--interface", interface, "http://127.0.0.1:1/"])
            .stdout("")
            .stderr([format!("error: `--interface {interface}`: {why}")])
            .status(2)
            .run();
    };
    refused("192.0.2.1", "no address of this machine; `ip address` lists them");
    refused("no-device", "no network device; `ip link` lists them");
}

/// Passes the connections to a socket on to a server, one after the other.
fn pass_on(listener: UnixListener, to: String, count: usize) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for _ in 0..count {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(&to).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let _ = std::io::copy(&mut &client, &mut &server);
                    let _ = server.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut &server, &mut &client);
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    })
}

#[test]
fn all_connections_go_to_a_unix_socket() {
    let server = Server::start();
    server.serve("/a", Reply::ok("hello"));
    server.serve("/b", Reply::ok("world").until_close());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let front = pass_on(UnixListener::bind(&path).unwrap(), server.authority(), 1);
    server
        .test()
        // Proxies are not for sockets.
        .env("http_proxy", "http://127.0.0.1:1")
        .args(["-j", "1", "--unix-socket", path.to_str().unwrap()])
        .args(["http://nowhere.invalid/a", "http://nowhere.invalid/b"])
        .expect_file("a", "hello")
        .expect_file("b", "world")
        .run();
    front.join().unwrap();
    assert!(server.requests().iter().all(|r| r.header("host") == Some("nowhere.invalid")));
    let url = "http://nowhere.invalid/a";
    Test::new()
        .default_retries()
        .args(["--unix-socket", "missing", url])
        .fails(url, "cannot connect to missing: no such file or directory")
        .run();
}

#[test]
fn an_address_with_a_zone_is_refused_with_a_way_out() {
    let url = "http://[fe80::1%25eth0]/x";
    Test::new()
        .arg(url)
        .fails(url, &format!("not a URL: `{url}` has a zone in its address"))
        .hint("leave it out, and name the device with `--interface`")
        .run();
}
