//! The console's own files: one style sheet, one script, one icon. Their names hold a digest of
//! their bytes, so browsers may keep them for ever and never show a stale one. They are compressed
//! once, as hard as it goes, and not again for every browser.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// One file, embedded in the program.
struct Asset {
    /// Address: `/assets/NAME-DIGEST.EXT`.
    href: String,
    media_type: &'static str,
    bytes: &'static [u8],
    brotli: Vec<u8>,
    gzip: Vec<u8>,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = hex::encode(&Sha256::digest(bytes)[..8]);
        Self {
            href: format!("/assets/{stem}-{digest}.{extension}"),
            media_type,
            bytes,
            brotli: brotli(bytes),
            gzip: gzip(bytes),
        }
    }

    /// The bytes in the best encoding that the browser takes, and the encoding's name.
    fn encoded(&'static self, accepted: &str) -> (&'static [u8], Option<&'static str>) {
        if takes(accepted, "br") {
            (&self.brotli, Some("br"))
        } else if takes(accepted, "gzip") {
            (&self.gzip, Some("gzip"))
        } else {
            (self.bytes, None)
        }
    }
}

/// Whether a browser that sends `accepted` as `Accept-Encoding` takes `encoding`.
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // 4096: buffer; 11: hardest; 22: window.
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 11, 22);
    writer.write_all(bytes).expect("memory takes every byte");
    drop(writer);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).expect("memory takes every byte");
    writer.finish().expect("memory takes every byte")
}

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "mamori",
        "css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../assets/mamori.css"),
            include_str!("../assets/pages.css"),
            include_str!("../assets/media.css")
        )
        .as_bytes(),
    )
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "mamori",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/mamori.js"),
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

static PASSKEY_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "passkey",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/passkey.js"),
    )
});

/// Address of the script that asks browsers for passkeys.
pub fn passkey_script() -> &'static str {
    &PASSKEY_SCRIPT.href
}

/// Address of the style sheet.
pub fn stylesheet() -> &'static str {
    &STYLESHEET.href
}

/// Address of the script. Every page works without it.
pub fn script() -> &'static str {
    &SCRIPT.href
}

/// Address of the icon.
pub fn icon() -> &'static str {
    &ICON.href
}

/// What the script says to people, as names of `data-text-NAME` on `<body>`; the text of each is
/// `script-NAME` in `locales/*/script.ftl`.
pub const SCRIPT_TEXTS: &[&str] = &[
    "busy",
    "chars-left",
    "chars-over",
    "close",
    "copied",
    "copy-failed",
    "draft-drop",
    "draft-found",
    "draft-keep",
    "draft-restored",
    "file-too-big",
    "file-wrong-type",
    "keys-goto",
    "keys-help",
    "keys-new",
    "keys-note",
    "keys-on",
    "keys-search",
    "keys-title",
    "live-changed",
    "live-lost",
    "live-on",
    "live-stop",
    "offline",
    "offline-wait",
    "online",
    "search-count",
    "search-none",
    "table-failed",
    "timer-running",
    "timer-took",
];

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let wanted = format!("/assets/{name}");
    let Some(asset) = [&*STYLESHEET, &*SCRIPT, &*PASSKEY_SCRIPT, &*ICON]
        .into_iter()
        .find(|asset| asset.href == wanted)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let (bytes, encoding) = asset.encoded(accepted);
    let mut response = (
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static(asset.media_type),
            ),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=31536000, immutable"),
            ),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ],
        bytes,
    )
        .into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

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

    const JS: &str = include_str!("../assets/mamori.js");
    const TEXTS: [&str; 2] = [
        include_str!("../locales/ja/script.ftl"),
        include_str!("../locales/en/script.ftl"),
    ];

    #[test]
    fn every_word_of_the_script_is_listed_and_written_in_both_languages() {
        let used: BTreeSet<&str> = JS
            .split("say('")
            .skip(1)
            .filter_map(|rest| rest.split_once('\'').map(|(name, _)| name))
            .collect();
        let listed: BTreeSet<&str> = SCRIPT_TEXTS.iter().copied().collect();
        assert_eq!(used, listed);
        for texts in TEXTS {
            let written: BTreeSet<&str> = texts
                .lines()
                .filter_map(|line| line.strip_prefix("script-")?.split_once(" = "))
                .map(|(name, _)| name)
                .collect();
            assert_eq!(written, listed);
        }
    }

    #[test]
    fn the_script_is_small_and_asks_for_nothing_the_policy_forbids() {
        assert!(JS.len() < 40_000, "{} bytes", JS.len());
        for word in ["eval(", "new Function", "innerHTML", "http://", "https://"] {
            assert!(!JS.contains(word), "{word}");
        }
        assert!(SCRIPT.brotli.len() < 10_000, "{}", SCRIPT.brotli.len());
        // A page may load both; what the browser has to read counts, not what the wire carries.
        let all = JS.len() + PASSKEY_SCRIPT.bytes.len();
        assert!(all < 60_000, "{all} bytes of script");
    }

    #[test]
    fn the_best_encoding_that_the_browser_takes_is_sent() {
        let of = |accepted| STYLESHEET.encoded(accepted).1;
        assert_eq!(of("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(of("gzip;q=1.0, br;q=0"), Some("gzip"));
        assert_eq!(of("identity"), None);
        assert_eq!(of(""), None);
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut STYLESHEET.brotli.as_slice(), &mut plain)
            .expect("what was compressed can be read");
        assert_eq!(plain, STYLESHEET.bytes);
        assert!(STYLESHEET.brotli.len() < STYLESHEET.gzip.len());
    }
}
