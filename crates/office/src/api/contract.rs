//! The JSON API of contracts in force: states of obligations, due dates.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts?page&per_page` | contract.read | all contracts in force |
//! | `POST /contracts` (`{"name": …, "source": TOML}`) | contract.administer | puts a contract, or a new text of one, into force |
//! | `GET /contracts/{c}/obligations?verdict&q&sort&page&per_page` | contract.read | a page of obligations |
//! | `GET /contracts/{c}/obligations/{key}` | contract.read | one, with every period's state |
//! | `GET /contracts/{c}/due?from&to&sort&page&per_page` | contract.read | due dates, today and 31 days on unless told |
//!
//! Activating the same text twice does nothing the second time, so it needs no
//! `Idempotency-Key`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_contract::engine::{State as Standing, Verdict};
use mamori_contract::language::Obligation;
use mamori_contract::parse::diagnostics::{Report, Severity};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::merkle::Digest;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_web::api::PageQuery;
use mamori_web::{FieldError, PlacedError, Visitor, WebError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ledger::head_json;
use super::{describe, schemas};
use crate::Office;
use crate::contracts::{Activation, ContractsError, Live, brief};
use crate::register::nearest;
use crate::register::typed::{self, normal};

const CONTRACT: Permission = Permission::read("contract");
/// Most bytes of a contract file; the real one has a quarter of a mebibyte.
const MAX_SOURCE_BYTES: usize = 8 * 1024 * 1024;
/// Days of due dates that are listed unless told.
const DUE_DAYS: i64 = 31;

/// All verdicts, worst first.
pub(super) const VERDICTS: [Verdict; 6] = [
    Verdict::NotMet,
    Verdict::Undecided,
    Verdict::Unmeasured,
    Verdict::Pending,
    Verdict::Met,
    Verdict::NotApplicable,
];

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts", CONTRACT, list).describe(schemas::contracts()),
        Route::post(
            "/api/v1/contracts",
            Permission::administer("contract"),
            activate,
        )
        .with_body_limit(MAX_SOURCE_BYTES)
        .describe(schemas::activate(describe::of::<NewText>())),
        Route::get(
            "/api/v1/contracts/{contract}/obligations",
            CONTRACT,
            obligations,
        )
        .describe(schemas::obligations()),
        Route::get(
            "/api/v1/contracts/{contract}/obligations/{key}",
            CONTRACT,
            obligation,
        )
        .describe(schemas::obligation()),
        Route::get("/api/v1/contracts/{contract}/due", CONTRACT, due).describe(schemas::due()),
    ]
}

/// The office of the application.
pub fn office(app: &App) -> Result<Arc<Office>, WebError> {
    Office::of(app).map_err(|error| WebError::Unavailable(error.into()))
}

/// The contract in force of this id.
pub async fn live(app: &App, id: &str) -> Result<Arc<Live>, WebError> {
    office(app)?.contracts.live(id).await.map_err(refuse)
}

/// What the contract service refused, as an answer. Every finding in a contract file becomes an
/// error whose field is its path in the file and whose message begins with `file:line:column`.
pub fn refuse(error: ContractsError) -> WebError {
    match error {
        ContractsError::Unknown(id) => WebError::NotFound(format!("有効な契約「{id}」")),
        ContractsError::Wrong(report) => WebError::Placed {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: format!(
                "契約ファイルに誤りが{}件あります。示した行と列を直して、もう一度送ってください",
                report.counts().0
            ),
            errors: findings(&report, Severity::Error),
        },
        ContractsError::Choose(message) => WebError::invalid(message),
        ContractsError::Store(error) => error.into(),
        ContractsError::Ledger(error) => error.into(),
    }
}

fn findings(report: &Report, severity: Severity) -> Vec<PlacedError> {
    report
        .diagnostics
        .iter()
        .filter(|found| found.severity == severity)
        .map(|found| {
            let help = found
                .help
                .as_deref()
                .map_or(String::new(), |help| format!("（{help}）"));
            PlacedError {
                line: found.line,
                column: found.column,
                field: if found.path.is_empty() {
                    "source".to_owned()
                } else {
                    found.path.clone()
                },
                message: format!(
                    "{}:{}:{}: {}{help}",
                    report.file, found.line, found.column, found.message
                ),
            }
        })
        .collect()
}

/// Reads query parameters and keeps what is wrong with them, all at once.
#[derive(Default)]
pub struct Reader {
    problems: Vec<FieldError>,
}

