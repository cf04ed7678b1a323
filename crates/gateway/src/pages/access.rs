//! Access records: the newest requests of a day, and the day as a file.

use std::io::{Seek as _, Write as _};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::access_log::{AccessLine, Verdict};
use mamori_runtime::{App, Route};
use mamori_web::components::{
    Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, grouped, percent_encoded,
};
use mamori_web::{Field, Page, Tone, Visitor, WebError, html, send};

use super::{AREA, READ, contract_of, site_names};
use crate::access::search::{self, Format, Found, Wanted};
use crate::access::{self, store};

const SPEC: TableSpec = TableSpec {
    sortable: &[],
    sort: "",
    descending: true,
    filters: &["day", "q", "status"],
    per_page: 50,
};
/// Newest requests that can be paged through; all are in the file.
pub(crate) const MOST: usize = 1_000;
/// How long a search may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/access", READ, list).personal(AREA, []),
        Route::get("/c/{contract}/gateway/access/file", READ, file).personal(AREA, []),
    ]
}

#[derive(Template)]
#[template(path = "gateway/access.html")]
struct ListPage {
    page: Page,
    table: Table,
    kept: String,
    trouble: String,
    /// Why not all is shown; empty: all is.
    cut: String,
    files: Vec<(String, String)>,
}

fn wanted(app: &App, visitor: &Visitor, query: &TableQuery) -> Result<Wanted, WebError> {
    let sites = site_names(app, &contract_of(visitor)?);
    let asked = (
        query.filter("day"),
        query.filter("q"),
        query.filter("status"),
    );
    Wanted::asked(sites, tokyo_date(app.now()), asked).ok_or_else(|| wrong_access(app, visitor))
}

/// A day or a status that means nothing.
pub(crate) fn wrong_access(app: &App, visitor: &Visitor) -> WebError {
    WebError::invalid(Page::bare(app, visitor.language, "").t("gateway-access-wrong"))
}

/// Reads the records of this machine.
pub(crate) async fn found(app: &App, wanted: &Wanted) -> Result<Found, WebError> {
    let (folder, wanted) = (access::folder(app), wanted.clone());
    let found = tokio::task::spawn_blocking(move || search::newest(&folder, &wanted, MOST, WITHIN));
    found.await.map_err(WebError::bug)?.map_err(WebError::bug)
}

async fn list(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "gateway-access-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let query = TableQuery::read(&SPEC, &uri);
    let wanted = wanted(&app, &visitor, &query)?;
    let found = found(&app, &wanted).await?;
    let pages = query.pages(found.lines.len() as u64);
    let from = usize::try_from(pages.offset()).unwrap_or(usize::MAX);
    let size = usize::try_from(pages.size).unwrap_or(usize::MAX);
    let shown = found.lines.iter().skip(from).take(size);
    let rows = shown.map(|line| row(&page, line)).collect();
    let columns = vec![
        Column::new("at", page.t("gateway-at")).shape(Shape::Fixed),
        Column::new("request", page.t("gateway-request")).shape(Shape::Long),
        Column::new("status", page.t("gateway-status")).shape(Shape::Fixed),
        Column::new("verdict", page.t("gateway-verdict")).shape(Shape::Fixed),
        Column::new("took", page.t("gateway-took")).shape(Shape::Number),
        Column::new("bytes", page.t("gateway-bytes")).shape(Shape::Number),
        Column::new("client", page.t("gateway-client")).shape(Shape::Fixed),
    ];
    let filter = vec![
        Field::new("date", "day", page.t("gateway-day")).value(wanted.day.to_string()),
        Field::new("search", "q", page.t("gateway-search")).help(page.t("gateway-search-help")),
        Field::text("status", page.t("gateway-status"))
            .at_most(3)
            .help(page.t("gateway-status-help")),
    ];
    let noted = store::kept(&app.db).await?;
    let kept = kept_here(&app).await?;
    let table = Table::new("access", page.title.clone(), &query, columns, rows, pages)
        .filter(filter)
        .empty(Empty::new(page.t("gateway-access-none")));
    html(&ListPage {
        cut: cut(&page, &found),
        files: files(&page, &visitor, &query, &wanted),
        trouble: noted.map(|noted| noted.trouble).unwrap_or_default(),
        kept: kept_said(&app, &page, &kept),
        table,
        page,
    })
}

