//! 期限のお知らせ: once a day, one mail to each receiver about the dates of all contracts: seven,
//! three and one day before and on the day unless the contract's settings say otherwise, and what
//! has passed undone.
//!
//! A date goes to the own address of the person responsible, if they have one; the others, and
//! everything overdue, go to the contract's receivers (setting `mail-contractor`). Each line names
//! the person responsible.

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
        let dates = Pulse::dates(&office, &live, at).await?;
        let lines = lines(app, &live, &dates, today).await?;
        for (receiver, lines) in by_receiver(&lines, &to) {
            let (parts, count) = letters.entry(receiver).or_default();
            parts.push(part(&live, &lines));
            *count += lines.len();
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

/// What there is to say of one date.
struct Line {
    text: String,
    overdue: bool,
    /// Own address of the person responsible.
    own: Option<String>,
}

/// What there is to say of one contract, what is overdue first.
async fn lines(
    app: &App,
    live: &Live,
    dates: &[Deadline],
    today: Date,
) -> Result<Vec<Line>, JobError> {
    let days = settings::days(app, live.id(), settings::REMINDER_DAYS).await?;
    let overdue = dates
        .iter()
        .filter(|deadline| deadline.standing == Standing::Overdue);
    let coming = dates.iter().filter(|deadline| {
        deadline.standing == Standing::Open
            && deadline
                .days_left(today)
                .is_some_and(|left| days.contains(&left))
    });
    let told: Vec<&Deadline> = overdue.chain(coming).collect();
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let assigned = assigned(app, live.id()).await?;
    let people = colleague::on(app, live.id()).await?;
    let who = |deadline: &Deadline| {
        let id = assigned.get(&deadline.due.obligation)?;
        people.iter().find(|one| one.id == *id)
    };
    Ok(told
        .into_iter()
        .map(|deadline| {
            let who = who(deadline);
            let name = who.map_or_else(String::new, |one| format!(" 担当：{}", one.name));
            Line {
                text: format!("・{}{name}", line(deadline, today)),
                overdue: deadline.standing == Standing::Overdue,
                own: who.and_then(|one| one.mail.clone()),
            }
        })
        .collect())
}

/// Who is told which lines: the person responsible; and the contract's receivers what is nobody's,
/// and what is overdue, whoever's it is.
fn by_receiver<'l>(lines: &'l [Line], to: &[String]) -> BTreeMap<String, Vec<&'l Line>> {
    let mut told: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let everybody = line.own.is_none() || line.overdue;
        let own = line.own.iter();
        let others = to
            .iter()
            .filter(|address| everybody && line.own.as_ref() != Some(address));
        for receiver in own.chain(others) {
            told.entry(receiver.clone()).or_default().push(line);
        }
    }
    told
}

/// What one receiver is told of one contract.
fn part(live: &Live, lines: &[&Line]) -> String {
    let mut texts = vec![format!("■ {}", live.contract().file.contract.name)];
    let overdue = lines.iter().filter(|line| line.overdue);
    let more = overdue.clone().count().saturating_sub(MOST_OVERDUE);
    let coming = lines.iter().filter(|line| !line.overdue);
    let told = overdue.take(MOST_OVERDUE).chain(coming);
    texts.extend(told.map(|line| line.text.clone()));
    if more > 0 {
        texts.push(format!("・期限を過ぎたものは、ほかに{more}件あります。"));
    }
    texts.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_goes_to_its_person_and_what_is_overdue_to_all() {
        let line = |text: &str, overdue: bool, own: Option<&str>| Line {
            text: text.to_owned(),
            overdue,
            own: own.map(str::to_owned),
        };
        let lines = [
            line("a", true, Some("own@example.jp")),
            line("b", false, Some("own@example.jp")),
            line("c", false, None),
            line("d", true, Some("noc@example.jp")),
        ];
        let told = |to: &[&str]| -> Vec<(String, String)> {
            let to: Vec<String> = to.iter().map(|&one| one.to_owned()).collect();
            by_receiver(&lines, &to)
                .into_iter()
                .map(|(receiver, lines)| {
                    (
                        receiver,
                        lines.iter().map(|line| line.text.as_str()).collect(),
                    )
                })
                .collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            told(&["noc@example.jp"]),
            [pair("noc@example.jp", "acd"), pair("own@example.jp", "ab")]
        );
        // Without receivers of the contract people are told what is theirs.
        assert_eq!(
            told(&[]),
            [pair("noc@example.jp", "d"), pair("own@example.jp", "ab")]
        );
    }
}
