//! The job queue: rows in the database, written in the transaction of the change that needs them.
//!
//! Own tables instead of a job crate, because a job must be queued in the same transaction on
//! either database, rules such as 翌開庁日 are not cron, and missed runs are evidence. A runner
//! holds a job by a lease that it renews; a killed runner's lease ends and another takes over, so
//! a job runs at least once and its function must bear to run twice. What this does not do:
//! priorities, streams, cancelling a running job.

mod kind;
mod look;
mod queue;
mod runner;
mod tick;

pub use kind::{CatchUp, JobContext, JobError, JobKind, RetryPolicy, Schedule};
pub(crate) use look::evidence;
pub use look::{JobAct, JobChangeError, JobFilter, JobRow, JobState, ScheduleRow};
pub use queue::{JobCounts, JobQueueError, NewJob};
pub use runner::{RunSummary, Runner, RunnerError};
