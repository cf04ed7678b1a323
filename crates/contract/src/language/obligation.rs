//! `[[obligation]]`: one row of the contract with its parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deadline::Deadline;
use super::evidence::Check;
use super::parts::{Party, Per};
use super::threshold::Threshold;
use super::value::DateText;

/// Duty, prohibition, rule or permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// 義務.
    Duty,
    /// 禁止.
    Prohibition,
    /// 定め・定義.
    Rule,
    /// 許可.
    Permission,
}

impl Type {
    /// Whether it is an obligation, that is, has a verdict.
    pub fn is_judged(self) -> bool {
        matches!(self, Self::Duty | Self::Prohibition)
    }
}

/// When it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// All the time.
    Continuous,
    /// If something is so.
    Conditional,
    /// Once.
    OneOff,
    /// For each event.
    PerEvent,
    /// Every month.
    Monthly,
    /// Every quarter.
    Quarterly,
    /// Every half year.
    HalfYearly,
    /// Every fiscal year.
    Yearly,
}

/// How far software reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Reach {
    /// Automatic.
    A,
    /// Machine evidence and a person's judgement.
    S,
    /// A person's record only.
    H,
    /// Outside software: attestation.
    X,
}

/// First and last day on which a duty holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Active {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateText>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<DateText>,
}

/// Our own target, apart from the contract's limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Internal {
    /// An earlier date or a number where the contract has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// Tighter limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// One row of the contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Obligation {
    /// `O-001`.
    pub key: String,
    /// Clause as the text numbers it.
    pub clause: String,
    /// What, in Japanese.
    pub title: String,
    /// The quoted sentence.
    pub text: String,
    /// Duty, prohibition, rule or permission.
    #[serde(rename = "type")]
    pub type_: Type,
    /// When it holds.
    pub kind: Kind,
    /// How far software reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// Who owes it.
    #[serde(default)]
    pub who: Party,
    /// What it is judged by; follows from `kind` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// The paper it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-ref" = "deliverable"))]
    pub deliverable: Option<String>,
    /// By when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Check>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Counter it is measured by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-ref" = "counter"))]
    pub counter: Option<String>,
    /// Approvals it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-ref" = "gate"))]
    pub gates: Vec<String>,
    /// Soft words of the sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft: Vec<String>,
    /// Who bears the cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bears_cost: Option<Party>,
    /// Days on which it holds; the term unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
    /// Gates whose waiting time is the city's; its gates unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-ref" = "gate"))]
    pub waiting: Option<Vec<String>>,
    /// Our own target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<Internal>,
    /// Ambiguities that touch it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl Obligation {
    /// What it is judged by, with the default of its kind.
    pub fn per(&self) -> Per {
        self.per.unwrap_or(match self.kind {
            Kind::Monthly | Kind::Continuous | Kind::Conditional | Kind::PerEvent => Per::Month,
            Kind::Quarterly => Per::Quarter,
            Kind::HalfYearly => Per::Half,
            Kind::Yearly => Per::FiscalYear,
            Kind::OneOff => Per::Term,
        })
    }
}
