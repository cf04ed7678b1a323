//! Clients: raw bytes over plain sockets, and HTTP over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(10);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A plain connection.
pub struct Plain {
    pub stream: TcpStream,
    rest: Vec<u8>,
}

impl From<TcpStream> for Plain {
    fn from(stream: TcpStream) -> Self {
        Self {
            stream,
            rest: Vec::new(),
        }
    }
}

impl Plain {
    pub async fn open(address: SocketAddr) -> Self {
        Self::from(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer. `None`: the connection ended before one.
    pub async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer(false))
            .await
            .expect("an answer comes, or the end")
    }

    /// The next answer, to a request with HEAD.
    pub async fn answer_to_head(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer(true))
            .await
            .expect("an answer comes, or the end")
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    async fn read_answer(&mut self, no_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.rest.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if no_body || status == 101 || status == 204 || status == 304 {
            return Some(answer);
        }
        if let Some(length) = answer.field("content-length") {
            let length: usize = length.parse().unwrap();
            while self.rest.len() < length && self.more().await {}
            answer.body = self.rest.drain(..length.min(self.rest.len())).collect();
        } else if answer.field("transfer-encoding").is_some() {
            loop {
                let line_end = loop {
                    if let Some(at) = self.rest.windows(2).position(|two| two == b"\r\n") {
                        break at;
                    }
                    if !self.more().await {
                        return Some(answer);
                    }
                };
                let line: Vec<u8> = self.rest.drain(..line_end + 2).collect();
                let size =
                    usize::from_str_radix(std::str::from_utf8(&line[..line_end]).unwrap(), 16)
                        .unwrap();
                while self.rest.len() < size + 2 {
                    if !self.more().await {
                        return Some(answer);
                    }
                }
                answer.body.extend(self.rest.drain(..size));
                self.rest.drain(..2);
                if size == 0 {
                    break;
                }
            }
        } else {
            while self.more().await {}
            answer.body = std::mem::take(&mut self.rest);
        }
        Some(answer)
    }

    /// Whether the other side closes without another byte.
    pub async fn ends(&mut self) -> bool {
        let ended = tokio::time::timeout(PATIENCE, async { !self.more().await }).await;
        ended.expect("the connection ends") && self.rest.is_empty()
    }
}

/// One request on a connection of its own.
pub async fn ask(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut plain = Plain::open(address).await;
    plain.send(bytes).await;
    plain.answer().await.expect("an answer")
}

/// `GET`, with fields.
pub fn get(path: &str, fields: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n",
        super::HOST
    )
}

/// `POST` of a form, with fields.
pub fn post(path: &str, fields: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{fields}\r\n{body}",
        super::HOST,
        body.len()
    )
}

/// A connection over TLS.
pub async fn tls(
    address: SocketAddr,
    root: &[u8],
    name: &str,
    protocols: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// HTTP/2 over TLS.
pub async fn two(gateway: &super::Gateway) -> http2::SendRequest<Full<Bytes>> {
    two_with(gateway, &http2::Builder::new(TokioExecutor::new())).await
}

/// HTTP/2 over TLS by a client that lets so many bytes of each answer come until it has read them.
pub async fn two_with_window(
    gateway: &super::Gateway,
    bytes: u32,
) -> http2::SendRequest<Full<Bytes>> {
    let mut client = http2::Builder::new(TokioExecutor::new());
    two_with(gateway, client.initial_stream_window_size(bytes)).await
}

async fn two_with(
    gateway: &super::Gateway,
    client: &http2::Builder<TokioExecutor>,
) -> http2::SendRequest<Full<Bytes>> {
    let stream = tls(
        gateway.https,
        &gateway.root,
        super::HOST,
        &["h2"],
        rustls::DEFAULT_VERSIONS,
    )
    .await
    .unwrap();
    let (sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// HTTP/1 over TLS.
pub async fn one(gateway: &super::Gateway) -> http1::SendRequest<Full<Bytes>> {
    let stream = tls(
        gateway.https,
        &gateway.root,
        super::HOST,
        &["http/1.1"],
        rustls::DEFAULT_VERSIONS,
    )
    .await
    .unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A request to the site.
pub fn request(method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("https://{}{path}", super::HOST))
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

pub async fn text(response: Response<hyper::body::Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}
