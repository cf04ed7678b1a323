//! `/people`: who has an account, with which rights on which contracts; inviting, shutting out,
//! links for a new password. Looking is the house's business, changing is the administrators'.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{
    App, HookError, NavEntry, NavGroup, Route, SearchHit, SearchRequest, SearchSource,
};

use crate::account::{self, Account, AccountError, Scope};
use crate::error::{self, WebError};
use crate::form::Field;
use crate::invitation::{self, Purpose};
use crate::mail_address;
use crate::name;
use crate::oidc;
use crate::page::{Page, Tone, role_key};
use crate::people_list;
use crate::people_rights::{self, Rights};
use crate::second;
use crate::session::Visitor;
use crate::texts::Language;

const READ: Permission = Permission::read("user");
/// Area of notes about who was shown accounts.
const AREA: &str = "user";
pub(crate) const CHANGE: Permission = Permission::administer("user");
const SMALL: usize = 64 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/people", READ, people_list::page).personal(AREA, []),
        Route::get("/people/invite", CHANGE, invite_page),
        Route::post("/people/invite", CHANGE, invite)
            .personal(AREA, [])
            .fresh(),
        Route::post("/people/invitations/{id}/revoke", CHANGE, revoke),
        Route::get("/people/{id}", READ, person).personal(AREA, []),
        Route::post("/people/{id}/rights", CHANGE, change_rights).fresh(),
        Route::post("/people/{id}/disable", CHANGE, disable),
        Route::post("/people/{id}/enable", CHANGE, enable).fresh(),
        Route::post("/people/{id}/reset", CHANGE, reset)
            .personal(AREA, [])
            .fresh(),
        Route::post("/people/{id}/end-sessions", CHANGE, end_sessions),
        Route::post("/people/{id}/second-factor/remove", CHANGE, remove_second).fresh(),
    ]
    .into_iter()
    .map(|route| route.with_body_limit(SMALL))
    .collect()
}

/// The entry of the menu.
pub(crate) fn nav() -> NavEntry {
    NavEntry {
        label: "nav-people",
        href: "/people",
        permission: READ,
        group: NavGroup::House,
        order: 10,
    }
}

/// People by their names.
pub(crate) fn source() -> SearchSource {
    SearchSource::house(
        "people",
        READ,
        |app: App, wanted: SearchRequest| async move {
            let page = Page::bare(&app, Language::of(wanted.language), "people-title");
            let people = account::list(&app)
                .await
                .map_err(|error| HookError::caused_by("利用者を探せません", error))?;
            let hits = people
                .into_iter()
                .filter(|one| wanted.fits(&format!("{} {}", one.display_name, one.name)))
                .map(|one| SearchHit {
                    href: format!("/people/{}", one.id),
                    kind: page.title.clone(),
                    note: page.t(role_key(one.role)),
                    api: Some(format!("/api/v1/people/{}", one.id)),
                    title: one.display_name,
                });
            Ok(hits.collect())
        },
    )
}

/// An account as the list shows it.
pub(crate) struct Line {
    pub(crate) account: Account,
    pub(crate) role: String,
    pub(crate) contracts: String,
    pub(crate) second: bool,
    pub(crate) state: String,
    pub(crate) tone: Tone,
}

pub(crate) async fn line(app: &App, page: &Page, account: Account) -> Result<Line, WebError> {
    let id = account.id.to_string();
    let contracts = people_rights::contracts(app, page, &scope_of(app, &account).await?);
    let disabled = account.disabled_at.is_some();
    Ok(Line {
        role: page.t(role_key(account.role)),
        contracts,
        second: second::is_on(app, &id).await?,
        state: page.t(if disabled {
            "people-disabled"
        } else {
            "people-enabled"
        }),
        tone: if disabled { Tone::Quiet } else { Tone::Ok },
        account,
    })
}

#[derive(Template)]
#[template(path = "people-invite.html")]
struct InvitePage {
    page: Page,
    /// Name and mail address.
    fields: [Field; 2],
    rights: Rights,
}

async fn invite_page(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let role = (Role::Staff, Scope::Contracts(Vec::new()));
    error::html(&invite_form(&app, &visitor, ["", ""], &role))
}

