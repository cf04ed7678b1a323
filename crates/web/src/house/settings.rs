//! `/c/{contract}/settings`: what people decide about a contract in daily work, and what the
//! configuration file says beside it. The same through the API: [`super::settings_api`].
//!
//! The form sends what it had shown; when somebody else changed a value meanwhile, both are shown
//! and nothing is lost.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::setting::{
    Setting, SettingChange, SettingError, SettingNow, SettingValue, Shape,
};
use mamori_runtime::{App, Chosen, Route};
use serde_json::json;

use crate::account;
use crate::error::{WebError, form_page, html};
use crate::form::Field;
use crate::page::{Page, Tone};
use crate::session::Visitor;
use crate::texts::Language;

/// Looking at settings.
pub(crate) const READ: Permission = Permission::read("setting");
/// Changing them.
pub(crate) const DECIDE: Permission = Permission::decide("setting");
const FORM_BYTES: usize = 32 * 1024;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/settings", READ, look),
        Route::post("/c/{contract}/settings", DECIDE, change).with_body_limit(FORM_BYTES),
    ]
}

/// A line of the configuration file.
struct ConfigLine {
    key: &'static str,
    name: String,
    value: String,
}

#[derive(Template)]
#[template(path = "house/settings.html")]
struct SettingsPage {
    page: Page,
    fields: Vec<Field>,
    /// What each field was when it was shown, hidden beside it.
    was: Vec<(String, String)>,
    changed: Vec<(String, String)>,
    may_change: bool,
    config: Vec<ConfigLine>,
}

fn label(page: &Page, setting: &Setting) -> String {
    page.t(&format!("setting-{}", setting.key))
}

/// The value in words, for who may only look and for a conflict.
fn said(page: &Page, setting: &Setting, value: &SettingValue) -> String {
    match value {
        SettingValue::Word(word) => page.t(&format!("setting-{}-{word}", setting.key)),
        SettingValue::Words(list) if list.is_empty() => page.t("setting-nobody"),
        SettingValue::Words(list) => list.join("、"),
        SettingValue::Numbers(list) if list.is_empty() => page.t("setting-never"),
        SettingValue::Numbers(_) => value.typed(),
    }
}

/// The words of a choice of this form.
pub(crate) fn choice(app: &App, chosen: &Chosen) -> Option<String> {
    let (_, below) = chosen.of_contract()?;
    let key = format!("setting-{}-{}", chosen.name, chosen.value);
    let settings = app.capabilities().iter().flat_map(|one| &one.settings);
    let is_one = settings
        .filter(|setting| setting.key == chosen.name)
        .any(|setting| matches!(setting.shape, Shape::Choice(words) if words.contains(&chosen.value.as_str())));
    (below == ["settings"] && is_one)
        .then(|| Page::bare(app, Language::of(chosen.language), "").t(&key))
}

fn field(page: &Page, now: &SettingNow) -> Field {
    let setting = &now.setting;
    let name = label(page, setting);
    let field = match setting.shape {
        Shape::Addresses => {
            let mut field = Field::long(setting.key, name, 2_000);
            field.lines = 3;
            field
        }
        Shape::Choice(words) => Field::radio(
            setting.key,
            name,
            words
                .iter()
                .map(|word| (*word, page.t(&format!("setting-{}-{word}", setting.key)))),
        ),
        Shape::Numbers { .. } => Field::text(setting.key, name).at_most(200),
    };
    field
        .help(page.t(&format!("setting-{}-help", setting.key)))
        .value(now.value.typed())
}

async fn page_of(app: &App, visitor: &Visitor, contract: &str) -> Result<SettingsPage, WebError> {
    let page = Page::new(app, visitor, "settings-title").here();
    let settings = app.settings_of(contract).await?;
    let names: BTreeMap<String, String> = account::list(app)
        .await
        .map_err(WebError::bug)?
        .into_iter()
        .map(|one| (format!("person:{}", one.id), one.display_name))
        .collect();
    let may_change = visitor.may(DECIDE);
    let changed = settings
        .iter()
        .map(|now| {
            let value = said(&page, &now.setting, &now.value);
            let when = now.changed.as_ref().map_or_else(
                || page.t("setting-default"),
                |(at, by)| {
                    let at = page.moment(*at);
                    let by = names.get(by).cloned().unwrap_or_else(|| by.clone());
                    page.t_with("setting-changed", &[("at", at.into()), ("by", by.into())])
                },
            );
            let text = if may_change {
                when
            } else {
                format!("{value}（{when}）")
            };
            (label(&page, &now.setting), text)
        })
        .collect();
    Ok(SettingsPage {
        fields: settings.iter().map(|now| field(&page, now)).collect(),
        was: settings
            .iter()
            .map(|now| (now.setting.key.to_owned(), json!(now.value).to_string()))
            .collect(),
        changed,
        may_change,
        config: config(app, &page),
        page,
    })
}

