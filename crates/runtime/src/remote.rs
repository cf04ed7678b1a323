//! The API of another installation, for the command line: `--server` and `--token-file`.
//!
//! One request after the other, no redirects (the token goes where it was sent or nowhere), TLS
//! unless the server is this machine. What the server refuses comes back in its own words.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::config::Secret;

/// Largest answer that is read; papers have some megabytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_mins(1);
/// A file of any size may take this long.
const FILE_TIMEOUT: Duration = Duration::from_hours(2);

/// A request to another installation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is none.
    #[error(
        "--server「{0}」は使えません。https://mamori.example.jp のように書いてください（http:// はこの機械の中だけ）"
    )]
    Address(String),
    /// There is no token.
    #[error(
        "--server には --token-file（または MAMORI_TOKEN_FILE）が要ります。トークンは管理画面の「トークン」か mamori user token add で作れます"
    )]
    NoToken,
    /// The token's file cannot be read.
    #[error(
        "トークンのファイル {file} を読めません（{source}）。場所と読み取り権限を確かめてください"
    )]
    TokenFile {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// What the file holds is no token.
    #[error(
        "トークンのファイル {0} の中身がトークンではありません。作ったときに一度だけ表示された1行を入れてください"
    )]
    BadToken(String),
    /// Nobody answers.
    #[error(
        "{server} につながりません（{detail}）。アドレスと、サーバーが動いていることを確かめてください"
    )]
    Unreachable {
        /// The address.
        server: String,
        /// Why.
        detail: String,
    },
    /// The server refused, in its own words.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer broke off.
    #[error("{server} からの受信が途中で切れました（{detail}）。もう一度実行してください")]
    Cut {
        /// The address.
        server: String,
        /// Why, or how much arrived.
        detail: String,
    },
    /// The answer is none of this program's.
    #[error("{0} の応答を読めません。Mamori のアドレスか、同じ版かを確かめてください")]
    Unreadable(String),
}

/// What a server refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Status.
    pub status: u16,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub detail: String,
    /// Fields with what is wrong with each.
    pub errors: Vec<(String, String)>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.title)?;
        for (field, message) in &self.errors {
            write!(f, "\n  {field}: {message}")?;
        }
        match self.status {
            401 => write!(f, "。トークンが失効していないか確かめてください"),
            403 => write!(f, "。このトークンの役割か範囲が足りません"),
            _ if self.errors.is_empty() && !self.detail.is_empty() => {
                write!(f, "\n{}", self.detail)
            }
            _ => Ok(()),
        }
    }
}

/// An answer with JSON.
#[derive(Debug, Clone)]
pub struct Told {
    /// The JSON.
    pub value: Value,
    /// Whether the same `Idempotency-Key` was seen before.
    pub repeated: bool,
}

/// Another installation.
#[derive(Debug)]
pub struct Remote {
    server: String,
    token: Secret,
    agent: ureq::Agent,
}