impl Reader {
    /// A parameter is wrong.
    pub fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// A day; none when the parameter is empty.
    pub fn day(&mut self, field: &str, text: &str, today: Date) -> Option<Date> {
        match text.trim() {
            "" => None,
            text => typed::date(text, today)
                .map_err(|message| self.wrong(field, message))
                .ok(),
        }
    }

    /// A whole number from 1; none when the parameter is empty.
    pub fn number<N: std::str::FromStr + Default + PartialOrd>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Option<N> {
        match text.trim() {
            "" => None,
            text => match text.parse::<N>() {
                Ok(number) if number > N::default() => Some(number),
                _ => {
                    self.wrong(field, "1以上の整数で書いてください");
                    None
                }
            },
        }
    }

    /// Words separated by commas, each one of `known`.
    pub fn words(&mut self, field: &str, text: &str, known: &[&str]) -> Vec<String> {
        let words: Vec<String> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        for word in &words {
            if !known.contains(&word.as_str()) {
                self.wrong(
                    field,
                    format!("「{word}」は使えません。使える値: {}", known.join(", ")),
                );
            }
        }
        words
    }

    /// Goes on when nothing was wrong.
    pub fn finish(self) -> Result<(), WebError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(WebError::Invalid {
                message: "絞り込みの条件に誤りがあります".to_owned(),
                fields: self.problems,
            })
        }
    }
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let mut items = Vec::new();
    for live in office(&app)?.contracts.all() {
        // Contracts without rights do not exist.
        if visitor.role_on(live.id()).is_none() {
            continue;
        }
        items.push(described(&app, &live).await?);
    }
    Ok(query.cut(&items))
}

