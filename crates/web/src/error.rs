//! What can go wrong with a request, and the one place that turns it into an answer.
//!
//! A handler returns [`WebError`]; it becomes a bare response that carries a [`Problem`]. The
//! outermost layer ([`render`]) turns that into a Japanese page, or into `application/problem+json`
//! (RFC 9457) under `/api/`. Answers of axum itself (404, 405, 413, 422 …) take the same way. The
//! cause goes to the log, once; the page shows the request id that leads to it.

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use mamori_runtime::App;
use serde::Serialize;
use serde_json::json;

use crate::page::Page;
use crate::passage::marked;
use crate::server::RequestId;
use crate::session;

/// A field that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Name of the form value.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A mistake in what was sent, with its line and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlacedError {
    /// Name of the form value, or path in the file.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// The header that names the revision which was seen.
const IF_MATCH: &str = "If-Match";

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody is signed in.
    #[error("サインインが必要です")]
    SignInNeeded,
    /// Signed in, but not allowed.
    #[error("この操作をする権限がありません")]
    Forbidden,
    /// Signed in and allowed, but too long ago for such an act.
    #[error("もう一度、本人であることを確かめる必要があります")]
    ProofNeeded,
    /// The network is not one of those listed.
    #[error("このネットワークからは使えません")]
    Elsewhere,
    /// The form came from elsewhere or is too old.
    #[error("送信元を確かめられませんでした")]
    Forged,
    /// There is no such thing.
    #[error("{0} は見つかりません")]
    NotFound(String),
    /// What was sent cannot be taken; forms show the errors beside their fields themselves.
    #[error("{message}")]
    Invalid {
        /// What is wrong as a whole.
        message: String,
        /// What is wrong with single fields.
        fields: Vec<FieldError>,
    },
    /// What was sent has mistakes at places that can be named (JSON, contract files).
    #[error("{message}")]
    Placed {
        /// 400 when it could not be read at all, else 422.
        status: StatusCode,
        /// What is wrong as a whole.
        message: String,
        /// The mistakes.
        errors: Vec<PlacedError>,
    },
    /// The body has another media type than the route takes.
    #[error("この種類の内容は受け付けません")]
    MediaType(&'static str),
    /// The body is larger than so many bytes.
    #[error("送られた内容が大きすぎます")]
    TooLarge(usize),
    /// `If-Match` named a revision that is no longer the present one.
    #[error("{message}")]
    Stale {
        /// What happened and what to do.
        message: String,
        /// The present revision.
        present: i64,
    },
    /// The state does not allow it, or somebody was faster.
    #[error("{0}")]
    Conflict(String),
    /// Too many attempts.
    #[error("続けて失敗したため、しばらく受け付けません")]
    TooMany {
        /// After how many seconds it is worth trying again.
        retry_after_seconds: i64,
    },
    /// The database is busy or away.
    #[error("いま処理できません")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A mistake in the program.
    #[error("処理中に誤りが起きました")]
    Bug(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WebError {
    /// Something sent cannot be taken.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// A mistake in the program, or anything a person cannot help.
    pub fn bug(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Bug(cause.into())
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignInNeeded => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ProofNeeded | Self::Elsewhere | Self::Forged => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Placed { status, .. } => *status,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Bug(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SignInNeeded => "sign-in-needed",
            Self::Forbidden => "forbidden",
            Self::ProofNeeded => "proof-needed",
            Self::Elsewhere => "elsewhere",
            Self::Forged => "forged",
            Self::NotFound(_) => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::Placed { .. } => "malformed",
            Self::MediaType(_) => "media-type",
            Self::TooLarge(_) => "too-large",
            Self::Stale { .. } => "stale",
            Self::Conflict(_) => "conflict",
            Self::TooMany { .. } => "too-many",
            Self::Unavailable(_) => "unavailable",
            Self::Bug(_) => "bug",
        }
    }
}

impl From<mamori_store::Error> for WebError {
    fn from(error: mamori_store::Error) -> Self {
        use mamori_store::Error;
        match error {
            Error::NotFound { what } => Self::NotFound(what),
            Error::Conflict { .. } => Self::Conflict("ほかの操作と重なりました。".to_owned()),
            Error::Invalid(message) => Self::invalid(message),
            Error::Ledger(error) => Self::invalid(error.to_string()),
            error if error.is_retryable() => Self::Unavailable(error.into()),
            error @ (Error::DiskFull { .. } | Error::ReadOnly { .. }) => {
                Self::Unavailable(error.into())
            }
            error => Self::bug(error),
        }
    }
}

impl From<mamori_kernel::ledger::LedgerError> for WebError {
    fn from(error: mamori_kernel::ledger::LedgerError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::bug(error)
    }
}

impl From<mamori_runtime::JobChangeError> for WebError {
    fn from(error: mamori_runtime::JobChangeError) -> Self {
        use mamori_runtime::JobChangeError;
        match error {
            JobChangeError::Elsewhere => Self::Conflict(error.to_string()),
            JobChangeError::Store(error) => error.into(),
            JobChangeError::Ledger(error) => error.into(),
        }
    }
}

impl From<mamori_runtime::job::JobQueueError> for WebError {
    fn from(error: mamori_runtime::job::JobQueueError) -> Self {
        match error {
            mamori_runtime::job::JobQueueError::Store(error) => error.into(),
            other => Self::bug(other),
        }
    }
}

/// What the answer to a failed request says; travels as a response extension until the language
/// of the answer is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    /// What was looked for, or what is wrong, where the error knows it.
    about: Option<String>,
    retry_minutes: i64,
    fields: Vec<FieldError>,
    placed: Vec<PlacedError>,
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::Unavailable(cause) | Self::Bug(cause) = &self {
            let mut text = cause.to_string();
            let mut source = cause.source();
            while let Some(deeper) = source {
                text.push_str(": ");
                text.push_str(&deeper.to_string());
                source = deeper.source();
            }
            tracing::error!(code = self.code(), cause = text, "request failed");
        }
        let mut response = self.status().into_response();
        let mut retry_minutes = 0;
        if let Self::Stale { present, .. } = &self
            && let Ok(tag) = HeaderValue::from_str(&format!("\"{present}\""))
        {
            // What the client would have to send now, once it has looked.
            response.headers_mut().insert(header::ETAG, tag);
        }
        if let Self::TooMany {
            retry_after_seconds,
        } = &self
        {
            retry_minutes = (retry_after_seconds + 59) / 60;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
        }
        response.extensions_mut().insert(Problem {
            status: self.status(),
            code: self.code(),
            about: match &self {
                Self::NotFound(text) | Self::Conflict(text) => Some(text.clone()),
                Self::Invalid { message, .. }
                | Self::Placed { message, .. }
                | Self::Stale { message, .. } => Some(message.clone()),
                _ => None,
            },
            retry_minutes,
            fields: match &self {
                Self::Invalid { fields, .. } => fields.clone(),
                Self::Stale { present, .. } => vec![FieldError {
                    field: IF_MATCH.to_owned(),
                    message: format!("いまの版は \"{present}\" です"),
                }],
                _ => Vec::new(),
            },
            placed: match &self {
                Self::Placed { errors, .. } => errors.clone(),
                _ => Vec::new(),
            },
        });
        response
    }
}

