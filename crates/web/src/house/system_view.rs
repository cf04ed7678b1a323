//! Jobs, mails and schedules as rows that people read.

use jiff::Timestamp;
use mamori_runtime::job::{JobRow, JobState, ScheduleRow};
use mamori_runtime::{Notification, WebhookMessage};

use crate::components::Act;
use crate::page::{Page, Tone};

/// A job as a row.
#[derive(Debug, Clone)]
pub(super) struct JobLine {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) tone: Tone,
    pub(super) state: String,
    pub(super) queued: String,
    /// When it runs, ran or was given up.
    pub(super) when: String,
    pub(super) attempts: u32,
    pub(super) error: String,
    /// Of a mail: to whom; of a webhook: its name.
    pub(super) to: String,
    /// Of a mail: the subject; of a webhook: the event.
    pub(super) about: String,
    pub(super) buttons: Vec<Act>,
}

/// The name of a kind of job.
pub(super) fn job_name(page: &Page, kind: &str) -> String {
    page.t_or(&format!("job-{}", kind.replace('.', "-")), kind)
}

fn tone(state: JobState) -> Tone {
    match state {
        JobState::Done => Tone::Ok,
        JobState::Failed => Tone::Bad,
        JobState::Held => Tone::Warn,
        JobState::Running => Tone::Info,
        JobState::Queued => Tone::Wait,
        JobState::Cancelled => Tone::Quiet,
    }
}

/// When it runs, ran or was given up.
pub(super) fn ended(row: &JobRow) -> Option<Timestamp> {
    match row.state {
        JobState::Queued | JobState::Held => Some(row.run_at),
        JobState::Running => row.started_at,
        JobState::Done | JobState::Failed | JobState::Cancelled => row.finished_at,
    }
}

impl JobLine {
    /// `acts` tells whether the visitor may change jobs.
    pub(super) fn new(page: &Page, row: &JobRow, acts: bool) -> Self {
        let (to, about) = addressed(row);
        Self {
            name: job_name(page, &row.kind),
            kind: row.kind.clone(),
            tone: tone(row.state),
            state: page.t(&format!("job-state-{}", row.state.as_str())),
            queued: page.moment(row.queued_at),
            when: ended(row).map_or_else(|| "―".to_owned(), |at| page.moment(at)),
            attempts: row.attempts,
            error: row.last_error.clone().unwrap_or_default(),
            to,
            about,
            buttons: if acts { buttons(page, row) } else { Vec::new() },
        }
    }
}

fn buttons(page: &Page, row: &JobRow) -> Vec<Act> {
    let acts: &[(&str, &'static str)] = match row.state {
        JobState::Failed | JobState::Cancelled => &[("retry", "secondary")],
        JobState::Queued => &[("retry", "secondary"), ("cancel", "quiet")],
        JobState::Held => &[("release", "secondary"), ("cancel", "quiet")],
        JobState::Running | JobState::Done => &[],
    };
    acts.iter()
        .map(|(act, class)| Act {
            action: format!("/system/jobs/{}/{act}", row.id),
            label: match (row.state, *act) {
                (JobState::Queued, "retry") => page.t("job-do-now"),
                (_, act) => page.t(&format!("job-do-{act}")),
            },
            class,
        })
        .collect()
}

/// To whom a notification goes and what it is about; empty for other jobs.
pub(crate) fn addressed(row: &JobRow) -> (String, String) {
    if let Ok(mail) = serde_json::from_str::<Notification>(&row.payload) {
        return (mail.to.join("、"), mail.subject);
    }
    if let Ok(message) = serde_json::from_str::<WebhookMessage>(&row.payload) {
        return (message.webhook, message.event);
    }
    (String::new(), String::new())
}

/// A schedule as a row.
#[derive(Debug, Clone)]
pub(super) struct ScheduleLine {
    pub(super) name: String,
    pub(super) key: &'static str,
    pub(super) rule: String,
    pub(super) next: String,
    pub(super) last: String,
}

impl ScheduleLine {
    pub(super) fn new(page: &Page, row: &ScheduleRow) -> Self {
        let moment =
            |at: Option<Timestamp>| at.map_or_else(|| "―".to_owned(), |at| page.moment(at));
        Self {
            name: job_name(page, row.job),
            key: row.name,
            rule: rule(page, &row.rule),
            next: moment(row.next_at),
            last: moment(row.last_for),
        }
    }
}

/// A rule as it is stored (`daily 23:55`), in words.
fn rule(page: &Page, text: &str) -> String {
    let Some((word, rest)) = text.split_once(' ') else {
        return text.to_owned();
    };
    match word {
        "every" => page.t1("rule-every", "minutes", rest.trim_end_matches('m')),
        "daily" => page.t1("rule-daily", "at", rest),
        "open-days" => page.t1("rule-open-days", "at", rest),
        _ => text.to_owned(),
    }
}

/// A size in words: `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    const STEPS: [(&str, u64); 4] = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    match STEPS.iter().find(|(_, step)| bytes >= *step) {
        Some((unit, step)) => {
            let tenths = bytes / (step / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        let said = [0, 999, 1_000, 12_345_678, 4_200_000_000].map(size);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "12.3 MB", "4.2 GB"]);
    }
}