async fn described(app: &App, live: &Live) -> Result<Value, WebError> {
    let contract = live.contract();
    let states = live.states(app.now()).await.map_err(refuse)?;
    let counts: serde_json::Map<String, Value> = VERDICTS
        .iter()
        .map(|verdict| {
            let count = states
                .iter()
                .filter(|state| state.verdict == *verdict)
                .count();
            (key(*verdict), json!(count))
        })
        .collect();
    let id = live.id();
    Ok(json!({
        "id": id,
        "name": contract.file.contract.name,
        "city": contract.file.contract.city,
        "term": { "from": contract.term.first(), "to": contract.term.last() },
        "obligations": contract.file.obligation.len(),
        "judged": states.len(),
        "counts": counts,
        "head": app.db.ledger_head(id).await?.as_ref().map(head_json),
        "href": format!("/api/v1/contracts/{id}/obligations"),
    }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// Name of the file, for messages.
    #[serde(default)]
    #[schemars(length(max = 200))]
    name: String,
    /// The contract in TOML.
    source: String,
}

async fn activate(
    State(app): State<App>,
    visitor: Visitor,
    Json(body): Json<NewText>,
) -> Result<(StatusCode, Json<Value>), WebError> {
    let name = match body.name.trim() {
        "" => "contract.toml",
        name => name,
    };
    let (live, done, report) = office(&app)?
        .contracts
        .activate(name, &body.source, visitor.actor())
        .await
        .map_err(refuse)?;
    let (status, done) = match done {
        Activation::New => (StatusCode::CREATED, "new"),
        Activation::Changed => (StatusCode::OK, "changed"),
        Activation::Unchanged => (StatusCode::OK, "unchanged"),
    };
    Ok((
        status,
        Json(json!({
            "activation": done,
            "contract": described(&app, &live).await?,
            "sha256": Digest::of(body.source.as_bytes()).to_hex(),
            "warnings": findings(&report, Severity::Warning),
        })),
    ))
}

/// The word of a verdict in the API.
pub(super) fn key(verdict: Verdict) -> String {
    match serde_json::to_value(verdict) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

#[derive(Default, Deserialize)]
struct ObligationQuery {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(flatten)]
    page: PageQuery,
}

/// Sorts lines by a field of theirs (`next_due`, with a minus before it the other way round);
/// lines without a value come last. Without a wish the order stays.
pub fn sort_by_field(lines: &mut [Value], wish: &str) {
    let (field, turned) = match wish.strip_prefix('-') {
        Some(field) => (field, true),
        None => (wish, false),
    };
    if field.is_empty() {
        return;
    }
    lines.sort_by(|a, b| {
        let (a, b) = (a[field].as_str(), b[field].as_str());
        let order = a.is_none().cmp(&b.is_none());
        order.then_with(|| if turned { b.cmp(&a) } else { a.cmp(&b) })
    });
}

/// An obligation in a list. Those that are not judged (definitions, permissions) have no verdict.
fn line(live: &Live, obligation: &Obligation, state: Option<&Standing>) -> Value {
    json!({
        "key": obligation.key,
        "clause": obligation.clause,
        "title": obligation.title,
        "text": obligation.text,
        "deliverable": obligation.deliverable,
        "verdict": state.map(|state| state.verdict),
        "verdict_ja": state.map(|state| state.verdict.japanese()),
        "current": state.and_then(|state| state.current),
        "next_due": state.and_then(|state| state.next_due),
        "reason": state.map(brief),
        "href": format!("/api/v1/contracts/{}/obligations/{}", live.id(), obligation.key),
    })
}

async fn obligations(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<ObligationQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let known: Vec<String> = VERDICTS.iter().map(|verdict| key(*verdict)).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut reader = Reader::default();
    let verdicts = reader.words("verdict", &query.verdict, &known);
    reader.finish()?;
    let states = live.states(app.now()).await.map_err(refuse)?;
    let words = normal(&query.q);
    let mut found: Vec<Value> = live
        .contract()
        .file
        .obligation
        .iter()
        .filter_map(|obligation| live.contract().latest(&obligation.key))
        .filter_map(|obligation| {
            let state = states
                .iter()
                .find(|state| state.key == obligation.key)
                .map(Arc::as_ref);
            let wanted = verdicts.is_empty()
                || state.is_some_and(|state| verdicts.contains(&key(state.verdict)));
            let text = normal(&format!(
                "{} {} {} {}",
                obligation.key, obligation.clause, obligation.title, obligation.text
            ));
            let said = words.split_whitespace().all(|word| text.contains(word));
            (wanted && said).then(|| line(&live, obligation, state))
        })
        .collect();
    sort_by_field(&mut found, &query.sort);
    Ok(query.page.cut(&found))
}

async fn obligation(
    State(app): State<App>,
    Path((contract, key)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    Ok(Json(obligation_json(&app, &live, &key).await?))
}

/// The obligation of that key; an unknown one is not there.
pub(super) fn obligation_of<'l>(live: &'l Live, key: &str) -> Result<&'l Obligation, WebError> {
    let terms = live.contract();
    let found = terms.latest(key).ok_or_else(|| {
        let keys = terms.file.obligation.iter().map(|each| each.key.as_str());
        let near = nearest(key, keys)
            .first()
            .map_or(String::new(), |near| format!("（{near} のことですか）"));
        WebError::NotFound(format!("義務「{key}」{near}"))
    })?;
    Ok(found)
}

/// An obligation with every period's state.
pub(super) async fn obligation_json(app: &App, live: &Live, key: &str) -> Result<Value, WebError> {
    let terms = live.contract();
    let found = obligation_of(live, key)?;
    let states = live.states(app.now()).await.map_err(refuse)?;
    let state = states.iter().find(|state| state.key == key);
    let notes: Vec<Value> = found
        .notes
        .iter()
        .filter_map(|note| terms.ambiguity(note))
        .map(|note| {
            json!({
                "key": note.key,
                "text": note.text,
                "question": note.question,
                "readings": note.reading.iter()
                    .map(|reading| json!({ "key": reading.key, "title": reading.title }))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut value = line(live, found, state.map(Arc::as_ref));
    value["soft"] = json!(found.soft);
    value["remark"] = json!(found.remark);
    value["notes"] = json!(notes);
    value["rule"] = json!(found);
    value["state"] = json!(state.map(Arc::as_ref));
    Ok(value)
}

#[derive(Default, Deserialize)]
struct DueQuery {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    sort: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn due(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<DueQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let today = tokyo_date(app.now());
    let mut reader = Reader::default();
    let from = reader.day("from", &query.from, today).unwrap_or(today);
    let to = reader
        .day("to", &query.to, today)
        .unwrap_or_else(|| from.saturating_add(DUE_DAYS.days()));
    if to < from {
        reader.wrong(
            "to",
            format!("始まりの日（{from}）以後の日を書いてください"),
        );
    }
    reader.finish()?;
    let mut dues = live.contract().due(from, to);
    if query.sort == "-due" {
        dues.reverse();
    }
    Ok(query.page.cut(&dues))
}