fn invite_form(
    app: &App,
    visitor: &Visitor,
    [name, mail]: [&str; 2],
    (role, scope): &(Role, Scope),
) -> InvitePage {
    let page = Page::new(app, visitor, "invite-title")
        .under("people-title", "/people")
        .here();
    let mut name = Field::text("display_name", page.t("account-display-name"))
        .help(page.t("invite-name-help"))
        .value(name)
        .required();
    name.max_length = name::MOST_SIGNS;
    let mut mail = Field::new("email", "mail", page.t("invite-mail"))
        .help(page.t("invite-mail-help"))
        .value(mail);
    mail.max_length = 254;
    InvitePage {
        rights: Rights::new(app, &page, *role, scope),
        fields: [name, mail],
        page,
    }
}

/// A link, shown once; an empty one was sent by mail.
#[derive(Template)]
#[template(path = "people-link.html")]
struct LinkPage {
    page: Page,
    lead: String,
    address: String,
    tone_warn: Tone,
}

fn show_link(page: Page, lead: String, address: &str) -> Result<Response, WebError> {
    error::html(&LinkPage {
        lead,
        address: address.to_owned(),
        tone_warn: Tone::Warn,
        page,
    })
}

async fn invite(
    State(app): State<App>,
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, WebError> {
    let value = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.trim())
    };
    let rights = Rights::read(&app, &pairs)?;
    let (name, mail) = (value("display_name"), value("mail"));
    let wrong_name = name::check_shown(name).err();
    let address = Some(mail)
        .filter(|mail| !mail.is_empty())
        .map(mail_address::read);
    let (to, wrong_mail) = match address.transpose() {
        Ok(to) => (to, None),
        Err(wrong) => (None, Some(wrong.to_string())),
    };
    if wrong_name.is_some() || wrong_mail.is_some() {
        let mut shown = invite_form(&app, &visitor, [name, mail], &rights);
        for (field, wrong) in shown.fields.iter_mut().zip([wrong_name, wrong_mail]) {
            field.error = wrong.unwrap_or_default();
        }
        return error::form_page(&shown);
    }
    let (role, scope) = rights;
    let purpose = Purpose::Join { role, scope };
    let page = Page::new(&app, &visitor, "invite-done-title")
        .under("people-title", "/people")
        .here();
    let Some(to) = to else {
        let secret = invitation::make(&app, &visitor.actor(), name, &purpose).await?;
        let lead = page.t("invite-done");
        return show_link(page, lead, invitation::address(&app, &secret).expose());
    };
    invitation::send(&app, &visitor.actor(), name, &purpose, &to).await?;
    let lead = page.t1("invite-mailed", "address", to.as_str());
    show_link(page, lead, "")
}

async fn flash_and(
    app: &App,
    visitor: &Visitor,
    key: &str,
    to: &str,
) -> Result<Response, WebError> {
    let text = Page::bare(app, visitor.language, "people-title").t(key);
    visitor.flash(app, Tone::Ok, text).await?;
    Ok(Redirect::to(to).into_response())
}

async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    invitation::revoke(&app, visitor.actor(), &id).await?;
    flash_and(&app, &visitor, "invite-revoked", "/people").await
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    page: Page,
    line: Line,
    created: String,
    signed_in: String,
    /// Whether the installation knows accounts of an organisation.
    by_organisation: bool,
    /// What the linked account of the organisation calls itself.
    linked: Option<String>,
    /// The person's own confirmed mail address.
    mail: Option<String>,
    rights: Rights,
    /// The rights as they are now, hidden beside the fields.
    was: String,
    /// Somebody else changed them meanwhile: as they are now, and as they were chosen here.
    stale: Option<[String; 2]>,
    may_change: bool,
}

/// The account of an address; an unknown one is not there.
async fn of(app: &App, id: &str) -> Result<Account, WebError> {
    account::by_id(app, id).await.map_err(|error| match error {
        AccountError::Unknown(id) => WebError::NotFound(id),
        other => other.into(),
    })
}

/// Where an account has rights now.
async fn scope_of(app: &App, account: &Account) -> Result<Scope, WebError> {
    if account.every_contract {
        return Ok(Scope::EveryContract);
    }
    let list = account::memberships(app, &account.id.to_string()).await?;
    Ok(Scope::Contracts(list))
}

