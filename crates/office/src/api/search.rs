//! `GET /api/v1/search?q`: what the page of that name finds, as data: over all contracts of the
//! caller, and nothing that the caller may not open.

use axum::extract::{Query, State};
use axum::response::Response;
use mamori_runtime::{App, Route};
use mamori_web::api::PageQuery;
use mamori_web::{Page, Visitor, WebError};
use serde::Deserialize;

use super::schemas_now;
use crate::pages::search::{asked, find};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/search", super::SIGNED_IN, search)
            .personal("search", [])
            .describe(schemas_now::search()),
    ]
}

#[derive(Deserialize)]
struct SearchQuery {
    q: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn search(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<SearchQuery>,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "search-title");
    let hits = find(&app, &visitor, &page, &asked(&query.q)).await?;
    Ok(query.page.cut(&hits))
}