impl Remote {
    /// The installation at an address, with the token of a file.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, RemoteError> {
        let server = server.trim_end_matches('/');
        let uri: ureq::http::Uri = server
            .parse()
            .map_err(|_| RemoteError::Address(server.to_owned()))?;
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let own = bare == "localhost"
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        let fits = match uri.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => own,
            _ => false,
        };
        if !fits || uri.path() != "/" || uri.query().is_some() {
            return Err(RemoteError::Address(server.to_owned()));
        }
        let file = token_file.ok_or(RemoteError::NoToken)?;
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| RemoteError::TokenFile {
            file: shown.clone(),
            source,
        })?;
        let token = text.trim();
        if token.is_empty() || token.len() > 200 || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(RemoteError::BadToken(shown));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self {
            server: server.to_owned(),
            token: Secret::new(token),
            agent,
        })
    }

    /// `GET path`, as JSON.
    pub fn get(&self, path: &str) -> Result<Value, RemoteError> {
        let (bytes, _) = self.bytes(path)?;
        self.json(&bytes)
    }

    /// `GET path`, as bytes with their media type.
    pub fn bytes(&self, path: &str) -> Result<(Vec<u8>, String), RemoteError> {
        let answer = self
            .agent
            .get(self.url(path))
            .header("Authorization", self.bearer())
            .call();
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let bytes = self.body(&mut answer)?;
        let media_type = answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok((bytes, media_type))
    }

    /// `GET path`, written to `out` piece by piece whatever its size; how many bytes.
    pub fn save(&self, path: &str, out: &mut dyn Write) -> Result<u64, RemoteError> {
        let answer = self
            .agent
            .get(self.url(path))
            .header("Authorization", self.bearer())
            .config()
            .timeout_global(Some(FILE_TIMEOUT))
            .build()
            .call();
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            self.body(&mut answer)?;
            return Err(RemoteError::Unreadable(self.server.clone()));
        }
        let promised: Option<u64> = answer
            .headers()
            .get("content-length")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let cut = |detail: String| RemoteError::Cut {
            server: self.server.clone(),
            detail,
        };
        let mut body = answer.body_mut().as_reader();
        let written = std::io::copy(&mut body, out).map_err(|error| cut(error.to_string()))?;
        match promised {
            Some(promised) if promised != written => {
                Err(cut(format!("{promised} バイトのうち {written} バイト")))
            }
            _ => Ok(written),
        }
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Result<(), RemoteError> {
        let mut answer = self
            .agent
            .delete(self.url(path))
            .header("Authorization", self.bearer())
            .call()
            .map_err(|error| self.unreachable(&error))?;
        self.body(&mut answer).map(drop)
    }

    /// All items of a list, page after page.
    pub fn all(&self, path: &str) -> Result<Vec<Value>, RemoteError> {
        let mut items = Vec::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        for page in 1_u32.. {
            let told = self.get(&format!("{path}{joint}per_page=200&page={page}"))?;
            let total = told["total"].as_u64();
            let (Some(total), Some(more)) = (total, told["items"].as_array()) else {
                return Err(RemoteError::Unreadable(self.server.clone()));
            };
            items.extend(more.iter().cloned());
            if more.is_empty() || items.len() as u64 >= total {
                break;
            }
        }
        Ok(items)
    }

    /// `POST path` with JSON.
    pub fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Told, RemoteError> {
        let mut request = self
            .agent
            .post(self.url(path))
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/json");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let mut answer = request
            .send(body.to_string())
            .map_err(|error| self.unreachable(&error))?;
        let bytes = self.body(&mut answer)?;
        Ok(Told {
            value: self.json(&bytes)?,
            repeated: answer.headers().contains_key("idempotency-replayed"),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.server)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.expose())
    }

    fn unreachable(&self, error: &ureq::Error) -> RemoteError {
        RemoteError::Unreachable {
            server: self.server.clone(),
            detail: error.to_string(),
        }
    }

    fn body(&self, answer: &mut ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, RemoteError> {
        let status = answer.status().as_u16();
        let bytes = answer
            .body_mut()
            .with_config()
            .limit(MOST_BYTES)
            .read_to_vec()
            .map_err(|error| self.unreachable(&error))?;
        if (200..300).contains(&status) {
            return Ok(bytes);
        }
        // A redirect, a proxy's page: not an answer of this program.
        let problem = self.json(&bytes)?;
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let errors = problem["errors"].as_array().into_iter().flatten();
        Err(RemoteError::Refused(Refusal {
            status,
            title: text("title"),
            detail: text("detail"),
            errors: errors
                .filter_map(|error| {
                    let field = error["field"].as_str()?.to_owned();
                    Some((field, error["message"].as_str()?.to_owned()))
                })
                .collect(),
        }))
    }

    fn json(&self, bytes: &[u8]) -> Result<Value, RemoteError> {
        serde_json::from_slice(bytes).map_err(|_| RemoteError::Unreadable(self.server.clone()))
    }
}

/// A text as a segment of a path or a value of a query.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    #[test]
    fn a_token_leaves_this_machine_by_tls_only() {
        let file = token_file("abc\n");
        for fine in [
            "https://mamori.example.jp/",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(Remote::new(fine, Some(file.path())).is_ok(), "{fine}");
        }
        for wrong in [
            "http://mamori.example.jp",
            "mamori.example.jp",
            "ftp://a.example",
            "",
            "https://a.example/x",
            "https://a.example/?x",
        ] {
            let refused = Remote::new(wrong, Some(file.path()));
            assert!(matches!(refused, Err(RemoteError::Address(_))), "{wrong}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_its_remedy() {
        let server = "https://mamori.example.jp";
        assert!(matches!(
            Remote::new(server, None),
            Err(RemoteError::NoToken)
        ));
        let nowhere = Remote::new(server, Some(Path::new("/nowhere/token")));
        assert!(matches!(nowhere, Err(RemoteError::TokenFile { .. })));
        for text in ["", "  \n", "a b", "日本"] {
            let file = token_file(text);
            let bad = Remote::new(server, Some(file.path()));
            assert!(matches!(bad, Err(RemoteError::BadToken(_))), "{text:?}");
        }
    }

    #[test]
    fn names_are_encoded() {
        assert_eq!(encoded("作業-R8-001/?"), "%E4%BD%9C%E6%A5%AD-R8-001%2F%3F");
    }
}
