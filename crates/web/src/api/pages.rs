//! The pages for programs: one's tokens, and a contract's subscriptions.
//!
//! Both are the API's functions with a form before them: what is right, what is refused and what
//! evidence is left is decided there. A secret is in the answer to the form and nowhere else; the
//! form carries a key, so that sending it twice makes nothing twice and shows nothing again.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::notify::subscription::{self, NewSubscription, Subscription};
use mamori_runtime::{App, Guard, NavEntry, NavGroup, Route};
use serde::Deserialize;

use super::token_routes::{self, Wish};
use super::tokens::{self, ApiToken};
use super::webhooks;
use crate::error::{self, FieldError, WebError};
use crate::form::Field;
use crate::page::{Page, Tone};
use crate::session::Visitor;

const READ: Permission = Permission::read("webhook");
const ADMINISTER: Permission = Permission::administer("webhook");
const FORM_BYTES: usize = 16 * 1024;
/// Attempts on the page of a subscription.
const SHOWN_DELIVERIES: u32 = 100;

pub(crate) fn routes() -> Vec<Route> {
    let one = "/c/{contract}/webhooks/{id}";
    vec![
        Route::get("/account/tokens", Guard::SignedIn, token_list),
        Route::post("/account/tokens", Guard::SignedIn, token_add).with_body_limit(FORM_BYTES),
        Route::post("/account/tokens/{id}/revoke", Guard::SignedIn, token_revoke)
            .with_body_limit(FORM_BYTES),
        Route::get("/c/{contract}/webhooks", READ, hook_list),
        Route::post("/c/{contract}/webhooks", ADMINISTER, hook_add).with_body_limit(FORM_BYTES),
        Route::get(one, READ, hook_one),
        Route::post("/c/{contract}/webhooks/{id}/test", ADMINISTER, hook_test)
            .with_body_limit(FORM_BYTES),
        Route::post("/c/{contract}/webhooks/{id}/again", ADMINISTER, hook_again)
            .with_body_limit(FORM_BYTES),
        Route::post(
            "/c/{contract}/webhooks/{id}/resume",
            ADMINISTER,
            hook_resume,
        )
        .with_body_limit(FORM_BYTES),
        Route::post("/c/{contract}/webhooks/{id}/end", ADMINISTER, hook_end)
            .with_body_limit(FORM_BYTES),
    ]
}

pub(crate) fn navigation() -> Vec<NavEntry> {
    vec![NavEntry {
        label: "nav-webhooks",
        href: "/c/{contract}/webhooks",
        permission: READ,
        group: NavGroup::House,
        order: 80,
    }]
}

/// A key for a form: sending it twice counts once.
fn form_key() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// Words of a field, separated by spaces, commas or line ends.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '、' | '，'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn of_field(errors: &[FieldError], name: &str) -> String {
    let messages: Vec<&str> = errors
        .iter()
        .filter(|error| error.field.split(['[', '.']).next() == Some(name))
        .map(|error| error.message.as_str())
        .collect();
    messages.join(" ")
}

struct TokenRow {
    id: String,
    name: String,
    scopes: String,
    contracts: String,
    created: String,
    expires: String,
    used: String,
    state: String,
    tone: Tone,
    live: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokenPage {
    page: Page,
    rows: Vec<TokenRow>,
    secret: Option<String>,
    repeated: bool,
    fields: Vec<Field>,
    key: String,
    tone_ok: Tone,
    tone_warn: Tone,
}

#[derive(Debug, Default, Deserialize)]
struct TokenForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    scopes: String,
    #[serde(default)]
    contracts: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    key: String,
}

/// What a form made.
enum Made {
    /// Something new, with its secret.
    New(String),
    /// It was made by the same form before; its secret was shown then.
    Before,
}

impl Made {
    fn of(secret: Option<String>) -> Self {
        secret.map_or(Self::Before, Self::New)
    }

    fn secret(self) -> Option<String> {
        match self {
            Self::New(secret) => Some(secret),
            Self::Before => None,
        }
    }
}

