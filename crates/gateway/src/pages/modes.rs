//! Where the firewall does something else than on the rest of a site: the list, a new one, its end.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::{App, Route};
use mamori_web::{Field, Page, Tone, Visitor, WebError, form_page, html};
use serde::Deserialize;

use super::{
    DECIDE, FORM_BYTES, READ, contract_of, judged, mode_said, refused, site_names, standing_said,
};
use crate::local::{self, LocalMode, Scope, Wish};
use crate::model::{REASON_CHARS, WrongWish};

/// A new one lasts so many days unless somebody says otherwise.
const USUAL_DAYS: i64 = 30;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/modes", READ, list),
        Route::get("/c/{contract}/gateway/modes/new", DECIDE, ask),
        Route::post("/c/{contract}/gateway/modes/new", DECIDE, add).with_body_limit(FORM_BYTES),
        Route::post("/c/{contract}/gateway/modes/{site}/{id}/end", DECIDE, end)
            .with_body_limit(FORM_BYTES),
    ]
}

struct View {
    id: String,
    site: String,
    what: String,
    mode: (Tone, String),
    reason: String,
    until: String,
    state: (Tone, String),
    open: bool,
}

#[derive(Template)]
#[template(path = "gateway/modes.html")]
struct ListPage {
    page: Page,
    rows: Vec<View>,
    may_decide: bool,
}

async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let page = Page::new(&app, &visitor, "gateway-modes-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let mut rows = Vec::new();
    for site in site_names(&app, &contract) {
        let all = local::store::all(&app.db, &site, false).await?;
        rows.extend(all.into_iter().map(|one| view(&app, &page, one)));
    }
    html(&ListPage {
        may_decide: visitor.may(DECIDE),
        page,
        rows,
    })
}

/// What a decision is about, in words.
fn about(page: &Page, scope: &Scope) -> String {
    match scope {
        Scope::Path(path) => page.t1("gateway-and-below", "path", path.clone()),
        Scope::Rule(number) => page.t1("gateway-mode-of-rule", "rule", number.to_string()),
        Scope::Tag(tag) => page.t1("gateway-mode-of-tag", "tag", tag.clone()),
    }
}

fn view(app: &App, page: &Page, one: LocalMode) -> View {
    let open = one.holds(app.now());
    View {
        id: one.id.to_string(),
        what: about(page, &one.scope),
        mode: mode_said(page, one.mode),
        until: one
            .expires_on
            .map_or_else(|| page.t("gateway-until-ended"), |day| page.day(day)),
        state: standing_said(page, open, one.ended_at.is_some()),
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
#[template(path = "gateway/mode-new.html")]
struct NewPage {
    page: Page,
    fields: Vec<Field>,
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
    for (field, usual) in [
        (&mut asked.wish.about, "path"),
        (&mut asked.wish.mode, "detect"),
    ] {
        if field.is_empty() {
            usual.clone_into(field);
        }
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
    let page = Page::new(app, visitor, "gateway-mode-new")
        .under("gateway-title", visitor.at("/gateway"))
        .under("gateway-modes-title", visitor.at("/gateway/modes"))
        .here();
    let sites = site_names(app, contract);
    let sites = sites.into_iter().map(|site| (site.clone(), site));
    let abouts =
        ["path", "rule", "tag"].map(|about| (about, page.t(&format!("gateway-about-{about}"))));
    let modes =
        ["block", "detect", "off"].map(|mode| (mode, page.t(&format!("gateway-mode-{mode}"))));
    let wish = &asked.wish;
    let fields = vec![
        Field::select("site", page.t("gateway-site"), sites).value(&asked.site),
        Field::radio("about", page.t("gateway-about"), abouts).value(&wish.about),
        Field::text("name", page.t("gateway-about-name"))
            .required()
            .at_most(500)
            .help(page.t("gateway-about-name-help"))
            .value(&wish.name),
        Field::radio("mode", page.t("gateway-mode"), modes)
            .help(page.t("gateway-local-mode-help"))
            .value(&wish.mode),
        Field::long("reason", page.t("gateway-reason"), REASON_CHARS)
            .required()
            .help(page.t("gateway-reason-help"))
            .value(&wish.reason),
        Field::new("date", "expires_on", page.t("gateway-expires"))
            .help(page.t("gateway-mode-expires-help"))
            .value(&wish.expires_on),
    ];
    let fields = judged(&page, fields, wrong);
    NewPage { page, fields }
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let done = local::desk::decide(&app, &contract, &asked.site, &asked.wish, visitor.actor());
    if let Err(error) = done.await {
        let wrong = error.of_wish().map_err(refused)?;
        return form_page(&form(&app, &visitor, &contract, &asked, &wrong));
    }
    let said = Page::bare(&app, visitor.language, "").t("gateway-mode-was-set");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/modes")).into_response())
}

async fn end(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, site, id)): Path<(String, String, String)>,
) -> Result<Redirect, WebError> {
    local::desk::end(&app, &contract, &site, &id, visitor.actor())
        .await
        .map_err(refused)?;
    let said = Page::bare(&app, visitor.language, "").t("gateway-mode-was-ended");
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/modes")))
}
