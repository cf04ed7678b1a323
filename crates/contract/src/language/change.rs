//! What is open in the text (`[[ambiguity]]`) and what changed it (`[[change]]`, `[[override]]`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::obligation::Obligation;
use super::value::{DateText, PeriodName};

/// Obligation key → fields that replace those written there.
pub type Patch = BTreeMap<String, Map<String, Value>>;

/// How an unsettled ambiguity is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decide {
    /// Under every reading; different verdicts are `undecided`.
    #[default]
    AllReadings,
    /// Under the working reading only.
    Working,
}

/// `[[ambiguity]]`: what the text leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ambiguity {
    /// `A-01`.
    pub key: String,
    /// What is open.
    pub text: String,
    /// How it is handled meanwhile.
    pub handling: String,
    /// What to ask the city.
    pub question: Option<String>,
    /// Obligations it touches.
    #[serde(default)]
    #[schemars(extend("x-ref" = "obligation"))]
    pub affects: Vec<String>,
    /// The reading used for display.
    pub working: Option<String>,
    /// How it is judged until settled.
    #[serde(default)]
    pub decide: Decide,
    /// Candidate readings.
    #[serde(default)]
    pub reading: Vec<Reading>,
}

/// One candidate reading and its effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// Key within the ambiguity.
    pub key: String,
    /// In Japanese.
    pub title: String,
    /// Fields it replaces, by obligation.
    #[serde(default)]
    pub patch: Patch,
    /// Parameter values it sets.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Whether categories count, once the city has chosen this reading.
    #[serde(default)]
    pub categories: BTreeMap<String, super::parts::Counts>,
}

/// What kind of paper changed the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSource {
    /// 変更契約.
    Amendment,
    /// 協議.
    Consultation,
    /// 承認.
    Approval,
}

/// Which rules a period keeps that the change cuts in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Straddling {
    /// Those of its first day.
    Old,
    /// Those of its last day.
    New,
}

/// `[[change]]`: rules that hold from a day on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// `C-01`.
    pub key: String,
    /// In Japanese.
    pub title: String,
    /// First day on which it holds.
    pub from: DateText,
    /// What kind of paper.
    pub source: ChangeSource,
    /// When it was decided.
    pub decided_on: Option<DateText>,
    /// By whom.
    pub by: Option<String>,
    /// For periods cut in two; old for months, quarters and halves, new for years and the term.
    pub straddling: Option<Straddling>,
    /// Fields it replaces, by obligation.
    #[serde(default)]
    pub patch: Patch,
    /// Parameter values it sets.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Fields of calendars it replaces.
    #[serde(default)]
    pub calendars: Patch,
    /// Obligations that end.
    #[serde(default)]
    #[schemars(extend("x-ref" = "obligation"))]
    pub ends: Vec<String>,
    /// Obligations that begin.
    #[serde(default)]
    pub obligation: Vec<Obligation>,
}

/// `[[override]]`: another due date for one period of one obligation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    /// Which obligation.
    #[schemars(extend("x-ref" = "obligation"))]
    pub obligation: String,
    /// Which period.
    pub period: PeriodName,
    /// Its due date.
    pub date: DateText,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: Option<String>,
    /// When it was decided.
    pub decided_on: Option<DateText>,
    /// The approval or paper behind it.
    pub approval: Option<String>,
}
