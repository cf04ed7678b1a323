//! 一つの義務: the clause's text beside the evidence behind its state, every period, the readings
//! where the text does not decide with the question to the city, and who answers for it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_contract::engine::PeriodState;
use mamori_contract::language::{Ambiguity, Obligation};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Route};
use mamori_web::components::{Cell, form_key, percent_encoded};
use mamori_web::{Field, Page, Tone, Visitor, WebError, form_page, html};

use super::super::view::{self, At};
use super::super::{CONTRACT, LEDGER};
use super::assign::{self, ASSIGN, Outcome, People, PersonForm};
use super::reading::{self, DECIDE, Problems};
use crate::contracts::Live;

/// Records shown behind a state.
const MOST_RECORDS: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/obligations/{key}", CONTRACT, show),
        Route::post("/c/{contract}/obligations/{key}/person", ASSIGN, person),
        Route::post("/c/{contract}/obligations/{key}/reading", DECIDE, settle),
    ]
}

struct PeriodRow {
    period: String,
    tone: Tone,
    verdict: String,
    due: String,
    due_reason: String,
    reasons: Vec<String>,
    warnings: Vec<String>,
    figures: Vec<String>,
    waited: String,
}

struct EvidenceRow {
    seq: u64,
    at: String,
    kind: String,
}

struct CandidateRow {
    title: String,
    tone: Tone,
    verdict: String,
    periods: String,
}

struct NoteView {
    key: String,
    text: String,
    handling: String,
    question: String,
    /// Where the question can be put; empty for those who may not.
    ask: String,
    candidates: Vec<CandidateRow>,
    readings: Vec<String>,
    decided: Option<Decided>,
    /// The form that records a decision, for those who may.
    form: Option<NoteForm>,
}

struct Decided {
    title: String,
    from: String,
    consultation: String,
    href: String,
    seq: u64,
}

struct NoteForm {
    fields: Vec<Field>,
    key: String,
    open: bool,
}

#[derive(Template)]
#[template(path = "start/obligation.html")]
struct OnePage {
    page: Page,
    key: String,
    text: String,
    facts: Vec<(String, Cell)>,
    tone: Tone,
    verdict: String,
    reasons: Vec<String>,
    questions: Vec<String>,
    periods: Vec<PeriodRow>,
    any_warning: bool,
    any_wait: bool,
    evidence: Vec<EvidenceRow>,
    shows_ledger: bool,
    notes: Vec<NoteView>,
    person: Option<PersonForm>,
}

async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, key)): Path<(String, String)>,
    At { live, .. }: At,
) -> Result<Response, WebError> {
    html(&one(&app, &visitor, &live, &key, Back::default()).await?)
}

async fn person(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, key)): Path<(String, String)>,
    At { live, .. }: At,
    Form(sent): Form<assign::Sent>,
) -> Result<Response, WebError> {
    obligation(&live, &key)?;
    let which = (live.id(), key.as_str());
    let outcome = assign::assign(&app, &visitor, which, sent.person(), sent.was()).await?;
    if !matches!(outcome, Outcome::Named) {
        let back = Back {
            person: Some((sent, outcome)),
            ..Back::default()
        };
        return form_page(&one(&app, &visitor, &live, &key, back).await?);
    }
    let texts = Page::bare(&app, visitor.language, "");
    visitor
        .flash(&app, Tone::Ok, texts.t("board-who-done"))
        .await?;
    Ok(Redirect::to(&visitor.at(&format!("/obligations/{key}"))).into_response())
}

async fn settle(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, key)): Path<(String, String)>,
    At { office, live }: At,
    Form(form): Form<reading::Form>,
) -> Result<Response, WebError> {
    let obligation = obligation(&live, &key)?;
    let note = obligation
        .notes
        .iter()
        .find(|note| **note == form.note)
        .and_then(|note| live.contract().ambiguity(note))
        .ok_or_else(|| WebError::NotFound(form.note.clone()))?;
    let texts = Page::bare(&app, visitor.language, "");
    match reading::record(&app, &office, &live, &visitor, &texts, note, &form).await? {
        Ok(()) => {
            visitor
                .flash(&app, Tone::Ok, texts.t("reading-done"))
                .await?;
            Ok(Redirect::to(&visitor.at(&format!("/obligations/{key}"))).into_response())
        }
        Err(problems) => {
            let back = Back {
                reading: Some((form, problems)),
                ..Back::default()
            };
            form_page(&one(&app, &visitor, &live, &key, back).await?)
        }
    }
}

fn obligation<'l>(live: &'l Live, key: &str) -> Result<&'l Obligation, WebError> {
    live.contract()
        .latest(key)
        .map(AsRef::as_ref)
        .ok_or_else(|| WebError::NotFound(key.to_owned()))
}

