//! Deadline rules: a tagged sum, one variant per rule shape of the model.
//!
//! First day counted or not, 以内 or 未満, calendar or open days, wall clock or service hours are
//! fields of their own, never implied by another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Select;
use super::value::{DateText, MonthDay, OrParam, PeriodName, Span};

/// A deadline: its rule and how binding its words are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deadline {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// A soft word in the text, such as 目処.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<String>,
    /// What lateness means; `soft` when there is a soft word, otherwise `hard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
}

/// What being late means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// A breach.
    Hard,
    /// A warning only.
    Soft,
    /// The text does not decide.
    Undecided,
}

impl Deadline {
    /// The binding, with its default.
    pub fn binding(&self) -> Binding {
        self.binding.unwrap_or(if self.soft_word().is_some() {
            Binding::Soft
        } else {
            Binding::Hard
        })
    }

    /// The soft word, if any.
    pub fn soft_word(&self) -> Option<&str> {
        match &self.rule {
            Rule::Soft { word } => Some(word),
            _ => self.soft.as_deref(),
        }
    }
}

/// Whether the first day is counted (民法140条).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirstDay {
    /// Counting starts the next day.
    #[default]
    Excluded,
    /// The day itself is the first.
    Included,
}

/// 以内 or 未満.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// 以内: the last day is in.
    #[default]
    Within,
    /// 未満: it must be over before.
    Before,
}

/// Where a day goes that falls on a closed day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roll {
    /// Calendar whose closed days trigger the move.
    #[schemars(extend("x-ref" = "calendar"))]
    pub when: String,
    /// Calendar of the days it may move to; the same unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-ref" = "calendar"))]
    pub to: Option<String>,
    /// Forward unless told.
    #[serde(default)]
    pub direction: Direction,
}

/// Direction of a roll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the next open day.
    #[default]
    Forward,
    /// To the open day before.
    Backward,
}

/// Another due date for one named period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodOverride {
    /// Which period.
    pub period: PeriodName,
    /// Its due date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<DateText>,
    /// Or another day N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<i8>,
    /// Whether the roll does not apply; true for a date, false for a day, unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_roll: Option<bool>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which clock runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// Every hour counts.
    #[default]
    Wall,
    /// Only service hours count.
    Hours,
}

/// How several of a period must lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// At least one in each month.
    Month,
    /// At least one in each quarter.
    Quarter,
    /// At least one in each half.
    Half,
}

/// The rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// A calendar date.
    Fixed {
        /// The date.
        date: OrParam<DateText>,
        /// Roll, if written.
        roll: Option<Roll>,
    },
    /// After the period: exactly one of `day`, `days`, `open_days`, `month_end`, `month_day`,
    /// `plus_months`.
    AfterPeriod {
        /// Day N of the month (see `months`).
        day: Option<i8>,
        /// How many months after; 1 unless told.
        months: Option<i32>,
        /// N calendar days after the period's last day.
        days: Option<i64>,
        /// N open days after the period's last day.
        open_days: Option<i64>,
        /// End of the N-th month after the period.
        month_end: Option<i32>,
        /// The next such day after the period.
        month_day: Option<MonthDay>,
        /// N months after the period's last day.
        plus_months: Option<i32>,
        /// Day of the month on which the period closes, where it is not the last.
        closing_day: Option<i8>,
        /// Calendar of the open days.
        #[schemars(extend("x-ref" = "calendar"))]
        calendar: Option<String>,
        /// Whether the period's last day is counted as the first.
        #[serde(default)]
        first_day: FirstDay,
        /// 以内 or 未満.
        #[serde(default)]
        bound: Bound,
        /// Roll, if written.
        roll: Option<Roll>,
        /// Periods with a date of their own.
        #[serde(default)]
        overrides: Vec<PeriodOverride>,
    },
    /// The last day of the period.
    PeriodEnd {
        /// Roll, if written.
        roll: Option<Roll>,
        /// Periods with a date of their own.
        #[serde(default)]
        overrides: Vec<PeriodOverride>,
    },
    /// Counted from a date, the contract date unless told.
    AfterDate {
        /// From when.
        from: Option<OrParam<DateText>>,
        /// How long.
        within: Option<OrParam<Span>>,
        /// Or how many open days.
        open_days: Option<i64>,
        /// Calendar of the open days.
        #[schemars(extend("x-ref" = "calendar"))]
        calendar: Option<String>,
        /// Whether the date itself counts.
        #[serde(default)]
        first_day: FirstDay,
        /// 以内 or 未満.
        #[serde(default)]
        bound: Bound,
        /// Roll, if written.
        roll: Option<Roll>,
    },
    /// Counted from an event.
    AfterEvent {
        /// How long.
        within: Option<OrParam<Span>>,
        /// Or how many open days.
        open_days: Option<i64>,
        /// Calendar of the open days.
        #[schemars(extend("x-ref" = "calendar"))]
        calendar: Option<String>,
        /// Wall clock or service hours.
        #[serde(default)]
        clock: ClockKind,
        /// Which service hours.
        #[schemars(extend("x-ref" = "hours"))]
        hours: Option<String>,
        /// Whether the event's day counts (day lengths only).
        #[serde(default)]
        first_day: FirstDay,
        /// 以内 or 未満.
        #[serde(default)]
        bound: Bound,
        /// Roll, if written (day lengths only).
        roll: Option<Roll>,
    },
    /// At the latest so long before an event.
    BeforeEvent {
        /// How long before.
        within: Option<OrParam<Span>>,
        /// Or how many open days before.
        open_days: Option<i64>,
        /// Calendar of the open days.
        #[schemars(extend("x-ref" = "calendar"))]
        calendar: Option<String>,
    },
    /// Morning → same afternoon, afternoon → next open morning.
    HalfDay {
        /// Which service hours.
        #[schemars(extend("x-ref" = "hours"))]
        hours: Option<String>,
    },
    /// The act must lie in these hours.
    Window {
        /// Which hours.
        #[schemars(extend("x-ref" = "hours"))]
        hours: String,
        /// 原則: outside is fine with a reason.
        #[serde(default)]
        principle: bool,
        /// Field with the reason.
        reason: Option<String>,
    },
    /// So many in the period, apart.
    AtLeast {
        /// How many.
        count: u64,
        /// How apart.
        spacing: Option<Spacing>,
        /// Or: at least so long between two.
        min_gap: Option<Span>,
        /// Records that excuse a missing one.
        unless: Option<Select>,
    },
    /// When the city asks.
    OnRequest {
        /// How long, if the text says.
        within: Option<OrParam<Span>>,
    },
    /// At the end of the term.
    EndOfTerm {
        /// Days after (negative: before) its last day.
        days: Option<i64>,
        /// Roll, if written.
        roll: Option<Roll>,
    },
    /// A word without a number.
    Soft {
        /// ただちに, 速やかに, …
        word: String,
    },
}
