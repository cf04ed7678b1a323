//! Gives a file of the contract back: as an attachment, in a sandbox, never shown by the browser.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::merkle::Digest;
use mamori_runtime::App;
use mamori_web::components::percent_encoded;
use mamori_web::{Visitor, WebError};

use crate::files::{SANDBOX, blobs};
use crate::register::file_of;

/// `GET /c/{contract}/files/{sha256}/{name}`.
pub(super) async fn give(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, sha256, name)): Path<(String, String, String)>,
) -> Result<Response, WebError> {
    let contract = visitor.contract.as_deref().unwrap_or_default();
    sandboxed(&app, contract, &sha256, Some(name)).await
}

/// A file that a record of the contract came with, as an answer; named by its digest unless told.
pub(crate) async fn sandboxed(
    app: &App,
    contract: &str,
    sha256: &str,
    name: Option<String>,
) -> Result<Response, WebError> {
    let missing =
        || WebError::NotFound(format!("ファイル「{}」", name.as_deref().unwrap_or(sha256)));
    let digest = Digest::from_hex(sha256).ok_or_else(missing)?;
    let (_, media_type) = file_of(&app.db, contract, &digest.to_hex())
        .await?
        .ok_or_else(missing)?;
    let name = name.unwrap_or_else(|| sha256.to_owned());
    let folder = blobs(app);
    let bytes = tokio::task::spawn_blocking(move || folder.read(&digest))
        .await
        .map_err(WebError::bug)??;
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(&media_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    let disposition = format!("attachment; filename*=UTF-8''{}", percent_encoded(&name));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&disposition).map_err(WebError::bug)?,
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(SANDBOX),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}
