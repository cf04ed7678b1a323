//! What all routes below `/api/` have in common.
//!
//! * [`openapi`]: the document that is made of the routes' descriptions.
//! * [`conventions`]: what every request and every answer keeps, whatever the handler does.
//! * [`list`]: lists come in pages and say where the next one is.

mod changes;
pub mod conventions;
pub(crate) mod letters;
mod list;
pub mod openapi;
mod pages;
mod people;
mod readings;
mod strict;
mod system;
mod token_routes;
pub mod tokens;
mod webhooks;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Guard, Route};
use serde_json::Value;

use crate::error::WebError;

pub use conventions::seen_revision;
pub use list::{MAX_PER_PAGE, PageQuery, Paging, page};

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
    routes.extend(system::routes());
    routes.extend(people::routes());
    routes.extend(readings::routes());
    routes.extend(changes::routes());
    routes.extend(letters::routes());
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
