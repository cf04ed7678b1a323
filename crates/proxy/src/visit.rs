//! Looking at a listener as a visitor does: which TLS it speaks, what its certificate is worth, what
//! it answers. For whoever has to prove that communication is encrypted; nothing that is served goes
//! through here.
//!
//! A certificate that is not believed does not end the visit, it is told ([`Seen::doubt`]): nothing
//! secret is ever sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, ProtocolVersion, RootCertStore,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::policy::TlsVersion;

/// How long each step of a visit may take.
const WITHIN: Duration = Duration::from_secs(10);
/// The most of an answer that is read: its head, and the body of a small one.
const MOST: usize = 64 * 1024;

/// Why a visit came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoVisit {
    /// Nobody there.
    #[error("{0}: {1}")]
    Unreachable(SocketAddr, std::io::Error),
    /// The handshake failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// The name cannot be asked for.
    #[error("{0:?} is no name that can be asked for over TLS")]
    Name(String),
    /// Nothing came in time.
    #[error("no answer within {} seconds", WITHIN.as_secs())]
    Slow,
}

/// Where a visit goes, and as whom.
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// A listener's address; one for all addresses of the machine stands for this machine.
    pub listener: SocketAddr,
    /// The name that is asked for.
    pub host: &'a str,
    /// The protocol that is offered in the handshake.
    pub protocol: &'a [u8],
    /// Authorities (PEM) that are believed beside the publicly known ones.
    pub authorities: &'a [u8],
    /// The instant that certificates are judged at.
    pub at: Timestamp,
}

/// What a visit over TLS saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The version that was agreed on; `None`: neither 1.2 nor 1.3.
    pub version: Option<TlsVersion>,
    /// The certificates (DER), the site's own first.
    pub chain: Vec<Vec<u8>>,
    /// Why a browser would not believe them.
    pub doubt: Option<String>,
    /// What was answered to the request; empty: none was sent.
    pub answer: Vec<u8>,
}

impl Visit<'_> {
    /// A handshake, and a request over it where one is given.
    pub async fn over_tls(&self, request: Option<&[u8]>) -> Result<Seen, NoVisit> {
        let looked = Arc::new(Looking::new(self)?);
        let mut stream = self.greet(&looked).await?;
        let version = match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
            Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::Tls12),
            _ => None,
        };
        let answer = match request {
            Some(request) => ask(&mut stream, request).await?,
            None => Vec::new(),
        };
        let (chain, doubt) = looked.take();
        Ok(Seen {
            version,
            chain,
            doubt,
            answer,
        })
    }

    /// The certificate (DER) that is shown in a handshake, even one that no handshake can end with:
    /// a proof for an authority (RFC 8737) has an extension that clients must not accept.
    pub async fn certificate(&self) -> Result<Vec<u8>, NoVisit> {
        let looked = Arc::new(Looking::new(self)?);
        let greeted = self.greet(&looked).await;
        let (chain, _) = looked.take();
        match (chain.into_iter().next(), greeted) {
            (Some(own), _) => Ok(own),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(NoVisit::Tls("no certificate was shown".to_owned())),
        }
    }

    async fn greet(&self, looked: &Arc<Looking>) -> Result<TlsStream<TcpStream>, NoVisit> {
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|_| NoVisit::Name(self.host.to_owned()))?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| NoVisit::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(looked) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.alpn_protocols = vec![self.protocol.to_vec()];
        let stream = self.connect().await?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        timeout(WITHIN, connecting)
            .await
            .map_err(|_| NoVisit::Slow)?
            .map_err(|error| NoVisit::Tls(error.to_string()))
    }

    /// Whether anybody is there.
    pub async fn reaches(&self) -> Result<(), NoVisit> {
        self.connect().await.map(drop)
    }

    /// A request without TLS.
    pub async fn plainly(&self, request: &[u8]) -> Result<Vec<u8>, NoVisit> {
        let mut stream = self.connect().await?;
        ask(&mut stream, request).await
    }

    /// Whether a client that knows nothing newer than this version is sent away. `minor`: 1 for
    /// TLS 1.0, 2 for TLS 1.1.
    pub async fn refuses(&self, minor: u8) -> Result<bool, NoVisit> {
        let mut stream = self.connect().await?;
        let mut head = [0; 5];
        let greeting = async {
            stream.write_all(&old_hello(self.host, minor)).await?;
            stream.read_exact(&mut head).await
        };
        Ok(match timeout(WITHIN, greeting).await {
            Err(_) => return Err(NoVisit::Slow),
            // Hung up: sent away as well.
            Ok(Err(_)) => true,
            Ok(Ok(_)) => head[0] != HANDSHAKE,
        })
    }

    async fn connect(&self) -> Result<TcpStream, NoVisit> {
        let address = reachable(self.listener);
        timeout(WITHIN, TcpStream::connect(address))
            .await
            .map_err(|_| NoVisit::Slow)?
            .map_err(|error| NoVisit::Unreachable(address, error))
    }
}

