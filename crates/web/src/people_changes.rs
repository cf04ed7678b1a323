//! `/people/changes`: who changed people and rights, for administrators and auditors.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;
use mamori_kernel::given;
use mamori_kernel::permission::{AUDIT, Permission};
use mamori_runtime::{App, NavEntry, NavGroup, Route};

use crate::account;
use crate::changes::{self, About, Change, Search};
use crate::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use crate::error::{self, WebError};
use crate::form::Field;
use crate::page::{Page, role_key};
use crate::session::Visitor;

const READ: Permission = Permission::read(AUDIT);
/// Rows of a CSV; narrower searches give the rest.
const MOST_ROWS: u64 = 50_000;
const SPEC: TableSpec = TableSpec {
    sortable: &["at"],
    sort: "at",
    descending: true,
    filters: &["who", "from", "to"],
    per_page: 100,
};

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/people/changes", READ, page).personal(AUDIT, [])]
}

/// The entry of the menu.
pub(crate) fn nav() -> NavEntry {
    NavEntry {
        label: "nav-changes",
        href: "/people/changes",
        permission: READ,
        group: NavGroup::House,
        order: 30,
    }
}

#[derive(Template)]
#[template(path = "people-changes.html")]
struct ChangesPage {
    page: Page,
    table: Table,
}

fn day(text: &str) -> Result<Option<Date>, WebError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        WebError::invalid(format!(
            "{}。2026-10-01 のように書いてください",
            given::wrong(text, "は日付ではありません")
        ))
    })
}

async fn page(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "changes-title").here();
    let query = TableQuery::read(&SPEC, &uri);
    let days = (day(query.filter("from"))?, day(query.filter("to"))?);
    let mut search = Search::on_days(query.filter("who"), days);
    search.oldest_first = !query.descending;
    let columns = vec![
        Column::new("at", page.t("audit-at"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("what", page.t("changes-what")),
        Column::new("whom", page.t("changes-whom")),
        Column::new("role", page.t("people-role")).shape(Shape::Fixed),
        Column::new("who", page.t("changes-who")),
        Column::new("seq", page.t("changes-number")).shape(Shape::Number),
    ];
    if query.csv {
        let header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
        let found = changes::list(&app, &search, 0, MOST_ROWS).await?;
        let rows: Vec<Vec<String>> = found.iter().map(|one| values(&page, one)).collect();
        return Ok(csv::response("people-changes", &header, rows));
    }
    let pages = query.pages(changes::count(&app, &search).await?);
    let found = changes::list(&app, &search, pages.offset(), pages.size).await?;
    let links = visitor.may(Permission::read("user"));
    let rows = found.iter().map(|one| row(&page, one, links)).collect();
    let everybody = std::iter::once((String::new(), page.t("audit-everybody")));
    let people = account::list(&app).await?.into_iter();
    let people =
        everybody.chain(people.map(|account| (account.id.to_string(), account.display_name)));
    let filter = vec![
        Field::select("who", page.t("audit-who"), people),
        Field::new("date", "from", page.t("audit-from")),
        Field::new("date", "to", page.t("audit-to")),
    ];
    let table = Table::new("changes", page.title.clone(), &query, columns, rows, pages)
        .filter(filter)
        .heading(1)
        .with_csv()
        .empty(Empty::new(page.t("changes-empty")));
    error::html(&ChangesPage { page, table })
}

/// What was done, in words; what this program does not know as it was written.
fn what(page: &Page, one: &Change) -> String {
    page.t_or(&format!("act-{}", one.act), &one.act)
}

/// Whom it is about.
fn whom(page: &Page, one: &Change) -> String {
    match one.about {
        About::Person => one.subject_name.clone(),
        About::Token => page.t1("changes-token", "id", one.subject.as_str()),
        About::Link => page.t1("changes-link", "id", one.subject.as_str()),
        About::SignIn => page.t("changes-nobody"),
    }
}

/// Who did it.
fn who(page: &Page, one: &Change) -> String {
    match one.who_kind {
        "person" => one.name.clone(),
        _ => page.t_or(&format!("changes-by-{}", one.who), &one.who),
    }
}

fn role(page: &Page, one: &Change) -> String {
    one.role
        .parse()
        .map_or_else(|_| one.role.clone(), |role| page.t(role_key(role)))
}

/// `links`: whether the reader may open the page of a person.
fn row(page: &Page, one: &Change, links: bool) -> Row {
    let whom = if links && one.about == About::Person {
        Cell::link(format!("/people/{}", one.subject), whom(page, one))
    } else {
        Cell::text(whom(page, one))
    };
    let what = what(page, one);
    Row::new(
        what.clone(),
        vec![
            Cell::time(one.at.to_string(), page.moment(one.at)),
            Cell::text(what),
            whom,
            Cell::text(role(page, one)),
            Cell::text(who(page, one)),
            Cell::text(format!("#{}", one.seq)),
        ],
    )
}

fn values(page: &Page, one: &Change) -> Vec<String> {
    vec![
        one.at.to_string(),
        what(page, one),
        whom(page, one),
        role(page, one),
        who(page, one),
        one.seq.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_act_has_words_in_both_languages() {
        let book = crate::texts::TextBook::of(&[mamori_runtime::Capability {
            texts: crate::texts(),
            ..Default::default()
        }])
        .expect("the texts are sound");
        for language in crate::Language::ALL {
            for act in crate::trail::ACTS {
                let key = format!("act-{act}");
                assert!(book.text(language, &key, &[]).is_some(), "{key}");
            }
        }
    }
}
