//! What is missing or undecided before a paper is handed in, each with what mends it. Nothing here
//! blocks: what stays missing is printed as 欠測, 協議中 or （未記入）.

use jiff::civil::Date;
use mamori_document::{ConformityState, Document};
use mamori_web::{Page, Tone};

use super::tasks::Task;
use crate::documents::sources::{Sources, Standing};
use crate::pages::view;
use crate::register::Stored;
use crate::terms::Counts;
use crate::work::WorkEntry;

/// One of them.
pub(crate) struct Gap {
    pub(crate) tone: Tone,
    /// How it will be printed.
    pub(crate) printed: String,
    /// What it is about; text of the contract or of people.
    pub(crate) what: String,
    pub(crate) why: String,
    /// Page that mends it; empty when none does.
    pub(crate) href: String,
    pub(crate) link: String,
}

/// Everything that is missing for a paper.
pub(crate) fn gaps(
    page: &Page,
    task: &Task,
    sources: &Sources,
    document: &Document,
    work: &[(Stored, WorkEntry)],
    today: Date,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    gaps.extend(of_time(page, task, today));
    gaps.extend(of_obligations(page, task, sources, document));
    gaps.extend(of_letterhead(page, sources));
    if matches!(document, Document::Report(_)) && sources.sections.is_empty() {
        gaps.push(Gap {
            tone: Tone::Bad,
            printed: page.t("closing-printed-missing"),
            what: page.t("closing-gap-body"),
            why: page.t("closing-gap-body-why"),
            href: page.at(&format!("/obligations/{}", task.due.obligation)),
            link: page.t("closing-mend-obligation"),
        });
    }
    // Last, because there may be very many.
    if is_about_work(document) {
        gaps.extend(of_work(page, work));
    }
    gaps
}

/// Whether a paper prints the entries of work.
pub(super) fn is_about_work(document: &Document) -> bool {
    matches!(document, Document::StatusReport(_))
}

fn of_time(page: &Page, task: &Task, today: Date) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let last = task.due.period.last();
    let is_term = matches!(task.due.period, mamori_kernel::period::Period::Term(_));
    if last >= today && !is_term {
        gaps.push(Gap {
            tone: Tone::Wait,
            printed: page.t("closing-printed-so-far"),
            what: page.t("closing-gap-running"),
            why: page.t1("closing-gap-running-why", "day", page.day(last)),
            href: String::new(),
            link: String::new(),
        });
    }
    if let Some(unknown) = &task.due.unknown {
        gaps.push(Gap {
            tone: Tone::Doubt,
            printed: page.t("closing-printed-no-due"),
            what: page.t("closing-gap-due"),
            why: unknown.clone(),
            href: page.at(&format!("/obligations/{}", task.due.obligation)),
            link: page.t("closing-mend-obligation"),
        });
    }
    gaps
}

fn of_work(page: &Page, work: &[(Stored, WorkEntry)]) -> Vec<Gap> {
    if work.is_empty() {
        return vec![Gap {
            tone: Tone::Warn,
            printed: page.t("closing-printed-none"),
            what: page.t("closing-gap-no-work"),
            why: page.t("closing-gap-no-work-why"),
            href: page.at("/work"),
            link: page.t("closing-mend-work"),
        }];
    }
    let mut gaps = Vec::new();
    for (item, entry) in work {
        let about = format!("{} {}", page.day(entry.date), entry.event);
        let gap = |tone, printed: &str, why: &str| Gap {
            tone,
            printed: page.t(printed),
            what: about.clone(),
            why: page.t(why),
            href: page.at(&format!("/work/{}", item.number)),
            link: item.number.clone(),
        };
        if entry.counts == Counts::Undecided {
            gaps.push(gap(
                Tone::Doubt,
                "closing-printed-undecided",
                "closing-gap-counts-why",
            ));
        }
        if entry.response.as_deref().unwrap_or_default().is_empty() {
            gaps.push(gap(
                Tone::Warn,
                "closing-printed-blank",
                "closing-gap-response-why",
            ));
        }
    }
    gaps
}

fn of_obligations(page: &Page, task: &Task, sources: &Sources, document: &Document) -> Vec<Gap> {
    // Which obligations a paper speaks of is the builder's business; these two speak of all.
    let all = matches!(
        document,
        Document::StatusReport(_) | Document::YearlyOverview(_)
    );
    let spoken: Vec<&Standing> = sources
        .standings
        .iter()
        .filter(|standing| all || standing.deliverable.as_deref() == Some(&task.document))
        .collect();
    let mut gaps: Vec<Gap> = spoken
        .iter()
        .filter_map(|standing| {
            let (tone, printed) = match standing.verdict {
                ConformityState::NotMet => (Tone::Bad, "closing-printed-not-met"),
                ConformityState::Undecided => (Tone::Doubt, "closing-printed-undecided"),
                _ => return None,
            };
            Some(Gap {
                tone,
                printed: page.t(printed),
                what: format!("{} {}", standing.clause, standing.title),
                why: view::told(page, &standing.reason),
                href: page.at(&format!("/obligations/{}", standing.key)),
                link: standing.key.clone(),
            })
        })
        .collect();
    let unmeasured = spoken
        .iter()
        .filter(|standing| standing.verdict == ConformityState::Unmeasured)
        .count();
    if unmeasured > 0 {
        gaps.push(Gap {
            tone: Tone::Quiet,
            printed: page.t("closing-printed-unmeasured"),
            what: page.t1("closing-gap-unmeasured", "count", unmeasured),
            why: page.t("closing-gap-unmeasured-why"),
            href: page.at("/obligations?verdict=unmeasured"),
            link: page.t("closing-mend-unmeasured"),
        });
    }
    gaps
}

fn of_letterhead(page: &Page, sources: &Sources) -> Option<Gap> {
    let contractor = &sources.head.contractor;
    let blank: Vec<String> = [
        ("closing-blank-address", &contractor.address),
        ("closing-blank-name", &contractor.name),
        ("closing-blank-representative", &contractor.representative),
        ("closing-blank-responsible", &contractor.responsible),
        ("closing-blank-contact", &contractor.contact),
    ]
    .into_iter()
    .filter(|(_, text)| text.is_empty())
    .map(|(key, _)| page.t(key))
    .collect();
    (!blank.is_empty()).then(|| Gap {
        tone: Tone::Warn,
        printed: page.t("closing-printed-unfilled"),
        what: blank.join(", "),
        why: page.t("closing-gap-letterhead-why"),
        href: String::new(),
        link: String::new(),
    })
}