/// An address for all of the machine's addresses stands for the machine itself.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

async fn ask<S>(stream: &mut S, request: &[u8]) -> Result<Vec<u8>, NoVisit>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answer = Vec::new();
    let asking = async {
        stream.write_all(request).await?;
        // Whoever hangs up without saying so has answered all the same.
        let most = MOST as u64;
        let _ended = stream.take(most).read_to_end(&mut answer).await;
        std::io::Result::Ok(())
    };
    match timeout(WITHIN, asking).await {
        Err(_) if answer.is_empty() => Err(NoVisit::Slow),
        Ok(Err(error)) => Err(NoVisit::Tls(error.to_string())),
        _ => Ok(answer),
    }
}

/// Believes everybody and notes why it should not.
#[derive(Debug)]
struct Looking {
    judge: Arc<WebPkiServerVerifier>,
    at: UnixTime,
    seen: Mutex<(Vec<Vec<u8>>, Option<String>)>,
}

impl Looking {
    fn new(visit: &Visit<'_>) -> Result<Self, NoVisit> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let own = CertificateDer::pem_slice_iter(visit.authorities).filter_map(Result::ok);
        roots.add_parsable_certificates(own);
        let provider = Arc::new(ring::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| NoVisit::Tls(error.to_string()))?;
        let since = u64::try_from(visit.at.as_second()).unwrap_or_default();
        Ok(Self {
            judge,
            at: UnixTime::since_unix_epoch(Duration::from_secs(since)),
            seen: Mutex::default(),
        })
    }

    fn take(&self) -> (Vec<Vec<u8>>, Option<String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *seen)
    }
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verdict = self
            .judge
            .verify_server_cert(own, others, name, stapled, self.at);
        let chain = std::iter::once(own).chain(others);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (
            chain.map(|one| one.to_vec()).collect(),
            verdict.err().map(|error| error.to_string()),
        );
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.judge.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.judge.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// The record of a handshake.
const HANDSHAKE: u8 = 22;

