//! The JSON API of the gateway: `/api/v1/contracts/{contract}/gateway…`.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /gateway` | read | sites, whether it serves, this month's transfer |
//! | `POST /gateway/sites/{site}` | decide | what it does for a site |
//! | `GET /gateway/blocked?q&rule&refused` | read (personal) | what was refused, the newest first |
//! | `GET /gateway/blocked/{id}` | read (personal) | one of them |
//! | `GET /gateway/exclusions` | read | what rules do not look at |
//! | `POST /gateway/exclusions` | decide | a new one |
//! | `POST /gateway/exclusions/{site}/{id}/end` | decide | ends one |
//! | `GET /gateway/bans` | read (personal) | who is kept out, the newest first |
//! | `POST /gateway/bans` | decide | keeps a network out |
//! | `POST /gateway/bans/lift` | decide | lets a network in again |
//! | `GET /gateway/access?day&q&status` | read (personal) | access records of a day, the newest first |
//! | `GET /gateway/traffic` | read | traffic now, by hour, by day, what attacks aimed at |
//! | `GET /gateway/modes` | read | what the firewall does on paths and with rules |
//! | `POST /gateway/modes` | decide | decides it |
//! | `POST /gateway/modes/{site}/{id}/end` | decide | ends one |
//!
//! A site carries its `revision`, which `If-Match` sends back with a decision about it.
//! The same decision again changes nothing, and an exclusion that holds already is not made twice,
//! so none of them needs an `Idempotency-Key`; a ban for the same network replaces the one before.

mod access;
mod bans;
mod modes;
mod traffic;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Route};
use mamori_web::api::{PageQuery, page, seen_revision};
use mamori_web::{FieldError, Page, Visitor, WebError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::{self, DeskError};
use crate::jobs::{month_gigabytes, serves};
use crate::model::{Exclusion, Finding, SitePolicy, Wish, mode_word};
use crate::pages::{self, DECIDE, READ, site_names};
use crate::store::{self, Search};

const MODES: [&str; 3] = ["block", "detect", "off"];

/// The routes.
pub fn routes() -> Vec<Route> {
    [
        own_routes(),
        bans::routes(),
        access::routes(),
        modes::routes(),
        traffic::routes(),
    ]
    .concat()
}

fn about(ja: &str, en: &str) -> Operation {
    Operation::new("gateway", ja, en)
}

fn own_routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/contracts/{contract}/gateway", READ, look).describe(
            about("ゲートウェイの状態", "How the gateway stands").gives(overview_schema()),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/sites/{site}",
            DECIDE,
            change,
        )
        .describe(
            about("サイトの設定を変える", "Change what it does for a site")
                .takes(policy_schema())
                .matched()
                .gives(site_schema()),
        ),
        Route::get("/api/v1/contracts/{contract}/gateway/blocked", READ, list)
            .personal("gateway", [])
            .describe(
                about(
                    "止めたリクエスト（新しい順）",
                    "Refused requests, newest first",
                )
                .query(
                    "q",
                    "番号、送信元、場所の一部",
                    "Number, client or part of the path",
                    schema::text_within(200),
                )
                .query(
                    "rule",
                    "当てはまった規則の番号",
                    "Number of a rule that matched",
                    schema::integer_from(1),
                )
                .query(
                    "refused",
                    "止めたものだけ",
                    "Only what was refused",
                    schema::boolean(),
                )
                .paged()
                .gives(schema::page(finding_schema())),
            ),
        Route::get(
            "/api/v1/contracts/{contract}/gateway/blocked/{id}",
            READ,
            one,
        )
        .personal("gateway", [])
        .describe(about("止めたリクエスト", "A refused request").gives(finding_schema())),
        Route::get(
            "/api/v1/contracts/{contract}/gateway/exclusions",
            READ,
            exclusions,
        )
        .describe(
            about("除外設定（新しい順）", "Exclusions, newest first")
                .paged()
                .gives(schema::page(exclusion_schema())),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/exclusions",
            DECIDE,
            exclude,
        )
        .describe(
            about("除外設定を加える", "Add an exclusion")
                .takes(wish_schema())
                .gives(exclusion_schema()),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/exclusions/{site}/{id}/end",
            DECIDE,
            end,
        )
        .describe(about("除外設定を終える", "End an exclusion").gives(exclusion_schema())),
    ]
}

fn site_schema() -> Value {
    schema::named(
        "GatewaySite",
        schema::object([
            ("name", schema::text()),
            ("hosts", schema::list(schema::text())),
            ("mode", schema::word(MODES)),
            ("paranoia", schema::integer()),
            ("closed", schema::boolean()),
            ("retry_minutes", schema::integer()),
            ("revision", schema::integer()),
        ]),
    )
}

fn overview_schema() -> Value {
    schema::named(
        "Gateway",
        schema::object([
            ("serving", schema::boolean()),
            ("since", schema::nullable(schema::timestamp())),
            ("policy_at", schema::nullable(schema::timestamp())),
            ("trouble", schema::text()),
            ("lost_requests", schema::integer()),
            ("lost_findings", schema::integer()),
            ("lost_records", schema::integer()),
            ("sites", schema::list(site_schema())),
            ("month_gigabytes", json!({ "type": "number" })),
            ("plan_gigabytes", schema::nullable(schema::integer())),
        ]),
    )
}

