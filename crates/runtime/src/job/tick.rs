//! Turns schedules into jobs, period by period, exactly once over all processes.
//!
//! The row of a schedule holds the next instant. Whoever moves it on, inside one transaction with
//! the jobs it queues, has run the period; a second process finds the row moved. Periods that
//! passed while nothing ran are caught up, and each delay beyond the tolerance is evidence.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::evidence::JOB_MISSED;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_store::{Tx, args};
use serde_json::json;

use super::kind::{CatchUp, Schedule};
use super::queue::NewJob;
use super::runner::RunnerError;
use crate::app::{App, SYSTEM_CHAIN};
use crate::telemetry;

/// A recorded period this far in the future means that the clock was wrong then: the schedule is
/// set anew instead of sleeping until that time comes.
const CLOCK_WAS_AHEAD: SignedDuration = SignedDuration::from_hours(24);

struct Known {
    rule: String,
    next_at: Option<Timestamp>,
    last_for: Option<Timestamp>,
}

/// Queues what is due at `now`; gives the number of jobs queued.
pub(super) async fn tick(app: &App, now: Timestamp) -> Result<usize, RunnerError> {
    let known = read_all(app).await?;
    let mut queued = 0;
    for schedule in app.capabilities().iter().flat_map(|c| &c.schedules) {
        let due = match known.get(schedule.name) {
            Some(row) => {
                row.rule != schedule.rule.to_string()
                    || row.next_at.is_some_and(|next| next <= now)
                    || was_ahead(row, now)
            }
            None => true,
        };
        if due {
            queued += advance(app, schedule, now).await?;
        }
    }
    Ok(queued)
}

fn was_ahead(row: &Known, now: Timestamp) -> bool {
    row.last_for
        .is_some_and(|last| last.duration_since(now) > CLOCK_WAS_AHEAD)
}

async fn read_all(app: &App) -> Result<BTreeMap<String, Known>, RunnerError> {
    let rows = app
        .db
        .fetch_all(
            "SELECT name, rule, next_at, last_for FROM schedule",
            args![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.text("name")?,
                Known {
                    rule: row.get("rule")?,
                    next_at: row.get("next_at")?,
                    last_for: row.get("last_for")?,
                },
            ))
        })
        .collect()
}

/// Moves one schedule on to its first instant after `now`, queueing what lies between.
async fn advance(app: &App, schedule: &Schedule, now: Timestamp) -> Result<usize, RunnerError> {
    let days = app.open_days();
    let days = days.as_ref();
    let rule = schedule.rule.to_string();
    let mut tx = app.db.begin_write().await?;
    let sql = format!(
        "SELECT rule, next_at, last_for FROM schedule WHERE name = $1{}",
        app.db.for_update()
    );
    let row = tx.fetch_optional(&sql, args![schedule.name]).await?;
    let Some(row) = row else {
        // A new schedule begins now: what lies before was never promised.
        tx.execute(
            "INSERT INTO schedule (name, rule, next_at, last_for) VALUES ($1, $2, $3, NULL) \
             ON CONFLICT DO NOTHING",
            args![schedule.name, &rule, schedule.rule.next_after(now, days)],
        )
        .await?;
        tx.commit().await?;
        return Ok(0);
    };
    let known = Known {
        rule: row.get("rule")?,
        next_at: row.get("next_at")?,
        last_for: row.get("last_for")?,
    };
    let mut next = known.next_at;
    if was_ahead(&known, now) {
        tracing::warn!(
            schedule = schedule.name,
            "the clock was ahead once; schedule set anew"
        );
        next = schedule.rule.next_after(now, days);
    } else if known.rule != rule {
        let from = known.last_for.unwrap_or(now).min(now);
        next = schedule.rule.next_after(from, days);
    }
    let mut due = Vec::new();
    while let Some(instant) = next.filter(|instant| *instant <= now) {
        due.push(instant);
        next = schedule.rule.next_after(instant, days);
    }
    let queued = queue_periods(app, &mut tx, schedule, &due, now).await?;
    let last = due
        .last()
        .copied()
        .or(known.last_for.filter(|last| *last <= now));
    tx.execute(
        "UPDATE schedule SET rule = $1, next_at = $2, last_for = $3 WHERE name = $4",
        args![&rule, next, last, schedule.name],
    )
    .await?;
    tx.commit().await?;
    Ok(queued)
}

async fn queue_periods(
    app: &App,
    tx: &mut Tx,
    schedule: &Schedule,
    due: &[Timestamp],
    now: Timestamp,
) -> Result<usize, RunnerError> {
    let Some((latest, before)) = due.split_last() else {
        return Ok(0);
    };
    let to_run = match schedule.catch_up {
        CatchUp::Each => due,
        CatchUp::Latest => {
            if let Some(first) = before.first() {
                let gap = json!({
                    "schedule": schedule.name,
                    "job": schedule.job,
                    "scheduled_for": first.to_string(),
                    "until": latest.to_string(),
                    "periods": before.len(),
                    "late_seconds": now.duration_since(*first).as_secs(),
                    "run": false,
                });
                record_missed(app, tx, schedule, &gap, now).await?;
            }
            std::slice::from_ref(latest)
        }
    };
    for instant in to_run {
        let late = now.duration_since(*instant);
        if late > schedule.tolerance {
            let missed = json!({
                "schedule": schedule.name,
                "job": schedule.job,
                "scheduled_for": instant.to_string(),
                "late_seconds": late.as_secs(),
                "run": true,
            });
            record_missed(app, tx, schedule, &missed, now).await?;
        }
        let mut job = NewJob::new(schedule.job, &json!({})).at(*instant);
        job.schedule = Some(schedule.name);
        job.scheduled_for = Some(*instant);
        app.enqueue(tx, job).await?;
    }
    Ok(to_run.len())
}

async fn record_missed(
    app: &App,
    tx: &mut Tx,
    schedule: &Schedule,
    payload: &serde_json::Value,
    now: Timestamp,
) -> Result<(), RunnerError> {
    tracing::warn!(schedule = schedule.name, %payload, "a scheduled run came too late");
    metrics::counter!(telemetry::JOB_MISSED, "schedule" => schedule.name).increment(1);
    let record = NewRecord::new(
        SYSTEM_CHAIN,
        now,
        Actor::job("runtime.schedule"),
        JOB_MISSED,
        schedule.name,
        payload,
    )?;
    app.append(tx, record).await?;
    Ok(())
}
