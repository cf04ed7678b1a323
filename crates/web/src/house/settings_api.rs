//! A contract's settings through the API.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts/{c}/settings` | setting.read | all settings with what holds |
//! | `PUT /contracts/{c}/settings/{key}` (`{"value", "was"}`) | setting.decide | changes one; doing it twice does nothing more |

use axum::Json;
use axum::extract::{Path, State};
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::setting::{SettingChange, SettingNow, SettingValue, Shape};
use mamori_runtime::{App, Route, Verb};
use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::{DECIDE, READ, failed};
use crate::error::WebError;
use crate::session::Visitor;

const MOST_BYTES: usize = 32 * 1024;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/settings", READ, list).describe(
            Operation::new("setting", "契約の設定", "The settings of a contract")
                .gives(schema::object([("items", schema::list(shown()))])),
        ),
        Route::new(
            Verb::Put,
            "/api/v1/contracts/{contract}/settings/{key}",
            DECIDE,
            put,
        )
        .with_body_limit(MOST_BYTES)
        .describe(
            Operation::new("setting", "設定を変える", "Change one setting")
                .takes(json!({
                    "type": "object",
                    "required": ["value"],
                    "additionalProperties": false,
                    "properties": { "value": value(), "was": value() },
                }))
                .conflicting()
                .gives(shown()),
        ),
    ]
}

fn value() -> Value {
    json!({
        "description": "a word, a list of mail addresses or a list of numbers, as the shape says",
        "anyOf": [
            { "type": "string", "maxLength": 100 },
            { "type": "array", "maxItems": 100, "items": { "type": "string", "maxLength": 320 } },
            { "type": "array", "maxItems": 100, "items": { "type": "integer" } },
        ],
    })
}

fn shown() -> Value {
    schema::named(
        "Setting",
        schema::object([
            ("key", schema::text()),
            ("shape", schema::word(["addresses", "choice", "numbers"])),
            ("choices", schema::list(schema::text())),
            ("value", value()),
            ("changed_at", schema::nullable(schema::timestamp())),
        ]),
    )
}

fn json_of(now: &SettingNow) -> Value {
    let (shape, choices): (_, &[&str]) = match now.setting.shape {
        Shape::Addresses => ("addresses", &[]),
        Shape::Choice(words) => ("choice", words),
        Shape::Numbers { .. } => ("numbers", &[]),
    };
    json!({
        "key": now.setting.key,
        "shape": shape,
        "choices": choices,
        "value": now.value,
        "changed_at": now.changed.as_ref().map(|(at, _)| at),
    })
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
) -> Result<Json<Value>, WebError> {
    let items: Vec<Value> = app
        .settings_of(&contract)
        .await?
        .iter()
        .map(json_of)
        .collect();
    Ok(Json(json!({ "items": items })))
}

#[derive(Deserialize)]
struct Wish {
    value: SettingValue,
    was: Option<SettingValue>,
}

async fn put(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, key)): Path<(String, String)>,
    Json(wish): Json<Wish>,
) -> Result<Json<Value>, WebError> {
    let change = SettingChange {
        key: key.clone(),
        was: wish.was,
        value: wish.value,
    };
    app.change_settings(&contract, vec![change], &visitor.actor())
        .await
        .map_err(failed)?;
    let now = app.settings_of(&contract).await?;
    now.iter()
        .find(|now| now.setting.key == key)
        .map(|now| Json(json_of(now)))
        .ok_or_else(|| WebError::NotFound(key))
}