/// A form of the page that was not taken, with what was sent.
#[derive(Default)]
struct Back {
    reading: Option<(reading::Form, Problems)>,
    person: Option<(assign::Sent, Outcome)>,
}

async fn one(
    app: &App,
    visitor: &Visitor,
    live: &Live,
    key: &str,
    back: Back,
) -> Result<OnePage, WebError> {
    let obligation = obligation(live, key)?;
    let now = app.now();
    let states = live.states(now).await.map_err(view::contract_error)?;
    let state = states.iter().find(|state| state.key == key);
    let page = Page::new(app, visitor, &obligation.title)
        .under("nav-obligations", visitor.at("/obligations"))
        .here();
    let people = People::read(app, live.id(), visitor).await?;
    let periods = state.map_or(&[][..], |state| state.periods.as_slice());
    let seqs = periods.iter().flat_map(|period| period.evidence.clone());
    let mut questions: Vec<String> = periods
        .iter()
        .flat_map(|period| period.questions.clone())
        .collect();
    questions.sort();
    questions.dedup();
    let mut notes = Vec::new();
    for (place, note) in obligation.notes.iter().enumerate() {
        if let Some(note) = live.contract().ambiguity(note) {
            let mut view = note_view(app, visitor, &page, live, note, periods).await?;
            view.form = note_form(visitor, &page, note, place, back.reading.as_ref());
            notes.push(view);
        }
    }
    Ok(OnePage {
        key: key.to_owned(),
        text: obligation.text.clone(),
        facts: facts(&page, live, obligation, &people, tokyo_date(now)),
        tone: state.map_or(Tone::Info, |state| view::tone(state.verdict)),
        verdict: state.map_or_else(
            || page.t("board-not-judged"),
            |state| view::verdict(&page, state.verdict),
        ),
        reasons: state.map_or_else(Vec::new, |state| told(&page, &state.reasons)),
        questions,
        any_warning: periods.iter().any(|period| !period.warnings.is_empty()),
        any_wait: periods.iter().any(|period| period.city_waiting_days > 0),
        periods: begun(periods, tokyo_date(now))
            .iter()
            .rev()
            .map(|period| period_row(&page, period))
            .collect(),
        evidence: evidence(app, &page, live.id(), seqs.collect()).await?,
        shows_ledger: visitor.may(LEDGER),
        notes,
        person: visitor
            .may(ASSIGN)
            .then(|| PersonForm::new(&page, &people, key, back.person.as_ref())),
        page,
    })
}

fn facts(
    page: &Page,
    live: &Live,
    obligation: &Obligation,
    people: &People,
    today: jiff::civil::Date,
) -> Vec<(String, Cell)> {
    let contract = live.contract();
    let mut facts = vec![
        (page.t("start-number"), Cell::text(&obligation.key)),
        (page.t("start-clause"), Cell::text(&obligation.clause)),
    ];
    if let Some(deliverable) = obligation
        .deliverable
        .as_deref()
        .and_then(|key| contract.deliverable(key))
    {
        facts.push((
            page.t("start-paper"),
            Cell::link(page.at("/documents"), &deliverable.title),
        ));
    }
    let due = contract
        .due(contract.term.first(), contract.term.last())
        .into_iter()
        .find(|due| due.obligation == obligation.key && due.due.is_none_or(|day| day >= today));
    if let Some(due) = &due {
        facts.push((page.t("board-rule"), Cell::text(&due.rule)));
        facts.push((page.t("board-next"), Cell::text(page.day_or_dash(due.due))));
        if let Some(reason) = &due.reason {
            facts.push((page.t("board-moved"), Cell::text(reason)));
        }
    }
    let who = people.name(page, &obligation.key);
    facts.push((
        page.t("board-who"),
        Cell::text(if who.is_empty() { "―" } else { &who }),
    ));
    if !obligation.soft.is_empty() {
        facts.push((page.t("board-soft"), Cell::text(obligation.soft.join("、"))));
    }
    if let Some(remark) = &obligation.remark {
        facts.push((page.t("board-remark"), Cell::text(remark)));
    }
    facts
}

/// The periods that have begun, and the next one.
fn begun(periods: &[PeriodState], today: jiff::civil::Date) -> &[PeriodState] {
    let next = periods
        .iter()
        .position(|period| period.period.first() > today)
        .map_or(periods.len(), |next| next + 1);
    &periods[..next]
}

