//! The JSON API of papers: `/api/v1/contracts/{contract}/documents…`.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /documents?state&document&from&to&sort&page&per_page` | document.read | papers that are due or made |
//! | `POST /documents` (`{"document": …, "period": …}`) | document.write | the draft, made anew when there is one |
//! | `GET /documents/{number}` | document.read | a paper with all its versions |
//! | `GET /documents/{number}/history` | document.read | its ledger records |
//! | `GET /documents/{number}/files/{pdf,docx,xlsx}?version` | document.read | a file |
//! | `POST /documents/{number}/refresh` | document.write | the draft from today's evidence |
//! | `POST /documents/{number}/submit` (`{"on", "how", "receipt"}`) | document.decide | hands the draft in |
//! | `POST /documents/{number}/replace` (`{"reason"}`) | document.decide | the next version, as a draft |
//! | `POST /documents/{number}/{accept,return}` | document.decide | the city's answer, entered from its paper |
//! | `POST …/as-city` | document.accept | the same, spoken by the city itself |
//!
//! `If-Match` refuses to act on a version that one has not seen. The city's answers take an
//! `Idempotency-Key`; the other acts need none: a draft is one per document and period, and a
//! second submission or replacement is refused by the paper's state.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::merkle::Digest;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_web::api::{PageQuery, seen_revision};
use mamori_web::{FieldError, Visitor, WebError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{self, ItemView, refuse};
use super::contract::{self, Reader, live, office, sort_by_field};
use super::{Target, describe, perform, schemas};
use crate::documents::paper::HOW;
use crate::documents::{Paper, PaperError, Papers, Submission, deliverable_dues};
use crate::pulse;
use crate::register::form::FileRef;
use crate::register::{Done, HistoryEntry, Side, Stored, typed};

pub(super) const READ: Permission = Permission::read("document");
pub(super) const WRITE: Permission = Permission::write("document");
const DECIDE: Permission = Permission::decide("document");
const ACCEPT: Permission = Permission::accept("document");
/// Days after the term in which papers on its last periods fall due.
const AFTER_TERM_DAYS: i64 = 400;

pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/api/v1/contracts/{contract}/documents", READ, list)
            .describe(schemas::documents()),
        Route::post("/api/v1/contracts/{contract}/documents", WRITE, draft)
            .describe(schemas::draft(describe::of::<NewDraft>())),
        Route::get("/api/v1/contracts/{contract}/documents/{number}", READ, one)
            .describe(describe::one(Papers::register())),
        Route::get(
            "/api/v1/contracts/{contract}/documents/{number}/history",
            READ,
            history,
        )
        .describe(describe::story(Papers::register())),
        Route::get(
            "/api/v1/contracts/{contract}/documents/{number}/files/{format}",
            READ,
            file,
        )
        .describe(schemas::document_file()),
        Route::post(
            "/api/v1/contracts/{contract}/documents/{number}/refresh",
            WRITE,
            refresh,
        )
        .describe(schemas::refresh()),
        Route::post(
            "/api/v1/contracts/{contract}/documents/{number}/submit",
            DECIDE,
            submit,
        )
        .describe(schemas::submit(describe::of::<Handing>())),
        Route::post(
            "/api/v1/contracts/{contract}/documents/{number}/replace",
            DECIDE,
            replace,
        )
        .describe(schemas::replace(describe::of::<Replacing>())),
    ];
    for (path, act, side, permission) in [
        ("/accept", "accept", Side::Contractor, DECIDE),
        ("/accept/as-city", "accept", Side::City, ACCEPT),
        ("/return", "return", Side::Contractor, DECIDE),
        ("/return/as-city", "return", Side::City, ACCEPT),
    ] {
        // Paths live as long as the program and are made once per process.
        let path = format!("/api/v1/contracts/{{contract}}/documents/{{number}}{path}").leak();
        routes.push(
            Route::post(
                path,
                permission,
                move |State(app): State<App>,
                      Path((contract, number)): Path<(String, String)>,
                      headers: HeaderMap,
                      visitor: Visitor,
                      Json(form): Json<Map<String, Value>>| async move {
                    let target = Target {
                        contract: &contract,
                        item: Some(&number),
                        act,
                    };
                    let register = Papers::register();
                    perform(&app, register, target, form, &headers, &visitor, side).await
                },
            )
            .describe(schemas::answer_of_city(act, side)),
        );
    }
    routes
}

