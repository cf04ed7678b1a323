//! 義務: the board by clause and state, and one obligation with the clause's text beside the
//! evidence behind its state.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_contract::engine::PeriodState;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::App;
use mamori_store::LedgerQuery;
use mamori_web::{Field, Page, Tone, Visitor, WebError, html};
use serde::Deserialize;

use super::view::{self, At};
use crate::register::typed::normal;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    q: String,
}

struct Row {
    key: String,
    clause: String,
    title: String,
    tone: Tone,
    verdict: &'static str,
    due: String,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "obligations.html")]
struct ListPage {
    page: Page,
    verdict: Field,
    q: Field,
    rows: Vec<Row>,
    total: usize,
}

pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    At { live, .. }: At,
    Query(filter): Query<Filter>,
) -> Result<Response, WebError> {
    let states = live.states(app.now()).await.map_err(view::contract_error)?;
    let total = states.len();
    let words = normal(&filter.q);
    let rows = states
        .into_iter()
        .filter(|state| filter.verdict.is_empty() || view::key(state.verdict) == filter.verdict)
        .filter_map(|state| {
            let obligation = live.contract().latest(&state.key)?;
            let text = normal(&format!(
                "{} {} {} {}",
                state.key, obligation.clause, obligation.title, obligation.text
            ));
            words
                .split_whitespace()
                .all(|word| text.contains(word))
                .then(|| Row {
                    key: state.key.clone(),
                    clause: obligation.clause.clone(),
                    title: obligation.title.clone(),
                    tone: view::tone(state.verdict),
                    verdict: state.verdict.japanese(),
                    due: view::day_or_dash(state.next_due),
                    reasons: state.reasons.clone(),
                })
        })
        .collect();
    let choices = std::iter::once((String::new(), "すべて".to_owned())).chain(
        view::VERDICTS
            .into_iter()
            .map(|verdict| (view::key(verdict).to_owned(), verdict.japanese().to_owned())),
    );
    html(&ListPage {
        page: Page::new(&app, &visitor, "義務").here(),
        verdict: Field::select("verdict", "状態", choices).value(filter.verdict),
        q: Field::text("q", "言葉・番号・条項").value(filter.q),
        rows,
        total,
    })
}

struct PeriodRow {
    period: String,
    tone: Tone,
    verdict: &'static str,
    due: String,
    reasons: Vec<String>,
    warnings: Vec<String>,
    figures: Vec<String>,
    waited: String,
}

struct EvidenceRow {
    seq: u64,
    at: String,
    kind: String,
    /// Empty for a kind that nobody here declares.
    kind_ja: &'static str,
    subject: String,
}

struct NoteRow {
    key: String,
    text: String,
    handling: String,
    question: String,
    readings: Vec<String>,
}

#[derive(Template)]
#[template(path = "obligation.html")]
struct OnePage {
    page: Page,
    text: String,
    facts: Vec<(String, String)>,
    tone: Tone,
    verdict: &'static str,
    reasons: Vec<String>,
    candidates: Vec<String>,
    questions: Vec<String>,
    periods: Vec<PeriodRow>,
    any_warning: bool,
    any_wait: bool,
    evidence: Vec<EvidenceRow>,
    notes: Vec<NoteRow>,
}

