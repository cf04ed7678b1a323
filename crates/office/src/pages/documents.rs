//! 書類: the list, one paper with its versions' files and its story, and the acts on it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::merkle::Digest;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_web::{Field, Page, Tone, Visitor, WebError, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::DOCUMENT;
use super::view::{self, At};
use crate::api::document::disposition;
use crate::documents::{Paper, Papers, Submission, deliverable_dues};
use crate::register::form::FileRef;
use crate::register::{Side, Stored};

const WRITE: Permission = Permission::write("document");
const DECIDE: Permission = Permission::decide("document");
const ACCEPT: Permission = Permission::accept("document");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/documents", DOCUMENT, list),
        Route::get("/c/{contract}/documents/{number}", DOCUMENT, one),
        Route::get("/c/{contract}/documents/{number}/{file}", DOCUMENT, file),
        Route::post("/c/{contract}/documents/draft", WRITE, draft),
        Route::post("/c/{contract}/documents/{number}/submit", DECIDE, submit),
        Route::post("/c/{contract}/documents/{number}/replace", DECIDE, replace),
        Route::post("/c/{contract}/documents/{number}/accept", ACCEPT, accept),
        Route::post("/c/{contract}/documents/{number}/return", ACCEPT, send_back),
    ]
}

/// Japanese name and badge of a paper's state.
pub(super) fn state(key: &str) -> (&'static str, Tone) {
    match key {
        "draft" => ("案", Tone::Wait),
        "submitted" => ("提出済み", Tone::Info),
        "returned" => ("差戻し", Tone::Bad),
        "accepted" => ("検収済み", Tone::Ok),
        _ => ("不明", Tone::Quiet),
    }
}

struct Row {
    number: String,
    title: String,
    version: u32,
    state: &'static str,
    tone: Tone,
    due: String,
    submitted: String,
    accepted: String,
}

struct ToMake {
    document: String,
    about: String,
    title: String,
    period: String,
    due: String,
}

#[derive(Template)]
#[template(path = "documents.html")]
struct ListPage {
    page: Page,
    rows: Vec<Row>,
    to_make: Vec<ToMake>,
    may_make: bool,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    At { office, live }: At,
) -> Result<Response, WebError> {
    let mut items = office
        .papers
        .all(live.id())
        .await
        .map_err(view::paper_error)?;
    items.reverse();
    let read: Vec<(Stored, Paper)> = items
        .into_iter()
        .filter_map(|item| item.read::<Paper>().ok().map(|paper| (item, paper)))
        .collect();
    let today = tokyo_date(app.now());
    let to_make = deliverable_dues(
        &live,
        live.contract().term.first(),
        today.saturating_add(90.days()),
    )
    .into_iter()
    .filter_map(|due| {
        let document = due.deliverable.clone()?;
        let about = due.period.to_string();
        let made = read
            .iter()
            .any(|(_, paper)| paper.document == document && paper.period == about);
        (!made).then(|| ToMake {
            title: due
                .deliverable_title
                .clone()
                .unwrap_or_else(|| document.clone()),
            period: view::period(due.period),
            due: view::day_or_dash(due.due),
            document,
            about,
        })
    })
    .collect();
    let rows = read
        .iter()
        .map(|(item, paper)| {
            let (state, tone) = state(&item.state);
            Row {
                number: item.number.clone(),
                title: item.title.clone(),
                version: paper.version,
                state,
                tone,
                due: view::day_or_dash(paper.due),
                submitted: view::day_or_dash(paper.submitted_on),
                accepted: view::day_or_dash(paper.accepted_on),
            }
        })
        .collect();
    html(&ListPage {
        page: Page::new(&app, &visitor, "書類").here(),
        rows,
        to_make,
        may_make: visitor.may(WRITE),
    })
}

struct FileRow {
    label: &'static str,
    href: String,
    name: String,
    sha256: String,
}

struct StoryRow {
    at: String,
    what: String,
    actor: String,
    seq: u64,
}

#[derive(Template)]
#[template(path = "document.html")]
struct OnePage {
    page: Page,
    number: String,
    state: &'static str,
    tone: Tone,
    facts: Vec<(String, String)>,
    files: Vec<FileRow>,
    text: String,
    story: Vec<StoryRow>,
    submit: Option<Vec<Field>>,
    replace: Option<Vec<Field>>,
    accept: Option<Vec<Field>>,
    send_back: Option<Vec<Field>>,
}

