//! Which account of the provider belongs to which account here.

use jiff::Timestamp;
use mamori_kernel::ledger::Actor;
use mamori_runtime::App;
use mamori_store::{Tx, args};

use super::{OidcError, settings};
use crate::account::{self, Account, AccountError};

/// Somebody as the provider names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Its own number of the person.
    pub subject: String,
    /// For people to recognise the link by; nothing is compared with it.
    pub email: Option<String>,
}

/// A link, as pages show it.
#[derive(Debug, Clone)]
pub struct Link {
    /// What the provider calls the account: its address, or its number.
    pub shown: String,
    /// Since when.
    pub linked_at: Timestamp,
    /// When it last let somebody in.
    pub used_at: Option<Timestamp>,
}

/// The link of an account to the provider of this installation.
pub async fn of(app: &App, user: &str) -> Result<Option<Link>, mamori_store::Error> {
    let Ok(oidc) = settings(app) else {
        return Ok(None);
    };
    let row = app
        .db
        .fetch_optional(
            "SELECT subject, email, linked_at, used_at FROM oidc_identity \
             WHERE user_id = $1 AND issuer = $2",
            args![user, &oidc.issuer],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Link {
        shown: match row.get::<Option<String>>("email")? {
            Some(email) => email,
            None => row.text("subject")?,
        },
        linked_at: row.get("linked_at")?,
        used_at: row.get("used_at")?,
    }))
}

/// The account that may be signed in to with this identity; notes that it was used.
pub(super) async fn account_of(app: &App, identity: &Identity) -> Result<Account, OidcError> {
    let row = app
        .db
        .fetch_optional(
            "SELECT user_id FROM oidc_identity WHERE issuer = $1 AND subject = $2",
            args![&identity.issuer, &identity.subject],
        )
        .await?
        .ok_or(OidcError::NotLinked)?;
    let account = account::by_id(app, &row.text("user_id")?).await?;
    if account.disabled_at.is_some() {
        return Err(OidcError::NotLinked);
    }
    app.db
        .execute(
            "UPDATE oidc_identity SET used_at = $1, email = $2 WHERE issuer = $3 AND subject = $4",
            args![
                app.now(),
                identity.email.clone(),
                &identity.issuer,
                &identity.subject
            ],
        )
        .await?;
    Ok(account)
}

/// Links within a transaction; false when either side is linked already.
pub(crate) async fn insert(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    account: &Account,
    identity: &Identity,
) -> Result<bool, AccountError> {
    let inserted = tx
        .execute(
            "INSERT INTO oidc_identity (issuer, subject, user_id, email, linked_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            args![
                &identity.issuer,
                &identity.subject,
                account.id.to_string(),
                identity.email.clone(),
                app.now()
            ],
        )
        .await?;
    if inserted == 1 {
        account::record(app, tx, actor, account::USER_ADDED, account, "oidc-linked").await?;
    }
    Ok(inserted == 1)
}

/// Links the identity to the account.
pub(super) async fn add(
    app: &App,
    actor: Actor,
    account: &Account,
    identity: &Identity,
) -> Result<(), OidcError> {
    let mut tx = app.db.begin_write().await?;
    if !insert(app, &mut tx, actor, account, identity).await? {
        return Err(OidcError::Taken);
    }
    tx.commit().await?;
    Ok(())
}

/// Ends the account's link; whether there was one. Its sessions go on.
pub async fn remove(app: &App, actor: Actor, account: &Account) -> Result<bool, AccountError> {
    let mut tx = app.db.begin_write().await?;
    let removed = tx
        .execute(
            "DELETE FROM oidc_identity WHERE user_id = $1",
            args![account.id.to_string()],
        )
        .await?;
    if removed > 0 {
        account::record(
            app,
            &mut tx,
            actor,
            account::USER_ADDED,
            account,
            "oidc-unlinked",
        )
        .await?;
    }
    tx.commit().await?;
    Ok(removed > 0)
}
