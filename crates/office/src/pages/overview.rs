//! 契約の状況: the contract's health at one glance, each figure a link.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::ToSpan as _;
use mamori_contract::engine::Verdict;
use mamori_document::{Chart, Gauge, Theme};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::{Period, YearMonth};
use mamori_runtime::App;
use mamori_web::{Page, Tone, Visitor, WebError, html};

use super::view::{self, At, DueRow};
use crate::contracts::work_counter;
use crate::documents::{Paper, deliverable_dues};
use crate::terms::Counts;
use crate::work::WorkEntry;

struct Tile {
    label: String,
    count: usize,
    tone: Tone,
    href: String,
}

struct PaperRow {
    number: String,
    title: String,
    state: &'static str,
    tone: Tone,
    due: String,
    submitted: String,
}

struct WaitRow {
    number: String,
    title: String,
    days: i32,
}

struct Attention {
    key: String,
    clause: String,
    title: String,
    tone: Tone,
    verdict: &'static str,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    page: Page,
    name: String,
    lead: String,
    tiles: Vec<Tile>,
    total: usize,
    dues: Vec<DueRow>,
    overdue: usize,
    attention: Vec<Attention>,
    papers: Vec<PaperRow>,
    waits: Vec<WaitRow>,
    gauge: Option<String>,
    gauge_sentence: String,
    month: String,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    At { office, live }: At,
) -> Result<Response, WebError> {
    let now = app.now();
    let today = tokyo_date(now);
    let contract = live.contract();
    let states = live.states(now).await.map_err(view::contract_error)?;
    let tiles = view::VERDICTS
        .into_iter()
        .map(|verdict| Tile {
            label: verdict.japanese().to_owned(),
            count: states
                .iter()
                .filter(|state| state.verdict == verdict)
                .count(),
            tone: view::tone(verdict),
            href: format!(
                "/c/{}/obligations?verdict={}",
                live.id(),
                view::key(verdict)
            ),
        })
        .collect();
    let papers = office
        .papers
        .all(live.id())
        .await
        .map_err(view::paper_error)?;
    let read: Vec<(&crate::register::Stored, Paper)> = papers
        .iter()
        .filter_map(|item| Some((item, item.read().ok()?)))
        .collect();
    let handed_in = |due: &mamori_contract::Due| {
        read.iter().any(|(item, paper)| {
            Some(&paper.document) == due.deliverable.as_ref()
                && paper.period == due.period.to_string()
                && matches!(item.state.as_str(), "submitted" | "accepted")
        })
    };
    let first = contract.term.first();
    let mut dues: Vec<DueRow> = deliverable_dues(&live, first, today.saturating_add(60.days()))
        .iter()
        .filter(|due| !handed_in(due))
        .map(|due| view::due_row(due, today, false))
        .collect();
    let overdue = dues.iter().filter(|row| row.tone == Tone::Bad).count();
    dues.truncate(12);
    let attention = states
        .iter()
        .filter(|state| matches!(state.verdict, Verdict::NotMet | Verdict::Undecided))
        .filter_map(|state| {
            let obligation = contract.latest(&state.key)?;
            Some(Attention {
                key: state.key.clone(),
                clause: obligation.clause.clone(),
                title: obligation.title.clone(),
                tone: view::tone(state.verdict),
                verdict: state.verdict.japanese(),
                reasons: state.reasons.clone(),
            })
        })
        .collect();
    let (gauge, gauge_sentence, month) = gauge(&office, &live, today).await?;
    let mut rows: Vec<PaperRow> = read
        .iter()
        .map(|(item, paper)| paper_row(item, paper))
        .collect();
    rows.reverse();
    rows.truncate(8);
    html(&OverviewPage {
        page: Page::new(&app, &visitor, "契約の状況").here(),
        name: contract.file.contract.name.clone(),
        lead: format!(
            "契約期間は {} から {} まで。今日は {}。",
            view::day(first),
            view::day(contract.term.last()),
            view::day(today)
        ),
        tiles,
        total: states.len(),
        dues,
        overdue,
        attention,
        papers: rows,
        waits: waits(&office, &live, today).await?,
        gauge,
        gauge_sentence,
        month,
    })
}

fn paper_row(item: &crate::register::Stored, paper: &Paper) -> PaperRow {
    let (state, tone) = super::documents::state(&item.state);
    PaperRow {
        number: item.number.clone(),
        title: item.title.clone(),
        state,
        tone,
        due: view::day_or_dash(paper.due),
        submitted: view::day_or_dash(paper.submitted_on),
    }
}

/// Items on which the city has the next word.
async fn waits(
    office: &crate::Office,
    live: &crate::contracts::Live,
    today: jiff::civil::Date,
) -> Result<Vec<WaitRow>, WebError> {
    let mut rows = Vec::new();
    let awaiting = [
        ("approval", "requested"),
        ("consultation", "opened"),
        ("request", "estimated"),
        ("request", "done"),
    ];
    for (key, state) in awaiting {
        let Some(register) = crate::register(key) else {
            continue;
        };
        for item in office
            .desk
            .all(live.id(), register, None)
            .await
            .map_err(view::desk_error)?
        {
            if item.state == state {
                let since = mamori_kernel::clock::tokyo_date(
                    jiff::Timestamp::from_millisecond(item.updated_ms).map_err(WebError::bug)?,
                );
                rows.push(WaitRow {
                    number: item.number,
                    title: item.title,
                    days: since
                        .until((jiff::Unit::Day, today))
                        .map_or(0, |span| span.get_days()),
                });
            }
        }
    }
    rows.sort_by_key(|row| -row.days);
    rows.truncate(10);
    Ok(rows)
}

/// This month's hours against the cap, as a drawing.
async fn gauge(
    office: &crate::Office,
    live: &crate::contracts::Live,
    today: jiff::civil::Date,
) -> Result<(Option<String>, String, String), WebError> {
    let month = YearMonth::of(today);
    let title = Period::Month(month).japanese();
    let contract = live.contract();
    let Some((_, counter)) = work_counter(contract) else {
        return Ok((None, String::new(), title));
    };
    let (Some(cap), Some(register)) = (
        contract.number(&counter.cap, contract.versions.len() - 1),
        crate::register("work"),
    ) else {
        return Ok((None, String::new(), title));
    };
    let entries = office
        .desk
        .on_days(live.id(), register, month.first(), month.last())
        .await
        .map_err(view::desk_error)?;
    let hours = |counts: Counts| {
        entries
            .iter()
            .filter(|item| item.state != "withdrawn")
            .filter_map(|item| item.read::<WorkEntry>().ok())
            .filter(|entry| entry.counts == counts)
            .map(|entry| f64::from(entry.minutes))
            .sum::<f64>()
            / 60.0
    };
    let chart = Chart::Gauge(Gauge {
        title: counter.title.clone(),
        unit: "時間".to_owned(),
        value: hours(Counts::Yes),
        limit: cap / 60.0,
        undecided: hours(Counts::Undecided),
        decimals: 2,
    });
    Ok((Some(chart.svg(Theme::Console)), chart.sentence(), title))
}
