//! Who is kept out: the list, a new ban with its reason and end, letting somebody in again.

use std::net::IpAddr;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::ToSpan as _;
use mamori_kernel::BanCause;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::{App, Route};
use mamori_web::components::{TableQuery, TableSpec};
use mamori_web::{Field, Page, Pages, Tone, Visitor, WebError, form_page, html};
use serde::Deserialize;

use super::{AREA, DECIDE, FORM_BYTES, READ, contract_of, judged, refused};
use crate::bans::{self, BanWish, Stored, store};
use crate::model::{REASON_CHARS, WrongWish};

/// Days of what watches saw.
const DAYS: i64 = 14;
/// A ban by a person lasts so many hours unless the person says otherwise.
const USUAL_HOURS: &str = "24";

const SPEC: TableSpec = TableSpec {
    sortable: &[],
    sort: "",
    descending: true,
    filters: &[],
    per_page: 50,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/bans", READ, list).personal(AREA, []),
        Route::get("/c/{contract}/gateway/bans/new", DECIDE, ask),
        Route::post("/c/{contract}/gateway/bans/new", DECIDE, add).with_body_limit(FORM_BYTES),
        Route::post("/c/{contract}/gateway/bans/lift", DECIDE, lift).with_body_limit(FORM_BYTES),
    ]
}

struct View {
    network: String,
    why: String,
    /// Whether a person wrote it.
    written: bool,
    since: String,
    until: String,
    times: u32,
}

struct WatchView {
    name: String,
    seen: u64,
    banned: u64,
}

#[derive(Template)]
#[template(path = "gateway/bans.html")]
struct ListPage {
    page: Page,
    rows: Vec<View>,
    pages: Pages,
    watches: Vec<WatchView>,
    allowed: String,
    may_decide: bool,
}

async fn list(State(app): State<App>, visitor: Visitor, uri: Uri) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "gateway-bans-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let query = TableQuery::read(&SPEC, &uri);
    let now = app.now();
    let pages = query.pages(store::count(&app.db, now).await?);
    let bans = store::in_force(&app.db, now, pages.offset(), pages.size).await?;
    let today = tokyo_date(now);
    let from = today.saturating_sub((DAYS - 1).days());
    let mut watches: Vec<WatchView> = store::seen(&app.db, from, today)
        .await?
        .into_iter()
        .map(|(name, seen)| WatchView {
            name: watch_said(&page, &name),
            seen: seen.seen,
            banned: seen.banned,
        })
        .collect();
    watches.sort_by_key(|watch| std::cmp::Reverse(watch.seen));
    let allowed = app
        .config
        .gateway
        .iter()
        .flat_map(|gateway| &gateway.allowed);
    let allowed: Vec<String> = allowed.map(ToString::to_string).collect();
    html(&ListPage {
        rows: bans.into_iter().map(|one| view(&page, one)).collect(),
        allowed: allowed.join(", "),
        may_decide: visitor.may(DECIDE),
        watches,
        pages,
        page,
    })
}

fn view(page: &Page, one: Stored) -> View {
    let ban = one.ban;
    let (why, written) = match ban.cause {
        BanCause::Watch { watch } => (watch_said(page, &watch), false),
        BanCause::Person { reason } => (reason, true),
    };
    View {
        network: ban.network.to_string(),
        why,
        written,
        since: page.moment(ban.since),
        until: ban
            .until
            .map_or_else(|| page.t("gateway-ban-open"), |until| page.moment(until)),
        times: ban.times,
    }
}

/// A watch in words; its own name where it has none.
fn watch_said(page: &Page, name: &str) -> String {
    const KNOWN: [&str; 6] = [
        "failed-logins",
        "failed-xmlrpc",
        "searching",
        "attacks",
        "malformed",
        "flooding",
    ];
    if KNOWN.contains(&name) {
        page.t(&format!("gateway-watch-{name}"))
    } else {
        name.to_owned()
    }
}

#[derive(Template)]
#[template(path = "gateway/ban-new.html")]
struct NewPage {
    page: Page,
    fields: Vec<Field>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    network: String,
}

async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let wish = BanWish {
        network: asked.network,
        hours: USUAL_HOURS.to_owned(),
        reason: String::new(),
    };
    html(&form(&app, &visitor, &wish, &[]))
}

fn form(app: &App, visitor: &Visitor, wish: &BanWish, wrong: &[WrongWish]) -> NewPage {
    let page = Page::new(app, visitor, "gateway-ban-new")
        .under("gateway-title", visitor.at("/gateway"))
        .under("gateway-bans-title", visitor.at("/gateway/bans"))
        .here();
    let fields = vec![
        Field::text("network", page.t("gateway-ban-network"))
            .required()
            .at_most(50)
            .help(page.t("gateway-ban-network-help"))
            .value(&wish.network),
        Field::new("number", "hours", page.t("gateway-ban-hours"))
            .range("1", bans::LONGEST_HOURS.to_string())
            .help(page.t("gateway-ban-hours-help"))
            .value(&wish.hours),
        Field::long("reason", page.t("gateway-reason"), REASON_CHARS)
            .required()
            .help(page.t("gateway-ban-reason-help"))
            .value(&wish.reason),
    ];
    let fields = judged(&page, fields, wrong);
    NewPage { page, fields }
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(wish): Form<BanWish>,
) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    if let Err(error) = bans::ban(&app, &contract, &wish, visitor.actor()).await {
        let wrong = error.of_wish().map_err(refused)?;
        return form_page(&form(&app, &visitor, &wish, &wrong));
    }
    let said = Page::bare(&app, visitor.language, "").t("gateway-ban-done");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/bans")).into_response())
}

#[derive(Deserialize)]
struct Lifted {
    #[serde(default)]
    network: String,
}

async fn lift(
    State(app): State<App>,
    visitor: Visitor,
    Form(lifted): Form<Lifted>,
) -> Result<Redirect, WebError> {
    let contract = contract_of(&visitor)?;
    bans::lift(&app, &contract, &lifted.network, visitor.actor())
        .await
        .map_err(refused)?;
    let said = Page::bare(&app, visitor.language, "").t("gateway-ban-lifted");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/bans")))
}

/// Where a client that was seen can be kept out; empty for what is no address.
pub(super) fn ban_href(visitor: &Visitor, client: &str) -> String {
    if !visitor.may(DECIDE) || client.parse::<IpAddr>().is_err() {
        return String::new();
    }
    let client = mamori_web::components::percent_encoded(client);
    visitor.at(&format!("/gateway/bans/new?network={client}"))
}
