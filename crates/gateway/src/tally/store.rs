//! Their tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_store::{Db, Error, Result, Row, Tx, args};

use super::{Found, Minute, Tally, What, minute_of};

/// Findings whose paths are counted: the newest ones.
const MOST_PATHS: i64 = 10_000;

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row, name: &str) -> Result<u64> {
    u64::try_from(row.i64(name)?).map_err(|_| Error::Invalid(format!("gateway: {name}")))
}

/// Adds what was counted.
pub async fn add(tx: &mut Tx, tally: &Tally) -> Result<()> {
    for ((site, minute), one) in &tally.minutes {
        let [two, three, four, five] = one.answers.map(signed);
        tx.execute(
            "INSERT INTO gateway_minute (site, minute, requests, refused, observed, two, three, four, \
             five) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (site, minute) DO UPDATE SET \
             requests = gateway_minute.requests + $3, refused = gateway_minute.refused + $4, \
             observed = gateway_minute.observed + $5, two = gateway_minute.two + $6, \
             three = gateway_minute.three + $7, four = gateway_minute.four + $8, \
             five = gateway_minute.five + $9",
            args![
                site,
                *minute,
                signed(one.requests),
                signed(one.refused),
                signed(one.observed),
                two,
                three,
                four,
                five
            ],
        )
        .await?;
    }
    for ((site, day, what, name), found) in &tally.found {
        tx.execute(
            "INSERT INTO gateway_found_day (site, day, what, name, refused, observed) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, day, what, name) DO UPDATE SET \
             refused = gateway_found_day.refused + $5, observed = gateway_found_day.observed + $6",
            args![
                site,
                day.to_string(),
                what.word(),
                name,
                signed(found.refused),
                signed(found.observed)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Minutes of a site from an instant on; those without traffic are left out.
pub async fn minutes(db: &Db, site: &str, from: Timestamp) -> Result<BTreeMap<i64, Minute>> {
    let rows = db
        .fetch_all(
            "SELECT * FROM gateway_minute WHERE site = $1 AND minute >= $2",
            args![site, minute_of(from)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let mut answers = [0; 4];
            for (count, name) in answers.iter_mut().zip(["two", "three", "four", "five"]) {
                *count = number(row, name)?;
            }
            let minute = Minute {
                requests: number(row, "requests")?,
                refused: number(row, "refused")?,
                observed: number(row, "observed")?,
                answers,
            };
            Ok((row.i64("minute")?, minute))
        })
        .collect()
}

/// Forgets minutes before an instant; gives how many.
pub async fn forget_minutes(db: &Db, before: Timestamp) -> Result<u64> {
    db.execute(
        "DELETE FROM gateway_minute WHERE minute < $1",
        args![minute_of(before)],
    )
    .await
}

/// What was found on a site by name, from one day to another, both included.
pub async fn found(
    db: &Db,
    site: &str,
    what: What,
    from: Date,
    to: Date,
) -> Result<BTreeMap<String, Found>> {
    let rows = db
        .fetch_all(
            "SELECT name, CAST(SUM(refused) AS BIGINT) AS refused, \
             CAST(SUM(observed) AS BIGINT) AS observed FROM gateway_found_day \
             WHERE site = $1 AND what = $2 AND day >= $3 AND day <= $4 GROUP BY name",
            args![site, what.word(), from.to_string(), to.to_string()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let found = Found {
                refused: number(row, "refused")?,
                observed: number(row, "observed")?,
            };
            Ok((row.text("name")?, found))
        })
        .collect()
}

/// The paths of what was refused since an instant, the most frequent first, among the newest
/// [`MOST_PATHS`].
pub async fn paths(db: &Db, site: &str, since: Timestamp, most: i64) -> Result<Vec<(String, u64)>> {
    let rows = db
        .fetch_all(
            "SELECT path, CAST(COUNT(*) AS BIGINT) AS n FROM (SELECT path FROM gateway_finding \
             WHERE site = $1 AND at >= $2 AND refused = 1 ORDER BY at DESC LIMIT $3) AS newest \
             GROUP BY path ORDER BY n DESC, path LIMIT $4",
            args![site, since, MOST_PATHS, most],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.text("path")?, number(row, "n")?)))
        .collect()
}