async fn person(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    let scope = scope_of(&app, &account).await?;
    error::html(&person_page(&app, &visitor, account, &scope).await?)
}

async fn person_page(
    app: &App,
    visitor: &Visitor,
    account: Account,
    scope: &Scope,
) -> Result<PersonPage, WebError> {
    let id = account.id.to_string();
    let page = Page::new(app, visitor, &account.display_name)
        .under("people-title", "/people")
        .here();
    let by_organisation = oidc::label(app).is_some();
    let linked = if by_organisation {
        oidc::links::of(app, &id).await?.map(|link| link.shown)
    } else {
        None
    };
    Ok(PersonPage {
        created: page.moment(account.created_at),
        signed_in: account
            .signed_in_at
            .map_or_else(|| page.t("people-never"), |at| page.moment(at)),
        by_organisation,
        linked,
        mail: mail_address::of(app, &id).await?.address,
        rights: Rights::new(app, &page, account.role, scope),
        was: people_rights::mark(account.role, scope),
        stale: None,
        line: line(app, &page, account).await?,
        may_change: visitor.may(CHANGE),
        page,
    })
}

async fn change_rights(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    let (role, scope) = Rights::read(&app, &pairs)?;
    let present = scope_of(&app, &account).await?;
    let now = people_rights::mark(account.role, &present);
    let seen = pairs.iter().find(|(key, _)| key == "was");
    let moved_on = seen.is_some_and(|(_, seen)| *seen != now);
    if moved_on && now != people_rights::mark(role, &scope) {
        let was = account.role;
        let mut shown = person_page(&app, &visitor, account, &present).await?;
        let page = &shown.page;
        shown.stale = Some([
            people_rights::words(&app, page, was, &present),
            people_rights::words(&app, page, role, &scope),
        ]);
        // What was chosen stays, ready to be sent for what is true now.
        shown.rights = Rights::new(&app, page, role, &scope);
        return error::conflict_page(&shown);
    }
    if role != account.role {
        account::set_role(&app, visitor.actor(), &account.name, role).await?;
    }
    account::set_scope(&app, visitor.actor(), &account.name, &scope).await?;
    flash_and(
        &app,
        &visitor,
        "people-rights-changed",
        &format!("/people/{id}"),
    )
    .await
}

async fn disable(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    account::set_enabled(&app, visitor.actor(), &account.name, false).await?;
    if id == visitor.id {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    flash_and(
        &app,
        &visitor,
        "people-was-disabled",
        &format!("/people/{id}"),
    )
    .await
}

async fn enable(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    account::set_enabled(&app, visitor.actor(), &account.name, true).await?;
    flash_and(
        &app,
        &visitor,
        "people-was-enabled",
        &format!("/people/{id}"),
    )
    .await
}

async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    let purpose = Purpose::Reset { user: id.clone() };
    let page = Page::new(&app, &visitor, "people-reset-link")
        .under("people-title", "/people")
        .under(&account.display_name, format!("/people/{id}"))
        .here();
    let shown_name = &account.display_name;
    if let Some(own) = mail_address::of(&app, &id).await?.address {
        invitation::send(&app, &visitor.actor(), shown_name, &purpose, &own).await?;
        let lead = page.t1("reset-mailed", "address", own.as_str());
        return show_link(page, lead, "");
    }
    let secret = invitation::make(&app, &visitor.actor(), shown_name, &purpose).await?;
    let lead = page.t1("reset-made", "name", account.name);
    show_link(page, lead, invitation::address(&app, &secret).expose())
}

async fn end_sessions(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    account::end_all_sessions(&app, visitor.actor(), &account).await?;
    flash_and(
        &app,
        &visitor,
        "people-sessions-ended",
        &format!("/people/{id}"),
    )
    .await
}

async fn remove_second(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let account = of(&app, &id).await?;
    account::remove_second_factor(&app, visitor.actor(), &account).await?;
    flash_and(
        &app,
        &visitor,
        "people-second-removed",
        &format!("/people/{id}"),
    )
    .await
}
