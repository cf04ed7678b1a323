//! Opening connections to a server: plainly or over TLS, HTTP/1.1 or HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::body::Outgoing;
use crate::policy::{Upstream, UpstreamTls};

/// How often a connection of HTTP/2 is asked whether it is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// Bytes of one answer that a server may send ahead of its client. With the usual bounds a few
/// hundred slow clients would make the gateway keep hundreds of megabytes.
const AHEAD: u32 = 64 * 1024;

/// RFC 9113, 6.9.1.
const LARGEST_WINDOW: u32 = (1 << 31) - 1;

/// What requests are handed to.
pub(crate) enum Sender {
    /// One request at a time.
    One(http1::SendRequest<Outgoing>),
    /// Many at a time.
    Two(http2::SendRequest<Outgoing>),
}

impl Sender {
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        match self {
            Self::One(sender) => {
                for_one(&mut request);
                sender.try_send_request(request).await
            }
            Self::Two(sender) => {
                for_two(&mut request);
                sender.try_send_request(request).await
            }
        }
    }
}

/// HTTP/2 has the host in its address (RFC 9113, 8.3.1).
fn for_two(request: &mut Request<Outgoing>) {
    *request.version_mut() = Version::HTTP_2;
    if request.uri().authority().is_some() {
        return;
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let built = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| {
            Uri::builder()
                .scheme("https")
                .authority(host)
                .path_and_query(path)
                .build()
                .ok()
        });
    if let Some(uri) = built {
        *request.uri_mut() = uri;
        request.headers_mut().remove(HOST);
    }
}

/// A request that was meant for HTTP/2 and was not sent there.
fn for_one(request: &mut Request<Outgoing>) {
    *request.version_mut() = Version::HTTP_11;
    let Some(authority) = request.uri().authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
}

/// How a server is spoken to over TLS.
pub(super) struct Secured {
    name: ServerName<'static>,
    /// Offers HTTP/2 and HTTP/1.1.
    both: Arc<ClientConfig>,
    /// Offers HTTP/1.1 alone, for tunnels.
    one: Arc<ClientConfig>,
}

impl Secured {
    pub(super) fn new(upstream: &Upstream, tls: &UpstreamTls) -> Result<Self, String> {
        let name = upstream
            .server_name()
            .ok_or_else(|| "the server has no name that a certificate could be for".to_owned())?;
        let mut one = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(tls.roots())
            .with_no_client_auth();
        let mut both = one.clone();
        one.alpn_protocols = vec![b"http/1.1".to_vec()];
        both.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            name,
            both: Arc::new(both),
            one: Arc::new(one),
        })
    }

    /// The handshake, and the protocol that was agreed on.
    pub(super) async fn open(
        &self,
        stream: TcpStream,
        tunnel: bool,
        streams: usize,
    ) -> Result<Sender, String> {
        let config = if tunnel { &self.one } else { &self.both };
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(self.name.clone(), stream)
            .await
            .map_err(|error| error.to_string())?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            two(stream, streams).await
        } else {
            one(stream).await
        }
    }
}

/// HTTP/1.1 over a stream.
pub(super) async fn one<S>(stream: S) -> Result<Sender, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(AHEAD as usize)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection with a server ended");
        }
    });
    Ok(Sender::One(sender))
}

/// HTTP/2 over a stream, for so many requests at the same time. The connection has room for what all
/// of them have ahead: otherwise a few slow clients would stop the others' answers too.
async fn two<S>(stream: S, streams: usize) -> Result<Sender, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let streams = u32::try_from(streams).unwrap_or(u32::MAX);
    let all = AHEAD.saturating_mul(streams).min(LARGEST_WINDOW);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(AHEAD)
        .initial_connection_window_size(all)
        .timer(TokioTimer::new())
        .keep_alive_interval(ALIVE_EVERY)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection with a server ended");
        }
    });
    Ok(Sender::Two(sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_changes_its_shape_and_back() {
        let mut request = Request::builder()
            .uri("/a?b=c")
            .header(HOST, "www.example.jp:8443")
            .body(Outgoing::Empty)
            .unwrap();
        for _ in 0..2 {
            for_two(&mut request);
            assert_eq!(*request.uri(), "https://www.example.jp:8443/a?b=c");
            assert!(!request.headers().contains_key(HOST));
        }
        for _ in 0..2 {
            for_one(&mut request);
            assert_eq!(*request.uri(), "/a?b=c");
            assert_eq!(request.headers()[HOST], "www.example.jp:8443");
        }
    }
}
