//! What a person typed survives: a form that was sent without a session (it ended meanwhile), that
//! needs a fresh sign-in, or whose file is too large, is carried along and sent again afterwards.
//!
//! It travels sealed as one hidden field of our own pages, so that nothing of it is stored, nobody
//! else reads it there, and it works without JavaScript. It is given back to the person on whose
//! page it was typed and to nobody else. Passwords and codes are never carried; files cannot be,
//! and that is said.

use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, header};
use mamori_runtime::{App, Verb, seal};
use serde::{Deserialize, Serialize};

use crate::token;

/// Greatest form that is carried.
pub const LIMIT_BYTES: usize = 256 * 1024;
/// Longest text of the hidden field: as JSON line ends and quotes take two bytes, and sealed each
/// byte takes two digits.
const SEALED_BYTES: usize = 4 * LIMIT_BYTES + 4 * 1024;
/// Room for the carried form in the body of a sign-in page, with the page's own fields.
pub(crate) const CARRIED_LIMIT_BYTES: usize = 6 * LIMIT_BYTES;
const PURPOSE: &str = "form that is carried";

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
    /// Whether something was typed that is not carried, besides files.
    #[serde(default)]
    pub secrets: bool,
    /// The form token that came along; it tells whose page the form was on.
    #[serde(default)]
    owner: String,
}

/// Never carried.
fn is_secret(name: &str) -> bool {
    name == "code" || name == "credential" || name.contains("password")
}

impl Kept {
    /// The form of a request, if it is one and small enough. Takes the body: files are read and
    /// dropped piece by piece.
    pub(crate) async fn of_request(app: &App, request: Request) -> Option<Self> {
        let path = request.uri().path().to_owned();
        if !is_form_action(app, &path) {
            return None;
        }
        let media_type = media_type(request.headers());
        if media_type.starts_with("application/x-www-form-urlencoded") {
            // Encoded, a letter takes up to three times its bytes.
            let bytes = axum::body::to_bytes(request.into_body(), 4 * LIMIT_BYTES)
                .await
                .ok()?;
            Self::new(path, decoded(&bytes))
        } else if media_type.starts_with("multipart/form-data") {
            let (fields, files) = of_multipart(request).await?;
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
        let owner = fields
            .iter()
            .find(|(name, _)| name == crate::FORM_TOKEN)
            .map(|(_, value)| value.clone())
            .unwrap_or_default();
        let secrets = fields
            .iter()
            .any(|(name, value)| is_secret(name) && !value.is_empty());
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|(name, _)| name != crate::FORM_TOKEN && !is_secret(name))
            .collect();
        let size: usize = fields.iter().map(|(a, b)| a.len() + b.len()).sum();
        (size <= LIMIT_BYTES && owner.len() <= 1024).then_some(Self {
            path,
            fields,
            secrets,
            owner,
            ..Self::default()
        })
    }

    /// Whether the form was on a page of that person.
    pub(crate) fn is_of(&self, app: &App, person: &str) -> bool {
        token::is_of(app, &self.owner, person)
    }

    /// The text of the hidden field.
    pub(crate) fn carried(&self, app: &App) -> String {
        let plain = serde_json::to_vec(self).expect("texts become JSON");
        seal::of(app).seal(PURPOSE, &plain)
    }

    /// Reads the hidden field again.
    pub(crate) fn read(app: &App, text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > SEALED_BYTES {
            return None;
        }
        let plain = seal::of(app).open(PURPOSE, text)?;
        serde_json::from_slice(&plain).ok()
    }

    /// What was typed or chosen, for showing: names and values, without what only programs read.
    pub fn typed(&self) -> Vec<(&str, &str)> {
        self.fields
            .iter()
            // The key of what is done, and what the form had shown, are no texts of theirs.
            .filter(|(name, _)| name != "act" && !name.starts_with("was-"))
            .map(|(name, value)| (name.as_str(), value.trim()))
            .filter(|(_, value)| !value.is_empty() && !looks_like_an_id(value))
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
async fn of_multipart(request: Request) -> Option<(Fields, Vec<String>)> {
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let mut fields = Vec::new();
    let mut files = Vec::new();
    let mut size = 0;
    while let Some(mut part) = parts.next_field().await.ok()? {
        let name = part.name()?.to_owned();
        if let Some(file) = part.file_name().map(str::to_owned) {
            while part.chunk().await.ok()?.is_some() {}
            // A field for files that nobody used is sent without a name.
            if !file.is_empty() {
                files.push(name);
            }
            continue;
        }
        let value = part.text().await.ok()?;
        size += name.len() + value.len();
        if size > 2 * LIMIT_BYTES {
            return None;
        }
        fields.push((name, value));
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