async fn token_page(
    app: &App,
    visitor: &Visitor,
    form: &TokenForm,
    errors: &[FieldError],
    made: Option<Made>,
) -> Result<TokenPage, WebError> {
    let page = Page::new(app, visitor, "token-title").here();
    let own = tokens::list(app, Some(&visitor.id))
        .await
        .map_err(token_routes::refuse)?;
    let rows = own
        .iter()
        .map(|token| token_row(app, &page, token))
        .collect();
    let days = if form.days.is_empty() {
        "90"
    } else {
        form.days.as_str()
    };
    let field = |kind, name: &'static str, value: &str| {
        Field::new(kind, name, page.t(&format!("token-{name}")))
            .value(value)
            .help(page.t_or(&format!("token-{name}-help"), ""))
            .error(of_field(errors, name))
    };
    let fields = vec![
        field("text", "name", &form.name).required(),
        field("text", "scopes", &form.scopes),
        field("text", "contracts", &form.contracts),
        field("number", "days", days).range("1", "730").required(),
    ];
    Ok(TokenPage {
        repeated: matches!(made, Some(Made::Before)),
        secret: made.and_then(Made::secret),
        rows,
        fields,
        key: form_key(),
        tone_ok: Tone::Ok,
        tone_warn: Tone::Warn,
        page,
    })
}

fn token_row(app: &App, page: &Page, token: &ApiToken) -> TokenRow {
    let (state, tone) = if token.revoked_at.is_some() {
        ("token-revoked", Tone::Quiet)
    } else if token.expires_at <= app.now() {
        ("token-expired", Tone::Quiet)
    } else {
        ("token-live", Tone::Ok)
    };
    let scopes: Vec<String> = token
        .limits
        .scopes
        .iter()
        .map(ToString::to_string)
        .collect();
    let or = |text: String, key: &str| if text.is_empty() { page.t(key) } else { text };
    TokenRow {
        id: token.id.clone(),
        name: token.name.clone(),
        scopes: or(scopes.join(", "), "token-all-scopes"),
        contracts: or(token.limits.contracts.join(", "), "token-all-contracts"),
        created: page.moment(token.created_at),
        expires: page.moment(token.expires_at),
        used: token
            .last_used_at
            .map_or_else(|| page.t("token-never"), |at| page.moment(at)),
        state: page.t(state),
        tone,
        live: state == "token-live",
    }
}

async fn token_list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    error::html(&token_page(&app, &visitor, &TokenForm::default(), &[], None).await?)
}

async fn token_add(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<TokenForm>,
) -> Result<Response, WebError> {
    let wish = Wish {
        name: form.name.clone(),
        scopes: words(&form.scopes),
        contracts: words(&form.contracts),
        days: form.days.trim().parse().unwrap_or(0),
    };
    let key = (!form.key.is_empty() && form.key.len() <= 100).then(|| form.key.clone());
    match token_routes::make(&app, &visitor, &wish, key).await {
        Ok((_, secret)) => {
            let shown = secret.map(|secret| secret.expose().to_owned());
            let empty = TokenForm::default();
            error::html(&token_page(&app, &visitor, &empty, &[], Some(Made::of(shown))).await?)
        }
        Err(WebError::Invalid { fields, .. }) => {
            error::form_page(&token_page(&app, &visitor, &form, &fields, None).await?)
        }
        Err(error) => Err(error),
    }
}

async fn token_revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Redirect, WebError> {
    let gone = tokens::revoke(&app, visitor.actor(), &id, Some(&visitor.id))
        .await
        .map_err(token_routes::refuse)?;
    let page = Page::new(&app, &visitor, "token-title");
    let text = page.t1("token-revoked-flash", "name", gone.name.as_str());
    visitor.flash(&app, Tone::Ok, text).await?;
    Ok(Redirect::to("/account/tokens"))
}

