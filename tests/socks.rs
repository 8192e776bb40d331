//! Through SOCKS proxies: the bytes that they are told, and what they refuse.

use std::time::Duration;

use crate::harness::peer::{Peer, Step};
use crate::harness::{Gate, Reply, Server, Test};
use crate::proxies::{URL, blames, send};

/// What a SOCKS proxy sends that has connected: the address that it connects from.
const FIVE_CONNECTED: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34];

#[test]
fn socks_proxies_are_told_names_or_addresses_as_their_scheme_says() {
    let server = Server::start();
    let (host, port) = server.authority().split_once(':').map_or_else(
        || panic!("an authority has a port"),
        |(host, port)| (host.to_owned(), port.parse::<u16>().unwrap().to_be_bytes()),
    );
    let bytes = |parts: &[&[u8]]| parts.concat();
    let relay = Step::Relay(server.authority());
    let case = |scheme: &str, url: &str, dialogue: &[(&[u8], &[u8])]| {
        let steps =
            dialogue.iter().flat_map(|(asked, answer)| [Step::Take(asked.len()), send(answer)]);
        let peer = Peer::start(steps.chain([relay.clone()]));
        server.serve("/a", Reply::ok("hello"));
        let (kind, login) = scheme.split_once(' ').unwrap_or((scheme, ""));
        let proxy = format!("{kind}://{login}{}", peer.authority());
        server.test().args(["--proxy", &proxy, url]).expect_file("a", "hello").run();
        let asked: Vec<u8> = dialogue.iter().flat_map(|(asked, _)| asked.to_vec()).collect();
        assert_eq!(peer.received(), [asked], "{scheme} {url}");
    };
    assert_eq!(host, "127.0.0.1");
    let here = [127, 0, 0, 1];
    let by_address = format!("http://127.0.0.1:{}/a", u16::from_be_bytes(port));
    let by_name = &format!("http://nowhere.invalid:{}/a", u16::from_be_bytes(port));
    let no_login: (&[u8], &[u8]) = (&[5, 1, 0], &[5, 0]);
    let five_name = bytes(&[&[5, 1, 0, 3, 15], b"nowhere.invalid", &port]);
    let five_address = bytes(&[&[5, 1, 0, 1], &here, &port]);
    case("socks5h", by_name, &[no_login, (&five_name, &FIVE_CONNECTED)]);
    case("socks5h", &by_address, &[no_login, (&five_address, &FIVE_CONNECTED)]);
    case("socks5", &by_address, &[no_login, (&five_address, &FIVE_CONNECTED)]);
    // The answer's address may be a name, or one of IPv6.
    let named: &[u8] = &[5, 0, 0, 3, 2, b'h', b'h', 0, 1];
    case("socks5h", by_name, &[no_login, (&five_name, named)]);
    let sixth = bytes(&[&[5, 0, 0, 4], &[0; 18]]);
    case("socks5h", by_name, &[no_login, (&five_name, &sixth)]);
    let v6 = "http://[::1]:9/a";
    let five_v6 = bytes(&[&[5, 1, 0, 4], &[0; 15], &[1, 0, 9]]);
    case("socks5", v6, &[no_login, (&five_v6, &FIVE_CONNECTED)]);
    // A login that is offered need not be wanted.
    let offer: &[u8] = &[5, 2, 0, 2];
    let login: &[u8] = b"\x01\x02me\x06s3cret";
    let wanted: [(&[u8], &[u8]); 3] =
        [(offer, &[5, 2]), (login, &[1, 0]), (&five_name, &FIVE_CONNECTED)];
    case("socks5h me:s3cret@", by_name, &wanted);
    case("socks5h me:s3cret@", by_name, &[(offer, &[5, 0]), (&five_name, &FIVE_CONNECTED)]);
    let connected: &[u8] = &[0, 90, 0, 0, 0, 0, 0, 0];
    let four_address = bytes(&[&[4, 1], &port, &here, &[0]]);
    case("socks4", &by_address, &[(&four_address, connected)]);
    case("socks4a", &by_address, &[(&four_address, connected)]);
    let four_name = bytes(&[&[4, 1], &port, &[0, 0, 0, 1], b"me\0nowhere.invalid\0"]);
    case("socks4a me@", by_name, &[(&four_name, connected)]);
    // `localhost` is looked up here, whatever the order of its addresses.
    let local = by_address.replace("127.0.0.1", "localhost");
    case("socks4", &local, &[(&four_address, connected)]);
}

