//! Tokens for programs: what they may do, all SQL about them.
//!
//! A token made by a person acts with that person's role and rights as they are at the moment of
//! use, narrowed by its scopes and contracts; it ends with the person's account. A token made on
//! the command line has a role of its own. Only a digest is stored.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::evidence::{USER_ADDED, USER_REMOVED};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, Guard, SYSTEM_CHAIN, Secret};
use mamori_store::{Row, Tx, args};
use serde_json::json;

use crate::account::AccountError;
use crate::token;

/// `last_used_at` is written at most this often: reading should not write to the database.
const USED_STEP: SignedDuration = SignedDuration::from_mins(1);

/// One permission that a token may use: `work.write`, `work.*`, `*.read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    area: String,
    access: String,
}

impl Scope {
    /// Whether it covers a permission.
    pub fn covers(&self, permission: Permission) -> bool {
        (self.area == "*" || self.area == permission.area)
            && (self.access == "*" || self.access == permission.access.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.area, self.access)
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (area, access) = text.split_once('.').ok_or(())?;
        let fits = |word: &str| {
            word == "*"
                || (!word.is_empty()
                    && word.len() <= 40
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b"_-".contains(&b)))
        };
        if fits(area) && fits(access) {
            Ok(Self {
                area: area.to_owned(),
                access: access.to_owned(),
            })
        } else {
            Err(())
        }
    }
}

/// What narrows a token: nothing named means nothing narrowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Permissions.
    pub scopes: Vec<Scope>,
    /// Contracts.
    pub contracts: Vec<String>,
}

impl Limits {
    /// Whether a request about `contract` (none: about the installation) may use `permission`.
    /// A token of some contracts sees nothing of the installation but which contracts these are.
    pub fn allow(&self, permission: Permission, contract: Option<&str>) -> bool {
        let in_scope =
            self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.covers(permission));
        let there = match contract {
            Some(contract) => self.reaches(contract),
            None => self.contracts.is_empty() || permission == Permission::read("contract"),
        };
        in_scope && there
    }

    /// Whether the token may come to a contract.
    pub fn reaches(&self, contract: &str) -> bool {
        self.contracts.is_empty() || self.contracts.iter().any(|each| each == contract)
    }

    fn read(row: &Row) -> Result<Self, mamori_store::Error> {
        let words =
            |text: String| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let scopes = words(row.text("scopes")?)
            .iter()
            .map(|word| {
                word.parse().map_err(|()| mamori_store::Error::Corrupt {
                    detail: "api_token: scopes".to_owned(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            scopes,
            contracts: words(row.text("contracts")?),
        })
    }

    fn scope_words(&self) -> Vec<String> {
        self.scopes.iter().map(ToString::to_string).collect()
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Short public id; what the ledger and the list show.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Its role; that of its maker when it was made.
    pub role: Role,
    /// The account that made it; none when it was made on the command line.
    pub made_by: Option<String>,
    /// What narrows it.
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, role, user_id, scopes, contracts, created_at, expires_at, \
     revoked_at, last_used_at";

fn read(row: &Row) -> Result<ApiToken, mamori_store::Error> {
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        role: row
            .text("role")?
            .parse()
            .map_err(|_| mamori_store::Error::Corrupt {
                detail: "api_token: role".to_owned(),
            })?,
        made_by: row.get("user_id")?,
        limits: Limits::read(row)?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// Role of its own, or its maker's.
    pub role: Role,
    /// The account that makes it.
    pub made_by: Option<String>,
    /// What narrows it.
    pub limits: Limits,
    /// How long it lives.
    pub life: SignedDuration,
    /// The same key twice makes one.
    pub key: Option<String>,
}

/// All permissions that routes ask for; a scope that covers none of them is a mistake.
pub fn known_permissions(app: &App) -> Vec<Permission> {
    let mut known: Vec<Permission> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.routes)
        .filter_map(|route| match route.guard {
            Guard::Needs(permission) => Some(permission),
            Guard::Public | Guard::SignedIn => None,
        })
        .collect();
    known.sort();
    known.dedup();
    known
}

/// Makes a token; the secret is given once and kept as a digest only. Without a secret: the same
/// key made it before.
pub async fn issue(
    app: &App,
    actor: Actor,
    new: NewToken,
) -> Result<(ApiToken, Option<Secret>), AccountError> {
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    if let (Some(key), Some(maker)) = (&new.key, &new.made_by) {
        let sql =
            format!("SELECT {COLUMNS} FROM api_token WHERE user_id = $1 AND request_key = $2");
        if let Some(row) = tx.fetch_optional(&sql, args![maker, key]).await? {
            return Ok((read(&row)?, None));
        }
    }
    let secret = token::new();
    let made = ApiToken {
        id: hex::encode(rand::random::<[u8; 6]>()),
        name: new.name.trim().chars().take(60).collect(),
        role: new.role,
        made_by: new.made_by,
        limits: new.limits,
        created_at: now,
        expires_at: now.checked_add(new.life).unwrap_or(Timestamp::MAX),
        revoked_at: None,
        last_used_at: None,
    };
    tx.execute(
        "INSERT INTO api_token (token_hash, id, name, role, user_id, scopes, contracts, \
         created_at, expires_at, request_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        args![
            token::digest(secret.expose()),
            &made.id,
            &made.name,
            made.role.as_str(),
            made.made_by.clone(),
            made.limits.scope_words().join(" "),
            made.limits.contracts.join(" "),
            now,
            made.expires_at,
            new.key
        ],
    )
    .await?;
    record(app, &mut tx, actor, USER_ADDED, &made).await?;
    tx.commit().await?;
    Ok((made, Some(secret)))
}

async fn record(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    kind: &'static str,
    token: &ApiToken,
) -> Result<(), AccountError> {
    // What was ended has its own word: a kind alone is not what people read.
    let act = if kind == USER_REMOVED {
        "token-ended"
    } else {
        "token"
    };
    let mut payload = json!({ "token": token.id, "role": token.role.as_str(), "act": act });
    if token.limits != Limits::default() {
        payload["scopes"] = json!(token.limits.scope_words());
        payload["contracts"] = json!(token.limits.contracts);
    }
    let record = NewRecord::new(SYSTEM_CHAIN, app.now(), actor, kind, &token.id, &payload)?;
    app.append(tx, record).await?;
    Ok(())
}

/// Tokens, newest first: all of them, or those of one account.
pub async fn list(app: &App, of: Option<&str>) -> Result<Vec<ApiToken>, AccountError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_token WHERE $1 = '' OR user_id = $1 \
         ORDER BY created_at DESC, id"
    );
    let rows = app.db.fetch_all(&sql, args![of.unwrap_or("")]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Ends a token: any, or one of one account.
pub async fn revoke(
    app: &App,
    actor: Actor,
    id: &str,
    of: Option<&str>,
) -> Result<ApiToken, AccountError> {
    let mut found = list(app, of)
        .await?
        .into_iter()
        .find(|token| token.id == id)
        .ok_or_else(|| AccountError::UnknownToken(id.to_owned()))?;
    if found.revoked_at.is_some() {
        return Ok(found);
    }
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "UPDATE api_token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL",
        args![now, id],
    )
    .await?;
    record(app, &mut tx, actor, USER_REMOVED, &found).await?;
    tx.commit().await?;
    found.revoked_at = Some(now);
    Ok(found)
}

/// The account behind a token that a person made, as it is now.
pub(crate) struct Maker {
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) everywhere: bool,
}

