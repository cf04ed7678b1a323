//! The JSON API of subscriptions: a contract's evidence, sent to other programs.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts/{c}/webhooks` | webhook.read | the subscriptions |
//! | `POST /contracts/{c}/webhooks` (`{"url", "kinds"}`) | webhook.administer | subscribes; the secret is shown this once |
//! | `GET /contracts/{c}/webhooks/{id}` | webhook.read | one |
//! | `DELETE /contracts/{c}/webhooks/{id}` | webhook.administer | ends it |
//! | `POST …/{id}/resume` | webhook.administer | goes on after a stop |
//! | `POST …/{id}/test` | webhook.administer | sends a message that only says it arrives |
//! | `GET …/{id}/deliveries` | webhook.read | the newest attempts |
//! | `POST …/{id}/deliveries` (`{"seq"}`) | webhook.administer | sends a record's message again |

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::notify::subscription::{
    self, Delivery, NewSubscription, Subscription, SubscriptionError,
};
use mamori_runtime::{App, Route, SYSTEM_CHAIN, Verb};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::PageQuery;
use crate::error::{FieldError, WebError};
use crate::session::Visitor;

const READ: Permission = Permission::read("webhook");
const ADMINISTER: Permission = Permission::administer("webhook");
/// Attempts that are kept and listed.
const MOST_DELIVERIES: u32 = 500;

pub(crate) fn routes() -> Vec<Route> {
    let base = "/api/v1/contracts/{contract}/webhooks";
    let one = "/api/v1/contracts/{contract}/webhooks/{id}";
    let log = "/api/v1/contracts/{contract}/webhooks/{id}/deliveries";
    let about = |ja: &str, en: &str| Operation::new("webhook", ja, en);
    vec![
        Route::get(base, READ, list).describe(
            about("通知先の一覧", "List the subscriptions of a contract")
                .paged()
                .gives(schema::page(shown())),
        ),
        Route::post(base, ADMINISTER, add).describe(
            about("通知先を登録する", "Subscribe to a contract's evidence")
                .takes(schemars::schema_for!(Wish).to_value())
                .idempotent_by_key()
                .answers(201, "The new subscription with its secret", with_secret())
                .answers(200, "The one that the same key made before", with_secret()),
        ),
        Route::get(one, READ, get).describe(about("通知先1件", "One subscription").gives(shown())),
        Route::new(Verb::Delete, one, ADMINISTER, end)
            .describe(about("通知先を終了する", "End a subscription").gives_nothing()),
        Route::post(
            "/api/v1/contracts/{contract}/webhooks/{id}/resume",
            ADMINISTER,
            resume,
        )
        .describe(about("止まった通知先を再開する", "Go on after a stop").gives(shown())),
        Route::post(
            "/api/v1/contracts/{contract}/webhooks/{id}/test",
            ADMINISTER,
            test,
        )
        .describe(
            about("試しに送る", "Send a message that only says it arrives")
                .conflicting()
                .answers(202, "It is queued", queued()),
        ),
        Route::get(log, READ, deliveries).describe(
            about("送った記録", "The newest attempts first")
                .paged()
                .gives(schema::page(attempt())),
        ),
        Route::post(log, ADMINISTER, again).describe(
            about("もう一度送る", "Send a record's message again")
                .takes(schemars::schema_for!(Repetition).to_value())
                .conflicting()
                .answers(202, "It is queued", queued()),
        ),
    ]
}

fn fields() -> Vec<(&'static str, Value)> {
    vec![
        ("id", schema::text()),
        ("contract", schema::text()),
        ("url", schema::text()),
        ("kinds", schema::list(schema::text())),
        ("made_by", schema::text()),
        ("created_at", schema::timestamp()),
        ("sent_seq", schema::integer()),
        ("state", schema::word(["active", "failing", "stopped"])),
        ("failing_since", schema::nullable(schema::timestamp())),
        ("stopped_at", schema::nullable(schema::timestamp())),
        ("stopped_reason", schema::nullable(schema::text())),
        ("href", schema::text()),
    ]
}

fn shown() -> Value {
    schema::named("Webhook", schema::object(fields()))
}

fn with_secret() -> Value {
    let mut fields = fields();
    fields.push(("secret", schema::nullable(schema::text())));
    schema::named("WebhookMade", schema::object(fields))
}

fn attempt() -> Value {
    schema::named(
        "WebhookDelivery",
        schema::object([
            ("id", schema::text()),
            ("seq", schema::integer()),
            ("event", schema::text()),
            ("reason", schema::word(["ledger", "again", "test"])),
            ("tried_at", schema::timestamp()),
            ("arrived", schema::boolean()),
            ("status", schema::nullable(schema::integer())),
            ("error", schema::nullable(schema::text())),
        ]),
    )
}

fn queued() -> Value {
    schema::object([("queued", schema::boolean())])
}

