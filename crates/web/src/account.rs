//! People who sign in, and tokens for programs: all SQL about them.
//!
//! Names and roles are personal data: the ledger's `user.added` and `user.removed` name the
//! account by its id, role and nothing else.

use jiff::{SignedDuration, Timestamp};
pub(crate) use mamori_kernel::evidence::USER_ADDED;
use mamori_kernel::evidence::{EvidenceKind, USER_REMOVED};
use mamori_kernel::given;
use mamori_kernel::ids::UserId;
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord};
use mamori_kernel::permission::Role;
use mamori_runtime::{App, SYSTEM_CHAIN, Secret};
use mamori_store::{Row, Tx, args};
use serde_json::json;

use crate::api::tokens::{self, ApiToken, Limits, NewToken};
use crate::breach::{self, ListError};
pub use crate::name::check_name;
use crate::name::shown;
use crate::password::{self, Weakness};
use crate::{second, trail};

/// An account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The password is too weak.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The name is not one.
    #[error(
        "{}。英小文字・数字・. _ - で 2〜32 文字、先頭は英字にしてください",
        given::wrong(.0, "は利用者名に使えません")
    )]
    Name(String),
    /// The name is taken.
    #[error("利用者名「{0}」はすでに使われています。別の名前にしてください")]
    Taken(String),
    /// There is no such user.
    #[error("利用者「{0}」はいません。mamori user list で確かめてください")]
    Unknown(String),
    /// Nobody could administer any more.
    #[error(
        "ほかに有効な管理者がいないので、この利用者を止めたり役割を変えたりできません。先に別の管理者を置いてください"
    )]
    LastAdministrator,
    /// The installation's list of breached passwords cannot be used.
    #[error(transparent)]
    Breached(#[from] ListError),
    /// There is no such token.
    #[error("トークン「{0}」はありません。mamori user token list で確かめてください")]
    UnknownToken(String),
    /// A record about it breaks the ledger's rules.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Id; what the ledger names.
    pub id: UserId,
    /// Name for signing in.
    pub name: String,
    /// Name on pages.
    pub display_name: String,
    /// Role.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it cannot sign in.
    pub disabled_at: Option<Timestamp>,
    /// When somebody last signed in with it.
    pub signed_in_at: Option<Timestamp>,
    /// Whether its own role holds for every contract.
    pub every_contract: bool,
}

const COLUMNS: &str =
    "id, name, display_name, role, created_at, disabled_at, signed_in_at, every_contract";

impl Account {
    fn read(row: &Row) -> Result<Self, mamori_store::Error> {
        let corrupt = |what: &str| mamori_store::Error::Corrupt {
            detail: format!("user_account: {what}"),
        };
        Ok(Self {
            id: row.text("id")?.parse().map_err(|_| corrupt("id"))?,
            name: row.get("name")?,
            display_name: row.get("display_name")?,
            role: row.text("role")?.parse().map_err(|_| corrupt("role"))?,
            created_at: row.get("created_at")?,
            disabled_at: row.get("disabled_at")?,
            signed_in_at: row.get("signed_in_at")?,
            every_contract: row.bool("every_contract")?,
        })
    }
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Name for signing in.
    pub name: String,
    /// Name on pages; the sign-in name when empty.
    pub display_name: String,
    /// Role.
    pub role: Role,
    /// Password; checked here.
    pub password: Secret,
}

/// Refuses a password that is weak or on the installation's list of breached ones.
pub async fn check_password(app: &App, password: &Secret, name: &str) -> Result<(), AccountError> {
    password::check(password.expose(), name)?;
    if breach::holds(app, password).await? {
        return Err(Weakness::Breached.into());
    }
    Ok(())
}

/// An account that was checked and can be written.
#[derive(Debug)]
pub(crate) struct Prepared {
    account: Account,
    hash: String,
}

