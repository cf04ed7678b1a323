//! A form that a person sends twice is carried out once: a double click without script, Enter
//! pressed twice, *back* and send again, a reload of the page that a form led to.
//!
//! Every page that is made holds a form token of its own ([`crate::token::masked`]), so the same
//! body at the same address in the same session is the same page sent again. The second gets the
//! answer of the first, and waits for it when it is still being made. Only the last form of a
//! session is remembered, for a few minutes and in memory: after another act the first may be
//! meant anew. Forms in parts differ each time they are sent; those carry `once` themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use mamori_runtime::App;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use crate::error::WebError;
use crate::session::{Credential, Visitor};

/// For so long a second sending counts as the same.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Larger answers are not remembered.
const MOST_BYTES: u64 = 256 * 1024;

/// The last form of each session.
#[derive(Default)]
pub(crate) struct Resent {
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

impl std::fmt::Debug for Resent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Resent(***)")
    }
}

#[derive(Default)]
struct Session {
    /// Taken while a form of the session is carried out: the second waits for the first.
    last: tokio::sync::Mutex<Option<Answered>>,
}

struct Answered {
    form: [u8; 32],
    at: Timestamp,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    fn again(&self) -> Response {
        let mut response = (self.status, Body::from(self.body.clone())).into_response();
        response.headers_mut().clone_from(&self.headers);
        response
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) > WITHIN
    }
}

impl Resent {
    fn of(&self, session: &str, now: Timestamp) -> Arc<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, one| {
            // In use: somebody holds it besides this list.
            Arc::strong_count(one) > 1
                || one
                    .last
                    .try_lock()
                    .is_ok_and(|last| last.as_ref().is_some_and(|last| !last.is_old(now)))
        });
        Arc::clone(sessions.entry(session.to_owned()).or_default())
    }
}

/// Carries a form out, or gives the answer that it had the first time.
pub(crate) async fn once<F>(
    app: &App,
    request: Request,
    carry_out: impl FnOnce(Request) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = Response> + Send + 'static,
{
    let Some(session) = session_of(&request) else {
        return carry_out(request).await;
    };
    let (form, request) = match fingerprint(request).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let now = app.now();
    let session = app.slot_or_default::<Resent>().of(&session, now);
    // With the second click a browser hangs up on the first, which must not end half remembered.
    let carried = tokio::spawn(
        async move { session.once(form, now, carry_out(request)).await }.in_current_span(),
    );
    match carried.await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => WebError::bug(error).into_response(),
        },
    }
}

impl Session {
    async fn once(
        &self,
        form: [u8; 32],
        now: Timestamp,
        carry_out: impl Future<Output = Response>,
    ) -> Response {
        let mut last = self.last.lock().await;
        let same = |one: &&Answered| one.form == form && !one.is_old(now);
        if let Some(answered) = last.as_ref().filter(same) {
            tracing::info!("a form was sent again; it had been carried out");
            return answered.again();
        }
        let (answered, response) = remembered(form, now, carry_out.await).await;
        // What was refused changed nothing: it is neither an answer to keep nor an act in between.
        if answered.is_some() || !is_refusal(response.status()) {
            *last = answered;
        }
        response
    }
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The session of a person who sends a form of ours in one piece.
fn session_of(request: &Request) -> Option<String> {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| {
            kind.to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        });
    if !is_form || request.method() != Method::POST {
        return None;
    }
    match &request.extensions().get::<Visitor>()?.credential {
        Credential::Session(digest) => Some(digest.clone()),
        Credential::Token(_) => None,
    }
}

/// The guard has read the body within its limit: it is in memory already.
async fn fingerprint(request: Request) -> Result<([u8; 32], Request), Response> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .map_err(|error| WebError::bug(error).into_response())?;
    let form = Sha256::new()
        .chain_update(parts.uri.path())
        .chain_update([0])
        .chain_update(&bytes)
        .finalize()
        .into();
    Ok((form, Request::from_parts(parts, Body::from(bytes))))
}

/// The answer, and what is remembered of it: refusals are not, they may be mended and sent again.
async fn remembered(
    form: [u8; 32],
    at: Timestamp,
    response: Response,
) -> (Option<Answered>, Response) {
    let small = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size <= MOST_BYTES);
    if is_refusal(response.status()) || !small {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return (None, WebError::bug(error).into_response()),
    };
    let answered = Answered {
        form,
        at,
        status: parts.status,
        headers: parts.headers.clone(),
        body: body.clone(),
    };
    (
        Some(answered),
        Response::from_parts(parts, Body::from(body)),
    )
}