pub(super) fn refuse_paper(error: PaperError) -> WebError {
    let text = error.to_string();
    let field = |name: &str| WebError::Invalid {
        message: "書類を作れません".to_owned(),
        fields: vec![FieldError {
            field: name.to_owned(),
            message: text.clone(),
        }],
    };
    match error {
        PaperError::UnknownDocument { .. } => field("document"),
        PaperError::UnknownAbout { .. } => field("period"),
        PaperError::Contract(error) => contract::refuse(error),
        PaperError::Desk(error) => refuse(error),
        PaperError::Store(error) => error.into(),
        error if error.is_about_words() => WebError::invalid(text),
        error @ (PaperError::Render(_) | PaperError::Section { .. } | PaperError::Bug(_)) => {
            WebError::bug(error)
        }
    }
}

#[derive(Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    document: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    sort: String,
    #[serde(flatten)]
    page: PageQuery,
}

/// Every paper that the contract asks for in its term, made or not, then those made beside it.
async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let today = tokyo_date(app.now());
    let mut states = vec!["not_made"];
    states.extend(Papers::register().spec.states.iter().map(|(key, _)| *key));
    let documents: Vec<&str> = live
        .contract()
        .file
        .deliverables
        .keys()
        .map(String::as_str)
        .collect();
    let mut reader = Reader::default();
    let states = reader.words("state", &query.state, &states);
    let documents = reader.words("document", &query.document, &documents);
    let from = reader.day("from", &query.from, today);
    let to = reader.day("to", &query.to, today);
    reader.finish()?;
    let mut made = pulse::papers(&*office(&app)?, &live)
        .await
        .map_err(refuse_paper)?;
    let term = live.contract().term;
    let last = term.last().saturating_add(AFTER_TERM_DAYS.days());
    let mut lines = Vec::new();
    for due in deliverable_dues(&live, term.first(), last) {
        let Some(document) = due.deliverable.clone() else {
            continue;
        };
        let period = due.period.to_string();
        let found = made
            .iter()
            .position(|(_, paper)| paper.document == document && paper.period == period)
            .map(|index| made.remove(index));
        let title = due.deliverable_title.unwrap_or_else(|| document.clone());
        lines.push((
            due.due,
            line(
                live.id(),
                found.as_ref(),
                &document,
                &period,
                &title,
                due.due,
            ),
        ));
    }
    for found in &made {
        let (item, paper) = found;
        lines.push((
            paper.due,
            line(
                live.id(),
                Some(found),
                &paper.document,
                &paper.period,
                &item.title,
                paper.due,
            ),
        ));
    }
    let wanted = |due: Option<jiff::civil::Date>, line: &Value| {
        let one_of = |words: &[String], field: &str| {
            words.is_empty() || words.iter().any(|word| line[field] == json!(word))
        };
        one_of(&states, "state")
            && one_of(&documents, "document")
            && from.is_none_or(|from| due.is_some_and(|due| due >= from))
            && to.is_none_or(|to| due.is_some_and(|due| due <= to))
    };
    let mut found: Vec<Value> = lines
        .into_iter()
        .filter(|(due, line)| wanted(*due, line))
        .map(|(_, line)| line)
        .collect();
    sort_by_field(&mut found, &query.sort);
    Ok(query.page.cut(&found))
}

fn line(
    contract: &str,
    made: Option<&(Stored, Paper)>,
    document: &str,
    period: &str,
    title: &str,
    due: Option<jiff::civil::Date>,
) -> Value {
    let paper = made.map(|(_, paper)| paper);
    let item = made.map(|(item, _)| item);
    json!({
        "document": document,
        "period": period,
        "title": title,
        "due": due,
        "number": item.map(|item| &item.number),
        "state": item.map_or("not_made", |item| item.state.as_str()),
        "state_ja": item.map_or("未作成", |item| Papers::register().spec.state_ja(&item.state)),
        "version": paper.map(|paper| paper.version),
        "submitted_on": paper.and_then(|paper| paper.submitted_on),
        "acceptance_due": paper.and_then(|paper| paper.acceptance_due),
        "accepted_on": paper.and_then(|paper| paper.accepted_on),
        "href": item.map(|item| format!("/api/v1/contracts/{contract}/documents/{}", item.id)),
    })
}

