//! What the queue holds, for people, and what a person may do with a job: try it again, take it
//! back, let a held mail go. Each of these acts leaves evidence.

use jiff::Timestamp;
use mamori_kernel::evidence::{EvidenceKind, JOB_MISSED};
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord, Record};
use mamori_store::{Args, LedgerQuery, Row, args};
use serde_json::json;

use crate::app::{App, SYSTEM_CHAIN};

/// A person changed what happens to a job.
pub(crate) const JOB_CHANGED: &str = "job.changed";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waits for its time or for a runner.
    Queued,
    /// A runner works on it.
    Running,
    /// Waits for a person's word.
    Held,
    /// Done.
    Done,
    /// Given up.
    Failed,
    /// Taken back by a person.
    Cancelled,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Held,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Held => "held",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that word; a word of a newer program counts as given up.
    fn of(word: &str) -> Self {
        match word {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "held" => Self::Held,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// A row of the queue.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// What was queued with it, as JSON.
    pub payload: String,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Not before this instant.
    pub run_at: Timestamp,
    /// The schedule that queued it.
    pub schedule: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

impl JobRow {
    fn read(row: &Row) -> Result<Self, mamori_store::Error> {
        Ok(Self {
            id: row.get("id")?,
            kind: row.get("kind")?,
            state: JobState::of(&row.text("state")?),
            payload: row.get("payload")?,
            queued_at: row.get("queued_at")?,
            run_at: row.get("run_at")?,
            schedule: row.get("schedule")?,
            attempts: row.get("attempts")?,
            started_at: row.get("started_at")?,
            finished_at: row.get("finished_at")?,
            last_error: row.get("last_error")?,
        })
    }
}

/// When a schedule runs next.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    /// Name of the schedule.
    pub name: &'static str,
    /// Kind of job.
    pub job: &'static str,
    /// The rule in words.
    pub rule: String,
    /// Next instant; `None` before the runner has seen it once, or when none is left.
    pub next_at: Option<Timestamp>,
    /// The last instant that was queued.
    pub last_for: Option<Timestamp>,
}

/// What a person does with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAct {
    /// Try a job again that was given up or taken back; a waiting one at once.
    Retry,
    /// Take a waiting or held job back.
    Cancel,
    /// Let a held job go.
    Release,
}

impl JobAct {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Release => "release",
        }
    }

    /// What it sets in the row; `$2` is the present instant.
    pub(crate) const fn change(self) -> &'static str {
        match self {
            // Another job with the same key may wait by now: this one gives its key up.
            Self::Retry => {
                "state = 'queued', dedup_key = NULL, run_at = $2, attempts = 0, finished_at = NULL"
            }
            Self::Cancel => "state = 'cancelled', dedup_key = NULL, finished_at = $2",
            Self::Release => "state = 'queued', run_at = $2",
        }
    }

    /// States it can be done in.
    const fn from(self) -> &'static str {
        match self {
            Self::Retry => "'failed', 'cancelled', 'queued'",
            Self::Cancel => "'queued', 'held'",
            Self::Release => "'held'",
        }
    }
}

/// A job could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum JobChangeError {
    /// There is none of that id, or it is not in a state for this.
    #[error("処理は見つからないか、もう別の状態に変わっています")]
    Elsewhere,
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The record of it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Which jobs are asked for.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Any of these states; empty means all.
    pub states: Vec<JobState>,
    /// Only this kind.
    pub kind: Option<&'static str>,
    /// At most this many, the newest first.
    pub limit: u32,
    /// So many of the newest are left out.
    pub offset: u64,
}

impl JobFilter {
    /// The condition in SQL, with what stands in its places.
    fn clause(&self) -> (String, Args) {
        let mut args = Args::new();
        let mut wanted = Vec::new();
        if !self.states.is_empty() {
            let states: Vec<String> = self
                .states
                .iter()
                .map(|state| args.push(state.as_str()))
                .collect();
            wanted.push(format!("state IN ({})", states.join(", ")));
        }
        if let Some(kind) = self.kind {
            wanted.push(format!("kind = {}", args.push(kind)));
        }
        let clause = if wanted.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", wanted.join(" AND "))
        };
        (clause, args)
    }
}

