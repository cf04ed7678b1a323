//! Where the switcher of contracts leads: to the page of the same kind, as far as the other contract
//! has it and the visitor may open it there.

use mamori_kernel::permission::Role;
use mamori_runtime::capability::Verb;
use mamori_runtime::{App, Guard};

use crate::session::Visitor;

const CONTRACT: &str = "/c/{contract}";

/// The address that a visitor of `visitor.path` comes to on another contract: the same page, else the
/// entry of the menu that it lies below, else the contract's first page. What names one item of the
/// one contract names nothing on the other.
pub(crate) fn same_kind(app: &App, visitor: &Visitor, contract: &str) -> String {
    let first = format!("/c/{contract}");
    let here = visitor.contract.as_deref().and_then(|own| {
        let rest = visitor.path.strip_prefix("/c/")?.strip_prefix(own)?;
        rest.starts_with('/').then_some(rest)
    });
    let (Some(rest), Some(role)) = (here, visitor.role_on(contract)) else {
        return first;
    };
    match page(app, role, rest).or_else(|| entry(app, role, rest)) {
        Some(rest) => first + rest,
        None => first,
    }
}

/// The page itself, if nothing but the contract is named in its address.
fn page<'a>(app: &App, role: Role, rest: &'a str) -> Option<&'a str> {
    let routes = app.capabilities().iter();
    let found = routes
        .flat_map(|one| &one.routes)
        .find(|route| route.verb == Verb::Get && route.path.strip_prefix(CONTRACT) == Some(rest))?;
    let open = match found.guard {
        Guard::Public | Guard::SignedIn => true,
        Guard::Needs(permission) => role.allows(permission),
    };
    open.then_some(rest)
}

/// The entry of the menu that a page lies below.
fn entry(app: &App, role: Role, rest: &str) -> Option<&'static str> {
    let entries = app.capabilities().iter().flat_map(|one| &one.navigation);
    entries
        .filter(|entry| role.allows(entry.permission))
        .filter_map(|entry| entry.href.strip_prefix(CONTRACT))
        .filter(|href| !href.is_empty())
        .filter(|href| {
            rest.strip_prefix(href)
                .is_some_and(|more| more.starts_with('/'))
        })
        .max_by_key(|href| href.len())
}
