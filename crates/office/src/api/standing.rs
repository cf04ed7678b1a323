//! The JSON API of how a contract stands now: the start page, the calendar and the monthly closing,
//! as data.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts/{c}` | help.read | tiles; who may look into it also gets figures and whose turn it is |
//! | `GET /contracts/{c}/calendar?from&to&standing` | contract.read | dates with what has become of each |
//! | `GET /contracts/{c}/closing?month` | document.read | the papers of a month, with what each still lacks |
//!
//! Nothing is counted here that the pages do not count: both read [`Pulse`] and the closing's
//! calendar.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::YearMonth;
use mamori_runtime::{App, Route, TileRequest, TileTone};
use mamori_web::api::PageQuery;
use mamori_web::{FieldError, Page, Visitor, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::{Reader, key, live, office};
use super::document::refuse_paper;
use super::schemas_now;
use crate::Office;
use crate::contracts::Live;
use crate::deadlines::{Deadline, Standing};
use crate::documents::PaperError;
use crate::pages::closing::{self, Calendar, Task};
use crate::pages::{CONTRACT, DOCUMENT, START};
use crate::pulse::{self, Pulse};
use crate::register::across::{Brief, turn};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}", START, standing)
            .describe(schemas_now::standing()),
        Route::get("/api/v1/contracts/{contract}/calendar", CONTRACT, calendar)
            .describe(schemas_now::calendar()),
        Route::get("/api/v1/contracts/{contract}/closing", DOCUMENT, month)
            .describe(schemas_now::closing()),
    ]
}

/// The word of a tile's tone.
const fn tone(tone: TileTone) -> &'static str {
    match tone {
        TileTone::Ok => "ok",
        TileTone::Bad => "bad",
        TileTone::Warn => "warn",
        TileTone::Wait => "wait",
        TileTone::Doubt => "doubt",
        TileTone::Quiet => "quiet",
    }
}

async fn standing(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    let mut request = TileRequest::new(live.id(), visitor.role, app.now());
    request.language = visitor.language.as_str();
    request.iso_dates = true;
    let mut tiles = Vec::new();
    for (tile, view) in crate::pages::tile_views(&app, &visitor, &request).await {
        tiles.push(json!({
            "key": tile.key,
            "label": view.label,
            "figure": view.figure,
            "unit": view.unit,
            "tone": tone(view.tone),
            "state": view.state,
            "detail": view.detail,
            "page": view.href,
        }));
    }
    let health = if visitor.may(CONTRACT) {
        let pulse = Pulse::read(&*office(&app)?, &live, app.now())
            .await
            .map_err(refuse_paper)?;
        Some(health(live.id(), &visitor, &pulse))
    } else {
        None
    };
    let term = live.contract().term;
    Ok(Json(json!({
        "id": live.id(),
        "name": live.contract().file.contract.name,
        "term": { "from": term.first(), "to": term.last() },
        "today": tokyo_date(app.now()),
        "role": visitor.role.as_str(),
        "tiles": tiles,
        "health": health,
    })))
}

fn health(contract: &str, visitor: &Visitor, pulse: &Pulse) -> Value {
    let counts: serde_json::Map<String, Value> = super::contract::VERDICTS
        .iter()
        .map(|verdict| (key(*verdict), json!(pulse.with(*verdict).count())))
        .collect();
    let waiting = |item: &Brief| waiting(contract, pulse, item);
    json!({
        "counts": counts,
        "overdue": pulse.overdue().count(),
        "next_due": pulse.coming(i32::MAX).next().and_then(Deadline::day),
        "my_turn": pulse.awaiting(visitor.role).map(waiting).collect::<Vec<_>>(),
        "city_turn": pulse.awaiting_city().map(waiting).collect::<Vec<_>>(),
        "gauge": pulse.gauge,
    })
}

fn waiting(contract: &str, pulse: &Pulse, item: &Brief) -> Value {
    let spec = item.register.spec;
    json!({
        "register": spec.key,
        "number": item.number,
        "title": item.title,
        "state": item.state,
        "state_ja": spec.state_ja(&item.state),
        "day": item.day,
        "waited_days": pulse.waited(item),
        "act": turn(item.register, &item.state).map(|(_, act)| act.name),
        "acceptance_due": (spec.key == "document")
            .then(|| pulse.acceptance_due(&item.number))
            .flatten(),
        "href": super::answer::address_of(contract, spec.key, &item.number),
    })
}

/// All words of [`Standing`].
pub(super) const STANDINGS: [(&str, Standing); 6] = [
    ("open", Standing::Open),
    ("done", Standing::Done),
    ("overdue", Standing::Overdue),
    ("unproved", Standing::Unproved),
    ("undecided", Standing::Undecided),
    ("unknown", Standing::Unknown),
];

fn word(standing: Standing) -> &'static str {
    STANDINGS
        .iter()
        .find(|(_, known)| *known == standing)
        .map_or("", |(word, _)| word)
}

