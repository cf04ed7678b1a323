//! Rows of the queue: enqueue, claim, finish.

use std::sync::atomic::{AtomicU16, Ordering};

use jiff::Timestamp;
use mamori_kernel::ids::JobId;
use mamori_store::{Args, Row, Tx, args};
use serde::Serialize;
use serde_json::Value;

use crate::app::App;

/// The queue could not take or give a job.
#[derive(Debug, thiserror::Error)]
pub enum JobQueueError {
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// No capability declares the kind: a mistake in the program.
    #[error("no capability declares the job {0}")]
    UnknownKind(String),
    /// The payload cannot be written as JSON.
    #[error("payload of job {kind}: {source}")]
    Payload {
        /// Kind of job.
        kind: String,
        /// Cause.
        source: serde_json::Error,
    },
}

/// A job about to be queued.
#[derive(Debug)]
pub struct NewJob {
    kind: String,
    payload: Result<Value, serde_json::Error>,
    dedup: Option<String>,
    at: Option<Timestamp>,
    held: bool,
    pub(super) schedule: Option<&'static str>,
    pub(super) scheduled_for: Option<Timestamp>,
}

impl NewJob {
    /// A job to be run as soon as possible.
    pub fn new<T: Serialize + ?Sized>(kind: impl Into<String>, payload: &T) -> Self {
        Self {
            kind: kind.into(),
            payload: serde_json::to_value(payload),
            dedup: None,
            at: None,
            held: false,
            schedule: None,
            scheduled_for: None,
        }
    }

    /// Queues nothing when a job of this kind and key is waiting already. A running job does not
    /// count: it may have read the state before this change.
    #[must_use]
    pub fn dedup(mut self, key: impl Into<String>) -> Self {
        self.dedup = Some(key.into());
        self
    }

    /// Not before this instant.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Not before a person lets it go ([`super::JobAct::Release`]).
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }
}

/// Ids of one millisecond are ordered by a counter, so that jobs queued together run in order.
fn next_id(now: Timestamp) -> JobId {
    static COUNTER: AtomicU16 = AtomicU16::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut random: [u8; 10] = rand::random();
    // UUIDv7 keeps the low 12 bits of the first two bytes in front of the rest.
    random[..2].copy_from_slice(&(count & 0x0fff).to_be_bytes());
    JobId::new(now, random)
}

impl App {
    /// Queues a job in `tx`. `None` when the same job is waiting already.
    pub async fn enqueue(&self, tx: &mut Tx, job: NewJob) -> Result<Option<JobId>, JobQueueError> {
        if self.job_kind(&job.kind).is_none() {
            return Err(JobQueueError::UnknownKind(job.kind));
        }
        let payload = job.payload.map_err(|source| JobQueueError::Payload {
            kind: job.kind.clone(),
            source,
        })?;
        let now = self.now();
        let id = next_id(now);
        let inserted = tx
            .execute(
                "INSERT INTO job (id, kind, dedup_key, payload, state, queued_at, run_at, schedule, \
                 scheduled_for, attempts) VALUES ($1, $2, $3, $4, $9, $5, $6, $7, $8, 0) \
                 ON CONFLICT DO NOTHING",
                args![
                    id.to_string(),
                    job.kind,
                    job.dedup,
                    payload.to_string(),
                    now,
                    job.at.unwrap_or(now),
                    job.schedule,
                    job.scheduled_for,
                    if job.held { "held" } else { "queued" }
                ],
            )
            .await?;
        // Wakes the runner of this process; it looks again within a second in any case, which is
        // what it takes when the transaction is committed only after the wake-up.
        self.jobs_queued.notify_one();
        Ok((inserted > 0).then_some(id))
    }