async fn one(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
) -> Result<Response, WebError> {
    let (item, paper) = find(&at, &number).await?;
    let (state, tone) = state(&item.state);
    let mut facts = vec![
        ("番号".to_owned(), item.number.clone()),
        ("版".to_owned(), format!("第{}版", paper.version)),
        (
            "対象".to_owned(),
            paper
                .period
                .parse()
                .map_or_else(|_| paper.period.clone(), view::period),
        ),
        ("提出期限".to_owned(), view::day_or_dash(paper.due)),
        ("作成日".to_owned(), view::day(paper.rendered_on)),
        ("提出日".to_owned(), view::day_or_dash(paper.submitted_on)),
        ("検収日".to_owned(), view::day_or_dash(paper.accepted_on)),
        (
            "根拠の証跡".to_owned(),
            format!("#{} まで", paper.ledger_seq),
        ),
    ];
    if item.state == "submitted" {
        facts.push((
            "検収の期限".to_owned(),
            view::day_or_dash(paper.acceptance_due),
        ));
    }
    if let Some(reason) = &paper.returned_reason {
        facts.push(("差戻しの理由".to_owned(), reason.clone()));
    }
    if let Some(reason) = &paper.replaced_reason {
        facts.push(("差替えの理由".to_owned(), reason.clone()));
    }
    let row = |label, format: &str, file: &FileRef| FileRow {
        label,
        href: format!("/c/{}/documents/{number}/paper.{format}", at.live.id()),
        name: file.name.clone(),
        sha256: file.sha256.clone(),
    };
    let mut files = vec![row("PDF（記録）", "pdf", &paper.pdf)];
    files.extend(
        paper
            .docx
            .iter()
            .map(|file| row("Word（写し）", "docx", file)),
    );
    files.extend(
        paper
            .xlsx
            .iter()
            .map(|file| row("Excel（写し）", "xlsx", file)),
    );
    let history = at
        .office
        .desk
        .history(at.live.id(), Papers::register(), &item.id)
        .await
        .map_err(view::desk_error)?;
    let story = history
        .into_iter()
        .rev()
        .map(|entry| StoryRow {
            at: view::moment(entry.at),
            what: entry.kind_ja,
            actor: entry.actor,
            seq: entry.seq,
        })
        .collect();
    let today = tokyo_date(app.now()).to_string();
    let day = |name: &'static str, label: &str| {
        Field::new("date", name, label)
            .value(today.clone())
            .required()
    };
    let how = || {
        Field::select(
            "how",
            "提出方法",
            crate::documents::paper::HOW.iter().copied(),
        )
        .required()
    };
    let draft = item.state == "draft" && visitor.may(DECIDE);
    let answer = item.state == "submitted" && visitor.may(ACCEPT);
    let again = matches!(item.state.as_str(), "submitted" | "returned") && visitor.may(DECIDE);
    html(&OnePage {
        page: Page::new(&app, &visitor, &item.title)
            .under("書類", visitor.at("/documents"))
            .here(),
        number: item.number.clone(),
        state,
        tone,
        facts,
        files,
        text: text(&app, &paper).await?,
        story,
        submit: draft.then(|| vec![day("submitted_on", "提出日"), how()]),
        replace: again.then(|| vec![Field::new("textarea", "reason", "差替えの理由").required()]),
        accept: answer.then(|| {
            vec![
                day("accepted_on", "検収日"),
                Field::text("by", "検収した部署・職名（氏名は書かない）"),
            ]
        }),
        send_back: answer.then(|| {
            vec![
                day("returned_on", "差戻し日"),
                Field::new("textarea", "returned_reason", "直すところ").required(),
            ]
        }),
    })
}

/// The paper as plain text, from its model: the same content as the PDF, readable on any screen.
async fn text(app: &App, paper: &Paper) -> Result<String, WebError> {
    let bytes = blob(app, &paper.model).await?;
    let model: mamori_document::Document = serde_json::from_slice(&bytes).map_err(WebError::bug)?;
    Ok(mamori_document::render_text(&model))
}

async fn find(at: &At, number: &str) -> Result<(Stored, Paper), WebError> {
    let item = at
        .office
        .desk
        .get(at.live.id(), Papers::register(), number)
        .await
        .map_err(view::desk_error)?;
    let paper = item.read().map_err(WebError::bug)?;
    Ok((item, paper))
}

