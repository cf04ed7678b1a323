//! The gateway's pages below `/c/{contract}/gateway`.
//!
//! | page | permission | what |
//! |---|---|---|
//! | `/gateway` | read; decide for its forms | sites, traffic of the last days, the month's plan |
//! | `/gateway/traffic` | read | traffic now, by hour, by day, what attacks aimed at |
//! | `/gateway/blocked` | read (personal) | what was refused, by number, path, address, rule |
//! | `/gateway/blocked/{id}` | read (personal) | one of them: rules, values, the narrowest exclusion |
//! | `/gateway/access` | read (personal) | access records of a day, also as files |
//! | `/gateway/bans` | read (personal); decide for its forms | who is kept out, and what watches saw |
//! | `/gateway/certificates` | read; decide for its forms | certificates, until when, from whom |
//! | `/gateway/exclusions` | read; decide for its forms | what rules do not look at, why and until when |
//! | `/gateway/modes` | read; decide for its forms | what the firewall does on paths and with rules |

mod access;
mod bans;
mod blocked;
mod certificates;
mod exclusions;
mod modes;
mod overview;
mod traffic;

use mamori_kernel::permission::Permission;
use mamori_proxy::WafMode;
use mamori_runtime::capability::BoxFuture;
use mamori_runtime::{App, Chosen, NavEntry, NavGroup, Route, SearchSource, Texts, Tile};
use mamori_web::{Field, Language, Page, Tone, Visitor, WebError};

pub(crate) use access::{found as found_access, wrong_access};
pub(crate) use blocked::found;
pub(crate) use overview::checked;

use crate::desk::{self, DeskError};
use crate::model::WrongWish;

/// Looking at the gateway.
pub const READ: Permission = Permission::read("gateway");
/// Deciding what it does.
pub const DECIDE: Permission = Permission::decide("gateway");

/// Area of the note that says who was shown addresses and values.
const AREA: &str = "gateway";
pub(crate) const FORM_BYTES: usize = 16 * 1024;

/// The routes of all pages.
pub fn routes() -> Vec<Route> {
    let mut routes = overview::routes();
    routes.extend(blocked::routes());
    routes.extend(exclusions::routes());
    routes.extend(bans::routes());
    routes.extend(access::routes());
    routes.extend(modes::routes());
    routes.extend(traffic::routes());
    routes.extend(certificates::routes());
    routes
}

/// The menu.
pub fn navigation() -> Vec<NavEntry> {
    vec![NavEntry {
        label: "nav-gateway",
        href: "/c/{contract}/gateway",
        permission: READ,
        group: NavGroup::Services,
        order: 10,
    }]
}

/// The figures on the start page.
pub fn tiles() -> Vec<Tile> {
    vec![overview::tile()]
}

/// What the search finds.
pub fn source() -> SearchSource {
    blocked::source()
}

/// What the pages say.
pub fn texts() -> Vec<Texts> {
    vec![
        Texts {
            language: "ja",
            name: "gateway.ftl",
            source: include_str!("../../locales/ja/gateway.ftl"),
        },
        Texts {
            language: "ja",
            name: "gateway-certificates.ftl",
            source: include_str!("../../locales/ja/gateway-certificates.ftl"),
        },
        Texts {
            language: "en",
            name: "gateway-certificates.ftl",
            source: include_str!("../../locales/en/gateway-certificates.ftl"),
        },
        Texts {
            language: "en",
            name: "gateway.ftl",
            source: include_str!("../../locales/en/gateway.ftl"),
        },
    ]
}

/// The words of the choices of these forms, for a form that is carried along.
pub(crate) fn choice_words(app: App, chosen: Chosen) -> BoxFuture<Option<String>> {
    Box::pin(async move {
        let (_, below) = chosen.of_contract()?;
        let is_choice = matches!(
            chosen.name.as_str(),
            "mode" | "about" | "reach" | "paranoia"
        );
        if below.first() != Some(&"gateway") || !is_choice {
            return None;
        }
        let page = Page::bare(&app, Language::of(chosen.language), "");
        let key = format!("gateway-{}-{}", chosen.name, chosen.value);
        Some(page.t_or(&key, &chosen.value))
    })
}

/// Names of the sites of the contract of a request.
pub(crate) fn site_names(app: &App, contract: &str) -> Vec<String> {
    let sites = desk::sites(app, contract);
    sites.into_iter().map(|site| site.name).collect()
}

pub(crate) fn contract_of(visitor: &Visitor) -> Result<String, WebError> {
    visitor
        .contract
        .clone()
        .ok_or_else(|| WebError::NotFound("契約".to_owned()))
}

pub(crate) fn refused(error: DeskError) -> WebError {
    match error {
        DeskError::NoSite | DeskError::NoExclusion | DeskError::NoBan | DeskError::NoMode => {
            WebError::NotFound(error.to_string())
        }
        DeskError::Stale { revision, .. } => WebError::Stale {
            message: error.to_string(),
            present: revision,
        },
        DeskError::Wrong(_) => WebError::invalid(error.to_string()),
        DeskError::Record(error) => WebError::bug(error),
        DeskError::Store(error) => error.into(),
    }
}

/// Fields with what is wrong said beside them.
pub(crate) fn judged(page: &Page, fields: Vec<Field>, wrong: &[WrongWish]) -> Vec<Field> {
    let said = |field: Field| match wrong.iter().find(|(name, _)| *name == field.name) {
        Some((_, key)) => field.error(page.t(key)),
        None => field,
    };
    fields.into_iter().map(said).collect()
}

/// How a decision stands that ends with a day or by a person.
pub(crate) fn standing_said(page: &Page, holds: bool, ended: bool) -> (Tone, String) {
    let (tone, key) = match (holds, ended) {
        (true, _) => (Tone::Ok, "gateway-exclusion-holds"),
        (false, true) => (Tone::Quiet, "gateway-exclusion-ended"),
        (false, false) => (Tone::Quiet, "gateway-exclusion-over"),
    };
    (tone, page.t(key))
}

/// A mode in a word, with how it stands.
pub(crate) fn mode_said(page: &Page, mode: WafMode) -> (Tone, String) {
    let word = page.t(&format!("gateway-mode-{}", crate::model::mode_word(mode)));
    let tone = match mode {
        WafMode::Block => Tone::Ok,
        WafMode::Detect => Tone::Warn,
        WafMode::Off => Tone::Bad,
    };
    (tone, word)
}
