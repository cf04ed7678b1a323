//! What the firewall does with parts of a site, for programs.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_runtime::describe::schema;
use mamori_runtime::{App, Route};
use mamori_web::api::PageQuery;
use mamori_web::{Visitor, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MODES, about, wrong};
use crate::local::{self, LocalMode, Wish};
use crate::model::mode_word;
use crate::pages::{self, DECIDE, READ, site_names};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/gateway/modes", READ, list).describe(
            about(
                "場所・規則ごとの動作（新しい順）",
                "Modes of paths and rules, newest first",
            )
            .paged()
            .gives(schema::page(mode_schema())),
        ),
        Route::post("/api/v1/contracts/{contract}/gateway/modes", DECIDE, decide).describe(
            about(
                "場所・規則ごとの動作を決める",
                "Decide the mode of a path or of rules",
            )
            .takes(wish_schema())
            .gives(mode_schema()),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/modes/{site}/{id}/end",
            DECIDE,
            end,
        )
        .describe(
            about(
                "場所・規則ごとの動作を終える",
                "End the mode of a path or of rules",
            )
            .gives(mode_schema()),
        ),
    ]
}

fn mode_schema() -> Value {
    schema::named(
        "LocalMode",
        schema::object([
            ("id", schema::text()),
            ("site", schema::text()),
            ("about", schema::word(["path", "rule", "tag"])),
            ("name", schema::text()),
            ("mode", schema::word(MODES)),
            ("reason", schema::text()),
            ("author", schema::text()),
            ("created_at", schema::timestamp()),
            ("expires_on", schema::nullable(schema::date())),
            ("ended_at", schema::nullable(schema::timestamp())),
            ("holds", schema::boolean()),
        ]),
    )
}

fn wish_schema() -> Value {
    let mut schema = schema::object([
        ("site", schema::text_within(100)),
        ("about", schema::word(["path", "rule", "tag"])),
        ("name", schema::text_within(500)),
        ("mode", schema::word(MODES)),
        ("reason", schema::text_within(500)),
    ]);
    schema["properties"]["expires_on"] = schema::date_typed();
    schema["additionalProperties"] = json!(false);
    schema
}

fn mode_json(app: &App, one: &LocalMode) -> Value {
    json!({
        "id": one.id,
        "site": one.site,
        "about": one.scope.word(),
        "name": one.scope.name(),
        "mode": mode_word(one.mode),
        "reason": one.reason,
        "author": one.author,
        "created_at": one.created_at,
        "expires_on": one.expires_on,
        "ended_at": one.ended_at,
        "holds": one.holds(app.now()),
    })
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, WebError> {
    let mut all = Vec::new();
    for site in site_names(&app, &contract) {
        all.extend(local::store::all(&app.db, &site, false).await?);
    }
    let items: Vec<Value> = all.iter().map(|one| mode_json(&app, one)).collect();
    Ok(asked.cut(&items))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMode {
    site: String,
    about: String,
    name: String,
    mode: String,
    reason: String,
    #[serde(default)]
    expires_on: String,
}

async fn decide(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Json(body): Json<NewMode>,
) -> Result<Json<Value>, WebError> {
    let wish = Wish {
        about: body.about,
        name: body.name,
        mode: body.mode,
        reason: body.reason,
        expires_on: body.expires_on,
    };
    let made = local::desk::decide(&app, &contract, &body.site, &wish, visitor.actor()).await;
    let said = "場所・規則ごとの動作に誤りがあります";
    let made = made.map_err(|error| wrong(&app, &visitor, said, error))?;
    Ok(Json(mode_json(&app, &made)))
}

async fn end(
    State(app): State<App>,
    Path((contract, site, id)): Path<(String, String, String)>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    local::desk::end(&app, &contract, &site, &id, visitor.actor())
        .await
        .map_err(pages::refused)?;
    let all = local::store::all(&app.db, &site, false).await?;
    let ended = all.iter().find(|one| one.id.to_string() == id);
    ended
        .map(|one| Json(mode_json(&app, one)))
        .ok_or_else(|| WebError::NotFound(format!("動作「{id}」")))
}
