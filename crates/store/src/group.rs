//! Group commit: many callers, one transaction, one fsync.
//!
//! Each caller waits until what it handed in is durable. While one batch is being written the next
//! one gathers, so the more callers there are, the fewer syncs each costs. A caller that stops
//! waiting undoes nothing. An item that breaks a rule fails alone; when the batch as a whole fails
//! (disk full, lock), every caller gets the error and nothing was acknowledged.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::db::Db;
use crate::error::{Error, Result};

/// Most items of one batch.
const BATCH: usize = 1_024;
/// Callers that may wait before [`Group::write`] itself waits for a place.
const QUEUE: usize = 4 * BATCH;

struct Request<T, R> {
    item: T,
    answer: oneshot::Sender<Result<R>>,
}

/// Writes items in groups. Cloning shares the writer task, which ends with the last clone.
#[derive(Debug)]
pub struct Group<T, R = ()> {
    queue: mpsc::Sender<Request<T, R>>,
}

impl<T, R> Clone for Group<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Group<T, R> {
    /// Starts the writer task on the current tokio runtime. `write` commits a whole batch in one
    /// transaction of `db` and tells the outcome of each item in the batch's order.
    pub fn start<W, F>(db: Db, write: W) -> (Self, JoinHandle<()>)
    where
        W: Fn(Db, Vec<T>) -> F + Send + 'static,
        F: Future<Output = Result<Vec<Result<R>>>> + Send,
    {
        let (queue, requests) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move { write_batches(db, write, requests).await });
        (Self { queue }, task)
    }

    /// Writes an item; when this returns `Ok`, it is durable.
    pub async fn write(&self, item: T) -> Result<R> {
        let stopped = || Error::Unavailable {
            detail: "the writer task has ended".to_owned(),
        };
        let (answer, outcome) = oneshot::channel();
        self.queue
            .send(Request { item, answer })
            .await
            .map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

async fn write_batches<T, R, W, F>(db: Db, write: W, mut requests: mpsc::Receiver<Request<T, R>>)
where
    W: Fn(Db, Vec<T>) -> F,
    F: Future<Output = Result<Vec<Result<R>>>>,
{
    let mut batch = Vec::with_capacity(BATCH);
    while requests.recv_many(&mut batch, BATCH).await > 0 {
        let (items, answers): (Vec<T>, Vec<_>) = batch
            .drain(..)
            .map(|request: Request<T, R>| (request.item, request.answer))
            .unzip();
        match write(db.clone(), items).await {
            Ok(outcomes) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    // A caller that went away needs no answer.
                    let _ = answer.send(outcome);
                }
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "a batch was not written");
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}
