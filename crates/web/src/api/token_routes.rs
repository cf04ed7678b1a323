//! The JSON API of tokens, and of what a token or session is.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /me` | signed in | who this is and where it has rights |
//! | `GET /tokens` | signed in | one's own tokens; an administrator's list holds all |
//! | `POST /tokens` (`{"name", "scopes", "contracts", "days"}`) | signed in, by session | makes one; the secret is shown this once |
//! | `DELETE /tokens/{id}` | signed in | revokes one of one's own; an administrator any |
//!
//! A token makes no tokens: what it can do ends with it.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use mamori_kernel::given;
use mamori_kernel::permission::Permission;
use mamori_runtime::describe::{self, Operation, schema};
use mamori_runtime::{App, Guard, Route, Verb};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::PageQuery;
use super::tokens::{self, ApiToken, Limits, NewToken, Scope};
use crate::account::AccountError;
use crate::error::{FieldError, WebError};
use crate::session::{Credential, Visitor};

const USERS: Permission = Permission::administer("user");

pub(crate) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("token", ja, en);
    vec![
        Route::get("/api/v1/me", Guard::SignedIn, me).describe(
            about("自分の役割と契約", "Who this is and where it has rights").gives(schema::object(
                [
                    ("id", schema::text()),
                    ("name", schema::text()),
                    ("role", schema::text()),
                    ("credential", schema::word(["session", "token"])),
                    (
                        "contracts",
                        schema::list(schema::object([
                            ("id", schema::text()),
                            ("role", schema::text()),
                        ])),
                    ),
                ],
            )),
        ),
        Route::get("/api/v1/tokens", Guard::SignedIn, list).describe(
            about(
                "トークンの一覧",
                "List one's own tokens; an administrator lists all",
            )
            .paged()
            .gives(schema::page(shown())),
        ),
        Route::post("/api/v1/tokens", Guard::SignedIn, add)
            .fresh()
            .describe(
                about("トークンを作る", "Make a token; sessions only")
                    .takes(schemars::schema_for!(Wish).to_value())
                    .idempotent_by_key()
                    .answers(201, "The new token with its secret", with_secret())
                    .answers(200, "The one that the same key made before", with_secret()),
            ),
        Route::new(Verb::Delete, "/api/v1/tokens/{id}", Guard::SignedIn, revoke)
            .describe(about("トークンを失効させる", "Revoke a token").gives_nothing()),
    ]
}

fn fields() -> Vec<(&'static str, Value)> {
    vec![
        ("id", schema::text()),
        ("name", schema::text()),
        ("role", schema::text()),
        ("made_by", schema::nullable(schema::text())),
        ("scopes", schema::list(schema::text())),
        ("contracts", schema::list(schema::text())),
        ("created_at", schema::timestamp()),
        ("expires_at", schema::timestamp()),
        ("revoked_at", schema::nullable(schema::timestamp())),
        ("last_used_at", schema::nullable(schema::timestamp())),
    ]
}

fn shown() -> Value {
    schema::named("Token", schema::object(fields()))
}

fn with_secret() -> Value {
    let mut fields = fields();
    fields.push(("secret", schema::nullable(schema::text())));
    schema::named("TokenMade", schema::object(fields))
}

fn json_of(token: &ApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role.as_str(),
        "made_by": token.made_by,
        "scopes": token.limits.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "contracts": token.limits.contracts,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    })
}

/// What was refused, as an answer.
pub(crate) fn refuse(error: AccountError) -> WebError {
    let text = error.to_string();
    match error {
        AccountError::Store(error) => error.into(),
        AccountError::Ledger(error) => error.into(),
        AccountError::UnknownToken(id) => WebError::NotFound(format!("トークン「{id}」")),
        _ => WebError::invalid(text),
    }
}

async fn me(State(app): State<App>, visitor: Visitor) -> Result<Json<Value>, WebError> {
    let heads = app.db.ledger_heads().await?;
    let contracts: Vec<Value> = heads
        .iter()
        .filter(|head| head.contract != mamori_runtime::SYSTEM_CHAIN)
        .filter_map(|head| {
            let role = visitor.role_on(&head.contract)?;
            Some(json!({ "id": head.contract, "role": role.as_str() }))
        })
        .collect();
    Ok(Json(json!({
        "id": visitor.id,
        "name": visitor.name,
        "role": visitor.own_role.as_str(),
        "credential": match visitor.credential {
            Credential::Session(_) => "session",
            Credential::Token(_) => "token",
        },
        "contracts": contracts,
    })))
}

