//! 「なぜ止められたのか」: what the firewall refused, found by the number that the visitor was shown.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use mamori_runtime::{App, HookError, Route, SearchHit, SearchRequest, SearchSource};
use mamori_web::components::{
    Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv, percent_encoded,
};
use mamori_web::{Field, Language, Page, Tone, Visitor, WebError, html};

use super::bans::ban_href;
use super::{AREA, DECIDE, READ, contract_of, mode_said, site_names};
use crate::access::readable;
use crate::model::Finding;
use crate::store::{self, Search};

const SPEC: TableSpec = TableSpec {
    sortable: &[],
    sort: "",
    descending: true,
    filters: &["q", "rule", "only"],
    per_page: 50,
};
/// Rows of a CSV.
const MOST_ROWS: u64 = 100_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/blocked", READ, list).personal(AREA, []),
        Route::get("/c/{contract}/gateway/blocked/{id}", READ, one).personal(AREA, []),
    ]
}

/// The request whose number a visitor read out: found by the whole number, as nobody remembers a
/// part of one.
pub(super) fn source() -> SearchSource {
    SearchSource::of_contract(
        "gateway-refused",
        READ,
        |app: App, wanted: SearchRequest| async move {
            let contract = wanted.contract.unwrap_or_default();
            let found = match found(&app, &contract, &wanted.words).await {
                Ok(found) => found,
                Err(WebError::NotFound(_)) => return Ok(Vec::new()),
                Err(error) => {
                    return Err(HookError::new(format!(
                        "止めたリクエストを探せません（{error}）"
                    )));
                }
            };
            let page = Page::bare(&app, Language::of(wanted.language), "gateway-blocked-title");
            Ok(vec![SearchHit {
                href: format!("/gateway/blocked/{}", found.id),
                title: page.t1("gateway-finding-of", "id", found.id.clone()),
                kind: page.title.clone(),
                note: format!("{} {}", found.method, readable(&found.path)),
                api: Some(format!("/gateway/blocked/{}", found.id)),
            }])
        },
    )
}

#[derive(Template)]
#[template(path = "gateway/blocked.html")]
struct ListPage {
    page: Page,
    table: Table,
}

fn search(app: &App, contract: &str, query: &TableQuery) -> Search {
    Search {
        sites: site_names(app, contract),
        words: query.filter("q").trim().to_owned(),
        rule: query.filter("rule").trim().parse().ok(),
        refused: query.filter("only") == "refused",
    }
}

async fn list(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let page = Page::new(&app, &visitor, "gateway-blocked-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let query = TableQuery::read(&SPEC, &uri);
    let search = search(&app, &contract, &query);
    if query.csv {
        let found = store::findings(&app.db, &search, 0, MOST_ROWS).await?;
        return Ok(as_csv(&page, &found));
    }
    let pages = query.pages(store::count_findings(&app.db, &search).await?);
    let found = store::findings(&app.db, &search, pages.offset(), pages.size).await?;
    let rows = found.iter().map(|one| row(&page, &visitor, one)).collect();
    let columns = vec![
        Column::new("at", page.t("gateway-at")).shape(Shape::Fixed),
        Column::new("path", page.t("gateway-path")).shape(Shape::Long),
        Column::new("rules", page.t("gateway-rules")).shape(Shape::Brief),
        Column::new("what", page.t("gateway-what")).shape(Shape::Fixed),
        Column::new("client", page.t("gateway-client")).shape(Shape::Fixed),
        Column::new("id", page.t("gateway-number")).shape(Shape::Fixed),
    ];
    let only = [
        (String::new(), page.t("gateway-only-all")),
        ("refused".to_owned(), page.t("gateway-only-refused")),
    ];
    let filter = vec![
        Field::new("search", "q", page.t("gateway-search")).help(page.t("gateway-search-help")),
        Field::text("rule", page.t("gateway-rule")).at_most(12),
        Field::select("only", page.t("gateway-only"), only),
    ];
    let table = Table::new("blocked", page.title.clone(), &query, columns, rows, pages)
        .filter(filter)
        .with_csv()
        .empty(Empty::new(page.t("gateway-blocked-none")));
    html(&ListPage { page, table })
}

fn row(page: &Page, visitor: &Visitor, one: &Finding) -> Row {
    let (tone, word) = outcome(page, one);
    Row::new(
        one.id.clone(),
        vec![
            Cell::time(one.at.to_string(), page.moment(one.at)),
            Cell::link(
                visitor.at(&format!("/gateway/blocked/{}", one.id)),
                format!("{} {}", one.method, readable(&one.path)),
            ),
            Cell::text(one.rules()),
            Cell::badge(tone, word),
            Cell::code(&*one.client),
            Cell::code(&*one.id),
        ],
    )
}

/// What became of it, with how that stands.
fn outcome(page: &Page, one: &Finding) -> (Tone, String) {
    if one.refused {
        (Tone::Bad, page.t("gateway-was-refused"))
    } else {
        (Tone::Warn, page.t("gateway-was-observed"))
    }
}

fn as_csv(page: &Page, found: &[Finding]) -> Response {
    let header = [
        "gateway-at",
        "gateway-number",
        "gateway-method",
        "gateway-path",
        "gateway-rules",
        "gateway-score",
        "gateway-what",
        "gateway-client",
    ]
    .map(|key| page.t(key));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|one| {
            let what = if one.refused { "refused" } else { "observed" };
            vec![
                one.at.to_string(),
                one.id.clone(),
                one.method.clone(),
                one.path.clone(),
                one.rules(),
                one.score.to_string(),
                what.to_owned(),
                one.client.clone(),
            ]
        })
        .collect();
    csv::response("gateway-blocked", &header, rows)
}

