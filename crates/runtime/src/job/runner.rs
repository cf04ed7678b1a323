//! Runs due jobs: one at a time when driven by a test or the rehearsal, several when serving.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mamori_kernel::evidence::JOB_FAILED;
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::JobQueueError;
use super::kind::{JobContext, JobError, JobKind};
use super::queue::{self, Claim, Ending};
use super::tick::tick;
use crate::app::{App, SYSTEM_CHAIN};
use crate::telemetry;

/// The runner could not do its own work (a job's failure is not one of these).
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// A record of the runner breaks the ledger's rules.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] JobQueueError),
}

/// What [`Runner::run_due`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// Jobs that schedules queued.
    pub queued: usize,
    /// Runs that succeeded.
    pub done: usize,
    /// Runs that will be tried again.
    pub again: usize,
    /// Runs given up.
    pub failed: usize,
}

impl RunSummary {
    /// Runs in all.
    pub fn runs(&self) -> usize {
        self.done + self.again + self.failed
    }
}

/// One runner. Several may work on one database, in one process or many.
#[derive(Debug, Clone)]
pub struct Runner {
    app: App,
    owner: String,
}

/// Jobs that run at once in [`Runner::serve`].
const WORKERS: usize = 2;
/// How often the queue is looked at when nobody wakes the runner.
const POLL: Duration = Duration::from_secs(1);
/// How long a stopping server waits for running jobs; after that their leases end by themselves.
const STOP_WITHIN: Duration = Duration::from_secs(20);

enum Outcome {
    Done,
    Again,
    Failed,
    /// Another runner took the job over.
    Lost,
}

impl Runner {
    /// A runner with a name of its own.
    pub fn new(app: App) -> Self {
        let owner = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Self { app, owner }
    }

    /// Queues what the schedules say is due at `now` and runs all due jobs one after the other,
    /// those included that they queue for `now` or earlier. Needs no sleeping: set the clock, call.
    pub async fn run_due(&self, now: Timestamp) -> Result<RunSummary, RunnerError> {
        let mut summary = RunSummary::default();
        loop {
            summary.queued += tick(&self.app, now).await?;
            let mut ran = false;
            while let Some(outcome) = self.run_one(now).await? {
                ran = true;
                match outcome {
                    Outcome::Done => summary.done += 1,
                    Outcome::Again => summary.again += 1,
                    Outcome::Failed => summary.failed += 1,
                    Outcome::Lost => {}
                }
            }
            if !ran {
                return Ok(summary);
            }
        }
    }

