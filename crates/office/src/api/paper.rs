//! The JSON API of what people add to a paper, and of its renderings.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `POST /documents/{number}/words` (`{"findings", "plans", "notices"}`) | document.write | words of people into the draft |
//! | `POST /documents/{number}/receipt` (`{"receipt"}`) | document.write | number or remark of the receipt |
//! | `GET /documents/{number}/renditions` | document.read | every rendering, oldest first |
//! | `GET /documents/{number}/compare?from&to` | document.read | two renderings, line by line |
//!
//! Words and receipts say how things are to be: sent a second time they change nothing.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mamori_runtime::{App, Route};
use mamori_web::api::{PageQuery, seen_revision};
use mamori_web::components::Comparison;
use mamori_web::{FieldError, Visitor, WebError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, ItemView, refuse};
use super::contract::office;
use super::document::{READ, WRITE, refuse_paper, seen, stored, told};
use super::{describe, schemas_now};
use crate::documents::{Paper, Papers, Rendition, Wording, renditions};
use crate::register::{Done, Stored};

pub fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/contracts/{contract}/documents/{number}/words",
            WRITE,
            words,
        )
        .describe(schemas_now::wording(describe::of::<Words>())),
        Route::post(
            "/api/v1/contracts/{contract}/documents/{number}/receipt",
            WRITE,
            receipt,
        )
        .describe(schemas_now::receipt(describe::of::<Receipt>())),
        Route::get(
            "/api/v1/contracts/{contract}/documents/{number}/renditions",
            READ,
            list,
        )
        .describe(schemas_now::renditions()),
        Route::get(
            "/api/v1/contracts/{contract}/documents/{number}/compare",
            READ,
            compare,
        )
        .describe(schemas_now::compare()),
    ]
}

/// Words of people for a paper; what is left out becomes empty.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    /// 所見.
    #[serde(default)]
    #[schemars(length(max = 4000))]
    findings: String,
    /// 次の期間の予定.
    #[serde(default)]
    #[schemars(length(max = 4000))]
    plans: String,
    /// 連絡事項.
    #[serde(default)]
    #[schemars(length(max = 4000))]
    notices: String,
}

/// The paper as it is, when the act would leave it as it is.
fn unchanged(item: Stored, visitor: &Visitor) -> Response {
    let view = ItemView::new(Papers::register(), item, visitor);
    answer::item(StatusCode::OK, &view)
}

async fn words(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(body): Json<Words>,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    seen(&item, &headers)?;
    if item.state != "draft" {
        return Err(WebError::Conflict(format!(
            "{} は案ではないので、文を書き加えられません。差替え（replace）で次の版の案を作ってください",
            item.number
        )));
    }
    let paper: Paper = item.read().map_err(WebError::bug)?;
    let wanted = [body.findings, body.plans, body.notices].map(|text| text.replace("\r\n", "\n"));
    if paper
        .words()
        .iter()
        .zip(&wanted)
        .all(|(a, b)| *a == b.trim())
    {
        return Ok(unchanged(item, &visitor));
    }
    let wording = Wording {
        words: wanted,
        revision: seen_revision(&headers)?,
    };
    let done = office(&app)?
        .papers
        .word(&contract, &item.id, wording, visitor.actor())
        .await;
    Ok(answered(done.map_err(refuse_paper)?, &visitor))
}

fn answered(done: Done, visitor: &Visitor) -> Response {
    told(StatusCode::OK, done, visitor)
}

/// How the city received a paper.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Receipt {
    /// Number or remark.
    #[schemars(length(min = 1, max = 500))]
    receipt: String,
}

async fn receipt(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(body): Json<Receipt>,
) -> Result<Response, WebError> {
    let item = stored(&app, &contract, &number).await?;
    seen(&item, &headers)?;
    let paper: Paper = item.read().map_err(WebError::bug)?;
    if paper.receipt.as_deref() == Some(body.receipt.trim()) {
        return Ok(unchanged(item, &visitor));
    }
    let revision = seen_revision(&headers)?;
    let done = office(&app)?
        .papers
        .receipt_seen(
            &contract,
            &item.id,
            &body.receipt,
            visitor.actor(),
            revision,
        )
        .await;
    Ok(answered(done.map_err(refuse_paper)?, &visitor))
}

async fn all(app: &App, contract: &str, number: &str) -> Result<Vec<Rendition>, WebError> {
    let item = stored(app, contract, number).await?;
    let story = office(app)?
        .desk
        .history(contract, Papers::register(), &item.id)
        .await
        .map_err(refuse)?;
    Ok(renditions(&story))
}

fn json_of(one: &Rendition) -> Value {
    let digest = |format: &str| one.file(format).map(|file| &file.sha256);
    json!({
        "seq": one.seq,
        "at": one.at,
        "actor": one.actor,
        "kind_ja": one.kind_ja,
        "version": one.version,
        "state": one.state,
        "rendered_on": one.rendered_on,
        "submitted_on": one.submitted_on,
        "pdf_sha256": digest("pdf"),
        "docx_sha256": digest("docx"),
        "xlsx_sha256": digest("xlsx"),
    })
}

async fn list(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let all = all(&app, &contract, &number).await?;
    Ok(query.cut(&all.iter().map(json_of).collect::<Vec<_>>()))
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// The newest rendering beside the one before, unless two are named by their records.
async fn compare(
    State(app): State<App>,
    Path((contract, number)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, WebError> {
    let all = all(&app, &contract, &number).await?;
    let of = |field: &str, text: &str, unless: Option<usize>| {
        match text {
            "" => unless.and_then(|index| all.get(index)).ok_or(()),
            text => all.iter().find(|one| one.seq.to_string() == text).ok_or(()),
        }
        .map_err(|()| WebError::Invalid {
            message: "比べる版がありません".to_owned(),
            fields: vec![FieldError {
                field: field.to_owned(),
                message: "renditions にある seq を書いてください".to_owned(),
            }],
        })
    };
    let newest = all.len().checked_sub(1);
    let to = of("to", &asked.to, newest)?;
    let from = of(
        "from",
        &asked.from,
        newest.map(|last| last.saturating_sub(1)),
    )?;
    let (before, after) = (text(&app, from).await?, text(&app, to).await?);
    let compared = Comparison::of(("from", &before), ("to", &after));
    let side = |side: &mamori_web::components::Side| {
        (side.number > 0).then(|| {
            let text: String = side
                .pieces
                .iter()
                .map(|piece| piece.text.as_str())
                .collect();
            json!({ "line": side.number, "text": text })
        })
    };
    Ok(Json(json!({
        "from": json_of(from),
        "to": json_of(to),
        "changes": compared.changes(),
        "lines": compared.lines.iter().map(|line| json!({
            "kind": line.key(),
            "skipped": line.skipped,
            "before": side(&line.before),
            "after": side(&line.after),
        })).collect::<Vec<_>>(),
        "skipped": compared.skipped,
    })))
}

async fn text(app: &App, one: &Rendition) -> Result<String, WebError> {
    let model = crate::pages::papers::model(app, &one.model).await?;
    Ok(mamori_document::render_text(&model))
}
