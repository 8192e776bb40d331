//! Sessions with rustls' own server, over a stream in memory.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::SupportedProtocolVersion;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::StoresServerSessions;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, HandshakeKind, ServerConfig, ServerConnection};

use super::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A server, and the stream to it.
struct Peer {
    server: ServerConnection,
    /// What has not been read of it.
    sent: VecDeque<u8>,
    received: Vec<u8>,
    /// What the server found wrong.
    error: Option<rustls::Error>,
    /// How many bytes a read brings at most.
    most: usize,
    /// Whether every other read takes too long.
    is_slow: bool,
    has_waited: bool,
    /// How writes fail. Who has gone away sends no more either.
    fails: Option<io::ErrorKind>,
    writes: usize,
}

impl Peer {
    fn new(config: ServerConfig) -> Self {
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.set_buffer_limit(None);
        Self {
            server,
            sent: VecDeque::new(),
            received: Vec::new(),
            error: None,
            most: usize::MAX,
            is_slow: false,
            has_waited: false,
            fails: None,
            writes: 0,
        }
    }

    fn says(&mut self, bytes: &[u8]) {
        self.server.writer().write_all(bytes).unwrap();
        self.flush().unwrap();
    }

    /// Gives up with an alert, as after a record that cannot be decrypted.
    fn refuses(&mut self) {
        let record = [&b"\x17\x03\x03\0\x20"[..], &[0; 32]].concat();
        self.server.read_tls(&mut &record[..]).unwrap();
        self.server.process_new_packets().unwrap_err();
        self.flush().unwrap();
    }

    fn says_goodbye(&mut self) {
        self.server.send_close_notify();
        self.flush().unwrap();
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.flush()?;
        assert!(!buffer.is_empty());
        let is_gone = self.fails == Some(io::ErrorKind::BrokenPipe);
        self.has_waited = self.is_slow && !self.has_waited;
        if self.has_waited || self.sent.is_empty() && !is_gone {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.most.min(buffer.len());
        self.sent.read(&mut buffer[..count])
    }
}

impl Write for Peer {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.fails {
            return Err(kind.into());
        }
        self.writes += 1;
        let all = bytes.len();
        while !bytes.is_empty() && self.error.is_none() {
            self.server.read_tls(&mut bytes).unwrap();
            self.error = self.server.process_new_packets().err();
            // It has no end yet.
            let _ = self.server.reader().read_to_end(&mut self.received);
        }
        Ok(all)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.server.wants_write() {
            self.server.write_tls(&mut self.sent)?;
        }
        Ok(())
    }
}

/// Returns the configuration of a server that shows its certificate so many times.
fn server(version: &'static SupportedProtocolVersion, times: usize) -> ServerConfig {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone(); times], key)
        .unwrap()
}

fn trust() -> Trust {
    Trust::new(Options { is_insecure: true, ..Options::default() })
}

fn open(
    version: &'static SupportedProtocolVersion,
    change: impl FnOnce(&mut Peer),
) -> (Session, Peer) {
    let mut peer = Peer::new(server(version, 1));
    change(&mut peer);
    let session = wrap(&trust(), &mut peer, "localhost").unwrap();
    assert_eq!(peer.server.protocol_version(), Some(version.version));
    (session, peer)
}

fn content(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

/// Reads all that comes, so many bytes a call at most; returns how it ended, too.
fn read_all(session: &mut Session, peer: &mut Peer, most: usize) -> (Vec<u8>, io::Result<Ending>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; most]);
    loop {
        match session.read(peer, &mut buffer) {
            Ok(Received::Bytes(count)) => {
                assert!(count > 0);
                all.extend_from_slice(&buffer[..count]);
            }
            Ok(Received::Nothing(_)) => {}
            Ok(Received::End(ending)) => return (all, Ok(ending)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && peer.is_slow => {}
            Err(error) => return (all, Err(error)),
        }
    }
}

#[test]
fn all_comes_however_few_bytes_come_and_fit_at_once() {
    let body = content(3 * PLAINTEXT_BYTES + 1000);
    for version in VERSIONS {
        for most in [1, 7, 5000, PLAINTEXT_BYTES, usize::MAX] {
            for room in [1, 1000, PLAINTEXT_BYTES - 1, PLAINTEXT_BYTES, 128 * 1024] {
                let (mut session, mut peer) = open(version, |peer| peer.most = most);
                peer.is_slow = room != PLAINTEXT_BYTES;
                peer.says(&body);
                peer.says_goodbye();
                let (all, end) = read_all(&mut session, &mut peer, room);
                assert!(all == body, "{most} bytes a read, room for {room}");
                assert!(matches!(end, Ok(Ending::Orderly)));
            }
        }
    }
}

