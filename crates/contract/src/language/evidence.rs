//! Evidence queries: which records are looked at, what they must fulfil, and how many.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value::Span;

/// Which records: a kind, several kinds (globs allowed), or a table with conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Select {
    /// One kind.
    Kind(String),
    /// Several kinds.
    Kinds(Vec<String>),
    /// Kinds with conditions.
    Table(Box<SelectTable>),
}

/// The long form of [`Select`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SelectTable {
    /// Kind or kinds; globs allowed.
    pub kind: Kinds,
    /// Conditions, all of which must hold.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Field with the date or instant of what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Glob the record's subject must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// One kind or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kinds {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

fn kind_schema() -> Value {
    serde_json::json!({ "type": "string", "x-ref": "kind" })
}

impl JsonSchema for Kinds {
    fn schema_name() -> Cow<'static, str> {
        "Kinds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [ kind_schema(), { "type": "array", "items": kind_schema() } ] })
    }
}

impl JsonSchema for Select {
    fn schema_name() -> Cow<'static, str> {
        "Select".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<SelectTable>();
        json_schema!({
            "description": "which records: a kind, several kinds (globs allowed), or a table with conditions",
            "anyOf": [ kind_schema(), { "type": "array", "items": kind_schema() }, table ]
        })
    }
}

impl Select {
    /// The kinds (globs) it names.
    pub fn kinds(&self) -> Vec<&str> {
        match self {
            Self::Kind(kind) => vec![kind],
            Self::Kinds(kinds) => kinds.iter().map(String::as_str).collect(),
            Self::Table(table) => match &table.kind {
                Kinds::One(kind) => vec![kind],
                Kinds::Many(kinds) => kinds.iter().map(String::as_str).collect(),
            },
        }
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::Table(table) => &table.conditions,
            _ => &[],
        }
    }

    /// The field with the date, if the contract names one.
    pub fn at(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.at.as_deref(),
            _ => None,
        }
    }

    /// The glob for the subject.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.subject.as_deref(),
            _ => None,
        }
    }
}

/// One condition on a record, or a combination. Several operators in one table must all hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Condition {
    /// `a.b`, `list.*.c`, `$subject`, `$at` or `$kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eq: Option<Value>,
    /// Not equal; a missing field is not equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ne: Option<Value>,
    /// Less than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lt: Option<Value>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub le: Option<Value>,
    /// Greater than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gt: Option<Value>,
    /// At least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ge: Option<Value>,
    /// One of.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// None of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_in: Option<Vec<Value>>,
    /// Present and neither null nor empty (or not).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The text contains this, or the list this element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Value>,
    /// Glob with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// The date in the field is at least so many days away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_days_left: Option<i64>,
    /// The instant in the field lies in these service hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-ref" = "hours"))]
    pub hours: Option<String>,
    /// At least one holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// All hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// Does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
}

/// Every day, week, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Calendar days.
    Day,
    /// Open days of the calendar.
    OpenDay,
    /// Weeks from Monday.
    Week,
    /// Months.
    Month,
    /// Quarters of the fiscal year.
    Quarter,
    /// Halves of the fiscal year.
    Half,
}

/// Over which records a count runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Those of the period.
    #[default]
    Period,
    /// Those of the term up to the period's end.
    Term,
}

/// Which step of a document's life counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Rendered.
    Rendered,
    /// Handed in.
    #[default]
    Submitted,
    /// Accepted by the city.
    Accepted,
}

/// What an expired attestation means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expired {
    /// The proof is gone, the fact is unknown.
    #[default]
    Unmeasured,
    /// The paper itself is what is asked for.
    NotMet,
}

/// One evidence query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// So many records in the period.
    Exists {
        /// Which records.
        of: Select,
        /// At least; 1 unless told.
        count: Option<u64>,
        /// Count different values of this field.
        distinct: Option<String>,
        /// At most.
        at_most: Option<u64>,
        /// Exactly.
        exactly: Option<u64>,
        /// The period or the term.
        #[serde(default)]
        over: Over,
        /// Asked only if such a record exists.
        when: Option<Select>,
    },
    /// The newest record fulfils the conditions and is not too old.
    Newest {
        /// Which records.
        of: Select,
        /// Conditions on the newest.
        #[serde(default)]
        must: Vec<Condition>,
        /// Oldest it may be.
        max_age: Option<Span>,
        /// The newest per value of this field.
        by: Option<String>,
        /// Values of `by` that must be there.
        #[serde(default)]
        subjects: Vec<String>,
    },
    /// So many in every day, week, …
    Every {
        /// Which records.
        of: Select,
        /// Day, week, …
        each: Each,
        /// At least; 1 unless told.
        count: Option<u64>,
        /// Missing ones that are tolerated per period.
        allow_missing: Option<u64>,
        /// Calendar for open days.
        #[schemars(extend("x-ref" = "calendar"))]
        calendar: Option<String>,
        /// Per value of this field.
        by: Option<String>,
    },
    /// Every such record fulfils the conditions.
    Each {
        /// Which records.
        of: Select,
        /// Conditions.
        must: Vec<Condition>,
    },
    /// No such record.
    None {
        /// Which records.
        of: Select,
        /// Allowed with this gate's approval.
        #[schemars(extend("x-ref" = "gate"))]
        unless_gate: Option<String>,
    },
    /// A response to each trigger.
    Pair {
        /// The event.
        trigger: Select,
        /// The answer.
        response: Select,
        /// Field that ties them; the kind's id unless told.
        #[serde(rename = "match")]
        matching: Option<String>,
        /// Record after which a missing answer is a breach.
        closed_by: Option<Select>,
        /// The answer comes before the event.
        #[serde(default)]
        response_first: bool,
        /// How many answers; 1 unless told.
        responses: Option<u64>,
    },
    /// Everything of a universe is covered.
    Cover {
        /// Records that list the universe.
        universe: Select,
        /// Field with the element or the list.
        universe_field: String,
        /// Records that cover.
        covered: Select,
        /// Field with the element or the list; as in the universe unless told.
        covered_field: Option<String>,
        /// Percent that must be covered; 100 unless told.
        share: Option<f64>,
        /// Elements the universe must have at least.
        at_least: Option<u64>,
    },
    /// The attestation of this duty is valid.
    Attestation {
        /// Warn so long before expiry.
        warn_before: Option<Span>,
        /// What expiry means.
        #[serde(default)]
        expired: Expired,
        /// Validity when the paper names no expiry.
        review: Option<Span>,
        /// Whether the city must have accepted it.
        #[serde(default)]
        accepted: bool,
    },
    /// A person's record for this duty.
    Record {
        /// Oldest it may be.
        max_age: Option<Span>,
        /// How many; 1 unless told.
        count: Option<u64>,
    },
    /// The deliverable is out by the due date.
    Document {
        /// Which; the duty's own unless told.
        #[schemars(extend("x-ref" = "deliverable"))]
        deliverable: Option<String>,
        /// Which step counts.
        #[serde(default)]
        stage: Stage,
        /// Conditions on the record of that step.
        #[serde(default)]
        must: Vec<Condition>,
        /// Asked only if such a record exists.
        when: Option<Select>,
    },
    /// Acts only with approval.
    Gate {
        /// Which gate.
        #[schemars(extend("x-ref" = "gate"))]
        gate: String,
    },
    /// The worst verdict of other duties.
    Rollup {
        /// Their keys.
        #[serde(default)]
        #[schemars(extend("x-ref" = "obligation"))]
        obligations: Vec<String>,
        /// Or the start of their clause.
        clause: Option<String>,
    },
}
