//! The way to the provider and back, for four ends: signing in, linking an account, a fresh proof,
//! an invitation. All come back to one address, the one that the provider knows.

use askama::Template;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Guard, Route};
use serde::Deserialize;

use super::attempt::{self, Purpose, Waiting};
use super::id_token::{self, Claims};
use super::identify::{Returned, identify};
use super::{OidcError, links, provider, settings};
use crate::account::{self, AccountError};
use crate::error::{self, WebError};
use crate::kept::CARRIED_LIMIT_BYTES;
use crate::limit::SignInLimits;
use crate::page::{Page, Tone};
use crate::pages::set_cookie;
use crate::prove::{self, own_account};
use crate::server::ClientAddress;
use crate::session::{self, Proof, Visitor};
use crate::sign_in::{self, Carried};
use crate::{invitation, name, password, second, token};

/// Where the provider sends people back to.
pub(super) const ANSWER: &str = "/sign-in/oidc/answer";
const SMALL: usize = 16 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    let own = Guard::SignedIn;
    let administer = Permission::administer("user");
    vec![
        Route::post("/sign-in/oidc", Guard::Public, sign_in).with_body_limit(CARRIED_LIMIT_BYTES),
        Route::get(ANSWER, Guard::Public, answer),
        Route::post("/prove/oidc", own, prove).with_body_limit(CARRIED_LIMIT_BYTES),
        Route::post("/account/oidc", own, link)
            .fresh()
            .with_body_limit(SMALL),
        Route::post("/account/oidc/remove", own, unlink)
            .fresh()
            .with_body_limit(SMALL),
        Route::post("/invitation/{token}/oidc", Guard::Public, join).with_body_limit(SMALL),
        Route::post("/people/{id}/oidc/remove", administer, unlink_person)
            .fresh()
            .with_body_limit(SMALL),
    ]
}

/// The page that leads to the provider. A redirect as the answer to a form is held back by the
/// policy that forms stay on this site, so the browser is sent on by a page of ours.
#[derive(Template)]
#[template(path = "oidc-go.html")]
struct GoPage {
    page: Page,
    lead: String,
    address: String,
}

/// Somebody did not come in: what to do.
#[derive(Template)]
#[template(path = "oidc-refused.html")]
struct RefusedPage {
    page: Page,
    error: String,
    back: &'static str,
    tone_bad: Tone,
}

/// What of a page shows the way to the provider.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// On the button.
    pub(crate) text: String,
}

impl Prompt {
    /// The button, where there is a provider.
    pub(crate) fn new(app: &App, page: &Page, key: &str) -> Option<Self> {
        let label = super::label(app)?;
        Some(Self {
            text: page.t1(key, "label", label),
        })
    }
}

async fn go(
    app: &App,
    headers: &HeaderMap,
    purpose: Purpose,
    carried: &Carried,
) -> Result<Response, OidcError> {
    if carried.kept.len() > attempt::MOST_CARRIED {
        return Err(OidcError::Busy);
    }
    let provider = provider::known(app).await?;
    let again = matches!(purpose, Purpose::Prove { .. });
    let begun = attempt::begin(app, headers, purpose, carried).await?;
    let address = provider.address(app, &begun, again)?;
    let page = Page::bare(app, session::language(headers), "oidc-go-title");
    let refresh = HeaderValue::from_str(&format!("0; url={address}"))
        .map_err(|_| OidcError::Misfit("its address is none".to_owned()))?;
    let lead = page.t1("oidc-go", "label", super::label(app).unwrap_or_default());
    let mut response = error::html(&GoPage {
        page,
        lead,
        address,
    })
    .map_err(|_| OidcError::Off)?;
    let sent = response.headers_mut();
    sent.insert("refresh", refresh);
    sent.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    set_cookie(&mut response, &attempt::cookie(app, &begun));
    Ok(response)
}

