//! The console's own files: one style sheet, one icon. Their names hold a digest of their bytes,
//! so browsers may keep them for ever and never show a stale one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// One file, embedded in the program.
struct Asset {
    /// Address: `/assets/NAME.DIGEST.EXT`.
    href: String,
    media_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = hex::encode(&Sha256::digest(bytes)[..8]);
        Self {
            href: format!("/assets/{stem}.{digest}.{extension}"),
            media_type,
            bytes,
        }
    }
}

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "mamori",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../assets/mamori.css"),
    )
});

static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_bytes!("../assets/icon.svg"),
    )
});

/// Address of the style sheet.
pub fn stylesheet() -> &'static str {
    &STYLESHEET.href
}

/// Address of the icon.
pub fn icon() -> &'static str {
    &ICON.href
}

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let wanted = format!("/assets/{name}");
    let Some(asset) = [&*STYLESHEET, &*ICON]
        .into_iter()
        .find(|asset| asset.href == wanted)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    (
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static(asset.media_type),
            ),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=31536000, immutable"),
            ),
        ],
        asset.bytes,
    )
        .into_response()
}
