//! The runtime's own capability: delivery of notifications, the ledger's daily head, pruning of
//! finished jobs, health of the database.

use jiff::SignedDuration;
use mamori_kernel::evidence::{EvidenceKind, JOB_FAILED, JOB_MISSED};
use mamori_store::{Migration, args};

use crate::app::App;
use crate::capability::{Capability, Finding, HealthCheck, HookError, start_hook};
use crate::daily_head;
use crate::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use crate::notify;
use crate::schedule::{At, Rule};
use crate::seal;
use crate::setting;

/// Policy `runtime.finished-jobs`: rows of finished jobs, with the mails in them, are deleted
/// after this time. The ledger keeps what a job did; the row is only the queue's.
const KEEP_FINISHED_JOBS: SignedDuration = SignedDuration::from_hours(24 * 35);

const PRUNE_JOB: &str = "runtime.prune-jobs";

pub(crate) fn capability() -> Capability {
    let mut jobs = notify::jobs();
    jobs.push(daily_head::job());
    jobs.push(JobKind::new(PRUNE_JOB, RetryPolicy::LOCAL, prune));
    Capability {
        id: "runtime",
        title_ja: "基盤",
        migrations: vec![
            Migration {
                name: "20261122_runtime_jobs",
                sql: include_str!("../migrations/20261122_runtime_jobs.sql"),
            },
            Migration {
                name: "20261123_runtime_webhooks",
                sql: include_str!("../migrations/20261123_runtime_webhooks.sql"),
            },
            Migration {
                name: "20261123_runtime_contract_setting",
                sql: include_str!("../migrations/20261123_runtime_contract_setting.sql"),
            },
        ],
        jobs,
        settings: setting::settings(),
        schedules: vec![
            daily_head::schedule(),
            notify::subscription::schedule(),
            Schedule::new(PRUNE_JOB, PRUNE_JOB, Rule::Daily(At::new(3, 10))).latest_only(),
        ],
        evidence: vec![
            daily_head::evidence(),
            crate::job::evidence(),
            setting::evidence(),
            EvidenceKind {
                kind: JOB_FAILED,
                version: 1,
                title_ja: "処理の失敗",
                fields: &[
                    ("job", "処理の種類"),
                    ("job_id", "処理の番号"),
                    ("attempt", "何回目か"),
                    ("error", "失敗の内容"),
                    ("again_at", "次に試す日時（あきらめたときは null）"),
                    ("given_up", "あきらめたか"),
                ],
            },
            EvidenceKind {
                kind: JOB_MISSED,
                version: 1,
                title_ja: "定時処理の遅れ",
                fields: &[
                    ("schedule", "定時処理の名前"),
                    ("job", "処理の種類"),
                    ("scheduled_for", "予定の日時"),
                    ("late_seconds", "遅れ（秒）"),
                    ("run", "遅れて実行したか"),
                    ("until?", "飛ばした最後の予定の次"),
                    ("periods?", "飛ばした回数"),
                ],
            },
        ]
        .into_iter()
        .chain(notify::evidence())
        .collect(),
        health: vec![
            HealthCheck::new("database", database),
            HealthCheck::new("jobs", queue),
        ],
        start: Some(start_hook(start)),
        ..Capability::default()
    }
}

async fn start(app: App) -> Result<(), HookError> {
    seal::open(&app)?;
    notify::subscription::seal_clear_ones(&app)
        .await
        .map_err(|error| HookError::caused_by("通知先の秘密を封じられません", error))
}

async fn prune(context: JobContext) -> Result<(), JobError> {
    let before = context
        .app
        .now()
        .checked_sub(KEEP_FINISHED_JOBS)
        .unwrap_or(jiff::Timestamp::MIN);
    let deleted = context
        .app
        .db
        .execute(
            "DELETE FROM job WHERE state IN ('done', 'failed', 'cancelled') AND finished_at < $1",
            args![before],
        )
        .await?;
    tracing::info!(
        deleted,
        policy = "runtime.finished-jobs",
        "finished jobs deleted"
    );
    Ok(())
}

async fn database(app: App) -> Result<Finding, Finding> {
    app.db
        .fetch_one("SELECT CAST(1 AS BIGINT) AS one", args![])
        .await
        .map(|_| Finding::new("database"))
        .map_err(|error| Finding::error(&error))
}

/// Jobs that should have run an hour ago mean that no runner works.
async fn queue(app: App) -> Result<Finding, Finding> {
    let counts = app
        .job_counts()
        .await
        .map_err(|error| Finding::error(&error))?;
    let hour_ago = app
        .now()
        .checked_sub(SignedDuration::from_hours(1))
        .unwrap_or(jiff::Timestamp::MIN);
    let stuck = app
        .db
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM job WHERE state = 'queued' AND run_at < $1",
            args![hour_ago],
        )
        .await
        .and_then(|row| row.i64("n"))
        .map_err(|error| Finding::error(&error))?;
    if stuck > 0 {
        return Err(Finding::new("jobs-stuck").count("count", stuck));
    }
    Ok(Finding::new("jobs")
        .count("waiting", counts.queued)
        .count("running", counts.running)
        .count("failed", counts.failed))
}
