//! The papers of a contract: to make, waiting for the city, all.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::App;
use mamori_web::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use mamori_web::{Field, Page, Tone, Visitor, WebError, html};

use super::{WRITE, Waiting, all, left, period, state_of, waiting};
use crate::documents::{Paper, deliverable_dues};
use crate::pages::view::At;
use crate::register::Stored;

/// Papers due within so many days are listed as to be made.
const AHEAD_DAYS: i64 = 90;

const SPEC: TableSpec = TableSpec {
    sortable: &["due", "number", "title", "state", "submitted", "accepted"],
    sort: "due",
    descending: true,
    filters: &["q", "kind", "state", "period", "due"],
    per_page: 50,
};

struct ToMake {
    document: String,
    about: String,
    title: String,
    period: String,
    due: String,
    left: String,
    tone: Tone,
    /// The month whose closing makes it; empty for papers of a longer period.
    month: String,
}

#[derive(Template)]
#[template(path = "papers/list.html")]
struct ListPage {
    page: Page,
    table: Table,
    to_make: Vec<ToMake>,
    waiting: Vec<Waiting>,
    may_make: bool,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    uri: Uri,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "papers-title").here();
    let today = tokyo_date(app.now());
    let made = all(&at).await?;
    let query = TableQuery::read(&SPEC, &uri);
    let kinds: BTreeMap<&str, &str> = at
        .live
        .contract()
        .file
        .deliverables
        .iter()
        .map(|(key, deliverable)| (key.as_str(), deliverable.title.as_str()))
        .collect();
    let found: Vec<&(Stored, Paper)> = made
        .iter()
        .filter(|(item, paper)| fits(&query, item, paper, today))
        .collect();
    let (cut, pages) = query.cut(found, |key, a, b| compare(key, a, b));
    if query.csv {
        let header = columns(&page).into_iter().map(|column| column.label);
        let rows: Vec<Vec<String>> = cut
            .iter()
            .map(|(item, paper)| plain(&page, item, paper))
            .collect();
        let name = page.t("papers-title");
        return Ok(csv::response(&name, &header.collect::<Vec<_>>(), rows));
    }
    let rows = cut
        .iter()
        .map(|(item, paper)| row(&page, item, paper))
        .collect();
    let table = Table::new(
        "papers",
        page.t("papers-made"),
        &query,
        columns(&page),
        rows,
        pages,
    )
    .heading(1)
    .filter(filters(&page, &kinds, &made))
    .with_csv()
    .empty(Empty::new(page.t("papers-none")));
    html(&ListPage {
        to_make: to_make(&page, &at, &made, today),
        waiting: waiting(&page, &made, today),
        may_make: visitor.may(WRITE),
        table,
        page,
    })
}

fn fits(query: &TableQuery, item: &Stored, paper: &Paper, today: Date) -> bool {
    let is = |filter: &str, value: &str| {
        let wanted = query.filter(filter);
        wanted.is_empty() || wanted == value
    };
    let words = query.filter("q").to_lowercase();
    let text = format!("{} {}", item.number, item.title).to_lowercase();
    let open = matches!(item.state.as_str(), "draft" | "returned");
    let due = match query.filter("due") {
        "late" => open && paper.due.is_some_and(|due| due < today),
        "soon" => {
            open && paper
                .due
                .is_some_and(|due| due >= today && due <= today.saturating_add(14.days()))
        }
        _ => true,
    };
    due && is("kind", &paper.document)
        && is("state", &item.state)
        && is("period", &paper.period)
        && words.split_whitespace().all(|word| text.contains(word))
}

fn compare(key: &str, a: &(Stored, Paper), b: &(Stored, Paper)) -> Ordering {
    let ((item_a, paper_a), (item_b, paper_b)) = (a, b);
    let first = match key {
        "due" => paper_a.due.cmp(&paper_b.due),
        "title" => item_a.title.cmp(&item_b.title),
        "state" => item_a.state.cmp(&item_b.state),
        "submitted" => paper_a.submitted_on.cmp(&paper_b.submitted_on),
        "accepted" => paper_a.accepted_on.cmp(&paper_b.accepted_on),
        _ => Ordering::Equal,
    };
    first
        .then_with(|| item_a.number.len().cmp(&item_b.number.len()))
        .then_with(|| item_a.number.cmp(&item_b.number))
}

