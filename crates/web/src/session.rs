//! Sign-in sessions and the person behind a request.
//!
//! A session is a random token in a cookie; the database holds its SHA-256, so a copy of the
//! database opens no session. It ends after an idle and after an absolute time.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, Secret};
use mamori_store::args;

use crate::account::{self, Account, AccountError};
use crate::api::tokens::{self, Limits};
use crate::error::WebError;
use crate::flash;
use crate::page::{DateStyle, Flash};
use crate::texts::Language;
use crate::{token, trail};

/// How the request proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A cookie; its stored digest.
    Session(String),
    /// An API token; its public id.
    Token(String),
}

/// Who is behind a request: a signed-in person, or a program with a token.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Id of the account, or of the token.
    pub id: String,
    /// Name on pages.
    pub name: String,
    /// Role on the contract that the request is about; else the account's own.
    pub role: Role,
    /// The account's own role: what counts on pages of the installation.
    pub own_role: Role,
    /// The contract that the request is about; set by the guard from the address.
    pub contract: Option<String>,
    /// Language of pages.
    pub language: Language,
    /// How days are written.
    pub date_style: DateStyle,
    /// Path of the request.
    pub path: String,
    /// Token for the hidden field `csrf`; made for this page.
    pub csrf: String,
    /// Messages to show once.
    pub flash: Vec<Flash>,
    /// Where the request came from, as far as it can be known.
    pub address: Option<IpAddr>,
    /// When the person last proved who they are.
    pub(crate) proved_at: Option<Timestamp>,
    /// Where the account has rights.
    reach: Reach,
    /// What narrows a token beyond its role; people are narrowed by their role alone.
    limits: Limits,
    pub(crate) credential: Credential,
    /// The session's form token itself, to compare with.
    pub(crate) form_token: String,
}

/// Acts that need a fresh proof of who one is are possible for this long after it.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Where an account has rights.
#[derive(Debug, Clone)]
enum Reach {
    /// Its own role holds for every contract.
    Everywhere,
    /// Only for these contracts, each with its role.
    Contracts(Vec<(String, Role)>),
}

impl Visitor {
    /// Whether the role grants the permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.allows(permission) && self.limits.allow(permission, self.contract.as_deref())
    }

    /// The role on a contract; `None` where the account has no business.
    pub fn role_on(&self, contract: &str) -> Option<Role> {
        if !self.limits.reaches(contract) {
            return None;
        }
        match &self.reach {
            Reach::Everywhere => Some(self.own_role),
            Reach::Contracts(list) => list
                .iter()
                .find(|(id, _)| id == contract)
                .map(|(_, role)| *role),
        }
    }

    /// All roles that the account has: its own, and those on contracts.
    pub(crate) fn roles(&self) -> impl Iterator<Item = Role> {
        let on_contracts = match &self.reach {
            Reach::Everywhere => &[][..],
            Reach::Contracts(list) => list,
        };
        std::iter::once(self.own_role).chain(on_contracts.iter().map(|(_, role)| *role))
    }

    /// The address of a page of the contract that the request is about.
    pub fn at(&self, rest: &str) -> String {
        match &self.contract {
            Some(contract) => format!("/c/{contract}{rest}"),
            None => "/".to_owned(),
        }
    }

    /// Comes to a contract, with the role on it. False where the account has no business.
    pub(crate) fn enter(&mut self, contract: &str) -> bool {
        let Some(role) = self.role_on(contract) else {
            return false;
        };
        self.role = role;
        self.contract = Some(contract.to_owned());
        true
    }

    /// `person` or `token`.
    pub fn kind(&self) -> &'static str {
        match self.credential {
            Credential::Session(_) => "person",
            Credential::Token(_) => "token",
        }
    }

    /// Whether the person proved who they are only just now; programs prove it with each request.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        match self.credential {
            Credential::Session(_) => self
                .proved_at
                .is_some_and(|at| now.duration_since(at) <= FRESH),
            Credential::Token(_) => true,
        }
    }

    /// The actor for evidence that this request writes.
    pub fn actor(&self) -> Actor {
        match self.credential {
            Credential::Session(_) => Actor::person(&self.id),
            Credential::Token(_) => Actor::machine(format!("token-{}", self.id)),
        }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, WebError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(WebError::SignInNeeded)
    }
}

impl OptionalFromRequestParts<App> for Visitor {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Option<Self>, WebError> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Name of the session cookie: with `__Host-` browsers insist on TLS, path `/` and no domain.
pub(crate) fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() {
        "__Host-mamori"
    } else {
        "mamori"
    }
}

/// `Set-Cookie` for a new session.
pub(crate) fn cookie(app: &App, token: &Secret) -> String {
    let secure = if app.config.is_https() {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        cookie_name(app),
        token.expose(),
        app.config.session.absolute_hours * 3600,
    )
}

