//! Bans over the API.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_kernel::{Ban, BanCause};
use mamori_runtime::describe::schema;
use mamori_runtime::{App, Route};
use mamori_web::api::{PageQuery, page};
use mamori_web::{Visitor, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{about, wrong};
use crate::bans::{self, BanWish, LONGEST_HOURS, store};
use crate::model::REASON_CHARS;
use crate::pages::{self, DECIDE, READ};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/gateway/bans", READ, list)
            .personal("gateway", [])
            .describe(
                about("遮断（新しい順）", "Bans in force, newest first")
                    .paged()
                    .gives(schema::page(ban_schema())),
            ),
        Route::post("/api/v1/contracts/{contract}/gateway/bans", DECIDE, add).describe(
            about("遮断する", "Ban a network")
                .takes(wish_schema())
                .gives(ban_schema()),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/bans/lift",
            DECIDE,
            lift,
        )
        .describe(
            about("遮断を解除する", "Lift a ban")
                .takes(lift_schema())
                .gives(lift_schema()),
        ),
    ]
}

fn ban_schema() -> Value {
    let mut network = schema::text();
    network["x-personal"] = json!(true);
    schema::named(
        "Ban",
        schema::object([
            ("network", network),
            ("by", schema::word(["watch", "person"])),
            ("watch", schema::text()),
            ("reason", schema::text()),
            ("since", schema::timestamp()),
            ("until", schema::nullable(schema::timestamp())),
            ("times", schema::integer()),
        ]),
    )
}

fn wish_schema() -> Value {
    let mut schema = schema::object([
        ("network", schema::text_within(50)),
        ("reason", schema::text_within(REASON_CHARS)),
    ]);
    schema["properties"]["hours"] =
        json!({ "type": "integer", "minimum": 1, "maximum": LONGEST_HOURS });
    schema["additionalProperties"] = json!(false);
    schema
}

fn lift_schema() -> Value {
    let mut schema = schema::object([("network", schema::text_within(50))]);
    schema["additionalProperties"] = json!(false);
    schema
}

fn ban_json(ban: &Ban) -> Value {
    let (by, watch, reason) = match &ban.cause {
        BanCause::Watch { watch } => ("watch", watch.as_str(), ""),
        BanCause::Person { reason } => ("person", "", reason.as_str()),
    };
    json!({
        "network": ban.network,
        "by": by,
        "watch": watch,
        "reason": reason,
        "since": ban.since,
        "until": ban.until,
        "times": ban.times,
    })
}

async fn list(
    State(app): State<App>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, WebError> {
    let now = app.now();
    let paging = asked.of(store::count(&app.db, now).await?);
    let bans = store::in_force(&app.db, now, paging.offset(), paging.per_page).await?;
    let items: Vec<Value> = bans.iter().map(|one| ban_json(&one.ban)).collect();
    Ok(page(&items, paging))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBan {
    network: String,
    hours: Option<i64>,
    reason: String,
}

async fn add(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Json(body): Json<NewBan>,
) -> Result<Json<Value>, WebError> {
    let wish = BanWish {
        network: body.network,
        hours: body
            .hours
            .map(|hours| hours.to_string())
            .unwrap_or_default(),
        reason: body.reason,
    };
    let ban = bans::ban(&app, &contract, &wish, visitor.actor()).await;
    let ban = ban.map_err(|error| wrong(&app, &visitor, "遮断の内容に誤りがあります", error))?;
    Ok(Json(ban_json(&ban)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifted {
    network: String,
}

async fn lift(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Json(body): Json<Lifted>,
) -> Result<Json<Value>, WebError> {
    bans::lift(&app, &contract, &body.network, visitor.actor())
        .await
        .map_err(pages::refused)?;
    Ok(Json(json!({ "network": body.network })))
}
