//! はじめのページ: the contract's health at one glance. Figures as tiles, each a link; below them
//! what is due, what needs attention, whose turn it is.
//!
//! Everybody with a role on the contract has a start page; each part is shown to those who may
//! see what it leads to. A counsellor, who sees nothing of the contract, gets the questions.

mod tiles;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use mamori_contract::engine::Verdict;
use mamori_kernel::period::Period;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, Route, Tile, TileGroup, TileRequest, TileTone, TileView};
use mamori_web::components::{Figure, Stat};
use mamori_web::{DateStyle, Page, Tone, Visitor, WebError, html};

use super::view::{self, At};
use super::{CONTRACT, DOCUMENT, START};
use crate::contracts::{Live, brief};
use crate::deadlines::Deadline;
use crate::pulse::Pulse;
use crate::register::across::Brief;

pub use tiles::{hours, tiles};

/// Days ahead of which the list of dates tells.
const LIST_DAYS: i32 = 45;
/// Rows of a list; the rest is behind its link.
const ROWS: usize = 8;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/c/{contract}", START, page)]
}

struct DueRow {
    day: String,
    left: String,
    tone: Tone,
    title: String,
    period: String,
    why: Vec<String>,
    href: String,
}

struct TurnRow {
    number: String,
    title: String,
    href: String,
    register: String,
    state: String,
    waited: String,
    limit: String,
}

struct AttentionRow {
    key: String,
    clause: String,
    title: String,
    tone: Tone,
    verdict: String,
    reason: String,
}

struct PaperRow {
    number: String,
    title: String,
    state: String,
    tone: Tone,
    due: String,
}

/// What only those see who may look into the contract.
struct Health {
    dues: Vec<DueRow>,
    more_dues: usize,
    attention: Vec<AttentionRow>,
    more_attention: usize,
    city_turn: Vec<TurnRow>,
    papers: Vec<PaperRow>,
    gauge: Option<Figure>,
}

#[derive(Template)]
#[template(path = "start/page.html")]
struct StartPage {
    page: Page,
    name: String,
    term: String,
    summary: Option<Summary>,
    groups: Vec<Group>,
    my_turn: Option<Vec<TurnRow>>,
    health: Option<Health>,
    questions: Option<Vec<TurnRow>>,
}

/// How the contract stands, in a sentence, with what comes next.
struct Summary {
    tone: Tone,
    text: String,
    next: String,
    limits: String,
}

/// Tiles that belong together.
struct Group {
    title: &'static str,
    stats: Vec<Stat>,
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    At { office, live }: At,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "nav-start");
    let mut request = TileRequest::new(live.id(), visitor.role, app.now());
    request.language = page.language.as_str();
    request.iso_dates = page.date_style == DateStyle::Iso;
    let groups = groups(tile_views(&app, &visitor, &request).await);
    let term = live.contract().term;
    let mut shown = StartPage {
        name: live.contract().file.contract.name.clone(),
        term: page.t_with(
            "start-term",
            &[
                ("first", page.day(term.first()).into()),
                ("last", page.day(term.last()).into()),
                (
                    "today",
                    page.day(mamori_kernel::clock::tokyo_date(request.now))
                        .into(),
                ),
            ],
        ),
        summary: None,
        groups,
        my_turn: None,
        health: None,
        questions: None,
        page,
    };
    if visitor.may(CONTRACT) {
        let pulse = tiles::pulse(&app, &request).await.map_err(WebError::bug)?;
        shown.summary = Some(summary(&shown.page, &pulse));
        shown.my_turn = (visitor.role != Role::Viewer)
            .then(|| turns(&shown.page, live.id(), &pulse, pulse.awaiting(visitor.role)));
        shown.health = Some(health(&shown.page, &visitor, &live, &pulse));
    } else if let Some(register) = crate::register("question")
        && visitor.may(Permission::read("question"))
    {
        let newest = office
            .desk
            .newest(live.id(), register, 10)
            .await
            .map_err(view::desk_error)?;
        shown.questions = Some(
            newest
                .iter()
                .map(|item| turn_row(&shown.page, live.id(), item, 0, None))
                .collect(),
        );
    }
    html(&shown)
}

