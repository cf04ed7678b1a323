//! The JSON API of the people of the installation: accounts, their rights, links that let somebody
//! in.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /people` | user.read | accounts with their rights |
//! | `GET /people/{id}` | user.read | one |
//! | `POST /people/{id}/rights` | user.administer | role, and the role on each contract |
//! | `POST /people/{id}/{disable,enable}` | user.administer | shuts out, lets in again |
//! | `POST /people/{id}/end-sessions` | user.administer | ends all sign-ins |
//! | `POST /people/{id}/reset` | user.administer | a link for a new password, shown this once |
//! | `POST /people/{id}/second-factor/remove` | user.administer | for somebody who lost it |
//! | `POST /people/{id}/oidc/remove` | user.administer | unlinks from the provider's account |
//! | `GET /invitations` | user.administer | links that still open something |
//! | `POST /invitations` | user.administer | invites; the link is shown this once |
//! | `DELETE /invitations/{id}` | user.administer | ends a link |
//!
//! Rights, shutting out and letting in say how things are to be: a second time changes nothing.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Route, Secret, Verb};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PageQuery, page};
use crate::account::{self, Account, AccountError, Scope};
use crate::error::{FieldError, WebError};
use crate::invitation::{self, Invitation, Purpose};
use crate::oidc::links;
use crate::page::Installation;
use crate::second;
use crate::session::Visitor;

const READ: Permission = Permission::read("user");
const CHANGE: Permission = Permission::administer("user");

pub(super) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("people", ja, en);
    let changes = |ja: &str, en: &str| about(ja, en).conflicting().gives(person());
    let mut routes = vec![
        Route::get("/api/v1/people", READ, list).describe(
            about("利用者の一覧", "List accounts")
                .paged()
                .gives(schema::page(person())),
        ),
        Route::get("/api/v1/people/{id}", READ, one)
            .describe(about("利用者1人", "One account").gives(person())),
        Route::post("/api/v1/people/{id}/rights", CHANGE, rights)
            .fresh()
            .describe(
                changes("役割と契約を決める", "Say what somebody may do where")
                    .takes(schemars::schema_for!(Rights).to_value()),
            ),
        Route::post("/api/v1/people/{id}/disable", CHANGE, disable)
            .describe(changes("利用を止める", "Shut an account out")),
        Route::post("/api/v1/people/{id}/enable", CHANGE, enable)
            .fresh()
            .describe(changes("利用を再開する", "Let an account in again")),
        Route::post("/api/v1/people/{id}/end-sessions", CHANGE, end_sessions)
            .describe(changes("すべてのサインインを終える", "End all sign-ins")),
        Route::post(
            "/api/v1/people/{id}/second-factor/remove",
            CHANGE,
            remove_second,
        )
        .fresh()
        .describe(changes("2段階認証を外す", "Take the second factor away")),
        Route::post("/api/v1/people/{id}/oidc/remove", CHANGE, unlink)
            .fresh()
            .describe(changes(
                "組織のアカウントとの結び付きを外す",
                "Unlink an account from the provider's",
            )),
        Route::post("/api/v1/people/{id}/reset", CHANGE, reset)
            .fresh()
            .describe(
                about(
                    "パスワードを決め直すリンクを作る",
                    "Make a link for a new password; an older one ends",
                )
                .answers(201, "The link, shown this once", link()),
            ),
    ];
    routes.extend(invitations(about));
    // Each of them answers with somebody's names.
    routes
        .into_iter()
        .map(|route| route.personal("user", []))
        .collect()
}

fn invitations(about: impl Fn(&str, &str) -> Operation) -> Vec<Route> {
    vec![
        Route::get("/api/v1/invitations", CHANGE, open_links).describe(
            about(
                "使われていないリンクの一覧",
                "Links that still open something",
            )
            .paged()
            .gives(schema::page(invited())),
        ),
        Route::post("/api/v1/invitations", CHANGE, invite)
            .fresh()
            .describe(
                about("招待する", "Invite somebody")
                    .takes(schemars::schema_for!(Wish).to_value())
                    .idempotent_by_key()
                    .answers(201, "The link, shown this once", link())
                    .answers(200, "The one that the same key made before", link()),
            ),
        Route::new(Verb::Delete, "/api/v1/invitations/{id}", CHANGE, revoke)
            .describe(about("リンクを無効にする", "End a link").gives_nothing()),
    ]
}

pub(super) fn personal(mut schema: Value) -> Value {
    schema["x-personal"] = json!(true);
    schema
}

fn role() -> Value {
    schema::word(Role::ALL.map(Role::as_str))
}

fn on_contracts() -> Value {
    schema::list(schema::object([("id", schema::text()), ("role", role())]))
}