struct HookRow {
    id: String,
    host: String,
    kinds: String,
    sent_seq: u64,
    state: String,
    tone: Tone,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct HookPage {
    page: Page,
    rows: Vec<HookRow>,
    secret: Option<String>,
    repeated: bool,
    fields: Vec<Field>,
    key: String,
    administers: bool,
    tone_ok: Tone,
    tone_warn: Tone,
}

#[derive(Debug, Default, Deserialize)]
struct HookForm {
    #[serde(default)]
    url: String,
    #[serde(default)]
    kinds: String,
    #[serde(default)]
    key: String,
}

fn hook_state(page: &Page, each: &Subscription) -> (String, Tone) {
    let (key, tone) = match (each.disabled_at, each.failing_since) {
        (Some(_), _) => ("webhook-stopped", Tone::Bad),
        (None, Some(_)) => ("webhook-failing", Tone::Warn),
        (None, None) => ("webhook-active", Tone::Ok),
    };
    (page.t(key), tone)
}

async fn hook_page(
    app: &App,
    visitor: &Visitor,
    contract: &str,
    form: &HookForm,
    errors: &[FieldError],
    made: Option<Made>,
) -> Result<HookPage, WebError> {
    webhooks::known(app, contract).await?;
    let page = Page::new(app, visitor, "webhook-title").here();
    let found = subscription::list(app, contract)
        .await
        .map_err(webhooks::refuse)?;
    let rows = found
        .iter()
        .map(|each| {
            let (state, tone) = hook_state(&page, each);
            HookRow {
                id: each.id.clone(),
                host: subscription::address::host(&each.url),
                kinds: each.kinds.join(", "),
                sent_seq: each.sent_seq,
                state,
                tone,
            }
        })
        .collect();
    let field = |kind, name: &'static str, value: &str| {
        Field::new(kind, name, page.t(&format!("webhook-{name}")))
            .value(value)
            .help(page.t(&format!("webhook-{name}-help")))
            .error(of_field(errors, name))
            .required()
    };
    let kinds = if form.kinds.is_empty() {
        "*"
    } else {
        form.kinds.as_str()
    };
    let fields = vec![
        field("url", "url", &form.url),
        field("text", "kinds", kinds),
    ];
    Ok(HookPage {
        repeated: matches!(made, Some(Made::Before)),
        secret: made.and_then(Made::secret),
        rows,
        fields,
        key: form_key(),
        administers: visitor.may(ADMINISTER),
        tone_ok: Tone::Ok,
        tone_warn: Tone::Warn,
        page,
    })
}

async fn hook_list(
    State(app): State<App>,
    visitor: Visitor,
    Path(contract): Path<String>,
) -> Result<Response, WebError> {
    let form = HookForm::default();
    error::html(&hook_page(&app, &visitor, &contract, &form, &[], None).await?)
}

async fn hook_add(
    State(app): State<App>,
    visitor: Visitor,
    Path(contract): Path<String>,
    Form(form): Form<HookForm>,
) -> Result<Response, WebError> {
    webhooks::known(&app, &contract).await?;
    let new = NewSubscription {
        contract: contract.clone(),
        url: form.url.trim().to_owned(),
        kinds: words(&form.kinds),
        key: (!form.key.is_empty() && form.key.len() <= 100).then(|| form.key.clone()),
    };
    let made = subscription::add(&app, &visitor.actor(), new).await;
    match made.map_err(webhooks::refuse) {
        Ok(made) => {
            let empty = HookForm::default();
            let secret = Some(Made::of(made.secret));
            error::html(&hook_page(&app, &visitor, &contract, &empty, &[], secret).await?)
        }
        Err(WebError::Invalid { fields, .. }) => {
            error::form_page(&hook_page(&app, &visitor, &contract, &form, &fields, None).await?)
        }
        Err(error) => Err(error),
    }
}