    /// Works until `stop` says true, then lets running jobs end.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(self.clone().work(stop.clone()));
        }
        loop {
            if *stop.borrow() {
                break;
            }
            if let Err(error) = tick(&self.app, self.app.now()).await {
                tracing::error!(%error, "schedules could not be evaluated");
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => break,
            }
        }
        let all = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some jobs did not end in time; another runner will run them again");
        }
    }

    async fn work(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.run_one(self.app.now()).await {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the job queue could not be read"),
            }
            tokio::select! {
                () = self.app.jobs_queued.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => break,
            }
        }
    }

    /// Claims and runs one due job.
    async fn run_one(&self, now: Timestamp) -> Result<Option<Outcome>, RunnerError> {
        let Some(claim) = queue::claim(&self.app, &self.owner, now).await? else {
            return Ok(None);
        };
        let kind = self
            .app
            .job_kind(&claim.kind)
            .cloned()
            .expect("only jobs of known kinds are claimed");
        let started = Instant::now();
        let result = if claim.attempt > kind.retry.attempts {
            // Every attempt ended with the death of its runner.
            Err(JobError::Permanent(
                "the process died during every attempt".to_owned(),
            ))
        } else {
            self.run(&kind, &claim).await
        };
        metrics::histogram!(telemetry::JOB_SECONDS, "kind" => kind.name)
            .record(started.elapsed().as_secs_f64());
        let outcome = self.settle(&kind, &claim, result).await?;
        let word = match outcome {
            Outcome::Done => "done",
            Outcome::Again => "again",
            Outcome::Failed => "failed",
            Outcome::Lost => "lost",
        };
        metrics::counter!(telemetry::JOB_RUNS, "kind" => kind.name, "outcome" => word).increment(1);
        tracing::debug!(job = claim.id, kind = kind.name, outcome = word, "job ran");
        Ok(Some(outcome))
    }

    /// Runs the job's function in a task of its own (a panic stays there) and renews the lease.
    async fn run(&self, kind: &JobKind, claim: &Claim) -> Result<(), JobError> {
        let context = JobContext {
            app: self.app.clone(),
            id: claim.id.clone(),
            kind: kind.name,
            attempt: claim.attempt,
            scheduled_for: claim.scheduled_for,
            payload: serde_json::from_str(&claim.payload)
                .map_err(|error| JobError::Permanent(format!("payload is no JSON: {error}")))?,
        };
        // The function itself may panic before it gives a future.
        let future = std::panic::catch_unwind(AssertUnwindSafe(|| kind.run(context)))
            .map_err(|panic| JobError::Retry(panic_text(panic.as_ref()).into()))?;
        let mut task = tokio::spawn(future);
        let beat = Duration::try_from(kind.lease / 3).unwrap_or(Duration::from_secs(20));
        loop {
            tokio::select! {
                ended = &mut task => return match ended {
                    Ok(result) => result,
                    Err(error) => Err(match error.try_into_panic() {
                        Ok(panic) => JobError::Retry(panic_text(panic.as_ref()).into()),
                        Err(error) => error.into(),
                    }),
                },
                () = tokio::time::sleep(beat) => {
                    let until = self.app.now().checked_add(kind.lease).unwrap_or(Timestamp::MAX);
                    match queue::renew(&self.app, &self.owner, claim, until).await {
                        Ok(true) => {}
                        Ok(false) => {
                            task.abort();
                            return Err("the lease was lost to another runner".into());
                        }
                        Err(error) => tracing::warn!(%error, job = claim.id, "lease not renewed"),
                    }
                }
            }
        }
    }

    async fn settle(
        &self,
        kind: &JobKind,
        claim: &Claim,
        result: Result<(), JobError>,
    ) -> Result<Outcome, RunnerError> {
        let now = self.app.now();
        let ending = match result {
            Ok(()) => Ending::Done,
            Err(error) => {
                let text = error.to_string();
                let pause = match error {
                    JobError::Retry(_) => kind.retry.pause_after(claim.attempt),
                    JobError::Permanent(_) => None,
                };
                match pause {
                    Some(pause) => Ending::Again {
                        at: now.checked_add(pause).unwrap_or(Timestamp::MAX),
                        error: text,
                    },
                    None => Ending::Failed { error: text },
                }
            }
        };
        let mut tx = self.app.db.begin_write().await?;
        if !queue::finish(&mut tx, &self.owner, claim, now, &ending).await? {
            tx.rollback().await?;
            tracing::warn!(job = claim.id, "the job was taken over by another runner");
            return Ok(Outcome::Lost);
        }
        let outcome = match &ending {
            Ending::Done => Outcome::Done,
            Ending::Again { at, error } => {
                self.record_failure(&mut tx, claim, error, Some(*at), now)
                    .await?;
                Outcome::Again
            }
            Ending::Failed { error } => {
                self.record_failure(&mut tx, claim, error, None, now)
                    .await?;
                Outcome::Failed
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    async fn record_failure(
        &self,
        tx: &mut mamori_store::Tx,
        claim: &Claim,
        error: &str,
        again_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), RunnerError> {
        tracing::warn!(
            job = claim.id,
            kind = claim.kind,
            attempt = claim.attempt,
            error,
            "job failed"
        );
        let payload = json!({
            "job": claim.kind,
            "job_id": claim.id,
            "attempt": claim.attempt,
            "error": shortened(error),
            "again_at": again_at.map(|at| at.to_string()),
            "given_up": again_at.is_none(),
        });
        let record = NewRecord::new(
            SYSTEM_CHAIN,
            now,
            Actor::job(claim.kind.clone()),
            JOB_FAILED,
            claim.kind.clone(),
            &payload,
        )?;
        self.app.append(tx, record).await?;
        Ok(())
    }
}

/// Error texts of other people's machines have any length.
fn shortened(text: &str) -> String {
    text.chars().take(1000).collect()
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("panicked: {text}")
}
