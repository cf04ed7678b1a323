//! Files of a paper: of its newest rendering, or of the one that a record came with.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::merkle::Digest;
use mamori_runtime::App;
use mamori_web::WebError;
use serde::Deserialize;

use super::find;
use crate::api::document::disposition;
use crate::documents::{Papers, Rendition, renditions};
use crate::pages::view::{self, At};
use crate::register::form::FileRef;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    record: String,
    #[serde(default)]
    save: String,
}

pub(super) async fn page(
    State(app): State<App>,
    Path((_, number, name)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
    at: At,
) -> Result<Response, WebError> {
    let format = name.strip_prefix("paper.").unwrap_or_default();
    let missing = || WebError::NotFound(format!("{number} の {name}"));
    let (item, paper) = find(&at, &number).await?;
    let file = if asked.record.is_empty() {
        match format {
            "pdf" => Some(paper.pdf),
            "docx" => paper.docx,
            "xlsx" => paper.xlsx,
            _ => None,
        }
    } else {
        all(&at, &item.id)
            .await?
            .iter()
            .find(|rendition| rendition.seq.to_string() == asked.record)
            .and_then(|rendition| rendition.file(format).cloned())
    };
    let file = file.ok_or_else(missing)?;
    let bytes = read(&app, &file).await?;
    let shown = if format == "pdf" && asked.save.is_empty() {
        "inline"
    } else {
        "attachment"
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(&file.media_type).map_err(WebError::bug)?,
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&disposition(shown, &file.name, format)).map_err(WebError::bug)?,
    );
    Ok(response)
}

/// The renderings of a paper, oldest first.
pub(super) async fn all(at: &At, id: &str) -> Result<Vec<Rendition>, WebError> {
    let story = at
        .office
        .desk
        .history(at.live.id(), Papers::register(), id)
        .await
        .map_err(view::desk_error)?;
    Ok(renditions(&story))
}

/// The bytes of a file.
pub(super) async fn read(app: &App, file: &FileRef) -> Result<Vec<u8>, WebError> {
    let digest =
        Digest::from_hex(&file.sha256).ok_or_else(|| WebError::NotFound(file.name.clone()))?;
    app.read_blob(digest).await.map_err(|error| match error {
        // The register holds it and the folder does not: nobody mistook an address.
        lost @ mamori_store::Error::NotFound { .. } => WebError::bug(lost),
        error => error.into(),
    })
}

/// The typed model that a file holds.
pub(crate) async fn model(
    app: &App,
    file: &FileRef,
) -> Result<mamori_document::Document, WebError> {
    let bytes = read(app, file).await?;
    serde_json::from_slice(&bytes).map_err(WebError::bug)
}