#[test]
fn a_read_brings_the_whole_records_that_are_here_and_fit() {
    let body = content(6 * PLAINTEXT_BYTES);
    let (mut session, mut peer) = open(&TLS13, |_| ());
    peer.says(&body);
    let mut buffer = vec![0; 3 * PLAINTEXT_BYTES];
    // The first read of the stream brings two and a piece, the second all that is left.
    for (records, is_more) in [(2, true), (3, true), (1, false)] {
        let Ok(Received::Bytes(count)) = session.read(&mut peer, &mut buffer) else { panic!() };
        assert_eq!(count, records * PLAINTEXT_BYTES);
        assert_eq!(session.has_unread(), is_more);
    }
}

#[test]
fn what_is_not_read_is_seen() {
    let (mut session, mut peer) = open(&TLS13, |_| ());
    peer.says(b"hello");
    assert!(!session.has_unread(), "it is still on its way");
    let mut buffer = [0; 3];
    assert!(matches!(session.read(&mut peer, &mut buffer), Ok(Received::Bytes(3))));
    assert!(session.has_unread());
    assert!(matches!(session.read(&mut peer, &mut buffer), Ok(Received::Bytes(2))));
    assert!(!session.has_unread());
    peer.says_goodbye();
    assert!(session.read(&mut peer, &mut []).is_ok_and(|it| matches!(it, Received::Bytes(0))));
    // What comes behind the end is not looked at.
    peer.sent.extend(b"whatever");
    for _ in 0..2 {
        let end = session.read(&mut peer, &mut buffer);
        assert!(matches!(end, Ok(Received::End(Ending::Orderly))));
        assert!(session.has_unread());
    }
    session.write(&mut peer, b"bye").unwrap();
    assert_eq!(peer.received, b"bye");
}

#[test]
fn a_stream_that_is_cut_off_brings_the_whole_records_before_that() {
    for version in VERSIONS {
        for (lacking, whole) in [(0, 3), (1, 2)] {
            let (mut session, mut peer) = open(version, |_| ());
            peer.says(&content(3 * PLAINTEXT_BYTES));
            peer.sent.truncate(peer.sent.len() - lacking);
            peer.fails = Some(io::ErrorKind::BrokenPipe);
            let (all, end) = read_all(&mut session, &mut peer, 128 * 1024);
            assert!(all == content(whole * PLAINTEXT_BYTES));
            let Ok(Ending::Broken(error)) = end else { panic!("{end:?}") };
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(session.has_unread());
        }
    }
}

#[test]
fn what_came_before_a_broken_record_is_read_and_the_server_is_told() {
    for version in VERSIONS {
        let (mut session, mut peer) = open(version, |_| ());
        peer.says(b"hello");
        peer.says(b"world");
        *peer.sent.back_mut().unwrap() ^= 1;
        let (all, end) = read_all(&mut session, &mut peer, 128 * 1024);
        assert_eq!(all, b"hello");
        let told = rustls::Error::AlertReceived(AlertDescription::BadRecordMac);
        assert_eq!(peer.error, Some(told));
        assert_eq!(problem::of(&end.unwrap_err()), Some(&Error::DecryptError));
        assert!(session.has_unread());
        // It stays so.
        let again = session.write(&mut peer, b"hello").unwrap_err();
        assert_eq!(problem::of(&again), Some(&Error::DecryptError));
    }
}

#[test]
fn a_long_request_goes_with_one_call() {
    for version in VERSIONS {
        for count in [1, PLAINTEXT_BYTES, 72 * 1024] {
            let (mut session, mut peer) = open(version, |_| ());
            peer.writes = 0;
            session.write(&mut peer, &content(count)).unwrap();
            assert!(peer.received == content(count) && peer.writes == 1);
        }
    }
}

