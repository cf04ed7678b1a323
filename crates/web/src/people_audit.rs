//! `/people/audit`: who was shown personal data, for administrators and auditors.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use mamori_kernel::given;
use mamori_kernel::permission::{AUDIT, Permission};
use mamori_runtime::{App, NavEntry, NavGroup, Route};
use serde::Deserialize;

use crate::account;
use crate::audit::{self, Reading, Search};
use crate::components::csv;
use crate::error::{self, WebError};
use crate::form::Field;
use crate::page::Page;
use crate::paging::Pages;
use crate::session::Visitor;

const READ: Permission = Permission::read(AUDIT);
const PER_PAGE: u64 = 100;
/// Rows of a CSV file; narrower searches give the rest.
const MOST_ROWS: u64 = 50_000;

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/people/audit", READ, page).personal(AUDIT, []),
        Route::get("/people/audit.csv", READ, file).personal(AUDIT, []),
    ]
}

/// The entry of the menu.
pub(crate) fn nav() -> NavEntry {
    NavEntry {
        label: "nav-audit",
        href: "/people/audit",
        permission: READ,
        group: NavGroup::House,
        order: 20,
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    who: String,
    #[serde(default)]
    contract: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    page: String,
}

impl Asked {
    /// The search; what is no day is told.
    fn search(&self) -> Result<Search, WebError> {
        let day = |text: &str| -> Result<Option<Date>, WebError> {
            if text.is_empty() {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_| {
                WebError::invalid(format!(
                    "{}。2026-10-01 のように書いてください",
                    given::wrong(text, "は日付ではありません")
                ))
            })
        };
        let days = (day(&self.from)?, day(&self.to)?);
        Ok(Search::on_days(&self.who, &self.contract, days))
    }

    fn query(&self) -> String {
        [
            ("who", &self.who),
            ("contract", &self.contract),
            ("from", &self.from),
            ("to", &self.to),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", crate::components::percent_encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
    }
}

#[derive(Template)]
#[template(path = "people-audit.html")]
struct AuditPage {
    page: Page,
    filters: Vec<Field>,
    rows: Vec<Reading>,
    pages: Pages,
    query: String,
}

impl AuditPage {
    /// The contract by its name; what is no longer known by its id.
    fn contract(&self, row: &Reading) -> String {
        let contracts = self.page.contracts.iter();
        let known = contracts.clone().find(|one| one.id == row.contract);
        known.map_or_else(|| row.contract.clone(), |one| one.title.clone())
    }

    /// What was shown: a register, or a place of the console.
    fn area(&self, row: &Reading) -> String {
        let register = self.page.t_or(&format!("register-{}", row.area), &row.area);
        self.page
            .t_or(&format!("audit-area-{}", row.area), &register)
    }
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "audit-title").here();
    let search = asked.search()?;
    let query = asked.query();
    let pages = Pages {
        current: asked.page.parse().unwrap_or(1).max(1),
        size: PER_PAGE,
        total: audit::count(&app, &search).await?,
        base: format!("/people/audit?{query}"),
    };
    let rows = audit::list(&app, &search, pages.offset(), PER_PAGE).await?;
    let everybody = std::iter::once((String::new(), page.t("audit-everybody")));
    let people = account::list(&app).await?;
    let people = everybody.chain(
        people
            .into_iter()
            .map(|account| (account.id.to_string(), account.display_name)),
    );
    let all = std::iter::once((String::new(), page.t("audit-every-contract")));
    let contracts = all.chain(
        page.contracts
            .iter()
            .map(|one| (one.id.clone(), one.title.clone())),
    );
    let filters = vec![
        Field::select("who", page.t("audit-who"), people).value(&asked.who),
        Field::select("contract", page.t("audit-contract"), contracts).value(&asked.contract),
        Field::new("date", "from", page.t("audit-from")).value(&asked.from),
        Field::new("date", "to", page.t("audit-to")).value(&asked.to),
    ];
    error::html(&AuditPage {
        page,
        filters,
        rows,
        pages,
        query,
    })
}

async fn file(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "audit-title");
    let rows = audit::list(&app, &asked.search()?, 0, MOST_ROWS).await?;
    let header = [
        "audit-at",
        "audit-who",
        "audit-id",
        "audit-contract",
        "audit-area",
        "audit-item",
        "session-address",
    ]
    .map(|key| page.t(key));
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            vec![
                row.at.to_string(),
                row.name,
                row.who,
                row.contract,
                row.area,
                row.item,
                row.address,
            ]
        })
        .collect();
    Ok(csv::response("audit-read", &header, rows))
}
