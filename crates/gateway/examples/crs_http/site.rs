//! The site behind the gateway, as the tests want it: it answers every request with 200 and nothing,
//! and `/reflect` with the answer that the body of the request describes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::ftw::decode;
use super::wire::{self, Length};

/// The answer that a test wants from the site.
#[derive(Debug, Default, Deserialize)]
struct Reflect {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default, rename = "encodedBody")]
    encoded_body: String,
}

/// Listens on loopback for as long as the runtime lives.
pub async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) {
    let mut waiting = Vec::new();
    while let Some((head, body)) = next(&mut stream, &mut waiting).await {
        if stream.write_all(&answer(&head, &body)).await.is_err() {
            return;
        }
    }
}

/// The next request; what arrived after it stays in `waiting`.
async fn next(
    stream: &mut (impl AsyncRead + Unpin),
    waiting: &mut Vec<u8>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    loop {
        if let Some(end) = wire::head_end(waiting) {
            let length = wire::length(&waiting[..end]);
            let whole = match length {
                Length::Sized(bytes) => (waiting.len() >= end + bytes).then(|| {
                    let body = waiting[end..end + bytes].to_vec();
                    (end + bytes, body)
                }),
                Length::Chunked => {
                    wire::chunks(&waiting[end..]).map(|(used, body)| (end + used, body))
                }
                Length::Open => Some((end, Vec::new())),
            };
            if let Some((used, body)) = whole {
                let head = waiting[..end].to_vec();
                waiting.drain(..used);
                return Some((head, body));
            }
        }
        if stream.read_buf(waiting).await.ok()? == 0 {
            return None;
        }
    }
}

/// What is answered to a request.
pub fn answer(head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut words = head.split(|byte| *byte == b' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let reflected = target
        .starts_with(b"/reflect")
        .then(|| serde_json::from_slice::<Reflect>(body).ok())
        .flatten();
    let wanted = reflected.unwrap_or_default();
    let content = if wanted.encoded_body.is_empty() {
        wanted.body.into_bytes()
    } else {
        decode(&wanted.encoded_body)
    };
    let mut text = format!("HTTP/1.1 {} Answer\r\n", wanted.status.unwrap_or(200));
    let typed = wanted
        .headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("content-type"));
    if !typed {
        text.push_str("Content-Type: text/html\r\n");
    }
    for (name, value) in &wanted.headers {
        if !name.eq_ignore_ascii_case("content-length") {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n", content.len());
    let mut bytes = text.into_bytes();
    if method != Some(b"HEAD") {
        bytes.extend_from_slice(&content);
    }
    bytes
}
