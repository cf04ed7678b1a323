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
use mamori_runtime::{NavEntry, Route};

/// Looking at contracts and obligations.
pub const CONTRACT: Permission = Permission::read("contract");
/// Looking at papers.
pub const DOCUMENT: Permission = Permission::read("document");
/// Looking at the ledger.
pub const LEDGER: Permission = Permission::read("ledger");

/// The routes of all pages.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/contract", CONTRACT, overview::page),
        Route::get("/obligations", CONTRACT, obligations::list),
        Route::get("/obligations/{key}", CONTRACT, obligations::one),
        Route::get("/ledger", LEDGER, ledger::page),
    ];
    routes.extend(documents::routes());
    routes
}

/// The menu.
pub fn navigation() -> Vec<NavEntry> {
    let entry = |label_ja, href, permission, order| NavEntry {
        label_ja,
        href,
        permission,
        order,
    };
    vec![
        entry("契約の状況", "/contract", CONTRACT, 10),
        entry("義務", "/obligations", CONTRACT, 20),
        entry("書類", "/documents", DOCUMENT, 30),
        entry("証跡台帳", "/ledger", LEDGER, 90),
    ]
}
