//! Reminds the contractor of what ends: attestations, assets to be renewed, media to be returned.
//!
//! 60, 30 and 7 days before unless the contract's settings say otherwise, each once however often
//! the job runs or does not run: what was reminded of is written down in the transaction that queues the mail. A day on which the
//! machine was off is made up for on the next one.

use std::collections::BTreeMap;

use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::wareki;
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Notification};
use mamori_store::Error;
use mamori_web::colleague;

use crate::Office;
use crate::attestation::{Attestation, standings};
use crate::contracts::Live;
use crate::pages::board::assigned;
use crate::register::{Desk, DeskError, Stored, remind_once};

/// The kind of job.
pub fn kind() -> JobKind {
    JobKind::new("office.expiry", RetryPolicy::LOCAL, run)
}

/// When it runs.
pub fn schedule() -> Schedule {
    Schedule::new(
        "office.expiry",
        "office.expiry",
        Rule::Daily(At::new(8, 40)),
    )
    .latest_only()
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ending {
    item: String,
    number: String,
    title: String,
    due: Date,
    what: &'static str,
    /// Own address of the person who answers for it.
    own: Option<String>,
}

async fn run(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let office = app
        .slot::<Office>()
        .ok_or_else(|| JobError::Permanent("office is not started".to_owned()))?;
    let today = tokyo_date(context.about());
    for live in office.contracts.all() {
        let endings = endings(app, &office.desk, &live, today).await?;
        let name = &live.contract().file.contract.name;
        remind(app, live.id(), name, &endings, today).await?;
    }
    Ok(())
}

/// Registers whose items end by themselves: state in which they still can, field of the last day,
/// and what that is called.
const ENDING: [(&str, &str, &str, &str); 2] = [
    ("asset", "registered", "expires_on", "更新期限"),
    ("media", "registered", "return_by", "返却期限"),
];

async fn endings(
    app: &App,
    desk: &Desk,
    live: &Live,
    today: Date,
) -> Result<Vec<Ending>, DeskError> {
    let mut endings = attestations(app, desk, live, today).await?;
    for (key, state, field, what) in ENDING {
        let Some(register) = crate::register(key) else {
            continue;
        };
        let items = desk.all(live.id(), register, None).await?;
        endings.extend(
            items
                .iter()
                .filter(|item| item.state == state)
                .filter_map(|item| {
                    let due = item.data.get(field)?.as_str()?.parse().ok()?;
                    Some(Ending {
                        item: item.id.clone(),
                        number: item.number.clone(),
                        title: item.title.clone(),
                        due,
                        what,
                        own: None,
                    })
                }),
        );
    }
    Ok(endings)
}

async fn attestations(
    app: &App,
    desk: &Desk,
    live: &Live,
    today: Date,
) -> Result<Vec<Ending>, DeskError> {
    let Some(register) = crate::register("attestation") else {
        return Ok(Vec::new());
    };
    let terms = desk.terms(live.id(), today).await?;
    let filed = desk.all(live.id(), register, None).await?;
    // Only the one that speaks: an old paper that was renewed may end quietly.
    let spoken: Vec<String> = standings(terms.as_ref(), &filed, today)
        .into_iter()
        .filter_map(|standing| standing.attestation)
        .map(|spoken| spoken.id)
        .collect();
    let own = own_addresses(app, live.id()).await?;
    Ok(filed
        .iter()
        .filter(|item| spoken.contains(&item.id))
        .filter_map(|item| {
            let attestation: Attestation = item.read().ok()?;
            let own = own.get(&attestation.obligation).cloned();
            Some(Ending {
                own,
                ..ending(item, &attestation)?
            })
        })
        .collect())
}

/// Own addresses of the people responsible, by obligation.
async fn own_addresses(app: &App, contract: &str) -> Result<BTreeMap<String, String>, Error> {
    let people = colleague::on(app, contract).await?;
    let address = |user: &str| people.iter().find(|one| one.id == user)?.mail.clone();
    Ok(assigned(app, contract)
        .await?
        .into_iter()
        .filter_map(|(obligation, user)| Some((obligation, address(&user)?)))
        .collect())
}

/// The nearer one of the last day and the day of review.
fn ending(item: &Stored, attestation: &Attestation) -> Option<Ending> {
    let (due, what) = [
        (attestation.expires_on, "有効期限"),
        (attestation.review_on, "見直し日"),
    ]
    .into_iter()
    .filter_map(|(day, what)| Some((day?, what)))
    .min_by_key(|(day, _)| *day)?;
    Some(Ending {
        item: item.id.clone(),
        number: item.number.clone(),
        title: item.title.clone(),
        due,
        what,
        own: None,
    })
}

/// The reminder that a day calls for: the nearest one that has come. `reminders` are days before
/// the last day, the nearest first.
fn called_for(reminders: &[i32], due: Date, today: Date) -> Option<(i32, i32)> {
    let left = today.until((jiff::Unit::Day, due)).ok()?.get_days();
    let days = reminders.iter().copied().find(|days| left <= *days)?;
    (left >= 0).then_some((days, left))
}

/// One mail to each receiver about everything that is new to remind of: to the person responsible
/// where they have an address, to the contract's receivers otherwise. What nobody is to be told of
/// stays to be told.
async fn remind(
    app: &App,
    contract: &str,
    name: &str,
    endings: &[Ending],
    today: Date,
) -> Result<(), JobError> {
    let to = app.contractor_addresses(contract).await?;
    let days = crate::settings::days(app, contract, crate::settings::EXPIRY_DAYS).await?;
    let mut tx = app.db.begin_write().await?;
    let mut letters: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for ending in endings {
        let receivers = ending.own.as_ref().map_or(&to[..], std::slice::from_ref);
        if receivers.is_empty() {
            continue;
        }
        let Some((days, left)) = called_for(&days, ending.due, today) else {
            continue;
        };
        let at_ms = app.now().as_millisecond();
        if remind_once(&mut tx, contract, &ending.item, ending.due, days, at_ms).await? {
            letters.entry(receivers.to_vec()).or_default().push(format!(
                "・{} {}（{}、あと{left}日） {}",
                ending.what,
                wareki::with_weekday(ending.due),
                ending.number,
                ending.title
            ));
        }
    }
    for (to, lines) in letters {
        let mail = Notification {
            to,
            subject: format!("【満了】{name}"),
            body: format!(
                "次のものの期限が近づいています。\n\n{}\n\n一覧は Mamori の画面で確認できます。\n",
                lines.join("\n")
            ),
            ..Notification::default()
        };
        app.notify(&mut tx, &mail).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_nearest_reminder_that_has_come_is_called_for() {
        let today = date(2026, 10, 1);
        for (due, called) in [
            (date(2026, 12, 1), None),
            (date(2026, 11, 30), Some((60, 60))),
            (date(2026, 11, 5), Some((60, 35))),
            (date(2026, 10, 31), Some((30, 30))),
            (date(2026, 10, 8), Some((7, 7))),
            (date(2026, 10, 1), Some((7, 0))),
            (date(2026, 9, 30), None),
        ] {
            assert_eq!(called_for(&[7, 30, 60], due, today), called, "{due}");
        }
    }
}
