//! What a person typed survives: a form that was sent without a session (it ended meanwhile), or
//! that needs a fresh sign-in, is carried through the sign-in pages and sent again afterwards.
//!
//! It travels as one hidden field of our own pages, so that nothing of it is stored and it works
//! without JavaScript. Passwords and codes are never carried; files cannot be, and that is said.

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, header};
use mamori_runtime::{App, Verb};
use serde::{Deserialize, Serialize};

/// Greatest form that is carried.
pub const LIMIT_BYTES: usize = 256 * 1024;
/// Room for the carried form in the body of a sign-in page: encoded twice, plus the page's own
/// fields.
pub(crate) const CARRIED_LIMIT_BYTES: usize = 6 * LIMIT_BYTES;

/// A form waiting to be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Path of the form's action.
    pub path: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// Whether it was sent in parts, as forms with files are.
    #[serde(default)]
    pub parts: bool,
    /// Names of the fields whose files are lost.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Never carried.
fn is_secret(name: &str) -> bool {
    name == crate::FORM_TOKEN || name == "code" || name == "credential" || name.contains("password")
}

impl Kept {
    /// The form of a request, if it is one and small enough. Takes the body.
    pub(crate) async fn of_request(app: &App, request: Request) -> Option<Self> {
        let path = request.uri().path().to_owned();
        if !is_form_action(app, &path) {
            return None;
        }
        let media_type = media_type(request.headers());
        let (parts, body) = request.into_parts();
        // Files make a form large; what is beyond the limit is read and dropped by the server.
        let bytes = axum::body::to_bytes(body, 4 * LIMIT_BYTES).await.ok()?;
        if media_type.starts_with("application/x-www-form-urlencoded") {
            Self::new(path, decoded(&bytes))
        } else if media_type.starts_with("multipart/form-data") {
            let (fields, files) = of_multipart(&parts.headers, bytes.to_vec()).await?;
            Some(Self {
                parts: true,
                files,
                ..Self::new(path, fields)?
            })
        } else {
            None
        }
    }

    /// A form of these fields, without secrets; `None` when it is too large.
    pub fn new(path: String, fields: Vec<(String, String)>) -> Option<Self> {
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(name, _)| !is_secret(name))
            .collect();
        let size: usize = fields.iter().map(|(a, b)| a.len() + b.len()).sum();
        (size <= LIMIT_BYTES).then_some(Self {
            path,
            fields,
            ..Self::default()
        })
    }

    /// The text of the hidden field.
    pub fn carried(&self) -> String {
        serde_json::to_string(self).expect("texts become JSON")
    }

    /// Reads the hidden field again. It came from outside: only addresses of forms are taken.
    pub(crate) fn read(app: &App, text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 2 * LIMIT_BYTES {
            return None;
        }
        let kept: Self = serde_json::from_str(text).ok()?;
        if !is_form_action(app, &kept.path) {
            return None;
        }
        Some(Self {
            parts: kept.parts,
            files: kept.files,
            ..Self::new(kept.path, kept.fields)?
        })
    }

    /// What was typed, for showing: values of some length, without what only programs read.
    pub fn typed(&self) -> Vec<&str> {
        self.fields
            .iter()
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty() && !looks_like_an_id(value))
            .collect()
    }
}

fn looks_like_an_id(value: &str) -> bool {
    value.len() >= 32
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_ascii_lowercase()
}

type Fields = Vec<(String, String)>;

/// The fields, and the names of those that hold files.
async fn of_multipart(headers: &HeaderMap, bytes: Vec<u8>) -> Option<(Fields, Vec<String>)> {
    let mut copy = Request::new(Body::from(bytes));
    copy.headers_mut().clone_from(headers);
    let mut parts = Multipart::from_request(copy, &()).await.ok()?;
    let mut fields = Vec::new();
    let mut files = Vec::new();
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name()?.to_owned();
        if part.file_name().is_some() {
            files.push(name);
            continue;
        }
        fields.push((name, part.text().await.ok()?));
    }
    Some((fields, files))
}

/// The pairs of a body of `application/x-www-form-urlencoded`.
pub(crate) fn decoded(bytes: &[u8]) -> Vec<(String, String)> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let cut = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = match cut {
                Some(cut) => (&pair[..cut], &pair[cut + 1..]),
                None => (pair, &[][..]),
            };
            (plain(name), plain(value))
        })
        .collect()
}

fn plain(text: &[u8]) -> String {
    let digit = |place: usize| {
        text.get(place)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let mut out = Vec::with_capacity(text.len());
    let mut place = 0;
    while let Some(byte) = text.get(place) {
        match (byte, digit(place + 1), digit(place + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                place += 2;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*byte),
        }
        place += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether some page's form is sent to that path: a page's `POST` route for people who are signed
/// in.
fn is_form_action(app: &App, path: &str) -> bool {
    !path.starts_with("/api/")
        && app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.routes)
            .any(|route| {
                route.verb == Verb::Post
                    && route.guard != mamori_runtime::Guard::Public
                    && matches(route.path, path)
            })
}

/// Whether a path fits a route as axum writes it (`/c/{contract}/work`, `/{*rest}`).
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        if wanted.starts_with("{*") {
            return parts.next().is_some_and(|part| !part.is_empty());
        }
        let fits = match parts.next() {
            Some(part) if wanted.starts_with('{') => !part.is_empty(),
            Some(part) => part == wanted,
            None => false,
        };
        if !fits {
            return false;
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_fit_their_routes_only() {
        for (pattern, path, fits) in [
            ("/work", "/work", true),
            ("/work", "/work/", false),
            ("/work", "/workshop", false),
            ("/c/{contract}/work/{id}", "/c/r8/work/1", true),
            ("/c/{contract}/work/{id}", "/c//work/1", false),
            ("/c/{contract}/work/{id}", "/c/r8/work/1/2", false),
            ("/c/{contract}/work/{id}", "/c/r8/work", false),
            ("/files/{*rest}", "/files/a/b", true),
            ("/files/{*rest}", "/files/", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn secrets_are_not_carried_and_large_forms_neither() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let kept = Kept::new(
            "/account".to_owned(),
            vec![
                field("csrf", "x"),
                field("current_password", "x"),
                field("password", "x"),
                field("code", "123456"),
                field("display_name", "田中"),
                field("display_name", "again"),
            ],
        )
        .expect("small");
        assert_eq!(
            kept.fields,
            [
                field("display_name", "田中"),
                field("display_name", "again")
            ]
        );
        let large = vec![field("text", &"あ".repeat(LIMIT_BYTES / 3 + 1))];
        assert_eq!(Kept::new("/account".to_owned(), large), None);
    }

    proptest! {
        /// Any text that a browser encodes is decoded to itself.
        #[test]
        fn encoded_forms_are_read(pairs in prop::collection::vec((".{0,12}", ".{0,40}"), 0..6)) {
            let pairs: Vec<(String, String)> = pairs;
            let encode = |text: &str| -> String {
                text.bytes().map(|byte| match byte {
                    b' ' => "+".to_owned(),
                    byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                }).collect()
            };
            let body: Vec<String> = pairs.iter().map(|(a, b)| format!("{}={}", encode(a), encode(b))).collect();
            prop_assert_eq!(decoded(body.join("&").as_bytes()), pairs);
        }

        /// Whatever comes, reading does not fail.
        #[test]
        fn wild_bodies_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            decoded(&bytes);
        }
    }
}
