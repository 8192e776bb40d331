//! TLS before the scripted server, with the one fault that only TLS has: a connection that ends
//! without close_notify, as one does that somebody in between has cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::certificates::{Signer, says};
use super::{Server, Test};

/// A TLS server that passes one request a connection on to a scripted server.
pub(crate) struct TlsFront {
    address: SocketAddr,
    authority: Option<PathBuf>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    folder: TempDir,
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
    /// Starts it before `server`, with a certificate that its tests trust; at the end of a response
    /// it sends close_notify if `says_goodbye`.
    pub(crate) fn start(server: &Server, says_goodbye: bool) -> Self {
        let signer = Signer::new("authority");
        let config = signer.sign(&says("leaf", &["127.0.0.1"])).server();
        let mut front = Self::launch(server, config, says_goodbye);
        front.authority = Some(signer.write(front.folder.path(), "authority.pem"));
        front
    }

    /// Starts it before `server` with this configuration, which its tests know nothing of.
    pub(crate) fn with(server: &Server, config: ServerConfig) -> Self {
        Self::launch(server, config, true)
    }

    fn launch(server: &Server, config: ServerConfig, says_goodbye: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
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
        Self { address, authority: None, shared, acceptor: Some(acceptor), folder }
    }

    /// A folder for files of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("https://{}{target}", self.address)
    }

    /// Starts a test that trusts it, if it was started so.
    pub(crate) fn test(&self) -> Test {
        let test = Test::new();
        match &self.authority {
            Some(path) => test.env("SSL_CERT_FILE", path),
            None => test,
        }
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
