//! What the database knows of access records.

use jiff::civil::Date;
use mamori_store::{Db, Error, Result, args};

use super::Kept;

fn wrong_row(what: &str) -> Error {
    Error::Invalid(format!("gateway_access: {what}"))
}

/// What was kept when the gateway last looked.
pub async fn kept(db: &Db) -> Result<Option<Kept>> {
    let row = db
        .fetch_optional("SELECT * FROM gateway_access WHERE one = 1", args![])
        .await?;
    row.map(|row| {
        let day = |name: &str| -> Result<Option<Date>> {
            let text = row.text(name)?;
            if text.is_empty() {
                return Ok(None);
            }
            text.parse().map(Some).map_err(|_| wrong_row(name))
        };
        let number = |name: &str| -> Result<u64> {
            u64::try_from(row.i64(name)?).map_err(|_| wrong_row(name))
        };
        Ok(Kept {
            at: row.get("at")?,
            oldest_on: day("oldest_on")?,
            newest_on: day("newest_on")?,
            files: number("files")?,
            bytes: number("bytes")?,
            removed: number("removed")?,
            trouble: row.text("trouble")?,
        })
    })
    .transpose()
}

/// Notes what is kept.
pub async fn set_kept(db: &Db, kept: &Kept) -> Result<()> {
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    db.execute(
        "INSERT INTO gateway_access (one, at, oldest_on, newest_on, files, bytes, removed, trouble) \
         VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (one) DO UPDATE SET at = $1, \
         oldest_on = $2, newest_on = $3, files = $4, bytes = $5, removed = $6, trouble = $7",
        args![
            kept.at,
            day(kept.oldest_on),
            day(kept.newest_on),
            signed(kept.files),
            signed(kept.bytes),
            signed(kept.removed),
            &kept.trouble
        ],
    )
    .await?;
    Ok(())
}
