//! Who was shown personal data: one row per reading, kept for three years.
//!
//! Changes leave evidence in the ledger; readings do not change anything and would drown it, so
//! they have a table of their own. The row names the person by id and the item as the address did;
//! it repeats no personal value.
//!
//! A route says that it shows personal data ([`mamori_runtime::Route::personal`]) and [`crate::guard`]
//! writes it down; no handler does. Personal data is what registers keep beside the chain, files
//! that were handed in, mail, and people's accounts. The name of whoever is responsible for
//! something, as it stands on nearly every page, is not.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::ids::UserId;
use mamori_runtime::App;
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_store::{Args, Db, Group, args};

use crate::session::Visitor;

/// Policy `web.audit-read`: rows are deleted after three years.
const KEEP: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);
const PRUNE_JOB: &str = "web.prune-audit-read";

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// When.
    pub at: Timestamp,
    /// Id of the account or token.
    pub who: String,
    /// `person` or `token`.
    pub who_kind: String,
    /// Name of the account as it is now; the id when there is none.
    pub name: String,
    /// Contract.
    pub contract: String,
    /// Area, e.g. `question`.
    pub area: String,
    /// Number of the item; `*` for a list.
    pub item: String,
    /// Where the request came from.
    pub address: String,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Id of a person or token; empty: everybody.
    pub who: String,
    /// Contract; empty: all.
    pub contract: String,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl Search {
    /// Readings from one day to another, both included, in Japan.
    pub(crate) fn on_days(
        who: &str,
        contract: &str,
        (from, to): (Option<Date>, Option<Date>),
    ) -> Self {
        Self {
            who: who.to_owned(),
            contract: contract.to_owned(),
            from: from.map(tokyo_midnight),
            until: to.and_then(|day| day.tomorrow().ok()).map(tokyo_midnight),
        }
    }
}

/// Item of a reading that showed a list.
pub const LIST: &str = "*";

/// What waits to be written down.
struct Note {
    at: Timestamp,
    who: String,
    who_kind: &'static str,
    contract: String,
    area: &'static str,
    item: String,
    address: String,
}

/// Writes the notes of all who read at the same moment with one sync.
type Notes = Group<Note>;

/// Starts the writer.
pub(crate) fn start(app: &App) {
    let (notes, _task) = Notes::start(app.db.clone(), write);
    app.provide(Arc::new(notes));
}

/// Notes that `visitor` was shown personal data of `item` ([`LIST`] for a list) in `area`; durable
/// when this returns.
pub(crate) async fn read(
    app: &App,
    visitor: &Visitor,
    contract: &str,
    area: &'static str,
    item: String,
) -> Result<(), mamori_store::Error> {
    let notes = app
        .slot::<Notes>()
        .ok_or_else(|| mamori_store::Error::Unavailable {
            detail: "the access record was not started".to_owned(),
        })?;
    let note = Note {
        at: app.now(),
        who: visitor.id.clone(),
        who_kind: visitor.kind(),
        contract: contract.to_owned(),
        area,
        item,
        address: visitor
            .address
            .as_ref()
            .map_or_else(String::new, IpAddr::to_string),
    };
    notes.write(note).await
}

async fn write(
    db: Db,
    notes: Vec<Note>,
) -> Result<Vec<Result<(), mamori_store::Error>>, mamori_store::Error> {
    if notes.len() > 1 && insert(&db, &notes).await.is_ok() {
        return Ok(notes.iter().map(|_| Ok(())).collect());
    }
    // One that the database does not take must not cost the others their page.
    let mut outcomes = Vec::with_capacity(notes.len());
    for note in &notes {
        outcomes.push(insert(&db, std::slice::from_ref(note)).await);
    }
    Ok(outcomes)
}

/// All or none.
async fn insert(db: &Db, notes: &[Note]) -> Result<(), mamori_store::Error> {
    let mut tx = db.begin_write().await?;
    for note in notes {
        tx.execute(
            "INSERT INTO audit_read (id, at, who, who_kind, contract, area, item, address) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                UserId::new(note.at, rand::random()).to_string(),
                note.at,
                &note.who,
                note.who_kind,
                &note.contract,
                note.area,
                &note.item,
                &note.address
            ],
        )
        .await?;
    }
    tx.commit().await
}

