//! TLS before the scripted server, with the one fault that only TLS has: a connection that ends
//! without close_notify, as one does that somebody in between has cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
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
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl TlsFront {
    /// Starts it for one connection before `server`; at the end of the response it sends
    /// close_notify if `says_goodbye`. `None` if openssl is not installed.
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
        let upstream = server.authority();
        let thread = std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let session = ServerConnection::new(Arc::new(config)).unwrap();
            let upstream = TcpStream::connect(upstream).unwrap();
            pass_on(StreamOwned::new(session, client), upstream, says_goodbye);
        });
        Some(Self { address, authority, thread: Some(thread), _folder: folder })
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
        // It may still wait for its connection, when the test has failed before.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            assert!(result.is_ok() || std::thread::panicking(), "the TLS front panicked");
        }
    }
}

fn pass_on(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    mut upstream: TcpStream,
    says_goodbye: bool,
) {
    let mut request = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    upstream.write_all(&request).unwrap();
    loop {
        let count = upstream.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        if client.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    if says_goodbye {
        client.conn.send_close_notify();
    }
    let _ = client.flush();
}
