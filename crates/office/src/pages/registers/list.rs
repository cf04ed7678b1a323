//! The list of a register: searched, filtered, sorted, paged, or whole as CSV.

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;
use mamori_kernel::period::YearMonth;
use mamori_web::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use mamori_web::{Field, Page, Tone, WebError, html};

use super::listed::{self, Listed};
use super::standings;
use super::work::{self, Month};
use super::{Here, desk_error, label, value};
use crate::register::{FieldKind, Filter, MAX_PAGE, Sort, Stored, typed};

const SPEC: TableSpec = TableSpec {
    sortable: &["number", "title", "state", "day"],
    sort: "day",
    descending: true,
    filters: &["q", "state", "from", "to", "month", "link"],
    per_page: 50,
};

#[derive(Template)]
#[template(path = "registers/list.html")]
struct ListPage {
    page: Page,
    new: Option<(String, String)>,
    month: Option<Month>,
    standings: Option<Table>,
    table: Table,
}

/// The list.
pub(super) async fn page(here: Here, uri: Uri) -> Result<Response, WebError> {
    let spec = here.register.spec;
    let query = TableQuery::read(&SPEC, &uri);
    let mut page = here.page("");
    page.title = label::register(&page, spec);
    let month = work::month_of(&here, &query);
    let filter = filter(&here, &query, month);
    let listed = listed::of(spec.key);
    if query.csv {
        return as_csv(&here, &page, &query, filter, listed).await;
    }
    let found = here
        .desk
        .list(&here.contract, here.register, &filter)
        .await
        .map_err(desk_error)?;
    let mut pages = query.pages(found.total);
    let mut items = found.items;
    if pages.current != query.page {
        // The address asked for a page beyond the end.
        pages = query.pages(found.total);
        let last = Filter {
            page: u32::try_from(pages.current).unwrap_or(1),
            ..filter.clone()
        };
        items = here
            .desk
            .list(&here.contract, here.register, &last)
            .await
            .map_err(desk_error)?
            .items;
    }
    let columns = columns(&here, &page, listed.columns);
    let rows = items
        .iter()
        .map(|item| row(&here, &page, listed, item))
        .collect();
    let new = here.new_href().map(|href| {
        let label = if label::asks(&here) {
            page.t(&format!("registers-ask-{}", spec.key))
        } else {
            page.t("registers-new")
        };
        (href, label)
    });
    let empty = empty(&page, new.as_ref(), month);
    let table = Table::new("items", page.title.clone(), &query, columns, rows, pages)
        .filter(filter_fields(&here, &page, month))
        .with_csv()
        .empty(empty);
    let month = match month {
        Some(month) => Some(work::month(&here, &page, month, &items).await?),
        None => None,
    };
    let standings = standings::table(&here, &page).await?;
    html(&ListPage {
        new,
        month,
        standings,
        table,
        page: page.here(),
    })
}

fn empty(page: &Page, new: Option<&(String, String)>, month: Option<YearMonth>) -> Empty {
    let text = if month.is_some() {
        page.t("registers-empty-month")
    } else {
        page.t("registers-empty")
    };
    match new {
        Some((href, label)) => Empty::new(text).action(href.clone(), label.clone()),
        None => Empty::new(text),
    }
}

fn filter(here: &Here, query: &TableQuery, month: Option<YearMonth>) -> Filter {
    let day = |name: &str| -> Option<Date> { typed::date(query.filter(name), here.today).ok() };
    let state = query.filter("state");
    let states = here.register.spec.states;
    let known = states.iter().any(|(key, _)| *key == state);
    let link = query.filter("link");
    Filter {
        q: query.filter("q").to_owned(),
        states: known.then(|| state.to_owned()).into_iter().collect(),
        from: day("from").or(month.map(YearMonth::first)),
        to: day("to").or(month.map(YearMonth::last)),
        link: (!link.is_empty()).then(|| link.to_owned()),
        page: u32::try_from(query.page).unwrap_or(u32::MAX),
        per_page: u32::try_from(query.per_page).unwrap_or(MAX_PAGE),
        sort: Sort::parse(&format!(
            "{}{}",
            if query.descending { "-" } else { "" },
            query.sort
        ))
        .unwrap_or_default(),
    }
}

