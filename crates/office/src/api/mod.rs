//! The JSON API of the registers: `/api/v1/contracts/{contract}/{register}…`.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /{register}?q&state&from&to&link&sort&page&per_page` | read | a page of items |
//! | `POST /{register}` (`{"act": …, fields…}`) | write | opens an item |
//! | `GET /{register}/{item}` | read | an item by id or number |
//! | `GET /{register}/{item}/history` | read | its ledger records |
//! | `POST /{register}/{item}/{act}` | write; decide for the city's acts | an act |
//! | `POST …/as-city` | accept | the same act, spoken by the city itself |
//! | `POST /question` | ask | a question; who asks for the city is recorded as the city |
//! | `POST /{register}/{item}/erase-personal` | administer | lawful erasure |
//!
//! A decision of the city that the contractor enters from a paper or a call takes the plain
//! path and says so in its evidence (`entered_by`). `Idempotency-Key` makes a request safe to
//! repeat, `If-Match` (the item's `revision`) refuses to act on what one has not seen. People who
//! may only read do not get personal values.

pub(crate) mod answer;
mod contract;
mod describe;
pub(crate) mod document;
mod duty;
mod extra;
mod ledger;
mod paper;
mod schemas;
mod schemas_now;
mod search;
mod standing;
mod ways;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Guard, Route};
use mamori_web::api::{PageQuery, idempotency_key, seen_revision};
use mamori_web::{FieldError, Visitor, WebError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::REGISTERS;
use crate::reading;
use crate::register::typed;
use crate::register::{Desk, Filter, Order, Register, Side, Sort};

pub use ways::{Way, opening, permission, speaker, way_for, ways};

use answer::{ItemView, refuse};

/// The routes of all registers.
pub fn routes() -> Vec<Route> {
    let mut routes = extra::routes();
    routes.extend(contract::routes());
    routes.extend(ledger::routes());
    routes.extend(document::routes());
    routes.extend(standing::routes());
    routes.extend(duty::routes());
    routes.extend(paper::routes());
    routes.extend(search::routes());
    for register in &REGISTERS {
        routes.extend(reading::declare(register, register_routes(register)));
    }
    routes
}

fn register_routes(register: &'static Register) -> Vec<Route> {
    let key = register.spec.key;
    // Paths live as long as the program and are made once per process.
    let path = |rest: &str| -> &'static str {
        format!("/api/v1/contracts/{{contract}}/{key}{rest}").leak()
    };
    let read = Permission::read(key);
    let mut routes = vec![
        Route::get(
            path(""),
            read,
            move |State(app): State<App>,
                  Path(contract): Path<String>,
                  Query(query): Query<ListQuery>,
                  visitor: Visitor| async move {
                list(&app, register, &contract, &query, &visitor).await
            },
        )
        .describe(describe::list(register)),
        Route::get(
            path("/{item}"),
            read,
            move |State(app): State<App>,
                  Path((contract, item)): Path<(String, String)>,
                  visitor: Visitor| async move {
                let item = Desk::of(&app)
                    .map_err(refuse)?
                    .get(&contract, register, &item)
                    .await
                    .map_err(refuse)?;
                Ok::<_, WebError>(answer::item(
                    StatusCode::OK,
                    &ItemView::new(register, item, &visitor),
                ))
            },
        )
        .describe(describe::one(register)),
        Route::get(
            path("/{item}/history"),
            read,
            move |State(app): State<App>,
                  Path((contract, item)): Path<(String, String)>,
                  visitor: Visitor| async move {
                let mut history = Desk::of(&app)
                    .map_err(refuse)?
                    .history(&contract, register, &item)
                    .await
                    .map_err(refuse)?;
                if !answer::sees_personal(register, &visitor) {
                    for entry in &mut history {
                        entry.personal = None;
                    }
                }
                Ok::<_, WebError>(Json(json!({ "history": history })))
            },
        )
        .describe(describe::story(register)),
        Route::post(
            path("/{item}/erase-personal"),
            Permission::administer(key),
            move |State(app): State<App>,
                  Path((contract, item)): Path<(String, String)>,
                  visitor: Visitor,
                  Json(body): Json<Erasure>| async move {
                let reason = body.reason.trim();
                if reason.is_empty() {
                    return Err(WebError::Invalid {
                        message: "消去の理由が要ります".to_owned(),
                        fields: vec![FieldError {
                            field: "reason".to_owned(),
                            message: "根拠（条例、本人の求め、保存期間の満了など）を書いてください"
                                .to_owned(),
                        }],
                    });
                }
                let desk = Desk::of(&app).map_err(refuse)?;
                let records = desk
                    .erase_personal(&contract, register, &item, reason, &visitor.actor())
                    .await
                    .map_err(refuse)?;
                Ok(Json(json!({ "erased_records": records })))
            },
        )
        .describe(describe::erasure(register, describe::of::<Erasure>()))
        .fresh(),
    ];
    for way in ways(register, opening(register)) {
        routes.push(
            Route::post(
                path(way.suffix),
                way.permission,
                move |State(app): State<App>,
                      Path(contract): Path<String>,
                      headers: HeaderMap,
                      visitor: Visitor,
                      Json(body): Json<Map<String, Value>>| async move {
                    open(
                        &app, register, &contract, body, &headers, &visitor, way.side,
                    )
                    .await
                },
            )
            .describe(describe::opening(register, way.side)),
        );
    }
    for act in register.spec.acts.iter().filter(|act| !act.opens()) {
        for way in ways(register, act) {
            routes.push(
                Route::post(
                    path(&format!("/{{item}}/{}{}", act.name, way.suffix)),
                    way.permission,
                    move |State(app): State<App>,
                          Path((contract, item)): Path<(String, String)>,
                          headers: HeaderMap,
                          visitor: Visitor,
                          Json(form): Json<Map<String, Value>>| async move {
                        let target = Target {
                            contract: &contract,
                            item: Some(&item),
                            act: act.name,
                        };
                        perform(&app, register, target, form, &headers, &visitor, way.side).await
                    },
                )
                .describe(describe::acting(register, act, way.side)),
            );
        }
    }
    routes
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Erasure {
    /// The ground: an ordinance, the person's own wish, the end of the retention period.
    #[schemars(length(min = 1, max = 1000))]
    reason: String,
}

/// The list's query, as typed.
#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    link: String,
    #[serde(default)]
    sort: String,
    #[serde(flatten)]
    page: PageQuery,
}

