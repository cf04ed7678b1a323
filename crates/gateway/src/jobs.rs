//! What the gateway does by itself: it tries its rules every day, notes the day's transfer, tells
//! people when a month's plan runs out, and forgets what it need not know any more.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::NewRecord;
use mamori_proxy::{Banning, WafMode};
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Notification};
use serde_json::json;

use crate::access;
use crate::bans::store as ban_store;
use crate::compiled::{Compiled, OnDisk};
use crate::desk;
use crate::evidence;
use crate::model::{Traffic, mode_word};
use crate::policy::{self, Decided, MakeError};
use crate::probe::{self, Tried};
use crate::service;
use crate::store::{self, Alive};
use crate::tally;

/// Policy `gateway.findings`: requests that were refused are kept for ninety days.
const KEEP: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Policy `gateway.minutes`: traffic by minute serves pages that show now; days stay.
pub(crate) const KEEP_MINUTES: SignedDuration = SignedDuration::from_hours(24 * 2);
/// Shares of the plan that people are told of.
const ALARMS: [u32; 3] = [80, 95, 100];
/// A gateway that said nothing for so long does not run.
pub const SILENT: SignedDuration = SignedDuration::from_mins(5);

const CHECK: &str = "gateway.check";
const TRANSFER: &str = "gateway.transfer";
const FORGET: &str = "gateway.forget";
const LOG: &str = "gateway.log";
/// Key of access records in evidence.
const ACCESS_LOG: &str = "access";

/// The kinds of job.
pub fn kinds() -> Vec<JobKind> {
    vec![
        JobKind::new(CHECK, RetryPolicy::LOCAL, check),
        JobKind::new(TRANSFER, RetryPolicy::LOCAL, transfer),
        JobKind::new(FORGET, RetryPolicy::LOCAL, forget),
        JobKind::new(LOG, RetryPolicy::LOCAL, log_kept),
    ]
}

/// When they run.
pub fn schedules() -> Vec<Schedule> {
    vec![
        Schedule::new(CHECK, CHECK, Rule::Daily(At::new(6, 10))).latest_only(),
        // Each day by itself: a machine that was off makes up for the days it missed.
        Schedule::new(TRANSFER, TRANSFER, Rule::Daily(At::new(0, 15))),
        Schedule::new(LOG, LOG, Rule::Daily(At::new(6, 20))).latest_only(),
        Schedule::new(FORGET, FORGET, Rule::Daily(At::new(3, 40))).latest_only(),
    ]
}

/// Whether a gateway runs, as far as it says so itself.
pub fn serves(app: &App, alive: Option<&Alive>) -> bool {
    alive.is_some_and(|alive| app.now().duration_since(alive.at) < SILENT)
}

