//! 証跡台帳: the head, what it proves and what not, the newest records.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use mamori_runtime::App;
use mamori_store::LedgerQuery;
use mamori_web::{Field, Page, Visitor, WebError, html};
use serde::Deserialize;

use super::view::{self, At};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    seq: Option<u64>,
    #[serde(default)]
    kind: String,
}

struct Row {
    seq: u64,
    at: String,
    actor: String,
    kind: String,
    /// Empty for a kind that nobody here declares.
    kind_ja: &'static str,
    subject: String,
    payload: String,
    hash: String,
    files: Vec<String>,
    personal: bool,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    page: Page,
    head: Option<(u64, String, String)>,
    rows: Vec<Row>,
    single: bool,
    older: Option<String>,
    kind: Field,
    narrowed: bool,
}

const ROWS: u32 = 50;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    At { live, .. }: At,
    Query(filter): Query<Filter>,
) -> Result<Response, WebError> {
    let head = app.db.ledger_head(live.id()).await?;
    let query = LedgerQuery {
        to_seq: filter.seq,
        kinds: if filter.kind.is_empty() {
            Vec::new()
        } else {
            vec![filter.kind.clone()]
        },
        newest_first: true,
        limit: ROWS,
        ..LedgerQuery::new(live.id())
    };
    let records = app.db.ledger_records(&query).await?;
    let rows: Vec<Row> = records
        .iter()
        .map(|record| Row {
            seq: record.seq,
            at: view::moment(record.at),
            actor: record.actor.to_string(),
            kind_ja: view::kind_title(&app, &record.kind),
            kind: record.kind.clone(),
            subject: record.subject.clone(),
            payload: readable(record.payload.as_str()),
            hash: record.hash.to_hex(),
            files: record
                .attachments
                .iter()
                .map(|file| {
                    format!(
                        "{}（{} バイト、SHA-256 {}）",
                        file.name,
                        file.size,
                        file.sha256.to_hex()
                    )
                })
                .collect(),
            personal: record.personal.is_some(),
        })
        .collect();
    let older = rows
        .last()
        .map(|row| row.seq)
        .filter(|seq| *seq > 1)
        .map(|seq| {
            format!(
                "/c/{}/ledger?seq={}&kind={}",
                live.id(),
                seq - 1,
                filter.kind
            )
        });
    html(&LedgerPage {
        page: Page::new(&app, &visitor, "証跡台帳").here(),
        head: head.map(|head| (head.seq, head.hash.to_hex(), head.to_string())),
        rows,
        single: filter.seq.is_some(),
        older,
        narrowed: filter.seq.is_some() || !filter.kind.is_empty(),
        kind: Field::select("kind", "種別", kinds(&app, &filter.kind)).value(filter.kind),
    })
}

/// The kinds to choose from: all that a capability declares, and the one asked for.
fn kinds(app: &App, asked: &str) -> Vec<(String, String)> {
    let mut kinds: Vec<(String, String)> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .map(|declared| {
            (
                declared.kind.to_owned(),
                format!("{}（{}）", declared.title_ja, declared.kind),
            )
        })
        .collect();
    kinds.sort();
    kinds.dedup_by(|one, other| one.0 == other.0);
    if !asked.is_empty() && !kinds.iter().any(|(kind, _)| kind == asked) {
        kinds.insert(0, (asked.to_owned(), asked.to_owned()));
    }
    kinds.insert(0, (String::new(), "すべて".to_owned()));
    kinds
}

/// The payload indented for people; the ledger's own canonical form has no spaces.
fn readable(canonical: &str) -> String {
    serde_json::from_str::<serde_json::Value>(canonical)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| canonical.to_owned())
}
