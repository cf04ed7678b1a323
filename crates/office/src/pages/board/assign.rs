//! Who answers for an obligation: a small table, and a record for every change. Names are shown
//! to those who work on the contract, not to lookers-on.

use std::collections::BTreeMap;

use mamori_kernel::ledger::NewRecord;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::App;
use mamori_store::args;
use mamori_web::colleague::{self, Colleague};
use mamori_web::{Page, Visitor, WebError};
use serde_json::json;

/// Evidence kind of an assignment.
pub const ASSIGNED: &str = "obligation.assigned";
/// Saying who answers for an obligation.
pub const ASSIGN: Permission = Permission::decide("obligation");

/// Responsible people of a contract, by obligation.
pub struct People {
    assigned: BTreeMap<String, String>,
    /// Everybody with a role on the contract.
    pub colleagues: Vec<Colleague>,
    shown: bool,
}

impl People {
    /// Reads them as a visitor may see them.
    pub async fn read(app: &App, contract: &str, visitor: &Visitor) -> Result<Self, WebError> {
        Ok(Self {
            assigned: assigned(app, contract).await?,
            colleagues: colleague::on(app, contract).await?,
            shown: visitor.may(Permission::write("contract"))
                || visitor.may(Permission::accept("contract")),
        })
    }

    /// Account id of the person who answers for an obligation.
    pub fn of(&self, obligation: &str) -> Option<&str> {
        self.assigned.get(obligation).map(String::as_str)
    }

    /// Whether names may be shown.
    pub fn are_shown(&self) -> bool {
        self.shown
    }

    /// The name to show for an obligation; empty when nobody answers for it.
    pub fn name(&self, page: &Page, obligation: &str) -> String {
        match self.of(obligation) {
            None => String::new(),
            Some(_) if !self.shown => page.t("board-who-somebody"),
            Some(id) => self
                .colleagues
                .iter()
                .find(|colleague| colleague.id == id)
                .map_or_else(|| page.t("board-who-gone"), |one| one.name.clone()),
        }
    }

    /// People of the contractor, who can answer for an obligation.
    pub fn assignable(&self) -> impl Iterator<Item = &Colleague> {
        self.colleagues.iter().filter(|one| is_assignable(one.role))
    }
}

fn is_assignable(role: Role) -> bool {
    matches!(role, Role::Staff | Role::Manager | Role::Administrator)
}

/// Account ids by obligation.
pub async fn assigned(
    app: &App,
    contract: &str,
) -> Result<BTreeMap<String, String>, mamori_store::Error> {
    app.db
        .fetch_all(
            "SELECT obligation, user_id FROM office_assignee WHERE contract = $1",
            args![contract],
        )
        .await?
        .iter()
        .map(|row| Ok((row.text("obligation")?, row.text("user_id")?)))
        .collect()
}

/// Makes a person responsible for an obligation, or nobody when `user` is empty. The same person
/// again changes nothing. Gives false when there is no such person to choose.
pub async fn assign(
    app: &App,
    visitor: &Visitor,
    contract: &str,
    obligation: &str,
    user: &str,
) -> Result<bool, WebError> {
    if !user.is_empty() {
        let found = colleague::find(app, contract, user).await?;
        if !found.is_some_and(|one| is_assignable(one.role)) {
            return Ok(false);
        }
    }
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    let before = tx
        .fetch_optional(
            "SELECT user_id FROM office_assignee WHERE contract = $1 AND obligation = $2",
            args![contract, obligation],
        )
        .await?
        .map(|row| row.text("user_id"))
        .transpose()?
        .unwrap_or_default();
    if before == user {
        return Ok(true);
    }
    tx.execute(
        "DELETE FROM office_assignee WHERE contract = $1 AND obligation = $2",
        args![contract, obligation],
    )
    .await?;
    if !user.is_empty() {
        tx.execute(
            "INSERT INTO office_assignee (contract, obligation, user_id, assigned_ms) \
             VALUES ($1, $2, $3, $4)",
            args![contract, obligation, user, now],
        )
        .await?;
    }
    let payload = json!({ "obligation": obligation, "user": user, "before": before });
    let record = NewRecord::new(
        contract,
        now,
        visitor.actor(),
        ASSIGNED,
        format!("obligation:{obligation}"),
        &payload,
    )?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    Ok(true)
}
