//! All SQL of bans and of what watches saw.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::barrier::IpNet;
use mamori_kernel::{Ban, BanCause};
use mamori_store::{Db, Error, Result, Row, Tx, args};

use super::Stored;

/// How often a watch saw too much on a day, and how often it banned for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub seen: u64,
    /// Of these, with a ban.
    pub banned: u64,
}

fn wrong_row(what: &str) -> Error {
    Error::Invalid(format!("gateway_ban: {what}"))
}

/// Counts up with every change of bans.
pub async fn revision(db: &Db) -> Result<i64> {
    db.fetch_one(
        "SELECT revision FROM gateway_revision WHERE one = 2",
        args![],
    )
    .await?
    .i64("revision")
}

/// Tells running gateways to read again; gives the new revision.
pub async fn count_up(tx: &mut Tx) -> Result<i64> {
    tx.fetch_one(
        "UPDATE gateway_revision SET revision = revision + 1 WHERE one = 2 RETURNING revision",
        args![],
    )
    .await?
    .i64("revision")
}

/// All bans that are remembered, in the order of their texts.
pub async fn all(db: &Db) -> Result<Vec<Stored>> {
    let rows = db
        .fetch_all("SELECT * FROM gateway_ban ORDER BY network", args![])
        .await?;
    rows.iter().map(stored_of).collect()
}

/// Bans in force at an instant, the newest first, from an offset on.
pub async fn in_force(db: &Db, now: Timestamp, offset: u64, most: u64) -> Result<Vec<Stored>> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let rows = db
        .fetch_all(
            "SELECT * FROM gateway_ban WHERE lifted = 0 AND (until IS NULL OR until > $1) \
             ORDER BY since DESC, network LIMIT $2 OFFSET $3",
            args![now, signed(most), signed(offset)],
        )
        .await?;
    rows.iter().map(stored_of).collect()
}

/// How many bans are in force.
pub async fn count(db: &Db, now: Timestamp) -> Result<u64> {
    let row = db
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM gateway_ban \
             WHERE lifted = 0 AND (until IS NULL OR until > $1)",
            args![now],
        )
        .await?;
    u64::try_from(row.i64("n")?).map_err(|_| wrong_row("count"))
}

fn stored_of(row: &Row) -> Result<Stored> {
    let watch = row.text("watch")?;
    Ok(Stored {
        ban: Ban {
            network: row
                .text("network")?
                .parse()
                .map_err(|_| wrong_row("network"))?,
            cause: if watch.is_empty() {
                BanCause::Person {
                    reason: row.text("reason")?,
                }
            } else {
                BanCause::Watch { watch }
            },
            since: row.get("since")?,
            until: row.get("until")?,
            times: u32::try_from(row.i64("times")?).map_err(|_| wrong_row("times"))?,
        },
        author: row.text("author")?,
        lifted: row.i64("lifted")? == 1,
    })
}

/// Keeps bans, instead of those for the same networks. Whoever calls it counts up.
pub async fn set(tx: &mut Tx, bans: &[Stored]) -> Result<()> {
    for stored in bans {
        let (watch, reason) = match &stored.ban.cause {
            BanCause::Watch { watch } => (watch.as_str(), ""),
            BanCause::Person { reason } => ("", reason.as_str()),
        };
        tx.execute(
            "INSERT INTO gateway_ban (network, watch, reason, author, since, until, times, lifted) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (network) DO UPDATE SET \
             watch = $2, reason = $3, author = $4, since = $5, until = $6, times = $7, lifted = 0",
            args![
                stored.ban.network.to_string(),
                watch,
                reason,
                &stored.author,
                stored.ban.since,
                stored.ban.until,
                i64::from(stored.ban.times)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Marks a ban as lifted and counts up; `None`: there is none.
pub async fn lift(tx: &mut Tx, network: IpNet) -> Result<Option<Stored>> {
    let row = tx
        .fetch_optional(
            "UPDATE gateway_ban SET lifted = 1 WHERE network = $1 AND lifted = 0 RETURNING *",
            args![network.to_string()],
        )
        .await?;
    count_up(tx).await?;
    row.as_ref().map(stored_of).transpose()
}

/// Forgets networks. Whoever calls it counts up.
pub async fn forget(tx: &mut Tx, networks: &[IpNet]) -> Result<()> {
    for network in networks {
        tx.execute(
            "DELETE FROM gateway_ban WHERE network = $1",
            args![network.to_string()],
        )
        .await?;
    }
    Ok(())
}

/// Forgets bans that ended before an instant: for installations whose gateway does not run. Gives how many.
pub async fn forget_ended(db: &Db, before: Timestamp) -> Result<u64> {
    db.execute("DELETE FROM gateway_ban WHERE until < $1", args![before])
        .await
}

/// Adds what watches saw.
pub async fn add_seen(tx: &mut Tx, seen: &BTreeMap<(Date, String), Seen>) -> Result<()> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for ((day, watch), seen) in seen {
        tx.execute(
            "INSERT INTO gateway_intrusion (day, watch, seen, banned) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (day, watch) DO UPDATE SET seen = gateway_intrusion.seen + $3, \
             banned = gateway_intrusion.banned + $4",
            args![
                day.to_string(),
                watch,
                signed(seen.seen),
                signed(seen.banned)
            ],
        )
        .await?;
    }
    Ok(())
}

/// What watches saw from one day to another, both included.
pub async fn seen(db: &Db, from: Date, to: Date) -> Result<BTreeMap<String, Seen>> {
    let rows = db
        .fetch_all(
            "SELECT watch, CAST(SUM(seen) AS BIGINT) AS seen, CAST(SUM(banned) AS BIGINT) AS banned \
             FROM gateway_intrusion WHERE day >= $1 AND day <= $2 GROUP BY watch",
            args![from.to_string(), to.to_string()],
        )
        .await?;
    let number = |row: &Row, name: &str| -> Result<u64> {
        u64::try_from(row.i64(name)?).map_err(|_| wrong_row(name))
    };
    rows.iter()
        .map(|row| {
            Ok((
                row.text("watch")?,
                Seen {
                    seen: number(row, "seen")?,
                    banned: number(row, "banned")?,
                },
            ))
        })
        .collect()
}