async fn blob(app: &App, file: &FileRef) -> Result<Vec<u8>, WebError> {
    let digest =
        Digest::from_hex(&file.sha256).ok_or_else(|| WebError::NotFound(file.name.clone()))?;
    app.read_blob(digest).await.map_err(WebError::from)
}

async fn file(
    State(app): State<App>,
    Path((_, number, name)): Path<(String, String, String)>,
    at: At,
) -> Result<Response, WebError> {
    let format = name.strip_prefix("paper.").unwrap_or_default().to_owned();
    let (_, paper) = find(&at, &number).await?;
    let file = match format.as_str() {
        "pdf" => Some(&paper.pdf),
        "docx" => paper.docx.as_ref(),
        "xlsx" => paper.xlsx.as_ref(),
        _ => None,
    };
    let file = file.ok_or_else(|| WebError::NotFound(format!("{number} の {format}")))?;
    let bytes = blob(&app, file).await?;
    let shown = if format == "pdf" {
        "inline"
    } else {
        "attachment"
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(&file.media_type).map_err(WebError::bug)?,
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&disposition(shown, &file.name, &format)).map_err(WebError::bug)?,
    );
    Ok(response)
}

#[derive(Deserialize)]
struct DraftForm {
    document: String,
    about: String,
}

async fn draft(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    Form(form): Form<DraftForm>,
) -> Result<Response, WebError> {
    let done = at
        .office
        .papers
        .draft(at.live.id(), &form.document, &form.about, visitor.actor())
        .await
        .map_err(view::paper_error)?;
    said(
        &app,
        &visitor,
        "案を作りました。内容を確かめてから提出してください。",
        &done.item.number,
    )
    .await
}

#[derive(Deserialize)]
struct SubmitForm {
    submitted_on: String,
    how: String,
}

async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<SubmitForm>,
) -> Result<Response, WebError> {
    let on = form
        .submitted_on
        .parse()
        .map_err(|_| WebError::invalid("提出日を 2026-11-10 の形で書いてください"))?;
    let submission = Submission {
        on,
        how: form.how,
        receipt: None,
    };
    at.office
        .papers
        .submit(at.live.id(), &number, submission, visitor.actor())
        .await
        .map_err(view::paper_error)?;
    said(&app, &visitor, "提出を記録しました。", &number).await
}

#[derive(Deserialize)]
struct ReplaceForm {
    reason: String,
}

async fn replace(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<ReplaceForm>,
) -> Result<Response, WebError> {
    at.office
        .papers
        .replace(at.live.id(), &number, &form.reason, visitor.actor())
        .await
        .map_err(view::paper_error)?;
    said(
        &app,
        &visitor,
        "次の版の案を作りました。前の版は残っています。",
        &number,
    )
    .await
}

#[derive(Deserialize)]
struct AcceptForm {
    accepted_on: String,
    #[serde(default)]
    by: String,
}

async fn accept(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<AcceptForm>,
) -> Result<Response, WebError> {
    answer(
        &app,
        &visitor,
        &at,
        &number,
        "accept",
        json!({ "accepted_on": form.accepted_on, "by": form.by }),
    )
    .await
}

#[derive(Deserialize)]
struct ReturnForm {
    returned_on: String,
    returned_reason: String,
}

async fn send_back(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<ReturnForm>,
) -> Result<Response, WebError> {
    let form = json!({ "returned_on": form.returned_on, "returned_reason": form.returned_reason });
    answer(&app, &visitor, &at, &number, "return", form).await
}

async fn answer(
    app: &App,
    visitor: &Visitor,
    at: &At,
    number: &str,
    act: &str,
    form: Value,
) -> Result<Response, WebError> {
    let form: Map<String, Value> = form.as_object().cloned().unwrap_or_default();
    at.office
        .papers
        .answer(at.live.id(), number, act, form, visitor.actor(), Side::City)
        .await
        .map_err(view::paper_error)?;
    let done = if act == "accept" {
        "検収を記録しました。"
    } else {
        "差戻しを記録しました。"
    };
    said(app, visitor, done, number).await
}

/// Back to the paper, which says once what was done.
async fn said(
    app: &App,
    visitor: &Visitor,
    done: &str,
    number: &str,
) -> Result<Response, WebError> {
    visitor.flash(app, Tone::Ok, done).await?;
    Ok(Redirect::to(&visitor.at(&format!("/documents/{number}"))).into_response())
}