/// `Set-Cookie` that removes the session.
pub(crate) fn no_cookie(app: &App) -> String {
    let secure = if app.config.is_https() {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}",
        cookie_name(app)
    )
}

/// Cookie of the language chosen in this browser: for pages before sign-in and for errors.
const LANGUAGE_COOKIE: &str = "mamori_language";

/// The language chosen in this browser; Japanese without a choice.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    cookie_value(headers, LANGUAGE_COOKIE).map_or_else(Language::default, Language::of)
}

/// `Set-Cookie` for a chosen language.
pub(crate) fn language_cookie(app: &App, language: Language) -> String {
    let secure = if app.config.is_https() {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{LANGUAGE_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}",
        language.as_str()
    )
}

/// Keeps the chosen language with the account.
pub(crate) async fn set_language(
    app: &App,
    visitor: &Visitor,
    language: Language,
) -> Result<(), mamori_store::Error> {
    if let Credential::Session(_) = &visitor.credential {
        app.db
            .execute(
                "UPDATE user_account SET language = $1 WHERE id = $2",
                args![language.as_str(), &visitor.id],
            )
            .await?;
    }
    Ok(())
}

pub(crate) fn cookie_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// How and from where somebody proved who they are.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// `password`, `code`, `passkey` or `oidc`.
    pub(crate) method: &'static str,
    /// What the browser calls itself.
    pub(crate) agent: String,
    /// Where the request came from.
    pub(crate) address: IpAddr,
}

impl Proof {
    pub(crate) fn new(method: &'static str, headers: &HeaderMap, address: IpAddr) -> Self {
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        Self {
            method,
            agent: agent.chars().take(300).collect(),
            address,
        }
    }
}

/// A session that was just opened or renewed.
pub(crate) struct Opened {
    /// For the cookie.
    pub(crate) token: Secret,
    /// For the hidden field of a form on the answer itself.
    pub(crate) csrf: String,
}

impl Opened {
    fn new(app: &App, token: Secret, form_token: &Secret, person: &str) -> Self {
        Self {
            token,
            csrf: token::masked(app, form_token.expose(), person),
        }
    }
}

/// Opens a session.
pub(crate) async fn begin(
    app: &App,
    account: &Account,
    proof: &Proof,
) -> Result<Opened, AccountError> {
    let (secret, form_token) = (token::new(), token::new());
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    // Ended sessions of everybody go with the next sign-in of anybody.
    tx.execute(
        "DELETE FROM session WHERE seen_at <= $1 OR created_at <= $2",
        args![before(now, idle(app)), before(now, absolute(app))],
    )
    .await?;
    tx.execute(
        "INSERT INTO session (token_hash, user_id, csrf, created_at, seen_at, proved_at, method, \
         agent, address) VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7)",
        args![
            token::digest(secret.expose()),
            account.id.to_string(),
            form_token.expose(),
            now,
            proof.method,
            &proof.agent,
            proof.address.to_string()
        ],
    )
    .await?;
    tx.execute(
        "UPDATE user_account SET signed_in_at = $1 WHERE id = $2",
        args![now, account.id.to_string()],
    )
    .await?;
    trail::signed_in(app, &mut tx, account, proof.method).await?;
    tx.commit().await?;
    let person = account.id.to_string();
    Ok(Opened::new(app, secret, &form_token, &person))
}

/// Gives the visitor's session a new token after a new proof: what somebody may have seen of the
/// old one opens nothing any more. Its age goes on.
pub(crate) async fn renew(
    app: &App,
    visitor: &Visitor,
    proof: &Proof,
) -> Result<Option<Opened>, mamori_store::Error> {
    let Credential::Session(digest) = &visitor.credential else {
        return Ok(None);
    };
    let (secret, form_token) = (token::new(), token::new());
    let changed = app
        .db
        .execute(
            "UPDATE session SET token_hash = $1, csrf = $2, proved_at = $3, method = $4, \
             address = $5 WHERE token_hash = $6",
            args![
                token::digest(secret.expose()),
                form_token.expose(),
                app.now(),
                proof.method,
                proof.address.to_string(),
                digest
            ],
        )
        .await?;
    Ok((changed == 1).then(|| Opened::new(app, secret, &form_token, &visitor.id)))
}

