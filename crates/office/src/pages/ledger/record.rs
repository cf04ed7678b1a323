//! One record: what it says, its place in the chain, and the proof step by step, computed here and
//! now and downloadable for computing it elsewhere.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mamori_runtime::App;
use mamori_store::{LedgerQuery, RecordProof};
use mamori_web::components::Cell;
use mamori_web::{Language, Page, Tone, Visitor, WebError, html};
use serde_json::Value;

use crate::pages::names::Names;
use crate::pages::view::{self, At};

/// Deepest nesting of a payload that is shown as a table; the canonical text shows all.
const DEEPEST: usize = 6;

struct StepRow {
    number: usize,
    side: String,
    covers: String,
    sibling: String,
    result: String,
}

#[derive(Template)]
#[template(path = "ledger/record.html")]
struct RecordPage {
    page: Page,
    seq: u64,
    facts: Vec<(String, Cell)>,
    payload: Vec<(String, String)>,
    canonical: String,
    files: Vec<(String, u64, String)>,
    /// Personal data: kept beside the chain, erased (with the tombstone), or none.
    personal: Option<(Tone, String, String)>,
    erases: Option<String>,
    prev: String,
    hash: String,
    leaf: String,
    steps: Vec<StepRow>,
    root: String,
    holds: bool,
    fault: String,
    signed: String,
    head: String,
    public_key: String,
    command: String,
    before: Option<String>,
    after: Option<String>,
}

/// The number that an address names; a text that is no number names no record.
fn number(text: &str) -> Result<u64, WebError> {
    text.parse()
        .map_err(|_| WebError::NotFound(format!("記録「{text}」")))
}

async fn proof(app: &App, at: &At, seq: u64) -> Result<RecordProof, WebError> {
    Ok(app
        .db
        .ledger_record_proof(at.live.id(), seq, &app.ledger_key, app.now())
        .await?)
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, seq)): Path<(String, String)>,
    at: At,
) -> Result<Response, WebError> {
    let seq = number(&seq)?;
    let contract = at.live.id();
    let record = app.db.ledger_record(contract, seq).await?;
    let proof = proof(&app, &at, seq).await?;
    let mut page = Page::new(&app, &visitor, "").under("ledger-title", visitor.at("/ledger"));
    page.title = format!("#{seq} {}", view::kind_title(&app, &page, &record.kind));
    let page = page.here();
    let names = Names::read(&app, &visitor, &page).await?;
    let last = app
        .db
        .ledger_head(contract)
        .await?
        .map_or(0, |head| head.seq);
    let fault = proof.verify(None).err();
    let checkpoint = &proof.checkpoint.checkpoint;
    let moment = checkpoint
        .at()
        .map(|at| page.moment(at))
        .unwrap_or_default();
    let actor = record.actor.to_string();
    let mut facts = vec![
        (
            "at",
            Cell::time(record.at.to_string(), page.moment(record.at)),
        ),
        (
            "actor",
            Cell::link(
                page.at(&format!(
                    "/ledger?actor={}",
                    mamori_web::components::percent_encoded(&actor)
                )),
                names.of(&actor),
            ),
        ),
        (
            "kind",
            Cell::link(
                page.at(&format!("/ledger?kind={}", record.kind)),
                format!(
                    "{}{}",
                    view::kind_title(&app, &page, &record.kind),
                    page.t1(
                        "ui-of",
                        "what",
                        format!("{} v{}", record.kind, record.version)
                    )
                ),
            ),
        ),
        (
            "subject",
            Cell::link(
                page.at(&format!(
                    "/ledger?subject={}",
                    mamori_web::components::percent_encoded(&record.subject)
                )),
                super::subject(&record),
            ),
        ),
    ];
    if let Some(observed) = record.observed {
        facts.push((
            "observed",
            Cell::time(observed.to_string(), page.moment(observed)),
        ));
    }
    let href = super::subject_href(&page, &record);
    if !href.is_empty() {
        facts.push(("item", Cell::link(href, page.t("ledger-open-item"))));
    }
    let value = record.payload.value();
    let mut payload = Vec::new();
    flatten(&page, "", &value, 0, &mut payload);
    let personal = match record.personal {
        None => None,
        Some(_) => Some(personal(&app, &page, contract, seq).await?),
    };
    let erases = (record.kind == "ledger.erased")
        .then(|| {
            value["seq"]
                .as_u64()
                .map(|seq| page.at(&format!("/ledger/{seq}")))
        })
        .flatten();
    let beside = |seq: u64| page.at(&format!("/ledger/{seq}"));
    html(&RecordPage {
        seq,
        facts: facts
            .into_iter()
            .map(|(key, cell)| (page.t(&format!("ledger-fact-{key}")), cell))
            .collect(),
        payload: called(&app, &page, &record.kind, payload),
        canonical: record.payload.as_str().to_owned(),
        files: record
            .attachments
            .iter()
            .map(|file| (file.name.clone(), file.size, file.sha256.to_hex()))
            .collect(),
        personal,
        erases,
        prev: record.prev.to_hex(),
        hash: record.hash.to_hex(),
        leaf: proof.proof.leaf.to_hex(),
        steps: steps(&page, &proof),
        root: proof.proof.root.to_hex(),
        holds: fault.is_none(),
        fault: fault.map(|fault| fault.to_string()).unwrap_or_default(),
        signed: page.t_with(
            "ledger-signed",
            &[("at", moment.into()), ("size", checkpoint.size.into())],
        ),
        head: checkpoint.head().to_string(),
        public_key: proof.public_key.clone(),
        command: format!("mamori ledger verify-record record-{seq}.json"),
        before: (seq > 1).then(|| beside(seq - 1)),
        after: (seq < last).then(|| beside(seq + 1)),
        page,
    })
}

