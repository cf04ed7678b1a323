//! The JSON API of the installation itself: how it is doing, its jobs, its log.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /system` | system.read | checks, figures, versions, schedules |
//! | `GET /system/jobs?state&kind` | system.read | the queue, newest first |
//! | `GET /system/jobs/{id}` | system.read | one job |
//! | `GET /system/missed` | system.read | scheduled runs that came late or not at all |
//! | `GET /system/logs?level` | system.read | the newest warnings and errors |
//! | `POST /system/jobs/{id}/{retry,cancel,release}` | job.administer | again, back, off it goes |
//!
//! What was queued with a job is not told: it may hold anybody's words. The acts need no
//! `Idempotency-Key`: a job that is no longer where the act begins refuses it.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_runtime::describe::{Operation, nearest, schema};
use mamori_runtime::job::{JobRow, JobState};
use mamori_runtime::{App, JobAct, JobFilter, RecentLogs, Route};
use mamori_store::free_disk_bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PageQuery, page};
use crate::error::{FieldError, WebError};
use crate::house::{JOB, SYSTEM, addressed};
use crate::session::Visitor;
use crate::texts::{Language, texts};

/// Missed runs that are told.
const MOST_MISSED: u32 = 200;

pub(super) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("system", ja, en);
    let act = |ja: &str, en: &str| about(ja, en).conflicting().gives(job());
    vec![
        Route::get("/api/v1/system", SYSTEM, health)
            .describe(about("この装置の状態", "Health of the installation").gives(state())),
        Route::get("/api/v1/system/jobs", SYSTEM, jobs)
            .personal("mail", [])
            .describe(
                about("処理の一覧（新しい順）", "List jobs, newest first")
                    .query(
                        "state",
                        "状態（コンマで区切る）",
                        "States, separated by commas",
                        schema::words(words()),
                    )
                    .query(
                        "kind",
                        "処理の種類",
                        "Exactly this kind of job",
                        schema::text_within(100),
                    )
                    .paged()
                    .gives(schema::page(job())),
            ),
        Route::get("/api/v1/system/jobs/{id}", SYSTEM, one)
            .personal("mail", [])
            .describe(about("処理1件", "One job").gives(job())),
        Route::post("/api/v1/system/jobs/{id}/retry", JOB, retry)
            .personal("mail", [])
            .describe(act("もう一度行う", "Try a job again")),
        Route::post("/api/v1/system/jobs/{id}/cancel", JOB, cancel)
            .personal("mail", [])
            .describe(act("取り消す", "Take a waiting job back")),
        Route::post("/api/v1/system/jobs/{id}/release", JOB, release)
            .personal("mail", [])
            .describe(act("保留を解く", "Let a held job go")),
        Route::get("/api/v1/system/missed", SYSTEM, missed).describe(
            about(
                "遅れた、または行われなかった定期処理",
                "Scheduled runs that came late or not at all",
            )
            .paged()
            .gives(schema::page(missed_run())),
        ),
        Route::get("/api/v1/system/logs", SYSTEM, logs).describe(
            about("新しい警告とエラー", "The newest warnings and errors")
                .query(
                    "level",
                    "重さ",
                    "Only this level",
                    schema::word(["warning", "error"]),
                )
                .paged()
                .gives(schema::page(line())),
        ),
    ]
}

pub(super) fn words() -> [&'static str; 6] {
    JobState::ALL.map(JobState::as_str)
}