/// Checks a new account. Outside a transaction: hashing takes long.
pub(crate) async fn prepare(app: &App, new: NewAccount) -> Result<Prepared, AccountError> {
    check_name(&new.name)?;
    check_password(app, &new.password, &new.name).await?;
    let hash = password::hash(&new.password).await;
    let now = app.now();
    let display_name = match shown(&new.display_name) {
        text if text.is_empty() => new.name.clone(),
        text => text,
    };
    let account = Account {
        id: UserId::new(now, rand::random()),
        name: new.name,
        display_name,
        role: new.role,
        created_at: now,
        disabled_at: None,
        signed_in_at: None,
        every_contract: true,
    };
    Ok(Prepared { account, hash })
}

/// Writes a prepared account and records `user.added`.
pub(crate) async fn insert(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    Prepared { account, hash }: Prepared,
) -> Result<Account, AccountError> {
    let inserted = tx
        .execute(
            "INSERT INTO user_account (id, name, display_name, role, password_hash, created_at, \
             changed_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
            args![
                account.id.to_string(),
                &account.name,
                &account.display_name,
                account.role.as_str(),
                hash,
                account.created_at
            ],
        )
        .await?;
    if inserted == 0 {
        return Err(AccountError::Taken(account.name));
    }
    record(app, tx, actor, USER_ADDED, &account, "added").await?;
    Ok(account)
}

/// Makes an account and records `user.added`.
pub async fn add(app: &App, actor: Actor, new: NewAccount) -> Result<Account, AccountError> {
    let prepared = prepare(app, new).await?;
    let mut tx = app.db.begin_write().await?;
    let account = insert(app, &mut tx, actor, prepared).await?;
    tx.commit().await?;
    Ok(account)
}

