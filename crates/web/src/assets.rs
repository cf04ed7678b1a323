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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    const CSS: &str = include_str!("../assets/mamori.css");

    /// The colour tokens of the first `:root` in `css`.
    fn tokens(css: &str) -> BTreeMap<&str, [f64; 3]> {
        let (_, rest) = css.split_once(":root {").expect("a :root block");
        let (block, _) = rest.split_once('}').expect("the block ends");
        block
            .split(';')
            .filter_map(|line| {
                let (name, value) = line.trim().split_once(": #")?;
                let hex = u32::from_str_radix(value, 16).ok()?;
                let part = |shift: u32| f64::from(hex >> shift & 0xff) / 255.0;
                Some((name, [part(16), part(8), part(0)]))
            })
            .collect()
    }

    /// Relative luminance and contrast, WCAG 2.2.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let linear = colour.map(|c| {
                if c <= 0.04045 {
                    c / 12.92
                } else {
                    ((c + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn colours_have_the_contrast_of_level_aa_in_light_and_dark() {
        let (light, dark) = CSS
            .split_once("(prefers-color-scheme: dark)")
            .expect("a dark mode");
        let text = [
            ("--text", "--page"),
            ("--text", "--surface"),
            ("--text", "--raised"),
            ("--text", "--primary-soft"),
            ("--text", "--quiet-soft"),
            ("--text", "--ok-soft"),
            ("--text", "--bad-soft"),
            ("--text", "--warn-soft"),
            ("--text", "--info-soft"),
            ("--muted", "--page"),
            ("--muted", "--surface"),
            ("--muted", "--raised"),
            ("--link", "--page"),
            ("--link", "--surface"),
            ("--visited", "--page"),
            ("--visited", "--surface"),
            ("--on-primary", "--primary"),
            ("--on-primary", "--primary-strong"),
            ("--primary", "--raised"),
            ("--primary-strong", "--primary-soft"),
            ("--ok", "--ok-soft"),
            ("--bad", "--bad-soft"),
            ("--bad", "--page"),
            ("--page", "--bad"),
            ("--warn", "--warn-soft"),
            ("--info", "--info-soft"),
            ("--quiet", "--quiet-soft"),
            ("--mark", "--mark-soft"),
            ("--focus-ring", "--focus-fill"),
        ];
        let edges = [
            ("--control-line", "--page"),
            ("--control-line", "--raised"),
            ("--primary", "--surface"),
            ("--focus-ring", "--page"),
            ("--chart-1", "--raised"),
            ("--chart-2", "--raised"),
            ("--chart-3", "--raised"),
            ("--chart-4", "--raised"),
        ];
        for (mode, css) in [("light", light), ("dark", dark)] {
            let tokens = tokens(css);
            for (pairs, least) in [(&text[..], 4.5), (&edges[..], 3.0)] {
                for (front, back) in pairs {
                    let found = contrast(tokens[front], tokens[back]);
                    assert!(found >= least, "{mode}: {front} on {back} {found:.2}");
                }
            }
        }
    }
}