fn person() -> Value {
    schema::named(
        "Account",
        schema::object([
            ("id", schema::text()),
            ("name", personal(schema::text())),
            ("display_name", personal(schema::text())),
            ("role", role()),
            ("every_contract", schema::boolean()),
            ("contracts", on_contracts()),
            ("second_factor", schema::boolean()),
            ("provider_linked", schema::boolean()),
            ("created_at", schema::timestamp()),
            ("signed_in_at", schema::nullable(schema::timestamp())),
            ("disabled_at", schema::nullable(schema::timestamp())),
            ("href", schema::text()),
        ]),
    )
}

fn invited_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("id", schema::text()),
        ("purpose", schema::word(["join", "reset"])),
        ("display_name", personal(schema::text())),
        ("user", schema::nullable(schema::text())),
        ("role", schema::nullable(role())),
        ("every_contract", schema::boolean()),
        ("contracts", on_contracts()),
        ("made_by", schema::text()),
        ("made_at", schema::timestamp()),
        ("expires_at", schema::timestamp()),
    ]
}

fn invited() -> Value {
    schema::named("Invitation", schema::object(invited_fields()))
}

fn link() -> Value {
    let mut fields = invited_fields();
    fields.push(("link", schema::nullable(schema::text())));
    schema::named("InvitationMade", schema::object(fields))
}

fn scope_json(scope: &Scope) -> (bool, Vec<Value>) {
    match scope {
        Scope::EveryContract => (true, Vec::new()),
        Scope::Contracts(list) => (
            false,
            list.iter()
                .map(|(id, role)| json!({ "id": id, "role": role.as_str() }))
                .collect(),
        ),
    }
}

async fn told(app: &App, account: &Account) -> Result<Value, WebError> {
    let id = account.id.to_string();
    let scope = if account.every_contract {
        Scope::EveryContract
    } else {
        Scope::Contracts(account::memberships(app, &id).await?)
    };
    let (every, contracts) = scope_json(&scope);
    Ok(json!({
        "id": id,
        "name": account.name,
        "display_name": account.display_name,
        "role": account.role.as_str(),
        "every_contract": every,
        "contracts": contracts,
        "second_factor": second::is_on(app, &id).await?,
        "provider_linked": links::of(app, &id).await?.is_some(),
        "created_at": account.created_at,
        "signed_in_at": account.signed_in_at,
        "disabled_at": account.disabled_at,
        "href": format!("/api/v1/people/{id}"),
    }))
}

fn invited_json(one: &Invitation) -> Value {
    let (user, role, (every, contracts)) = match &one.purpose {
        Purpose::Join { role, scope } => (None, Some(role.as_str()), scope_json(scope)),
        Purpose::Reset { user } => (Some(user), None, (false, Vec::new())),
    };
    json!({
        "id": one.id,
        "purpose": if user.is_some() { "reset" } else { "join" },
        "display_name": one.display_name,
        "user": user,
        "role": role,
        "every_contract": every,
        "contracts": contracts,
        "made_by": one.made_by.to_string(),
        "made_at": one.made_at,
        "expires_at": one.expires_at,
    })
}

/// The link that was made, with its address where it is shown.
fn link_json(app: &App, made: &Invitation, secret: Option<&Secret>) -> Response {
    let status = if secret.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut told = invited_json(made);
    told["link"] = json!(secret.map(|secret| invitation::address(app, secret).expose().to_owned()));
    (status, Json(told)).into_response()
}

async fn list(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let all = account::list(&app).await?;
    let paging = query.of(all.len() as u64);
    let mut items = Vec::new();
    for account in paging.part(&all) {
        items.push(told(&app, account).await?);
    }
    Ok(page(&items, paging))
}

/// The account of an address; an unknown one is not there.
async fn of(app: &App, id: &str) -> Result<Account, WebError> {
    account::by_id(app, id).await.map_err(|error| match error {
        AccountError::Unknown(id) => WebError::NotFound(format!("利用者「{id}」")),
        other => other.into(),
    })
}

async fn answer(app: &App, id: &str) -> Result<Json<Value>, WebError> {
    Ok(Json(told(app, &of(app, id).await?).await?))
}

async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, WebError> {
    answer(&app, &id).await
}

/// Role on a contract.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OnContract {
    /// Id of the contract.
    #[schemars(length(min = 1, max = 100))]
    id: String,
    /// `viewer`, `city`, `counsellor`, `staff`, `manager` or `administrator`.
    #[schemars(length(min = 1, max = 20))]
    role: String,
}

/// What somebody may do where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rights {
    /// The account's own role.
    #[schemars(length(min = 1, max = 20))]
    role: String,
    /// Whether it holds for every contract, also those to come.
    #[serde(default)]
    every_contract: bool,
    /// Otherwise: the contracts, each with a role.
    #[serde(default)]
    #[schemars(length(max = 100))]
    contracts: Vec<OnContract>,
}