fn condition(search: &Search) -> (String, Args) {
    let mut args = Args::new();
    let mut parts = vec!["1 = 1".to_owned()];
    if !search.who.is_empty() {
        parts.push(format!("a.who = {}", args.push(&search.who)));
    }
    if !search.contract.is_empty() {
        parts.push(format!("a.contract = {}", args.push(&search.contract)));
    }
    if let Some(from) = search.from {
        parts.push(format!("a.at >= {}", args.push(from)));
    }
    if let Some(until) = search.until {
        parts.push(format!("a.at < {}", args.push(until)));
    }
    (parts.join(" AND "), args)
}

/// How many readings fit.
pub async fn count(app: &App, search: &Search) -> Result<u64, mamori_store::Error> {
    let (condition, args) = condition(search);
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM audit_read a WHERE {condition}");
    let n = app.db.fetch_one(&sql, args).await?.i64("n")?;
    Ok(u64::try_from(n).unwrap_or_default())
}

/// Readings that fit, newest first.
pub async fn list(
    app: &App,
    search: &Search,
    offset: u64,
    most: u64,
) -> Result<Vec<Reading>, mamori_store::Error> {
    let (condition, mut args) = condition(search);
    let limit = args.push(i64::try_from(most).unwrap_or(i64::MAX));
    let offset = args.push(i64::try_from(offset).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT a.at, a.who, a.who_kind, a.contract, a.area, a.item, a.address, u.display_name \
         FROM audit_read a LEFT JOIN user_account u ON u.id = a.who WHERE {condition} \
         ORDER BY a.at DESC, a.id DESC LIMIT {limit} OFFSET {offset}"
    );
    let rows = app.db.fetch_all(&sql, args).await?;
    rows.iter()
        .map(|row| {
            let who: String = row.get("who")?;
            Ok(Reading {
                at: row.get("at")?,
                name: row
                    .get::<Option<String>>("display_name")?
                    .unwrap_or_else(|| who.clone()),
                who,
                who_kind: row.get("who_kind")?,
                contract: row.get("contract")?,
                area: row.get("area")?,
                item: row.get("item")?,
                address: row.get("address")?,
            })
        })
        .collect()
}

/// The job that keeps the policy.
pub(crate) fn job() -> JobKind {
    JobKind::new(PRUNE_JOB, RetryPolicy::LOCAL, prune)
}

/// When it runs.
pub(crate) fn schedule() -> Schedule {
    Schedule::new(PRUNE_JOB, PRUNE_JOB, Rule::Daily(At::new(3, 20))).latest_only()
}

async fn prune(context: JobContext) -> Result<(), JobError> {
    let before = context
        .app
        .now()
        .checked_sub(KEEP)
        .unwrap_or(Timestamp::MIN);
    let deleted = context
        .app
        .db
        .execute("DELETE FROM audit_read WHERE at < $1", args![before])
        .await?;
    tracing::info!(deleted, policy = "web.audit-read", "readings deleted");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(item: &str) -> Note {
        Note {
            at: Timestamp::UNIX_EPOCH,
            who: "u1".to_owned(),
            who_kind: "person",
            contract: "c1".to_owned(),
            area: "question",
            item: item.to_owned(),
            address: String::new(),
        }
    }

    #[tokio::test]
    async fn a_note_that_cannot_be_written_fails_alone() {
        let folder = tempfile::tempdir().expect("temp folder");
        let db = Db::open_path(&folder.path().join("a.db"))
            .await
            .expect("opens");
        let migrations = [
            mamori_store::MIGRATIONS.to_vec(),
            crate::capability().migrations,
        ];
        db.migrate(&migrations.concat()).await.expect("migrates");
        let (notes, _task) = Notes::start(db.clone(), write);
        let (a, b, c) = tokio::join!(
            notes.write(note("Q-1")),
            notes.write(note("Q-\0")),
            notes.write(note("Q-3"))
        );
        assert_eq!((a.is_ok(), b.is_ok(), c.is_ok()), (true, false, true));
        let rows = db.fetch_all("SELECT item FROM audit_read ORDER BY item", args![]);
        let items: Vec<String> = rows
            .await
            .expect("read")
            .iter()
            .map(|row| row.get("item").expect("text"))
            .collect();
        assert_eq!(items, ["Q-1", "Q-3"]);
    }
}
