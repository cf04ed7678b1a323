//! The pages that every installation has besides sign-in: the first page, health and metrics.

use askama::Template;
use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Guard, Route};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{self, WebError};
use crate::page::{Overview, Page};
use crate::session::{self, Visitor};
use crate::sign_in::local_path;
use crate::texts::{Language, texts};

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/", Guard::SignedIn, home),
        Route::post("/language", Guard::Public, choose_language).with_body_limit(8 * 1024),
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
    /// What to do without a contract.
    without: &'static str,
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
    error::html(&HomePage {
        without: if visitor.role == Role::Administrator {
            // Whom should they ask?
            "home-no-contract-administrator"
        } else {
            "home-no-contract"
        },
        page,
    })
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

pub(crate) fn set_cookie(response: &mut Response, text: &str) {
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
    let texts = texts(&app);
    for check in app.capabilities().iter().flat_map(|c| &c.health) {
        let result = check.run(app.clone()).await;
        ready &= result.is_ok();
        let mut entry = json!({ "ok": result.is_ok() });
        let failed = result.is_err();
        let (Ok(found) | Err(found)) = result;
        let detail = texts.finding(Language::Ja, &found);
        if detailed {
            entry["detail"] = detail.into();
        } else if failed {
            tracing::warn!(check = check.name, detail, "not ready");
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
