//! `/system/jobs` and `/system/mail`: what runs by itself and what is sent, sorted, filtered, as CSV;
//! an administrator acts on each row.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::Timestamp;
use mamori_kernel::ledger::Record;
use mamori_runtime::job::JobRow;
use mamori_runtime::notify::MAIL_JOB;
use mamori_runtime::{App, JobFilter, JobState, Route, search::folded};

use super::system_view::{JobLine, ended, job_name};
use super::{JOB, SYSTEM};
use crate::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use crate::error::{WebError, html};
use crate::form::Field;
use crate::page::Page;
use crate::session::Visitor;

/// Of so many the lists are made; older ones are in the ledger (`job.failed`, `job.missed`).
const ROWS: u32 = 2_000;
/// Scheduled runs that came late.
const MISSED: u32 = 20;
const JOBS: TableSpec = TableSpec {
    sortable: &["job", "about", "state", "when", "attempts"],
    sort: "state",
    descending: false,
    filters: &["q", "state"],
    per_page: 50,
};
const MAIL: TableSpec = TableSpec {
    sortable: &["about", "to", "state", "queued", "attempts"],
    sort: "queued",
    descending: true,
    filters: &["q", "state"],
    per_page: 50,
};
/// What the filter of the jobs offers, and the states that it stands for.
const OPEN: &[(&str, &[JobState])] = &[
    ("failed", &[JobState::Failed, JobState::Cancelled]),
    ("waiting", &[JobState::Running, JobState::Queued]),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/system/jobs", SYSTEM, jobs),
        Route::get("/system/mail", SYSTEM, mail).personal("mail", []),
    ]
}

/// A scheduled run that came too late or was left out.
struct MissedLine {
    name: String,
    schedule: String,
    planned: String,
    late: String,
    run: String,
}

impl MissedLine {
    fn new(page: &Page, record: &Record) -> Self {
        let payload: serde_json::Value =
            serde_json::from_str(record.payload.as_str()).unwrap_or_default();
        let text = |name: &str| payload[name].as_str().unwrap_or("―").to_owned();
        let minutes = payload["late_seconds"].as_i64().unwrap_or(0) / 60;
        Self {
            name: job_name(page, &text("job")),
            schedule: record.subject.clone(),
            planned: text("scheduled_for")
                .parse()
                .map_or_else(|_| "―".to_owned(), |at| page.moment(at)),
            late: page.t1("system-minutes", "count", minutes),
            run: page.t(if payload["run"] == true {
                "system-run-late"
            } else {
                "system-left-out"
            }),
        }
    }
}

/// A job beside its row.
type Job = (JobRow, JobLine);

/// A list of either page: what it is made of.
struct List {
    id: &'static str,
    title: String,
    columns: Vec<Column>,
    /// A row without what can be done about it.
    cells: fn(&Job) -> Vec<Cell>,
    filter: Vec<Field>,
    empty: Empty,
    /// `mail` or `jobs`: where an act leads back to.
    back: &'static str,
}

impl List {
    /// The jobs that fit, sorted and cut: as CSV when that is asked for. What can be done about a
    /// row stands in a column of its own, which no file needs.
    fn answer(self, page: &Page, query: &TableQuery, rows: Vec<JobRow>, acts: bool) -> Answer {
        let words = folded(query.filter("q"));
        let fits = |(_, line): &Job| {
            let to = if self.back == "mail" {
                line.to.as_str()
            } else {
                ""
            };
            let text = folded(&format!(
                "{} {} {} {to} {}",
                line.name, line.kind, line.about, line.error
            ));
            words.split_whitespace().all(|word| text.contains(word))
        };
        let jobs: Vec<Job> = rows
            .into_iter()
            .map(|row| {
                let line = JobLine::new(page, &row, acts);
                (row, line)
            })
            .filter(fits)
            .collect();
        let (shown, pages) = query.cut(jobs, compare);
        let mut columns = self.columns;
        if query.csv {
            let header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
            let texts = |job: &Job| {
                let cells = (self.cells)(job).into_iter();
                cells.map(|cell| cell.text).collect::<Vec<String>>()
            };
            let rows: Vec<Vec<String>> = shown.iter().map(texts).collect();
            return Answer::Csv(csv::response(self.id, &header, rows));
        }
        if acts {
            columns.push(Column::new("act", page.t("jobs-act")));
        }
        let rows = shown
            .into_iter()
            .map(|job| {
                let mut cells = (self.cells)(&job);
                let (_, line) = job;
                let name = if line.about.is_empty() {
                    line.name
                } else {
                    line.about
                };
                if acts {
                    cells.push(Cell::acts(line.buttons, self.back));
                }
                Row::new(name, cells)
            })
            .collect();
        Answer::Page(Box::new(
            Table::new(self.id, self.title, query, columns, rows, pages)
                .filter(self.filter)
                .with_csv()
                .empty(self.empty),
        ))
    }
}

enum Answer {
    Csv(Response),
    Page(Box<Table>),
}

/// What needs somebody comes first.
fn rank(state: JobState) -> u8 {
    match state {
        JobState::Failed => 0,
        JobState::Held => 1,
        JobState::Running => 2,
        JobState::Queued => 3,
        JobState::Cancelled => 4,
        JobState::Done => 5,
    }
}

fn compare(by: &str, a: &Job, b: &Job) -> Ordering {
    let when = |(row, _): &Job| -> Option<Timestamp> { ended(row) };
    match by {
        "job" => a.1.name.cmp(&b.1.name),
        "about" => a.1.about.cmp(&b.1.about),
        "to" => a.1.to.cmp(&b.1.to),
        "state" => rank(a.0.state).cmp(&rank(b.0.state)),
        "when" => when(a).cmp(&when(b)),
        "attempts" => a.0.attempts.cmp(&b.0.attempts),
        _ => a.0.queued_at.cmp(&b.0.queued_at),
    }
}

