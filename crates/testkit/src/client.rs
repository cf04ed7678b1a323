//! A browser without a browser: cookies, forms with their token, JSON; no socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use mamori_runtime::describe::Operation;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::described;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header as text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Where it redirects to.
    pub fn location(&self) -> &str {
        self.header("location")
    }
}

/// A visitor with cookies, or a program with a token.
#[derive(Clone)]
pub struct Client {
    router: Router,
    cookie: Option<String>,
    /// Cookies beside the session's, by name.
    others: BTreeMap<String, String>,
    bearer: Option<String>,
    from: SocketAddr,
}

impl Client {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            cookie: None,
            others: BTreeMap::new(),
            bearer: None,
            from: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        }
    }

    /// Comes with an API token instead of a session.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Comes from another address.
    #[must_use]
    pub fn coming_from(mut self, address: [u8; 4]) -> Self {
        self.from = SocketAddr::from((address, 40_000));
        self
    }

    /// The session cookie as the browser would send it.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Sends a cookie from now on.
    pub fn set_cookie(&mut self, cookie: impl Into<String>) {
        self.cookie = Some(cookie.into());
    }

    /// Sends a request as it is, with cookie or token, host and peer added. Of an answer that
    /// never ends (events) only the head is read.
    ///
    /// Answers of the API are compared with the description of their route.
    ///
    /// # Panics
    /// When the answer's body cannot be read, or is not what the API's description says.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        let is_api = request.uri().path().starts_with("/api/");
        let (parts, body) = self.exchange(request).await.into_parts();
        let endless = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let bytes = if endless {
            Vec::new()
        } else {
            axum::body::to_bytes(body, usize::MAX)
                .await
                .expect("the body is in memory")
                .to_vec()
        };
        let operation = parts.extensions.get::<Arc<Operation>>().cloned();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        };
        if is_api {
            described::check(&asked, &answer, operation.as_deref());
        }
        answer
    }

    /// `GET path` of an answer that goes on: the body is the caller's to read.
    ///
    /// # Panics
    /// When the path is none.
    pub async fn listen(&mut self, path: &str) -> Response<Body> {
        let request = Request::builder()
            .uri(path)
            .body(Body::empty())
            .expect("a valid request");
        self.exchange(request).await
    }

    async fn exchange(&mut self, mut request: Request<Body>) -> Response<Body> {
        let headers = request.headers_mut();
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, "localhost".parse().expect("a header value"));
        }
        let others = self
            .others
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = self.cookie.iter().cloned().chain(others).collect();
        if !cookies.is_empty() {
            let all = cookies.join("; ");
            headers.insert(header::COOKIE, all.parse().expect("a header value"));
        }
        if let Some(bearer) = &self.bearer {
            let value = format!("Bearer {bearer}");
            headers.insert(
                header::AUTHORIZATION,
                value.parse().expect("a header value"),
            );
        }
        request.extensions_mut().insert(ConnectInfo(self.from));
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router never fails");
        for value in response.headers().get_all(header::SET_COOKIE) {
            let text = value.to_str().expect("cookies are ASCII");
            let pair = text.split(';').next().unwrap_or_default();
            // A preference; tests of it look at the header.
            if pair.starts_with("mamori_language=") {
                continue;
            }
            if let Some((name, value)) = pair.split_once('=')
                && !matches!(name, "mamori" | "__Host-mamori")
            {
                self.others.insert(name.to_owned(), value.to_owned());
                continue;
            }
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        response
    }

    /// `GET path`.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = Request::builder()
            .uri(path)
            .body(Body::empty())
            .expect("a valid request");
        self.send(request).await
    }

    /// `GET path`, following up to five redirects.
    pub async fn open(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..5 {
            if !answer.status.is_redirection() {
                break;
            }
            let next = answer.location().to_owned();
            answer = self.get(&next).await;
        }
        answer
    }

    /// Posts a form as the browser would: with the form token of the first page.
    pub async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = Vec::new();
        let token = self.form_token().await;
        if let Some(token) = &token {
            all.push(("csrf", token.as_str()));
        }
        all.extend_from_slice(fields);
        self.post_raw_form(path, &all).await
    }

    /// Posts a form exactly as given.
    pub async fn post_raw_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body.join("&")))
            .expect("a valid request");
        self.send(request).await
    }

    /// Posts a form with files, the form token first: (name, file name, media type, bytes).
    pub async fn post_files(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &str, &str, &[u8])],
    ) -> Answer {
        let token = self.form_token().await.unwrap_or_default();
        self.post_files_as(&token, path, fields, files).await
    }

    /// Posts a form with files with a form token that is given.
    pub async fn post_files_as(
        &mut self,
        token: &str,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &str, &str, &[u8])],
    ) -> Answer {
        const BOUNDARY: &str = "----mamori-test-boundary";
        let mut body = Vec::new();
        let all = std::iter::once(("csrf", token)).chain(fields.iter().copied());
        for (name, value) in all {
            body.extend_from_slice(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        for (name, file, media_type, bytes) in files {
            body.extend_from_slice(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {media_type}\r\n\r\n")
                    .as_bytes(),
            );
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(
                header::CONTENT_TYPE,
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .expect("a valid request");
        self.send(request).await
    }

    /// Sends JSON with any verb.
    pub async fn send_json(&mut self, method: Method, path: &str, body: &Value) -> Answer {
        self.send_json_seen(method, path, body, None).await
    }

    async fn send_json_seen(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
        seen: Option<i64>,
    ) -> Answer {
        let token = if self.bearer.is_none() {
            self.form_token().await
        } else {
            None
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("sec-fetch-site", "same-origin");
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        if let Some(revision) = seen {
            request = request.header(header::IF_MATCH, format!("\"{revision}\""));
        }
        let request = request
            .body(Body::from(body.to_string()))
            .expect("a valid request");
        self.send(request).await
    }

    /// `POST path` with JSON.
    pub async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    /// The same of somebody who has seen this revision (`If-Match`).
    pub async fn post_json_seen(&mut self, path: &str, body: &Value, revision: i64) -> Answer {
        let seen = Some(revision);
        self.send_json_seen(Method::POST, path, body, seen).await
    }

    /// Signs in.
    ///
    /// # Panics
    /// When sign-in is refused.
    pub async fn sign_in(&mut self, name: &str, password: &str) {
        let answer = self
            .post_raw_form("/sign-in", &[("name", name), ("password", password)])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    }

    /// A form token of this session, read from the page that `/` leads to.
    pub async fn form_token(&mut self) -> Option<String> {
        self.cookie.as_ref()?;
        let page = self.open("/").await.text();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"")?;
        rest.split_once('"').map(|(token, _)| token.to_owned())
    }
}

fn encoded(text: &str) -> String {
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
