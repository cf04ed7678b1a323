//! What happens around accounts, in the chain of the installation: links that let somebody in,
//! sessions that begin and end, sign-ins that were refused, a person's own feeds.
//!
//! [`crate::account::record`] leaves what changes an account itself. Nothing here holds a name, an
//! address or a secret: accounts and links stand by their ids.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::evidence::{EvidenceKind, USER_ADDED, USER_SESSION};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_runtime::{App, SYSTEM_CHAIN};
use mamori_store::{Tx, args};
use serde_json::{Value, json};

use crate::account::{self, Account, AccountError};
use crate::invitation::{Invitation, Purpose};

/// Acts that the records of the chain name; each has words of its own, `act-…` of the texts.
#[cfg(test)]
pub(crate) const ACTS: [&str; 33] = [
    "added",
    "enabled",
    "disabled",
    "role",
    "scope",
    "password",
    "profile",
    "second-factor-on",
    "second-factor-off",
    "recovery-codes",
    "passkey-added",
    "passkey-removed",
    "oidc-linked",
    "oidc-unlinked",
    "mail-asked",
    "mail-changed",
    "mail-removed",
    "token",
    "token-ended",
    "invitation-made",
    "invitation-mailed",
    "invitation-revoked",
    "reset-made",
    "reset-mailed",
    "reset-revoked",
    "feed-opened",
    "feed-closed",
    "signed-in",
    "signed-out",
    "session-ended",
    "other-sessions-ended",
    "sessions-ended",
    "sign-in-refused",
];

async fn append(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    kind: &'static str,
    subject: &str,
    payload: &Value,
) -> Result<(), AccountError> {
    let record = NewRecord::new(SYSTEM_CHAIN, app.now(), actor, kind, subject, payload)?;
    app.append(tx, record).await?;
    Ok(())
}

/// A link was made, mailed or revoked.
pub(crate) async fn link(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    link: &Invitation,
    what: &str,
) -> Result<(), AccountError> {
    let (subject, payload) = match &link.purpose {
        Purpose::Join { role, .. } => (
            &link.id,
            json!({
                "invitation": link.id,
                "role": role.as_str(),
                "act": format!("invitation-{what}"),
            }),
        ),
        Purpose::Reset { user } => (
            user,
            json!({
                "invitation": link.id,
                "user": user,
                "role": role_of(tx, user).await?,
                "act": format!("reset-{what}"),
            }),
        ),
    };
    append(app, tx, actor, USER_ADDED, subject, &payload).await
}

/// The account's role as it is written; read in the transaction that writes about it.
async fn role_of(tx: &mut Tx, user: &str) -> Result<String, mamori_store::Error> {
    let sql = "SELECT role FROM user_account WHERE id = $1";
    let row = tx.fetch_optional(sql, args![user]).await?;
    row.map_or_else(|| Ok(String::new()), |row| row.text("role"))
}

/// A session began; how the person proved who they are.
pub(crate) async fn signed_in(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    method: &str,
) -> Result<(), AccountError> {
    let user = account.id.to_string();
    let payload = json!({
        "user": user,
        "role": account.role.as_str(),
        "act": "signed-in",
        "method": method,
    });
    let actor = Actor::person(&user);
    append(app, tx, actor, USER_SESSION, &user, &payload).await
}

/// Sessions of an account ended by a person's act.
pub(crate) async fn ended(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    user: &str,
    act: &str,
) -> Result<(), AccountError> {
    let payload = json!({ "user": user, "role": role_of(tx, user).await?, "act": act });
    append(app, tx, actor, USER_SESSION, user, &payload).await
}

/// What somebody did for themselves on a contract, such as opening the feed of a calendar.
pub async fn own(
    app: &App,
    tx: &mut Tx,
    user: &str,
    contract: &str,
    act: &str,
) -> Result<(), AccountError> {
    let payload = json!({
        "user": user,
        "role": role_of(tx, user).await?,
        "contracts": [contract],
        "act": act,
    });
    let actor = Actor::person(user);
    append(app, tx, actor, USER_ADDED, user, &payload).await
}

/// One record of a refusal is enough for this long.
const REFUSED_STEP: SignedDuration = SignedDuration::from_hours(1);

/// When the last record of a refused sign-in was written, by account; the empty key stands for all
/// names that nobody has.
#[derive(Default)]
struct Told(Mutex<HashMap<String, Timestamp>>);

impl Told {
    /// Whether it is time for a record about this key; it counts as written.
    fn due(&self, key: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = told
            .get(key)
            .is_some_and(|at| *at <= now && now.duration_since(*at) < REFUSED_STEP);
        if !recent {
            told.insert(key.to_owned(), now);
        }
        !recent
    }
}

/// Sign-in was refused because too much failed before.
///
/// Whoever can reach the page can fail as often as they like, and a chain forgets nothing. So a
/// wrong password alone leaves no record, only a reached limit does; and of those one an hour for
/// each account that exists, and one for all other names together. However many names and
/// addresses an attacker has, the chain grows by no more than accounts times hours.
pub(crate) async fn refused(app: &App, name: &str) -> Result<(), AccountError> {
    let account = match account::find(app, name).await {
        Ok(account) => Some(account),
        Err(AccountError::Unknown(_)) => None,
        Err(error) => return Err(error),
    };
    let key = account
        .as_ref()
        .map_or_else(String::new, |account| account.id.to_string());
    if !app.slot_or_default::<Told>().due(&key, app.now()) {
        return Ok(());
    }
    let mut payload = json!({ "act": "sign-in-refused" });
    if let Some(account) = &account {
        payload["user"] = json!(key);
        payload["role"] = json!(account.role.as_str());
    }
    let subject = if key.is_empty() { "sign-in" } else { &key };
    let mut tx = app.db.begin_write().await?;
    let actor = Actor::machine("sign-in");
    append(app, &mut tx, actor, USER_SESSION, subject, &payload).await?;
    tx.commit().await?;
    Ok(())
}

/// The evidence of sessions.
pub(crate) fn evidence() -> EvidenceKind {
    EvidenceKind {
        kind: USER_SESSION,
        version: 1,
        title_ja: "サインインと終了",
        fields: &[
            ("user?", "利用者の番号"),
            ("role?", "役割"),
            ("method?", "本人を確かめた方法"),
            ("act", "行為"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_an_hour_is_due_for_each_key() {
        let told = Told::default();
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("in range");
        assert!(told.due("u1", at(0)));
        assert!(!told.due("u1", at(59)));
        assert!(told.due("", at(59)));
        assert!(told.due("u1", at(60)));
        // The clock was set back.
        assert!(told.due("u1", at(10)));
    }
}