pub(super) async fn one(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, key)): Path<(String, String)>,
    At { live, .. }: At,
) -> Result<Response, WebError> {
    let missing = || WebError::NotFound(format!("義務「{key}」"));
    let contract = live.contract();
    let obligation = contract.latest(&key).ok_or_else(missing)?;
    let now = app.now();
    let state = live
        .states(now)
        .await
        .map_err(view::contract_error)?
        .into_iter()
        .find(|state| state.key == key);
    let mut facts = vec![
        ("番号".to_owned(), key.clone()),
        ("条項".to_owned(), obligation.clause.clone()),
    ];
    if let Some(deliverable) = obligation
        .deliverable
        .as_deref()
        .and_then(|key| contract.deliverable(key))
    {
        facts.push(("書類".to_owned(), deliverable.title.clone()));
    }
    let today = tokyo_date(now);
    let due = contract
        .due(contract.term.first(), contract.term.last())
        .into_iter()
        .find(|due| due.obligation == key && due.due.is_none_or(|day| day >= today));
    if let Some(due) = &due {
        facts.push(("期限の定め".to_owned(), due.rule.clone()));
        facts.push(("次の期限".to_owned(), view::day_or_dash(due.due)));
        if let Some(reason) = &due.reason {
            facts.push(("動いた理由".to_owned(), reason.clone()));
        }
    }
    if !obligation.soft.is_empty() {
        facts.push(("数の無い語".to_owned(), obligation.soft.join("、")));
    }
    if let Some(remark) = &obligation.remark {
        facts.push(("覚え書き".to_owned(), remark.clone()));
    }
    let (tone, verdict, reasons, periods) = match &state {
        Some(state) => (
            view::tone(state.verdict),
            state.verdict.japanese(),
            state.reasons.clone(),
            state.periods.clone(),
        ),
        None => (
            Tone::Info,
            "判定の対象外（定め・許可）",
            Vec::new(),
            Vec::new(),
        ),
    };
    let seqs: Vec<u64> = periods
        .iter()
        .flat_map(|period| period.evidence.clone())
        .collect();
    let candidates = candidates(&periods);
    let mut questions: Vec<String> = periods
        .iter()
        .flat_map(|period| period.questions.clone())
        .collect();
    questions.sort();
    questions.dedup();
    let notes = obligation
        .notes
        .iter()
        .filter_map(|note| contract.ambiguity(note))
        .map(|note| NoteRow {
            key: note.key.clone(),
            text: note.text.clone(),
            handling: note.handling.clone(),
            question: note.question.clone().unwrap_or_default(),
            readings: note
                .reading
                .iter()
                .map(|reading| reading.title.clone())
                .collect(),
        })
        .collect();
    html(&OnePage {
        page: Page::new(&app, &visitor, &obligation.title)
            .under("義務", visitor.at("/obligations"))
            .here(),
        text: obligation.text.clone(),
        facts,
        tone,
        verdict,
        reasons,
        candidates,
        questions,
        any_warning: periods.iter().any(|period| !period.warnings.is_empty()),
        any_wait: periods.iter().any(|period| period.city_waiting_days > 0),
        periods: periods.iter().rev().map(period_row).collect(),
        evidence: evidence(&app, live.id(), seqs).await?,
        notes,
    })
}

/// Each reading with its verdict once, and the periods for which it gives that verdict.
fn candidates(periods: &[PeriodState]) -> Vec<String> {
    let mut readings: Vec<(String, Vec<String>)> = Vec::new();
    for period in periods {
        for candidate in &period.candidates {
            let text = format!(
                "{} {}：{}",
                candidate.note,
                candidate.title,
                candidate.verdict.japanese()
            );
            let name = view::period(period.period);
            match readings.iter_mut().find(|(known, _)| *known == text) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => readings.push((text, vec![name])),
            }
        }
    }
    readings.sort();
    readings
        .into_iter()
        .map(|(text, names)| format!("{text}（{}）", names.join("、")))
        .collect()
}

fn period_row(state: &PeriodState) -> PeriodRow {
    let mut due = view::day_or_dash(state.due);
    if let Some(reason) = &state.due_reason {
        let _ = write!(due, "（{reason}）");
    }
    if let Some(late) = state.late_by_days.filter(|late| *late > 0) {
        let _ = write!(due, "　{late}日遅れ");
    }
    PeriodRow {
        period: view::period(state.period),
        tone: view::tone(state.verdict),
        verdict: state.verdict.japanese(),
        due,
        reasons: state.reasons.clone(),
        warnings: state.warnings.clone(),
        figures: state
            .figures
            .iter()
            .map(|figure| {
                let value = figure.value.map_or_else(
                    || "測定なし".to_owned(),
                    |value| format!("{}{}", round(value), figure.unit),
                );
                let limit = if figure.limit.is_empty() {
                    "定めなし".to_owned()
                } else {
                    figure.limit.clone()
                };
                let own = if figure.internal {
                    "、社内目標"
                } else {
                    ""
                };
                format!("{}：{value}（{limit}{own}）", figure.title)
            })
            .collect(),
        waited: if state.city_waiting_days > 0 {
            format!("{}日", state.city_waiting_days)
        } else {
            String::new()
        },
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The newest records behind the states.
async fn evidence(
    app: &App,
    contract: &str,
    mut seqs: Vec<u64>,
) -> Result<Vec<EvidenceRow>, WebError> {
    seqs.sort_unstable();
    seqs.dedup();
    let mut rows = Vec::new();
    for seq in seqs.into_iter().rev().take(20) {
        let query = LedgerQuery {
            from_seq: Some(seq),
            to_seq: Some(seq),
            limit: 1,
            ..LedgerQuery::new(contract)
        };
        for record in app.db.ledger_records(&query).await? {
            rows.push(EvidenceRow {
                seq: record.seq,
                at: view::moment(record.at),
                kind_ja: view::kind_title(app, &record.kind),
                kind: record.kind.clone(),
                subject: record.subject.clone(),
            });
        }
    }
    Ok(rows)
}
