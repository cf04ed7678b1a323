//! The dates of a contract with what has become of each: the start page, the calendar, feeds and
//! reminders all ask the same question and get the same answer here.
//!
//! A date that asks for a paper is done when the paper is handed in; any other when the engine
//! says that its obligation holds for the period. A passed date that nobody recorded anything for
//! is not called overdue: it is *unproved*, which is all that can be said.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::engine::{State, Verdict};

use crate::contracts::Live;
use crate::documents::Paper;
use crate::register::Stored;

/// What has become of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Still to come, or today.
    Open,
    /// Nothing is left to do.
    Done,
    /// Passed, and what it asks for was not done.
    Overdue,
    /// Passed, and nothing here tells whether it was kept.
    Unproved,
    /// Passed, and the text does not decide whether it was kept.
    Undecided,
    /// There is no date yet.
    Unknown,
}

/// A date of the contract.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// What the contract says.
    pub due: Arc<Due>,
    /// What has become of it.
    pub standing: Standing,
}

impl Deadline {
    /// The day, if there is one.
    pub fn day(&self) -> Option<Date> {
        self.due.due
    }

    /// What is due, in the contract's words.
    pub fn title(&self) -> &str {
        title(&self.due)
    }

    /// Days from `today`; negative when it has passed.
    pub fn days_left(&self, today: Date) -> Option<i32> {
        self.day().map(|day| days_between(today, day))
    }
}

/// What is due, in the contract's words.
pub fn title(due: &Due) -> &str {
    due.deliverable_title.as_deref().unwrap_or(&due.title)
}

/// Whole days from one day to another.
pub fn days_between(from: Date, to: Date) -> i32 {
    from.until((jiff::Unit::Day, to))
        .map_or(0, |span| span.get_days())
}

/// Papers that reached the city: kind and period.
pub type HandedIn = HashSet<(String, String)>;

/// Which papers reached the city.
pub fn handed_in(papers: &[(Stored, Paper)]) -> HandedIn {
    papers
        .iter()
        .filter(|(item, _)| matches!(item.state.as_str(), "submitted" | "accepted"))
        .map(|(_, paper)| (paper.document.clone(), paper.period.clone()))
        .collect()
}

/// Every date of the contract in order, those without a day last.
pub fn deadlines(
    live: &Live,
    states: &[Arc<State>],
    handed_in: &HandedIn,
    today: Date,
) -> Vec<Deadline> {
    live.dues()
        .iter()
        .map(|due| Deadline {
            standing: standing(due, states, handed_in, today),
            due: Arc::clone(due),
        })
        .collect()
}

fn standing(due: &Due, states: &[Arc<State>], handed_in: &HandedIn, today: Date) -> Standing {
    let paper = due
        .deliverable
        .as_ref()
        .is_some_and(|key| handed_in.contains(&(key.clone(), due.period.to_string())));
    let state = states.iter().find(|state| state.key == due.obligation);
    let period = state.and_then(|state| state.period(due.period));
    let verdict = period
        .map(|period| period.verdict)
        .or_else(|| state.map(|state| state.verdict));
    if paper || matches!(verdict, Some(Verdict::Met | Verdict::NotApplicable)) {
        return Standing::Done;
    }
    let Some(day) = due.due else {
        return Standing::Unknown;
    };
    if day >= today {
        return Standing::Open;
    }
    if due.deliverable.is_some() {
        return Standing::Overdue;
    }
    match verdict {
        Some(Verdict::Undecided) => Standing::Undecided,
        // Done too late: the board says so, but there is nothing left to remind of.
        Some(Verdict::NotMet) if period.is_some_and(|period| !period.evidence.is_empty()) => {
            Standing::Done
        }
        Some(Verdict::NotMet) => Standing::Overdue,
        _ => Standing::Unproved,
    }
}
