//! What rules do not look at: the list, a new one with its reason and last day, and its end.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::{App, Route};
use mamori_web::{Field, Page, Tone, Visitor, WebError, form_page, html};
use serde::Deserialize;

use super::{DECIDE, FORM_BYTES, READ, contract_of, judged, refused, site_names, standing_said};
use crate::desk;
use crate::model::{Exclusion, REASON_CHARS, Wish, WrongWish};
use crate::store;

/// A new exclusion lasts so many days unless somebody says otherwise.
const USUAL_DAYS: i64 = 90;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/exclusions", READ, list),
        Route::get("/c/{contract}/gateway/exclusions/new", DECIDE, ask),
        Route::post("/c/{contract}/gateway/exclusions/new", DECIDE, add)
            .with_body_limit(FORM_BYTES),
        Route::post(
            "/c/{contract}/gateway/exclusions/{site}/{id}/end",
            DECIDE,
            end,
        )
        .with_body_limit(FORM_BYTES),
    ]
}

struct View {
    id: String,
    site: String,
    what: String,
    path: String,
    reason: String,
    until: String,
    state: (Tone, String),
    open: bool,
}

#[derive(Template)]
#[template(path = "gateway/exclusions.html")]
struct ListPage {
    page: Page,
    rows: Vec<View>,
    may_decide: bool,
}

async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let page = Page::new(&app, &visitor, "gateway-exclusions-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let mut rows = Vec::new();
    for site in site_names(&app, &contract) {
        let all = store::exclusions(&app.db, &site, false).await?;
        rows.extend(all.into_iter().map(|one| view(&app, &page, one)));
    }
    html(&ListPage {
        may_decide: visitor.may(DECIDE),
        page,
        rows,
    })
}

fn view(app: &App, page: &Page, one: Exclusion) -> View {
    let open = one.holds(app.now());
    let rule = one.rule;
    View {
        what: if one.target.is_empty() {
            page.t1("gateway-whole-rule", "rule", rule.to_string())
        } else {
            format!("{rule} {}", one.target)
        },
        path: match (one.path.as_str(), one.below) {
            ("", _) => page.t("gateway-everywhere"),
            (path, false) => path.to_owned(),
            (path, true) => page.t1("gateway-and-below", "path", path.to_owned()),
        },
        until: page.day(one.expires_on),
        state: standing_said(page, open, one.ended_at.is_some()),
        id: one.id.to_string(),
        site: one.site,
        reason: one.reason,
        open,
    }
}

/// What the form holds: the wish, and for which site.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    site: String,
    #[serde(flatten)]
    wish: Wish,
}

#[derive(Template)]
#[template(path = "gateway/exclusion-new.html")]
struct NewPage {
    page: Page,
    fields: Vec<Field>,
    request: String,
}

async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    Query(mut asked): Query<Asked>,
) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    if asked.wish.expires_on.is_empty() {
        let usual = tokyo_date(app.now()).saturating_add(USUAL_DAYS.days());
        asked.wish.expires_on = usual.to_string();
    }
    html(&form(&app, &visitor, &contract, &asked, &[]))
}

fn form(
    app: &App,
    visitor: &Visitor,
    contract: &str,
    asked: &Asked,
    wrong: &[WrongWish],
) -> NewPage {
    let page = Page::new(app, visitor, "gateway-exclusion-new")
        .under("gateway-title", visitor.at("/gateway"))
        .under(
            "gateway-exclusions-title",
            visitor.at("/gateway/exclusions"),
        )
        .here();
    let sites = site_names(app, contract);
    let sites = sites.into_iter().map(|site| (site.clone(), site));
    let reach = [
        ("", page.t("gateway-reach-exact")),
        ("below", page.t("gateway-reach-below")),
    ];
    let wish = &asked.wish;
    let fields = vec![
        Field::select("site", page.t("gateway-site"), sites).value(&asked.site),
        Field::text("rule", page.t("gateway-rule"))
            .required()
            .at_most(12)
            .value(&wish.rule),
        Field::text("target", page.t("gateway-target"))
            .at_most(200)
            .help(page.t("gateway-target-help"))
            .value(&wish.target),
        Field::text("path", page.t("gateway-path"))
            .at_most(1_000)
            .help(page.t("gateway-path-help"))
            .value(&wish.path),
        Field::radio("reach", page.t("gateway-reach"), reach).value(&wish.reach),
        Field::long("reason", page.t("gateway-reason"), REASON_CHARS)
            .required()
            .help(page.t("gateway-reason-help"))
            .value(&wish.reason),
        Field::new("date", "expires_on", page.t("gateway-expires"))
            .required()
            .help(page.t("gateway-expires-help"))
            .value(&wish.expires_on),
    ];
    let fields = judged(&page, fields, wrong);
    NewPage {
        fields,
        request: wish.request.clone(),
        page,
    }
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let done = desk::exclude(&app, &contract, &asked.site, &asked.wish, visitor.actor()).await;
    if let Err(error) = done {
        let wrong = error.of_wish().map_err(refused)?;
        return form_page(&form(&app, &visitor, &contract, &asked, &wrong));
    }
    let said = Page::bare(&app, visitor.language, "").t("gateway-excluded");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/exclusions")).into_response())
}

async fn end(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, site, id)): Path<(String, String, String)>,
) -> Result<Redirect, WebError> {
    desk::end_exclusion(&app, &contract, &site, &id, visitor.actor())
        .await
        .map_err(refused)?;
    let said = Page::bare(&app, visitor.language, "").t("gateway-exclusion-was-ended");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/exclusions")))
}