/// A page that says what went wrong and what to do.
fn refused(
    app: &App,
    headers: &HeaderMap,
    visitor: Option<&Visitor>,
    error: &OidcError,
) -> Result<Response, WebError> {
    tracing::warn!(%error, "sign-in by the organisation's account failed");
    let page = match visitor {
        Some(visitor) => Page::new(app, visitor, "oidc-refused-title"),
        None => Page::bare(app, session::language(headers), "oidc-refused-title"),
    };
    let status = match error {
        OidcError::Off => StatusCode::NOT_FOUND,
        OidcError::Unreachable(_) | OidcError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        OidcError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = RefusedPage {
        error: said(&page, error),
        back: if visitor.is_some() {
            "/account"
        } else {
            "/sign-in"
        },
        tone_bad: Tone::Bad,
        page,
    };
    error::own_page(status, &shown)
}

/// What to do, in the person's language.
fn said(page: &Page, error: &OidcError) -> String {
    match error {
        // What is wrong with a name is said where names are checked.
        OidcError::Account(error @ (AccountError::Name(_) | AccountError::Taken(_))) => {
            error.to_string()
        }
        other => page.t(other.key()),
    }
}

async fn sign_in(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Form(carried): Form<Carried>,
) -> Result<Response, WebError> {
    // Each beginning asks something of the database and, at times, of the provider.
    let limits = app.slot_or_default::<SignInLimits>();
    limits.admit("oidc begin", from, app.now())?;
    match go(&app, &headers, Purpose::SignIn, &carried).await {
        Ok(response) => Ok(response),
        Err(error) => back_to_form(&app, &headers, &carried, &error),
    }
}

/// The sign-in page again, with what was typed elsewhere and what went wrong.
fn back_to_form(
    app: &App,
    headers: &HeaderMap,
    carried: &Carried,
    error: &OidcError,
) -> Result<Response, WebError> {
    tracing::warn!(%error, "sign-in by the organisation's account failed");
    let page = Page::bare(app, session::language(headers), "sign-in-title");
    sign_in::refuse_saying(app, headers, "", carried, &said(&page, error))
}

async fn link(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    own_account(&app, &visitor).await?;
    let purpose = Purpose::Link {
        user: visitor.id.clone(),
    };
    match go(&app, &headers, purpose, &Carried::default()).await {
        Ok(response) => Ok(response),
        Err(error) => refused(&app, &headers, Some(&visitor), &error),
    }
}

async fn unlink(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    links::remove(&app, visitor.actor(), &account).await?;
    flash_and(&app, &visitor, "oidc-unlinked", "/account").await
}

async fn unlink_person(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = account::by_id(&app, &id).await?;
    links::remove(&app, visitor.actor(), &account).await?;
    flash_and(&app, &visitor, "oidc-unlinked", &format!("/people/{id}")).await
}

async fn flash_and(
    app: &App,
    visitor: &Visitor,
    key: &str,
    to: &str,
) -> Result<Response, WebError> {
    let text = Page::bare(app, visitor.language, "oidc-title").t(key);
    visitor.flash(app, Tone::Ok, text).await?;
    Ok(Redirect::to(to).into_response())
}

#[derive(Deserialize)]
struct ProveForm {
    #[serde(default)]
    code: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn prove(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<ProveForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    let mut code_shown = false;
    if !given.code.is_empty() {
        let limits = app.slot_or_default::<SignInLimits>();
        let attempt = limits.attempt(&account.name, from, app.now())?;
        code_shown = second::accept(&app, &visitor.id, &given.code)
            .await?
            .is_some();
        if code_shown {
            limits.succeeded(attempt);
        }
    }
    let purpose = Purpose::Prove {
        user: visitor.id.clone(),
        code_shown,
    };
    match go(&app, &headers, purpose, &given.carried).await {
        Ok(response) => Ok(response),
        Err(error) => prove::again(&app, &visitor, &headers, &given.carried, error.key()).await,
    }
}

#[derive(Deserialize)]
struct JoinForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    display_name: String,
}

async fn join(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Path(secret): Path<String>,
    Form(given): Form<JoinForm>,
) -> Result<Response, WebError> {
    let limits = app.slot_or_default::<SignInLimits>();
    let key = format!("link {}", &token::digest(&secret)[..16]);
    let attempt = limits.attempt(&key, from, app.now())?;
    let found = invitation::find(&app, &secret).await?;
    let asked = found.filter(|one| matches!(one.purpose, invitation::Purpose::Join { .. }));
    if asked.is_none() {
        return refused(&app, &headers, None, &OidcError::Stale);
    }
    limits.succeeded(attempt);
    let wanted = given.name.trim().to_ascii_lowercase();
    // Told before the person goes to the provider, not afterwards.
    let free = match name::check_name(&wanted) {
        Ok(()) if account::find(&app, &wanted).await.is_ok() => {
            Err(AccountError::Taken(wanted.clone()))
        }
        other => other,
    };
    if let Err(error) = free {
        return refused(&app, &headers, None, &error.into());
    }
    let purpose = Purpose::Join {
        invitation: secret,
        name: wanted,
        display_name: given.display_name,
    };
    match go(&app, &headers, purpose, &Carried::default()).await {
        Ok(response) => Ok(response),
        Err(error) => refused(&app, &headers, None, &error),
    }
}

async fn answer(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Result<Response, WebError> {
    let limits = app.slot_or_default::<SignInLimits>();
    let key = format!("oidc {}", &token::digest(&returned.state)[..16]);
    let attempt = limits.attempt(&key, from, app.now())?;
    if let Err(error) = settings(&app) {
        return refused(&app, &headers, visitor.as_ref(), &error);
    }
    let waiting = match attempt::take(&app, &headers, &returned.state).await {
        Ok(waiting) => waiting,
        Err(error) => return refused(&app, &headers, visitor.as_ref(), &error),
    };
    let arrival = Arrival {
        app: &app,
        headers: &headers,
        visitor: visitor.clone(),
        from,
    };
    match arrival.goes_on(&waiting, &returned).await {
        Ok(response) => {
            limits.succeeded(attempt);
            Ok(response)
        }
        Err(Failure::Refused(error)) => match (&waiting.purpose, &visitor) {
            (Purpose::SignIn, None) => back_to_form(&app, &headers, &waiting.carried(), &error),
            (Purpose::Prove { .. }, Some(visitor)) => {
                tracing::warn!(%error, user = visitor.id, "a fresh proof failed");
                prove::again(&app, visitor, &headers, &waiting.carried(), error.key()).await
            }
            _ => refused(&app, &headers, visitor.as_ref(), &error),
        },
        Err(Failure::Web(error)) => Err(error),
    }
}

enum Failure {
    Refused(OidcError),
    Web(WebError),
}

impl<E: Into<OidcError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Somebody whom the provider has sent back.
struct Arrival<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    visitor: Option<Visitor>,
    from: std::net::IpAddr,
}

impl Arrival<'_> {
    async fn goes_on(self, waiting: &Waiting, returned: &Returned) -> Result<Response, Failure> {
        let app = self.app;
        let (identity, claims) = identify(app, waiting, returned).await?;
        let second_shown = claims.shows(&settings(app)?.second_factor);
        let proof = Proof::new("oidc", self.headers, self.from);
        let carried = waiting.carried();
        match &waiting.purpose {
            Purpose::SignIn => {
                let account = links::account_of(app, &identity).await?;
                let answer = if !second_shown && second::is_on(app, &account.id.to_string()).await?
                {
                    let pending = sign_in::pending(app, &account);
                    sign_in::code_page(app, self.headers, &pending, &carried, "")
                } else {
                    let before = self.visitor;
                    sign_in::enter(app, &account, before, &proof, self.headers, &carried).await
                };
                answer.map_err(Failure::Web)
            }
            Purpose::Link { user } => {
                let visitor = self.the_same(user)?;
                let account = own_account(app, &visitor).await.map_err(Failure::Web)?;
                links::add(app, visitor.actor(), &account, &identity).await?;
                flash_and(app, &visitor, "oidc-linked", "/account")
                    .await
                    .map_err(Failure::Web)
            }
            Purpose::Prove { user, code_shown } => {
                let from = self.from;
                let headers = self.headers;
                let visitor = self.the_same(user)?;
                let account = links::account_of(app, &identity).await?;
                if account.id.to_string() != visitor.id {
                    return Err(OidcError::AnotherPerson.into());
                }
                asked_again(&claims, waiting)?;
                if !code_shown && !second_shown && second::is_on(app, user).await? {
                    return Err(OidcError::SecondNeeded.into());
                }
                prove::proved(app, &visitor, "oidc", headers, from, &carried)
                    .await
                    .map_err(Failure::Web)
            }
            Purpose::Join {
                invitation,
                name,
                display_name,
            } => {
                // Nobody knows this password; who wants one gets a link for a new one.
                let unknown = password::generate();
                let account = invitation::accept_as(
                    app,
                    invitation,
                    name,
                    display_name,
                    unknown,
                    Some(&identity),
                )
                .await?
                .ok_or(OidcError::Taken)?;
                sign_in::enter(app, &account, self.visitor, &proof, self.headers, &carried)
                    .await
                    .map_err(Failure::Web)
            }
        }
    }

    /// The visitor, who must still be the one who went.
    fn the_same(self, user: &str) -> Result<Visitor, OidcError> {
        self.visitor
            .filter(|visitor| visitor.id == user)
            .ok_or(OidcError::AnotherPerson)
    }
}

/// The provider asked the person just now, and did not only remember them.
fn asked_again(claims: &Claims, waiting: &Waiting) -> Result<(), OidcError> {
    let asked_at = claims
        .auth_time
        .and_then(|second| jiff::Timestamp::from_second(second).ok());
    if asked_at.is_some_and(|at| waiting.at().duration_since(at) <= id_token::SKEW) {
        Ok(())
    } else {
        Err(OidcError::NotProved(
            "the provider did not ask the person again".to_owned(),
        ))
    }
}