/// A value that a rule matched, with what can be done about it.
struct HitView {
    rule: u64,
    message: String,
    target: String,
    value: String,
    /// The rule is only observed.
    observed: bool,
    /// Where the narrowest exclusion is asked for; empty where there is nothing to exclude.
    exclude: String,
}

#[derive(Template)]
#[template(path = "gateway/finding.html")]
struct OnePage {
    page: Page,
    number: String,
    facts: Vec<(String, String)>,
    what: (Tone, String),
    incomplete: bool,
    rules: Vec<HitView>,
    /// Rules that only sum up.
    sums: Vec<String>,
    /// Where the client can be kept out; empty for who may not decide that.
    ban: String,
    may_decide: bool,
}

async fn one(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let found = found(&app, &contract, &id).await?;
    let mut page = Page::new(&app, &visitor, "gateway-finding-title")
        .under("gateway-title", visitor.at("/gateway"))
        .under("gateway-blocked-title", visitor.at("/gateway/blocked"));
    page.title = page.t1("gateway-finding-of", "id", found.id.clone());
    let page = page.here();
    let (_, mode) = mode_said(&page, found.mode);
    let facts = vec![
        (page.t("gateway-at"), page.moment(found.at)),
        (page.t("gateway-site"), found.site.clone()),
        (
            page.t("gateway-request"),
            format!("{} {}", found.method, readable(&found.path)),
        ),
        (page.t("gateway-client"), found.client.clone()),
        (page.t("gateway-mode"), mode),
        (page.t("gateway-score"), found.score.to_string()),
    ];
    let what = outcome(&page, &found);
    let rules = rules(&visitor, &found);
    html(&OnePage {
        incomplete: found.incomplete,
        may_decide: visitor.may(DECIDE),
        sums: sums(&found),
        ban: ban_href(&visitor, &found.client),
        facts,
        number: found.id.clone(),
        what,
        rules,
        page,
    })
}

/// The finding, if it is one of the contract's sites.
pub(crate) async fn found(app: &App, contract: &str, id: &str) -> Result<Finding, WebError> {
    let found = store::finding(&app.db, id.trim()).await?;
    let own = site_names(app, contract);
    found
        .filter(|one| own.contains(&one.site))
        .ok_or_else(|| WebError::NotFound(format!("リクエスト {id}")))
}

/// What rules looked at, one line for each value.
fn rules(visitor: &Visitor, found: &Finding) -> Vec<HitView> {
    let may = visitor.may(DECIDE);
    found
        .excludable()
        .flat_map(|matched| {
            let looked = matched
                .hits
                .iter()
                .filter(|(target, _)| !target.starts_with("TX"));
            looked.map(|(target, value)| HitView {
                rule: matched.rule,
                message: matched.message.clone(),
                target: target.clone(),
                value: value.clone(),
                observed: matched.observed,
                exclude: if may {
                    narrowest(visitor, found, matched.rule, target)
                } else {
                    String::new()
                },
            })
        })
        .collect()
}

/// Rules that only sum up the score of the others.
fn sums(found: &Finding) -> Vec<String> {
    let looked: Vec<u64> = found.excludable().map(|matched| matched.rule).collect();
    let others = found
        .matches
        .iter()
        .filter(|matched| !looked.contains(&matched.rule));
    others
        .map(|matched| format!("{} {}", matched.rule, matched.message))
        .collect()
}

/// One rule, one parameter, this path.
fn narrowest(visitor: &Visitor, found: &Finding, rule: u64, target: &str) -> String {
    let part = |name: &str, value: &str| format!("{name}={}", percent_encoded(value));
    visitor.at(&format!(
        "/gateway/exclusions/new?{}",
        [
            part("site", &found.site),
            part("rule", &rule.to_string()),
            part("target", target),
            part("path", &found.path),
            part("request", &found.id),
        ]
        .join("&")
    ))
}
