//! Asking who somebody is in the middle of their work: when the session has ended, and before acts
//! that need a fresh proof ([`mamori_runtime::Route::fresh`]). What was typed is carried along.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Extension, Form, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::{App, Guard, Route, Secret};
use serde::Deserialize;

use crate::account;
use crate::error::{self, WebError};
use crate::form::Field;
use crate::kept::{CARRIED_LIMIT_BYTES, Kept};
use crate::limit::SignInLimits;
use crate::oidc;
use crate::page::{Page, Tone};
use crate::passkey;
use crate::resume;
use crate::second;
use crate::server::ClientAddress;
use crate::session::{self, Credential, Proof, Visitor};
use crate::sign_in::{self, Carried, PasskeyPage};

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::post("/prove", Guard::SignedIn, by_password).with_body_limit(CARRIED_LIMIT_BYTES),
        Route::post("/prove/passkey", Guard::SignedIn, ask_passkey)
            .with_body_limit(CARRIED_LIMIT_BYTES),
        Route::post("/prove/passkey/answer", Guard::SignedIn, by_passkey)
            .with_body_limit(CARRIED_LIMIT_BYTES),
    ]
}

/// The sign-in page for a form that came without a session; `None` when it was no form.
pub(crate) async fn ask_to_sign_in(
    app: &App,
    request: Request,
) -> Result<Option<Response>, WebError> {
    let headers = request.headers().clone();
    // The page that the form was on, should there be nothing to carry.
    let next = referrer_path(&headers).unwrap_or_default();
    match Kept::of_request(app, request).await {
        Some(kept) => sign_in::page_with_kept(app, &headers, &kept, next).map(Some),
        None => Ok(None),
    }
}

#[derive(Template)]
#[template(path = "prove.html")]
struct ProvePage {
    page: Page,
    password: Field,
    code: Option<Field>,
    hidden: Vec<(&'static str, String)>,
    passkeys: bool,
    oidc: Option<oidc::Prompt>,
    error: String,
    lead: String,
    tone_bad: Tone,
}

/// The page that asks for a fresh proof instead of what the request asked for.
pub(crate) async fn ask_again(
    app: &App,
    visitor: &Visitor,
    request: Request,
) -> Result<Response, WebError> {
    let headers = request.headers().clone();
    let mut carried = Carried::default();
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        carried.next = request
            .uri()
            .path_and_query()
            .map_or("/", axum::http::uri::PathAndQuery::as_str)
            .to_owned();
    } else {
        // The page that the form was on, should there be nothing to carry.
        carried.next = referrer_path(&headers).unwrap_or_else(|| "/".to_owned());
        if let Some(kept) = Kept::of_request(app, request).await {
            carried.kept = kept.carried(app);
        }
    }
    ask(
        app,
        visitor,
        &headers,
        &carried,
        "",
        StatusCode::UNAUTHORIZED,
    )
    .await
}

fn referrer_path(headers: &HeaderMap) -> Option<String> {
    let uri: axum::http::Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    Some(uri.path().to_owned())
}

async fn ask(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    carried: &Carried,
    error_key: &str,
    status: StatusCode,
) -> Result<Response, WebError> {
    let page = Page::new(app, visitor, "prove-title");
    let has_code = second::is_on(app, &visitor.id).await?;
    let has_passkeys = !passkey::list(app, &visitor.id).await?.is_empty();
    let linked = oidc::links::of(app, &visitor.id).await?.is_some();
    let shown = ProvePage {
        password: Field::new("password", "password", page.t("sign-in-password"))
            .required()
            .autocomplete("current-password"),
        code: has_code.then(|| sign_in::code_field(&page)),
        hidden: carried.hidden(app),
        oidc: linked
            .then(|| oidc::Prompt::new(app, &page, "oidc-prove"))
            .flatten(),
        passkeys: has_passkeys && passkey::works_at(app, sign_in::host(headers)),
        error: if error_key.is_empty() {
            String::new()
        } else {
            page.t(error_key)
        },
        lead: page.t("prove-lead"),
        tone_bad: Tone::Bad,
        page,
    };
    error::own_page(status, &shown)
}

/// The same page after a proof that failed.
pub(crate) async fn again(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    carried: &Carried,
    error_key: &str,
) -> Result<Response, WebError> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    ask(app, visitor, headers, carried, error_key, status).await
}

#[derive(Deserialize)]
struct ProofForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn by_password(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<ProofForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    let limits = app.slot_or_default::<SignInLimits>();
    let attempt = limits.attempt(&account.name, from, app.now())?;
    let password = Secret::new(given.password);
    let mut proven = account::authenticate(&app, &account.name, &password)
        .await?
        .is_some();
    let mut method = "password";
    // The code is looked at only when the password is right: it is used up by looking.
    if proven && second::is_on(&app, &visitor.id).await? {
        proven = second::accept(&app, &visitor.id, &given.code)
            .await?
            .is_some();
        method = "code";
    }
    if !proven {
        tracing::warn!(%from, user = visitor.id, "a fresh proof failed");
        return again(&app, &visitor, &headers, &given.carried, "prove-wrong").await;
    }
    limits.succeeded(attempt);
    proved(&app, &visitor, method, &headers, from, &given.carried).await
}

/// The visitor's account; programs with tokens have none.
pub(crate) async fn own_account(
    app: &App,
    visitor: &Visitor,
) -> Result<account::Account, WebError> {
    if !matches!(visitor.credential, Credential::Session(_)) {
        return Err(WebError::Forbidden);
    }
    Ok(account::by_id(app, &visitor.id).await?)
}

/// Renews the session after a proof and goes on.
pub(crate) async fn proved(
    app: &App,
    visitor: &Visitor,
    method: &'static str,
    headers: &HeaderMap,
    from: IpAddr,
    carried: &Carried,
) -> Result<Response, WebError> {
    let proof = Proof::new(method, headers, from);
    let Some(opened) = session::renew(app, visitor, &proof).await? else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    tracing::info!(user = visitor.id, method, "proved again who they are");
    let page = Page::new(app, visitor, "resume-title");
    resume::go_on(app, page, opened, &visitor.id, carried, true).await
}

async fn ask_passkey(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(carried): Form<Carried>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if !passkey::works_at(&app, sign_in::host(&headers)) {
        return Err(WebError::invalid(sign_in::elsewhere(
            &app,
            visitor.language,
        )));
    }
    let challenge = passkey::begin_sign_in(&app, &account.name, Some(&account)).await?;
    let page = Page::new(&app, &visitor, "passkey-title");
    let mut shown = PasskeyPage::new(page, "/prove/passkey/answer", challenge);
    shown.hidden = carried.hidden(&app);
    shown.back = "/";
    error::html(&shown)
}

#[derive(Deserialize)]
struct AnswerForm {
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn by_passkey(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<AnswerForm>,
) -> Result<Response, WebError> {
    let user = passkey::finish_sign_in(&app, &given.challenge, &given.credential).await?;
    if user != visitor.id {
        return Err(WebError::Forbidden);
    }
    proved(&app, &visitor, "passkey", &headers, from, &given.carried).await
}
