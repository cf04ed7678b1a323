//! The JSON API of the ledger: records, the head, and the proof of a record.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts/{c}/ledger?from_seq&kind&limit` | ledger.read | records, oldest first |
//! | `GET /contracts/{c}/ledger/head` | ledger.read | the last record's number and hash |
//! | `GET /contracts/{c}/ledger/checkpoints` | ledger.read | what the installation signed |
//! | `GET /contracts/{c}/ledger/export?from&to` | ledger.read | a ZIP that can be verified anywhere |
//! | `GET /contracts/{c}/ledger/{seq}` | ledger.read | one record |
//! | `GET /contracts/{c}/ledger/{seq}/proof` | ledger.read | record, Merkle path, signed checkpoint |
//!
//! A proof can be checked without this installation: hash the leaf with the path to the root and
//! compare it with the checkpoint's, whose signature the installation's public key vouches for.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::{Head, Record};
use mamori_kernel::merkle::Digest;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_store::LedgerQuery;
use mamori_web::WebError;
use mamori_web::api::PageQuery;
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::{Reader, live};
use super::{schemas, schemas_now};
use crate::pages::ledger::export::{WITHIN, zip};

const LEDGER: Permission = Permission::read("ledger");
/// Most records of one answer.
const MAX_RECORDS: u32 = 1_000;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/ledger", LEDGER, records)
            .describe(schemas::records()),
        Route::get("/api/v1/contracts/{contract}/ledger/head", LEDGER, head)
            .describe(schemas::head()),
        Route::get(
            "/api/v1/contracts/{contract}/ledger/checkpoints",
            LEDGER,
            checkpoints,
        )
        .describe(schemas_now::checkpoints()),
        Route::get("/api/v1/contracts/{contract}/ledger/export", LEDGER, export)
            .within(WITHIN)
            .describe(schemas_now::export()),
        Route::get("/api/v1/contracts/{contract}/ledger/{seq}", LEDGER, one)
            .describe(schemas::one_record()),
        Route::get(
            "/api/v1/contracts/{contract}/ledger/{seq}/proof",
            LEDGER,
            proof,
        )
        .describe(schemas::proof()),
    ]
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    from_seq: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    limit: String,
}

/// Records from a number on, oldest first; `next_from_seq` leads to the rest, if there is any.
async fn records(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<Parameters>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let mut reader = Reader::default();
    let from_seq = reader.number("from_seq", &query.from_seq).unwrap_or(1u64);
    let limit = reader
        .number("limit", &query.limit)
        .unwrap_or(100u32)
        .min(MAX_RECORDS);
    reader.finish()?;
    let kinds: Vec<String> = query
        .kind
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect();
    let wanted = LedgerQuery {
        from_seq: Some(from_seq),
        // One more than wanted tells whether there is more.
        limit: limit + 1,
        kinds: kinds.clone(),
        ..LedgerQuery::new(live.id())
    };
    let mut records = app.db.ledger_records(&wanted).await?;
    let more = records.len() > limit as usize;
    records.truncate(limit as usize);
    let next = more
        .then(|| records.last().map(|record| record.seq + 1))
        .flatten();
    let mut response = Json(json!({
        "items": records.iter().map(record_json).collect::<Vec<_>>(),
        "next_from_seq": next,
    }))
    .into_response();
    if let Some(next) = next {
        // Kinds of evidence are plain words; anything else finds no record, so has no next page.
        let kind = if kinds.is_empty() {
            String::new()
        } else {
            format!("&kind={}", kinds.join(","))
        };
        let link = format!(
            "</api/v1/contracts/{}/ledger?from_seq={next}&limit={limit}{kind}>; rel=\"next\"",
            live.id()
        );
        if let Ok(value) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, value);
        }
    }
    Ok(response)
}

/// A record without personal data, which never is in the chain.
pub fn record_json(record: &Record) -> Value {
    json!({
        "seq": record.seq,
        "at": record.at,
        "observed": record.observed,
        "actor": record.actor.to_string(),
        "kind": record.kind,
        "version": record.version,
        "subject": record.subject,
        "payload": record.payload.value(),
        "attachments": record.attachments.iter().map(|file| json!({
            "name": file.name,
            "media_type": file.media_type,
            "sha256": file.sha256.to_hex(),
            "size": file.size,
        })).collect::<Vec<_>>(),
        "personal": record.personal.map(Digest::to_hex),
        "prev": record.prev.to_hex(),
        "hash": record.hash.to_hex(),
    })
}

pub fn head_json(head: &Head) -> Value {
    json!({ "seq": head.seq, "hash": head.hash.to_hex(), "text": head.to_string() })
}

async fn head(
    State(app): State<App>,
    Path(contract): Path<String>,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    let head = app
        .db
        .ledger_head(live.id())
        .await?
        .ok_or_else(|| WebError::NotFound(format!("契約「{contract}」の証跡")))?;
    Ok(Json(head_json(&head)))
}

async fn checkpoints(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let key = app.ledger_key.public();
    let all = app.db.ledger_checkpoints(live.id()).await?;
    let lines: Vec<Value> = all
        .iter()
        .map(|checkpoint| {
            json!({
                "size": checkpoint.size,
                "head": checkpoint.head.to_hex(),
                "root": checkpoint.root.to_hex(),
                "at": checkpoint.at(),
                "key_id": checkpoint.key_id.to_hex(),
                "signature": checkpoint.signature,
                "vouched": key.vouches(checkpoint),
            })
        })
        .collect();
    Ok(query.cut(&lines))
}

#[derive(Default, Deserialize)]
struct ExportQuery {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

async fn export(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let today = tokyo_date(app.now());
    let mut reader = Reader::default();
    let from = reader.day("from", &query.from, today);
    let to = reader.day("to", &query.to, today);
    reader.finish()?;
    zip(&app, live.id(), from, to).await
}

/// The record of this number; a text that is no number names none.
async fn found(app: &App, contract: &str, seq: &str) -> Result<Record, WebError> {
    let live = live(app, contract).await?;
    let number = seq
        .parse()
        .map_err(|_| WebError::NotFound(format!("記録「{seq}」")))?;
    Ok(app.db.ledger_record(live.id(), number).await?)
}

async fn one(
    State(app): State<App>,
    Path((contract, seq)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    Ok(Json(record_json(&found(&app, &contract, &seq).await?)))
}

async fn proof(
    State(app): State<App>,
    Path((contract, seq)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    let record = found(&app, &contract, &seq).await?;
    let proof = app
        .db
        .ledger_record_proof(&record.contract, record.seq, &app.ledger_key, app.now())
        .await?;
    Ok(Json(json!(proof)))
}