fn states(page: &Page, offered: impl IntoIterator<Item = (&'static str, String)>) -> Field {
    let any = ("", page.t("jobs-any-state"));
    let all = std::iter::once(any).chain(offered);
    Field::select("state", page.t("system-state"), all)
}

fn state_column(page: &Page) -> Column {
    Column::new("state", page.t("system-state"))
        .shape(Shape::Fixed)
        .sortable()
}

fn attempts_column(page: &Page) -> Column {
    Column::new("attempts", page.t("jobs-attempts"))
        .shape(Shape::Number)
        .sortable()
}

fn error_column(page: &Page) -> Column {
    Column::new("error", page.t("jobs-error"))
}

#[derive(Template)]
#[template(path = "house/jobs.html")]
struct Jobs {
    page: Page,
    table: Table,
    missed: Vec<MissedLine>,
}

async fn jobs(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "jobs-title")
        .under("system-title", "/system")
        .here();
    let query = TableQuery::read(&JOBS, &uri);
    let wanted = OPEN.iter().filter(|(key, _)| {
        let asked = query.filter("state");
        OPEN.iter().all(|(known, _)| *known != asked) || *key == asked
    });
    let rows = app
        .jobs(&JobFilter {
            states: wanted.flat_map(|(_, states)| *states).copied().collect(),
            limit: ROWS,
            ..JobFilter::default()
        })
        .await?;
    let list = List {
        id: "jobs",
        title: page.t("jobs-title"),
        columns: vec![
            Column::new("job", page.t("system-job")).sortable(),
            Column::new("about", page.t("system-detail"))
                .shape(Shape::Long)
                .sortable(),
            state_column(&page),
            Column::new("when", page.t("jobs-ended-or-when"))
                .shape(Shape::Fixed)
                .sortable(),
            attempts_column(&page),
            error_column(&page).shape(Shape::Long),
            Column::new("kind", page.t("jobs-kind")).shape(Shape::Fixed),
        ],
        cells: |(row, line)| {
            vec![
                Cell::text(line.name.clone()),
                Cell::text(line.about.clone()),
                Cell::badge(line.tone, line.state.clone()),
                moment(ended(row), &line.when),
                Cell::text(line.attempts.to_string()),
                Cell::text(line.error.clone()),
                Cell::code(line.kind.clone()),
            ]
        },
        filter: vec![
            Field::new("search", "q", page.t("jobs-words")),
            states(
                &page,
                OPEN.iter()
                    .map(|(key, _)| (*key, page.t(&format!("jobs-{key}")))),
            ),
        ],
        empty: Empty::new(page.t("jobs-none")).action("/system", page.t("system-title")),
        back: "jobs",
    };
    let table = match list.answer(&page, &query, rows, visitor.may(JOB)) {
        Answer::Csv(response) => return Ok(response),
        Answer::Page(table) => *table,
    };
    let missed = app.missed_runs(MISSED).await?;
    html(&Jobs {
        table,
        missed: missed
            .iter()
            .map(|record| MissedLine::new(&page, record))
            .collect(),
        page,
    })
}

/// A moment, or the dash that stands for none.
fn moment(at: Option<Timestamp>, said: &str) -> Cell {
    at.map_or_else(|| Cell::text(said), |at| Cell::time(at.to_string(), said))
}

#[derive(Template)]
#[template(path = "house/mail.html")]
struct MailPage {
    page: Page,
    table: Table,
    relay: String,
}

async fn mail(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "mail-title")
        .under("system-title", "/system")
        .here();
    let query = TableQuery::read(&MAIL, &uri);
    let asked = query.filter("state").to_owned();
    let wanted = JobState::ALL.into_iter();
    let rows = app
        .jobs(&JobFilter {
            kind: Some(MAIL_JOB),
            states: wanted.filter(|state| state.as_str() == asked).collect(),
            limit: ROWS,
            ..JobFilter::default()
        })
        .await?;
    let every = JobState::ALL.map(|state| {
        let key = state.as_str();
        (key, page.t(&format!("job-state-{key}")))
    });
    let list = List {
        id: "mail",
        title: page.t("mail-title"),
        columns: vec![
            Column::new("about", page.t("mail-subject")).sortable(),
            // Beside the subject also on a phone.
            state_column(&page),
            Column::new("to", page.t("mail-to"))
                .shape(Shape::Long)
                .sortable(),
            Column::new("queued", page.t("mail-queued"))
                .shape(Shape::Fixed)
                .sortable(),
            attempts_column(&page),
            error_column(&page),
        ],
        cells: |(row, line)| {
            vec![
                Cell::text(line.about.clone()),
                Cell::badge(line.tone, line.state.clone()),
                Cell::text(line.to.clone()),
                Cell::time(row.queued_at.to_string(), line.queued.clone()),
                Cell::text(line.attempts.to_string()),
                Cell::text(line.error.clone()),
            ]
        },
        filter: vec![
            Field::new("search", "q", page.t("mail-words")),
            states(&page, every),
        ],
        empty: Empty::new(page.t("mail-none")),
        back: "mail",
    };
    let table = match list.answer(&page, &query, rows, visitor.may(JOB)) {
        Answer::Csv(response) => return Ok(response),
        Answer::Page(table) => *table,
    };
    html(&MailPage {
        table,
        relay: match &app.config.smtp {
            Some(smtp) => page.t_with(
                "mail-relay",
                &[
                    ("host", smtp.host.clone().into()),
                    ("from", app.config.mail.from.clone().into()),
                ],
            ),
            None => page.t("mail-no-relay"),
        },
        page,
    })
}
