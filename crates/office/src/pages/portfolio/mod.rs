//! すべての契約: how each contract stands that the visitor may open, in one table, for a contractor
//! with many cities and for an auditor.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;
use mamori_contract::engine::Verdict;
use mamori_runtime::{App, Guard, Route};
use mamori_web::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use mamori_web::{Page, Tone, Visitor, WebError, html};

use super::CONTRACT;
use super::start::hours;
use super::view;
use crate::Office;
use crate::pulse::Pulse;

/// Address of the page.
pub const ADDRESS: &str = "/contracts";

const SPEC: TableSpec = TableSpec {
    sortable: &[
        "contract",
        "not-met",
        "undecided",
        "unproved",
        "met",
        "overdue",
        "mine",
        "city",
        "next",
        "hours",
    ],
    sort: "contract",
    descending: false,
    filters: &["q"],
    per_page: 50,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(ADDRESS, Guard::SignedIn, page)]
}

#[derive(Template)]
#[template(path = "start/contracts.html")]
struct ContractsPage {
    page: Page,
    table: Table,
}

/// A contract and, where the visitor may look into it, how it stands.
struct Line {
    id: String,
    title: String,
    figures: Option<Figures>,
}

struct Figures {
    verdicts: [usize; 4],
    overdue: usize,
    mine: usize,
    city: usize,
    next: Option<Date>,
    minutes: u32,
    hours: String,
    over: bool,
}

/// The verdicts that have a column, in its order.
const VERDICTS: [Verdict; 4] = [
    Verdict::NotMet,
    Verdict::Undecided,
    Verdict::Unmeasured,
    Verdict::Met,
];

async fn page(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let query = TableQuery::read(&SPEC, &uri);
    let page = Page::new(&app, &visitor, "contracts-title").here();
    let words = crate::register::typed::normal(query.filter("q"));
    let mut lines = Vec::new();
    for contract in &page.contracts {
        let text = crate::register::typed::normal(&format!("{} {}", contract.id, contract.title));
        if words.split_whitespace().all(|word| text.contains(word)) {
            lines.push(Line {
                id: contract.id.clone(),
                title: contract.title.clone(),
                figures: figures(&app, &visitor, &contract.id).await?,
            });
        }
    }
    let total = page.contracts.len();
    let (lines, pages) = query.cut(lines, compare);
    let columns = columns(&page);
    if query.csv {
        let header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|line| {
                cells(&page, line)
                    .into_iter()
                    .map(|cell| cell.text)
                    .collect()
            })
            .collect();
        return Ok(csv::response(&page.title, &header, rows));
    }
    let rows = lines
        .iter()
        .map(|line| Row::new(line.title.clone(), cells(&page, line)))
        .collect();
    let mut table = Table::new(
        "contracts",
        page.t("contracts-title"),
        &query,
        columns,
        rows,
        pages,
    )
    .note(page.t1("contracts-count", "count", total))
    .with_csv()
    .empty(Empty::new(page.t("home-no-contract")));
    if total > 10 || query.is_filtered() {
        table = table.filter(vec![mamori_web::Field::new(
            "search",
            "q",
            page.t("contracts-words"),
        )]);
    }
    html(&ContractsPage { page, table })
}

async fn figures(
    app: &App,
    visitor: &Visitor,
    contract: &str,
) -> Result<Option<Figures>, WebError> {
    let Some(role) = visitor
        .role_on(contract)
        .filter(|role| role.allows(CONTRACT))
    else {
        return Ok(None);
    };
    let office = Office::of(app).map_err(WebError::bug)?;
    let live = office
        .contracts
        .live(contract)
        .await
        .map_err(view::contract_error)?;
    let pulse = Pulse::read(&office, &live, app.now())
        .await
        .map_err(view::paper_error)?;
    let gauge = &pulse.gauge;
    Ok(Some(Figures {
        verdicts: VERDICTS.map(|verdict| pulse.with(verdict).count()),
        overdue: pulse.overdue().count(),
        mine: pulse.awaiting(role).count(),
        city: pulse.awaiting_city().count(),
        next: pulse
            .coming(i32::MAX)
            .next()
            .and_then(crate::deadlines::Deadline::day),
        minutes: gauge.counted_minutes,
        hours: match &gauge.cap {
            Some(cap) => format!("{} / {}", hours(gauge.counted_minutes), hours(cap.minutes)),
            None => hours(gauge.counted_minutes),
        },
        over: gauge.over_minutes > 0,
    }))
}

fn columns(page: &Page) -> Vec<Column> {
    let number = |key, label: &str| {
        Column::new(key, page.t(label))
            .shape(Shape::Number)
            .sortable()
    };
    vec![
        Column::new("contract", page.t("contracts-contract")).sortable(),
        number("not-met", "verdict-not-met"),
        number("undecided", "verdict-undecided"),
        number("unproved", "verdict-unmeasured"),
        number("met", "verdict-met"),
        number("overdue", "tile-overdue"),
        number("mine", "tile-my-turn"),
        number("city", "tile-city-turn"),
        Column::new("next", page.t("contracts-next"))
            .shape(Shape::Fixed)
            .sortable(),
        number("hours", "contracts-hours"),
    ]
}

fn cells(page: &Page, line: &Line) -> Vec<Cell> {
    let at = |rest: &str| format!("/c/{}{rest}", line.id);
    let mut cells = vec![Cell::link(at(""), &line.title)];
    let Some(figures) = &line.figures else {
        cells.extend((1..SPEC.sortable.len()).map(|_| Cell::text("―")));
        return cells;
    };
    // A nought needs no link.
    let count = |count: usize, rest: &str| match count {
        0 => Cell::text("0"),
        count => Cell::link(at(rest), count.to_string()),
    };
    for (verdict, number) in VERDICTS.iter().zip(figures.verdicts) {
        let rest = format!("/obligations?verdict={}", view::key(*verdict));
        cells.push(count(number, &rest));
    }
    cells.push(count(figures.overdue, "/obligations?due=overdue"));
    cells.push(count(figures.mine, "#my-turn"));
    cells.push(count(figures.city, "#city-turn"));
    cells.push(match figures.next {
        Some(day) => Cell::time(day.to_string(), page.day(day)),
        None => Cell::text("―"),
    });
    cells.push(if figures.over {
        Cell::badge(Tone::Bad, &figures.hours)
    } else {
        Cell::text(&figures.hours)
    });
    cells
}

fn compare(key: &str, a: &Line, b: &Line) -> Ordering {
    let by = |of: fn(&Figures) -> usize| {
        let value = |line: &Line| line.figures.as_ref().map(of);
        value(a).cmp(&value(b))
    };
    match key {
        "not-met" => by(|figures| figures.verdicts[0]),
        "undecided" => by(|figures| figures.verdicts[1]),
        "unproved" => by(|figures| figures.verdicts[2]),
        "met" => by(|figures| figures.verdicts[3]),
        "overdue" => by(|figures| figures.overdue),
        "mine" => by(|figures| figures.mine),
        "city" => by(|figures| figures.city),
        "hours" => by(|figures| figures.minutes as usize),
        "next" => {
            let day = |line: &Line| line.figures.as_ref().and_then(|figures| figures.next);
            // Without a date comes last.
            (day(a).is_none(), day(a)).cmp(&(day(b).is_none(), day(b)))
        }
        _ => a.title.cmp(&b.title),
    }
}
