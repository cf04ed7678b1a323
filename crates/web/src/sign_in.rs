//! Signing in and out: name and password, then a code where the person has set one up; a passkey;
//! or the organisation's own account ([`crate::oidc`]). Whatever way is taken, it ends in [`enter`].
//!
//! Between password and code nothing is kept on the server: the page carries a sealed note of who
//! got the password right, good for five minutes. The form that somebody was sending when their
//! session ended ([`Kept`]) is carried along and offered again at the end.

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use mamori_runtime::{App, Guard, Route, Secret, seal};
use serde::{Deserialize, Serialize};

use crate::account::{self, Account};
use crate::error::{self, WebError};
use crate::form::Field;
use crate::kept::{CARRIED_LIMIT_BYTES, Kept};
use crate::limit::{SignInLimits, TooMany};
use crate::page::{Page, Tone};
use crate::pages::set_cookie;
use crate::passkey::{self, Challenge, PasskeyError};
use crate::server::ClientAddress;
use crate::session::{self, Proof, Visitor};
use crate::texts::{self, Language};
use crate::{assets, oidc, resume, second, trail};

/// After the password the code is expected within this time.
const CODE_WITHIN: SignedDuration = SignedDuration::from_mins(5);
const PENDING: &str = "pending sign-in";

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    let carrying = |route: Route| route.with_body_limit(CARRIED_LIMIT_BYTES);
    vec![
        Route::get("/sign-in", Guard::Public, page),
        carrying(Route::post("/sign-in", Guard::Public, by_password)),
        carrying(Route::post("/sign-in/code", Guard::Public, by_code)),
        carrying(Route::post("/sign-in/passkey", Guard::Public, ask_passkey)),
        carrying(Route::post(
            "/sign-in/passkey/answer",
            Guard::Public,
            by_passkey,
        )),
        Route::post("/sign-out", Guard::SignedIn, sign_out).with_body_limit(8 * 1024),
    ]
}

/// A path on this site; anything a browser could read as another site is dropped.
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let fine = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(['\\', '\r', '\n', '\t'])
        && text.len() <= 2000;
    fine.then_some(text)
}

/// What the pages of sign-in carry from one to the next.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Carried {
    /// Where to go afterwards.
    #[serde(default)]
    pub(crate) next: String,
    /// A form to send afterwards.
    #[serde(default)]
    pub(crate) kept: String,
}

impl Carried {
    /// Hidden fields.
    pub(crate) fn hidden(&self, app: &App) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if let Some(next) = local_path(&self.next) {
            fields.push(("next", next.to_owned()));
        }
        if Kept::read(app, &self.kept).is_some() {
            fields.push(("kept", self.kept.clone()));
        }
        fields
    }
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    page: Page,
    name: Field,
    password: Field,
    hidden: Vec<(&'static str, String)>,
    error: String,
    notice: String,
    passkeys: bool,
    /// The organisation's own accounts.
    oidc: Option<oidc::Prompt>,
    tone_bad: Tone,
    tone_info: Tone,
}

fn form(app: &App, headers: &HeaderMap, name: &str, carried: &Carried, error: &str) -> SignInPage {
    let page = Page::bare(app, session::language(headers), "sign-in-title");
    let notice = match Kept::read(app, &carried.kept) {
        Some(kept) if kept.secrets => page.t("sign-in-kept-secrets"),
        Some(kept) if kept.files.is_empty() => page.t("sign-in-kept"),
        Some(_) => page.t("sign-in-kept-files"),
        None => String::new(),
    };
    SignInPage {
        name: Field::text("name", page.t("sign-in-name"))
            .value(name)
            .required()
            .autocomplete("username"),
        password: Field::new("password", "password", page.t("sign-in-password"))
            .required()
            .autocomplete("current-password"),
        hidden: carried.hidden(app),
        error: error.to_owned(),
        notice,
        passkeys: passkey::works_at(app, host(headers)),
        oidc: oidc::Prompt::new(app, &page, "oidc-sign-in"),
        page,
        tone_bad: Tone::Bad,
        tone_info: Tone::Info,
    }
}

