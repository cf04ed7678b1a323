//! The pages of links that let somebody in: the first set-up, invitations, new passwords.
//!
//! They hold a secret in their address, so they tell no other site where the person came from, and
//! the log shows no secret. Wrong links count as failures of the address they come from.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use mamori_runtime::{App, Guard, Route, Secret};
use serde::Deserialize;

use crate::account::{self, Account, AccountError};
use crate::error::{self, WebError};
use crate::form::Field;
use crate::invitation::{self, Invitation, Purpose};
use crate::limit::{Attempt, SignInLimits};
use crate::page::{Page, Tone, role_key};
use crate::server::ClientAddress;
use crate::session::{self, Proof, Visitor};
use crate::sign_in::{self, Carried};
use crate::{oidc, setup, token};

const SMALL: usize = 16 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/setup", Guard::Public, setup_page),
        Route::post("/setup", Guard::Public, set_up).with_body_limit(SMALL),
        Route::get("/invitation/{token}", Guard::Public, invitation_page),
        Route::post("/invitation/{token}", Guard::Public, accept).with_body_limit(SMALL),
    ]
}

/// The form of all three: who one wants to be, and the password.
#[derive(Template)]
#[template(path = "entrance.html")]
struct EntrancePage {
    page: Page,
    lead: String,
    action: String,
    token: String,
    fields: Vec<Field>,
    /// The way by the organisation's account: where to, what is said of it, and the button.
    oidc: Option<(String, String, oidc::Prompt)>,
    error: String,
    tone_bad: Tone,
}

#[derive(Default, Deserialize)]
struct Given {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_again: String,
}

/// The fields for a new name and password; errors stand beside their field.
fn fields(page: &Page, with_name: bool, given: &Given, refused: Option<&Refused>) -> Vec<Field> {
    let error = |name: &str| match refused {
        Some(refused) if refused.field == name => refused.message.clone(),
        _ => String::new(),
    };
    let mut fields = Vec::new();
    if with_name {
        let mut name = Field::text("name", page.t("sign-in-name"))
            .help(page.t("entrance-name-help"))
            .value(&given.name)
            .error(error("name"))
            .required()
            .autocomplete("username");
        name.max_length = 32;
        let mut shown = Field::text("display_name", page.t("account-display-name"))
            .value(&given.display_name)
            .autocomplete("name");
        shown.max_length = 60;
        fields.extend([name, shown]);
    }
    fields.extend(new_password(page, error));
    fields
}

/// The two fields for a new password.
pub(crate) fn new_password(page: &Page, error: impl Fn(&str) -> String) -> [Field; 2] {
    [
        Field::new("password", "password", page.t("password-new"))
            .help(page.t("password-help"))
            .error(error("password"))
            .required()
            .autocomplete("new-password"),
        Field::new("password", "password_again", page.t("password-again"))
            .error(error("password_again"))
            .required()
            .autocomplete("new-password"),
    ]
}

/// A field that was refused, with the reason.
pub(crate) struct Refused {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl Refused {
    /// What of an account's mistakes belongs to a field; the rest is an error.
    pub(crate) fn of(error: AccountError) -> Result<Self, WebError> {
        let field = match &error {
            AccountError::Weak(_) | AccountError::Breached(_) => "password",
            AccountError::Name(_) | AccountError::Taken(_) => "name",
            _ => return Err(error.into()),
        };
        Ok(Self {
            field,
            message: error.to_string(),
        })
    }
}

impl From<AccountError> for WebError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::Ledger(error) => Self::bug(error),
            AccountError::Unknown(name) | AccountError::UnknownToken(name) => Self::NotFound(name),
            AccountError::LastAdministrator => Self::Conflict(error.to_string()),
            other => Self::invalid(other.to_string()),
        }
    }
}

fn mismatch(page: &Page, given: &Given) -> Option<Refused> {
    (given.password != given.password_again).then(|| Refused {
        field: "password_again",
        message: page.t("password-mismatch"),
    })
}

/// Refuses addresses that try links by chance; what it gives back says that the link was real.
fn try_link(app: &App, from: IpAddr, secret: &str) -> Result<Attempt, WebError> {
    let key = format!("link {}", &token::digest(secret)[..16]);
    let limits = app.slot_or_default::<SignInLimits>();
    Ok(limits.attempt(&key, from, app.now())?)
}

fn forgive(app: &App, attempt: Attempt) {
    app.slot_or_default::<SignInLimits>().succeeded(attempt);
}