impl Problem {
    /// For answers that axum or a layer made itself.
    fn of_status(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::METHOD_NOT_ALLOWED => "method-not-allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "too-large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "media-type",
            StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            StatusCode::MISDIRECTED_REQUEST => "misdirected",
            status if status.is_server_error() => "bug",
            _ => "unreadable",
        };
        Self {
            status,
            code,
            about: None,
            retry_minutes: 0,
            fields: Vec::new(),
            placed: Vec::new(),
        }
    }

    /// What happened. Messages of the rules are given as they are.
    fn title(&self, page: &Page) -> String {
        match (&self.about, self.code) {
            (Some(what), "not-found") => page.t1("error-not-found", "what", what.as_str()),
            (Some(message), _) => message.clone(),
            (None, "not-found") => page.t("error-page-not-found"),
            (None, code) => page.t(&format!("error-{code}")),
        }
    }

    /// What to do next.
    fn next(&self, page: &Page) -> String {
        let key = format!("error-{}-next", self.code);
        page.t1(&key, "minutes", self.retry_minutes)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    problem: Problem,
    next: String,
    request_id: String,
    sign_in: bool,
}

/// The layer that writes error answers.
pub(crate) async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_api = path.starts_with("/api/");
    let headers = request.headers().clone();
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default();
    let mut response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let own = response.extensions_mut().remove::<Problem>();
    // A handler that made its own page of an error (a form with errors) is left alone.
    if own.is_none() && response.extensions().get::<OwnPage>().is_some() {
        return response;
    }
    let mut problem = own.unwrap_or_else(|| Problem::of_status(status));
    if let Some(seen) = headers
        .get(header::IF_MATCH)
        .and_then(|tag| tag.to_str().ok())
    {
        let seen: String = seen.chars().take(40).collect();
        for field in problem
            .fields
            .iter_mut()
            .filter(|field| field.field == IF_MATCH)
        {
            field.message = format!("見ていた版は {seen}、{}", field.message);
        }
    }
    let mut kept = std::mem::take(response.headers_mut());
    kept.remove(header::CONTENT_TYPE);
    kept.remove(header::CONTENT_LENGTH);
    // The body that was compressed is replaced.
    kept.remove(header::CONTENT_ENCODING);
    let mut page = error_page(&app, &headers, &path, is_api).await;
    page.title = problem.title(&page);
    let next = problem.next(&page);
    let mut answer = if is_api {
        let body = json!({
            "type": format!("urn:mamori:problem:{}", problem.code),
            "title": page.title,
            "status": problem.status.as_u16(),
            "detail": next,
            "errors": if problem.placed.is_empty() {
                json!(problem.fields)
            } else {
                json!(problem.placed)
            },
            "request_id": request_id,
        });
        let mut answer = (problem.status, Json(body)).into_response();
        answer.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        answer
    } else {
        let page = ErrorPage {
            sign_in: problem.status == StatusCode::UNAUTHORIZED,
            next,
            page,
            request_id,
            problem,
        };
        let status = page.problem.status;
        match page.render() {
            Ok(html) => (status, Html(marked(html))).into_response(),
            Err(error) => {
                tracing::error!(%error, "the error page could not be rendered");
                status.into_response()
            }
        }
    };
    for (name, value) in kept {
        if let Some(name) = name {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

/// The shell of an error page: with the menu where the person is known, so that nobody is stranded.
async fn error_page(app: &App, headers: &HeaderMap, path: &str, is_api: bool) -> Page {
    let visitor = if is_api {
        None
    } else {
        session::visitor(app, headers, path, false)
            .await
            .ok()
            .flatten()
    };
    match visitor {
        Some(mut visitor) => {
            let contract = path
                .strip_prefix("/c/")
                .and_then(|rest| rest.split('/').next());
            if let Some(contract) = contract {
                visitor.enter(contract);
            }
            Page::new(app, &visitor, "")
        }
        None => Page::bare(app, session::language(headers), ""),
    }
}

/// Marks an error answer whose page the handler wrote itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnPage;

/// A form shown again with its errors: status 422, the handler's own page.
pub fn form_page<T: Template>(template: &T) -> Result<Response, WebError> {
    own_page(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// A form shown again since somebody was faster, with both versions: status 409.
pub fn conflict_page<T: Template>(template: &T) -> Result<Response, WebError> {
    own_page(StatusCode::CONFLICT, template)
}

pub(crate) fn own_page<T: Template>(
    status: StatusCode,
    template: &T,
) -> Result<Response, WebError> {
    let mut response = (status, Html(marked(template.render()?))).into_response();
    response.extensions_mut().insert(OwnPage);
    Ok(response)
}

/// A page.
pub fn html<T: Template>(template: &T) -> Result<Response, WebError> {
    Ok(Html(marked(template.render()?)).into_response())
}