/// The token that a request carries, with its maker; none when it is unknown, ended, or its
/// maker's account is disabled.
pub(crate) async fn bearer(
    app: &App,
    bearer: &str,
) -> Result<Option<(ApiToken, Option<Maker>)>, mamori_store::Error> {
    let now = app.now();
    let sql = format!(
        "SELECT {COLUMNS} FROM api_token \
         WHERE token_hash = $1 AND expires_at > $2 AND revoked_at IS NULL"
    );
    let row = app
        .db
        .fetch_optional(&sql, args![token::digest(bearer), now])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let found = read(&row)?;
    let maker = match &found.made_by {
        None => None,
        Some(id) => {
            let row = app
                .db
                .fetch_optional(
                    "SELECT role, every_contract FROM user_account \
                     WHERE id = $1 AND disabled_at IS NULL",
                    args![id],
                )
                .await?;
            let Some(row) = row else { return Ok(None) };
            let Ok(role) = row.text("role")?.parse() else {
                return Ok(None);
            };
            Some(Maker {
                id: id.clone(),
                role,
                everywhere: row.i64("every_contract")? == 1,
            })
        }
    };
    let old = found
        .last_used_at
        .is_none_or(|at| now.duration_since(at) >= USED_STEP);
    if old {
        app.db
            .execute(
                "UPDATE api_token SET last_used_at = $1 WHERE id = $2",
                args![now, &found.id],
            )
            .await?;
    }
    Ok(Some((found, maker)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(scopes: &[&str], contracts: &[&str]) -> Limits {
        Limits {
            scopes: scopes
                .iter()
                .map(|text| text.parse().expect("a scope"))
                .collect(),
            contracts: contracts.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn scopes_narrow_and_never_widen() {
        let work = limits(&["work.write", "*.read"], &[]);
        assert!(work.allow(Permission::write("work"), Some("a")));
        assert!(work.allow(Permission::read("document"), Some("a")));
        assert!(!work.allow(Permission::write("document"), Some("a")));
        assert!(!work.allow(Permission::decide("work"), Some("a")));
        assert!(limits(&["work.*"], &[]).allow(Permission::administer("work"), None));
        for wrong in [
            "",
            "work",
            "work.",
            ".read",
            "Work.read",
            "work.read.x",
            "w*.read",
        ] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_a_contract_sees_only_it() {
        let only = limits(&[], &["a"]);
        assert!(only.allow(Permission::write("work"), Some("a")));
        assert!(!only.allow(Permission::read("work"), Some("b")));
        assert!(only.allow(Permission::read("contract"), None));
        assert!(!only.allow(Permission::administer("contract"), None));
        assert!(!only.allow(Permission::read("user"), None));
    }
}