fn columns(page: &Page) -> Vec<Column> {
    let column = |key, shape| Column::new(key, page.t(&format!("papers-col-{key}"))).shape(shape);
    vec![
        column("number", Shape::Fixed).sortable(),
        column("title", Shape::Long).sortable(),
        column("period", Shape::Fixed),
        column("version", Shape::Number),
        column("state", Shape::Fixed).sortable(),
        column("due", Shape::Fixed).sortable(),
        column("submitted", Shape::Fixed).sortable(),
        column("accepted", Shape::Fixed).sortable(),
        column("file", Shape::Fixed),
    ]
}

fn row(page: &Page, item: &Stored, paper: &Paper) -> Row {
    let href = page.at(&format!("/documents/{}", item.number));
    let (state, tone) = state_of(page, &item.state);
    let day = |day: Option<Date>| match day {
        Some(day) => Cell::time(day.to_string(), page.day(day)),
        None => Cell::text("―"),
    };
    Row::new(
        item.number.clone(),
        vec![
            Cell::text(item.number.clone()),
            Cell::link(href.clone(), item.title.clone()),
            Cell::text(period(page, &paper.period)),
            Cell::text(paper.version.to_string()),
            Cell::badge(tone, state),
            day(paper.due),
            day(paper.submitted_on),
            day(paper.accepted_on),
            Cell::link(format!("{href}/paper.pdf"), "PDF"),
        ],
    )
}

fn plain(page: &Page, item: &Stored, paper: &Paper) -> Vec<String> {
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    vec![
        item.number.clone(),
        item.title.clone(),
        paper.period.clone(),
        paper.version.to_string(),
        state_of(page, &item.state).0,
        day(paper.due),
        day(paper.submitted_on),
        day(paper.accepted_on),
        paper.pdf.name.clone(),
    ]
}

fn filters(page: &Page, kinds: &BTreeMap<&str, &str>, made: &[(Stored, Paper)]) -> Vec<Field> {
    let every = || (String::new(), page.t("papers-every"));
    let mut periods: Vec<&str> = made
        .iter()
        .map(|(_, paper)| paper.period.as_str())
        .filter(|text| text.parse::<mamori_kernel::period::Period>().is_ok())
        .collect();
    periods.sort_unstable();
    periods.dedup();
    let kinds = kinds
        .iter()
        .filter(|(key, _)| made.iter().any(|(_, paper)| paper.document == **key))
        .map(|(key, title)| ((*key).to_owned(), (*title).to_owned()));
    let states = ["draft", "submitted", "returned", "accepted"]
        .map(|key| (key.to_owned(), state_of(page, key).0));
    let dues = ["late", "soon"].map(|key| (key.to_owned(), page.t(&format!("papers-due-{key}"))));
    vec![
        Field::new("search", "q", page.t("papers-filter-q")),
        Field::select(
            "kind",
            page.t("papers-filter-kind"),
            std::iter::once(every()).chain(kinds),
        ),
        Field::select(
            "state",
            page.t("papers-col-state"),
            std::iter::once(every()).chain(states),
        ),
        Field::select(
            "period",
            page.t("papers-col-period"),
            std::iter::once(every()).chain(
                periods
                    .into_iter()
                    .rev()
                    .map(|text| (text.to_owned(), period(page, text))),
            ),
        ),
        Field::select(
            "due",
            page.t("papers-col-due"),
            std::iter::once(every()).chain(dues),
        ),
    ]
}

fn to_make(page: &Page, at: &At, made: &[(Stored, Paper)], today: Date) -> Vec<ToMake> {
    let first = at.live.contract().term.first();
    deliverable_dues(&at.live, first, today.saturating_add(AHEAD_DAYS.days()))
        .into_iter()
        .filter_map(|due| {
            let document = due.deliverable.clone()?;
            let about = due.period.to_string();
            let is_made = made
                .iter()
                .any(|(_, paper)| paper.document == document && paper.period == about);
            if is_made {
                return None;
            }
            let (left, tone) = match due.due {
                Some(day) => left(page, day, today),
                None => (page.t("papers-due-unknown"), Tone::Doubt),
            };
            let month = mamori_kernel::period::YearMonth::of(due.period.last());
            Some(ToMake {
                title: due
                    .deliverable_title
                    .clone()
                    .unwrap_or_else(|| document.clone()),
                period: period(page, &about),
                due: page.day_or_dash(due.due),
                left,
                tone,
                month: match due.period {
                    mamori_kernel::period::Period::Month(_) => month.to_string(),
                    _ => String::new(),
                },
                document,
                about,
            })
        })
        .collect()
}