/// Ends the visitor's session.
pub(crate) async fn end(app: &App, visitor: &Visitor) -> Result<(), AccountError> {
    if let Credential::Session(digest) = &visitor.credential {
        let mut tx = app.db.begin_write().await?;
        let sql = "DELETE FROM session WHERE token_hash = $1";
        if tx.execute(sql, args![digest]).await? > 0 {
            trail::ended(app, &mut tx, visitor.actor(), &visitor.id, "signed-out").await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

pub(crate) fn idle(app: &App) -> SignedDuration {
    SignedDuration::from_mins(app.config.session.idle_minutes)
}

pub(crate) fn absolute(app: &App) -> SignedDuration {
    SignedDuration::from_hours(app.config.session.absolute_hours)
}

pub(crate) fn before(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// A page that renews itself sends this header: such a request is no sign that somebody is there,
/// so it neither keeps the session alive nor takes the message of the last act.
const UNATTENDED: &str = "x-mamori-unattended";

/// `seen_at` is written at most this often: reading pages should not write to the database.
const SEEN_STEP: SignedDuration = SignedDuration::from_mins(1);

/// The visitor behind a request's bearer token or cookie.
pub(crate) async fn visitor(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    shows_flash: bool,
) -> Result<Option<Visitor>, mamori_store::Error> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let bearer = value
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        return match bearer {
            Some(bearer) => by_token(app, bearer, path).await,
            None => Ok(None),
        };
    }
    match cookie_value(headers, cookie_name(app)) {
        Some(cookie) => {
            let attended = !headers.contains_key(UNATTENDED);
            by_cookie(app, cookie, path, attended, shows_flash).await
        }
        None => Ok(None),
    }
}

/// The visitor of a session that was just opened.
pub(crate) async fn of_token(
    app: &App,
    token: &Secret,
    path: &str,
) -> Result<Option<Visitor>, mamori_store::Error> {
    by_cookie(app, token.expose(), path, true, false).await
}

async fn by_cookie(
    app: &App,
    cookie: &str,
    path: &str,
    attended: bool,
    shows_flash: bool,
) -> Result<Option<Visitor>, mamori_store::Error> {
    let digest = token::digest(cookie);
    let now = app.now();
    let row = app
        .db
        .fetch_optional(
            "SELECT s.csrf, s.seen_at, s.flash, s.proved_at, u.id, u.display_name, u.role, u.every_contract, \
             u.language, u.date_style FROM session s \
             JOIN user_account u ON u.id = s.user_id WHERE s.token_hash = $1 \
             AND s.seen_at > $2 AND s.created_at > $3 AND u.disabled_at IS NULL",
            args![&digest, before(now, idle(app)), before(now, absolute(app))],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Ok(role) = row.text("role")?.parse() else {
        return Ok(None);
    };
    let form_token = row.text("csrf")?;
    let flash: Option<String> = row.get("flash")?;
    let seen: Timestamp = row.get("seen_at")?;
    let take_flash = attended && shows_flash && flash.is_some();
    if take_flash {
        app.db
            .execute(
                "UPDATE session SET seen_at = $1, flash = NULL WHERE token_hash = $2",
                args![now, &digest],
            )
            .await?;
    } else if attended && now.duration_since(seen) >= SEEN_STEP {
        app.db
            .execute(
                "UPDATE session SET seen_at = $1 WHERE token_hash = $2",
                args![now, &digest],
            )
            .await?;
    }
    let id = row.text("id")?;
    let reach = if row.get::<i64>("every_contract")? == 1 {
        Reach::Everywhere
    } else {
        Reach::Contracts(account::memberships(app, &id).await?)
    };
    Ok(Some(Visitor {
        csrf: token::masked(app, &form_token, &id),
        id,
        name: row.get("display_name")?,
        role,
        own_role: role,
        contract: None,
        reach,
        limits: Limits::default(),
        language: Language::of(&row.text("language")?),
        date_style: DateStyle::of(&row.text("date_style")?),
        address: None,
        proved_at: row.get("proved_at")?,
        path: path.to_owned(),
        flash: flash
            .filter(|_| take_flash)
            .and_then(|line| flash::read(&line))
            .into_iter()
            .collect(),
        credential: Credential::Session(digest),
        form_token,
    }))
}

async fn by_token(
    app: &App,
    bearer: &str,
    path: &str,
) -> Result<Option<Visitor>, mamori_store::Error> {
    let Some((token, maker)) = tokens::bearer(app, bearer).await? else {
        return Ok(None);
    };
    let (role, reach) = match maker {
        // Somebody who was given less since then hands on no more than that.
        Some(maker) if maker.everywhere => (maker.role, Reach::Everywhere),
        Some(maker) => {
            let list = account::memberships(app, &maker.id).await?;
            (maker.role, Reach::Contracts(list))
        }
        None => (token.role, Reach::Everywhere),
    };
    Ok(Some(Visitor {
        id: token.id.clone(),
        name: token.name,
        role,
        own_role: role,
        contract: None,
        reach,
        limits: token.limits,
        language: Language::default(),
        date_style: DateStyle::Iso,
        address: None,
        proved_at: None,
        path: path.to_owned(),
        csrf: String::new(),
        flash: Vec::new(),
        credential: Credential::Token(token.id),
        form_token: String::new(),
    }))
}
