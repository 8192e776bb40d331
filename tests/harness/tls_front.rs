//! TLS before the scripted server, with the one fault that only TLS has: a connection that ends
//! without close_notify, as one does that somebody in between has cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::tls::Authority;
use super::{Server, Test, is_missing};

/// A TLS server that passes one request a connection on to a scripted server.
pub(crate) struct TlsFront {
    address: SocketAddr,
    authority: Authority,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// What its threads share.
struct Shared {
    config: Arc<ServerConfig>,
    upstream: String,
    says_goodbye: bool,
    /// `None` once it has ended.
    connections: Mutex<Option<Connections>>,
}

/// Both ends of every connection, so that the end can break them, and the threads that serve them.
#[derive(Default)]
struct Connections {
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts it before `server`; at the end of a response it sends close_notify if `says_goodbye`.
    /// `None` if openssl is not installed.
    pub(crate) fn start(server: &Server, says_goodbye: bool) -> Option<Self> {
        if is_missing("openssl") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let leaf = authority.sign("leaf", "IP:127.0.0.1");
        let certificate = CertificateDer::from_pem_file(&leaf.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&leaf.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            config: Arc::new(config),
            upstream: server.authority(),
            says_goodbye,
            connections: Mutex::new(Some(Connections::default())),
        });
        let copy = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &copy));
        Some(Self { address, authority, shared, acceptor: Some(acceptor), _folder: folder })
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("https://{}{target}", self.address)
    }

    /// Starts a test that trusts it.
    pub(crate) fn test(&self) -> Test {
        Test::new().env("SSL_CERT_FILE", self.authority.certificate())
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        let connections = self.shared.connections.lock().unwrap().take().unwrap_or_default();
        for stream in connections.streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The acceptor looks at what it shares after each connection.
        let _ = TcpStream::connect(self.address);
        for thread in self.acceptor.take().into_iter().chain(connections.threads) {
            let result = thread.join();
            assert!(result.is_ok() || std::thread::panicking(), "the TLS front panicked");
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let client = client.unwrap();
        let mut connections = shared.connections.lock().unwrap();
        let Some(connections) = connections.as_mut() else { return };
        // A server that takes no more of them is for haul to deal with.
        let Ok(upstream) = TcpStream::connect(&shared.upstream) else { continue };
        for stream in [&client, &upstream] {
            connections.streams.push(stream.try_clone().unwrap());
        }
        let copy = Arc::clone(shared);
        let handle = client.try_clone().unwrap();
        connections.threads.push(std::thread::spawn(move || {
            let session = ServerConnection::new(Arc::clone(&copy.config)).unwrap();
            let client = StreamOwned::new(session, client);
            // Whoever goes away has its reason.
            let _ = pass_on(client, &upstream, copy.says_goodbye);
            // What is kept for the end would keep the connections open.
            let _ = handle.shutdown(Shutdown::Both);
            let _ = upstream.shutdown(Shutdown::Both);
        }));
    }
}

/// Passes one request and its answer on; an answer that breaks off just ends.
fn pass_on(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    mut upstream: &TcpStream,
    says_goodbye: bool,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    upstream.write_all(&request)?;
    loop {
        match upstream.read(&mut buffer)? {
            0 => break,
            count => client.write_all(&buffer[..count])?,
        }
    }
    if says_goodbye {
        client.conn.send_close_notify();
    }
    client.flush()
}
