//! The one place that decides whether a request may reach its handler.
//!
//! Every route passes here, pages and API alike: who is it, may they, and — for requests that
//! change something and are vouched for by a cookie — did it come from our own page. That is asked
//! twice: by `Sec-Fetch-Site` or `Origin`, and by the session's form token.

use axum::RequestExt as _;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::{App, Guard, Personal};

use crate::audit;
use crate::error::WebError;
use crate::prove;
use crate::resent;
use crate::sent_form::{self, Unsent};
use crate::server::ClientAddress;
use crate::session::{self, Credential, Visitor};

/// Name of the hidden form value, and of the header for scripts' JSON requests.
pub const FORM_TOKEN: &str = "csrf";
/// Header that carries the form token in requests that are no forms.
pub const FORM_TOKEN_HEADER: &str = "x-csrf-token";

/// What the guard of one route knows.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) app: App,
    pub(crate) guard: Guard,
    pub(crate) fresh: bool,
    pub(crate) body_limit_bytes: usize,
    pub(crate) personal: Option<Personal>,
}

pub(crate) async fn check(State(post): State<Post>, request: Request, next: Next) -> Response {
    match admit(&post, request).await {
        Ok(request) => {
            let visitor = request.extensions().get::<Visitor>().cloned();
            let own = post.clone();
            let carry_out = move |request| async move { noted(&own, request, next).await };
            let response = resent::once(&post.app, request, carry_out).await;
            // A page that only leads on has not shown the message that was for the person.
            if let Some(visitor) = visitor.filter(|_| response.status().is_redirection())
                && let Err(error) = visitor.keep_flash(&post.app).await
            {
                return WebError::from(error).into_response();
            }
            response
        }
        Err(Refusal::Error(error)) => error.into_response(),
        Err(Refusal::Answer(response)) => response,
    }
}

/// Runs the handler, and writes down who was shown personal data before the answer leaves.
async fn noted(post: &Post, mut request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let (Some(personal), Some(visitor)) = (&post.personal, visitor) else {
        return next.run(request).await;
    };
    let item = item_of(&mut request).await;
    let response = next.run(request).await;
    let seen_by = &personal.seen_by;
    let sees = seen_by.is_empty() || seen_by.iter().any(|one| visitor.may(*one));
    if !sees || !shows(response.status()) {
        return response;
    }
    let contract = visitor.contract.as_deref().unwrap_or_default();
    match audit::read(&post.app, &visitor, contract, personal.area, item).await {
        Ok(()) => response,
        Err(error) => WebError::from(error).into_response(),
    }
}

/// Whether an answer shows what the route is about: also a form that comes back with what was
/// wrong, and two versions side by side.
fn shows(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::CONFLICT
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::UNPROCESSABLE_ENTITY
        )
}

/// What the address names below the contract; [`audit::LIST`] when it names nothing.
async fn item_of(request: &mut Request) -> String {
    const MOST_SIGNS: usize = 100;
    let parameters = request.extract_parts::<RawPathParams>().await;
    let named = parameters.iter().flat_map(RawPathParams::iter);
    named
        .filter(|(name, _)| *name != "contract")
        .map(|(_, value)| value.chars().take(MOST_SIGNS).collect())
        .next()
        .unwrap_or_else(|| audit::LIST.to_owned())
}

enum Refusal {
    Error(WebError),
    Answer(Response),
}

impl<E: Into<WebError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

async fn admit(post: &Post, request: Request) -> Result<Request, Refusal> {
    let app = &post.app;
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path().to_owned();
    // No name of ours holds a NUL, and databases differ in what they make of one.
    let has_nul = request
        .uri()
        .path_and_query()
        .is_some_and(|asked| asked.as_str().contains("%00"));
    if has_nul {
        return Err(WebError::NotFound(path).into());
    }
    let is_api = path.starts_with("/api/");
    let shows_flash = safe && !is_api && post.guard != Guard::Public;
    let mut visitor = session::visitor(app, request.headers(), &path, shows_flash).await?;
    if !safe
        && !matches!(
            visitor.as_ref().map(|visitor| &visitor.credential),
            Some(Credential::Token(_))
        )
        && !same_origin(app, request.headers())
    {
        return Err(WebError::Forged.into());
    }
    let mut request = request;
    if let Some(visitor) = &mut visitor {
        visitor.address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
    }
    if let (Some(visitor), Some(contract)) = (&mut visitor, contract_of(&mut request).await)
        && !visitor.enter(&contract)
    {
        // Nothing tells whether there is such a contract.
        return Err(WebError::NotFound(contract).into());
    }
    match (post.guard, &visitor) {
        (Guard::Public, _) | (Guard::SignedIn, Some(_)) => {}
        (Guard::Needs(permission), Some(visitor)) => {
            if !visitor.may(permission) {
                tracing::warn!(%permission, who = visitor.id, path, "refused");
                return Err(WebError::Forbidden.into());
            }
        }
        (Guard::SignedIn | Guard::Needs(_), None) => {
            if safe && !is_api {
                return Err(Refusal::Answer(to_sign_in(request.uri())));
            }
            if !is_api && let Some(answer) = prove::ask_to_sign_in(app, request).await? {
                return Err(Refusal::Answer(answer));
            }
            return Err(WebError::SignInNeeded.into());
        }
    }
    if let Some(visitor) = visitor {
        let by_cookie = matches!(visitor.credential, Credential::Session(_));
        if !safe && by_cookie && post.guard != Guard::Public {
            request = sent_form::check(app, request, &visitor, post.body_limit_bytes)
                .await
                .map_err(|unsent| match unsent {
                    Unsent::Error(error) => Refusal::Error(error),
                    Unsent::Again(response) => Refusal::Answer(response),
                })?;
        }
        if post.fresh && !visitor.is_fresh(app.now()) {
            if is_api {
                return Err(WebError::ProofNeeded.into());
            }
            return Err(Refusal::Answer(
                prove::ask_again(app, &visitor, request).await?,
            ));
        }
        request.extensions_mut().insert(visitor);
    }
    Ok(request)
}

/// The contract that the address names, on pages and in the API alike.
async fn contract_of(request: &mut Request) -> Option<String> {
    let parameters = request.extract_parts::<RawPathParams>().await.ok()?;
    parameters
        .iter()
        .find(|(name, _)| *name == "contract")
        .map(|(_, value)| value.to_owned())
}

fn to_sign_in(uri: &axum::http::Uri) -> Response {
    let wanted = uri
        .path_and_query()
        .map_or("/", axum::http::uri::PathAndQuery::as_str);
    if wanted == "/" {
        return Redirect::to("/sign-in").into_response();
    }
    let encoded: String = percent_encoded(wanted);
    Redirect::to(&format!("/sign-in?next={encoded}")).into_response()
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Whether a browser says that the request comes from our own pages. Programs that are no
/// browsers send neither header; nobody can make a browser leave out both.
pub(crate) fn same_origin(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else {
        return true;
    };
    if let Some(public) = &app.config.public_url {
        return origin == public;
    }
    let host = text("host").unwrap_or("");
    origin.split_once("://").map(|(_, authority)| authority) == Some(host) && !host.is_empty()
}
