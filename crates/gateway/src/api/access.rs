//! Access records over the API.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::access_log::AccessLine;
use mamori_runtime::describe::schema;
use mamori_runtime::{App, Route};
use mamori_web::api::PageQuery;
use mamori_web::{Visitor, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::about;
use crate::access::search::Wanted;
use crate::pages::{self, READ, site_names};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/gateway/access", READ, list)
            .personal("gateway", [])
            .describe(
                about(
                    "アクセスの記録（1 日のうち新しい 1,000 件まで、新しい順）",
                    "Access records: the newest 1,000 of a day, newest first",
                )
                .query(
                    "day",
                    "日（初めは今日）",
                    "Day (default: today)",
                    schema::date_typed(),
                )
                .query(
                    "q",
                    "番号、送信元、場所の一部",
                    "Number, client or part of the path",
                    schema::text_within(200),
                )
                .query(
                    "status",
                    "状態コード（404 か 4xx）",
                    "Status (404 or 4xx)",
                    json!({ "type": "string", "pattern": "^([1-5][0-9][0-9]|[1-5]xx)?$" }),
                )
                .paged()
                .gives(schema::page(line_schema())),
            ),
    ]
}

fn line_schema() -> Value {
    let mut client = schema::text();
    client["x-personal"] = json!(true);
    schema::named(
        "AccessRecord",
        schema::object([
            ("id", schema::text()),
            ("at", schema::timestamp()),
            ("site", schema::nullable(schema::text())),
            ("client", client),
            ("method", schema::text()),
            ("host", schema::text()),
            ("path", schema::text()),
            ("version", schema::text()),
            ("tls", schema::boolean()),
            ("user_agent", schema::nullable(schema::text())),
            ("referrer", schema::nullable(schema::text())),
            ("status", schema::integer()),
            ("bytes_in", schema::integer()),
            ("bytes_out", schema::integer()),
            ("took_us", schema::integer()),
            ("upstream_us", schema::nullable(schema::integer())),
            ("outcome", schema::text()),
            (
                "verdict",
                schema::word(["not_inspected", "passed", "would_refuse", "refused"]),
            ),
            ("score", schema::integer()),
            ("rules", schema::list(schema::integer())),
        ]),
    )
}

fn line_json(line: &AccessLine) -> Value {
    json!({
        "id": line.id,
        "at": line.at,
        "site": line.site,
        "client": line.client,
        "method": line.method,
        "host": line.host,
        "path": line.path,
        "version": line.version,
        "tls": line.tls,
        "user_agent": line.user_agent,
        "referrer": line.referrer,
        "status": line.status,
        "bytes_in": line.bytes_in,
        "bytes_out": line.bytes_out,
        "took_us": line.took_us,
        "upstream_us": line.upstream_us,
        "outcome": line.outcome,
        "verdict": line.verdict,
        "score": line.score,
        "rules": line.rules,
    })
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    day: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let (sites, today) = (site_names(&app, &contract), tokyo_date(app.now()));
    let wanted = Wanted::asked(sites, today, (&asked.day, &asked.q, &asked.status));
    let wanted = wanted.ok_or_else(|| pages::wrong_access(&app, &visitor))?;
    let found = pages::found_access(&app, &wanted).await?;
    let items: Vec<Value> = found.lines.iter().map(line_json).collect();
    Ok(asked.page.cut(&items))
}
