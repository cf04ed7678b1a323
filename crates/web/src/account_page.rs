//! `/account`: what people change about themselves — name and language, password, second factor,
//! passkeys, running sessions.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::{App, Guard, Route, Secret};
use mamori_store::args;
use serde::Deserialize;

use crate::account::{self, Account};
use crate::entrance::{Refused, new_password};
use crate::error::{self, WebError};
use crate::flash;
use crate::form::Field;
use crate::mail_address::{self, Known};
use crate::name;
use crate::oidc::{self, links::Link};
use crate::page::{DateStyle, Page, Tone};
use crate::pages::set_cookie;
use crate::passkey::{self, PasskeyError, Stored};
use crate::prove::own_account;
use crate::second::{self, State as Second};
use crate::session::{self, Visitor};
use crate::sessions::{self, Line};
use crate::sign_in::{self, PasskeyPage};
use crate::texts::Language;

const SMALL: usize = 16 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    let own = Guard::SignedIn;
    let mut routes = vec![
        Route::get("/account", own, page),
        Route::post("/account", own, change),
        Route::post("/account/password", own, change_password),
        Route::post("/account/second-factor", own, begin_second).fresh(),
        Route::get("/account/second-factor", own, second_page),
        Route::get("/account/second-factor/picture.svg", own, picture),
        Route::post("/account/second-factor/confirm", own, confirm_second),
        Route::post("/account/second-factor/codes", own, new_codes).fresh(),
        Route::post("/account/second-factor/remove", own, remove_second).fresh(),
        Route::post("/account/passkeys", own, begin_passkey).fresh(),
        Route::post("/account/passkeys/{id}/remove", own, remove_passkey).fresh(),
        Route::post("/account/sessions/end-others", own, end_others),
        Route::post("/account/sessions/{id}/end", own, end_session),
    ]
    .into_iter()
    .map(|route| route.with_body_limit(SMALL))
    .collect::<Vec<_>>();
    // An attestation with its certificates is larger.
    routes.push(
        Route::post("/account/passkeys/answer", own, finish_passkey).with_body_limit(64 * 1024),
    );
    routes
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    name: String,
    person: Vec<Field>,
    password: Vec<Field>,
    /// Since when, and how many recovery codes are left, in words.
    second: Option<(String, String)>,
    recovery_tone: Tone,
    /// What is known of the mail address, what waits for it in words, and the field for a new one.
    mail: (Known, Option<String>, Field),
    passkeys: Vec<Stored>,
    /// The organisation's account: what it is for, its button, and the link if there is one.
    oidc: Option<(String, oidc::Prompt, Option<Link>)>,
    /// Where passkeys work, when it is not here.
    elsewhere: Option<String>,
    sessions: Vec<(String, Line)>,
    tone_ok: Tone,
    tone_info: Tone,
    tone_quiet: Tone,
}

impl AccountPage {
    /// Every field of the page, from its top.
    fn fields(&self) -> Vec<&Field> {
        let mut all: Vec<&Field> = self.person.iter().collect();
        all.push(&self.mail.2);
        all.extend(&self.password);
        all
    }
}

