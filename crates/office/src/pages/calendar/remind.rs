//! 期限のお知らせ: once a day, one mail to each receiver about the dates of all contracts: seven,
//! three and one day before and on the day unless the contract's settings say otherwise, and what
//! has passed undone.
//!
//! The receivers are the contract's (setting `mail-contractor`), and each line names the person
//! responsible.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::wareki;
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Notification};
use mamori_store::args;
use mamori_web::colleague;

use super::super::board::assigned;
use super::super::view;
use crate::Office;
use crate::contracts::Live;
use crate::deadlines::{Deadline, Standing};
use crate::pulse::Pulse;
use crate::settings;

const JOB: &str = "deadline.remind";
/// Days after which the note that a reminder was sent is of no use.
const KEEP_DAYS: i64 = 366;
/// Overdue dates named in a mail; of the rest it tells how many they are.
const MOST_OVERDUE: usize = 20;

/// The kind of job.
pub fn job() -> JobKind {
    JobKind::new(JOB, RetryPolicy::LOCAL, run)
}

/// When it runs. A reminder of a day that is over is of no use to anybody.
pub fn schedule() -> Schedule {
    Schedule::new(JOB, JOB, Rule::Daily(At::new(8, 40))).latest_only()
}

async fn run(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let office = app
        .slot::<Office>()
        .ok_or_else(|| JobError::Permanent("office is not started".to_owned()))?;
    let at = context.about();
    let today = tokyo_date(at);
    let mut letters: BTreeMap<String, (Vec<String>, usize)> = BTreeMap::new();
    for live in office.contracts.all() {
        let to = app.contractor_addresses(live.id()).await?;
        if to.is_empty() {
            continue;
        }
        let dates = Pulse::dates(&office, &live, at).await?;
        if let Some((part, number)) = part(app, &live, &dates, today).await? {
            for receiver in to {
                let (parts, count) = letters.entry(receiver).or_default();
                parts.push(part.clone());
                *count += number;
            }
        }
    }
    if letters.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "DELETE FROM office_reminder WHERE day < $1",
        args![today.saturating_sub(KEEP_DAYS.days()).to_string()],
    )
    .await?;
    for (receiver, (parts, count)) in letters {
        let first = tx
            .execute(
                "INSERT INTO office_reminder (day, receiver, at_ms) VALUES ($1, $2, $3) \
                 ON CONFLICT (day, receiver) DO NOTHING",
                args![today.to_string(), &receiver, app.now()],
            )
            .await?;
        if first == 1 {
            let mail = Notification {
                to: vec![receiver],
                subject: format!("【期限】{} {count}件", wareki::with_weekday(today)),
                body: format!(
                    "{}\n\n期限の暦は Mamori の画面で確認できます。\n",
                    parts.join("\n\n")
                ),
                ..Notification::default()
            };
            app.notify(&mut tx, &mail).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// What there is to say of one contract, and of how many dates.
async fn part(
    app: &App,
    live: &Live,
    dates: &[Deadline],
    today: Date,
) -> Result<Option<(String, usize)>, JobError> {
    let days = settings::days(app, live.id(), settings::REMINDER_DAYS).await?;
    let overdue: Vec<&Deadline> = dates
        .iter()
        .filter(|deadline| deadline.standing == Standing::Overdue)
        .collect();
    let coming: Vec<&Deadline> = dates
        .iter()
        .filter(|deadline| {
            deadline.standing == Standing::Open
                && deadline
                    .days_left(today)
                    .is_some_and(|left| days.contains(&left))
        })
        .collect();
    if overdue.is_empty() && coming.is_empty() {
        return Ok(None);
    }
    let assigned = assigned(app, live.id()).await?;
    let people = colleague::on(app, live.id()).await?;
    let who = |deadline: &Deadline| {
        let id = assigned.get(&deadline.due.obligation)?;
        people.iter().find(|one| one.id == *id)
    };
    let mut lines = vec![format!("■ {}", live.contract().file.contract.name)];
    for deadline in overdue.iter().take(MOST_OVERDUE).chain(&coming) {
        let who = who(deadline).map_or_else(String::new, |one| format!(" 担当：{}", one.name));
        lines.push(format!("・{}{who}", line(deadline, today)));
    }
    if overdue.len() > MOST_OVERDUE {
        lines.push(format!(
            "・期限を過ぎたものは、ほかに{}件あります。",
            overdue.len() - MOST_OVERDUE
        ));
    }
    Ok(Some((lines.join("\n"), overdue.len() + coming.len())))
}

fn line(deadline: &Deadline, today: Date) -> String {
    let left = match deadline.days_left(today) {
        Some(0) => "今日".to_owned(),
        Some(days) if days < 0 => format!("{}日超過", -days),
        Some(days) => format!("あと{days}日"),
        None => String::new(),
    };
    let why = view::reasons_of_day(&deadline.due, wareki::with_weekday);
    format!(
        "{}（{left}） {} {}\n　期限の理由：{}",
        deadline
            .day()
            .map_or_else(String::new, wareki::with_weekday),
        deadline.title(),
        view::period_ja(deadline.due.period),
        why.join("。")
    )
}
