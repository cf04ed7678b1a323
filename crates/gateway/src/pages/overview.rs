//! How the gateway stands: its sites, the traffic of the last days, the month's plan.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::config::GatewaySite;
use mamori_runtime::{App, HookError, Route, Tile, TileRequest, TileTone, TileView};
use mamori_web::components::{Cell, Meter, Stat, grouped};
use mamori_web::{Field, Language, Page, Tone, Visitor, WebError, conflict_page, form_page, html};
use serde::Deserialize;

use super::{DECIDE, FORM_BYTES, READ, contract_of, mode_said, refused};
use crate::desk::{self, DeskError};
use crate::jobs::{month_gigabytes, serves};
use crate::local;
use crate::model::{SitePolicy, Traffic, mode_of, mode_word};
use crate::store::{self, Alive};

/// Days of traffic that are shown.
const DAYS: i64 = 14;
/// Longest time after which visitors of a closed site are asked to come again: a week.
const LONGEST_RETRY: u32 = 7 * 24 * 60;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway", READ, look),
        Route::post("/c/{contract}/gateway/sites/{site}", DECIDE, change)
            .with_body_limit(FORM_BYTES),
    ]
}

/// A site as the page shows it.
struct SiteView {
    name: String,
    facts: Vec<(String, Cell)>,
    fields: Vec<Field>,
    /// The revision that the fields were made from, hidden beside them.
    was: String,
    /// What was sent is wrong or came too late: its form stays open.
    refused: bool,
    /// Somebody else decided meanwhile: as it is now, and as it was chosen here.
    stale: Option<[String; 2]>,
}

/// A day's traffic in words.
struct DayView {
    day: String,
    requests: String,
    refused: String,
    observed: String,
    broken: String,
    megabytes: String,
}

#[derive(Template)]
#[template(path = "gateway/overview.html")]
struct OverviewPage {
    page: Page,
    configured: bool,
    serving: bool,
    trouble: String,
    state: (Tone, String),
    standing: Vec<(String, Cell)>,
    lost: Option<String>,
    unwritten: Option<String>,
    stats: Vec<Stat>,
    plan: Option<Meter>,
    sites: Vec<SiteView>,
    days: Vec<DayView>,
    may_decide: bool,
}

impl OverviewPage {
    fn one(&mut self, site: &str) -> Result<&mut SiteView, WebError> {
        let mut sites = self.sites.iter_mut();
        sites
            .find(|one| one.name == site)
            .ok_or_else(|| refused(DeskError::NoSite))
    }
}

async fn look(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "gateway-title").here();
    html(&overview(&app, &visitor, page).await?)
}

async fn overview(app: &App, visitor: &Visitor, page: Page) -> Result<OverviewPage, WebError> {
    let contract = contract_of(visitor)?;
    let alive = store::alive(&app.db).await?;
    let serving = serves(app, alive.as_ref());
    let mut sites = Vec::new();
    for site in desk::sites(app, &contract) {
        let (policy, revision) = store::policy_seen(&app.db, &site.name).await?;
        let now = app.now();
        let open = store::exclusions(&app.db, &site.name, true).await?;
        let holding = open.iter().filter(|exclusion| exclusion.holds(now)).count();
        let local = local::store::all(&app.db, &site.name, true).await?;
        let local = local.iter().filter(|one| one.holds(now)).count();
        sites.push(SiteView {
            fields: fields(&page, &site.name, &Sent::of(&policy), false),
            was: revision.to_string(),
            refused: false,
            stale: None,
            facts: facts(&page, &site, &policy, holding, local),
            name: site.name,
        });
    }
    let (days, sum) = last_days(app, &page, &contract).await?;
    Ok(OverviewPage {
        configured: !sites.is_empty(),
        serving,
        trouble: trouble(alive.as_ref()),
        state: state(&page, serving),
        standing: standing(&page, alive.as_ref()),
        lost: lost(&page, alive.as_ref()),
        unwritten: unwritten(&page, alive.as_ref()),
        stats: stats(&page, sum),
        plan: plan(app, &page, &contract).await?,
        sites,
        days,
        may_decide: visitor.may(DECIDE),
        page,
    })
}