pub(super) async fn stored(app: &App, contract: &str, number: &str) -> Result<Stored, WebError> {
    let live = live(app, contract).await?;
    let office = office(app)?;
    let item = office.desk.get(live.id(), Papers::register(), number).await;
    item.map_err(refuse)
}

async fn one(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    let story = office(&app)?
        .desk
        .history(&contract, Papers::register(), &item.id)
        .await
        .map_err(refuse)?;
    let mut view = ItemView::new(Papers::register(), item, &visitor);
    view.versions = versions(&story);
    Ok(answer::item(StatusCode::OK, &view))
}

/// What became of each version, from the evidence: the newest record that speaks of it counts.
fn versions(story: &[HistoryEntry]) -> Vec<Value> {
    let mut versions: Vec<Value> = Vec::new();
    for entry in story {
        let payload = &entry.payload;
        let version = json!({
            "version": payload["version"],
            "state": payload["state"],
            "rendered_on": payload["rendered_on"],
            "submitted_on": payload["submitted_on"],
            "returned_on": payload["returned_on"],
            "returned_reason": payload["returned_reason"],
            "accepted_on": payload["accepted_on"],
            "replaced_reason": payload["replaced_reason"],
            "pdf_sha256": payload["pdf"]["sha256"],
            "seq": entry.seq,
        });
        match versions.last_mut() {
            Some(last) if last["version"] == version["version"] => *last = version,
            _ => versions.push(version),
        }
    }
    versions
}

async fn history(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    let item = stored(&app, &contract, &number).await?;
    let story = office(&app)?
        .desk
        .history(&contract, Papers::register(), &item.id)
        .await
        .map_err(refuse)?;
    Ok(Json(json!({ "history": story })))
}

#[derive(Default, Deserialize)]
struct FileQuery {
    #[serde(default)]
    version: String,
}

/// A file of the newest version, or of the one that is asked for.
async fn file(
    State(app): State<App>,
    Path((contract, number, format)): Path<(String, String, String)>,
    Query(query): Query<FileQuery>,
) -> Result<Response, WebError> {
    if !matches!(format.as_str(), "pdf" | "docx" | "xlsx") {
        return Err(WebError::NotFound(format!(
            "形式「{format}」（使える形式: pdf, docx, xlsx）"
        )));
    }
    let mut reader = Reader::default();
    let version = reader.number::<u32>("version", &query.version);
    reader.finish()?;
    let item = stored(&app, &contract, &number).await?;
    let newest: Paper = item.read().map_err(WebError::bug)?;
    let named = match version.filter(|version| *version != newest.version) {
        None => match format.as_str() {
            "pdf" => Some(newest.pdf),
            "docx" => newest.docx,
            _ => newest.xlsx,
        },
        Some(version) => {
            let story = office(&app)?
                .desk
                .history(&contract, Papers::register(), &item.id)
                .await
                .map_err(refuse)?;
            story
                .iter()
                .rev()
                .find(|entry| entry.payload["version"] == json!(version))
                .and_then(|entry| entry.payload.get(&format).cloned())
                .and_then(|value| serde_json::from_value::<FileRef>(value).ok())
        }
    };
    let missing = || {
        let version = version.map_or(String::new(), |version| format!("（第{version}版）"));
        WebError::NotFound(format!("{}{version} の {format}", item.number))
    };
    let named = named.ok_or_else(missing)?;
    let digest = Digest::from_hex(&named.sha256).ok_or_else(missing)?;
    let mut response = app.read_blob(digest).await?.into_response();
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(WebError::bug);
    headers.insert(header::CONTENT_TYPE, text(&named.media_type)?);
    headers.insert(header::ETAG, text(&format!("\"{}\"", named.sha256))?);
    headers.insert(
        header::CONTENT_DISPOSITION,
        text(&disposition("attachment", &named.name, &format))?,
    );
    Ok(response)
}

