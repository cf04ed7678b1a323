//! Links that let somebody in: an invitation makes an account, a reset link sets a new password.
//!
//! The secret stands in the link alone; the database holds its digest. A link works once, for seven
//! days, and not after it was revoked. The row is locked while it is used, so that of two uses at
//! once one wins.

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Notification, Secret};
use mamori_store::{Row, Tx, args};

use crate::account::{self, Account, AccountError, NewAccount, Scope};
use crate::mail_address::{self, MailAddressError};
use crate::oidc::links::{self, Identity};
use crate::{passkey, password, token, trail};

/// A link works for this long.
pub const VALID_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Makes an account with these rights.
    Join {
        /// Its own role.
        role: Role,
        /// Where its rights hold.
        scope: Scope,
    },
    /// Sets a new password for the account of that id.
    Reset {
        /// Id of the account.
        user: String,
    },
}

/// A link that was made.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Id in lists.
    pub id: String,
    /// Name for pages, as whoever invited wrote it.
    pub display_name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whoever made it, as the ledger names them.
    pub made_by: Actor,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where it was sent; whoever uses it reads mail there.
    pub mail: Option<String>,
}

const COLUMNS: &str = "id, purpose, user_id, display_name, role, every_contract, memberships, \
                       made_by, made_at, expires_at, mail";
/// Rows that still open something; the parameter is the present instant.
const OPEN: &str = "used_at IS NULL AND revoked_at IS NULL AND expires_at > $1";

impl Invitation {
    fn read(row: &Row) -> Result<Self, mamori_store::Error> {
        let corrupt = |what: &str| mamori_store::Error::Corrupt {
            detail: format!("invitation: {what}"),
        };
        let purpose = if row.text("purpose")? == "reset" {
            Purpose::Reset {
                user: row.text("user_id")?,
            }
        } else {
            let scope = if row.bool("every_contract")? {
                Scope::EveryContract
            } else {
                let list: Vec<(String, String)> = serde_json::from_str(&row.text("memberships")?)
                    .map_err(|_| corrupt("memberships"))?;
                Scope::Contracts(
                    list.into_iter()
                        .filter_map(|(contract, role)| Some((contract, role.parse().ok()?)))
                        .collect(),
                )
            };
            Purpose::Join {
                role: row.text("role")?.parse().map_err(|_| corrupt("role"))?,
                scope,
            }
        };
        Ok(Self {
            id: row.get("id")?,
            display_name: row.get("display_name")?,
            purpose,
            made_by: row
                .text("made_by")?
                .parse()
                .map_err(|_| corrupt("made_by"))?,
            made_at: row.get("made_at")?,
            expires_at: row.get("expires_at")?,
            mail: row.get("mail")?,
        })
    }
}

/// The path of a link.
pub fn path(secret: &Secret) -> Secret {
    Secret::new(format!("/invitation/{}", secret.expose()))
}

/// The whole address of a link.
pub fn address(app: &App, secret: &Secret) -> Secret {
    Secret::new(format!("{}{}", passkey::origin(app), path(secret).expose()))
}

/// Makes a link. An older reset link for the same account ends.
pub async fn make(
    app: &App,
    made_by: &Actor,
    display_name: &str,
    purpose: &Purpose,
) -> Result<Secret, AccountError> {
    let (_, secret) = make_once(app, made_by, display_name, purpose, None).await?;
    Ok(secret.expect("without a key a link is always new"))
}

/// Makes a link; without a secret, the same key of the same maker made it before.
pub(crate) async fn make_once(
    app: &App,
    made_by: &Actor,
    display_name: &str,
    purpose: &Purpose,
    key: Option<&str>,
) -> Result<(Invitation, Option<Secret>), AccountError> {
    let mut tx = app.db.begin_write().await?;
    if let Some(key) = key {
        let sql =
            format!("SELECT {COLUMNS} FROM invitation WHERE made_by = $1 AND request_key = $2");
        let args = args![made_by.to_string(), key];
        if let Some(row) = tx.fetch_optional(&sql, args).await? {
            return Ok((Invitation::read(&row)?, None));
        }
    }
    let link = new(app, made_by, display_name, purpose);
    let secret = insert(&mut tx, &link, key).await?;
    trail::link(app, &mut tx, made_by.clone(), &link, "made").await?;
    tx.commit().await?;
    Ok((link, Some(secret)))
}