/// The `Host` under which the browser asked.
pub(crate) fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

/// The sign-in page for a form that came without a session: status 401, the form carried along.
pub(crate) fn page_with_kept(
    app: &App,
    headers: &HeaderMap,
    kept: &Kept,
    next: String,
) -> Result<Response, WebError> {
    let carried = Carried {
        kept: kept.carried(app),
        next,
    };
    error::own_page(
        StatusCode::UNAUTHORIZED,
        &form(app, headers, "", &carried, ""),
    )
}

#[derive(Debug, Deserialize)]
struct NextQuery {
    #[serde(default)]
    next: String,
}

async fn page(
    State(app): State<App>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Query(query): Query<NextQuery>,
) -> Result<Response, WebError> {
    if visitor.is_some() {
        return Ok(Redirect::to(local_path(&query.next).unwrap_or("/")).into_response());
    }
    let carried = Carried {
        next: query.next,
        ..Carried::default()
    };
    error::html(&form(&app, &headers, "", &carried, ""))
}

/// Refuses for a while after too many failures; the text for the page, and when to come again.
pub(crate) fn too_many(app: &App, language: Language, refused: TooMany) -> (String, HeaderValue) {
    let seconds = refused.retry_after.as_secs().max(1);
    let minutes = (seconds + 59) / 60;
    let text = texts::texts(app).say(language, "sign-in-too-many", &[("minutes", minutes.into())]);
    (text, HeaderValue::from(seconds))
}

async fn refuse_for_now(
    app: &App,
    headers: &HeaderMap,
    name: &str,
    carried: &Carried,
    refused: TooMany,
) -> Result<Response, WebError> {
    trail::refused(app, name).await?;
    let (text, again) = too_many(app, session::language(headers), refused);
    let mut response = error::own_page(
        StatusCode::TOO_MANY_REQUESTS,
        &form(app, headers, name, carried, &text),
    )?;
    response.headers_mut().insert(header::RETRY_AFTER, again);
    Ok(response)
}

#[derive(Deserialize)]
struct PasswordForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn by_password(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Form(given): Form<PasswordForm>,
) -> Result<Response, WebError> {
    let limits = app.slot_or_default::<SignInLimits>();
    let name = given.name.trim().to_ascii_lowercase();
    let carried = given.carried;
    let attempt = match limits.attempt(&name, from, app.now()) {
        Ok(attempt) => attempt,
        Err(refused) => {
            tracing::warn!(%from, "sign-in refused: too many failures");
            return refuse_for_now(&app, &headers, &name, &carried, refused).await;
        }
    };
    let password = Secret::new(given.password);
    let Some(account) = account::authenticate(&app, &name, &password).await? else {
        tracing::warn!(%from, "sign-in failed");
        return refuse(&app, &headers, &name, &carried, "sign-in-wrong");
    };
    if second::is_on(&app, &account.id.to_string()).await? {
        limits.right_so_far(&attempt);
        return code_page(&app, &headers, &pending(&app, &account), &carried, "");
    }
    limits.succeeded(attempt);
    let proof = Proof::new("password", &headers, from);
    enter(&app, &account, visitor, &proof, &headers, &carried).await
}

fn refuse(
    app: &App,
    headers: &HeaderMap,
    name: &str,
    carried: &Carried,
    key: &str,
) -> Result<Response, WebError> {
    let text = texts::texts(app).say(session::language(headers), key, &[]);
    refuse_saying(app, headers, name, carried, &text)
}

/// The sign-in page again, with what went wrong.
pub(crate) fn refuse_saying(
    app: &App,
    headers: &HeaderMap,
    name: &str,
    carried: &Carried,
    text: &str,
) -> Result<Response, WebError> {
    error::own_page(
        StatusCode::UNPROCESSABLE_ENTITY,
        &form(app, headers, name, carried, text),
    )
}

/// Who got the first factor right, and when.
#[derive(Serialize, Deserialize)]
struct Pending {
    user: String,
    at: i64,
}