/// Whose tokens a visitor sees: everybody's, their own; a token sees none but, with the right of
/// an administrator, all.
fn whose(visitor: &Visitor) -> Option<&str> {
    (!visitor.may(USERS)).then_some(visitor.id.as_str())
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let found = tokens::list(&app, whose(&visitor)).await.map_err(refuse)?;
    Ok(query.cut(&found.iter().map(json_of).collect::<Vec<_>>()))
}

/// The token that is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// What it is for.
    #[schemars(length(min = 1, max = 60))]
    pub(crate) name: String,
    /// `work.write`, `work.*`, `*.read`; all that the maker may when empty.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) scopes: Vec<String>,
    /// Contracts that it sees; all that the maker sees when empty.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) contracts: Vec<String>,
    /// Days until it ends; 90 unless told.
    #[serde(default = "ninety")]
    #[schemars(range(min = 1, max = 730))]
    pub(crate) days: u16,
}

fn ninety() -> u16 {
    90
}

/// Makes the token that a person wants, or says what is wrong with the wish.
pub(crate) async fn make(
    app: &App,
    visitor: &Visitor,
    wish: &Wish,
    key: Option<String>,
) -> Result<(ApiToken, Option<mamori_runtime::Secret>), WebError> {
    if !matches!(visitor.credential, Credential::Session(_)) {
        return Err(WebError::Forbidden);
    }
    let mut wrong = Vec::new();
    let mut say = |field: &str, message: String| {
        wrong.push(FieldError {
            field: field.to_owned(),
            message,
        });
    };
    if wish.name.trim().is_empty() || wish.name.chars().any(char::is_control) {
        say("name", "何に使うかを60文字以内で書いてください".to_owned());
    }
    if !(1..=730).contains(&wish.days) {
        say("days", "1から730までの整数で書いてください".to_owned());
    }
    let mut limits = Limits::default();
    for contract in &wish.contracts {
        let there = super::webhooks::known(app, contract).await.is_ok();
        if there && visitor.role_on(contract).is_some() {
            limits.contracts.push(contract.clone());
        } else {
            say("contracts", format!("契約「{contract}」はありません"));
        }
    }
    let known = tokens::known_permissions(app);
    for text in &wish.scopes {
        match scope(text, &known, visitor, &limits.contracts) {
            Ok(scope) => limits.scopes.push(scope),
            Err(message) => say("scopes", message),
        }
    }
    if !wrong.is_empty() {
        return Err(WebError::Invalid {
            message: "トークンを作れません".to_owned(),
            fields: wrong,
        });
    }
    let new = NewToken {
        name: wish.name.clone(),
        role: visitor.own_role,
        made_by: Some(visitor.id.clone()),
        limits,
        life: SignedDuration::from_hours(24 * i64::from(wish.days)),
        key,
    };
    tokens::issue(app, visitor.actor(), new)
        .await
        .map_err(refuse)
}

/// A scope that names something that is there, and that the maker may do somewhere.
fn scope(
    text: &str,
    known: &[Permission],
    visitor: &Visitor,
    contracts: &[String],
) -> Result<Scope, String> {
    let wrong = || {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let near = describe::nearest(text, names.iter().map(String::as_str))
            .map_or(String::new(), |near| format!("。{near} のことですか"));
        format!(
            "{}{near}（work.write、work.*、*.read のように書いてください）",
            given::wrong(text, "という範囲はありません")
        )
    };
    let scope: Scope = text.parse().map_err(|()| wrong())?;
    let covered: Vec<&Permission> = known.iter().filter(|each| scope.covers(**each)).collect();
    if covered.is_empty() {
        return Err(wrong());
    }
    let roles = contracts
        .iter()
        .filter_map(|contract| visitor.role_on(contract))
        .chain(visitor.roles());
    let mut roles = roles.collect::<Vec<_>>();
    roles.dedup();
    let granted = covered
        .iter()
        .any(|permission| roles.iter().any(|role| role.allows(**permission)));
    if granted {
        Ok(scope)
    } else {
        Err(format!("「{text}」はあなたの役割にない権限です"))
    }
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(wish): Json<Wish>,
) -> Result<Response, WebError> {
    let key = super::idempotency_key(&headers)?;
    let (token, secret) = make(&app, &visitor, &wish, key).await?;
    let status = if secret.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut told = json_of(&token);
    told["secret"] = json!(secret.as_ref().map(mamori_runtime::Secret::expose));
    Ok((status, Json(told)).into_response())
}

async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, WebError> {
    tokens::revoke(&app, visitor.actor(), &id, whose(&visitor))
        .await
        .map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
