//! What runs by itself: drafts of papers that will be due soon, the engine's saved state. People
//! are reminded of dates by `pages::calendar::remind`.

use jiff::ToSpan as _;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::App;
use mamori_runtime::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use mamori_runtime::schedule::{At, Rule};

use super::asked::deliverable_dues;
use crate::Office;

/// Drafts are made when the due day is at most so many days ahead and the period is over.
pub const DRAFT_DAYS_AHEAD: i64 = 9;

/// The kinds of job.
pub fn kinds() -> Vec<JobKind> {
    vec![
        JobKind::new("document.prepare", RetryPolicy::LOCAL, prepare),
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

async fn save_state(context: JobContext) -> Result<(), JobError> {
    office(&context.app)?.contracts.save_states().await?;
    Ok(())
}
