//! Thresholds: what is measured and against which limit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::{Condition, Select};
use super::value::{OrParam, Quantity, Span};

/// A limit on something measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// What is measured.
    #[serde(flatten)]
    pub shape: Shape,
    /// The records it is measured from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Select>,
    /// 以上.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Quantity>,
    /// 超.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_than: Option<Quantity>,
    /// 以内, 以下.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Quantity>,
    /// 未満.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub less_than: Option<Quantity>,
    /// Exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exactly: Option<Quantity>,
    /// 目安: beyond it is a warning only.
    #[serde(default)]
    pub guide: bool,
    /// Japanese name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where the limit comes from, if not the clause itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<super::parts::Source>,
}

/// Time that is left out of an availability figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusion {
    /// Japanese name.
    pub title: String,
    /// Field with the minutes to leave out.
    pub field: Option<String>,
    /// Or: outages that fulfil these.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// Field that must be present as a proof; without it nothing is left out.
    pub proof: Option<String>,
    /// Or: outages shorter than this.
    pub shorter_than: Option<Span>,
}

/// How one number comes out of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// The newest.
    #[default]
    Newest,
    /// Each of them must hold.
    Each,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// The mean.
    Average,
    /// How many.
    Count,
}

/// How often a backup of one method must appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cycle {
    /// Every day.
    Day,
    /// Every week from Monday.
    Week,
    /// Every month.
    Month,
}

/// From when a retention counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// From the day of the event.
    Event,
    /// From the end of its month.
    MonthEnd,
    /// From the end of its fiscal year.
    FiscalYear,
}

/// One kind of penalty points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointItem {
    /// Japanese name.
    pub title: String,
    /// Which records.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// Points each.
    pub points: f64,
}

/// How penalty money is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Formula {
    /// Fee × (100 − achievement) %.
    Shortfall,
    /// Fee × a fixed percent.
    Percent,
    /// A fixed amount.
    Guarantee,
}

/// The newest known version, from records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewestFrom {
    /// Which records.
    pub of: Select,
    /// Field with the version.
    pub field: String,
}

/// A number written here or a field of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NumberOrField {
    /// A number.
    Number(f64),
    /// A field, or `$parameter`.
    Field(String),
}

/// What is measured, one variant per shape of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Shape {
    /// Percent of the planned time in service.
    Availability {
        /// Field with the planned minutes.
        total: Option<String>,
        /// Field with the minutes out of service.
        down: Option<String>,
        /// Or: field with the start of an outage.
        from: Option<String>,
        /// And its end.
        to: Option<String>,
        /// Planned hours; all 24 unless told.
        #[schemars(extend("x-ref" = "hours"))]
        hours: Option<String>,
        /// What is left out.
        #[serde(default)]
        exclude: Vec<Exclusion>,
    },
    /// Percent of records that fulfil conditions.
    Share {
        /// The conditions.
        good: Vec<Condition>,
    },
    /// The longest duration.
    Longest {
        /// Field with the duration, in `unit`.
        field: Option<String>,
        /// Or: field with the start.
        from: Option<String>,
        /// And the end.
        to: Option<String>,
    },
    /// Speed of all, or of `percent` of all.
    Performance {
        /// Field with the time.
        field: String,
        /// Percent that must hold; 100 unless told.
        percent: Option<f64>,
    },
    /// Longest gap between two records (RPO).
    RecoveryPoint,
    /// Longest recovery (RTO).
    RecoveryTime {
        /// Field with the duration, in `unit`.
        field: String,
    },
    /// Number of records.
    Count {
        /// Of different values of this field.
        distinct: Option<String>,
    },
    /// Sum of a field.
    Sum {
        /// The field.
        field: String,
    },
    /// Newest value of a field.
    Capacity {
        /// The field.
        field: String,
        /// Per value of this field.
        by: Option<String>,
    },
    /// One value of a field.
    Value {
        /// The field.
        field: String,
        /// How.
        #[serde(default)]
        aggregate: Aggregate,
    },
    /// Percent of a universe that is covered.
    Coverage {
        /// Records that list the universe.
        universe: Select,
        /// Field with the element or list.
        universe_field: String,
        /// Records that cover.
        covered: Select,
        /// Field with the element or list; as in the universe unless told.
        covered_field: Option<String>,
    },
    /// Backup generations and cycle.
    Generations {
        /// Which class.
        class: Option<String>,
        /// Field with the class.
        class_field: Option<String>,
        /// Cycle of full backups.
        full: Cycle,
        /// Cycle of differential backups.
        differential: Option<Cycle>,
        /// Generations to keep at least.
        keep: u64,
        /// Field with the method.
        method_field: Option<String>,
        /// Field with the generations at hand.
        generations_field: Option<String>,
    },
    /// How long something is kept.
    Retention {
        /// How long.
        keep: OrParam<Span>,
        /// From when.
        basis: Basis,
        /// Field with the oldest day still kept.
        oldest: Option<String>,
        /// Or: field with the original day of a thing that was deleted.
        deleted: Option<String>,
    },
    /// Between two values.
    Range {
        /// The field.
        field: String,
        /// Lowest.
        min: Option<f64>,
        /// Highest.
        max: Option<f64>,
    },
    /// A version or an edition.
    Version {
        /// Field with the version.
        field: String,
        /// Newest known version, from records.
        newest_from: Option<NewestFrom>,
        /// How long the newest may be missing.
        grace: Option<Span>,
        /// Or: this edition exactly.
        edition: Option<String>,
        /// Per value of this field.
        by: Option<String>,
    },
    /// A plan's cap per period.
    PlanCap {
        /// Field that is summed; absent: records are counted.
        field: Option<String>,
        /// Sum unless told.
        aggregate: Option<Aggregate>,
    },
    /// Achievement in percent of points.
    Score {
        /// Field with the points.
        points: String,
        /// Full points.
        full: NumberOrField,
    },
    /// Penalty points.
    PenaltyPoints {
        /// What earns points.
        items: Vec<PointItem>,
        /// Factor from the second of the same item on.
        repeat: Option<f64>,
        /// After how long points expire.
        expires: Option<Span>,
    },
    /// Penalty money: computed, never judged.
    PenaltyMoney {
        /// Fee of a period.
        fee: Quantity,
        /// How.
        formula: Formula,
        /// Percent for `percent`.
        percent: Option<f64>,
        /// Amount for `guarantee`.
        amount: Option<f64>,
        /// Which threshold of the duty gives the achievement; the first unless told.
        from_threshold: Option<usize>,
    },
    /// Interest for lateness: computed, never judged.
    LateInterest {
        /// Percent a year.
        rate: Quantity,
        /// Principal.
        amount: Quantity,
        /// Days of a year; 365 unless told.
        year_days: Option<f64>,
    },
}
