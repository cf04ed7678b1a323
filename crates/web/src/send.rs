//! A large file as an answer, read and sent piece by piece.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncReadExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::WebError;
use crate::components::percent_encoded;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// Sends an open file under a name, from where it stands. When it cannot be read to its end the
/// answer is cut off, which a browser reports.
pub fn file(file: std::fs::File, media_type: &str, name: &str) -> Result<Response, WebError> {
    let length = file.metadata().map_err(WebError::bug)?.len();
    let mut file = tokio::fs::File::from_std(file);
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(4);
    tokio::spawn(async move {
        let mut buffer = vec![0; PIECE];
        loop {
            let piece = match file.read(&mut buffer).await {
                Ok(0) => return,
                Ok(read) => Ok(Bytes::copy_from_slice(&buffer[..read])),
                Err(error) => Err(error),
            };
            let ended = piece.is_err();
            // A closed channel: nobody listens any more.
            if sender.send(piece).await.is_err() || ended {
                return;
            }
        }
    });
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(WebError::bug);
    headers.insert(header::CONTENT_TYPE, text(media_type)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(
        header::CONTENT_DISPOSITION,
        text(&format!(
            "attachment; filename*=UTF-8''{}",
            percent_encoded(name)
        ))?,
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    #[tokio::test]
    async fn a_file_of_several_pieces_arrives_whole() {
        let mut given = tempfile::tempfile().expect("a temporary file");
        let bytes: Vec<u8> = (0..PIECE * 2 + 17).map(|n| (n % 251) as u8).collect();
        given.write_all(&bytes).expect("is written");
        given.rewind().expect("is rewound");
        let answer = file(given, "application/zip", "台帳.zip").expect("an answer");
        assert_eq!(answer.headers()["content-length"], bytes.len().to_string());
        let sent = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        assert_eq!(sent.expect("a body"), bytes);
    }
}