/// Takes the second factor away, with its recovery codes.
pub async fn remove_second_factor(
    app: &App,
    actor: Actor,
    account: &Account,
) -> Result<(), AccountError> {
    let mut tx = app.db.begin_write().await?;
    second::remove(&mut tx, &account.id.to_string()).await?;
    record(
        app,
        &mut tx,
        actor,
        USER_ADDED,
        account,
        "second-factor-off",
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Records a change of how somebody proves who they are: `second-factor-on`, `passkey-added`, ….
pub(crate) async fn note(
    app: &App,
    actor: Actor,
    account: &Account,
    act: &str,
) -> Result<(), AccountError> {
    let mut tx = app.db.begin_write().await?;
    record(app, &mut tx, actor, USER_ADDED, account, act).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn record(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    kind: &'static str,
    account: &Account,
    act: &str,
) -> Result<(), AccountError> {
    let payload = json!({
        "user": account.id.to_string(),
        "role": account.role.as_str(),
        "act": act,
    });
    let record = NewRecord::new(
        SYSTEM_CHAIN,
        app.now(),
        actor,
        kind,
        account.id.to_string(),
        &payload,
    )?;
    app.append(tx, record).await?;
    Ok(())
}

/// All accounts, by name.
pub async fn list(app: &App) -> Result<Vec<Account>, AccountError> {
    let sql = format!("SELECT {COLUMNS} FROM user_account ORDER BY name");
    let rows = app.db.fetch_all(&sql, args![]).await?;
    Ok(rows.iter().map(Account::read).collect::<Result<_, _>>()?)
}

/// The account of that name.
pub async fn find(app: &App, name: &str) -> Result<Account, AccountError> {
    let sql = format!("SELECT {COLUMNS} FROM user_account WHERE name = $1");
    let row = app.db.fetch_optional(&sql, args![name]).await?;
    row.map(|row| Account::read(&row))
        .transpose()?
        .ok_or_else(|| AccountError::Unknown(name.to_owned()))
}

/// The account of that id.
pub async fn by_id(app: &App, id: &str) -> Result<Account, AccountError> {
    let sql = format!("SELECT {COLUMNS} FROM user_account WHERE id = $1");
    let row = app.db.fetch_optional(&sql, args![id]).await?;
    row.map(|row| Account::read(&row))
        .transpose()?
        .ok_or_else(|| AccountError::Unknown(id.to_owned()))
}

/// The account, when name and password fit and it is not disabled. Takes as long when there is no
/// such name.
pub async fn authenticate(
    app: &App,
    name: &str,
    password: &Secret,
) -> Result<Option<Account>, mamori_store::Error> {
    let sql = format!("SELECT {COLUMNS}, password_hash FROM user_account WHERE name = $1");
    let row = app.db.fetch_optional(&sql, args![name]).await?;
    let account = row.as_ref().map(Account::read).transpose()?;
    let hash = row
        .as_ref()
        .map(|row| row.text("password_hash"))
        .transpose()?;
    let fits = password::verify(password, hash).await;
    Ok(account.filter(|account| fits && account.disabled_at.is_none()))
}

/// Sets a new password and ends the user's sessions.
pub async fn set_password(
    app: &App,
    actor: Actor,
    name: &str,
    password: &Secret,
) -> Result<(), AccountError> {
    let account = find(app, name).await?;
    check_password(app, password, name).await?;
    let hash = password::hash(password).await;
    let mut tx = app.db.begin_write().await?;
    write_password(app, &mut tx, actor, &account, &hash).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the hash of a checked password and ends the user's sessions.
pub(crate) async fn write_password(
    app: &App,
    tx: &mut Tx,
    actor: Actor,
    account: &Account,
    hash: &str,
) -> Result<(), AccountError> {
    tx.execute(
        "UPDATE user_account SET password_hash = $1, changed_at = $2 WHERE id = $3",
        args![hash, app.now(), account.id.to_string()],
    )
    .await?;
    end_sessions(tx, account).await?;
    record(app, tx, actor, USER_ADDED, account, "password").await
}

/// Refuses to take away the last administrator who can sign in.
async fn keep_an_administrator(tx: &mut Tx, account: &Account) -> Result<(), AccountError> {
    if account.role != Role::Administrator || account.disabled_at.is_some() {
        return Ok(());
    }
    let sql = format!(
        "SELECT id FROM user_account WHERE role = $1 AND disabled_at IS NULL AND id <> $2{}",
        tx.db().for_update()
    );
    let others = tx
        .fetch_all(
            &sql,
            args![Role::Administrator.as_str(), account.id.to_string()],
        )
        .await?;
    if others.is_empty() {
        return Err(AccountError::LastAdministrator);
    }
    Ok(())
}

/// Changes the role; sessions go on with the new one.
pub async fn set_role(app: &App, actor: Actor, name: &str, role: Role) -> Result<(), AccountError> {
    let mut account = find(app, name).await?;
    let mut tx = app.db.begin_write().await?;
    if role != Role::Administrator {
        keep_an_administrator(&mut tx, &account).await?;
    }
    account.role = role;
    tx.execute(
        "UPDATE user_account SET role = $1, changed_at = $2 WHERE id = $3",
        args![role.as_str(), app.now(), account.id.to_string()],
    )
    .await?;
    record(app, &mut tx, actor, USER_ADDED, &account, "role").await?;
    tx.commit().await?;
    Ok(())
}

/// The contracts an account has rights on, each with its role; used where its own role does not
/// hold everywhere.
pub(crate) async fn memberships(
    app: &App,
    user_id: &str,
) -> Result<Vec<(String, Role)>, mamori_store::Error> {
    let rows = app
        .db
        .fetch_all(
            "SELECT contract, role FROM membership WHERE user_id = $1 ORDER BY contract",
            args![user_id],
        )
        .await?;
    // A role this program does not know grants nothing.
    rows.iter()
        .map(|row| Ok((row.text("contract")?, row.text("role")?.parse().ok())))
        .filter_map(
            |pair: Result<(String, Option<Role>), mamori_store::Error>| match pair {
                Ok((contract, role)) => role.map(|role| Ok((contract, role))),
                Err(error) => Some(Err(error)),
            },
        )
        .collect()
}

/// Where an account's rights hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Its own role holds for every contract, also those to come.
    EveryContract,
    /// These roles on these contracts, and nothing on any other.
    Contracts(Vec<(String, Role)>),
}

/// Says where an account's rights hold; sessions go on with the new rights.
pub async fn set_scope(
    app: &App,
    actor: Actor,
    name: &str,
    scope: &Scope,
) -> Result<(), AccountError> {
    let account = find(app, name).await?;
    let mut tx = app.db.begin_write().await?;
    write_scope(app, &mut tx, &account, scope).await?;
    record(app, &mut tx, actor, USER_ADDED, &account, "scope").await?;
    tx.commit().await?;
    Ok(())
}

/// Writes where an account's rights hold.
pub(crate) async fn write_scope(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    scope: &Scope,
) -> Result<(), mamori_store::Error> {
    let id = account.id.to_string();
    let every = i64::from(*scope == Scope::EveryContract);
    tx.execute(
        "UPDATE user_account SET every_contract = $1, changed_at = $2 WHERE id = $3",
        args![every, app.now(), &id],
    )
    .await?;
    tx.execute("DELETE FROM membership WHERE user_id = $1", args![&id])
        .await?;
    if let Scope::Contracts(list) = scope {
        for (contract, role) in list {
            tx.execute(
                "INSERT INTO membership (user_id, contract, role) VALUES ($1, $2, $3)",
                args![&id, contract, role.as_str()],
            )
            .await?;
        }
    }
    Ok(())
}

/// Shuts the account out (`enabled` false) or lets it in again.
pub async fn set_enabled(
    app: &App,
    actor: Actor,
    name: &str,
    enabled: bool,
) -> Result<(), AccountError> {
    let account = find(app, name).await?;
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    if !enabled {
        keep_an_administrator(&mut tx, &account).await?;
    }
    tx.execute(
        "UPDATE user_account SET disabled_at = $1, changed_at = $2 WHERE id = $3",
        args![(!enabled).then_some(now), now, account.id.to_string()],
    )
    .await?;
    end_sessions(&mut tx, &account).await?;
    let (kind, act) = if enabled {
        (USER_ADDED, "enabled")
    } else {
        (USER_REMOVED, "disabled")
    };
    record(app, &mut tx, actor, kind, &account, act).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn end_sessions(
    tx: &mut Tx,
    account: &Account,
) -> Result<(), mamori_store::Error> {
    tx.execute(
        "DELETE FROM session WHERE user_id = $1",
        args![account.id.to_string()],
    )
    .await?;
    Ok(())
}

/// Ends all sessions of an account, as an administrator wants it.
pub(crate) async fn end_all_sessions(
    app: &App,
    actor: Actor,
    account: &Account,
) -> Result<(), AccountError> {
    let mut tx = app.db.begin_write().await?;
    end_sessions(&mut tx, account).await?;
    let user = account.id.to_string();
    trail::ended(app, &mut tx, actor, &user, "sessions-ended").await?;
    tx.commit().await?;
    Ok(())
}

/// Makes a token with a role of its own and nothing that narrows it.
pub async fn add_token(
    app: &App,
    actor: Actor,
    name: &str,
    role: Role,
    life: SignedDuration,
) -> Result<(ApiToken, Secret), AccountError> {
    let new = NewToken {
        name: name.to_owned(),
        role,
        made_by: None,
        limits: Limits::default(),
        life,
        key: None,
    };
    let (made, secret) = tokens::issue(app, actor, new).await?;
    let secret = secret.expect("without a key a token is always new");
    Ok((made, secret))
}

/// All tokens, newest first.
pub async fn list_tokens(app: &App) -> Result<Vec<ApiToken>, AccountError> {
    tokens::list(app, None).await
}

/// Ends a token.
pub async fn revoke_token(app: &App, actor: Actor, id: &str) -> Result<(), AccountError> {
    tokens::revoke(app, actor, id, None).await.map(drop)
}

/// The evidence this module writes.
pub(crate) fn evidence() -> Vec<EvidenceKind> {
    let fields: &'static [(&'static str, &'static str)] = &[
        ("user?", "利用者の番号"),
        ("invitation?", "招待や再設定のリンクの番号"),
        ("token?", "API トークンの番号"),
        ("scopes?", "API トークンの範囲"),
        ("contracts?", "API トークンや購読の契約"),
        ("role", "役割"),
        ("act", "行為"),
    ];
    vec![
        EvidenceKind {
            kind: USER_ADDED,
            version: 1,
            title_ja: "利用者の追加・変更",
            fields,
        },
        EvidenceKind {
            kind: USER_REMOVED,
            version: 1,
            title_ja: "利用者の停止",
            fields,
        },
        trail::evidence(),
    ]
}
