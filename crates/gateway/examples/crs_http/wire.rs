//! Tests as bytes on a socket, and answers as they come back.
//!
//! No HTTP library: many tests are requests that a library would not send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::ftw::{Input, decode, request};

/// How long an answer is waited for: a request whose body never becomes complete has none.
const PATIENCE: Duration = Duration::from_secs(3);

/// What says where a message ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Length {
    /// This many bytes.
    Sized(usize),
    /// A chunk of no bytes.
    Chunked,
    /// Nothing: a request has no body, an answer ends with its connection.
    Open,
}

/// The request of a stage as it goes over the wire.
pub fn bytes(input: &Input) -> Vec<u8> {
    if let Some(encoded) = &input.encoded_request {
        return decode(encoded);
    }
    let request = request(input);
    let mut bytes = Vec::new();
    bytes.extend_from_slice(request.method.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(&request.uri);
    bytes.push(b' ');
    bytes.extend_from_slice(request.version.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

/// Where the body begins.
pub fn head_end(message: &[u8]) -> Option<usize> {
    message
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// How the body's end is said in a head.
pub fn length(head: &[u8]) -> Length {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| {
        text.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(own, _)| own.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
    };
    if field("transfer-encoding").is_some_and(|value| value.ends_with("chunked")) {
        return Length::Chunked;
    }
    field("content-length")
        .and_then(|value| value.parse().ok())
        .map_or(Length::Open, Length::Sized)
}

/// A body in chunks, if it is complete: how many bytes it takes, and its content.
pub fn chunks(mut rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    let all = rest.len();
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            // No trailer is sent here.
            return Some((all - rest.get(2..)?.len(), body));
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// The status of an answer, once the answer is complete. `closed`: nothing more comes.
pub fn status(mut answer: &[u8], to_head: bool, closed: bool) -> Option<u16> {
    loop {
        let end = head_end(answer)?;
        let line = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
        let status: u16 = std::str::from_utf8(line).ok()?.parse().ok()?;
        if (100..200).contains(&status) && status != 101 {
            answer = &answer[end..];
            continue;
        }
        let rest = &answer[end..];
        let empty = to_head || [101, 204, 304].contains(&status);
        let complete = empty
            || match length(&answer[..end]) {
                Length::Sized(bytes) => rest.len() >= bytes,
                Length::Chunked => chunks(rest).is_some(),
                Length::Open => closed,
            };
        return complete.then_some(status);
    }
}

/// Sends bytes and gives the status of the answer; `None`: there was none that could be read.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let to_head = bytes.starts_with(b"HEAD ");
    let (mut reader, mut writer) = stream.split();
    // A refused request is answered before all of it was taken.
    let send = async {
        let _ = writer.write_all(bytes).await;
        std::future::pending::<()>().await;
    };
    let receive = async {
        let mut answer = Vec::new();
        loop {
            let closed = !matches!(reader.read_buf(&mut answer).await, Ok(1..));
            let status = status(&answer, to_head, closed);
            if status.is_some() || closed {
                return status;
            }
        }
    };
    let status = tokio::select! {
        status = receive => status,
        () = send => None,
        () = tokio::time::sleep(PATIENCE) => None,
    };
    Ok(status)
}
