//! What is noted beside the items: which files the records of a contract name, and which reminders
//! went out. The rest of the registers' SQL is in [`super::store`].

use jiff::civil::Date;
use mamori_kernel::ledger::Attachment;
use mamori_store::{Db, Error, Tx, args};

/// Notes which files the contract's records name.
pub async fn note_files(
    tx: &mut Tx,
    contract: &str,
    register: &str,
    files: &[Attachment],
) -> Result<(), Error> {
    for file in files {
        tx.execute(
            "INSERT INTO office_file (contract, sha256, register, media_type) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (contract, sha256, register) DO NOTHING",
            args![contract, file.sha256.to_hex(), register, &file.media_type],
        )
        .await?;
    }
    Ok(())
}

/// Register and media type under which a contract's record names a file.
pub async fn file(
    db: &Db,
    contract: &str,
    sha256: &str,
) -> Result<Option<(String, String)>, Error> {
    db.fetch_optional(
        "SELECT register, media_type FROM office_file WHERE contract = $1 AND sha256 = $2",
        args![contract, sha256],
    )
    .await?
    .map(|row| Ok((row.text("register")?, row.text("media_type")?)))
    .transpose()
}

/// Notes that a reminder goes out; false when it did before.
pub async fn remind_once(
    tx: &mut Tx,
    contract: &str,
    item: &str,
    due: Date,
    days: i32,
    at_ms: i64,
) -> Result<bool, Error> {
    let noted = tx
        .execute(
            "INSERT INTO office_item_reminder (contract, item_id, due, days, at_ms) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (contract, item_id, due, days) DO NOTHING",
            args![contract, item, due.to_string(), days, at_ms],
        )
        .await?;
    Ok(noted == 1)
}
