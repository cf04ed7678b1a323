//! What runs by itself: drafts of papers that will be due soon, reminders, the engine's saved state.

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::wareki;
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};
use mamori_runtime::{App, Notification};

use super::asked::deliverable_dues;
use super::service::Papers;
use crate::Office;

/// Drafts are made when the due day is at most so many days ahead and the period is over.
pub const DRAFT_DAYS_AHEAD: i64 = 9;
/// Days before the due day on which people are reminded.
const REMIND_DAYS: [i64; 3] = [7, 3, 1];

/// The kinds of job.
pub fn kinds() -> Vec<JobKind> {
    vec![
        JobKind::new("document.prepare", RetryPolicy::LOCAL, prepare),
        JobKind::new("document.remind", RetryPolicy::LOCAL, remind),
        JobKind::new("contract.save-state", RetryPolicy::LOCAL, save_state),
    ]
}

/// When they run.
pub fn schedules() -> Vec<Schedule> {
    vec![
        Schedule::new(
            "document.prepare",
            "document.prepare",
            Rule::Daily(At::new(6, 0)),
        )
        .latest_only(),
        Schedule::new(
            "document.remind",
            "document.remind",
            Rule::OpenDays(At::new(8, 50)),
        )
        .latest_only(),
        Schedule::new(
            "contract.save-state",
            "contract.save-state",
            Rule::Daily(At::new(3, 30)),
        )
        .latest_only(),
    ]
}

fn office(app: &App) -> Result<std::sync::Arc<Office>, JobError> {
    app.slot::<Office>()
        .ok_or_else(|| JobError::Permanent("office is not started".to_owned()))
}

/// Makes the drafts of papers that are due soon. A draft that exists is left: people may have
/// looked at it; handing in renders anew.
async fn prepare(context: JobContext) -> Result<(), JobError> {
    let office = office(&context.app)?;
    let today = tokyo_date(context.about());
    for live in office.contracts.all() {
        for due in deliverable_dues(&live, today, today.saturating_add(DRAFT_DAYS_AHEAD.days())) {
            let Some(document) = due.deliverable.as_deref() else {
                continue;
            };
            let about = due.period.to_string();
            if office
                .papers
                .find(live.id(), document, &about)
                .await?
                .is_some()
            {
                continue;
            }
            office
                .papers
                .draft(live.id(), document, &about, context.actor())
                .await?;
        }
    }
    Ok(())
}

/// Tells the contractor what is due and not handed in.
async fn remind(context: JobContext) -> Result<(), JobError> {
    let office = office(&context.app)?;
    let to = context.app.config.mail.contractor.clone();
    if to.is_empty() {
        return Ok(());
    }
    let today = tokyo_date(context.about());
    for live in office.contracts.all() {
        let lines = open_lines(&office.papers, &live, today).await?;
        if lines.is_empty() {
            continue;
        }
        let mut tx = context.app.db.begin_write().await?;
        let mail = Notification {
            to: to.clone(),
            subject: format!("【提出期限】{}", live.contract().file.contract.name),
            body: format!(
                "次の書類の提出期限が近づいています。\n\n{}\n\n書類の一覧は Mamori の画面で確認できます。\n",
                lines.join("\n")
            ),
            attachments: Vec::new(),
        };
        context.app.notify(&mut tx, &mail).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn open_lines(
    papers: &Papers,
    live: &crate::contracts::Live,
    today: Date,
) -> Result<Vec<String>, super::PaperError> {
    let mut lines = Vec::new();
    for days in REMIND_DAYS {
        let day = today.saturating_add(days.days());
        for due in deliverable_dues(live, day, day) {
            let Some(document) = due.deliverable.as_deref() else {
                continue;
            };
            let made = papers
                .find(live.id(), document, &due.period.to_string())
                .await?;
            if made.is_some_and(|item| matches!(item.state.as_str(), "submitted" | "accepted")) {
                continue;
            }
            lines.push(format!(
                "・{} {}（あと{days}日） {}",
                wareki::with_weekday(day),
                due.deliverable_title.as_deref().unwrap_or(document),
                due.period.japanese(),
            ));
        }
    }
    Ok(lines)
}

async fn save_state(context: JobContext) -> Result<(), JobError> {
    office(&context.app)?.contracts.save_states().await?;
    Ok(())
}