/// No other site learns the address of such a page.
fn private(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

#[derive(Deserialize)]
struct SetupQuery {
    #[serde(default)]
    token: String,
}

async fn setup_page(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Query(query): Query<SetupQuery>,
) -> Result<Response, WebError> {
    let attempt = try_link(&app, from, &query.token)?;
    if !setup::admits(&app, &query.token).await? {
        return dead(&app, &headers, "setup-dead");
    }
    forgive(&app, attempt);
    let given = Given {
        token: query.token,
        ..Given::default()
    };
    setup_form(&app, &headers, &given, None)
}

fn setup_form(
    app: &App,
    headers: &HeaderMap,
    given: &Given,
    refused: Option<&Refused>,
) -> Result<Response, WebError> {
    let page = Page::bare(app, session::language(headers), "setup-title");
    let shown = EntrancePage {
        lead: page.t("setup-lead"),
        action: "/setup".to_owned(),
        token: given.token.clone(),
        fields: fields(&page, true, given, refused),
        oidc: None,
        error: String::new(),
        tone_bad: Tone::Bad,
        page,
    };
    answer(&shown, refused.is_some())
}

fn answer(shown: &EntrancePage, refused: bool) -> Result<Response, WebError> {
    if refused {
        error::form_page(shown).map(private)
    } else {
        error::html(shown).map(private)
    }
}

/// A link that opens nothing: the page says what to do, and no more.
fn dead(app: &App, headers: &HeaderMap, key: &str) -> Result<Response, WebError> {
    let page = Page::bare(app, session::language(headers), "link-dead-title");
    let shown = EntrancePage {
        lead: String::new(),
        action: String::new(),
        token: String::new(),
        fields: Vec::new(),
        oidc: None,
        error: page.t(key),
        tone_bad: Tone::Bad,
        page,
    };
    error::own_page(StatusCode::NOT_FOUND, &shown).map(private)
}

async fn set_up(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Result<Response, WebError> {
    let attempt = try_link(&app, from, &given.token)?;
    if !setup::admits(&app, &given.token).await? {
        return dead(&app, &headers, "setup-dead");
    }
    forgive(&app, attempt);
    let page = Page::bare(&app, session::language(&headers), "setup-title");
    if let Some(refused) = mismatch(&page, &given) {
        return setup_form(&app, &headers, &given, Some(&refused));
    }
    let name = given.name.trim().to_ascii_lowercase();
    let password = Secret::new(&given.password);
    match setup::finish(&app, &given.token, &name, &given.display_name, password).await {
        Ok(Some(account)) => welcome(&app, &account, visitor, &headers, from).await,
        Ok(None) => dead(&app, &headers, "setup-dead"),
        Err(error) => setup_form(&app, &headers, &given, Some(&Refused::of(error)?)),
    }
}

async fn welcome(
    app: &App,
    account: &Account,
    visitor: Option<Visitor>,
    headers: &HeaderMap,
    from: IpAddr,
) -> Result<Response, WebError> {
    let proof = Proof::new("link", headers, from);
    sign_in::enter(app, account, visitor, &proof, headers, &Carried::default())
        .await
        .map(private)
}

async fn invitation_page(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Path(secret): Path<String>,
) -> Result<Response, WebError> {
    let attempt = try_link(&app, from, &secret)?;
    let Some(found) = invitation::find(&app, &secret).await? else {
        return dead(&app, &headers, "invitation-dead");
    };
    forgive(&app, attempt);
    let given = Given {
        display_name: found.display_name.clone(),
        ..Given::default()
    };
    invitation_form(&app, &headers, &secret, &found, &given, None).await
}

async fn invitation_form(
    app: &App,
    headers: &HeaderMap,
    secret: &str,
    found: &Invitation,
    given: &Given,
    refused: Option<&Refused>,
) -> Result<Response, WebError> {
    let language = session::language(headers);
    let (page, lead, with_name) = match &found.purpose {
        Purpose::Join { role, .. } => {
            let page = Page::bare(app, language, "invitation-title");
            let lead = page.t1("invitation-lead", "role", page.t(role_key(*role)));
            (page, lead, true)
        }
        Purpose::Reset { user } => {
            let page = Page::bare(app, language, "reset-title");
            let account = account::by_id(app, user).await?;
            let lead = page.t1("reset-lead", "name", account.name);
            (page, lead, false)
        }
    };
    let shown = EntrancePage {
        lead,
        action: format!("/invitation/{secret}"),
        token: String::new(),
        fields: fields(&page, with_name, given, refused),
        oidc: with_name
            .then(|| oidc::Prompt::new(app, &page, "oidc-join"))
            .flatten()
            .map(|prompt| {
                let label = oidc::label(app).unwrap_or_default();
                let lead = page.t1("oidc-join-lead", "label", label);
                (format!("/invitation/{secret}/oidc"), lead, prompt)
            }),
        error: String::new(),
        tone_bad: Tone::Bad,
        page,
    };
    answer(&shown, refused.is_some())
}

async fn accept(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Path(secret): Path<String>,
    Form(given): Form<Given>,
) -> Result<Response, WebError> {
    let attempt = try_link(&app, from, &secret)?;
    let Some(found) = invitation::find(&app, &secret).await? else {
        return dead(&app, &headers, "invitation-dead");
    };
    forgive(&app, attempt);
    let page = Page::bare(&app, session::language(&headers), "invitation-title");
    if let Some(refused) = mismatch(&page, &given) {
        return invitation_form(&app, &headers, &secret, &found, &given, Some(&refused)).await;
    }
    let name = given.name.trim().to_ascii_lowercase();
    let password = Secret::new(&given.password);
    match invitation::accept(&app, &secret, &name, &given.display_name, password).await {
        // A new password is not a second factor: whoever has one signs in with both.
        Ok(Some(_)) if matches!(found.purpose, Purpose::Reset { .. }) => {
            let page = Page::bare(&app, session::language(&headers), "reset-done-title");
            let done = page.t("reset-done");
            let page = page.with_notice(Tone::Ok, done);
            let shown = EntrancePage {
                lead: String::new(),
                action: String::new(),
                token: String::new(),
                fields: Vec::new(),
                oidc: None,
                error: String::new(),
                tone_bad: Tone::Bad,
                page,
            };
            error::html(&shown).map(private)
        }
        Ok(Some(account)) => welcome(&app, &account, visitor, &headers, from).await,
        Ok(None) => dead(&app, &headers, "invitation-dead"),
        Err(error) => {
            let refused = Refused::of(error)?;
            invitation_form(&app, &headers, &secret, &found, &given, Some(&refused)).await
        }
    }
}
