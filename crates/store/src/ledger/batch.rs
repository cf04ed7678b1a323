//! Appends of many callers with one fsync; see [`Group`].

use mamori_kernel::ledger::NewRecord;
use tokio::task::JoinHandle;

use super::Appended;
use crate::db::Db;
use crate::error::Result;
use crate::group::Group;

/// Appends with group commit. Cloning shares the writer task, which ends with the last clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    group: Group<NewRecord, Appended>,
}

impl Ledger {
    /// Starts the writer task on the current tokio runtime.
    pub fn start(db: Db) -> (Self, JoinHandle<()>) {
        let (group, task) = Group::start(db, write);
        (Self { group }, task)
    }

    /// Appends a record; when this returns `Ok`, the record is durable.
    pub async fn append(&self, new: NewRecord) -> Result<Appended> {
        self.group.write(new).await
    }
}

async fn write(db: Db, new: Vec<NewRecord>) -> Result<Vec<Result<Appended>>> {
    let mut tx = db.begin_write().await?;
    let outcomes = tx.append_all(new).await?;
    tx.commit().await?;
    Ok(outcomes)
}
