//! The list of a person's sessions, and ending them from it.

use jiff::Timestamp;
use mamori_runtime::App;
use mamori_store::{Args, args};

use crate::account::AccountError;
use crate::session::{Credential, Visitor, absolute, before, idle};
use crate::trail;

/// A session of a person, as the list shows it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Beginning of the stored digest: names the session, opens nothing.
    pub(crate) id: String,
    /// Whether it is the visitor's own.
    pub(crate) current: bool,
    pub(crate) agent: String,
    pub(crate) address: String,
    pub(crate) created_at: Timestamp,
    pub(crate) seen_at: Timestamp,
}

/// Digits of a digest that name a session in a list.
const ID_DIGITS: usize = 16;

/// The running sessions of an account, the last seen first.
pub(crate) async fn list(
    app: &App,
    user: &str,
    visitor: &Visitor,
) -> Result<Vec<Line>, mamori_store::Error> {
    let now = app.now();
    let rows = app
        .db
        .fetch_all(
            "SELECT token_hash, agent, address, created_at, seen_at FROM session \
             WHERE user_id = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC",
            args![user, before(now, idle(app)), before(now, absolute(app))],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let digest = row.text("token_hash")?;
            Ok(Line {
                current: visitor.credential == Credential::Session(digest.clone()),
                id: digest.chars().take(ID_DIGITS).collect(),
                agent: row.get::<Option<String>>("agent")?.unwrap_or_default(),
                address: row.get::<Option<String>>("address")?.unwrap_or_default(),
                created_at: row.get("created_at")?,
                seen_at: row.get("seen_at")?,
            })
        })
        .collect()
}

/// Ends a session of the visitor's account by its id in the list; how many ended.
pub(crate) async fn end_one(app: &App, visitor: &Visitor, id: &str) -> Result<u64, AccountError> {
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(0);
    }
    let sql = "DELETE FROM session WHERE user_id = $1 AND token_hash LIKE $2";
    let args = args![&visitor.id, format!("{id}%")];
    ended(app, visitor, sql, args, "session-ended").await
}

/// Ends what the statement names; what ended leaves a record.
async fn ended(
    app: &App,
    visitor: &Visitor,
    sql: &str,
    args: Args,
    act: &str,
) -> Result<u64, AccountError> {
    let mut tx = app.db.begin_write().await?;
    let count = tx.execute(sql, args).await?;
    if count > 0 {
        trail::ended(app, &mut tx, visitor.actor(), &visitor.id, act).await?;
    }
    tx.commit().await?;
    Ok(count)
}

/// Ends all sessions of the visitor but this one; how many ended.
pub(crate) async fn end_others(app: &App, visitor: &Visitor) -> Result<u64, AccountError> {
    let Credential::Session(digest) = &visitor.credential else {
        return Ok(0);
    };
    let sql = "DELETE FROM session WHERE user_id = $1 AND token_hash <> $2";
    let args = args![&visitor.id, digest];
    ended(app, visitor, sql, args, "other-sessions-ended").await
}
