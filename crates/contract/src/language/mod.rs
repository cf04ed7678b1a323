//! The contract language as types. `docs/contract-language.md` describes it for authors; the
//! JSON Schema in `contracts/schema/` is generated from these types (see `schema`).
//!
//! These types hold what the file says, word for word. Resolving references, changes and
//! parameters is `model`'s work; judging is `engine`'s.

pub mod change;
pub mod deadline;
pub mod evidence;
pub mod obligation;
pub mod parts;
pub mod threshold;
pub mod value;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use change::{Ambiguity, Change, ChangeSource, Decide, Override, Patch, Reading, Straddling};
pub use deadline::{
    Binding, Bound, ClockKind, Deadline, Direction, FirstDay, PeriodOverride, Roll, Rule, Spacing,
};
pub use evidence::{Check, Condition, Each, Expired, Select, Stage};
pub use obligation::{Active, Internal, Kind, Obligation, Reach, Type};
pub use parts::{
    Act, CalendarText, Carry, CarryWord, Category, Contractor, Counter, Counts, DeclaredKind,
    Deliverable, Gate, GateKind, Head, HoursText, Over, Parameter, Party, Per, Source,
};
pub use threshold::{Shape, Threshold};
pub use value::{ClockTime, DateText, MonthDay, OrParam, PeriodName, Quantity, Span, Unit};

/// The version of the language this crate reads.
pub const LANGUAGE: u32 = 1;

/// A whole contract file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ContractFile {
    /// Version of the language, 1.
    pub language: u32,
    /// Who, what, from when to when.
    pub contract: Head,
    /// Values with their source.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Sets of closed days.
    #[serde(default)]
    pub calendars: BTreeMap<String, CalendarText>,
    /// Service hours.
    #[serde(default)]
    pub hours: BTreeMap<String, HoursText>,
    /// Counters.
    #[serde(default)]
    pub counters: BTreeMap<String, Counter>,
    /// Work categories.
    #[serde(default)]
    pub categories: BTreeMap<String, Category>,
    /// Approval gates.
    #[serde(default)]
    pub gates: BTreeMap<String, Gate>,
    /// Papers.
    #[serde(default)]
    pub deliverables: BTreeMap<String, Deliverable>,
    /// Kinds of evidence this contract declares itself.
    #[serde(default)]
    pub evidence_kinds: Vec<DeclaredKind>,
    /// The rows.
    #[serde(default)]
    pub obligation: Vec<Obligation>,
    /// What the text leaves open.
    #[serde(default)]
    pub ambiguity: Vec<Ambiguity>,
    /// Changes from a day on.
    #[serde(default)]
    pub change: Vec<Change>,
    /// Due dates of single periods.
    #[serde(default, rename = "override")]
    pub overrides: Vec<Override>,
}
