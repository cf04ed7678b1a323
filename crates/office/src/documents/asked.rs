//! What a contract asks of a paper: for which periods, by which day, and what a paper may cover.

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::language::Rule;
use mamori_contract::language::parts::DeliverablePer;
use mamori_contract::language::value::OrParam;
use mamori_kernel::period::{Period, PeriodKind, YearMonth};

use super::service::PaperError;
use super::sources::About;
use crate::contracts::Live;
use crate::terms::Counts;
use crate::work::WorkEntry;

/// What a paper covers, from its text: a period of the contract's term, of the paper's own kind
/// or one that a due date names; anything else that looks like a number or an id is an item.
pub(super) fn about_of(live: &Live, document: &str, text: &str) -> Result<About, PaperError> {
    let Ok(period) = text.parse::<Period>() else {
        return if text.contains(['-', ':']) {
            Ok(About::Item(text.to_owned()))
        } else {
            Err(unknown_about(live, document, text))
        };
    };
    let term = live.contract().term;
    let in_term = period.first() <= term.last() && term.first() <= period.last();
    let fits = match own_kind(live, document) {
        Some(kind) => period.kind() == Some(kind),
        None => true,
    };
    let asked = || {
        let last = term.last().saturating_add(400.days());
        deliverable_dues(live, term.first(), last)
            .iter()
            .any(|due| due.deliverable.as_deref() == Some(document) && due.period == period)
    };
    if (in_term && fits) || asked() {
        Ok(About::Period(period))
    } else {
        Err(unknown_about(live, document, text))
    }
}

/// The kind of period that a paper is made for, unless it belongs to an event or the term.
fn own_kind(live: &Live, document: &str) -> Option<PeriodKind> {
    match live.contract().deliverable(document)?.per? {
        DeliverablePer::Month => Some(PeriodKind::Month),
        DeliverablePer::Quarter => Some(PeriodKind::Quarter),
        DeliverablePer::Half => Some(PeriodKind::Half),
        DeliverablePer::FiscalYear => Some(PeriodKind::FiscalYear),
        DeliverablePer::Term | DeliverablePer::Event => None,
    }
}

/// The refusal, which names what could be meant.
pub(super) fn unknown_about(live: &Live, document: &str, about: &str) -> PaperError {
    let term = live.contract().term;
    let known = match own_kind(live, document) {
        Some(kind) => {
            let all: Vec<String> = kind
                .over(term.first(), term.last())
                .map(|period| period.to_string())
                .collect();
            match all.as_slice() {
                [first, .., last] if all.len() > 12 => {
                    format!("使える期間: {first} から {last} まで")
                }
                few => format!("使える期間: {}", few.join("、")),
            }
        }
        None => format!(
            "契約期間（{}〜{}）の中の期間（例 2026-10）か、登録の番号（例 承認-R8-001）で指定してください",
            term.first(),
            term.last()
        ),
    };
    PaperError::UnknownAbout {
        document: document.to_owned(),
        about: about.to_owned(),
        known,
    }
}

/// Due dates that ask for a paper, one per paper and period, in order.
pub fn deliverable_dues(live: &Live, first: Date, last: Date) -> Vec<Due> {
    let mut dues: Vec<Due> = Vec::new();
    for due in live.contract().due(first, last) {
        if due.deliverable.is_some()
            && !dues
                .iter()
                .any(|known| known.deliverable == due.deliverable && known.period == due.period)
        {
            dues.push(due);
        }
    }
    dues
}

/// The day a paper is due. Due dates may lie after the term (the report on its last month).
pub(super) fn due_of(live: &Live, document: &str, about: &str) -> Option<Date> {
    let term = live.contract().term;
    live.contract()
        .due(term.first(), term.last().saturating_add(400.days()))
        .into_iter()
        .find(|due| due.deliverable.as_deref() == Some(document) && due.period.to_string() == about)
        .and_then(|due| due.due)
}

pub(super) fn signed_on(live: &Live) -> Option<Date> {
    live.contract()
        .on(live.contract().term.first())
        .book
        .signed_on
        .clone()
        .ok()
}

/// The fixed date of another duty on the same annex: by when gaps must be closed.
pub(super) fn remedy_due(live: &Live, document: &str) -> Option<Date> {
    let contract = live.contract();
    let clause = contract.deliverable(document)?.clause.clone()?;
    contract.file.obligation.iter().find_map(|obligation| {
        if !obligation.clause.starts_with(&clause) {
            return None;
        }
        match &obligation.deadline.as_ref()?.rule {
            Rule::Fixed {
                date: OrParam::Value(date),
                ..
            } => Some(date.0),
            _ => None,
        }
    })
}

/// Counted and other minutes of each month.
pub(super) fn months(entries: &[WorkEntry], first: Date, last: Date) -> Vec<(String, u32, u32)> {
    let mut months = Vec::new();
    let mut month = YearMonth::of(first);
    while month.first() <= last {
        let (mut counted, mut other) = (0u32, 0u32);
        for entry in entries
            .iter()
            .filter(|entry| YearMonth::of(entry.date) == month)
        {
            match entry.counts {
                Counts::Yes => counted = counted.saturating_add(entry.minutes),
                Counts::No | Counts::Undecided => other = other.saturating_add(entry.minutes),
            }
        }
        months.push((format!("{}月", month.month()), counted, other));
        month = month.plus(1);
    }
    months
}
