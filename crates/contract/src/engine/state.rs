//! What the engine says about an obligation.

use jiff::civil::Date;
use mamori_kernel::period::Period;
use serde::{Deserialize, Serialize};

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not apply, with a reason.
    NotApplicable,
    /// Done.
    Met,
    /// Not due yet.
    Pending,
    /// No evidence, or nothing here writes it.
    Unmeasured,
    /// The text does not decide.
    Undecided,
    /// Broken.
    NotMet,
}

impl Verdict {
    /// The Japanese word shown to people.
    pub fn japanese(self) -> &'static str {
        match self {
            Self::NotApplicable => "対象外",
            Self::Met => "履行",
            Self::Pending => "期限前",
            Self::Unmeasured => "未計測",
            Self::Undecided => "定めなし",
            Self::NotMet => "不履行",
        }
    }
}

/// A measured value beside its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is, in Japanese.
    pub title: String,
    /// The value; none while there is nothing to measure.
    pub value: Option<f64>,
    /// Unit.
    pub unit: String,
    /// The limit in Japanese; empty if none is set.
    pub limit: String,
    /// Whether it holds; none if it is only shown.
    pub holds: Option<bool>,
    /// Whether the limit is ours and not the contract's.
    pub internal: bool,
}

/// A reading and the verdict under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The ambiguity.
    pub note: String,
    /// The reading's key.
    pub reading: String,
    /// The reading in Japanese.
    pub title: String,
    /// The verdict under it.
    pub verdict: Verdict,
}

/// The state for one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodState {
    /// The period.
    pub period: Period,
    /// The verdict.
    pub verdict: Verdict,
    /// The due date, if it has one.
    pub due: Option<Date>,
    /// Why the due date moved.
    pub due_reason: Option<String>,
    /// What is unknown about the due date.
    pub due_unknown: Option<String>,
    /// Why, in Japanese.
    pub reasons: Vec<String>,
    /// Warnings: soft words, guide values, internal targets.
    pub warnings: Vec<String>,
    /// Readings that lead to different verdicts.
    pub candidates: Vec<Candidate>,
    /// What to ask the city.
    pub questions: Vec<String>,
    /// Numbers of the records behind it, newest last, at most [`MOST_EVIDENCE`].
    pub evidence: Vec<u64>,
    /// Days late, the city's waiting time subtracted.
    pub late_by_days: Option<i64>,
    /// Days the city took to answer, within this duty.
    pub city_waiting_days: i64,
    /// Measured values.
    pub figures: Vec<Figure>,
}

/// Most record numbers kept behind one period.
pub const MOST_EVIDENCE: usize = 24;

/// The state of an obligation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Its key.
    pub key: String,
    /// Over all periods begun: the worst of them.
    pub verdict: Verdict,
    /// Of the period that holds the present day.
    pub current: Option<Verdict>,
    /// Reasons of the periods that decide the verdict.
    pub reasons: Vec<String>,
    /// Warnings of the present period.
    pub warnings: Vec<String>,
    /// The next due date that is not done.
    pub next_due: Option<Date>,
    /// Every period begun, and the next.
    pub periods: Vec<PeriodState>,
}

impl State {
    /// The state for a period.
    pub fn period(&self, period: Period) -> Option<&PeriodState> {
        self.periods.iter().find(|state| state.period == period)
    }
}