struct DeliveryRow {
    seq: u64,
    event: String,
    at: String,
    reason: String,
    result: String,
    /// What the other side or the network said instead of an answer.
    said: String,
    tone: Tone,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct HookOne {
    page: Page,
    id: String,
    facts: Vec<(String, String)>,
    state: String,
    tone: Tone,
    stopped: bool,
    administers: bool,
    rows: Vec<DeliveryRow>,
}

async fn hook_one(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let found = subscription::get(&app, &contract, &id)
        .await
        .map_err(webhooks::refuse)?;
    let host = subscription::address::host(&found.url);
    let page = Page::new(&app, &visitor, &host)
        .under("webhook-title", visitor.at("/webhooks"))
        .here();
    let log = subscription::deliveries(&app, &id, SHOWN_DELIVERIES)
        .await
        .map_err(webhooks::refuse)?;
    let rows = log
        .iter()
        .map(|each| DeliveryRow {
            seq: each.seq,
            event: each.event.clone(),
            at: page.moment(each.tried_at),
            reason: page.t(match each.reason.as_str() {
                "test" => "webhook-reason-test",
                "again" => "webhook-reason-again",
                _ => "webhook-reason-ledger",
            }),
            result: each
                .status
                .map_or_else(|| page.t("webhook-unreached"), |status| status.to_string()),
            said: match each.status {
                Some(_) => String::new(),
                None => each.error.clone().unwrap_or_default(),
            },
            tone: if each.arrived() { Tone::Ok } else { Tone::Bad },
        })
        .collect();
    let (state, tone) = hook_state(&page, &found);
    let mut facts = vec![
        (page.t("webhook-url"), found.url.clone()),
        (page.t("webhook-kinds"), found.kinds.join(", ")),
        (page.t("webhook-sent"), found.sent_seq.to_string()),
        (page.t("webhook-made"), page.moment(found.created_at)),
    ];
    if let Some(since) = found.failing_since {
        facts.push((page.t("webhook-failing-since"), page.moment(since)));
    }
    if let Some(reason) = &found.disabled_reason {
        facts.push((page.t("webhook-why-stopped"), reason.clone()));
    }
    error::html(&HookOne {
        id,
        facts,
        state,
        tone,
        stopped: found.disabled_at.is_some(),
        administers: visitor.may(ADMINISTER),
        rows,
        page,
    })
}

/// Back to the subscription with a word about what was done.
async fn back(app: &App, visitor: &Visitor, id: &str, key: &str) -> Result<Response, WebError> {
    let text = Page::new(app, visitor, "webhook-title").t(key);
    visitor.flash(app, Tone::Ok, text).await?;
    let target = visitor.at(&format!("/webhooks/{id}"));
    Ok(Redirect::to(&target).into_response())
}

async fn hook_test(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    subscription::test(&app, &contract, &id)
        .await
        .map_err(webhooks::refuse)?;
    back(&app, &visitor, &id, "webhook-tested").await
}

#[derive(Deserialize)]
struct AgainForm {
    #[serde(default)]
    seq: String,
}

async fn hook_again(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
    Form(form): Form<AgainForm>,
) -> Result<Response, WebError> {
    let seq = form
        .seq
        .parse()
        .map_err(|_| WebError::NotFound(format!("記録「{}」", form.seq)))?;
    subscription::again(&app, &contract, &id, seq)
        .await
        .map_err(webhooks::refuse)?;
    back(&app, &visitor, &id, "webhook-sent-again").await
}

async fn hook_resume(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    subscription::resume(&app, &visitor.actor(), &contract, &id)
        .await
        .map_err(webhooks::refuse)?;
    back(&app, &visitor, &id, "webhook-resumed").await
}

async fn hook_end(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
) -> Result<Response, WebError> {
    subscription::end(&app, &visitor.actor(), &contract, &id)
        .await
        .map_err(webhooks::refuse)?;
    let text = Page::new(&app, &visitor, "webhook-title").t("webhook-ended");
    visitor.flash(&app, Tone::Ok, text).await?;
    Ok((
        StatusCode::SEE_OTHER,
        [("location", visitor.at("/webhooks"))],
    )
        .into_response())
}
