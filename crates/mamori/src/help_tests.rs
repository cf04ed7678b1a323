//! 「使い方」 of a page leads to what explains that page: walks over the menu and over all pages,
//! so a new page is asked for its topic by being in the list of capabilities.

use mamori_runtime::{Guard, Verb};
use mamori_web::house::help;

use crate::capabilities;

/// Addresses that no page with a menu is shown at, or that are the help itself.
const WITHOUT: [&str; 7] = [
    // Leads on.
    "/",
    // The help.
    "/help",
    "/help/{topic}",
    // For scripts, programs and files.
    "/metrics",
    "/search.json",
    "/c/{contract}/events",
    "/c/{contract}/files/{sha256}/{name}",
];

#[test]
fn every_entry_of_the_menu_and_every_page_has_help_of_its_own() {
    let list = capabilities::all();
    let menu = list
        .iter()
        .flat_map(|capability| &capability.navigation)
        .map(|entry| entry.href);
    let pages = list
        .iter()
        .flat_map(|capability| &capability.routes)
        .filter(|route| route.verb == Verb::Get && route.guard != Guard::Public)
        .filter(|route| !route.path.starts_with("/api/"))
        .map(|route| route.path);
    let mut lacking: Vec<&str> = menu
        .chain(pages)
        .filter(|path| !WITHOUT.contains(path))
        .filter(|path| help::topic_of(path) == "/help")
        .collect();
    lacking.sort_unstable();
    lacking.dedup();
    assert!(lacking.is_empty(), "without help of its own: {lacking:?}");
}

#[test]
fn every_place_with_help_is_the_beginning_of_a_page() {
    let list = capabilities::all();
    let pages: Vec<&str> = list
        .iter()
        .flat_map(|capability| &capability.routes)
        // The page that asks for a fresh proof is only ever an answer to a form.
        .filter(|route| !route.path.starts_with("/api/"))
        .map(|route| route.path)
        .collect();
    for place in help::places() {
        let of_a_contract = format!("/c/{{contract}}{place}");
        assert!(
            pages
                .iter()
                .any(|page| *page == place || *page == of_a_contract),
            "{place} is no page"
        );
    }
}
