//! `/system`: how the installation is doing — checks, schedules, storage, versions and the newest
//! warnings, jobs and mail in figures — and what an administrator does about it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Redirect, Response};
use mamori_runtime::job::JobCounts;
use mamori_runtime::{App, JobAct, JobChangeError, RecentLogs, Route};
use mamori_store::free_disk_bytes;
use serde::Deserialize;

use super::system_view::{ScheduleLine, size};
use super::{JOB, SYSTEM};
use crate::components::grouped;
use crate::error::{WebError, html};
use crate::page::{Page, Tone};
use crate::session::Visitor;

/// Least free disk before the page warns.
const DISK_WARNING_BYTES: u64 = 2_000_000_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/system", SYSTEM, overview),
        Route::get("/system/logs", SYSTEM, logs),
        Route::post("/system/jobs/{id}/retry", JOB, retry).with_body_limit(8 * 1024),
        Route::post("/system/jobs/{id}/cancel", JOB, cancel).with_body_limit(8 * 1024),
        Route::post("/system/jobs/{id}/release", JOB, release).with_body_limit(8 * 1024),
    ]
}

/// A check as a row.
struct CheckLine {
    name: String,
    tone: Tone,
    state: String,
    detail: String,
}

/// A tile that leads to a list.
struct Tile {
    href: &'static str,
    label: String,
    figure: i64,
    tone: Tone,
    state: String,
}

#[derive(Template)]
#[template(path = "house/system.html")]
struct Overview {
    page: Page,
    checks: Vec<CheckLine>,
    tiles: Vec<Tile>,
    schedules: Vec<ScheduleLine>,
    storage: Vec<(String, String)>,
    chains: Vec<(String, String)>,
    versions: Vec<(String, String)>,
    migrations: Vec<String>,
    low_disk: Option<String>,
    tone_bad: Tone,
}

async fn overview(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "system-title").here();
    let counts = app.job_counts().await?;
    let figures = app.db.figures().await?;
    let free = free_disk_bytes(&app.config.data_dir);
    let chains = app.db.ledger_heads().await?;
    let lines = RecentLogs::global().newest();
    let errors = lines.iter().filter(|line| line.is_error).count() as i64;
    let storage = vec![
        (
            page.t("system-database"),
            format!("{} {}", figures.database, size(figures.size_bytes)),
        ),
        (
            page.t("system-blobs"),
            page.t_with(
                "system-blobs-are",
                &[
                    ("count", figures.blobs.into()),
                    ("size", size(figures.blob_bytes).into()),
                ],
            ),
        ),
        (
            page.t("system-disk"),
            free.map_or_else(|| page.t("system-unknown"), size),
        ),
    ];
    let versions = vec![
        (page.t("system-program"), page.version.to_owned()),
        (
            page.t("system-database"),
            format!("{} {}", figures.database, figures.version),
        ),
        (
            page.t("system-migrations"),
            page.t1("system-count", "count", figures.migrations.len() as u64),
        ),
    ];
    let schedules = app.schedules().await?;
    html(&Overview {
        checks: checks(&app, &page).await,
        tiles: tiles(&page, &counts, errors, lines.len() as i64 - errors),
        schedules: schedules
            .iter()
            .map(|row| ScheduleLine::new(&page, row))
            .collect(),
        storage,
        chains: chains
            .into_iter()
            .map(|head| (head.contract, grouped(head.seq)))
            .collect(),
        versions,
        migrations: figures.migrations,
        low_disk: free
            .filter(|free| *free < DISK_WARNING_BYTES)
            .map(|free| page.t1("system-disk-low", "free", size(free))),
        tone_bad: Tone::Bad,
        page,
    })
}

async fn checks(app: &App, page: &Page) -> Vec<CheckLine> {
    let mut lines = Vec::new();
    for check in app.capabilities().iter().flat_map(|one| &one.health) {
        let (tone, state, found) = match check.run(app.clone()).await {
            Ok(found) => (Tone::Ok, "system-check-ok", found),
            Err(found) => (Tone::Bad, "system-check-bad", found),
        };
        lines.push(CheckLine {
            name: page.t_or(&format!("system-check-{}", check.name), check.name),
            tone,
            state: page.t(state),
            detail: page.finding(&found),
        });
    }
    lines
}

fn tiles(page: &Page, counts: &JobCounts, errors: i64, warnings: i64) -> Vec<Tile> {
    let tile = |href, label: &str, figure: i64, tone: Tone, state: &str| Tile {
        href,
        label: page.t(label),
        figure,
        tone: if figure == 0 { Tone::Ok } else { tone },
        state: page.t(if figure == 0 { "system-none" } else { state }),
    };
    vec![
        tile(
            "/system/jobs?state=failed",
            "system-failed",
            counts.failed,
            Tone::Bad,
            "system-look",
        ),
        tile(
            "/system/jobs?state=waiting",
            "system-waiting",
            counts.queued + counts.running,
            Tone::Info,
            "system-busy",
        ),
        tile(
            "/system/mail?state=held",
            "system-held",
            counts.held,
            Tone::Warn,
            "system-look",
        ),
        tile(
            "/system/logs",
            "system-errors",
            errors,
            Tone::Bad,
            "system-look",
        ),
        tile(
            "/system/logs",
            "system-warnings",
            warnings,
            Tone::Warn,
            "system-look",
        ),
    ]
}

/// A line of the log as a row.
struct LogRow {
    at: String,
    tone: Tone,
    level: String,
    target: String,
    text: String,
}

#[derive(Template)]
#[template(path = "house/logs.html")]
struct Logs {
    page: Page,
    lines: Vec<LogRow>,
}

async fn logs(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "logs-title")
        .under("system-title", "/system")
        .here();
    let lines = RecentLogs::global()
        .newest()
        .into_iter()
        .map(|line| LogRow {
            at: page.moment(line.at),
            tone: if line.is_error { Tone::Bad } else { Tone::Warn },
            level: page.t(if line.is_error {
                "logs-error"
            } else {
                "logs-warning"
            }),
            target: line.target,
            text: line.text,
        })
        .collect();
    html(&Logs { page, lines })
}

#[derive(Deserialize)]
struct ActForm {
    /// `mail` when the button stood on the page about mail.
    #[serde(default)]
    back: String,
}

async fn retry(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ActForm>,
) -> Result<Redirect, WebError> {
    change(app, visitor, id, form, JobAct::Retry, "job-did-retry").await
}

async fn cancel(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ActForm>,
) -> Result<Redirect, WebError> {
    change(app, visitor, id, form, JobAct::Cancel, "job-did-cancel").await
}

async fn release(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ActForm>,
) -> Result<Redirect, WebError> {
    change(app, visitor, id, form, JobAct::Release, "job-did-release").await
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<ActForm>,
    act: JobAct,
    said: &str,
) -> Result<Redirect, WebError> {
    let say = |key: &str| crate::texts::texts(&app).say(visitor.language, key, &[]);
    match app.change_job(&id, act, visitor.actor()).await {
        Ok(()) => visitor.flash(&app, Tone::Ok, say(said)).await?,
        Err(JobChangeError::Elsewhere) => return Err(WebError::Conflict(say("job-elsewhere"))),
        Err(error) => return Err(error.into()),
    }
    Ok(Redirect::to(match form.back.as_str() {
        "mail" => "/system/mail",
        _ => "/system/jobs",
    }))
}
