//! All SQL of the contracts in force and of the engine's saved states.

use jiff::Timestamp;
use mamori_store::{Db, Error, Tx, args};

/// A contract as it was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRow {
    /// Contract id.
    pub id: String,
    /// Name (件名).
    pub name: String,
    /// The TOML text.
    pub source: String,
    /// SHA-256 of the text, hex.
    pub sha256: String,
    /// When it was first activated.
    pub activated: Timestamp,
}

/// A saved state of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Last record that the state holds.
    pub seq: u64,
    /// What the state was computed with.
    pub basis: String,
    /// JSON.
    pub state: String,
}

/// All contracts, by id.
pub async fn all(db: &Db) -> Result<Vec<ContractRow>, Error> {
    db.fetch_all(
        "SELECT id, name, source, sha256, activated_ms FROM office_contract ORDER BY id",
        args![],
    )
    .await?
    .iter()
    .map(|row| {
        Ok(ContractRow {
            id: row.text("id")?,
            name: row.text("name")?,
            source: row.text("source")?,
            sha256: row.text("sha256")?,
            activated: row.timestamp("activated_ms")?,
        })
    })
    .collect()
}

/// The digest of a contract's text in force.
pub async fn digest(tx: &mut Tx, id: &str) -> Result<Option<String>, Error> {
    tx.fetch_optional(
        "SELECT sha256 FROM office_contract WHERE id = $1",
        args![id],
    )
    .await?
    .map(|row| row.text("sha256"))
    .transpose()
}

/// Writes a contract's text.
pub async fn save(tx: &mut Tx, row: &ContractRow, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO office_contract (id, name, source, sha256, activated_ms, changed_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, source = excluded.source, \
         sha256 = excluded.sha256, changed_ms = excluded.changed_ms",
        args![
            row.id.as_str(),
            row.name.as_str(),
            row.source.as_str(),
            row.sha256.as_str(),
            row.activated,
            now
        ],
    )
    .await?;
    Ok(())
}

/// The saved state of a contract's engine.
pub async fn saved(db: &Db, id: &str) -> Result<Option<Saved>, Error> {
    db.fetch_optional(
        "SELECT seq, basis, state FROM office_engine WHERE contract = $1",
        args![id],
    )
    .await?
    .map(|row| {
        Ok(Saved {
            seq: row.get("seq")?,
            basis: row.text("basis")?,
            state: row.text("state")?,
        })
    })
    .transpose()
}

/// Saves the state of a contract's engine; an older state never replaces a newer one of the same
/// basis.
pub async fn save_state(db: &Db, id: &str, saved: &Saved, now: Timestamp) -> Result<(), Error> {
    db.execute(
        "INSERT INTO office_engine (contract, seq, basis, state, taken_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (contract) DO UPDATE SET seq = excluded.seq, basis = excluded.basis, \
         state = excluded.state, taken_ms = excluded.taken_ms \
         WHERE office_engine.basis <> excluded.basis OR office_engine.seq < excluded.seq",
        args![
            id,
            i64::try_from(saved.seq).unwrap_or(i64::MAX),
            saved.basis.as_str(),
            saved.state.as_str(),
            now
        ],
    )
    .await?;
    Ok(())
}