fn state() -> Value {
    let check = schema::object([
        ("name", schema::text()),
        ("ok", schema::boolean()),
        ("detail", schema::text()),
    ]);
    let schedule = schema::object([
        ("name", schema::text()),
        ("job", schema::text()),
        ("rule", schema::text()),
        ("next_at", schema::nullable(schema::timestamp())),
        ("last_for", schema::nullable(schema::timestamp())),
    ]);
    let chain = schema::object([("contract", schema::text()), ("records", schema::integer())]);
    let storage = schema::object([
        ("database", schema::text()),
        ("database_version", schema::text()),
        ("database_bytes", schema::integer()),
        ("blobs", schema::integer()),
        ("blob_bytes", schema::integer()),
        ("free_disk_bytes", schema::nullable(schema::integer())),
    ]);
    schema::named(
        "SystemState",
        schema::object([
            ("ready", schema::boolean()),
            ("version", schema::text()),
            ("checks", schema::list(check)),
            (
                "jobs",
                schema::object(words().map(|word| (word, schema::integer()))),
            ),
            ("storage", storage),
            ("migrations", schema::list(schema::text())),
            ("chains", schema::list(chain)),
            ("schedules", schema::list(schedule)),
        ]),
    )
}

fn job() -> Value {
    let mut to = schema::nullable(schema::text());
    to["x-personal"] = json!(true);
    schema::named(
        "Job",
        schema::object([
            ("id", schema::text()),
            ("kind", schema::text()),
            ("state", schema::word(words())),
            ("attempts", schema::integer()),
            ("schedule", schema::nullable(schema::text())),
            ("to", to),
            ("about", schema::nullable(schema::text())),
            ("queued_at", schema::timestamp()),
            ("run_at", schema::timestamp()),
            ("started_at", schema::nullable(schema::timestamp())),
            ("finished_at", schema::nullable(schema::timestamp())),
            ("last_error", schema::nullable(schema::text())),
            ("href", schema::text()),
        ]),
    )
}

fn missed_run() -> Value {
    schema::named(
        "MissedRun",
        schema::object([
            ("seq", schema::integer()),
            ("at", schema::timestamp()),
            ("schedule", schema::text()),
            ("job", schema::nullable(schema::text())),
            ("scheduled_for", schema::nullable(schema::text())),
            ("late_seconds", schema::nullable(schema::integer())),
            ("run", schema::boolean()),
        ]),
    )
}

fn line() -> Value {
    schema::named(
        "LogLine",
        schema::object([
            ("at", schema::timestamp()),
            ("level", schema::word(["warning", "error"])),
            ("target", schema::text()),
            ("text", schema::text()),
        ]),
    )
}

async fn health(State(app): State<App>) -> Result<Json<Value>, WebError> {
    let mut checks = Vec::new();
    let mut ready = true;
    let texts = texts(&app);
    for check in app.capabilities().iter().flat_map(|each| &each.health) {
        let result = check.run(app.clone()).await;
        ready &= result.is_ok();
        let ok = result.is_ok();
        let (Ok(found) | Err(found)) = result;
        let detail = texts.finding(Language::Ja, &found);
        checks.push(json!({ "name": check.name, "ok": ok, "detail": detail }));
    }
    let figures = app.db.figures().await?;
    let chains = app.db.ledger_heads().await?;
    let schedules = app.schedules().await?;
    Ok(Json(json!({
        "ready": ready,
        "version": env!("CARGO_PKG_VERSION"),
        "checks": checks,
        "jobs": app.job_counts().await?,
        "storage": {
            "database": figures.database,
            "database_version": figures.version,
            "database_bytes": figures.size_bytes,
            "blobs": figures.blobs,
            "blob_bytes": figures.blob_bytes,
            "free_disk_bytes": free_disk_bytes(&app.config.data_dir),
        },
        "migrations": figures.migrations,
        "chains": chains.iter()
            .map(|head| json!({ "contract": head.contract, "records": head.seq }))
            .collect::<Vec<_>>(),
        "schedules": schedules.iter().map(|row| json!({
            "name": row.name,
            "job": row.job,
            "rule": row.rule,
            "next_at": row.next_at,
            "last_for": row.last_for,
        })).collect::<Vec<_>>(),
    })))
}

fn job_json(row: &JobRow) -> Value {
    let told = |text: String| (!text.is_empty()).then_some(text);
    let (to, about) = addressed(row);
    json!({
        "id": row.id,
        "kind": row.kind,
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "schedule": row.schedule,
        "to": told(to),
        "about": told(about),
        "queued_at": row.queued_at,
        "run_at": row.run_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "last_error": row.last_error,
        "href": format!("/api/v1/system/jobs/{}", row.id),
    })
}