/// The tiles of every capability that the visitor may see, each with what it shows, in their order.
/// One that fails says so in the log and takes no other with it.
pub(crate) async fn tile_views(
    app: &App,
    visitor: &Visitor,
    request: &TileRequest,
) -> Vec<(Tile, TileView)> {
    let mut tiles: Vec<_> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.tiles)
        .filter(|tile| visitor.may(tile.permission))
        .collect();
    tiles.sort_by_key(|tile| tile.order);
    let mut views = Vec::with_capacity(tiles.len());
    for tile in tiles {
        match tile.build(app.clone(), request.clone()).await {
            Ok(Some(view)) => views.push((tile.clone(), view)),
            Ok(None) => {}
            Err(error) => tracing::error!(tile = tile.key, %error, "a tile was not made"),
        }
    }
    views
}

fn groups(views: Vec<(Tile, TileView)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (tile, view) in views {
        let title = match tile.group() {
            TileGroup::ToDo => "start-group-to-do",
            TileGroup::Contract => "start-group-contract",
            TileGroup::Services => "start-group-services",
        };
        match groups.last_mut() {
            Some(last) if last.title == title => last.stats.push(stat(view)),
            _ => groups.push(Group {
                title,
                stats: vec![stat(view)],
            }),
        }
    }
    groups
}

/// Whether the contract is kept, as far as the evidence says.
fn summary(page: &Page, pulse: &Pulse) -> Summary {
    let count = |verdict| pulse.with(verdict).count();
    let (broken, late) = (count(Verdict::NotMet), pulse.overdue().count());
    let mut sentences: Vec<String> = [
        ("start-health-not-met", broken),
        ("start-health-late", late),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(key, count)| page.t1(key, "count", count))
    .collect();
    let tone = if sentences.is_empty() {
        sentences.push(page.t("start-health-kept"));
        Tone::Ok
    } else {
        Tone::Bad
    };
    let next = pulse.coming(i32::MAX).next();
    let open: Vec<String> = [
        ("start-health-unmeasured", count(Verdict::Unmeasured)),
        ("start-health-undecided", count(Verdict::Undecided)),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(key, count)| page.t1(key, "count", count))
    .collect();
    Summary {
        tone,
        text: sentences.concat(),
        next: next.map_or_else(String::new, |deadline| {
            let (left, _) = view::days_left(page, deadline, pulse.today);
            page.t_with(
                "start-health-next",
                &[
                    ("day", page.day_or_dash(deadline.day()).into()),
                    ("left", left.into()),
                    ("title", deadline.title().to_owned().into()),
                ],
            )
        }),
        limits: open.concat(),
    }
}

fn stat(view: TileView) -> Stat {
    let tone = match view.tone {
        TileTone::Ok => Tone::Ok,
        TileTone::Bad => Tone::Bad,
        TileTone::Warn => Tone::Warn,
        TileTone::Wait => Tone::Wait,
        TileTone::Doubt => Tone::Doubt,
        TileTone::Quiet => Tone::Quiet,
    };
    Stat::new(view.label, view.figure, view.unit)
        .state(tone, view.state)
        .note(view.detail)
        .href(view.href)
}

