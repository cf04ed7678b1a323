//! Who did it, for people: the name of a person for those who may know the contractor's people,
//! the role for everybody else, the name of a job. The ledger holds ids, so that a name can be
//! erased; no page shows them.

use std::collections::BTreeMap;

use mamori_kernel::permission::Permission;
use mamori_runtime::App;
use mamori_web::{Page, Visitor, WebError, account, apart, role_key};

/// Actors as people see them.
pub(super) struct Names {
    people: BTreeMap<String, String>,
    /// Jobs and machines that have a name.
    others: BTreeMap<String, String>,
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
        let jobs = app.capabilities().iter().flat_map(|one| {
            let schedules = one.schedules.iter().map(|schedule| schedule.name);
            schedules.chain(one.jobs.iter().map(|job| job.name))
        });
        let others = jobs
            .map(|id| ("job", id))
            .chain([("machine", "rehearsal"), ("machine", "demo")])
            .map(|(kind, id)| {
                let name = page.t_or(&format!("{kind}-{}", id.replace('.', "-")), id);
                (format!("{kind}:{id}"), name)
            })
            .collect();
        Ok(Self {
            people,
            others,
            job: page.t("papers-actor-job"),
            machine: page.t("papers-actor-machine"),
            unknown: page.t("papers-actor-person"),
        })
    }

    /// `person:0192…` as a name, `job:…` and `machine:…` with a word before.
    pub(super) fn of(&self, actor: &str) -> String {
        let named = |kind: &str, id: &str| {
            let name = self.others.get(actor).map_or(id, String::as_str);
            format!("{kind}{name}")
        };
        match actor.split_once(':') {
            // Whoever is not there any more was erased from the accounts.
            Some(("person", id)) => apart(self.people.get(id).unwrap_or(&self.unknown)),
            Some(("job", id)) => named(&self.job, id),
            Some((_, id)) => named(&self.machine, id),
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
