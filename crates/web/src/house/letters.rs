//! `/c/{contract}/letters`: mails to the city of a contract. What waits is read, let go or taken
//! back; what went can be looked up as long as the queue keeps it.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{Redirect, Response};
use mamori_runtime::job::JobState;
use mamori_runtime::notify::{Letter, LetterAct};
use mamori_runtime::setting::{MAIL_CITY_RELEASE, RELEASE_AT_ONCE, SettingValue};
use mamori_runtime::{
    App, HookError, JobChangeError, Route, Tile, TileRequest, TileTone, TileView,
};

use super::settings::{DECIDE, READ, failed};
use super::system_view::JobLine;
use crate::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use crate::error::{WebError, html};
use crate::page::{Page, Tone};
use crate::session::Visitor;
use crate::texts::Language;

/// What is no longer waiting.
const SPEC: TableSpec = TableSpec {
    sortable: &["subject", "to", "state", "when"],
    sort: "when",
    descending: true,
    filters: &[],
    per_page: 50,
};
const FORM_BYTES: usize = 8 * 1024;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/letters", READ, look).personal("mail", []),
        Route::post("/c/{contract}/letters/{id}/release", DECIDE, release)
            .with_body_limit(FORM_BYTES),
        Route::post("/c/{contract}/letters/{id}/withdraw", DECIDE, withdraw)
            .with_body_limit(FORM_BYTES),
    ]
}

/// What waits to be sent to the city; nothing is said while nothing waits.
pub(super) fn tile() -> Tile {
    Tile::new(
        "letters",
        DECIDE,
        45,
        |app: App, request: TileRequest| async move {
            let waiting = app
                .letters(&request.contract, vec![JobState::Held])
                .await
                .map_err(|error| HookError::caused_by("市へのメールを読めません", error))?
                .len();
            let page = Page::bare(&app, Language::of(request.language), "");
            Ok((waiting > 0).then(|| TileView {
                label: page.t("letters-tile"),
                figure: waiting.to_string(),
                unit: page.t1("letters-unit", "count", waiting),
                tone: TileTone::Warn,
                state: page.t("letters-tile-state"),
                detail: page.t("letters-tile-detail"),
                href: format!("/c/{}/letters", request.contract),
            }))
        },
    )
}

/// A mail that waits.
struct Waiting {
    id: String,
    subject: String,
    to: String,
    body: String,
    queued: String,
}

#[derive(Template)]
#[template(path = "house/letters.html")]
struct LettersPage {
    page: Page,
    waiting: Vec<Waiting>,
    past: Table,
    at_once: bool,
    nobody: bool,
    acts: bool,
}

async fn look(
    State(app): State<App>,
    visitor: Visitor,
    Path(contract): Path<String>,
    uri: Uri,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "letters-title").here();
    let query = TableQuery::read(&SPEC, &uri);
    let (waiting, past): (Vec<Letter>, Vec<Letter>) = app
        .letters(&contract, Vec::new())
        .await?
        .into_iter()
        .partition(|letter| letter.job.state == JobState::Held);
    let columns = columns(&page);
    let (past, pages) = query.cut(past, compare);
    let past: Vec<Vec<Cell>> = past
        .iter()
        .map(|letter| cells(JobLine::new(&page, &letter.job, false)))
        .collect();
    if query.csv {
        let header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
        let texts = |cells: Vec<Cell>| cells.into_iter().map(|cell| cell.text).collect();
        let rows: Vec<Vec<String>> = past.into_iter().map(texts).collect();
        return Ok(csv::response("letters", &header, rows));
    }
    let rows = past
        .into_iter()
        .map(|cells| Row::new(cells[0].text.clone(), cells))
        .collect();
    let name = page.t("letters-past");
    let past = Table::new("letters", name, &query, columns, rows, pages)
        .with_csv()
        .empty(Empty::new(page.t("letters-none-past")));
    let mode = app
        .setting(&contract, MAIL_CITY_RELEASE)
        .await
        .map_err(failed)?;
    let nobody = app
        .city_addresses(&contract)
        .await
        .map_err(failed)?
        .is_empty();
    html(&LettersPage {
        waiting: waiting
            .into_iter()
            .map(|letter| Waiting {
                queued: page.moment(letter.job.queued_at),
                id: letter.job.id,
                subject: letter.mail.subject,
                to: letter.mail.to.join("、"),
                body: letter.mail.body,
            })
            .collect(),
        past,
        at_once: mode == SettingValue::Word(RELEASE_AT_ONCE.to_owned()),
        nobody,
        acts: visitor.may(DECIDE),
        page,
    })
}

fn columns(page: &Page) -> Vec<Column> {
    vec![
        Column::new("subject", page.t("mail-subject")).sortable(),
        Column::new("to", page.t("mail-to"))
            .shape(Shape::Long)
            .sortable(),
        Column::new("state", page.t("system-state"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("when", page.t("letters-when"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("error", page.t("jobs-error")).shape(Shape::Long),
    ]
}

fn cells(line: JobLine) -> Vec<Cell> {
    vec![
        Cell::text(line.about),
        Cell::text(line.to),
        Cell::badge(line.tone, line.state),
        Cell::text(line.when),
        Cell::text(line.error),
    ]
}

fn compare(by: &str, a: &Letter, b: &Letter) -> Ordering {
    let when = |letter: &Letter| letter.job.finished_at.unwrap_or(letter.job.run_at);
    match by {
        "subject" => a.mail.subject.cmp(&b.mail.subject),
        "to" => a.mail.to.cmp(&b.mail.to),
        "state" => a.job.state.as_str().cmp(b.job.state.as_str()),
        _ => when(a).cmp(&when(b)),
    }
}

async fn release(
    app: State<App>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<Redirect, WebError> {
    settle(app, visitor, path, LetterAct::Release, "letters-released").await
}

async fn withdraw(
    app: State<App>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<Redirect, WebError> {
    settle(app, visitor, path, LetterAct::Withdraw, "letters-withdrawn").await
}

async fn settle(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
    act: LetterAct,
    said: &str,
) -> Result<Redirect, WebError> {
    crate::api::letters::of(&app, &contract, &id).await?;
    let say = |key: &str| crate::texts::texts(&app).say(visitor.language, key, &[]);
    match app
        .settle_letter(&contract, &id, act, visitor.actor())
        .await
    {
        Ok(_) => visitor.flash(&app, Tone::Ok, say(said)).await?,
        Err(JobChangeError::Elsewhere) => return Err(WebError::Conflict(say("letters-elsewhere"))),
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to(&visitor.at("/letters")))
}