    /// Jobs by state.
    pub async fn job_counts(&self) -> Result<JobCounts, mamori_store::Error> {
        let rows = self
            .db
            .fetch_all(
                "SELECT state, CAST(COUNT(*) AS BIGINT) AS n FROM job GROUP BY state",
                args![],
            )
            .await?;
        let mut counts = JobCounts::default();
        for row in rows {
            let n = row.i64("n")?;
            match row.text("state")?.as_str() {
                "queued" => counts.queued = n,
                "running" => counts.running = n,
                "done" => counts.done = n,
                "held" => counts.held = n,
                "cancelled" => counts.cancelled = n,
                _ => counts.failed += n,
            }
        }
        Ok(counts)
    }
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JobCounts {
    /// Waiting.
    pub queued: i64,
    /// Held by a runner.
    pub running: i64,
    /// Done, not yet pruned.
    pub done: i64,
    /// Given up.
    pub failed: i64,
    /// Waiting for a person's word.
    pub held: i64,
    /// Taken back by a person.
    pub cancelled: i64,
}

/// A job that this runner holds.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) payload: String,
    pub(super) attempt: u32,
    pub(super) scheduled_for: Option<Timestamp>,
}

impl Claim {
    fn read(row: &Row) -> Result<Self, mamori_store::Error> {
        Ok(Self {
            id: row.get("id")?,
            kind: row.get("kind")?,
            payload: row.get("payload")?,
            attempt: row.get("attempts")?,
            scheduled_for: row.get("scheduled_for")?,
        })
    }
}

/// Takes the oldest due job of the kinds this process knows: waiting, or held by a runner whose
/// lease has ended.
pub(super) async fn claim(
    app: &App,
    owner: &str,
    now: Timestamp,
) -> Result<Option<Claim>, mamori_store::Error> {
    let longest = app
        .job_kinds()
        .filter_map(|name| app.job_kind(name))
        .map(|kind| kind.lease)
        .max()
        .unwrap_or(jiff::SignedDuration::from_mins(1));
    let mut args = Args::new();
    let owner = args.push(owner);
    let at = args.push(now);
    let lease = args.push(now.checked_add(longest).unwrap_or(Timestamp::MAX));
    let kinds: Vec<String> = app.job_kinds().map(|kind| args.push(kind)).collect();
    let sql = format!(
        "UPDATE job SET state = 'running', owner = {owner}, lease_until = {lease}, \
         started_at = {at}, attempts = attempts + 1, dedup_key = NULL WHERE id = (SELECT id FROM job \
         WHERE kind IN ({kinds}) AND ((state = 'queued' AND run_at <= {at}) \
         OR (state = 'running' AND lease_until <= {at})) \
         ORDER BY run_at, id LIMIT 1{lock}) RETURNING id, kind, payload, attempts, scheduled_for",
        kinds = kinds.join(", "),
        lock = app.db.for_update_skip_locked(),
    );
    let row = app.db.fetch_optional(&sql, args).await?;
    row.as_ref().map(Claim::read).transpose()
}

/// Renews the lease; false when another runner has taken the job over.
pub(super) async fn renew(
    app: &App,
    owner: &str,
    claim: &Claim,
    until: Timestamp,
) -> Result<bool, mamori_store::Error> {
    let rows = app
        .db
        .execute(
            "UPDATE job SET lease_until = $1 \
             WHERE id = $2 AND owner = $3 AND attempts = $4 AND state = 'running'",
            args![until, &claim.id, owner, claim.attempt],
        )
        .await?;
    Ok(rows == 1)
}

/// How a run ended.
pub(super) enum Ending {
    Done,
    Again { at: Timestamp, error: String },
    Failed { error: String },
}

/// Marks the end of a run; false when another runner has taken the job over meanwhile.
pub(super) async fn finish(
    tx: &mut Tx,
    owner: &str,
    claim: &Claim,
    now: Timestamp,
    ending: &Ending,
) -> Result<bool, mamori_store::Error> {
    let (state, run_at, error) = match ending {
        Ending::Done => ("done", None, None),
        Ending::Again { at, error } => ("queued", Some(*at), Some(error)),
        Ending::Failed { error } => ("failed", None, Some(error)),
    };
    let finished = run_at.is_none().then_some(now);
    let rows = tx
        .execute(
            "UPDATE job SET state = $1, run_at = COALESCE($2, run_at), last_error = $3, \
             finished_at = $4, owner = NULL, lease_until = NULL \
             WHERE id = $5 AND owner = $6 AND attempts = $7 AND state = 'running'",
            args![
                state,
                run_at,
                error.cloned(),
                finished,
                &claim.id,
                owner,
                claim.attempt
            ],
        )
        .await?;
    Ok(rows == 1)
}
