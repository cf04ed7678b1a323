//! The console's ground: sign-in, sessions, the permission check, the page shell and its
//! components, error pages, and the HTTP server.
//!
//! No page about a contract is here; those are routes of capabilities. A page of a capability:
//!
//! ```ignore
//! // askama.toml of the crate:  [general]  dirs = ["templates", "../web/templates"]
//! // templates/work.html:
//! //   {% extends "shell.html" %}
//! //   {% block content %}<h1>{{ page.title }}</h1>
//! //   {% call ui::badge(row.tone, row.state) %}{% endcall %}{% endblock %}
//! #[derive(askama::Template)]
//! #[template(path = "work.html")]
//! struct WorkPage { page: Page, rows: Vec<WorkRow> }
//!
//! async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
//!     let page = Page::new(&app, &visitor, "作業記録").here();
//!     html(&WorkPage { page, rows: store::list(&app.db).await? })
//! }
//! ```
//!
//! Invariants: every request passes [`guard`] before its handler; answers carry a policy that
//! allows no script and no inline style; a form that changes something has the hidden field
//! `csrf` with `page.csrf` (in multipart forms as the first part).

pub mod account;
mod account_page;
pub mod api;
pub mod assets;
pub mod audit;
pub mod breach;
mod changes;
pub mod colleague;
pub mod components;
mod entrance;
mod error;
mod flash;
mod form;
mod guard;
pub mod house;
pub mod invitation;
mod kept;
mod limit;
pub mod mail_address;
mod name;
pub mod oidc;
mod page;
mod pages;
mod paging;
mod passage;
pub mod passkey;
pub mod password;
mod people;
mod people_audit;
mod people_changes;
mod people_list;
mod people_rights;
mod prove;
mod resent;
mod resume;
pub mod second;
pub mod send;
mod sent_form;
mod server;
mod session;
mod sessions;
pub mod setup;
mod sign_in;
mod switcher;
pub mod texts;
mod token;
pub mod trail;
mod written;

use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::capability::BoxFuture;
use mamori_runtime::{App, Capability, Chosen, HookError, Route, Texts, start_hook};
use mamori_store::Migration;

pub use error::{FieldError, PlacedError, WebError, conflict_page, form_page, html};
pub use form::{Choice, Field};
pub use guard::{FORM_TOKEN, FORM_TOKEN_HEADER};
pub use name::apart;
pub use page::{
    ContractTitle, Crumb, DateStyle, Flash, Installation, NavItem, NavSection, Overview, Page,
    Person, SAMPLE_SETTING, Tone, role_key,
};
pub use paging::{PageLink, Pages};
pub use server::{BODY_LIMIT_BYTES, ClientAddress, RequestId, public_routes, router, serve};
pub use session::{Credential, Visitor};
pub use texts::Language;

/// What `/metrics` and the details of `/readyz` need.
pub const METRICS: Permission = Permission::read("system");

/// The console's own routes and tables.
pub fn capability() -> Capability {
    Capability {
        id: "web",
        title_ja: "管理画面",
        migrations: vec![
            Migration {
                name: "20261122_web_accounts",
                sql: include_str!("../migrations/20261122_web_accounts.sql"),
            },
            Migration {
                name: "20261123_web_membership",
                sql: include_str!("../migrations/20261123_web_membership.sql"),
            },
            Migration {
                name: "20261123_web_token_scopes",
                sql: include_str!("../migrations/20261123_web_token_scopes.sql"),
            },
            Migration {
                name: "20261123_web_sign_in",
                sql: include_str!("../migrations/20261123_web_sign_in.sql"),
            },
            Migration {
                name: "20261123_web_oidc",
                sql: include_str!("../migrations/20261123_web_oidc.sql"),
            },
            Migration {
                name: "20261124_web_mail_address",
                sql: include_str!("../migrations/20261124_web_mail_address.sql"),
            },
            Migration {
                name: "20261124_web_invitation_key",
                sql: include_str!("../migrations/20261124_web_invitation_key.sql"),
            },
        ],
        jobs: vec![audit::job()],
        schedules: vec![audit::schedule()],
        routes: routes(),
        navigation: [
            vec![people::nav(), people_audit::nav(), people_changes::nav()],
            house::navigation(),
            api::navigation(),
        ]
        .concat(),
        texts: [texts(), house::texts()].concat(),
        tiles: house::tiles(),
        search: [vec![people::source()], house::search()].concat(),
        evidence: account::evidence(),
        health: vec![breach::health()],
        choices: Some(choices),
        start: Some(start_hook(start)),
        ..Capability::default()
    }
}

/// The words of the choices of the console's own forms.
fn choices(app: App, chosen: Chosen) -> BoxFuture<Option<String>> {
    Box::pin(async move {
        let of_that_name = |role: &Role| role.as_str() == chosen.value;
        let role = Role::ALL.into_iter().find(of_that_name);
        match role.filter(|_| chosen.name == "role") {
            Some(role) => {
                let page = Page::bare(&app, Language::of(chosen.language), "");
                Some(page.t(page::role_key(role)))
            }
            None => house::settings::choice(&app, &chosen),
        }
    })
}

fn routes() -> Vec<Route> {
    [
        pages::routes(),
        api::routes(),
        house::routes(),
        sign_in::routes(),
        prove::routes(),
        oidc::routes(),
        entrance::routes(),
        account_page::routes(),
        mail_address::routes(),
        people::routes(),
        people_audit::routes(),
        people_changes::routes(),
    ]
    .concat()
}

async fn start(app: App) -> Result<(), HookError> {
    audit::start(&app);
    page::read_installation(app).await
}

fn texts() -> Vec<Texts> {
    macro_rules! both {
        ($($name:literal),*) => {
            vec![$(
                Texts {
                    language: "ja",
                    name: $name,
                    source: include_str!(concat!("../locales/ja/", $name)),
                },
                Texts {
                    language: "en",
                    name: $name,
                    source: include_str!(concat!("../locales/en/", $name)),
                },
            )*]
        };
    }
    both![
        "web.ftl",
        "components.ftl",
        "script.ftl",
        "signin.ftl",
        "oidc.ftl",
        "account.ftl",
        "people.ftl",
        "settings.ftl",
        "api.ftl"
    ]
}