fn policy_schema() -> Value {
    let mut schema = schema::object([
        ("mode", schema::word(MODES)),
        (
            "paranoia",
            json!({ "type": "integer", "minimum": 1, "maximum": 4 }),
        ),
        ("closed", schema::boolean()),
        (
            "retry_minutes",
            json!({ "type": "integer", "minimum": 1, "maximum": 10_080 }),
        ),
    ]);
    schema["additionalProperties"] = json!(false);
    schema
}

fn finding_schema() -> Value {
    let personal = |mut schema: Value| {
        schema["x-personal"] = json!(true);
        schema
    };
    let hit = schema::object([
        ("target", schema::text()),
        ("value", personal(schema::text())),
    ]);
    let matched = schema::object([
        ("rule", schema::integer()),
        ("message", schema::text()),
        ("tags", schema::list(schema::text())),
        ("observed", schema::boolean()),
        ("hits", schema::list(hit)),
    ]);
    schema::named(
        "RefusedRequest",
        schema::object([
            ("id", schema::text()),
            ("site", schema::text()),
            ("at", schema::timestamp()),
            ("client", personal(schema::text())),
            ("method", schema::text()),
            ("path", schema::text()),
            ("mode", schema::word(MODES)),
            ("refused", schema::boolean()),
            ("score", schema::integer()),
            ("incomplete", schema::boolean()),
            ("matches", schema::list(matched)),
        ]),
    )
}

fn exclusion_schema() -> Value {
    schema::named(
        "Exclusion",
        schema::object([
            ("id", schema::text()),
            ("site", schema::text()),
            ("rule", schema::integer()),
            ("target", schema::text()),
            ("path", schema::text()),
            ("below", schema::boolean()),
            ("reason", schema::text()),
            ("author", schema::text()),
            ("request", schema::text()),
            ("created_at", schema::timestamp()),
            ("expires_on", schema::date()),
            ("ended_at", schema::nullable(schema::timestamp())),
            ("holds", schema::boolean()),
        ]),
    )
}

fn wish_schema() -> Value {
    let mut schema = schema::object([
        ("site", schema::text_within(100)),
        ("rule", schema::integer_from(1)),
        ("reason", schema::text_within(500)),
        ("expires_on", schema::date_typed()),
    ]);
    let optional = [
        ("target", schema::text_within(200)),
        ("path", schema::text_within(1_000)),
        ("below", schema::boolean()),
        ("request", schema::text_within(100)),
    ];
    for (name, of) in optional {
        schema["properties"][name] = of;
    }
    schema["additionalProperties"] = json!(false);
    schema
}

fn site_json(
    site: &mamori_runtime::config::GatewaySite,
    policy: &SitePolicy,
    revision: i64,
) -> Value {
    json!({
        "name": site.name,
        "hosts": site.hosts,
        "mode": mode_word(policy.mode),
        "paranoia": policy.paranoia,
        "closed": policy.closed,
        "retry_minutes": policy.retry_minutes,
        "revision": revision,
    })
}

fn finding_json(found: &Finding) -> Value {
    let matches: Vec<Value> = found
        .matches
        .iter()
        .map(|matched| {
            let hits: Vec<Value> = matched
                .hits
                .iter()
                .map(|(target, value)| json!({ "target": target, "value": value }))
                .collect();
            json!({
                "rule": matched.rule,
                "message": matched.message,
                "tags": matched.tags,
                "observed": matched.observed,
                "hits": hits,
            })
        })
        .collect();
    json!({
        "id": found.id,
        "site": found.site,
        "at": found.at,
        "client": found.client,
        "method": found.method,
        "path": found.path,
        "mode": mode_word(found.mode),
        "refused": found.refused,
        "score": found.score,
        "incomplete": found.incomplete,
        "matches": matches,
    })
}

fn exclusion_json(app: &App, one: &Exclusion) -> Value {
    json!({
        "id": one.id,
        "site": one.site,
        "rule": one.rule,
        "target": one.target,
        "path": one.path,
        "below": one.below,
        "reason": one.reason,
        "author": one.author,
        "request": one.request,
        "created_at": one.created_at,
        "expires_on": one.expires_on,
        "ended_at": one.ended_at,
        "holds": one.holds(app.now()),
    })
}

