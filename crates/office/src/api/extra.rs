//! Routes beside the registers' common ones: descriptions, files, the month's gauge, standings
//! of attestations, gates.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use mamori_kernel::period::YearMonth;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_web::{FieldError, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::refuse;
use super::{schemas, schemas_now};
use crate::files::{self, FileError};
use crate::register::form::FileRef;
use crate::register::{Desk, FieldKind, FieldSpec, Register, typed};
use crate::{REGISTERS, attestation, register, work};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/registers", super::SIGNED_IN, registers).describe(schemas::registers()),
        Route::post(
            "/api/v1/contracts/{contract}/files",
            Permission::write("file"),
            upload,
        )
        .with_body_limit(files::MAX_BYTES)
        .describe(schemas::upload()),
        Route::get(
            "/api/v1/contracts/{contract}/files/{sha256}",
            Permission::read("file"),
            download,
        )
        .personal("file", [])
        .describe(schemas_now::download()),
        Route::get(
            "/api/v1/contracts/{contract}/work/gauge",
            Permission::read("work"),
            gauge,
        )
        .describe(schemas::gauge()),
        Route::get(
            "/api/v1/contracts/{contract}/attestation/standings",
            Permission::read("attestation"),
            standings,
        )
        .describe(schemas::standings()),
        Route::get(
            "/api/v1/contracts/{contract}/gates/{gate}",
            Permission::read("approval"),
            gate,
        )
        .describe(schemas::gate()),
    ]
}

/// The registers as data: what forms and other programs are built from.
async fn registers() -> Json<Value> {
    let registers: Vec<Value> = REGISTERS
        .iter()
        .map(|register| {
            let spec = register.spec;
            json!({
                "key": spec.key,
                "title_ja": spec.title_ja,
                "id_field": spec.id_field,
                "states": spec.states.iter().map(|(key, title)| json!({"key": key, "title_ja": title})).collect::<Vec<_>>(),
                "acts": spec.acts.iter().map(|act| json!({
                    "name": act.name,
                    "title_ja": act.title_ja,
                    "from": act.from,
                    "to": act.to,
                    "evidence": act.kind,
                    "permission": super::permission(register, act).to_string(),
                    "fields": act.fields.iter().map(field).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    Json(json!({ "registers": registers }))
}

fn field(spec: &FieldSpec) -> Value {
    let (kind, more) = match spec.kind {
        FieldKind::Date => ("date", Value::Null),
        FieldKind::Time => ("time", Value::Null),
        FieldKind::Minutes => ("minutes", Value::Null),
        FieldKind::Count => ("count", Value::Null),
        FieldKind::Text(limit) => ("text", json!({"max_chars": limit})),
        FieldKind::Bool => ("bool", Value::Null),
        FieldKind::Choice(choices) => (
            "choice",
            json!({"choices": choices.iter().map(|(key, title)| json!({"key": key, "title_ja": title})).collect::<Vec<_>>()}),
        ),
        FieldKind::Names => ("names", Value::Null),
        FieldKind::Rows(fields) => (
            "rows",
            json!({"fields": fields.iter().map(field).collect::<Vec<_>>()}),
        ),
        FieldKind::File => ("file", Value::Null),
    };
    let mut described = json!({
        "name": spec.name, "label_ja": spec.label_ja, "kind": kind,
        "required": spec.required, "personal": spec.personal,
    });
    if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
        described.extend(more);
    }
    described
}

#[derive(Deserialize)]
struct FileQuery {
    #[serde(default)]
    name: String,
}

/// Stores a file for a later act: body the bytes, `?name=` its name. Its content says its type.
async fn upload(
    State(app): State<App>,
    Path(_contract): Path<String>,
    Query(query): Query<FileQuery>,
    body: Bytes,
) -> Result<(StatusCode, Json<FileRef>), WebError> {
    let file = files::store(&app, &query.name, body.into())
        .await
        .map_err(|error| match error {
            FileError::Refused(message) => WebError::Invalid {
                message: "このファイルは受け取れません".to_owned(),
                fields: vec![FieldError {
                    field: "name".to_owned(),
                    message,
                }],
            },
            FileError::Store(error) => error.into(),
            FileError::Task(error) => WebError::bug(error),
        })?;
    Ok((StatusCode::CREATED, Json(file)))
}

/// A file that a record of the contract came with.
async fn download(
    State(app): State<App>,
    Path((contract, sha256)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let (contract, sha256) = (contract.as_str(), sha256.as_str());
    crate::pages::registers::files::sandboxed(&app, contract, sha256, None).await
}

#[derive(Deserialize)]
struct GaugeQuery {
    #[serde(default)]
    month: String,
}

async fn gauge(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<GaugeQuery>,
) -> Result<Json<work::Gauge>, WebError> {
    let desk = Desk::of(&app).map_err(refuse)?;
    let month = match query.month.trim() {
        "" => YearMonth::of(desk.today()),
        text => {
            text.parse().map_err(
                |error: mamori_kernel::period::PeriodError| WebError::Invalid {
                    message: "月を読めません".to_owned(),
                    fields: vec![FieldError {
                        field: "month".to_owned(),
                        message: error.to_string(),
                    }],
                },
            )?
        }
    };
    Ok(Json(
        desk.work_gauge(&contract, month).await.map_err(refuse)?,
    ))
}

async fn standings(
    State(app): State<App>,
    Path(contract): Path<String>,
) -> Result<Json<Value>, WebError> {
    let desk = Desk::of(&app).map_err(refuse)?;
    let today = desk.today();
    let terms = desk
        .terms(&contract, today)
        .await
        .map_err(|error| refuse(error.into()))?;
    let filed = desk
        .all(&contract, of("attestation"), None)
        .await
        .map_err(refuse)?;
    let standings = attestation::standings(terms.as_ref(), &filed, today);
    let gaps = standings.iter().filter(|standing| standing.gap).count();
    Ok(Json(
        json!({ "day": today, "gaps": gaps, "standings": standings }),
    ))
}

#[derive(Deserialize)]
struct GateQuery {
    #[serde(default)]
    about: String,
    #[serde(default)]
    day: String,
}

async fn gate(
    State(app): State<App>,
    Path((contract, key)): Path<(String, String)>,
    Query(query): Query<GateQuery>,
) -> Result<Json<Value>, WebError> {
    let desk = Desk::of(&app).map_err(refuse)?;
    let today = desk.today();
    let day = match query.day.trim() {
        "" => today,
        text => typed::date(text, today).map_err(WebError::invalid)?,
    };
    let terms = desk
        .terms(&contract, day)
        .await
        .map_err(|error| refuse(error.into()))?;
    let gate = terms
        .gate(&key)
        .ok_or_else(|| WebError::NotFound(format!("関門「{key}」")))?;
    let verdict = desk
        .gate(&contract, &key, &query.about, day)
        .await
        .map_err(refuse)?;
    Ok(Json(
        json!({ "gate": gate, "about": query.about, "day": day, "verdict": verdict }),
    ))
}

fn of(key: &str) -> &'static Register {
    register(key).expect("a register of this crate")
}