/// The states that a list of words names; none means all.
pub(super) fn states_of(text: &str) -> Vec<JobState> {
    JobState::ALL
        .into_iter()
        .filter(|state| text.split(',').any(|word| word == state.as_str()))
        .collect()
}

#[derive(Default, Deserialize)]
struct JobQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn jobs(State(app): State<App>, Query(query): Query<JobQuery>) -> Result<Response, WebError> {
    let states = states_of(&query.state);
    let kind = match query.kind.as_str() {
        "" => None,
        kind => Some(known_kind(&app, kind)?),
    };
    let mut filter = JobFilter {
        states,
        kind,
        ..JobFilter::default()
    };
    let paging = query.page.of(app.count_jobs(&filter).await?);
    filter.limit = u32::try_from(paging.per_page).unwrap_or(u32::MAX);
    filter.offset = paging.offset();
    let rows = app.jobs(&filter).await?;
    let items: Vec<Value> = rows.iter().map(job_json).collect();
    Ok(page(&items, paging))
}

fn known_kind(app: &App, asked: &str) -> Result<&'static str, WebError> {
    let kinds: Vec<&'static str> = app
        .capabilities()
        .iter()
        .flat_map(|each| &each.jobs)
        .map(|kind| kind.name)
        .collect();
    if let Some(kind) = kinds.iter().find(|kind| **kind == asked) {
        return Ok(kind);
    }
    let near = nearest(asked, kinds.iter().copied())
        .map_or(String::new(), |near| format!("。{near} のことですか"));
    Err(WebError::Invalid {
        message: "条件に誤りがあります".to_owned(),
        fields: vec![FieldError {
            field: "kind".to_owned(),
            message: format!("この種類の処理はありません{near}"),
        }],
    })
}

async fn found(app: &App, id: &str) -> Result<JobRow, WebError> {
    app.job(id)
        .await?
        .ok_or_else(|| WebError::NotFound(format!("処理「{id}」")))
}

async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, WebError> {
    Ok(Json(job_json(&found(&app, &id).await?)))
}

async fn retry(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<Json<Value>, WebError> {
    change(app, visitor, id, JobAct::Retry).await
}

async fn cancel(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<Json<Value>, WebError> {
    change(app, visitor, id, JobAct::Cancel).await
}

async fn release(
    app: State<App>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<Json<Value>, WebError> {
    change(app, visitor, id, JobAct::Release).await
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    act: JobAct,
) -> Result<Json<Value>, WebError> {
    found(&app, &id).await?;
    app.change_job(&id, act, visitor.actor()).await?;
    Ok(Json(job_json(&found(&app, &id).await?)))
}

async fn missed(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let records = app.missed_runs(MOST_MISSED).await?;
    let items: Vec<Value> = records
        .iter()
        .map(|record| {
            let payload = record.payload.value();
            json!({
                "seq": record.seq,
                "at": record.at,
                "schedule": record.subject,
                "job": payload["job"].as_str(),
                "scheduled_for": payload["scheduled_for"].as_str(),
                "late_seconds": payload["late_seconds"].as_i64(),
                "run": payload["run"] == true,
            })
        })
        .collect();
    Ok(query.cut(&items))
}

#[derive(Default, Deserialize)]
struct LogQuery {
    #[serde(default)]
    level: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn logs(Query(query): Query<LogQuery>) -> Response {
    let word = |is_error: bool| if is_error { "error" } else { "warning" };
    let lines: Vec<Value> = RecentLogs::global()
        .newest()
        .iter()
        .filter(|line| query.level.is_empty() || query.level == word(line.is_error))
        .map(|line| {
            json!({
                "at": line.at,
                "level": word(line.is_error),
                "target": line.target,
                "text": line.text,
            })
        })
        .collect();
    query.page.cut(&lines)
}
