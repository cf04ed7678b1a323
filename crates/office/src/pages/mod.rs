//! The office's pages: the contract's health, its obligations with the evidence behind each
//! state, its papers, its ledger.
//!
//! They read; what changes something is a form that posts to a route of its own with the
//! permission of the act. Every page works without a script.

mod documents;
mod ledger;
mod obligations;
mod overview;
mod view;

use mamori_kernel::permission::Permission;
use mamori_runtime::{NavEntry, NavGroup, Route, Texts};

/// Looking at contracts and obligations.
pub const CONTRACT: Permission = Permission::read("contract");
/// Looking at papers.
pub const DOCUMENT: Permission = Permission::read("document");
/// Looking at the ledger.
pub const LEDGER: Permission = Permission::read("ledger");

/// The routes of all pages.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/c/{contract}", CONTRACT, overview::page),
        Route::get("/c/{contract}/obligations", CONTRACT, obligations::list),
        Route::get(
            "/c/{contract}/obligations/{key}",
            CONTRACT,
            obligations::one,
        ),
        Route::get("/c/{contract}/ledger", LEDGER, ledger::page),
    ];
    routes.extend(documents::routes());
    routes
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
    vec![
        entry("nav-start", "/c/{contract}", CONTRACT, NavGroup::Today, 10),
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
    ]
}

/// What the pages say.
pub fn texts() -> Vec<Texts> {
    vec![
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
    ]
}
