//! The papers that a contract asks for at the end of a month: whatever its due dates say, no kind
//! of paper is named here.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_kernel::period::{Period, YearMonth};

use crate::contracts::Live;
use crate::documents::{Paper, deliverable_dues};
use crate::register::Stored;

/// Due dates of the term's last papers lie after it.
const AFTER_TERM_DAYS: i64 = 400;

/// A paper of a month.
pub(crate) struct Task {
    pub(crate) document: String,
    pub(crate) title: String,
    pub(crate) due: Due,
    /// Whether the contract gives the paper a form of its own.
    pub(crate) has_form: bool,
    pub(crate) made: Option<(Stored, Paper)>,
}

impl Task {
    /// What it covers, as in addresses.
    pub(crate) fn about(&self) -> String {
        self.due.period.to_string()
    }

    /// `none` while there is no draft, otherwise the state of the paper.
    pub(crate) fn state(&self) -> &str {
        self.made
            .as_ref()
            .map_or("none", |(item, _)| item.state.as_str())
    }

    /// Whether the contractor has still to hand it in.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state(), "none" | "draft" | "returned")
    }
}

/// The month whose closing makes a paper: the one in which its period ends; for papers on the whole
/// term and single events the one in which they are due.
fn month_of(due: &Due) -> Option<YearMonth> {
    match due.period {
        Period::Term(_) | Period::Day(_) => due.due.map(YearMonth::of),
        period => Some(YearMonth::of(period.last())),
    }
}

/// All papers with their months, in the order of their due dates.
pub(crate) struct Calendar {
    tasks: Vec<(YearMonth, Task)>,
}

impl Calendar {
    /// The papers of the whole term; each made one is matched to what asks for it.
    pub(crate) fn of(live: &Live, mut made: Vec<(Stored, Paper)>) -> Self {
        let term = live.contract().term;
        let last = term.last().saturating_add(AFTER_TERM_DAYS.days());
        let tasks = deliverable_dues(live, term.first(), last)
            .into_iter()
            .filter_map(|due| {
                let document = due.deliverable.clone()?;
                let about = due.period.to_string();
                let found = made
                    .iter()
                    .position(|(_, paper)| paper.document == document && paper.period == about);
                let task = Task {
                    title: due
                        .deliverable_title
                        .clone()
                        .unwrap_or_else(|| document.clone()),
                    has_form: live
                        .contract()
                        .deliverable(&document)
                        .is_some_and(|deliverable| !deliverable.columns.is_empty()),
                    document,
                    made: found.map(|index| made.swap_remove(index)),
                    due,
                };
                Some((month_of(&task.due)?, task))
            })
            .collect();
        Self { tasks }
    }

    /// Whether any paper of the contract is asked for month by month.
    pub(crate) fn is_monthly(&self) -> bool {
        self.tasks
            .iter()
            .any(|(_, task)| matches!(task.due.period, Period::Month(_)))
    }

    /// The months that ask for something, in order.
    pub(crate) fn months(&self) -> Vec<YearMonth> {
        let months: BTreeSet<YearMonth> = self.tasks.iter().map(|(month, _)| *month).collect();
        months.into_iter().collect()
    }

    /// The month to begin with: the one with the most urgent paper whose time has come, or this one.
    pub(crate) fn first_open(&self, today: Date, city: bool) -> YearMonth {
        let urgent = self
            .tasks
            .iter()
            .filter(|(_, task)| {
                if city {
                    task.state() == "submitted"
                } else {
                    task.is_open() && task.due.period.last() < today
                }
            })
            .min_by_key(|(_, task)| task.due.due.unwrap_or(Date::MAX));
        urgent.map_or_else(|| YearMonth::of(today), |(month, _)| *month)
    }

    /// The papers of a month, by due day.
    pub(crate) fn of_month(&self, month: YearMonth) -> Vec<&Task> {
        let mut tasks: Vec<&Task> = self
            .tasks
            .iter()
            .filter(|(own, _)| *own == month)
            .map(|(_, task)| task)
            .collect();
        // The monthly papers before those of longer periods, those with a form first.
        tasks.sort_by_key(|task| {
            let is_month = matches!(task.due.period, Period::Month(_));
            (!is_month, !task.has_form, task.due.due.unwrap_or(Date::MAX))
        });
        tasks
    }
}