async fn look(
    State(app): State<App>,
    Path(contract): Path<String>,
) -> Result<Json<Value>, WebError> {
    let alive = store::alive(&app.db).await?;
    let mut sites = Vec::new();
    for site in desk::sites(&app, &contract) {
        let (policy, revision) = store::policy_seen(&app.db, &site.name).await?;
        sites.push(site_json(&site, &policy, revision));
    }
    let used = month_gigabytes(&app, &contract, tokyo_date(app.now())).await?;
    Ok(Json(json!({
        "serving": serves(&app, alive.as_ref()),
        "since": alive.as_ref().map(|alive| alive.since),
        "policy_at": alive.as_ref().map(|alive| alive.policy_at),
        "trouble": alive.as_ref().map_or("", |alive| &alive.trouble),
        "lost_requests": alive.as_ref().map_or(0, |alive| alive.lost),
        "lost_findings": alive.as_ref().map_or(0, |alive| alive.left_out),
        "lost_records": alive.as_ref().map_or(0, |alive| alive.unwritten),
        "sites": sites,
        "month_gigabytes": used,
        "plan_gigabytes": app.config.gateway.as_ref().map(|gateway| gateway.plan_gigabytes),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    mode: String,
    paranoia: u8,
    closed: bool,
    retry_minutes: u32,
}

async fn change(
    State(app): State<App>,
    Path((contract, name)): Path<(String, String)>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(body): Json<Decision>,
) -> Result<Response, WebError> {
    let found = desk::sites(&app, &contract)
        .into_iter()
        .find(|site| site.name == name);
    let site = found.ok_or_else(|| WebError::NotFound(format!("サイト「{name}」")))?;
    let wanted = pages::checked(&body.mode, body.paranoia, body.closed, body.retry_minutes)
        .ok_or_else(|| {
            WebError::invalid(Page::bare(&app, visitor.language, "").t("gateway-wrong-policy"))
        })?;
    let seen = seen_revision(&headers)?;
    let done = desk::decide_seen(&app, &contract, &name, &wanted, visitor.actor(), seen)
        .await
        .map_err(pages::refused)?;
    let tag = format!("\"{}\"", done.revision);
    let told = Json(site_json(&site, &wanted, done.revision));
    Ok(([(header::ETAG, tag)], told).into_response())
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    rule: Option<u64>,
    #[serde(default)]
    refused: bool,
    #[serde(flatten)]
    page: PageQuery,
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let search = Search {
        sites: site_names(&app, &contract),
        words: asked.q.trim().to_owned(),
        rule: asked.rule,
        refused: asked.refused,
    };
    let paging = asked
        .page
        .of(store::count_findings(&app.db, &search).await?);
    let found = store::findings(&app.db, &search, paging.offset(), paging.per_page).await?;
    let items: Vec<Value> = found.iter().map(finding_json).collect();
    Ok(page(&items, paging))
}

async fn one(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    let found = pages::found(&app, &contract, &id).await?;
    Ok(Json(finding_json(&found)))
}

async fn exclusions(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, WebError> {
    let mut all = Vec::new();
    for site in site_names(&app, &contract) {
        all.extend(store::exclusions(&app.db, &site, false).await?);
    }
    let items: Vec<Value> = all.iter().map(|one| exclusion_json(&app, one)).collect();
    Ok(asked.cut(&items))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewExclusion {
    site: String,
    rule: u64,
    #[serde(default)]
    target: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    below: bool,
    reason: String,
    expires_on: String,
    #[serde(default)]
    request: String,
}

async fn exclude(
    State(app): State<App>,
    Path(contract): Path<String>,
    visitor: Visitor,
    Json(body): Json<NewExclusion>,
) -> Result<Json<Value>, WebError> {
    let wish = Wish {
        rule: body.rule.to_string(),
        target: body.target,
        path: body.path,
        reach: if body.below { "below" } else { "" }.to_owned(),
        reason: body.reason,
        expires_on: body.expires_on,
        request: body.request,
    };
    let made = desk::exclude(&app, &contract, &body.site, &wish, visitor.actor()).await;
    let made = made.map_err(|error| wrong(&app, &visitor, "除外設定に誤りがあります", error))?;
    Ok(Json(exclusion_json(&app, &made)))
}

/// A wish that cannot be fulfilled, each field with its reason.
fn wrong(app: &App, visitor: &Visitor, message: &str, error: DeskError) -> WebError {
    let list = match error.of_wish() {
        Ok(list) => list,
        Err(other) => return pages::refused(other),
    };
    let page = Page::bare(app, visitor.language, "");
    WebError::Invalid {
        message: message.to_owned(),
        fields: list
            .iter()
            .map(|(field, key)| FieldError {
                field: (*field).to_owned(),
                message: page.t(key),
            })
            .collect(),
    }
}

async fn end(
    State(app): State<App>,
    Path((contract, site, id)): Path<(String, String, String)>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    desk::end_exclusion(&app, &contract, &site, &id, visitor.actor())
        .await
        .map_err(pages::refused)?;
    let all = store::exclusions(&app.db, &site, false).await?;
    let ended = all.iter().find(|one| one.id.to_string() == id);
    ended
        .map(|one| Json(exclusion_json(&app, one)))
        .ok_or_else(|| WebError::NotFound(format!("除外設定「{id}」")))
}

#[cfg(test)]
mod tests {
    use super::MODES;
    use crate::model::mode_of;

    #[test]
    fn every_mode_offered_is_one() {
        for mode in MODES {
            assert!(mode_of(mode).is_some(), "{mode}");
        }
    }
}
