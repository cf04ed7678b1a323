//! The office's pages: the contract's health, its obligations with the evidence behind each
//! state, its papers, its ledger.
//!
//! They read; what changes something is a form that posts to a route of its own with the
//! permission of the act. Every page works without a script.

pub(crate) mod board;
pub(crate) mod calendar;
pub(crate) mod closing;
pub(crate) mod ledger;
mod names;
pub(crate) mod papers;
mod portfolio;
pub(crate) mod registers;
pub(crate) mod search;
mod start;
mod view;

use mamori_kernel::permission::Permission;
use mamori_runtime::{NavEntry, NavGroup, Route, Texts, Tile};

pub(crate) use start::tile_views;
pub(crate) use view::reasons_of_day;

/// Coming to a contract's start page: everybody with a role on it, counsellors too.
pub const START: Permission = Permission::read("help");
/// Looking at contracts and obligations.
pub const CONTRACT: Permission = Permission::read("contract");
/// Looking at papers.
pub const DOCUMENT: Permission = Permission::read("document");
/// Looking at the ledger.
pub const LEDGER: Permission = Permission::read("ledger");

/// The routes of all pages.
pub fn routes() -> Vec<Route> {
    let mut routes = start::routes();
    routes.extend(board::routes());
    routes.extend(calendar::routes());
    routes.extend(portfolio::routes());
    routes.extend(papers::routes());
    routes.extend(closing::routes());
    routes.extend(ledger::routes());
    routes.extend(search::routes());
    routes.extend(registers::routes());
    routes
}

/// Where several contracts stand side by side.
pub const OVERVIEW: &str = portfolio::ADDRESS;

/// The office's figures on the start page.
pub fn tiles() -> Vec<Tile> {
    start::tiles()
}

/// The menu.
pub fn navigation() -> Vec<NavEntry> {
    let entry = |label, href, permission, group, order| NavEntry {
        label,
        href,
        permission,
        group,
        order,
    };
    let mut entries = vec![
        entry("nav-start", "/c/{contract}", START, NavGroup::Today, 10),
        entry(
            "nav-calendar",
            "/c/{contract}/calendar",
            CONTRACT,
            NavGroup::Today,
            20,
        ),
        entry(
            "nav-closing",
            "/c/{contract}/closing",
            DOCUMENT,
            NavGroup::Today,
            40,
        ),
        entry(
            "nav-obligations",
            "/c/{contract}/obligations",
            CONTRACT,
            NavGroup::Contract,
            10,
        ),
        entry(
            "nav-documents",
            "/c/{contract}/documents",
            DOCUMENT,
            NavGroup::Contract,
            20,
        ),
        entry(
            "nav-ledger",
            "/c/{contract}/ledger",
            LEDGER,
            NavGroup::Contract,
            90,
        ),
    ];
    entries.extend(registers::navigation());
    entries
}

/// What the pages say.
pub fn texts() -> Vec<Texts> {
    let mut texts = vec![
        Texts {
            language: "ja",
            name: "office.ftl",
            source: include_str!("../../locales/ja/office.ftl"),
        },
        Texts {
            language: "en",
            name: "office.ftl",
            source: include_str!("../../locales/en/office.ftl"),
        },
        Texts {
            language: "ja",
            name: "start.ftl",
            source: include_str!("../../locales/ja/start.ftl"),
        },
        Texts {
            language: "en",
            name: "start.ftl",
            source: include_str!("../../locales/en/start.ftl"),
        },
        Texts {
            language: "ja",
            name: "papers.ftl",
            source: include_str!("../../locales/ja/papers.ftl"),
        },
        Texts {
            language: "en",
            name: "papers.ftl",
            source: include_str!("../../locales/en/papers.ftl"),
        },
        Texts {
            language: "ja",
            name: "closing.ftl",
            source: include_str!("../../locales/ja/closing.ftl"),
        },
        Texts {
            language: "en",
            name: "closing.ftl",
            source: include_str!("../../locales/en/closing.ftl"),
        },
        Texts {
            language: "ja",
            name: "ledger.ftl",
            source: include_str!("../../locales/ja/ledger.ftl"),
        },
        Texts {
            language: "en",
            name: "ledger.ftl",
            source: include_str!("../../locales/en/ledger.ftl"),
        },
    ];
    texts.extend(registers::texts());
    texts
}
