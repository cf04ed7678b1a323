//! What a kind of job and a schedule are: data and a function.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::ledger::Actor;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::capability::BoxFuture;
use crate::schedule::Rule;

/// Why a job did not succeed. Every error becomes [`JobError::Retry`] through `?`.
#[derive(Debug)]
pub enum JobError {
    /// Try again later, as the kind's [`RetryPolicy`] says.
    Retry(Box<dyn std::error::Error + Send + Sync>),
    /// Trying again cannot help.
    Permanent(String),
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            Self::Permanent(why) => f.write_str(why),
        }
    }
}

/// How often and after which pauses a job is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Pause after the first failure; doubles with each one.
    pub first_pause: SignedDuration,
    /// Longest pause.
    pub longest_pause: SignedDuration,
}

impl RetryPolicy {
    /// Tried once.
    pub const NEVER: Self = Self {
        attempts: 1,
        first_pause: SignedDuration::ZERO,
        longest_pause: SignedDuration::ZERO,
    };
    /// Five attempts within about a quarter of an hour: work inside the installation.
    pub const LOCAL: Self = Self {
        attempts: 5,
        first_pause: SignedDuration::from_mins(1),
        longest_pause: SignedDuration::from_mins(30),
    };
    /// Twelve attempts within about two days: work that depends on others' machines.
    pub const REMOTE: Self = Self {
        attempts: 12,
        first_pause: SignedDuration::from_mins(1),
        longest_pause: SignedDuration::from_hours(6),
    };

    /// Pause after the `attempt`-th failure (from 1); `None` when no attempt is left.
    pub fn pause_after(&self, attempt: u32) -> Option<SignedDuration> {
        if attempt >= self.attempts {
            return None;
        }
        let factor = 1_i32.checked_shl(attempt.saturating_sub(1).min(20))?;
        Some(
            self.first_pause
                .checked_mul(factor)
                .unwrap_or(SignedDuration::MAX)
                .min(self.longest_pause),
        )
    }
}

/// What a job is given.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The application.
    pub app: App,
    /// Id of the queue's row.
    pub id: String,
    /// Name of the kind.
    pub kind: &'static str,
    /// Attempt, from 1.
    pub attempt: u32,
    /// The instant a schedule meant, when a schedule queued it.
    pub scheduled_for: Option<Timestamp>,
    /// What was queued with it.
    pub payload: Value,
}

impl JobContext {
    /// The payload as a type; a payload that does not fit fails for good.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        T::deserialize(&self.payload).map_err(|error| {
            JobError::Permanent(format!(
                "payload of job {} does not fit: {error}",
                self.kind
            ))
        })
    }

    /// The actor for evidence that this run writes.
    pub fn actor(&self) -> Actor {
        Actor::job(self.kind)
    }

    /// The instant the run is about: what the schedule meant, or now.
    pub fn about(&self) -> Timestamp {
        self.scheduled_for.unwrap_or_else(|| self.app.now())
    }
}

type JobFn = Arc<dyn Fn(JobContext) -> BoxFuture<Result<(), JobError>> + Send + Sync>;

/// A kind of job. Its function must bear to run twice: a runner that was killed after the work but
/// before the row was marked leaves the job to another.
#[derive(Clone)]
pub struct JobKind {
    /// Stable name: `document.render-monthly`.
    pub name: &'static str,
    /// When it is tried again.
    pub retry: RetryPolicy,
    /// How long a runner holds the job without a heartbeat.
    pub lease: SignedDuration,
    run: JobFn,
}

impl JobKind {
    /// A kind with a lease of one minute (renewed while the job runs).
    pub fn new<F, Fut>(name: &'static str, retry: RetryPolicy, run: F) -> Self
    where
        F: Fn(JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        Self {
            name,
            retry,
            lease: SignedDuration::from_mins(1),
            run: Arc::new(move |context| Box::pin(run(context))),
        }
    }

    /// Changes the lease.
    #[must_use]
    pub fn with_lease(mut self, lease: SignedDuration) -> Self {
        self.lease = lease;
        self
    }

    pub(super) fn run(&self, context: JobContext) -> BoxFuture<Result<(), JobError>> {
        (self.run)(context)
    }
}

impl fmt::Debug for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobKind({})", self.name)
    }
}

/// What happens to the periods that passed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Each one is run, oldest first: reports, deadlines.
    Each,
    /// Only the latest one is run; the others are recorded as missed: probes, refreshes.
    Latest,
}

/// A job that runs by itself.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Stable name; also the dedup key of what it queues.
    pub name: &'static str,
    /// The kind of job.
    pub job: &'static str,
    /// When.
    pub rule: Rule,
    /// What happens after downtime.
    pub catch_up: CatchUp,
    /// Being later than this is recorded as `job.missed`.
    pub tolerance: SignedDuration,
}

impl Schedule {
    /// A schedule that catches up on each period and tolerates a delay of ten minutes.
    pub fn new(name: &'static str, job: &'static str, rule: Rule) -> Self {
        Self {
            name,
            job,
            rule,
            catch_up: CatchUp::Each,
            tolerance: SignedDuration::from_mins(10),
        }
    }

    /// Runs only the latest period after downtime.
    #[must_use]
    pub fn latest_only(mut self) -> Self {
        self.catch_up = CatchUp::Latest;
        self
    }

    /// Changes the tolerated delay.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: SignedDuration) -> Self {
        self.tolerance = tolerance;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy::LOCAL;
        let pauses: Vec<Option<i64>> = (1..=5)
            .map(|n| policy.pause_after(n).map(|pause| pause.as_secs() / 60))
            .collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(8), None]);
        assert_eq!(
            RetryPolicy::REMOTE.pause_after(11),
            Some(SignedDuration::from_hours(6))
        );
        assert_eq!(RetryPolicy::NEVER.pause_after(1), None);
    }
}
