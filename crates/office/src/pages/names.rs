//! Who did it, for people: the name of a person for those who may know the contractor's people,
//! the role for everybody else. The ledger holds ids, so that a name can be erased.

use std::collections::BTreeMap;

use mamori_kernel::permission::Permission;
use mamori_runtime::App;
use mamori_web::{Page, Visitor, WebError, account, role_key};

/// Actors as people see them.
pub(super) struct Names {
    people: BTreeMap<String, String>,
    job: String,
    machine: String,
    unknown: String,
}

impl Names {
    /// Reads the accounts once for a page.
    pub(super) async fn read(app: &App, visitor: &Visitor, page: &Page) -> Result<Self, WebError> {
        let full = visitor.may(Permission::read("user"));
        let accounts = account::list(app).await.map_err(WebError::bug)?;
        let people = accounts
            .into_iter()
            .map(|account| {
                let id = account.id.to_string();
                let name = if account.display_name.is_empty() {
                    account.name
                } else {
                    account.display_name
                };
                let shown = if full || id == visitor.id {
                    name
                } else {
                    page.t(role_key(account.role))
                };
                (id, shown)
            })
            .collect();
        Ok(Self {
            people,
            job: page.t("papers-actor-job"),
            machine: page.t("papers-actor-machine"),
            unknown: page.t("papers-actor-person"),
        })
    }

    /// `person:0192…` as a name, `job:…` and `machine:…` with a word before.
    pub(super) fn of(&self, actor: &str) -> String {
        match actor.split_once(':') {
            Some(("person", id)) => match self.people.get(id) {
                Some(name) => name.clone(),
                None => format!("{} {}", self.unknown, id.get(..8).unwrap_or(id)),
            },
            Some(("job", id)) => format!("{} {id}", self.job),
            Some((_, id)) => format!("{} {id}", self.machine),
            None => actor.to_owned(),
        }
    }

    /// The people, for a choice: actor and name.
    pub(super) fn people(&self) -> impl Iterator<Item = (String, String)> {
        self.people
            .iter()
            .map(|(id, name)| (format!("person:{id}"), name.clone()))
    }
}