/// A subscription for programs.
fn json_of(each: &Subscription) -> Value {
    let state = match (each.disabled_at, each.failing_since) {
        (Some(_), _) => "stopped",
        (None, Some(_)) => "failing",
        (None, None) => "active",
    };
    json!({
        "id": each.id,
        "contract": each.contract,
        "url": each.url,
        "kinds": each.kinds,
        "made_by": each.made_by,
        "created_at": each.created_at,
        "sent_seq": each.sent_seq,
        "state": state,
        "failing_since": each.failing_since,
        "stopped_at": each.disabled_at,
        "stopped_reason": each.disabled_reason,
        "href": format!("/api/v1/contracts/{}/webhooks/{}", each.contract, each.id),
    })
}

fn delivery_json(each: &Delivery) -> Value {
    json!({
        "id": each.id,
        "seq": each.seq,
        "event": each.event,
        "reason": each.reason,
        "tried_at": each.tried_at,
        "arrived": each.arrived(),
        "status": each.status,
        "error": each.error,
    })
}

/// What was refused, as an answer.
pub(crate) fn refuse(error: SubscriptionError) -> WebError {
    let field = |name: &str, message: String| WebError::Invalid {
        message: "通知先を登録できません".to_owned(),
        fields: vec![FieldError {
            field: name.to_owned(),
            message,
        }],
    };
    let text = error.to_string();
    match error {
        SubscriptionError::Address(_) => field("url", text),
        SubscriptionError::Kind(_) => field("kinds", text),
        SubscriptionError::Unknown(_) => WebError::NotFound(text),
        SubscriptionError::TooMany | SubscriptionError::Stopped | SubscriptionError::KeyReused => {
            WebError::Conflict(text)
        }
        SubscriptionError::Store(error) => error.into(),
        SubscriptionError::Queue(error) => error.into(),
        SubscriptionError::Ledger(error) => error.into(),
    }
}

/// A contract that has evidence; the installation's own chain is none.
pub(crate) async fn known(app: &App, contract: &str) -> Result<(), WebError> {
    let there = contract != SYSTEM_CHAIN && app.db.ledger_head(contract).await?.is_some();
    if there {
        Ok(())
    } else {
        Err(WebError::NotFound(format!("有効な契約「{contract}」")))
    }
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    known(&app, &contract).await?;
    let found = subscription::list(&app, &contract).await.map_err(refuse)?;
    Ok(query.cut(&found.iter().map(json_of).collect::<Vec<_>>()))
}

/// What to subscribe to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// `https://…`; loopback and private addresses only when the installation allows them.
    #[schemars(length(min = 1, max = 500))]
    url: String,
    /// Kinds of evidence: `work.recorded`, `work.*` or `*`.
    #[schemars(length(min = 1, max = 50))]
    kinds: Vec<String>,
}

async fn add(
    State(app): State<App>,
    Path(contract): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(wish): Json<Wish>,
) -> Result<Response, WebError> {
    known(&app, &contract).await?;
    let new = NewSubscription {
        contract,
        url: wish.url,
        kinds: wish.kinds,
        key: super::idempotency_key(&headers)?,
    };
    let made = subscription::add(&app, &visitor.actor(), new)
        .await
        .map_err(refuse)?;
    let mut told = json_of(&made.subscription);
    let status = if made.secret.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = told["href"].as_str().unwrap_or_default().to_owned();
    told["secret"] = json!(made.secret);
    Ok((status, [("location", location)], Json(told)).into_response())
}

async fn get(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    let found = subscription::get(&app, &contract, &id)
        .await
        .map_err(refuse)?;
    Ok(Json(json_of(&found)))
}

async fn end(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<StatusCode, WebError> {
    subscription::end(&app, &visitor.actor(), &contract, &id)
        .await
        .map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn resume(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    let found = subscription::resume(&app, &visitor.actor(), &contract, &id)
        .await
        .map_err(refuse)?;
    Ok(Json(json_of(&found)))
}

async fn test(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    subscription::test(&app, &contract, &id)
        .await
        .map_err(refuse)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "queued": true }))).into_response())
}

async fn deliveries(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let found = subscription::get(&app, &contract, &id)
        .await
        .map_err(refuse)?;
    let log = subscription::deliveries(&app, &found.id, MOST_DELIVERIES)
        .await
        .map_err(refuse)?;
    Ok(query.cut(&log.iter().map(delivery_json).collect::<Vec<_>>()))
}

/// Which record to send again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Repetition {
    /// Number of the record.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    seq: u64,
}

async fn again(
    State(app): State<App>,
    Path((contract, id)): Path<(String, String)>,
    Json(body): Json<Repetition>,
) -> Result<Response, WebError> {
    subscription::again(&app, &contract, &id, body.seq)
        .await
        .map_err(refuse)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "queued": true }))).into_response())
}