/// A link as it will be, before it is written.
fn new(app: &App, made_by: &Actor, display_name: &str, purpose: &Purpose) -> Invitation {
    let now = app.now();
    Invitation {
        id: hex::encode(rand::random::<[u8; 6]>()),
        display_name: crate::name::shown(display_name),
        purpose: purpose.clone(),
        made_by: made_by.clone(),
        made_at: now,
        expires_at: now.checked_add(VALID_FOR).unwrap_or(Timestamp::MAX),
        mail: None,
    }
}

/// Makes a link and sends it to a mail address; nobody else sees it.
pub async fn send(
    app: &App,
    made_by: &Actor,
    display_name: &str,
    purpose: &Purpose,
    to: &str,
) -> Result<(), MailAddressError> {
    let mut tx = app.db.begin_write().await?;
    let made = Invitation {
        mail: Some(to.to_owned()),
        ..new(app, made_by, display_name, purpose)
    };
    let secret = insert(&mut tx, &made, None).await?;
    let link = address(app, &secret);
    let (subject, what) = match purpose {
        Purpose::Join { .. } => ("【Mamori】利用者の招待", "Mamori に招かれています。"),
        Purpose::Reset { .. } => (
            "【Mamori】パスワードの再設定",
            "管理者が、パスワードの再設定リンクを作りました。",
        ),
    };
    let mail = Notification {
        to: vec![to.to_owned()],
        subject: subject.to_owned(),
        body: format!(
            "{}さん\n\n{what}次のアドレスを開いてください。7 日間、1 回だけ使えます。\n{}\n\n\
             心当たりがないときは、開かずに管理者へ知らせてください。\n",
            crate::name::shown(display_name),
            link.expose()
        ),
        ..Notification::default()
    };
    app.notify(&mut tx, &mail).await?;
    trail::link(app, &mut tx, made_by.clone(), &made, "mailed").await?;
    tx.commit().await?;
    Ok(())
}