/// Whether personal data is still there; the tombstone when it was erased.
async fn personal(
    app: &App,
    page: &Page,
    contract: &str,
    seq: u64,
) -> Result<(Tone, String, String), WebError> {
    if app.db.ledger_personal(contract, seq).await?.is_some() {
        return Ok((Tone::Info, page.t("ledger-personal-kept"), String::new()));
    }
    let query = LedgerQuery {
        subject: Some(format!("seq:{seq}")),
        kinds: vec!["ledger.erased".to_owned()],
        limit: 1,
        ..LedgerQuery::new(contract)
    };
    let tombstone = app.db.ledger_records(&query).await?;
    let href = tombstone
        .first()
        .map(|record| page.at(&format!("/ledger/{}", record.seq)))
        .unwrap_or_default();
    Ok((Tone::Quiet, page.t("ledger-personal-erased"), href))
}

fn steps(page: &Page, proof: &RecordProof) -> Vec<StepRow> {
    proof
        .steps()
        .into_iter()
        .enumerate()
        .map(|(index, step)| {
            let (first, last) = (step.covers.start + 1, step.covers.end);
            StepRow {
                number: index + 1,
                side: page.t(if step.is_left {
                    "ledger-step-left"
                } else {
                    "ledger-step-right"
                }),
                covers: if first == last {
                    format!("#{first}")
                } else {
                    format!("#{first}–#{last}")
                },
                sibling: step.sibling.to_hex(),
                result: step.result.to_hex(),
            }
        })
        .collect()
}

/// The names of a payload as its writer explains them, in the language of the explanations.
fn called(
    app: &App,
    page: &Page,
    kind: &str,
    payload: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let declared = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .find(|declared| declared.kind == kind && page.language == Language::Ja);
    let Some(declared) = declared else {
        return payload;
    };
    payload
        .into_iter()
        .map(|(name, value)| {
            let (first, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            let meaning = declared
                .fields
                .iter()
                .find(|(known, _)| known.trim_end_matches('?') == first)
                .map_or(first, |(_, meaning)| *meaning);
            (format!("{meaning}{rest}"), value)
        })
        .collect()
}

/// The payload as name and value, one per line: `files[0].name`.
fn flatten(page: &Page, name: &str, value: &Value, depth: usize, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if depth < DEEPEST => {
            for (key, value) in members {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(page, &name, value, depth + 1, out);
            }
        }
        Value::Array(values) if depth < DEEPEST && !values.is_empty() => {
            for (index, value) in values.iter().enumerate() {
                flatten(page, &format!("{name}[{index}]"), value, depth + 1, out);
            }
        }
        Value::Null => out.push((name.to_owned(), "―".to_owned())),
        Value::Bool(truth) => {
            let key = if *truth { "ledger-yes" } else { "ledger-no" };
            out.push((name.to_owned(), page.t(key)));
        }
        Value::String(text) => out.push((name.to_owned(), text.clone())),
        other => out.push((name.to_owned(), other.to_string())),
    }
}

/// The proof as a file.
pub(super) async fn file(
    State(app): State<App>,
    Path((_, seq)): Path<(String, String)>,
    at: At,
) -> Result<Response, WebError> {
    let seq = number(&seq)?;
    let proof = proof(&app, &at, seq).await?;
    let text = serde_json::to_string_pretty(&proof).map_err(WebError::bug)?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let name = format!("attachment; filename=\"record-{seq}.json\"");
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).map_err(WebError::bug)?,
    );
    Ok(response)
}
