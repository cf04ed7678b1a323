//! The body of a form from one of our pages: is it whole, and does it carry the session's form
//! token? What cannot be taken comes back with everything that was typed.
//!
//! A form of an older session of the same person (signed in again elsewhere, or asked for a fresh
//! proof) is refused like a forged one, as anybody could have kept its token; but its page asks
//! the person to send it again. So does the page after a file that is too large.

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use axum::response::Response;
use mamori_runtime::App;
use tokio_stream::StreamExt as _;

use crate::error::WebError;
use crate::guard::{FORM_TOKEN, FORM_TOKEN_HEADER};
use crate::kept::Kept;
use crate::session::Visitor;
use crate::{resume, token};

/// The form token, as first part of a multipart form, ends within this many bytes.
const FIRST_PART_WITHIN: usize = 8 * 1024;
/// Of a form that is too large so many bytes are still taken from the browser: one that is cut off
/// while it sends shows its own error instead of our answer.
const DRAINED_BYTES: usize = 400 * 1024 * 1024;

/// Why a form does not reach its handler.
pub(crate) enum Unsent {
    /// It came from elsewhere.
    Error(WebError),
    /// The person is asked to send it again.
    Again(Response),
}

impl From<WebError> for Unsent {
    fn from(error: WebError) -> Self {
        Self::Error(error)
    }
}

/// Reads the form token out of the body (or the header) and puts the body back.
pub(crate) async fn check(
    app: &App,
    request: Request,
    visitor: &Visitor,
    limit: usize,
) -> Result<Request, Unsent> {
    let fits = |given: &str| token::unmasks(given, &visitor.form_token);
    if let Some(given) = request
        .headers()
        .get(FORM_TOKEN_HEADER)
        .and_then(|value| value.to_str().ok())
    {
        return if fits(given) {
            Ok(request)
        } else {
            Err(WebError::Forged.into())
        };
    }
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_ascii_lowercase();
    let in_parts = media_type.starts_with("multipart/form-data");
    let (parts, body) = request.into_parts();
    let (bytes, rest) = read(body, limit)
        .await
        .ok_or(Unsent::Error(WebError::invalid(
            "送信が途中で切れました。もう一度送ってください",
        )))?;
    let given = if media_type.starts_with("application/x-www-form-urlencoded") {
        form_value(&bytes)
    } else if in_parts {
        let beginning = bytes.slice(..bytes.len().min(FIRST_PART_WITHIN));
        let mut copy = Request::new(Body::from(beginning));
        copy.headers_mut().clone_from(&parts.headers);
        first_part(copy).await
    } else {
        None
    };
    let is_ours = given.as_deref().is_some_and(fits);
    let is_older = given
        .as_deref()
        .is_some_and(|given| token::is_of(app, given, &visitor.id));
    match rest {
        None if is_ours => Ok(Request::from_parts(parts, Body::from(bytes))),
        None if is_older => {
            let request = Request::from_parts(parts, Body::from(bytes));
            let kept = Kept::of_request(app, request).await;
            let status = StatusCode::FORBIDDEN;
            let error = WebError::Forged;
            Err(again(app, visitor, kept, status, "resume-older", error).await)
        }
        Some(rest) if in_parts && (is_ours || is_older) => {
            let mut request = Request::from_parts(parts, joined(bytes, rest));
            DefaultBodyLimit::disable().apply(&mut request);
            let kept = Kept::of_request(app, request).await;
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let error = WebError::TooLarge(limit);
            Err(again(app, visitor, kept, status, "resume-too-large", error).await)
        }
        Some(_) if is_ours => Err(WebError::TooLarge(limit).into()),
        _ => Err(WebError::Forged.into()),
    }
}

/// The page that offers a form again; the error where there is nothing to offer.
async fn again(
    app: &App,
    visitor: &Visitor,
    kept: Option<Kept>,
    status: StatusCode,
    why: &str,
    error: WebError,
) -> Unsent {
    match kept.filter(|kept| !kept.secrets) {
        Some(kept) => match resume::offer_again(app, visitor, kept, status, why).await {
            Ok(response) => Unsent::Again(response),
            Err(error) => Unsent::Error(error),
        },
        None => Unsent::Error(error),
    }
}

/// The body as far as the limit, and what is left when there is more; `None` when it breaks off.
async fn read(body: Body, limit: usize) -> Option<(Bytes, Option<BodyDataStream>)> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.ok()?);
        if bytes.len() > limit {
            return Some((bytes.into(), Some(stream)));
        }
    }
    Some((bytes.into(), None))
}

fn joined(bytes: Bytes, rest: BodyDataStream) -> Body {
    let mut left = DRAINED_BYTES;
    let rest = rest.map(move |piece| {
        let piece = piece?;
        left = left
            .checked_sub(piece.len())
            .ok_or_else(|| axum::Error::new("far too large"))?;
        Ok(piece)
    });
    Body::from_stream(tokio_stream::once(Ok::<_, axum::Error>(bytes)).chain(rest))
}

/// The token is hexadecimal, so that nothing needs to be decoded.
fn form_value(bytes: &Bytes) -> Option<String> {
    let beginning = FORM_TOKEN.as_bytes();
    bytes
        .split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(beginning)?.strip_prefix(b"="))
        .and_then(|value| String::from_utf8(value.to_vec()).ok())
}

/// In multipart forms the token is the first part.
async fn first_part(request: Request) -> Option<String> {
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let part = parts.next_field().await.ok()??;
    if part.name() == Some(FORM_TOKEN) {
        part.text().await.ok()
    } else {
        None
    }
}