async fn shown(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    refused: Option<&Refused>,
) -> Result<AccountPage, WebError> {
    let account = own_account(app, visitor).await?;
    let page = Page::new(app, visitor, "account-title").here();
    let error = |name: &str| match refused {
        Some(refused) if refused.field == name => refused.message.clone(),
        _ => String::new(),
    };
    let second = second::state(app, &visitor.id).await?;
    let sessions = sessions::list(app, &visitor.id, visitor).await?;
    Ok(AccountPage {
        person: person_fields(&page, &account),
        password: {
            let mut fields = vec![
                Field::new("password", "current_password", page.t("password-current"))
                    .error(error("current_password"))
                    .required()
                    .autocomplete("current-password"),
            ];
            fields.extend(new_password(&page, error));
            fields
        },
        recovery_tone: match second {
            Second::On { recovery_left, .. } if recovery_left < 3 => Tone::Warn,
            _ => Tone::Info,
        },
        second: match second {
            Second::On {
                since,
                recovery_left,
            } => Some((
                page.t1("second-since", "day", page.moment(since)),
                page.t1("second-left", "count", recovery_left),
            )),
            Second::Off | Second::Begun => None,
        },
        mail: mail(app, &page, &visitor.id, error("mail")).await?,
        passkeys: passkey::list(app, &visitor.id).await?,
        oidc: match oidc::Prompt::new(app, &page, "oidc-link") {
            None => None,
            Some(prompt) => {
                let label = oidc::label(app).unwrap_or_default();
                let lead = page.t1("oidc-lead", "label", label);
                Some((lead, prompt, oidc::links::of(app, &visitor.id).await?))
            }
        },
        elsewhere: (!passkey::works_at(app, sign_in::host(headers)))
            .then(|| sign_in::elsewhere(app, page.language)),
        sessions: sessions
            .into_iter()
            .map(|line| (device(&line.agent), line))
            .collect(),
        name: account.name,
        tone_ok: Tone::Ok,
        tone_info: Tone::Info,
        tone_quiet: Tone::Quiet,
        page,
    })
}

async fn mail(
    app: &App,
    page: &Page,
    user: &str,
    error: String,
) -> Result<(Known, Option<String>, Field), WebError> {
    let known = mail_address::of(app, user).await?;
    let waiting = known.wanted.as_ref();
    let waiting = waiting.map(|wanted| page.t1("own-mail-waiting", "address", wanted.as_str()));
    let mut field = Field::new("email", "mail", page.t("own-mail-field"))
        .help(page.t("own-mail-field-help"))
        .error(error)
        .required()
        .autocomplete("email");
    field.max_length = 254;
    Ok((known, waiting, field))
}

fn person_fields(page: &Page, account: &Account) -> Vec<Field> {
    let mut name = Field::text("display_name", page.t("account-display-name"))
        .value(&account.display_name)
        .required()
        .autocomplete("name");
    name.max_length = name::MOST_SIGNS;
    let languages = Language::ALL.map(|one| (one.as_str(), one.own_name()));
    let styles = [DateStyle::Wareki, DateStyle::Iso].map(|style| {
        let key = format!("account-date-{}", style.as_str());
        (style.as_str(), page.t(&key))
    });
    vec![
        name,
        Field::select("language", page.t("account-language"), languages)
            .value(page.language.as_str()),
        Field::select("date_style", page.t("account-date-style"), styles)
            .value(page.date_style.as_str()),
    ]
}

