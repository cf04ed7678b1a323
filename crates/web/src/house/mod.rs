//! The contractor's own house: how the installation is doing, help for everybody, live updates.
//!
//! Serves who keeps the service running (仕様書: 監視・保守の体制), not a clause by itself. It does
//! not judge the contract; that is the office's.

pub mod events;
pub mod help;
mod jobs;
mod letters;
pub(crate) mod settings;
mod settings_api;
mod system;
mod system_view;

use mamori_kernel::permission::Permission;
use mamori_runtime::{NavEntry, NavGroup, Route, SearchSource, Texts, Tile};

pub(crate) use system_view::addressed;

/// Looking at the installation's health.
pub(crate) const SYSTEM: Permission = Permission::read("system");
/// Trying a job again, taking it back, letting a mail go.
pub(crate) const JOB: Permission = Permission::administer("job");
/// Reading the help.
pub(crate) const HELP: Permission = Permission::read("help");

/// The routes of the house.
pub(crate) fn routes() -> Vec<Route> {
    let mut routes = system::routes();
    routes.extend(jobs::routes());
    routes.extend(help::routes());
    routes.extend(events::routes());
    routes.extend(settings::routes());
    routes.extend(settings_api::routes());
    routes.extend(letters::routes());
    routes
}

/// Its entries in the menu.
pub(crate) fn navigation() -> Vec<NavEntry> {
    vec![
        NavEntry {
            label: "nav-letters",
            href: "/c/{contract}/letters",
            permission: settings::READ,
            group: NavGroup::House,
            order: 60,
        },
        NavEntry {
            label: "nav-settings",
            href: "/c/{contract}/settings",
            permission: settings::READ,
            group: NavGroup::House,
            order: 70,
        },
        NavEntry {
            label: "nav-system",
            href: "/system",
            permission: SYSTEM,
            group: NavGroup::House,
            order: 80,
        },
        NavEntry {
            label: "nav-help",
            href: "/help",
            permission: HELP,
            group: NavGroup::House,
            order: 90,
        },
    ]
}

/// Its figures on the start page.
pub(crate) fn tiles() -> Vec<Tile> {
    vec![letters::tile()]
}

/// What of it is found by words.
pub(crate) fn search() -> Vec<SearchSource> {
    vec![help::source()]
}

/// What its pages say.
pub(crate) fn texts() -> Vec<Texts> {
    let one = |language, name, source| Texts {
        language,
        name,
        source,
    };
    vec![
        one(
            "ja",
            "house.ftl",
            include_str!("../../locales/ja/house.ftl"),
        ),
        one(
            "en",
            "house.ftl",
            include_str!("../../locales/en/house.ftl"),
        ),
        one("ja", "help.ftl", include_str!("../../locales/ja/help.ftl")),
        one("en", "help.ftl", include_str!("../../locales/en/help.ftl")),
    ]
}
