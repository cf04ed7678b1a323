//! What somebody may do where: as the part of a form, in words, and as a mark by which a form tells
//! that the rights it changes are still those that it showed.

use mamori_kernel::permission::Role;
use mamori_runtime::App;

use crate::account::Scope;
use crate::error::WebError;
use crate::page::{Installation, Page, role_key};

/// The part of a form that says what somebody may do where.
pub(crate) struct Rights {
    pub(crate) own: Role,
    pub(crate) every: bool,
    pub(crate) roles: Vec<(&'static str, String)>,
    /// Contract, title, role on it; empty for none.
    pub(crate) contracts: Vec<(String, String, &'static str)>,
}

impl Rights {
    pub(crate) fn new(app: &App, page: &Page, own: Role, scope: &Scope) -> Self {
        let on = |contract: &str| match scope {
            Scope::EveryContract => "",
            Scope::Contracts(list) => list
                .iter()
                .find(|(id, _)| id == contract)
                .map_or("", |(_, role)| role.as_str()),
        };
        let installation = app.slot::<Installation>().unwrap_or_default();
        Self {
            own,
            every: *scope == Scope::EveryContract,
            roles: Role::ALL
                .iter()
                .map(|role| (role.as_str(), page.t(role_key(*role))))
                .collect(),
            contracts: installation
                .contracts
                .iter()
                .map(|one| (one.id.clone(), one.title.clone(), on(&one.id)))
                .collect(),
        }
    }

    /// What a form says; roles and contracts that do not exist are refused.
    pub(crate) fn read(app: &App, pairs: &[(String, String)]) -> Result<(Role, Scope), WebError> {
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let role = |text: &str| {
            text.parse::<Role>()
                .map_err(|error| WebError::invalid(error.to_string()))
        };
        let own = role(value("role"))?;
        if value("every") == "1" {
            return Ok((own, Scope::EveryContract));
        }
        let installation = app.slot::<Installation>().unwrap_or_default();
        let mut list = Vec::new();
        for (key, text) in pairs {
            let Some(contract) = key.strip_prefix("on-").filter(|_| !text.is_empty()) else {
                continue;
            };
            if !installation.contracts.iter().any(|one| one.id == contract) {
                return Err(WebError::NotFound(contract.to_owned()));
            }
            list.push((contract.to_owned(), role(text)?));
        }
        Ok((own, Scope::Contracts(list)))
    }
}

/// The contracts of a scope in words, with the role on each.
pub(crate) fn contracts(app: &App, page: &Page, scope: &Scope) -> String {
    let Scope::Contracts(list) = scope else {
        return page.t("people-every-contract");
    };
    let installation = app.slot::<Installation>().unwrap_or_default();
    let shown: Vec<String> = list
        .iter()
        .map(|(contract, role)| {
            let title = installation
                .contracts
                .iter()
                .find(|one| one.id == *contract)
                .map_or(contract.as_str(), |one| one.title.as_str());
            format!("{title}（{}）", page.t(role_key(*role)))
        })
        .collect();
    if shown.is_empty() {
        page.t("people-no-contract")
    } else {
        shown.join("、")
    }
}

/// Role and contracts in words.
pub(crate) fn words(app: &App, page: &Page, own: Role, scope: &Scope) -> String {
    let role = page.t(role_key(own));
    format!("{role} / {}", contracts(app, page, scope))
}

/// The same for the same rights, whatever the order of their contracts.
pub(crate) fn mark(own: Role, scope: &Scope) -> String {
    let Scope::Contracts(list) = scope else {
        return format!("{own} *");
    };
    let mut on: Vec<String> = list
        .iter()
        .map(|(contract, role)| format!("{contract}={role}"))
        .collect();
    on.sort();
    format!("{own} {}", on.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_differs_with_the_rights_and_not_with_their_order() {
        let on = |list: &[(&str, Role)]| {
            let list = list.iter().map(|(id, role)| ((*id).to_owned(), *role));
            mark(Role::Staff, &Scope::Contracts(list.collect()))
        };
        let both = on(&[("a", Role::City), ("b", Role::Viewer)]);
        assert_eq!(both, on(&[("b", Role::Viewer), ("a", Role::City)]));
        for other in [
            on(&[]),
            on(&[("a", Role::City)]),
            on(&[("a", Role::Viewer), ("b", Role::City)]),
            mark(Role::Staff, &Scope::EveryContract),
            mark(Role::City, &Scope::EveryContract),
        ] {
            assert_ne!(both, other);
        }
    }
}
