//! What all routes below `/api/` have in common.
//!
//! * [`openapi`]: the document that is made of the routes' descriptions.
//! * [`conventions`]: what every request and every answer keeps, whatever the handler does.
//! * [`Paging`]: lists come in pages and say where the next one is.

pub mod conventions;
pub mod openapi;
mod pages;
mod token_routes;
pub mod tokens;
mod webhooks;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Guard, Route};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::WebError;

/// Where a page of a list stands; travels with the answer, which gets a `Link` header from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many items there are in all.
    pub total: u64,
    /// This page, from 1.
    pub page: u64,
    /// Items a page.
    pub per_page: u64,
}

impl Paging {
    /// Number of the last page; an empty list has one page.
    pub fn last(self) -> u64 {
        self.total.div_ceil(self.per_page.max(1)).max(1)
    }
}

/// The answer with a page of a list.
pub fn page<T: Serialize>(items: &[T], paging: Paging) -> Response {
    let mut response = Json(json!({
        "items": items,
        "total": paging.total,
        "page": paging.page,
        "per_page": paging.per_page,
    }))
    .into_response();
    response.extensions_mut().insert(paging);
    response
}

/// The document, made once per application.
struct Document(Value);

pub(crate) use pages::navigation;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/api/v1/openapi.json", Guard::SignedIn, document).describe(
            Operation::new("api", "このAPIの説明（OpenAPI 3.1）", "This description")
                .gives(schema::free_object()),
        ),
    ];
    routes.extend(webhooks::routes());
    routes.extend(token_routes::routes());
    routes.extend(pages::routes());
    routes
}

/// `Idempotency-Key`: 1 to 100 printable ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, WebError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(Some(text.to_owned()))
    } else {
        Err(WebError::invalid(
            "Idempotency-Key は空白を含まない半角100文字以内で送ってください（UUIDなど）",
        ))
    }
}

async fn document(State(app): State<App>) -> Json<Value> {
    let made = app.slot::<Document>().unwrap_or_else(|| {
        let routes = app.capabilities().iter().flat_map(|each| &each.routes);
        let made = Arc::new(Document(openapi::document(routes)));
        app.provide(Arc::clone(&made));
        made
    });
    Json(made.0.clone())
}