/// What the configuration file says, for everybody who keeps the installation running. Secrets are
/// only said to be there.
fn config(app: &App, page: &Page) -> Vec<ConfigLine> {
    let config = &app.config;
    let list = |items: Vec<String>| {
        if items.is_empty() {
            page.t("setting-none")
        } else {
            items.join("、")
        }
    };
    let smtp = config.smtp.as_ref().map_or_else(
        || page.t("mail-no-relay"),
        |smtp| format!("{}:{}", smtp.host, smtp.port),
    );
    [
        ("listen", config.listen.to_string()),
        (
            "public_url",
            config
                .public_url
                .clone()
                .unwrap_or_else(|| page.t("setting-none")),
        ),
        ("mail.from", config.mail.from.clone()),
        ("smtp", smtp),
        (
            "session.idle_minutes",
            config.session.idle_minutes.to_string(),
        ),
        (
            "session.absolute_hours",
            config.session.absolute_hours.to_string(),
        ),
        (
            "access.networks",
            list(config.networks.iter().map(ToString::to_string).collect()),
        ),
        (
            "webhook",
            list(config.webhooks.iter().map(|one| one.name.clone()).collect()),
        ),
    ]
    .into_iter()
    .map(|(key, value)| ConfigLine {
        key,
        name: page.t(&format!("config-{}", key.replace(['.', '_'], "-"))),
        value,
    })
    .collect()
}

async fn look(
    State(app): State<App>,
    visitor: Visitor,
    Path(contract): Path<String>,
) -> Result<Response, WebError> {
    html(&page_of(&app, &visitor, &contract).await?)
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(contract): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response, WebError> {
    let mut shown = page_of(&app, &visitor, &contract).await?;
    let mut changes = Vec::new();
    for setting in app.settings() {
        // A field that the browser did not send stays as it is; an empty one is sent.
        let Some(typed) = form.get(setting.key) else {
            continue;
        };
        match setting.shape.read(typed) {
            Ok(value) => changes.push(SettingChange {
                key: setting.key.to_owned(),
                was: form
                    .get(&format!("was-{}", setting.key))
                    .and_then(|was| serde_json::from_str(was).ok()),
                value,
            }),
            Err(wrong) => refuse(&mut shown, setting.key, wrong.to_string()),
        }
    }
    if shown.fields.iter().all(|field| field.error.is_empty()) {
        match app
            .change_settings(&contract, changes, &visitor.actor())
            .await
        {
            Ok(count) => {
                let said = if count == 0 {
                    shown.page.t("settings-same")
                } else {
                    shown.page.t("settings-done")
                };
                visitor.flash(&app, Tone::Ok, said).await?;
                return Ok(Redirect::to(&visitor.at("/settings")).into_response());
            }
            Err(SettingError::Stale { key, now }) => conflict(&mut shown, &app, key, &now),
            Err(SettingError::Wrong { key, wrong }) => refuse(&mut shown, key, wrong.to_string()),
            Err(error) => return Err(failed(error)),
        }
    }
    for field in &mut shown.fields {
        if let Some(typed) = form.get(field.name) {
            field.value.clone_from(typed);
        }
    }
    form_page(&shown)
}

/// Both versions side by side; sending the form again takes what stands in the field.
fn conflict(shown: &mut SettingsPage, app: &App, key: &str, now: &SettingValue) {
    let setting = app.settings().into_iter().find(|one| one.key == key);
    let theirs = setting.map_or_else(|| now.typed(), |setting| said(&shown.page, setting, now));
    let message = shown.page.t1("settings-conflict", "value", theirs);
    refuse(shown, key, message);
}

fn refuse(shown: &mut SettingsPage, key: &str, message: String) {
    if let Some(field) = shown.fields.iter_mut().find(|field| field.name == key) {
        field.error = message;
    }
}

/// What cannot be told beside a field.
pub(super) fn failed(error: SettingError) -> WebError {
    match error {
        SettingError::Unknown(_) => WebError::NotFound(error.to_string()),
        SettingError::Wrong { .. } => WebError::invalid(error.to_string()),
        SettingError::Stale { .. } => WebError::Conflict(error.to_string()),
        SettingError::Store(error) => error.into(),
        SettingError::Ledger(error) => error.into(),
    }
}