fn facts(
    page: &Page,
    site: &GatewaySite,
    policy: &SitePolicy,
    exclusions: usize,
    local: usize,
) -> Vec<(String, Cell)> {
    let (tone, mode) = mode_said(page, policy.mode);
    let open = if policy.closed {
        Cell::badge(Tone::Warn, page.t("gateway-is-closed"))
    } else {
        Cell::badge(Tone::Ok, page.t("gateway-is-open"))
    };
    vec![
        (page.t("gateway-hosts"), Cell::text(hosts(page, site))),
        (
            page.t("gateway-upstreams"),
            Cell::text(site.upstreams.join(", ")),
        ),
        (page.t("gateway-mode"), Cell::badge(tone, mode)),
        (
            page.t("gateway-paranoia"),
            Cell::text(policy.paranoia.to_string()),
        ),
        (page.t("gateway-open"), open),
        (
            page.t("gateway-exclusions-title"),
            Cell::link(page.at("/gateway/exclusions"), exclusions.to_string()),
        ),
        (
            page.t("gateway-modes-title"),
            Cell::link(page.at("/gateway/modes"), local.to_string()),
        ),
    ]
}

/// The names a site answers to; `*` in words.
fn hosts(page: &Page, site: &GatewaySite) -> String {
    let said = site.hosts.iter().map(|host| match host.as_str() {
        "*" => page.t("gateway-any-host"),
        host => host.to_owned(),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Since when it serves, and by which decisions.
fn standing(page: &Page, alive: Option<&Alive>) -> Vec<(String, Cell)> {
    alive.map_or_else(Vec::new, |alive| {
        [
            ("gateway-since", alive.since),
            ("gateway-policy-at", alive.policy_at),
            ("gateway-said-at", alive.at),
        ]
        .map(|(key, at)| (page.t(key), Cell::time(at.to_string(), page.moment(at))))
        .to_vec()
    })
}

/// What came faster than it could be written down.
fn lost(page: &Page, alive: Option<&Alive>) -> Option<String> {
    let alive = alive.filter(|alive| alive.lost + alive.left_out > 0)?;
    Some(page.t_with(
        "gateway-lost",
        &[
            ("requests", alive.lost.into()),
            ("findings", alive.left_out.into()),
        ],
    ))
}

/// Access records that are missing.
fn unwritten(page: &Page, alive: Option<&Alive>) -> Option<String> {
    let alive = alive.filter(|alive| alive.unwritten > 0)?;
    Some(page.t_with("gateway-unwritten", &[("records", alive.unwritten.into())]))
}

fn trouble(alive: Option<&Alive>) -> String {
    alive.map(|alive| alive.trouble.clone()).unwrap_or_default()
}

/// The form of a site with what stands in force, or with what was sent and is wrong.
fn fields(page: &Page, site: &str, sent: &Sent, judged: bool) -> Vec<Field> {
    let modes =
        ["block", "detect", "off"].map(|mode| (mode, page.t(&format!("gateway-mode-{mode}"))));
    let levels = (1..=4).map(|level: u8| {
        (
            level.to_string(),
            page.t(&format!("gateway-paranoia-{level}")),
        )
    });
    let said = |field: Field, sound: bool, key: &str| {
        if judged && !sound {
            field.error(page.t(key))
        } else {
            field
        }
    };
    [
        said(
            Field::radio("mode", page.t("gateway-mode"), modes).value(&sent.mode),
            mode_of(&sent.mode).is_some(),
            "gateway-wrong-mode",
        ),
        said(
            Field::select("paranoia", page.t("gateway-paranoia"), levels)
                .help(page.t("gateway-paranoia-help"))
                .value(&sent.paranoia),
            sent.paranoia().is_some(),
            "gateway-wrong-paranoia",
        ),
        Field::checkbox("closed", page.t("gateway-closed"), sent.closed == "yes")
            .help(page.t("gateway-closed-help")),
        said(
            Field::new("number", "retry_minutes", page.t("gateway-retry"))
                .required()
                .range("1", LONGEST_RETRY.to_string())
                .value(&sent.retry_minutes),
            sent.retry_minutes().is_some(),
            "gateway-wrong-retry",
        ),
    ]
    .map(|field| field.of_form(site.to_owned()))
    .into()
}

async fn last_days(
    app: &App,
    page: &Page,
    contract: &str,
) -> Result<(Vec<DayView>, Traffic), WebError> {
    let today = tokyo_date(app.now());
    let from = today.saturating_sub((DAYS - 1).days());
    let by_day = desk::traffic(app, contract, from, today).await?;
    let mut sum = Traffic::default();
    let views = by_day
        .iter()
        .rev()
        .map(|(day, traffic)| {
            sum.add(*traffic);
            DayView {
                day: page.day(*day),
                requests: grouped(traffic.requests),
                refused: grouped(traffic.refused),
                observed: grouped(traffic.observed),
                broken: grouped(traffic.broken),
                megabytes: format!("{:.1}", traffic.gigabytes() * 1_000.0),
            }
        })
        .collect();
    Ok((views, sum))
}

fn stats(page: &Page, sum: Traffic) -> Vec<Stat> {
    vec![
        Stat::new(page.t("gateway-requests"), grouped(sum.requests), "")
            .note(page.t("gateway-fortnight")),
        Stat::new(page.t("gateway-refused"), grouped(sum.refused), "")
            .note(page.t("gateway-fortnight"))
            .href(page.at("/gateway/blocked")),
        Stat::new(page.t("gateway-broken"), grouped(sum.broken), "")
            .note(page.t("gateway-fortnight")),
    ]
}

fn state(page: &Page, serving: bool) -> (Tone, String) {
    if serving {
        (Tone::Ok, page.t("gateway-serving"))
    } else {
        (Tone::Bad, page.t("gateway-not-serving"))
    }
}

async fn plan(app: &App, page: &Page, contract: &str) -> Result<Option<Meter>, WebError> {
    let Some(gateway) = &app.config.gateway else {
        return Ok(None);
    };
    let used = month_gigabytes(app, contract, tokyo_date(app.now())).await?;
    let limit = gateway.plan_gigabytes as f64;
    let share = used / limit;
    Ok(Some(Meter {
        label: page.t("gateway-plan"),
        value: used,
        limit,
        text: page.t_with(
            "gateway-plan-text",
            &[
                ("used", format!("{used:.1}").into()),
                ("limit", gateway.plan_gigabytes.into()),
            ],
        ),
        tone: match share {
            share if share >= 1.0 => Tone::Bad,
            share if share >= 0.8 => Tone::Warn,
            _ => Tone::Ok,
        },
    }))
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    paranoia: String,
    #[serde(default)]
    closed: String,
    #[serde(default)]
    retry_minutes: String,
    #[serde(default)]
    was: String,
}

impl Sent {
    fn of(policy: &SitePolicy) -> Self {
        Self {
            mode: mode_word(policy.mode).to_owned(),
            paranoia: policy.paranoia.to_string(),
            closed: if policy.closed { "yes" } else { "" }.to_owned(),
            retry_minutes: policy.retry_minutes.to_string(),
            was: String::new(),
        }
    }

    fn paranoia(&self) -> Option<u8> {
        self.paranoia.parse().ok().filter(|level| is_level(*level))
    }

    fn retry_minutes(&self) -> Option<u32> {
        self.retry_minutes
            .trim()
            .parse()
            .ok()
            .filter(|minutes| is_retry(*minutes))
    }

    /// What was sent as a policy; `None` when a value is none of those offered.
    fn policy(&self) -> Option<SitePolicy> {
        checked(
            &self.mode,
            self.paranoia()?,
            self.closed == "yes",
            self.retry_minutes()?,
        )
    }
}

fn is_level(paranoia: u8) -> bool {
    (1..=4).contains(&paranoia)
}

fn is_retry(minutes: u32) -> bool {
    (1..=LONGEST_RETRY).contains(&minutes)
}

/// These values as a policy; `None` when one is out of its bounds.
pub(crate) fn checked(
    mode: &str,
    paranoia: u8,
    closed: bool,
    retry_minutes: u32,
) -> Option<SitePolicy> {
    let sound = is_level(paranoia) && is_retry(retry_minutes);
    let mode = mode_of(mode)?;
    sound.then_some(SitePolicy {
        mode,
        paranoia,
        closed,
        retry_minutes,
    })
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, site)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, WebError> {
    let Some(wanted) = sent.policy() else {
        return form_page(&again(&app, &visitor, &site, &sent).await?);
    };
    let seen = sent.was.parse().ok();
    let done = desk::decide_seen(&app, &contract, &site, &wanted, visitor.actor(), seen).await;
    let done = match done {
        Err(DeskError::Stale { now, revision }) => {
            let mut shown = again(&app, &visitor, &site, &sent).await?;
            let both = [now, wanted].map(|policy| words(&shown.page, &policy));
            let one = shown.one(&site)?;
            // What was chosen stays, ready to be sent for what is true now.
            one.was = revision.to_string();
            one.stale = Some(both);
            return conflict_page(&shown);
        }
        done => done.map_err(refused)?,
    };
    let said = if done.changed {
        "gateway-changed"
    } else {
        "gateway-unchanged"
    };
    let said = Page::bare(&app, visitor.language, "").t(said);
    visitor.flash(&app, Tone::Ok, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway")).into_response())
}

/// The page again, with what was sent and what is wrong about it.
async fn again(
    app: &App,
    visitor: &Visitor,
    site: &str,
    sent: &Sent,
) -> Result<OverviewPage, WebError> {
    let page = Page::new(app, visitor, "gateway-title").here();
    let mut shown = overview(app, visitor, page).await?;
    let fields = fields(&shown.page, site, sent, true);
    let one = shown.one(site)?;
    one.fields = fields;
    one.refused = true;
    // A wrong value must not make an old view of the site look like a new one.
    one.was.clone_from(&sent.was);
    Ok(shown)
}

/// What is decided about a site, in a line.
fn words(page: &Page, policy: &SitePolicy) -> String {
    let (_, mode) = mode_said(page, policy.mode);
    let open = page.t(if policy.closed {
        "gateway-is-closed"
    } else {
        "gateway-is-open"
    });
    page.t_with(
        "gateway-stale-words",
        &[
            ("mode", mode.into()),
            ("paranoia", policy.paranoia.into()),
            ("open", open.into()),
            ("minutes", policy.retry_minutes.into()),
        ],
    )
}

/// On the start page, where the contract has a site behind the gateway.
pub(super) fn tile() -> Tile {
    Tile::new(
        "gateway",
        READ,
        130,
        |app: App, request: TileRequest| async move {
            if desk::sites(&app, &request.contract).is_empty() {
                return Ok(None);
            }
            let failed = |error| HookError::caused_by("ゲートウェイの記録を読めません", error);
            let page = Page::bare(&app, Language::of(request.language), "");
            let alive = store::alive(&app.db).await.map_err(failed)?;
            let serving = serves(&app, alive.as_ref());
            let (_, sum) = last_days(&app, &page, &request.contract)
                .await
                .map_err(|error| {
                    HookError::new(format!("ゲートウェイの記録を読めません（{error}）"))
                })?;
            let state = if serving {
                "gateway-serving"
            } else {
                "gateway-not-serving"
            };
            Ok(Some(TileView {
                label: page.t("gateway-tile"),
                figure: grouped(sum.refused),
                unit: page.t("gateway-tile-unit"),
                tone: if serving { TileTone::Ok } else { TileTone::Bad },
                state: page.t(state),
                detail: page.t1("gateway-tile-detail", "requests", grouped(sum.requests)),
                href: format!("/c/{}/gateway", request.contract),
            }))
        },
    )
}