fn health(page: &Page, visitor: &Visitor, live: &Live, pulse: &Pulse) -> Health {
    let dues: Vec<&Deadline> = pulse.overdue().chain(pulse.coming(LIST_DAYS)).collect();
    let contract = live.contract();
    let attention: Vec<AttentionRow> = [Verdict::NotMet, Verdict::Undecided]
        .into_iter()
        .flat_map(|verdict| pulse.with(verdict))
        .filter_map(|state| {
            let obligation = contract.latest(&state.key)?;
            Some(AttentionRow {
                key: state.key.clone(),
                clause: obligation.clause.clone(),
                title: obligation.title.clone(),
                tone: view::tone(state.verdict),
                verdict: view::verdict(page, state.verdict),
                reason: view::told(page, &brief(state)),
            })
        })
        .collect();
    let papers = if visitor.may(DOCUMENT) {
        let newest = pulse.papers.iter().rev().take(ROWS);
        newest
            .map(|(item, paper)| {
                let (key, tone) = view::paper_state(&item.state);
                PaperRow {
                    number: item.number.clone(),
                    title: item.title.clone(),
                    state: page.t(key),
                    tone,
                    due: page.day_or_dash(paper.due),
                }
            })
            .collect()
    } else {
        Vec::new()
    };
    Health {
        more_dues: dues.len().saturating_sub(ROWS),
        dues: dues
            .into_iter()
            .take(ROWS)
            .map(|deadline| due_row(page, pulse, deadline))
            .collect(),
        more_attention: attention.len().saturating_sub(ROWS),
        attention: attention.into_iter().take(ROWS).collect(),
        city_turn: if visitor.role == Role::City {
            Vec::new()
        } else {
            turns(page, live.id(), pulse, pulse.awaiting_city())
        },
        papers,
        gauge: gauge(page, pulse),
    }
}

fn due_row(page: &Page, pulse: &Pulse, deadline: &Deadline) -> DueRow {
    let (left, tone) = view::days_left(page, deadline, pulse.today);
    DueRow {
        day: page.day_or_dash(deadline.day()),
        left,
        tone,
        title: deadline.title().to_owned(),
        period: view::period(page, deadline.due.period),
        why: view::reasons_of_day(&deadline.due, |day| page.day(day)),
        href: page.at(&format!("/obligations/{}", deadline.due.obligation)),
    }
}

fn turns<'a>(
    page: &Page,
    contract: &str,
    pulse: &Pulse,
    items: impl Iterator<Item = &'a Brief>,
) -> Vec<TurnRow> {
    items
        .take(ROWS * 2)
        .map(|item| {
            let limit = (item.register.spec.key == "document")
                .then(|| pulse.acceptance_due(&item.number))
                .flatten()
                .map(|day| (day, crate::deadlines::days_between(pulse.today, day)));
            turn_row(page, contract, item, pulse.waited(item), limit)
        })
        .collect()
}

fn turn_row(
    page: &Page,
    contract: &str,
    item: &Brief,
    waited: i32,
    limit: Option<(jiff::civil::Date, i32)>,
) -> TurnRow {
    let spec = item.register.spec;
    TurnRow {
        number: item.number.clone(),
        title: item.title.clone(),
        href: view::item_address(contract, spec.key, &item.number),
        register: view::register_name(page, spec),
        state: view::state_name(page, spec, &item.state),
        waited: page.t1("start-days", "days", waited),
        limit: limit.map_or_else(String::new, |(day, left)| {
            let key = if left < 0 {
                "start-accept-over"
            } else {
                "start-accept-left"
            };
            page.t_with(
                key,
                &[("day", page.day(day).into()), ("days", left.abs().into())],
            )
        }),
    }
}

/// This month's hours against the cap, as a drawing with its table.
fn gauge(page: &Page, pulse: &Pulse) -> Option<Figure> {
    let gauge = &pulse.gauge;
    let cap = gauge.cap.as_ref()?;
    let row = |key: &str, minutes: u32| vec![page.t(key), hours(minutes)];
    let mut rows = vec![
        row("start-gauge-counted", gauge.counted_minutes),
        row("start-gauge-undecided", gauge.undecided_minutes),
        row("start-gauge-apart", gauge.not_counted_minutes),
        row("start-gauge-left", gauge.left_minutes),
        row("start-gauge-cap", cap.minutes),
    ];
    rows.extend(
        gauge
            .categories
            .iter()
            .map(|sum| vec![sum.title_ja.clone(), hours(sum.minutes)]),
    );
    let title = page.t1(
        "start-gauge",
        "month",
        page.period(Period::Month(gauge.month)),
    );
    let sentence = super::registers::sentence(page, gauge);
    Some(Figure {
        header: vec![page.t("start-gauge-what"), page.t("start-gauge-hours")],
        rows,
        ..view::gauge(page, title, gauge, sentence)
    })
}