pub(crate) fn pending(app: &App, account: &Account) -> String {
    let note = Pending {
        user: account.id.to_string(),
        at: app.now().as_millisecond(),
    };
    let note = serde_json::to_vec(&note).expect("a note becomes JSON");
    seal::of(app).seal(PENDING, &note)
}

/// The account of a sealed note that is not too old.
async fn of_pending(app: &App, sealed: &str) -> Option<Account> {
    let note = seal::of(app).open(PENDING, sealed)?;
    let note: Pending = serde_json::from_slice(&note).ok()?;
    let at = Timestamp::from_millisecond(note.at).ok()?;
    let age = app.now().duration_since(at);
    if age.is_negative() || age > CODE_WITHIN {
        return None;
    }
    account::by_id(app, &note.user)
        .await
        .ok()
        .filter(|account| account.disabled_at.is_none())
}

#[derive(Template)]
#[template(path = "sign-in-code.html")]
struct CodePage {
    page: Page,
    code: Field,
    pending: String,
    hidden: Vec<(&'static str, String)>,
    error: String,
    tone_bad: Tone,
}

pub(crate) fn code_page(
    app: &App,
    headers: &HeaderMap,
    pending: &str,
    carried: &Carried,
    error: &str,
) -> Result<Response, WebError> {
    let page = Page::bare(app, session::language(headers), "sign-in-code-title");
    let shown = CodePage {
        code: code_field(&page),
        pending: pending.to_owned(),
        hidden: carried.hidden(app),
        error: error.to_owned(),
        tone_bad: Tone::Bad,
        page,
    };
    if error.is_empty() {
        error::html(&shown)
    } else {
        error::form_page(&shown)
    }
}

/// The field for a code of the app or a recovery code.
pub(crate) fn code_field(page: &Page) -> Field {
    let mut field = Field::text("code", page.t("sign-in-code"))
        .help(page.t("sign-in-code-help"))
        .required()
        .autocomplete("one-time-code");
    field.max_length = 40;
    field
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    pending: String,
    #[serde(default)]
    code: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn by_code(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Form(given): Form<CodeForm>,
) -> Result<Response, WebError> {
    let carried = given.carried;
    let Some(account) = of_pending(&app, &given.pending).await else {
        return refuse(&app, &headers, "", &carried, "sign-in-code-late");
    };
    let limits = app.slot_or_default::<SignInLimits>();
    let attempt = match limits.attempt(&account.name, from, app.now()) {
        Ok(attempt) => attempt,
        Err(refused) => {
            return refuse_for_now(&app, &headers, &account.name, &carried, refused).await;
        }
    };
    let accepted = second::accept(&app, &account.id.to_string(), &given.code).await?;
    let Some(accepted) = accepted else {
        tracing::warn!(%from, user = %account.id, "a code was refused");
        let text = texts::texts(&app).say(session::language(&headers), "sign-in-code-wrong", &[]);
        return code_page(&app, &headers, &given.pending, &carried, &text);
    };
    limits.succeeded(attempt);
    if let second::Accepted::Recovery { left } = accepted {
        tracing::warn!(user = %account.id, left, "a recovery code was used");
    }
    let proof = Proof::new("code", &headers, from);
    enter(&app, &account, visitor, &proof, &headers, &carried).await
}

/// A page that asks the browser for a passkey.
#[derive(Template)]
#[template(path = "passkey.html")]
pub(crate) struct PasskeyPage {
    pub(crate) page: Page,
    pub(crate) script: &'static str,
    /// `get` or `create`.
    pub(crate) mode: &'static str,
    /// Where the answer goes.
    pub(crate) action: &'static str,
    pub(crate) challenge: Challenge,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<Field>,
    pub(crate) back: &'static str,
}

impl PasskeyPage {
    pub(crate) fn new(page: Page, action: &'static str, challenge: Challenge) -> Self {
        Self {
            page,
            script: assets::passkey_script(),
            mode: "get",
            action,
            challenge,
            hidden: Vec::new(),
            fields: Vec::new(),
            back: "/sign-in",
        }
    }
}

#[derive(Deserialize)]
struct NameForm {
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn ask_passkey(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
    Form(given): Form<NameForm>,
) -> Result<Response, WebError> {
    let name = given.name.trim().to_ascii_lowercase();
    let carried = given.carried;
    if name.is_empty() {
        return refuse(&app, &headers, "", &carried, "sign-in-passkey-name");
    }
    if !passkey::works_at(&app, host(&headers)) {
        let text = elsewhere(&app, session::language(&headers));
        return error::form_page(&form(&app, &headers, &name, &carried, &text));
    }
    let limits = app.slot_or_default::<SignInLimits>();
    if let Err(refused) = limits.admit(&name, from, app.now()) {
        return refuse_for_now(&app, &headers, &name, &carried, refused).await;
    }
    let account = account::find(&app, &name).await.ok();
    let challenge = passkey::begin_sign_in(&app, &name, account.as_ref()).await?;
    let page = Page::bare(&app, session::language(&headers), "passkey-title");
    let mut shown = PasskeyPage::new(page, "/sign-in/passkey/answer", challenge);
    shown.hidden = carried.hidden(&app);
    shown.hidden.push(("name", name));
    error::html(&shown)
}

/// Where passkeys work, for a page that was opened elsewhere.
pub(crate) fn elsewhere(app: &App, language: Language) -> String {
    texts::texts(app).say(
        language,
        "passkey-elsewhere",
        &[("address", passkey::origin(app).into())],
    )
}

#[derive(Deserialize)]
struct AnswerForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
    #[serde(flatten)]
    carried: Carried,
}

async fn by_passkey(
    State(app): State<App>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    Form(given): Form<AnswerForm>,
) -> Result<Response, WebError> {
    let limits = app.slot_or_default::<SignInLimits>();
    let name = given.name.trim().to_ascii_lowercase();
    let attempt = match limits.attempt(&name, from, app.now()) {
        Ok(attempt) => attempt,
        Err(refused) => {
            return refuse_for_now(&app, &headers, &name, &given.carried, refused).await;
        }
    };
    let account = match passkey::finish_sign_in(&app, &given.challenge, &given.credential).await {
        Ok(user) => account::by_id(&app, &user).await.ok(),
        Err(PasskeyError::Refused) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(account) = account.filter(|account| account.disabled_at.is_none()) else {
        return refuse(&app, &headers, &name, &given.carried, "passkey-refused");
    };
    limits.succeeded(attempt);
    let proof = Proof::new("passkey", &headers, from);
    enter(&app, &account, visitor, &proof, &headers, &given.carried).await
}

impl From<PasskeyError> for WebError {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::Store(error) => error.into(),
            PasskeyError::Busy => Self::TooMany {
                retry_after_seconds: 300,
            },
            other => Self::invalid(other.to_string()),
        }
    }
}

/// Opens the session and goes on to where the person wanted to go.
pub(crate) async fn enter(
    app: &App,
    account: &Account,
    before: Option<Visitor>,
    proof: &Proof,
    headers: &HeaderMap,
    carried: &Carried,
) -> Result<Response, WebError> {
    if let Some(before) = before {
        session::end(app, &before).await?;
    }
    let opened = session::begin(app, account, proof).await?;
    tracing::info!(user = %account.id, method = proof.method, "signed in");
    let page = Page::bare(app, session::language(headers), "resume-title");
    let person = account.id.to_string();
    resume::go_on(app, page, opened, &person, carried, false).await
}

async fn sign_out(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    session::end(&app, &visitor).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&mut response, &session::no_cookie(&app));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_paths_of_this_site_are_followed_after_sign_in() {
        assert_eq!(
            local_path("/work?month=2026-10"),
            Some("/work?month=2026-10")
        );
        for foreign in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:x",
        ] {
            assert_eq!(local_path(foreign), None, "{foreign:?}");
        }
    }
}