async fn check(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let Some(gateway) = app.config.gateway.clone() else {
        return Ok(());
    };
    let today = tokyo_date(context.about());
    let alive = store::alive(&app.db).await?;
    let serving = serves(app, alive.as_ref());
    let trouble = alive.map(|alive| alive.trouble).unwrap_or_default();
    for site in &gateway.sites {
        let (decided, tried) = tried(app, &gateway, site).await?;
        let mode = decided.policy.mode;
        let yesterday = today.saturating_sub(1.day());
        let traffic = of_day(app, site, yesterday).await?;
        let (rules, tried, wrong) = match tried {
            Ok((rules, tried)) => (rules, tried, String::new()),
            Err(error) => (0, Tried::default(), error.to_string()),
        };
        let trouble = [wrong.as_str(), trouble.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        // What only observes stops nothing: that is no firewall in the sense of the contract.
        let ok = serving && mode == WafMode::Block && rules > 0 && tried.ok() && trouble.is_empty();
        let mut payload = json!({
            "host": site.name,
            "date": today.to_string(),
            "ok": ok,
            "serving": serving,
            "mode": mode_word(mode),
            "rules": rules,
            "missed": tried.missed.len(),
            "wronged": tried.wronged.len(),
            "requests": traffic.requests,
            "refused": traffic.refused,
        });
        let eased = decided.eased(app.now());
        if eased > 0 {
            payload["eased"] = eased.into();
        }
        if !trouble.is_empty() {
            payload["trouble"] = trouble.into();
        }
        append(&context, site, evidence::CHECKED, today, &payload).await?;
    }
    Ok(())
}

type Attempt = Result<(usize, Tried), MakeError>;

async fn tried(
    app: &App,
    gateway: &Gateway,
    site: &GatewaySite,
) -> Result<(Decided, Attempt), JobError> {
    let decided = Decided::read(app, site).await?;
    let own = decided.clone();
    let (files, now) = (service::folders(app, gateway), app.now());
    let attempt = tokio::task::spawn_blocking(move || {
        let files = files.map(OnDisk::look);
        let rules = policy::compile(files.as_ref(), &mut Compiled::default(), &own, now)?;
        let host = own.site.hosts.first().map_or("", String::as_str);
        Ok((rules.len(), probe::attempt(&rules, host)))
    });
    let attempt = attempt
        .await
        .map_err(|error| JobError::Permanent(error.to_string()))?;
    Ok((decided, attempt))
}

async fn of_day(app: &App, site: &GatewaySite, day: Date) -> Result<Traffic, JobError> {
    let days = store::traffic(&app.db, &site.name, day, day).await?;
    Ok(days.get(&day).copied().unwrap_or_default())
}

async fn append(
    context: &JobContext,
    site: &GatewaySite,
    kind: &str,
    day: Date,
    payload: &serde_json::Value,
) -> Result<(), JobError> {
    append_about(context, site, kind, &site.name, day, payload).await
}

/// One record for a subject and a day, however often the job runs.
pub(crate) async fn append_about(
    context: &JobContext,
    site: &GatewaySite,
    kind: &str,
    subject: &str,
    day: Date,
    payload: &serde_json::Value,
) -> Result<(), JobError> {
    let app = &context.app;
    let record = NewRecord::new(
        &site.contract,
        app.now(),
        context.actor(),
        kind,
        subject,
        payload,
    )
    .map(|record| record.dedup(format!("{kind}/{subject}/{day}")))
    .map_err(|error| JobError::Permanent(error.to_string()))?;
    let mut tx = app.db.begin_write().await?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    Ok(())
}

/// The day before: one record for each site, and the alarms of its month.
async fn transfer(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let Some(gateway) = app.config.gateway.clone() else {
        return Ok(());
    };
    let day = tokyo_date(context.about()).saturating_sub(1.day());
    let mut contracts: Vec<&str> = Vec::new();
    for site in &gateway.sites {
        let traffic = of_day(app, site, day).await?;
        let payload = json!({
            "date": day.to_string(),
            "host": site.name,
            "gigabytes": traffic.gigabytes(),
            "requests": traffic.requests,
        });
        append(&context, site, evidence::TRANSFER, day, &payload).await?;
        if !contracts.contains(&site.contract.as_str()) {
            contracts.push(&site.contract);
        }
    }
    for contract in contracts {
        alarm(app, &gateway, contract, day).await?;
    }
    Ok(())
}

/// Transfer of a contract's month up to a day, in gigabytes.
pub async fn month_gigabytes(
    app: &App,
    contract: &str,
    day: Date,
) -> Result<f64, mamori_store::Error> {
    let mut sum = Traffic::default();
    for traffic in desk::traffic(app, contract, day.first_of_month(), day)
        .await?
        .into_values()
    {
        sum.add(traffic);
    }
    Ok(sum.gigabytes())
}

async fn alarm(app: &App, gateway: &Gateway, contract: &str, day: Date) -> Result<(), JobError> {
    let used = month_gigabytes(app, contract, day).await?;
    let plan = gateway.plan_gigabytes;
    let percent = used / plan as f64 * 100.0;
    let reached = ALARMS
        .iter()
        .rev()
        .find(|level| percent >= f64::from(**level));
    let Some(level) = reached else {
        return Ok(());
    };
    let to = app
        .contractor_addresses(contract)
        .await
        .map_err(|error| JobError::Permanent(error.to_string()))?;
    let month = day.strftime("%Y-%m").to_string();
    let mut tx = app.db.begin_write().await?;
    if store::alarm_once(&mut tx, contract, &month, *level, app.now()).await? && !to.is_empty() {
        let mail = Notification {
            to,
            contract: Some(contract.to_owned()),
            subject: format!("【まもり】{month} の転送量がプランの {level} % を超えました"),
            body: format!(
                "{month} の転送量は {used:.1} GB です（プラン {plan} GB の {percent:.0} %、{day} まで）。\n\
                 \n次にすること: 管理画面の「ゲートウェイ」で日ごとの転送量を見て、増えた理由を確かめてください。\n"
            ),
            ..Notification::default()
        };
        app.notify(&mut tx, &mail)
            .await
            .map_err(|error| JobError::Permanent(error.to_string()))?;
    }
    tx.commit().await?;
    Ok(())
}

/// Which access records are there: a record for each contract, once the gateway has looked.
async fn log_kept(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let Some(gateway) = app.config.gateway.clone() else {
        return Ok(());
    };
    let Some(kept) = access::store::kept(&app.db).await? else {
        return Ok(());
    };
    let today = tokyo_date(context.about());
    let alive = store::alive(&app.db).await?;
    let mut payload = json!({
        "log": ACCESS_LOG,
        "date": today.to_string(),
        "ok": serves(app, alive.as_ref()) && kept.trouble.is_empty(),
        "files": kept.files,
        "bytes": kept.bytes,
        "keep_days": gateway.access_days,
    });
    let days = [("oldest_on", kept.oldest_on), ("newest_on", kept.newest_on)];
    for (name, day) in days {
        if let Some(day) = day {
            payload[name] = day.to_string().into();
        }
    }
    if !kept.trouble.is_empty() {
        payload["trouble"] = kept.trouble.into();
    }
    let mut told: Vec<&str> = Vec::new();
    for site in &gateway.sites {
        if !told.contains(&site.contract.as_str()) {
            told.push(&site.contract);
            append(&context, site, evidence::LOG_KEPT, today, &payload).await?;
        }
    }
    Ok(())
}

async fn forget(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let before = app.now().checked_sub(KEEP).unwrap_or(jiff::Timestamp::MIN);
    let deleted = store::forget_findings(&app.db, before).await?;
    tracing::info!(deleted, policy = "gateway.findings", "findings deleted");
    // As long as the data plane remembers them.
    let before = app.now().checked_sub(Banning::default().forgiven_after);
    let before = before.unwrap_or(jiff::Timestamp::MIN);
    ban_store::forget_ended(&app.db, before).await?;
    let before = app
        .now()
        .checked_sub(KEEP_MINUTES)
        .unwrap_or(jiff::Timestamp::MIN);
    let deleted = tally::store::forget_minutes(&app.db, before).await?;
    tracing::info!(
        deleted,
        policy = "gateway.minutes",
        "minutes of traffic deleted"
    );
    Ok(())
}
