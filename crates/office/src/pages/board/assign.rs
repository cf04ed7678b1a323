//! Who answers for an obligation: a small table, a record for every change, and the form that names
//! somebody. Names are shown to those who work on the contract, not to lookers-on.

use std::collections::BTreeMap;

use mamori_kernel::ledger::NewRecord;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::App;
use mamori_store::args;
use mamori_web::colleague::{self, Colleague};
use mamori_web::{Field, Page, Visitor, WebError};
use serde::Deserialize;
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
            Some(id) => self.called(page, id),
        }
    }

    fn called(&self, page: &Page, id: &str) -> String {
        if id.is_empty() {
            return page.t("board-who-nobody");
        }
        self.colleagues
            .iter()
            .find(|colleague| colleague.id == id)
            .map_or_else(|| page.t("board-who-gone"), |one| one.name.clone())
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

/// How naming somebody ended.
pub enum Outcome {
    /// The person answers for it now; naming the same one again changes nothing.
    Named,
    /// There is no such person to choose.
    Unknown,
    /// Somebody else named another one since the form was opened. Nothing was changed.
    MovedOn,
}

/// Makes a person responsible for an obligation, or nobody when `user` is empty. `seen` is who
/// answered for it when the choice was made, if that is known.
pub async fn assign(
    app: &App,
    visitor: &Visitor,
    (contract, obligation): (&str, &str),
    user: &str,
    seen: Option<&str>,
) -> Result<Outcome, WebError> {
    if !user.is_empty() {
        let found = colleague::find(app, contract, user).await?;
        if !found.is_some_and(|one| is_assignable(one.role)) {
            return Ok(Outcome::Unknown);
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
        return Ok(Outcome::Named);
    }
    if seen.is_some_and(|seen| seen != before) {
        return Ok(Outcome::MovedOn);
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
    Ok(Outcome::Named)
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct Sent {
    #[serde(default)]
    person: String,
    /// Who answered for it when the form was opened.
    was: Option<String>,
}

impl Sent {
    /// The account that was chosen; empty: nobody.
    pub fn person(&self) -> &str {
        self.person.trim()
    }

    /// Who answered for it when the form was opened.
    pub fn was(&self) -> Option<&str> {
        self.was.as_deref()
    }
}

/// The form as it is shown.
pub struct PersonForm {
    /// The choice.
    pub field: Field,
    /// Who answers for it now, hidden beside the choice.
    pub was: String,
    /// Somebody else named another one meanwhile: who answers for it now, and who was chosen here.
    pub stale: Option<[String; 2]>,
    /// It came back and is not folded away.
    pub open: bool,
}

impl PersonForm {
    /// The form as the obligation stands, or as it came back.
    pub fn new(page: &Page, people: &People, key: &str, back: Option<&(Sent, Outcome)>) -> Self {
        let now = people.of(key).unwrap_or_default();
        let options = std::iter::once((String::new(), page.t("board-who-nobody"))).chain(
            people
                .assignable()
                .map(|one| (one.id.clone(), one.name.clone())),
        );
        let chosen = back.map_or(now, |(sent, _)| sent.person());
        let mut field = Field::select("person", page.t("board-who"), options)
            .value(chosen)
            .of_form("person");
        let mut stale = None;
        match back {
            Some((_, Outcome::Unknown)) => field.error = page.t("board-who-wrong"),
            Some((_, Outcome::MovedOn)) => {
                stale = Some([people.called(page, now), people.called(page, chosen)]);
            }
            Some((_, Outcome::Named)) | None => {}
        }
        Self {
            field,
            was: now.to_owned(),
            stale,
            open: back.is_some(),
        }
    }
}
