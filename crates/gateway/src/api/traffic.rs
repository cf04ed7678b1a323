//! Traffic for programs: now, by hour, by day, and what attacks aimed at.

use axum::Json;
use axum::extract::{Path, State};
use jiff::ToSpan as _;
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};
use mamori_runtime::describe::schema;
use mamori_runtime::{App, Route};
use mamori_web::WebError;
use serde_json::{Value, json};

use super::about;
use crate::desk;
use crate::pages::{READ, site_names};
use crate::tally::read::{DAYS, MOST, NOW};
use crate::tally::{Minute, What, read};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/gateway/traffic", READ, look).describe(
            about("通信のようす", "Traffic now, by hour and by day").gives(traffic_schema()),
        ),
    ]
}

fn traffic_schema() -> Value {
    let number = schema::integer;
    let counts = |first: (&'static str, Value)| {
        schema::object([
            first,
            ("requests", number()),
            ("refused", number()),
            ("observed", number()),
        ])
    };
    let found = || {
        schema::list(schema::object([
            ("name", schema::text()),
            ("refused", number()),
            ("observed", number()),
        ]))
    };
    let now = schema::object([
        ("minutes", number()),
        ("requests", number()),
        ("requests_per_second", json!({ "type": "number" })),
        ("refused", number()),
        ("observed", number()),
        ("answers_2xx", number()),
        ("answers_3xx", number()),
        ("answers_4xx", number()),
        ("answers_5xx", number()),
    ]);
    let path = schema::object([("path", schema::text()), ("refused", number())]);
    schema::named(
        "GatewayTraffic",
        schema::object([
            ("now", now),
            (
                "hours",
                schema::list(counts(("began", schema::timestamp()))),
            ),
            ("days", schema::list(counts(("day", schema::date())))),
            ("kinds", found()),
            ("rules", found()),
            ("paths", schema::list(path)),
        ]),
    )
}

fn now_json(lately: Minute) -> Value {
    let [two, three, four, five] = lately.answers;
    json!({
        "minutes": NOW,
        "requests": lately.requests,
        "requests_per_second": read::rate(lately),
        "refused": lately.refused,
        "observed": lately.observed,
        "answers_2xx": two,
        "answers_3xx": three,
        "answers_4xx": four,
        "answers_5xx": five,
    })
}

async fn look(
    State(app): State<App>,
    Path(contract): Path<String>,
) -> Result<Json<Value>, WebError> {
    let now = app.now();
    let today = tokyo_date(now);
    let first = today.saturating_sub((DAYS - 1).days());
    let sites = site_names(&app, &contract);
    let minutes = read::minutes(&app.db, &sites, now).await?;
    let hours: Vec<Value> = read::hours(&minutes, now)
        .into_iter()
        .map(|(began, one)| {
            json!({
                "began": began,
                "requests": one.requests,
                "refused": one.refused,
                "observed": one.observed,
            })
        })
        .collect();
    let by_day = desk::traffic(&app, &contract, first, today).await?;
    let days: Vec<Value> = by_day
        .iter()
        .map(|(day, one)| {
            json!({
                "day": day,
                "requests": one.requests,
                "refused": one.refused,
                "observed": one.observed,
            })
        })
        .collect();
    let mut found = Vec::new();
    for what in [What::Kind, What::Rule] {
        let names = read::found(&app.db, &sites, what, first, today).await?;
        let names = names.into_iter().take(MOST).map(|(name, found)| {
            json!({ "name": name, "refused": found.refused, "observed": found.observed })
        });
        found.push(names.collect::<Vec<_>>());
    }
    let paths = read::paths(&app.db, &sites, tokyo_midnight(first)).await?;
    let paths: Vec<Value> = paths
        .into_iter()
        .map(|(path, refused)| json!({ "path": path, "refused": refused }))
        .collect();
    Ok(Json(json!({
        "now": now_json(read::lately(&minutes, now)),
        "hours": hours,
        "days": days,
        "kinds": found[0],
        "rules": found[1],
        "paths": paths,
    })))
}