#[test]
fn what_is_looked_up_here_fails_here() {
    let no_login = [Step::Take(3), send([5, 0])];
    for (scheme, steps) in [("socks4", &no_login[..0]), ("socks5", &no_login[..])] {
        let peer = Peer::start(steps.iter().cloned().chain([Step::Hold(Gate::default())]));
        let output = Test::new()
            .args(["--proxy", &format!("{scheme}://{}", peer.authority()), URL])
            .any_stderr()
            .status(1)
            .run();
        assert!(output.stderr.contains("nowhere.invalid"), "{}", output.stderr);
        assert!(!output.stderr.contains("proxy socks"), "{}", output.stderr);
    }
}

#[test]
fn what_socks_proxies_refuse_is_told_apart() {
    let five = |code: u8, told: &str| {
        let answer = send([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
        let steps = [Step::Take(3), send([5, 0]), Step::Take(5 + 15 + 2), answer];
        blames(URL, "socks5h", steps, told);
    };
    five(1, "it cannot connect: general failure");
    five(2, "its rules do not allow this connection");
    five(3, "it cannot connect: network unreachable");
    five(4, "it cannot connect: host unreachable");
    five(5, "it cannot connect: connection refused");
    five(6, "it cannot connect: TTL expired");
    five(7, "it opens no connections: command not supported");
    five(8, "it does not take this kind of address");
    five(99, "it refuses with an unknown code, 99");
    let four = |code: u8, told: &str| {
        let steps = [Step::Take(9 + 16), send([0, code, 0, 0, 0, 0, 0, 0])];
        blames(URL, "socks4a", steps, told);
    };
    four(91, "it cannot connect: general failure");
    four(92, "it refuses the user (identd)");
    let answers: [(&[u8], &str); 5] = [
        (&[5, 0xff], "it wants a login"),
        (&[5, 2], "it chose a login that was not offered, 2"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "its answer is not of SOCKS 5"),
        (&[5], "it closed the connection before its answer was complete"),
        (&[], "it closed the connection before its answer was complete"),
    ];
    for (answer, told) in answers {
        blames(URL, "socks5h", [Step::Take(3), send(answer)], told);
    }
    let silent = [Step::Take(3), Step::Hold(Gate::default())];
    blames(URL, "socks5h", silent, "no connection within 0.40s");
    // Two bytes are the whole answer, so one at a time would take for ever.
    let drip = [Step::Take(3), send([5, 0]), Step::Take(22), send([5, 0, 0, 3, 255])];
    let trickle = Step::Trickle(vec![0], Duration::from_millis(30));
    blames(URL, "socks5h", drip.into_iter().chain([trickle]), "no connection within 0.40s");
}

#[test]
fn a_login_that_a_socks_proxy_refuses_is_told_and_not_tried_again() {
    let login = [Step::Take(4), send([5, 2]), Step::Take(1 + 3 + 7), send([1, 1])];
    let peer = Peer::start(login);
    let proxy = format!("socks5h://{}", peer.authority());
    Test::new()
        .default_retries()
        .args(["--proxy", &proxy, "--proxy-user", "me:s3cret", URL])
        .fails(URL, &format!("proxy {proxy}: it refuses the login"))
        .hint("check the name and the password of the proxy")
        .run();
    assert_eq!(peer.received().len(), 1);
}