#[derive(Default, Deserialize)]
struct CalendarQuery {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    standing: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn calendar(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<CalendarQuery>,
) -> Result<Response, WebError> {
    let live = live(&app, &contract).await?;
    let today = tokyo_date(app.now());
    let mut reader = Reader::default();
    let from = reader.day("from", &query.from, today);
    let to = reader.day("to", &query.to, today);
    let known = STANDINGS.map(|(word, _)| word);
    let wanted = reader.words("standing", &query.standing, &known);
    reader.finish()?;
    let dates = Pulse::dates(&*office(&app)?, &live, app.now())
        .await
        .map_err(refuse_paper)?;
    let items: Vec<Value> = dates
        .iter()
        .filter(|date| {
            let day = date.day();
            let standing = word(date.standing);
            from.is_none_or(|from| day.is_some_and(|day| day >= from))
                && to.is_none_or(|to| day.is_some_and(|day| day <= to))
                && (wanted.is_empty() || wanted.iter().any(|one| one == standing))
        })
        .map(|date| date_json(live.id(), date, today))
        .collect();
    Ok(query.page.cut(&items))
}

fn date_json(contract: &str, date: &Deadline, today: Date) -> Value {
    let due = &date.due;
    json!({
        "obligation": due.obligation,
        "clause": due.clause,
        "title": date.title(),
        "deliverable": due.deliverable,
        "period": due.period.to_string(),
        "due": due.due,
        "standing": word(date.standing),
        "days_left": date.days_left(today),
        "reasons": crate::pages::reasons_of_day(due, |day| day.to_string()),
        "href": format!("/api/v1/contracts/{contract}/obligations/{}", due.obligation),
    })
}

#[derive(Default, Deserialize)]
struct MonthQuery {
    #[serde(default)]
    month: String,
}

async fn month(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Query(query): Query<MonthQuery>,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    let office = office(&app)?;
    let today = tokyo_date(app.now());
    let made = pulse::papers(&office, &live).await.map_err(refuse_paper)?;
    let calendar = Calendar::of(&live, made);
    let month: YearMonth = match query.month.trim() {
        "" => calendar.first_open(today, visitor.may(closing::ACCEPT)),
        text => text.parse().map_err(|_| WebError::Invalid {
            message: "月を読めません".to_owned(),
            fields: vec![FieldError {
                field: "month".to_owned(),
                message: "2026-10 のように書いてください".to_owned(),
            }],
        })?,
    };
    let flow = visitor.may(closing::WRITE);
    let page = Page::new(&app, &visitor, "closing-title");
    let mut papers = Vec::new();
    for task in calendar.of_month(month) {
        let gaps = if flow && task.is_open() {
            gaps(&page, &office, &live, task, today).await?
        } else {
            Vec::new()
        };
        papers.push(task_json(live.id(), task, &gaps));
    }
    Ok(Json(json!({
        "month": month.to_string(),
        "months": calendar.months().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "papers": papers,
    })))
}

fn task_json(contract: &str, task: &Task, gaps: &[Value]) -> Value {
    let made = task.made.as_ref();
    json!({
        "document": task.document,
        "period": task.about(),
        "title": task.title,
        "obligation": task.due.obligation,
        "due": task.due.due,
        "due_unknown": task.due.unknown,
        "state": match task.state() {
            "none" => "not_made",
            state => state,
        },
        "number": made.map(|(item, _)| &item.number),
        "version": made.map(|(_, paper)| paper.version),
        "submitted_on": made.and_then(|(_, paper)| paper.submitted_on),
        "acceptance_due": made.and_then(|(_, paper)| paper.acceptance_due),
        "accepted_on": made.and_then(|(_, paper)| paper.accepted_on),
        "returned_reason": made.and_then(|(_, paper)| paper.returned_reason.as_ref()),
        "open": task.is_open(),
        "gaps": gaps,
        "href": made.map(|(item, _)| super::answer::address_of(contract, "document", &item.id)),
    })
}

/// What a paper that is still to be handed in lacks.
async fn gaps(
    page: &Page,
    office: &Office,
    live: &Live,
    task: &Task,
    today: Date,
) -> Result<Vec<Value>, WebError> {
    let preview = office
        .papers
        .preview(live.id(), &task.document, &task.about())
        .await;
    let (sources, document) = match preview {
        Ok(found) => found,
        // A paper about one matter lacks nothing before somebody names the matter.
        Err(PaperError::UnknownAbout { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(refuse_paper(error)),
    };
    let work = closing::work(office, live.id(), task.due.period).await?;
    let gaps = closing::gaps(page, task, &sources, &document, &work, today);
    Ok(gaps
        .into_iter()
        .map(|gap| {
            json!({
                "tone": gap.tone.key(),
                "printed": gap.printed,
                "what": gap.what,
                "why": gap.why,
                "page": (!gap.href.is_empty()).then_some(gap.href),
            })
        })
        .collect())
}