/// What lies in the files now: the gateway notes it once an hour only.
async fn kept_here(app: &App) -> Result<access::Kept, WebError> {
    let (folder, now) = (access::folder(app), app.now());
    let kept = tokio::task::spawn_blocking(move || access::look(&folder, now));
    kept.await.map_err(WebError::bug)?.map_err(WebError::bug)
}

/// How far records go back and how long they stay.
fn kept_said(app: &App, page: &Page, kept: &access::Kept) -> String {
    let days = app
        .config
        .gateway
        .as_ref()
        .map_or(0, |gateway| gateway.access_days);
    match kept.oldest_on {
        None => page.t1("gateway-access-kept-nothing", "days", days),
        Some(oldest) => page.t_with(
            "gateway-access-kept",
            &[
                ("oldest", page.day(oldest).into()),
                ("days", days.into()),
                (
                    "megabytes",
                    format!("{:.1}", kept.bytes as f64 / 1e6).into(),
                ),
            ],
        ),
    }
}

fn cut(page: &Page, found: &Found) -> String {
    if !found.whole {
        page.t("gateway-access-slow")
    } else if found.matched > found.lines.len() as u64 {
        page.t_with(
            "gateway-access-cut",
            &[
                ("matched", found.matched.into()),
                ("shown", found.lines.len().into()),
            ],
        )
    } else {
        String::new()
    }
}

fn files(
    page: &Page,
    visitor: &Visitor,
    query: &TableQuery,
    wanted: &Wanted,
) -> Vec<(String, String)> {
    let day = wanted.day.to_string();
    let (words, status) = (query.filter("q"), query.filter("status"));
    let href = |format: &str| {
        let parts = [
            ("day", day.as_str()),
            ("q", words),
            ("status", status),
            ("as", format),
        ];
        let parts = parts.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        visitor.at(&format!("/gateway/access/file?{}", parts.join("&")))
    };
    vec![
        (page.t("gateway-access-combined"), href("combined")),
        (page.t("gateway-access-json"), href("json")),
    ]
}

fn row(page: &Page, line: &AccessLine) -> Row {
    let (tone, word) = verdict(page, line.verdict);
    Row::new(
        line.id.clone(),
        vec![
            Cell::time(line.at.to_string(), page.moment(line.at)),
            Cell::text(format!("{} {}", line.method, access::readable(&line.path))),
            Cell::text(line.status.to_string()),
            Cell::badge(tone, word),
            Cell::text(format!("{:.1}", line.took_us as f64 / 1_000.0)),
            Cell::text(grouped(line.bytes_out)),
            Cell::code(line.client.to_string()),
        ],
    )
}

fn verdict(page: &Page, verdict: Verdict) -> (Tone, String) {
    let (tone, key) = match verdict {
        Verdict::NotInspected => (Tone::Quiet, "gateway-verdict-none"),
        Verdict::Passed => (Tone::Ok, "gateway-verdict-passed"),
        Verdict::WouldRefuse => (Tone::Warn, "gateway-was-observed"),
        Verdict::Refused => (Tone::Bad, "gateway-was-refused"),
    };
    (tone, page.t(key))
}

async fn file(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    const FILE: TableSpec = TableSpec {
        filters: &["day", "q", "status", "as"],
        ..SPEC
    };
    let query = TableQuery::read(&FILE, &uri);
    let wanted = wanted(&app, &visitor, &query)?;
    let format = match query.filter("as") {
        "" | "combined" => Some((Format::Combined, "text/plain; charset=utf-8", "log")),
        "json" => Some((Format::Json, "application/x-ndjson", "jsonl")),
        _ => None,
    };
    let (format, media, end) = format.ok_or_else(|| wrong_access(&app, &visitor))?;
    let name = format!("access-{}.{end}", wanted.day);
    let folder = access::folder(&app);
    let written = tokio::task::spawn_blocking(move || -> Result<_, search::ExportError> {
        let mut into = std::io::BufWriter::new(tempfile::tempfile()?);
        search::export(&folder, &wanted, format, &mut into)?;
        into.flush()?;
        let mut file = into
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    });
    let opened = written
        .await
        .map_err(WebError::bug)?
        .map_err(WebError::bug)?;
    send::file(opened, media, &name)
}