/// Browser and system by what the browser calls itself; empty when it says nothing known.
fn device(agent: &str) -> String {
    let first = |pairs: &[(&str, &'static str)]| {
        pairs
            .iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    [browser, system]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" / ")
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    error::html(&shown(&app, &visitor, &headers, None).await?)
}

/// The page again, with what is wrong with a new mail address beside its field and what was typed in it.
pub(crate) async fn mail_refused(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    typed: String,
    message: String,
) -> Result<Response, WebError> {
    let refused = Refused {
        field: "mail",
        message,
    };
    let mut page = shown(app, visitor, headers, Some(&refused)).await?;
    page.mail.2.value = typed;
    error::form_page(&page)
}

async fn back(app: &App, visitor: &Visitor, tone: Tone, key: &str) -> Result<Response, WebError> {
    let text = Page::bare(app, visitor.language, "account-title").t(key);
    visitor.flash(app, tone, text).await?;
    Ok(Redirect::to("/account").into_response())
}

#[derive(Deserialize)]
struct PersonForm {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    date_style: String,
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<PersonForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if let Err(message) = name::check_shown(&given.display_name) {
        let mut page = shown(&app, &visitor, &headers, None).await?;
        let typed = [given.display_name, given.language, given.date_style];
        for (field, typed) in page.person.iter_mut().zip(typed) {
            field.value = typed;
        }
        page.person[0].error = message;
        return error::form_page(&page);
    }
    let name = name::shown(&given.display_name);
    let language = Language::of(&given.language);
    account::note(&app, visitor.actor(), &account, "profile").await?;
    app.db
        .execute(
            "UPDATE user_account SET display_name = $1, language = $2, date_style = $3, \
             changed_at = $4 WHERE id = $5",
            args![
                name,
                language.as_str(),
                DateStyle::of(&given.date_style).as_str(),
                app.now(),
                &visitor.id
            ],
        )
        .await?;
    let mut visitor = visitor;
    visitor.language = language;
    let mut response = back(&app, &visitor, Tone::Ok, "account-changed").await?;
    set_cookie(&mut response, &session::language_cookie(&app, language));
    Ok(response)
}

#[derive(Deserialize)]
struct PasswordForm {
    #[serde(default)]
    current_password: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_again: String,
}

/// Needs the present password, so it needs no other fresh proof. All sessions end but this one.
async fn change_password(
    State(app): State<App>,
    axum::Extension(crate::ClientAddress(from)): axum::Extension<crate::ClientAddress>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<PasswordForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    let page = Page::bare(&app, visitor.language, "account-title");
    let current = Secret::new(given.current_password);
    let limits = app.slot_or_default::<crate::limit::SignInLimits>();
    let attempt = limits.attempt(&account.name, from, app.now())?;
    let fits = account::authenticate(&app, &account.name, &current)
        .await?
        .is_some();
    let refused = if !fits {
        Some(("current_password", page.t("password-wrong")))
    } else if given.password != given.password_again {
        Some(("password_again", page.t("password-mismatch")))
    } else {
        None
    };
    if fits {
        limits.succeeded(attempt);
    }
    let refused = if let Some((field, message)) = refused {
        Some(Refused { field, message })
    } else {
        let password = Secret::new(given.password);
        account::set_password(&app, visitor.actor(), &account.name, &password)
            .await
            .err()
            .map(Refused::of)
            .transpose()?
    };
    if let Some(refused) = refused {
        return error::form_page(&shown(&app, &visitor, &headers, Some(&refused)).await?);
    }
    let proof = session::Proof::new("password", &headers, from);
    let opened = session::begin(&app, &account, &proof).await?;
    let mut response = Redirect::to("/account").into_response();
    set_cookie(&mut response, &session::cookie(&app, &opened.token));
    flash::leave_note(&app, &opened.token, Tone::Ok, &page.t("password-changed")).await?;
    Ok(response)
}

#[derive(Template)]
#[template(path = "second-factor.html")]
struct SecondPage {
    page: Page,
    secret: String,
    code: Field,
    /// Codes to be written down, shown once.
    codes: Vec<Secret>,
    tone_warn: Tone,
}

async fn begin_second(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    own_account(&app, &visitor).await?;
    second::begin(&app, &visitor.id).await?;
    Ok(Redirect::to("/account/second-factor").into_response())
}

fn second_shell(app: &App, visitor: &Visitor) -> Page {
    Page::new(app, visitor, "second-title")
        .under("account-title", "/account")
        .here()
}

async fn second_page(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    match setting_up(&app, &visitor, "").await? {
        Some(shown) => error::html(&shown),
        None => Ok(Redirect::to("/account").into_response()),
    }
}

async fn setting_up(
    app: &App,
    visitor: &Visitor,
    error_key: &str,
) -> Result<Option<SecondPage>, WebError> {
    let account = own_account(app, visitor).await?;
    let Some(enrolment) = second::enrolment(app, &visitor.id, &account.name).await? else {
        return Ok(None);
    };
    let page = second_shell(app, visitor);
    let mut code = Field::text("code", page.t("sign-in-code"))
        .help(page.t("second-code-help"))
        .required()
        .autocomplete("one-time-code");
    code.max_length = 12;
    if !error_key.is_empty() {
        code = code.error(page.t(error_key));
    }
    Ok(Some(SecondPage {
        secret: enrolment.secret.expose().to_owned(),
        code,
        codes: Vec::new(),
        tone_warn: Tone::Warn,
        page,
    }))
}

async fn picture(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    match second::enrolment(&app, &visitor.id, &account.name).await? {
        Some(enrolment) => Ok((
            [(header::CONTENT_TYPE, "image/svg+xml")],
            enrolment.picture(),
        )
            .into_response()),
        None => Err(WebError::NotFound("picture.svg".to_owned())),
    }
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn confirm_second(
    State(app): State<App>,
    visitor: Visitor,
    Form(given): Form<CodeForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    match second::confirm(&app, &visitor.id, &given.code).await? {
        Some(codes) => {
            account::note(&app, visitor.actor(), &account, "second-factor-on").await?;
            show_codes(&app, &visitor, codes)
        }
        None => match setting_up(&app, &visitor, "sign-in-code-wrong").await? {
            Some(shown) => error::form_page(&shown),
            None => Ok(Redirect::to("/account").into_response()),
        },
    }
}

fn show_codes(app: &App, visitor: &Visitor, codes: Vec<Secret>) -> Result<Response, WebError> {
    let page = second_shell(app, visitor);
    error::html(&SecondPage {
        secret: String::new(),
        code: Field::default(),
        codes,
        tone_warn: Tone::Warn,
        page,
    })
}

async fn new_codes(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if !second::is_on(&app, &visitor.id).await? {
        return Ok(Redirect::to("/account").into_response());
    }
    let codes = second::renew_recovery_codes(&app, &visitor.id).await?;
    account::note(&app, visitor.actor(), &account, "recovery-codes").await?;
    show_codes(&app, &visitor, codes)
}

async fn remove_second(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    account::remove_second_factor(&app, visitor.actor(), &account).await?;
    back(&app, &visitor, Tone::Ok, "second-removed").await
}

async fn begin_passkey(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if !passkey::works_at(&app, sign_in::host(&headers)) {
        return Err(WebError::invalid(sign_in::elsewhere(
            &app,
            visitor.language,
        )));
    }
    let challenge = passkey::begin_registration(&app, &account).await?;
    let page = Page::new(&app, &visitor, "passkey-add-title")
        .under("account-title", "/account")
        .here();
    let mut name = Field::text("name", page.t("passkey-name"))
        .help(page.t("passkey-name-help"))
        .required();
    name.max_length = 60;
    let mut shown = PasskeyPage::new(page, "/account/passkeys/answer", challenge);
    shown.mode = "create";
    shown.fields = vec![name];
    shown.back = "/account";
    error::html(&shown)
}

#[derive(Deserialize)]
struct PasskeyForm {
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    name: String,
}

async fn finish_passkey(
    State(app): State<App>,
    visitor: Visitor,
    Form(given): Form<PasskeyForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    let finished = passkey::finish_registration(
        &app,
        &visitor.id,
        &given.challenge,
        &given.credential,
        &given.name,
    )
    .await;
    match finished {
        Ok(()) => {
            account::note(&app, visitor.actor(), &account, "passkey-added").await?;
            back(&app, &visitor, Tone::Ok, "passkey-added").await
        }
        Err(PasskeyError::Refused) => back(&app, &visitor, Tone::Bad, "passkey-refused").await,
        Err(error) => Err(error.into()),
    }
}

async fn remove_passkey(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if passkey::remove(&app, &visitor.id, &id).await? {
        account::note(&app, visitor.actor(), &account, "passkey-removed").await?;
    }
    back(&app, &visitor, Tone::Ok, "passkey-removed").await
}

async fn end_session(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    own_account(&app, &visitor).await?;
    sessions::end_one(&app, &visitor, &id).await?;
    back(&app, &visitor, Tone::Ok, "session-ended").await
}

async fn end_others(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    own_account(&app, &visitor).await?;
    sessions::end_others(&app, &visitor).await?;
    back(&app, &visitor, Tone::Ok, "session-others-ended").await
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn devices_are_named_by_what_browsers_say() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge / Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                "Safari / iPhone",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox / Linux",
            ),
            ("curl/8", ""),
        ] {
            assert_eq!(device(agent), name);
        }
    }
}