#[test]
fn what_could_not_be_sent_is_sent_the_next_time() {
    for version in VERSIONS {
        let mut peer = Peer::new(server(version, 1));
        let mut session = Session::new(&trust(), "localhost").unwrap();
        peer.fails = Some(io::ErrorKind::WouldBlock);
        let error = session.handshake_step(&mut peer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        peer.fails = None;
        while !session.handshake_step(&mut peer).unwrap() {}
        assert!(!peer.server.is_handshaking());
    }
}

#[test]
fn what_comes_while_a_request_is_sent_is_kept() {
    let (mut session, mut peer) = open(&TLS13, |_| ());
    for word in ["one, ", "two, ", "three"] {
        peer.says(word.as_bytes());
    }
    let mut buffer = [0; 2];
    assert!(matches!(session.read(&mut peer, &mut buffer), Ok(Received::Bytes(2))));
    session.write(&mut peer, b"hello").unwrap();
    peer.says_goodbye();
    let (rest, _) = read_all(&mut session, &mut peer, 128 * 1024);
    assert_eq!([&buffer[..], &rest].concat(), b"one, two, three");
}

#[test]
fn new_keys_are_taken_and_answered() {
    let (mut session, mut peer) = open(&TLS13, |_| ());
    for round in 0..3 {
        peer.server.refresh_traffic_keys().unwrap();
        peer.says(b"hello");
        let mut buffer = [0; 5];
        assert!(matches!(session.read(&mut peer, &mut buffer), Ok(Received::Bytes(5))));
        session.write(&mut peer, b"hello").unwrap();
        assert_eq!((peer.error.take(), peer.received.len()), (None, 5 * (round + 1)));
    }
}

#[test]
fn an_alert_behind_what_was_read_is_seen_at_once() {
    for version in VERSIONS {
        let (mut session, mut peer) = open(version, |_| ());
        peer.says(b"hello");
        peer.refuses();
        let mut buffer = vec![0; 2 * PLAINTEXT_BYTES];
        assert!(matches!(session.read(&mut peer, &mut buffer), Ok(Received::Bytes(5))));
        assert!(session.has_unread());
        let error = session.read(&mut peer, &mut buffer).err().unwrap();
        let alert = Error::AlertReceived(AlertDescription::BadRecordMac);
        assert_eq!(problem::of(&error), Some(&alert));
    }
}

#[test]
fn an_alert_is_read_after_a_failed_send() {
    for version in VERSIONS {
        let (mut session, mut peer) = open(version, |_| ());
        peer.says(b"hello");
        peer.refuses();
        peer.fails = Some(io::ErrorKind::BrokenPipe);
        let error = session.write(&mut peer, b"hello").unwrap_err();
        let alert = Error::AlertReceived(AlertDescription::BadRecordMac);
        assert_eq!(problem::of(&error), Some(&alert));
        // And where there is none, what the stream says.
        let (mut session, mut peer) = open(version, |_| ());
        peer.fails = Some(io::ErrorKind::BrokenPipe);
        let error = session.write(&mut peer, b"hello").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

/// Opens a session with a server that shows so many certificates, in records of at most so many bytes.
fn long_chain(times: usize, most: Option<usize>) -> Result<(), Cause> {
    let mut config = server(&TLS13, times);
    config.max_fragment_size = most;
    wrap(&trust(), &mut Peer::new(config), "localhost").map(drop)
}

#[test]
fn a_handshake_message_may_be_longer_than_a_record_but_not_than_the_buffer() {
    assert!(long_chain(130, None).is_ok());
    assert!(long_chain(1, Some(32)).is_ok());
    let failed = long_chain(300, None);
    assert!(matches!(failed, Err(Cause::Tls { problem: TlsProblem::NotTls, .. })), "{failed:?}");
    let Err(Cause::Connection { source }) = long_chain(130, Some(32)) else { panic!() };
    assert_eq!(source.to_string(), "message buffer full");
}

/// Remembers sessions, and the wrong secrets of them.
#[derive(Debug, Default)]
struct Forgetful(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

impl StoresServerSessions for Forgetful {
    fn put(&self, key: Vec<u8>, mut value: Vec<u8>) -> bool {
        // A length of 48 bytes is before the secret.
        let secret = value.windows(2).position(|pair| pair == [48, pair[1]]).unwrap() + 1;
        value[secret] ^= 1;
        self.0.lock().unwrap().insert(key, value);
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().unwrap().remove(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[test]
fn a_session_that_the_server_does_not_remember_right_is_not_resumed_twice() {
    let trust = trust();
    let mut config = server(&TLS12, 1);
    config.session_storage = Arc::new(Forgetful::default());
    let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
    for (kind, is_open) in [(full, true), (resumed, false), (full, true)] {
        let mut peer = Peer::new(config.clone());
        assert_eq!(wrap(&trust, &mut peer, "localhost").is_ok(), is_open);
        assert_eq!(peer.server.handshake_kind(), kind);
    }
}