/// The first message of a client that speaks TLS 1.0 or 1.1 and nothing newer (RFC 4346, 7.4.1.2).
/// No library writes it any more, which is why it is written here.
fn old_hello(host: &str, minor: u8) -> Vec<u8> {
    fn with_length(bytes: Vec<u8>) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        [length.to_be_bytes().to_vec(), bytes].concat()
    }
    // ECDHE-ECDSA, ECDHE-RSA and RSA with AES-128 in CBC: what such clients knew.
    let ciphers = vec![0xc0, 0x09, 0xc0, 0x13, 0x00, 0x2f];
    let name = [vec![0], with_length(host.as_bytes().to_vec())].concat();
    let extensions = [
        vec![0, 0],
        with_length(with_length(name)),
        // Groups P-256 and P-384, points uncompressed.
        vec![0, 10, 0, 6, 0, 4, 0, 23, 0, 24],
        vec![0, 11, 0, 2, 1, 0],
    ]
    .concat();
    let body = [
        vec![3, minor],
        rand::random::<[u8; 32]>().to_vec(),
        vec![0],
        with_length(ciphers),
        vec![1, 0],
        with_length(extensions),
    ]
    .concat();
    let message = [vec![1, 0], with_length(body)].concat();
    [vec![HANDSHAKE, 3, 1], with_length(message)].concat()
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    async fn listener() -> (SocketAddr, String) {
        let made = rcgen::generate_simple_self_signed(vec!["www.example.jp".to_owned()]);
        let made = made.expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut head = [0; 512];
                    if matches!(stream.read(&mut head).await, Ok(1..)) {
                        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                        let _ended = stream.shutdown().await;
                    }
                });
            }
        });
        (address, made.cert.pem())
    }

    fn visit<'a>(listener: SocketAddr, host: &'a str, authorities: &'a [u8]) -> Visit<'a> {
        Visit {
            listener,
            host,
            protocol: b"http/1.1",
            authorities,
            at: "2026-10-01T00:00:00Z".parse().expect("an instant"),
        }
    }

    #[tokio::test]
    async fn a_visit_tells_version_answer_and_what_the_certificate_is_worth() {
        let (address, own) = listener().await;
        let known = visit(address, "www.example.jp", own.as_bytes());
        let seen = known.over_tls(Some(b"HEAD / HTTP/1.1\r\n\r\n")).await;
        let seen = seen.expect("a visit");
        assert_eq!(
            (seen.version, &seen.doubt),
            (Some(TlsVersion::Tls13), &None)
        );
        assert!(seen.answer.starts_with(b"HTTP/1.1 200"), "{seen:?}");
        assert_eq!(seen.chain.len(), 1);
        let shown = known.certificate().await.expect("shown");
        assert_eq!(shown, seen.chain[0]);
        for doubtful in [
            visit(address, "www.example.jp", b""),
            visit(address, "other.example.jp", own.as_bytes()),
        ] {
            let seen = doubtful.over_tls(None).await.expect("a visit");
            assert!(seen.doubt.is_some() && seen.answer.is_empty(), "{seen:?}");
        }
        let late = Visit {
            at: "9999-01-01T00:00:00Z".parse().expect("an instant"),
            ..known
        };
        let doubt = late.over_tls(None).await.expect("a visit").doubt;
        assert!(doubt.is_some_and(|doubt| doubt.contains("xpired")));
    }

    #[tokio::test]
    async fn old_versions_are_told_apart_by_who_answers_them() {
        let (address, _) = listener().await;
        for minor in [1, 2] {
            let refused = visit(address, "www.example.jp", b"").refuses(minor).await;
            assert!(refused.expect("a visit"), "1.{}", minor - 1);
        }
        // A server that goes on with such a handshake.
        let old = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = old.local_addr().expect("an address");
        let answering = tokio::spawn(async move {
            let (mut stream, _) = old.accept().await.expect("a client");
            let mut head = [0; 5];
            stream.read_exact(&mut head).await.expect("a record");
            let mut message = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            stream.read_exact(&mut message).await.expect("all of it");
            stream
                .write_all(&[HANDSHAKE, 3, 1, 0, 0])
                .await
                .expect("sent");
            (head, message)
        });
        let refused = visit(address, "www.example.jp", b"").refuses(1).await;
        assert!(!refused.expect("a visit"));
        let (head, message) = answering.await.expect("no panic");
        assert_eq!(head[..3], [HANDSHAKE, 3, 1]);
        // ClientHello, its length, the version it asks for.
        assert_eq!((message[0], &message[4..6]), (1, &[3, 1][..]));
        let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
        assert_eq!(length + 4, message.len());
        let nobody = visit("127.0.0.1:1".parse().expect("an address"), "a.jp", b"");
        assert!(matches!(
            nobody.refuses(1).await,
            Err(NoVisit::Unreachable(..))
        ));
    }
}
