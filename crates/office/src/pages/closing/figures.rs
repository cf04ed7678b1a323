//! The figures that a paper will say, each with a link to the evidence behind it.

use mamori_document::{ConformityState, Document, HourStyle, hours_in_words};
use mamori_kernel::period::Period;
use mamori_web::components::Stat;
use mamori_web::{Language, Page, Tone, WebError};

use super::tasks::Task;
use crate::Office;
use crate::documents::sources::Sources;
use crate::pages::start::hours;
use crate::pages::view;
use crate::register::Stored;
use crate::terms::Counts;
use crate::work::WorkEntry;

/// A row of the paper's work with where it comes from.
pub(super) struct WorkRow {
    pub(super) day: String,
    pub(super) event: String,
    pub(super) response: String,
    pub(super) hours: String,
    pub(super) mark: String,
    pub(super) number: String,
    pub(super) href: String,
    pub(super) evidence: String,
}

/// Work entries in force whose day lies in a period, in order.
pub(crate) async fn work(
    office: &Office,
    contract: &str,
    period: Period,
) -> Result<Vec<(Stored, WorkEntry)>, WebError> {
    let Some(register) = crate::register("work") else {
        return Ok(Vec::new());
    };
    let items = office
        .desk
        .on_days(contract, register, period.first(), period.last())
        .await
        .map_err(view::desk_error)?;
    let mut work: Vec<(Stored, WorkEntry)> = items
        .into_iter()
        .filter(|item| item.state != "withdrawn")
        .filter_map(|item| item.read().ok().map(|entry| (item, entry)))
        .collect();
    work.sort_by(|(_, a), (_, b)| (a.date, &a.start).cmp(&(b.date, &b.start)));
    Ok(work)
}

/// Hours as the paper prints them, on English pages in their own words.
fn hours_said(page: &Page, minutes: u32, style: HourStyle) -> String {
    match (page.language, style) {
        (Language::Ja, style) => hours_in_words(minutes, style),
        (Language::En, HourStyle::Decimal) => format!("{} h", hours(minutes)),
        (Language::En, HourStyle::HoursMinutes) => {
            format!("{}:{:02} h", minutes / 60, minutes % 60)
        }
    }
}

/// The rows of a status report; none for papers without work.
pub(super) fn rows(page: &Page, document: &Document, work: &[(Stored, WorkEntry)]) -> Vec<WorkRow> {
    if !matches!(document, Document::StatusReport(_)) {
        return Vec::new();
    }
    let style = HourStyle::for_minutes(work.iter().map(|(_, entry)| entry.minutes));
    work.iter()
        .map(|(item, entry)| WorkRow {
            day: page.day(entry.date),
            event: entry.event.clone(),
            response: entry.response.clone().unwrap_or_default(),
            hours: hours_said(page, entry.minutes, style),
            mark: match entry.counts {
                Counts::Yes => "※".to_owned(),
                Counts::No => String::new(),
                Counts::Undecided => page.t("closing-printed-undecided"),
            },
            number: item.number.clone(),
            href: page.at(&format!("/work/{}", item.number)),
            evidence: page.at(&format!("/ledger?subject={}", item.subject())),
        })
        .collect()
}

/// The tiles.
pub(super) fn stats(page: &Page, task: &Task, sources: &Sources, document: &Document) -> Vec<Stat> {
    let mut stats = Vec::new();
    // Only figures that the paper itself prints.
    let with_work = matches!(document, Document::StatusReport(_));
    if !with_work && !matches!(document, Document::YearlyOverview(_)) {
        return stats;
    }
    let period = task.due.period;
    let evidence = |kind: &str| {
        page.at(&format!(
            "/ledger?kind={kind}&from={}&to={}",
            period.first(),
            period.last()
        ))
    };
    let minutes = |wanted: Counts| {
        sources
            .work
            .iter()
            .filter(|entry| entry.counts == wanted)
            .fold(0u32, |sum, entry| sum.saturating_add(entry.minutes))
    };
    if let Some(cap) = sources.cap_minutes.filter(|_| with_work) {
        let counted = minutes(Counts::Yes);
        let style = HourStyle::for_minutes([counted, cap]);
        let stat = Stat::new(
            sources.cap_title.clone(),
            hours_said(page, counted, style),
            String::new(),
        )
        .note(page.t1("closing-of-cap", "cap", hours_said(page, cap, style)))
        .href(evidence("work.recorded"));
        stats.push(if counted > cap {
            stat.state(Tone::Bad, page.t("closing-over-cap"))
        } else {
            stat
        });
        let undecided = minutes(Counts::Undecided);
        if undecided > 0 {
            let style = HourStyle::for_minutes([undecided]);
            stats.push(
                Stat::new(
                    page.t("closing-stat-undecided"),
                    hours_said(page, undecided, style),
                    String::new(),
                )
                .state(Tone::Doubt, page.t("closing-printed-undecided"))
                .href(evidence("work.recorded")),
            );
        }
        stats.push(
            Stat::new(
                page.t("closing-stat-rows"),
                sources.work.len().to_string(),
                page.t("closing-unit"),
            )
            .href(evidence("work.recorded")),
        );
    }
    for (state, key, verdict, tone) in [
        (ConformityState::Met, "met", "met", Tone::Ok),
        (ConformityState::NotMet, "not-met", "not_met", Tone::Bad),
        (
            ConformityState::Undecided,
            "undecided-duties",
            "undecided",
            Tone::Doubt,
        ),
        (
            ConformityState::Unmeasured,
            "unmeasured",
            "unmeasured",
            Tone::Quiet,
        ),
    ] {
        let count = sources
            .standings
            .iter()
            .filter(|standing| standing.verdict == state)
            .count();
        let mut stat = Stat::new(
            page.t(&format!("closing-stat-{key}")),
            count.to_string(),
            page.t("closing-unit"),
        )
        .href(page.at(&format!("/obligations?verdict={verdict}")));
        stat.tone = if count == 0 && state != ConformityState::Met {
            Tone::Ok
        } else {
            tone
        };
        stats.push(stat);
    }
    stats
}