/// A file name as RFC 6266 wants it: an ASCII one for all, the real one in UTF-8 beside it.
/// `kind` is `inline` or `attachment`.
pub(crate) fn disposition(kind: &str, name: &str, format: &str) -> String {
    use std::fmt::Write as _;
    let encoded = name.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    });
    format!("{kind}; filename=\"document.{format}\"; filename*=UTF-8''{encoded}")
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewDraft {
    /// Key of the contract's deliverable.
    #[schemars(length(min = 1, max = 100))]
    document: String,
    /// What it covers: `2026-10`, `2026-Q3`, `FY2026`, or an item's number.
    #[schemars(length(min = 1, max = 100))]
    period: String,
}

async fn draft(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Json(body): Json<NewDraft>,
) -> Result<Response, WebError> {
    let done = office(&app)?
        .papers
        .draft(&contract, &body.document, &body.period, visitor.actor())
        .await
        .map_err(refuse_paper)?;
    let status = if done.item.revision == 1 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(told(status, done, &visitor))
}

/// Refuses when the caller has seen another revision than the present one. Somebody who is
/// faster between this look and the act is caught by the act, or by the paper's state.
pub(super) fn seen(item: &Stored, headers: &HeaderMap) -> Result<(), WebError> {
    match seen_revision(headers)? {
        Some(revision) if revision != item.revision => Err(WebError::Stale {
            message: format!(
                "{} はほかの人が先に変更しました（版 {}）。最新の内容を確かめてからやり直してください",
                item.number, item.revision
            ),
            present: item.revision,
        }),
        _ => Ok(()),
    }
}

pub(super) fn told(status: StatusCode, done: Done, visitor: &Visitor) -> Response {
    let mut view = ItemView::new(Papers::register(), done.item, visitor);
    view.warnings = done.warnings;
    answer::item(status, &view)
}

async fn refresh(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    seen(&item, &headers)?;
    if item.state != "draft" {
        return Err(WebError::Conflict(format!(
            "{} は案ではありません。提出したものは replace で差し替えてください",
            item.number
        )));
    }
    let paper: Paper = item.read().map_err(WebError::bug)?;
    let done = office(&app)?
        .papers
        .draft(&contract, &paper.document, &paper.period, visitor.actor())
        .await
        .map_err(refuse_paper)?;
    Ok(told(StatusCode::OK, done, &visitor))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Handing {
    /// Day of submission; today when empty.
    #[serde(default)]
    on: String,
    /// `mail`, `portal` or `paper`; mail when empty.
    #[serde(default)]
    how: String,
    /// Receipt number or remark.
    receipt: Option<String>,
}

async fn submit(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(body): Json<Handing>,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    seen(&item, &headers)?;
    let today = tokyo_date(app.now());
    let on = match body.on.trim() {
        "" => today,
        text => typed::date(text, today).map_err(|message| WebError::Invalid {
            message: "入力に誤りがあります".to_owned(),
            fields: vec![FieldError {
                field: "on".to_owned(),
                message,
            }],
        })?,
    };
    let how = match body.how.trim() {
        "" => HOW[0].0,
        how => how,
    };
    let submission = Submission {
        on,
        how: how.to_owned(),
        receipt: body.receipt,
    };
    let revision = seen_revision(&headers)?;
    let done = office(&app)?
        .papers
        .submit_seen(&contract, &item.id, submission, visitor.actor(), revision)
        .await
        .map_err(refuse_paper)?;
    Ok(told(StatusCode::OK, done, &visitor))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replacing {
    /// Why the next version is made.
    #[schemars(length(min = 1, max = 2000))]
    reason: String,
}

async fn replace(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(body): Json<Replacing>,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    seen(&item, &headers)?;
    let revision = seen_revision(&headers)?;
    let done = office(&app)?
        .papers
        .replace_seen(&contract, &item.id, &body.reason, visitor.actor(), revision)
        .await
        .map_err(refuse_paper)?;
    Ok(told(StatusCode::OK, done, &visitor))
}