async fn insert(tx: &mut Tx, made: &Invitation, key: Option<&str>) -> Result<Secret, AccountError> {
    let secret = token::new();
    let (kind, user, role, scope) = match &made.purpose {
        Purpose::Join { role, scope } => ("join", None, role.as_str(), scope.clone()),
        Purpose::Reset { user } => (
            "reset",
            Some(user.clone()),
            "",
            Scope::Contracts(Vec::new()),
        ),
    };
    let memberships: Vec<(&str, &str)> = match &scope {
        Scope::EveryContract => Vec::new(),
        Scope::Contracts(list) => list
            .iter()
            .map(|(contract, role)| (contract.as_str(), role.as_str()))
            .collect(),
    };
    if let Some(user) = &user {
        tx.execute(
            "UPDATE invitation SET revoked_at = $1 \
             WHERE user_id = $2 AND used_at IS NULL AND revoked_at IS NULL",
            args![made.made_at, user],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO invitation (id, token_hash, purpose, user_id, display_name, role, \
         every_contract, memberships, made_by, made_at, expires_at, mail, request_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        args![
            &made.id,
            token::digest(secret.expose()),
            kind,
            user,
            &made.display_name,
            role,
            scope == Scope::EveryContract,
            serde_json::to_string(&memberships).expect("pairs of texts become JSON"),
            made.made_by.to_string(),
            made.made_at,
            made.expires_at,
            made.mail.clone(),
            key
        ],
    )
    .await?;
    Ok(secret)
}

/// Links that still open something, newest first.
pub async fn open_ones(app: &App) -> Result<Vec<Invitation>, mamori_store::Error> {
    let sql = format!("SELECT {COLUMNS} FROM invitation WHERE {OPEN} ORDER BY made_at DESC, id");
    let rows = app.db.fetch_all(&sql, args![app.now()]).await?;
    rows.iter().map(Invitation::read).collect()
}

/// The link of that secret, if it still opens something.
pub async fn find(app: &App, secret: &str) -> Result<Option<Invitation>, mamori_store::Error> {
    let sql = format!("SELECT {COLUMNS} FROM invitation WHERE {OPEN} AND token_hash = $2");
    let row = app
        .db
        .fetch_optional(&sql, args![app.now(), token::digest(secret)])
        .await?;
    row.as_ref().map(Invitation::read).transpose()
}

/// Ends a link that was not used; whether there was one.
pub async fn revoke(app: &App, actor: Actor, id: &str) -> Result<bool, AccountError> {
    let mut tx = app.db.begin_write().await?;
    let find = format!("SELECT {COLUMNS} FROM invitation WHERE {OPEN} AND id = $2");
    let Some(row) = tx.fetch_optional(&find, args![app.now(), id]).await? else {
        return Ok(false);
    };
    let sql = format!("UPDATE invitation SET revoked_at = $1 WHERE id = $2 AND {OPEN}");
    if tx.execute(&sql, args![app.now(), id]).await? == 0 {
        return Ok(false);
    }
    trail::link(app, &mut tx, actor, &Invitation::read(&row)?, "revoked").await?;
    tx.commit().await?;
    Ok(true)
}

/// Uses a link: `name` and `display_name` are read for an invitation only. `None`: the link opens
/// nothing (any more).
pub async fn accept(
    app: &App,
    secret: &str,
    name: &str,
    display_name: &str,
    password: Secret,
) -> Result<Option<Account>, AccountError> {
    accept_as(app, secret, name, display_name, password, None).await
}

/// The same, with the new account linked to somebody as the provider names them. `None` too when
/// that person is linked already.
pub(crate) async fn accept_as(
    app: &App,
    secret: &str,
    name: &str,
    display_name: &str,
    password: Secret,
    identity: Option<&Identity>,
) -> Result<Option<Account>, AccountError> {
    let Some(found) = find(app, secret).await? else {
        return Ok(None);
    };
    let use_up = format!("UPDATE invitation SET used_at = $1 WHERE id = $2 AND {OPEN}");
    let actor = found.made_by.clone();
    match &found.purpose {
        Purpose::Join { role, scope } => {
            let new = NewAccount {
                name: name.to_owned(),
                display_name: display_name.to_owned(),
                role: *role,
                password,
            };
            let prepared = account::prepare(app, new).await?;
            let mut tx = app.db.begin_write().await?;
            if tx.execute(&use_up, args![app.now(), &found.id]).await? == 0 {
                return Ok(None);
            }
            let account = account::insert(app, &mut tx, actor, prepared).await?;
            account::write_scope(app, &mut tx, &account, scope).await?;
            if let Some(mail) = &found.mail {
                let user = account.id.to_string();
                mail_address::insert_verified(&mut tx, &user, mail, app.now()).await?;
            }
            if let Some(identity) = identity {
                let own = Actor::person(account.id.to_string());
                if !links::insert(app, &mut tx, own, &account, identity).await? {
                    return Ok(None);
                }
            }
            tx.commit().await?;
            Ok(Some(account))
        }
        Purpose::Reset { user } => {
            let account = account::by_id(app, user).await?;
            if account.disabled_at.is_some() {
                return Ok(None);
            }
            account::check_password(app, &password, &account.name).await?;
            let hash = password::hash(&password).await;
            let mut tx = app.db.begin_write().await?;
            if tx.execute(&use_up, args![app.now(), &found.id]).await? == 0 {
                return Ok(None);
            }
            account::write_password(app, &mut tx, actor, &account, &hash).await?;
            tx.commit().await?;
            Ok(Some(account))
        }
    }
}
