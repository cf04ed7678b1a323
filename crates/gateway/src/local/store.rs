//! Their table.

use jiff::Timestamp;
use mamori_store::{Db, Error, Result, Row, Tx, args};

use super::{LocalMode, LocalModeId, Scope};
use crate::model::{mode_of, mode_word};
use crate::store::count_up;

fn wrong_row(what: &str) -> Error {
    Error::Invalid(format!("gateway_local_mode: {what}"))
}

/// Keeps a new one.
pub async fn add(tx: &mut Tx, one: &LocalMode) -> Result<()> {
    tx.execute(
        "INSERT INTO gateway_local_mode (id, site, about, name, mode, reason, author, created_at, \
         expires_on, ended_at, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, '')",
        args![
            one.id.to_string(),
            &one.site,
            one.scope.word(),
            one.scope.name(),
            mode_word(one.mode),
            &one.reason,
            &one.author,
            one.created_at,
            one.expires_on.map(|day| day.to_string())
        ],
    )
    .await?;
    count_up(tx).await
}

/// Ends one; false when it has ended before.
pub async fn end(tx: &mut Tx, id: LocalModeId, at: Timestamp, by: &str) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE gateway_local_mode SET ended_at = $2, ended_by = $3 \
             WHERE id = $1 AND ended_at IS NULL",
            args![id.to_string(), at, by],
        )
        .await?;
    count_up(tx).await?;
    Ok(changed == 1)
}

/// Those of a site, the newest first; `open`: only those that no person ended.
pub async fn all(db: &Db, site: &str, open: bool) -> Result<Vec<LocalMode>> {
    let rows = db
        .fetch_all(
            "SELECT * FROM gateway_local_mode WHERE site = $1 AND ($2 = 0 OR ended_at IS NULL) \
             ORDER BY created_at DESC, id DESC",
            args![site, i64::from(open)],
        )
        .await?;
    rows.iter().map(of).collect()
}

fn of(row: &Row) -> Result<LocalMode> {
    let expires_on: Option<String> = row.get("expires_on")?;
    Ok(LocalMode {
        id: row.text("id")?.parse().map_err(|_| wrong_row("id"))?,
        site: row.text("site")?,
        scope: Scope::of(&row.text("about")?, &row.text("name")?)
            .ok_or_else(|| wrong_row("about"))?,
        mode: mode_of(&row.text("mode")?).ok_or_else(|| wrong_row("mode"))?,
        reason: row.text("reason")?,
        author: row.text("author")?,
        created_at: row.get("created_at")?,
        expires_on: expires_on
            .map(|day| day.parse().map_err(|_| wrong_row("expires_on")))
            .transpose()?,
        ended_at: row.get("ended_at")?,
    })
}