impl Rights {
    fn read(&self, app: &App) -> Result<(Role, Scope), WebError> {
        let mut wrong = Vec::new();
        let mut say = |field: String, message: String| wrong.push(FieldError { field, message });
        let known = Role::ALL.map(Role::as_str).join(", ");
        let own = self.role.parse::<Role>().ok();
        if own.is_none() {
            say("role".to_owned(), format!("使える値: {known}"));
        }
        if self.every_contract && !self.contracts.is_empty() {
            let message = "every_contract が true のときは契約を書かないでください";
            say("contracts".to_owned(), message.to_owned());
        }
        let installation = app.slot::<Installation>().unwrap_or_default();
        let mut list: Vec<(String, Role)> = Vec::new();
        for (index, one) in self.contracts.iter().enumerate() {
            let field = |name: &str| format!("contracts[{index}].{name}");
            if !installation.contracts.iter().any(|each| each.id == one.id) {
                say(field("id"), format!("契約「{}」はありません", one.id));
            } else if list.iter().any(|(id, _)| *id == one.id) {
                say(field("id"), "この契約は2回書かれています".to_owned());
            }
            match one.role.parse() {
                Ok(role) => list.push((one.id.clone(), role)),
                Err(_) => say(field("role"), format!("使える値: {known}")),
            }
        }
        match own {
            Some(own) if wrong.is_empty() => Ok((
                own,
                if self.every_contract {
                    Scope::EveryContract
                } else {
                    Scope::Contracts(list)
                },
            )),
            _ => Err(WebError::Invalid {
                message: "役割か契約に誤りがあります".to_owned(),
                fields: wrong,
            }),
        }
    }
}

async fn rights(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Json(body): Json<Rights>,
) -> Result<Json<Value>, WebError> {
    let account = of(&app, &id).await?;
    let (role, scope) = body.read(&app)?;
    if role != account.role {
        account::set_role(&app, visitor.actor(), &account.name, role).await?;
    }
    let now = if account.every_contract {
        Scope::EveryContract
    } else {
        Scope::Contracts(account::memberships(&app, &id).await?)
    };
    if scope_json(&now) != scope_json(&scope) {
        account::set_scope(&app, visitor.actor(), &account.name, &scope).await?;
    }
    answer(&app, &id).await
}

async fn enabled(
    app: &App,
    visitor: &Visitor,
    id: &str,
    enabled: bool,
) -> Result<Json<Value>, WebError> {
    let account = of(app, id).await?;
    if account.disabled_at.is_none() != enabled {
        account::set_enabled(app, visitor.actor(), &account.name, enabled).await?;
    }
    answer(app, id).await
}

async fn disable(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    enabled(&app, &visitor, &id, false).await
}

async fn enable(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    enabled(&app, &visitor, &id, true).await
}

async fn end_sessions(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    let account = of(&app, &id).await?;
    account::end_all_sessions(&app, visitor.actor(), &account).await?;
    answer(&app, &id).await
}

async fn remove_second(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    let account = of(&app, &id).await?;
    if second::is_on(&app, &id).await? {
        account::remove_second_factor(&app, visitor.actor(), &account).await?;
    }
    answer(&app, &id).await
}

async fn unlink(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    let account = of(&app, &id).await?;
    links::remove(&app, visitor.actor(), &account).await?;
    answer(&app, &id).await
}

async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    let purpose = Purpose::Reset { user: id };
    let (made, secret) = invitation::make_once(
        &app,
        &visitor.actor(),
        &account.display_name,
        &purpose,
        None,
    )
    .await?;
    Ok(link_json(&app, &made, secret.as_ref()))
}

async fn open_links(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Response, WebError> {
    let open = invitation::open_ones(&app).await?;
    Ok(query.cut(&open.iter().map(invited_json).collect::<Vec<_>>()))
}

/// Who is invited to what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Name for pages.
    #[schemars(length(min = 1, max = 60))]
    display_name: String,
    /// What the new account may do.
    rights: Rights,
}

async fn invite(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(wish): Json<Wish>,
) -> Result<Response, WebError> {
    let key = super::idempotency_key(&headers)?;
    let (role, scope) = wish.rights.read(&app)?;
    let name = crate::name::shown(&wish.display_name);
    if name.is_empty() {
        return Err(WebError::Invalid {
            message: "招待できません".to_owned(),
            fields: vec![FieldError {
                field: "display_name".to_owned(),
                message: "表示する名前を60文字以内で書いてください".to_owned(),
            }],
        });
    }
    let purpose = Purpose::Join { role, scope };
    let (made, secret) =
        invitation::make_once(&app, &visitor.actor(), &name, &purpose, key.as_deref()).await?;
    if secret.is_none() && (made.purpose != purpose || made.display_name != name) {
        return Err(WebError::Conflict(
            "この Idempotency-Key は別の招待に使われています。新しいキーを付けてください"
                .to_owned(),
        ));
    }
    Ok(link_json(&app, &made, secret.as_ref()))
}

async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, WebError> {
    if invitation::revoke(&app, visitor.actor(), &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(WebError::NotFound(format!("使われていないリンク「{id}」")))
    }
}