impl App {
    /// Jobs, the newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRow>, mamori_store::Error> {
        let (clause, mut args) = filter.clause();
        // Ids are ordered by their time.
        let sql = format!(
            "SELECT id, kind, state, payload, queued_at, run_at, schedule, attempts, started_at, \
             finished_at, last_error FROM job {clause} ORDER BY id DESC LIMIT {} OFFSET {}",
            args.push(i64::from(filter.limit)),
            args.push(i64::try_from(filter.offset).unwrap_or(i64::MAX))
        );
        let rows = self.db.fetch_all(&sql, args).await?;
        rows.iter().map(JobRow::read).collect()
    }

    /// How many jobs fit.
    pub async fn count_jobs(&self, filter: &JobFilter) -> Result<u64, mamori_store::Error> {
        let (clause, args) = filter.clause();
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM job {clause}");
        Ok(self
            .db
            .fetch_one(&sql, args)
            .await?
            .i64("n")?
            .unsigned_abs())
    }

    /// The job of this id.
    pub async fn job(&self, id: &str) -> Result<Option<JobRow>, mamori_store::Error> {
        let sql = "SELECT id, kind, state, payload, queued_at, run_at, schedule, attempts, \
                   started_at, finished_at, last_error FROM job WHERE id = $1";
        let row = self.db.fetch_optional(sql, args![id]).await?;
        row.as_ref().map(JobRow::read).transpose()
    }

    /// All schedules with their next instant, the nearest first.
    pub async fn schedules(&self) -> Result<Vec<ScheduleRow>, mamori_store::Error> {
        let known = self
            .db
            .fetch_all("SELECT name, next_at, last_for FROM schedule", args![])
            .await?;
        let mut found = Vec::new();
        for schedule in self.capabilities().iter().flat_map(|c| &c.schedules) {
            let mut row = ScheduleRow {
                name: schedule.name,
                job: schedule.job,
                rule: schedule.rule.to_string(),
                next_at: None,
                last_for: None,
            };
            for one in &known {
                if one.text("name")? == schedule.name {
                    row.next_at = one.get("next_at")?;
                    row.last_for = one.get("last_for")?;
                }
            }
            found.push(row);
        }
        found.sort_by_key(|row| (row.next_at.is_none(), row.next_at, row.name));
        Ok(found)
    }

    /// The newest records of scheduled runs that came too late or not at all.
    pub async fn missed_runs(&self, limit: u32) -> Result<Vec<Record>, mamori_store::Error> {
        self.db
            .ledger_records(&LedgerQuery {
                kinds: vec![JOB_MISSED.to_owned()],
                newest_first: true,
                limit,
                ..LedgerQuery::new(SYSTEM_CHAIN)
            })
            .await
    }

    /// Changes what happens to a job, and records who did it.
    pub async fn change_job(
        &self,
        id: &str,
        act: JobAct,
        actor: Actor,
    ) -> Result<(), JobChangeError> {
        let now = self.now();
        let sql = format!(
            "UPDATE job SET {} WHERE id = $1 AND state IN ({}) RETURNING kind",
            act.change(),
            act.from()
        );
        let mut tx = self.db.begin_write().await?;
        let Some(row) = tx.fetch_optional(&sql, args![id, now]).await? else {
            return Err(JobChangeError::Elsewhere);
        };
        let kind = row.text("kind")?;
        let payload = json!({ "job": kind, "job_id": id, "act": act.as_str() });
        let record = NewRecord::new(SYSTEM_CHAIN, now, actor, JOB_CHANGED, kind, &payload)?;
        self.append(&mut tx, record).await?;
        tx.commit().await?;
        self.jobs_queued.notify_one();
        Ok(())
    }
}

/// What a change of a job leaves.
pub(crate) fn evidence() -> EvidenceKind {
    EvidenceKind {
        kind: JOB_CHANGED,
        version: 1,
        title_ja: "処理への人の操作",
        fields: &[
            ("job", "処理の種類"),
            ("job_id", "処理の番号"),
            ("act", "操作（retry・cancel・release）"),
        ],
    }
}