/// Each reading with the verdict it leads to, and the periods for which it does.
fn candidates(page: &Page, note: &Ambiguity, periods: &[PeriodState]) -> Vec<CandidateRow> {
    let mut rows: Vec<(CandidateRow, Vec<String>)> = Vec::new();
    for period in periods {
        for candidate in period.candidates.iter().filter(|one| one.note == note.key) {
            let verdict = view::verdict(page, candidate.verdict);
            let name = view::period(page, period.period);
            match rows
                .iter_mut()
                .find(|(row, _)| row.title == candidate.title && row.verdict == verdict)
            {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => rows.push((
                    CandidateRow {
                        title: candidate.title.clone(),
                        tone: view::tone(candidate.verdict),
                        verdict,
                        periods: String::new(),
                    },
                    vec![name],
                )),
            }
        }
    }
    rows.into_iter()
        .map(|(row, names)| CandidateRow {
            periods: names.join(page.t("registers-comma").as_str()),
            ..row
        })
        .collect()
}

async fn note_view(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    live: &Live,
    note: &Ambiguity,
    periods: &[PeriodState],
) -> Result<NoteView, WebError> {
    let question = note.question.clone().unwrap_or_default();
    let topic = if question.is_empty() {
        &note.text
    } else {
        &question
    };
    let topic: String = topic.chars().take(300).collect();
    let ask = if visitor.may(Permission::write("consultation")) {
        page.at(&format!(
            "/consultation/new?topic={}&note={}",
            percent_encoded(&topic),
            percent_encoded(&note.key)
        ))
    } else {
        String::new()
    };
    let decided = reading::decided(app, live.id(), note)
        .await?
        .map(|decision| Decided {
            title: decision.title,
            from: page.day_or_dash(decision.from),
            href: view::item_address(live.id(), "consultation", &decision.consultation),
            consultation: decision.consultation,
            seq: decision.seq,
        });
    Ok(NoteView {
        key: note.key.clone(),
        text: note.text.clone(),
        handling: note.handling.clone(),
        question,
        ask,
        candidates: candidates(page, note, periods),
        readings: note
            .reading
            .iter()
            .map(|reading| reading.title.clone())
            .collect(),
        decided,
        form: None,
    })
}

/// The form that records a decision, for those who may, as it came back if it was refused.
fn note_form(
    visitor: &Visitor,
    page: &Page,
    note: &Ambiguity,
    place: usize,
    refused: Option<&(reading::Form, Problems)>,
) -> Option<NoteForm> {
    if !visitor.may(DECIDE) || note.reading.is_empty() {
        return None;
    }
    let back = refused.filter(|(form, _)| form.note == note.key);
    let fields = match back {
        Some((form, problems)) => reading::fields(page, note, place, form, problems),
        None => reading::fields(
            page,
            note,
            place,
            &reading::Form::default(),
            &Problems::default(),
        ),
    };
    Some(NoteForm {
        fields,
        key: form_key(),
        open: back.is_some(),
    })
}

fn period_row(page: &Page, state: &PeriodState) -> PeriodRow {
    let mut due = page.day_or_dash(state.due);
    if let Some(late) = state.late_by_days.filter(|late| *late > 0) {
        due = format!("{due} {}", page.t1("board-late", "days", late));
    }
    PeriodRow {
        period: view::period(page, state.period),
        tone: view::tone(state.verdict),
        verdict: view::verdict(page, state.verdict),
        due,
        due_reason: state.due_reason.clone().unwrap_or_default(),
        reasons: told(page, &state.reasons),
        warnings: told(page, &state.warnings),
        figures: state
            .figures
            .iter()
            .map(|figure| {
                let value = figure.value.map_or_else(
                    || page.t("tile-unmeasured"),
                    |value| format!("{}{}", round(value), figure.unit),
                );
                let limit = if figure.limit.is_empty() {
                    page.t("board-no-limit")
                } else {
                    figure.limit.clone()
                };
                let own = if figure.internal {
                    page.t("board-own-target")
                } else {
                    String::new()
                };
                format!("{}: {value} ({limit}{own})", figure.title)
            })
            .collect(),
        waited: if state.city_waiting_days > 0 {
            page.t1("start-days", "days", state.city_waiting_days)
        } else {
            String::new()
        },
    }
}

/// The engine's sentences, with days as the page writes them.
fn told(page: &Page, sentences: &[String]) -> Vec<String> {
    sentences.iter().map(|one| view::told(page, one)).collect()
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The newest records behind the states.
async fn evidence(
    app: &App,
    page: &Page,
    contract: &str,
    mut seqs: Vec<u64>,
) -> Result<Vec<EvidenceRow>, WebError> {
    seqs.sort_unstable();
    seqs.dedup();
    let mut rows = Vec::new();
    for seq in seqs.into_iter().rev().take(MOST_RECORDS) {
        let record = app.db.ledger_record(contract, seq).await?;
        rows.push(EvidenceRow {
            seq: record.seq,
            at: page.moment(record.at),
            kind: view::kind_title(app, page, &record.kind),
        });
    }
    Ok(rows)
}