impl ListQuery {
    /// The filter, or every parameter that is wrong.
    fn filter(&self, register: &Register, today: jiff::civil::Date) -> Result<Filter, WebError> {
        let mut fields = Vec::new();
        let mut wrong = |field: &str, message: String| {
            fields.push(FieldError {
                field: field.to_owned(),
                message,
            });
        };
        let mut day = |field: &str, text: &str| match text.trim() {
            "" => None,
            text => typed::date(text, today)
                .map_err(|message| wrong(field, message))
                .ok(),
        };
        let (from, to) = (day("from", &self.from), day("to", &self.to));
        let states: Vec<String> = self
            .state
            .split(',')
            .map(str::trim)
            .filter(|state| !state.is_empty())
            .map(str::to_owned)
            .collect();
        for state in &states {
            if register.spec.states.iter().all(|(key, _)| key != state) {
                let known: Vec<&str> = register.spec.states.iter().map(|(key, _)| *key).collect();
                wrong(
                    "state",
                    format!(
                        "「{state}」という状態はありません。使える状態: {}",
                        known.join(", ")
                    ),
                );
            }
        }
        if !fields.is_empty() {
            return Err(WebError::Invalid {
                message: "絞り込みの条件に誤りがあります".to_owned(),
                fields,
            });
        }
        let link = self.link.trim();
        let paging = self.page.of(0);
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Filter {
            q: self.q.clone(),
            states,
            from,
            to,
            link: (!link.is_empty()).then(|| link.to_owned()),
            sort: Sort::parse(&self.sort).unwrap_or_default(),
            page: small(paging.page),
            per_page: small(paging.per_page),
        })
    }
}

async fn list(
    app: &App,
    register: &'static Register,
    contract: &str,
    query: &ListQuery,
    visitor: &Visitor,
) -> Result<Response, WebError> {
    let desk = Desk::of(app).map_err(refuse)?;
    let filter = query.filter(register, desk.today())?;
    let page = desk
        .list(contract, register, &filter)
        .await
        .map_err(refuse)?;
    Ok(answer::page(register, page, visitor))
}

async fn open(
    app: &App,
    register: &'static Register,
    contract: &str,
    mut body: Map<String, Value>,
    headers: &HeaderMap,
    visitor: &Visitor,
    side: Side,
) -> Result<Response, WebError> {
    let act = match body.remove("act") {
        None => opening(register).name.to_owned(),
        Some(Value::String(act)) => act,
        Some(_) => return Err(WebError::invalid("act は文字列で書いてください")),
    };
    let opening = register.spec.act(&act).filter(|act| act.opens());
    if side == Side::City && opening.is_some_and(|act| act.side == Side::Contractor) {
        return Err(WebError::Forbidden);
    }
    let target = Target {
        contract,
        item: None,
        act: &act,
    };
    perform(app, register, target, body, headers, visitor, side).await
}

struct Target<'a> {
    contract: &'a str,
    item: Option<&'a str>,
    act: &'a str,
}

async fn perform(
    app: &App,
    register: &'static Register,
    target: Target<'_>,
    form: Map<String, Value>,
    headers: &HeaderMap,
    visitor: &Visitor,
    side: Side,
) -> Result<Response, WebError> {
    let side = match register.spec.act(target.act) {
        Some(act) => speaker(register, act, side, visitor),
        None => side,
    };
    let order = Order {
        side,
        revision: seen_revision(headers)?,
        key: idempotency_key(headers)?,
        ..Order::new(
            target.contract,
            register,
            target.item,
            target.act,
            form,
            visitor.actor(),
        )
    };
    let done = Desk::of(app)
        .map_err(refuse)?
        .act(order)
        .await
        .map_err(refuse)?;
    let status = if target.item.is_none() && !done.repeated {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut view = ItemView::new(register, done.item, visitor);
    view.warnings = done.warnings;
    let mut response = answer::item(status, &view);
    if done.repeated {
        response.headers_mut().insert(
            "idempotency-replayed",
            header::HeaderValue::from_static("true"),
        );
    }
    Ok(response)
}

/// A guard for what every signed-in person may read.
const SIGNED_IN: Guard = Guard::SignedIn;

impl IntoResponse for ItemView {
    fn into_response(self) -> Response {
        answer::item(StatusCode::OK, &self)
    }
}