fn filter_fields(here: &Here, page: &Page, month: Option<YearMonth>) -> Vec<Field> {
    let spec = here.register.spec;
    let states = spec
        .states
        .iter()
        .map(|(key, _)| ((*key).to_owned(), label::state(page, spec, key)));
    let all = (String::new(), page.t("registers-all-states"));
    let mut fields = vec![
        Field::new("search", "q", page.t("registers-words")),
        Field::select(
            "state",
            page.t("registers-state"),
            std::iter::once(all).chain(states),
        ),
        Field::new("date", "from", page.t("registers-from")),
        Field::new("date", "to", page.t("registers-to")),
    ];
    if month.is_some() || spec.key == "work" {
        fields.insert(2, Field::new("month", "month", page.t("registers-month")));
    }
    fields
}

fn columns(here: &Here, page: &Page, names: &[&'static str]) -> Vec<Column> {
    let mut columns = vec![
        Column::new("number", page.t("registers-number"))
            .shape(Shape::Fixed)
            .sortable(),
    ];
    columns.extend(names.iter().map(|name| column(here, page, name)));
    columns
}

fn column(here: &Here, page: &Page, name: &'static str) -> Column {
    let spec = here.register.spec;
    match name {
        "day" => Column::new("day", page.t("registers-day"))
            .shape(Shape::Fixed)
            .sortable(),
        "title" => Column::new("title", page.t("registers-title"))
            .shape(Shape::Long)
            .sortable(),
        "state" => Column::new("state", page.t("registers-state"))
            .shape(Shape::Fixed)
            .sortable(),
        "waits" => Column::new("waits", page.t("registers-waits")).shape(Shape::Fixed),
        _ => {
            let kind = spec
                .acts
                .iter()
                .flat_map(|act| act.fields)
                .find(|field| field.name == name)
                .map(|field| field.kind);
            let shape = match kind {
                Some(FieldKind::Date | FieldKind::Time) => Shape::Fixed,
                Some(FieldKind::Minutes | FieldKind::Count) => Shape::Number,
                None if name.ends_with("minutes") || name == "attendees" => Shape::Number,
                _ => Shape::Words,
            };
            Column::new(name, label::named(page, spec, name)).shape(shape)
        }
    }
}

fn row(here: &Here, page: &Page, listed: &Listed, item: &Stored) -> Row {
    let mut cells = vec![Cell::link(here.item(&item.number), item.number.clone())];
    cells.extend(
        listed
            .columns
            .iter()
            .map(|name| cell(here, page, name, item)),
    );
    Row::new(item.number.clone(), cells)
}

fn cell(here: &Here, page: &Page, name: &str, item: &Stored) -> Cell {
    match name {
        "day" => Cell::time(item.day.to_string(), page.day(item.day)),
        "title" => Cell::text(item.title.clone()),
        "state" => {
            let (tone, text) = value::badge(here, page, &item.state);
            Cell::badge(tone, text)
        }
        "waits" => {
            let waiting = value::waiting(here, item);
            match (waiting.running, waiting.days) {
                (true, days) => Cell::badge(Tone::Warn, page.t1("registers-days", "days", days)),
                (false, 0) => Cell::text("―"),
                (false, days) => Cell::text(page.t1("registers-days", "days", days)),
            }
        }
        _ if here.register.spec.is_personal(name) && !here.personal => Cell::text("―"),
        _ => value::cell(here, page, name, item.data.get(name)),
    }
}

async fn as_csv(
    here: &Here,
    page: &Page,
    query: &TableQuery,
    mut filter: Filter,
    listed: &Listed,
) -> Result<Response, WebError> {
    let names: Vec<&'static str> = listed.columns.iter().chain(listed.csv).copied().collect();
    let header: Vec<String> = columns(here, page, &names)
        .into_iter()
        .map(|column| column.label)
        .collect();
    filter.per_page = MAX_PAGE;
    filter.page = 1;
    let mut rows = Vec::new();
    loop {
        let found = here
            .desk
            .list(&here.contract, here.register, &filter)
            .await
            .map_err(desk_error)?;
        let last = found.items.len() < MAX_PAGE as usize;
        for item in &found.items {
            let mut row = vec![item.number.clone()];
            row.extend(names.iter().map(|name| csv_text(here, page, name, item)));
            rows.push(row);
        }
        if last {
            break;
        }
        filter.page += 1;
    }
    let month = query.filter("month");
    let name = format!("{} {month}", page.title);
    Ok(csv::response(name.trim(), &header, rows))
}

/// Days in ISO, which a spreadsheet sorts; everything else as on the page.
fn csv_text(here: &Here, page: &Page, name: &str, item: &Stored) -> String {
    let cell = cell(here, page, name, item);
    if cell.kind == "time" {
        cell.reference
    } else {
        match value::words(&cell) {
            dash if dash == "―" => String::new(),
            words => words,
        }
    }
}
