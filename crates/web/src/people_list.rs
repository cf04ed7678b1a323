//! The list of `/people`: everybody with an account, sorted, filtered and cut, as a page or as CSV;
//! below it the links that nobody has used yet.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use mamori_kernel::permission::{AUDIT, Permission, Role};
use mamori_runtime::{App, search::folded};

use crate::account::{self, Account};
use crate::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use crate::error::{self, WebError};
use crate::form::Field;
use crate::invitation::{self, Invitation, Purpose};
use crate::page::{Page, role_key};
use crate::people::{self, CHANGE, Line};
use crate::session::Visitor;

const SPEC: TableSpec = TableSpec {
    sortable: &["name", "sign-in", "role", "signed-in", "state"],
    sort: "name",
    descending: false,
    filters: &["q", "role", "state"],
    per_page: 50,
};

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    page: Page,
    table: Table,
    invitations: Vec<(Invitation, String)>,
    may_change: bool,
    may_audit: bool,
}

pub(crate) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "people-title").here();
    let query = TableQuery::read(&SPEC, &uri);
    let fitting: Vec<Account> = account::list(&app)
        .await?
        .into_iter()
        .filter(|one| fits(one, &query))
        .collect();
    let (shown, pages) = query.cut(fitting, compare);
    let mut lines = Vec::with_capacity(shown.len());
    for account in shown {
        lines.push(people::line(&app, &page, account).await?);
    }
    let columns = columns(&page);
    if query.csv {
        let header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|line| {
                let cells = cells(&page, line).into_iter();
                cells.map(|cell| cell.text).collect()
            })
            .collect();
        return Ok(csv::response("people", &header, rows));
    }
    let rows = lines
        .iter()
        .map(|line| Row::new(line.account.display_name.clone(), cells(&page, line)))
        .collect();
    let may_change = visitor.may(CHANGE);
    let mut empty = Empty::new(page.t("people-none"));
    if may_change {
        empty = empty.action("/people/invite", page.t("invite-title"));
    }
    let table = Table::new("people", page.title.clone(), &query, columns, rows, pages)
        .filter(filter(&page))
        .with_csv()
        .empty(empty);
    let invitations = if may_change {
        open_links(&app, &page).await?
    } else {
        Vec::new()
    };
    error::html(&PeoplePage {
        table,
        invitations,
        may_change,
        may_audit: visitor.may(Permission::read(AUDIT)),
        page,
    })
}

/// Links that nobody has used yet, each with what it is for.
async fn open_links(app: &App, page: &Page) -> Result<Vec<(Invitation, String)>, WebError> {
    let open = invitation::open_ones(app).await?.into_iter();
    let named = open.map(|one| {
        let what = match &one.purpose {
            Purpose::Join { role, .. } => page.t(role_key(*role)),
            Purpose::Reset { .. } => page.t("people-reset-link"),
        };
        (one, what)
    });
    Ok(named.collect())
}

fn fits(account: &Account, query: &TableQuery) -> bool {
    let text = folded(&format!("{} {}", account.display_name, account.name));
    let words = folded(query.filter("q"));
    let state = match query.filter("state") {
        "enabled" => account.disabled_at.is_none(),
        "disabled" => account.disabled_at.is_some(),
        _ => true,
    };
    let role = query.filter("role");
    state
        && (role.is_empty() || account.role.as_str() == role)
        && words.split_whitespace().all(|word| text.contains(word))
}

fn compare(by: &str, a: &Account, b: &Account) -> Ordering {
    let by_key = match by {
        "sign-in" => a.name.cmp(&b.name),
        "role" => a.role.cmp(&b.role),
        "signed-in" => a.signed_in_at.cmp(&b.signed_in_at),
        "state" => a.disabled_at.is_some().cmp(&b.disabled_at.is_some()),
        _ => Ordering::Equal,
    };
    by_key.then_with(|| a.display_name.cmp(&b.display_name))
}

fn columns(page: &Page) -> Vec<Column> {
    vec![
        Column::new("name", page.t("account-display-name")).sortable(),
        Column::new("sign-in", page.t("sign-in-name"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("role", page.t("people-role"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("contracts", page.t("people-contracts")),
        Column::new("signed-in", page.t("people-signed-in")).sortable(),
        Column::new("second", page.t("second-title")).shape(Shape::Brief),
        Column::new("state", page.t("people-state"))
            .shape(Shape::Fixed)
            .sortable(),
    ]
}

fn cells(page: &Page, line: &Line) -> Vec<Cell> {
    let account = &line.account;
    let signed_in = account.signed_in_at.map_or_else(
        || Cell::text(page.t("people-never")),
        |at| Cell::time(at.to_string(), page.moment(at)),
    );
    let second = if line.second {
        "second-on"
    } else {
        "second-off"
    };
    vec![
        Cell::link(
            format!("/people/{}", account.id),
            account.display_name.clone(),
        ),
        Cell::code(account.name.clone()),
        Cell::text(line.role.clone()),
        Cell::text(line.contracts.clone()),
        signed_in,
        Cell::text(page.t(second)),
        Cell::badge(line.tone, line.state.clone()),
    ]
}

fn filter(page: &Page) -> Vec<Field> {
    let any = |key: &str| (String::new(), page.t(key));
    let roles = Role::ALL.map(|role| (role.as_str().to_owned(), page.t(role_key(role))));
    let roles = std::iter::once(any("people-any-role")).chain(roles);
    let states = [
        any("people-any-state"),
        ("enabled".to_owned(), page.t("people-enabled")),
        ("disabled".to_owned(), page.t("people-disabled")),
    ];
    vec![
        Field::new("search", "q", page.t("people-words")),
        Field::select("role", page.t("people-role"), roles),
        Field::select("state", page.t("people-state"), states),
    ]
}
