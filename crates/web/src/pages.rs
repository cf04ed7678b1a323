//! The pages that every installation has: sign-in, the first page, health and metrics.

use askama::Template;
use axum::Json;
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::{App, Guard, Route, Secret};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::account;
use crate::error::{self, WebError};
use crate::form::Field;
use crate::limit::{SignInLimits, TooMany};
use crate::page::{Overview, Page, Tone};
use crate::server::ClientAddress;
use crate::session::{self, Visitor};
use crate::texts::{self, Language};

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/", Guard::SignedIn, home),
        Route::get("/sign-in", Guard::Public, sign_in_page),
        Route::post("/sign-in", Guard::Public, sign_in).with_body_limit(8 * 1024),
        Route::post("/language", Guard::Public, choose_language).with_body_limit(8 * 1024),
        Route::post("/sign-out", Guard::SignedIn, sign_out).with_body_limit(8 * 1024),
        Route::get("/assets/{name}", Guard::Public, crate::assets::serve),
        Route::get("/healthz", Guard::Public, healthz),
        Route::get("/readyz", Guard::Public, readyz),
        Route::get("/metrics", crate::METRICS, metrics),
    ]
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
}

/// The first page leads to the visitor's only contract, or to the overview of several.
async fn home(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "home-title");
    if let [only] = page.contracts.as_slice() {
        return Ok(Redirect::to(&format!("/c/{}", only.id)).into_response());
    }
    if let Some(overview) = app.slot::<Overview>()
        && !page.contracts.is_empty()
    {
        return Ok(Redirect::to(overview.0).into_response());
    }
    error::html(&HomePage { page })
}

#[derive(Deserialize)]
struct LanguageForm {
    #[serde(default)]
    to: String,
    #[serde(default)]
    next: String,
}

/// Chooses the language: for this browser, and for the account when somebody is signed in.
async fn choose_language(
    State(app): State<App>,
    visitor: Option<Visitor>,
    Form(form): Form<LanguageForm>,
) -> Result<Response, WebError> {
    let language = Language::of(&form.to);
    if let Some(visitor) = visitor {
        session::set_language(&app, &visitor, language).await?;
    }
    let mut response = Redirect::to(local_path(&form.next).unwrap_or("/")).into_response();
    set_cookie(&mut response, &session::language_cookie(&app, language));
    Ok(response)
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    page: Page,
    name: Field,
    password: Field,
    next: String,
    error: String,
    tone_bad: Tone,
}

fn sign_in_form(app: &App, language: Language, name: &str, next: &str, error: &str) -> SignInPage {
    let page = Page::bare(app, language, "sign-in-title");
    SignInPage {
        name: Field::text("name", page.t("sign-in-name"))
            .value(name)
            .required()
            .autocomplete("username"),
        password: Field::new("password", "password", page.t("sign-in-password"))
            .required()
            .autocomplete("current-password"),
        next: local_path(next).unwrap_or_default().to_owned(),
        error: error.to_owned(),
        tone_bad: Tone::Bad,
        page,
    }
}

/// A path on this site; anything a browser could read as another site is dropped.
fn local_path(text: &str) -> Option<&str> {
    let fine = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(['\\', '\r', '\n', '\t'])
        && text.len() <= 2000;
    fine.then_some(text)
}

#[derive(Debug, Deserialize)]
struct NextQuery {
    #[serde(default)]
    next: String,
}

async fn sign_in_page(
    State(app): State<App>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Query(query): Query<NextQuery>,
) -> Result<Response, WebError> {
    if visitor.is_some() {
        return Ok(Redirect::to(local_path(&query.next).unwrap_or("/")).into_response());
    }
    error::html(&sign_in_form(
        &app,
        session::language(&headers),
        "",
        &query.next,
        "",
    ))
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, WebError> {
    let language = session::language(&headers);
    let texts = texts::texts(&app);
    let limits = app.slot_or_default::<SignInLimits>();
    let name = form.name.trim().to_ascii_lowercase();
    let now = app.now();
    if let Err(TooMany { retry_after }) = limits.admit(&name, from, now) {
        tracing::warn!(%from, "sign-in refused: too many failures");
        let minutes = (retry_after.as_secs() + 59) / 60;
        let text = texts.say(language, "sign-in-too-many", &[("minutes", minutes.into())]);
        let mut response = error::own_page(
            StatusCode::TOO_MANY_REQUESTS,
            &sign_in_form(&app, language, &name, &form.next, &text),
        )?;
        response.headers_mut().insert(
            header::RETRY_AFTER,
            HeaderValue::from(retry_after.as_secs().max(1)),
        );
        return Ok(response);
    }
    // Counted before the password is looked at: attempts that run side by side count too.
    limits.failed(&name, from, now);
    let password = Secret::new(form.password);
    let Some(account) = account::authenticate(&app, &name, &password).await? else {
        tracing::warn!(%from, "sign-in failed");
        let text = texts.say(language, "sign-in-wrong", &[]);
        return error::own_page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &sign_in_form(&app, language, &name, &form.next, &text),
        );
    };
    limits.succeeded(&name, from, now);
    if let Some(before) = visitor {
        session::end(&app, &before).await?;
    }
    let token = session::begin(&app, &account).await?;
    tracing::info!(user = %account.id, "signed in");
    let mut response = Redirect::to(local_path(&form.next).unwrap_or("/")).into_response();
    set_cookie(&mut response, &session::cookie(&app, &token));
    Ok(response)
}

async fn sign_out(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    session::end(&app, &visitor).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, &session::no_cookie(&app));
    Ok(response)
}

fn set_cookie(response: &mut Response, text: &str) {
    let value = HeaderValue::from_str(text).expect("cookies are made of visible ASCII");
    response.headers_mut().append(header::SET_COOKIE, value);
}

/// Alive: the process answers.
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Ready: every capability's checks pass. What a check says is shown to those who may see metrics;
/// others see only which check fails.
async fn readyz(State(app): State<App>, visitor: Option<Visitor>) -> Response {
    let detailed = visitor.is_some_and(|visitor| visitor.may(crate::METRICS));
    let mut checks = Map::new();
    let mut ready = true;
    for check in app.capabilities().iter().flat_map(|c| &c.health) {
        let result = check.run(app.clone()).await;
        ready &= result.is_ok();
        let mut entry = json!({ "ok": result.is_ok() });
        match result {
            Ok(detail) | Err(detail) if detailed => entry["detail"] = detail.into(),
            Err(detail) => tracing::warn!(check = check.name, detail, "not ready"),
            Ok(_) => {}
        }
        checks.insert(check.name.to_owned(), entry);
    }
    let body = json!({ "status": if ready { "ok" } else { "not ready" }, "checks": checks });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(error::OwnPage);
    response
}

async fn metrics(State(app): State<App>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        app.metrics.render(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_paths_of_this_site_are_followed_after_sign_in() {
        assert_eq!(
            local_path("/work?month=2026-10"),
            Some("/work?month=2026-10")
        );
        for foreign in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:x",
        ] {
            assert_eq!(local_path(foreign), None, "{foreign:?}");
        }
    }
}
