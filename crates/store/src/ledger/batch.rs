//! Group commit: many callers, one transaction, one fsync.
//!
//! Each caller waits until its record is durable. While one batch is being written the next one
//! gathers, so the more callers there are, the fewer syncs a record costs. A caller that stops
//! waiting does not undo its record. A record that breaks a rule fails alone; when the batch as a
//! whole fails (disk full, lock), every caller gets the error and nothing was acknowledged.

use mamori_kernel::ledger::NewRecord;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Appended;
use crate::db::Db;
use crate::error::{Error, Result};

/// Most records of one batch.
const BATCH: usize = 1_024;
/// Callers that may wait before `append` itself waits.
const QUEUE: usize = 4 * BATCH;

struct Request {
    new: NewRecord,
    answer: oneshot::Sender<Result<Appended>>,
}

/// Appends with group commit. Cloning shares the writer task, which ends with the last clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: mpsc::Sender<Request>,
}

impl Ledger {
    /// Starts the writer task on the current tokio runtime.
    pub fn start(db: Db) -> (Self, JoinHandle<()>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_batches(db, requests));
        (Self { queue }, task)
    }

    /// Appends a record; when this returns `Ok`, the record is durable.
    pub async fn append(&self, new: NewRecord) -> Result<Appended> {
        let stopped = || Error::Unavailable {
            detail: "the ledger's writer task has ended".to_owned(),
        };
        let (answer, outcome) = oneshot::channel();
        self.queue
            .send(Request { new, answer })
            .await
            .map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

async fn write_batches(db: Db, mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(BATCH);
    while requests.recv_many(&mut batch, BATCH).await > 0 {
        let (new, answers): (Vec<NewRecord>, Vec<_>) = batch
            .drain(..)
            .map(|request: Request| (request.new, request.answer))
            .unzip();
        match write(&db, new).await {
            Ok(outcomes) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    // A caller that went away needs no answer.
                    let _ = answer.send(outcome);
                }
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "ledger batch failed");
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

async fn write(db: &Db, new: Vec<NewRecord>) -> Result<Vec<Result<Appended>>> {
    let mut tx = db.begin_write().await?;
    let outcomes = tx.append_all(new).await?;
    tx.commit().await?;
    Ok(outcomes)
}
