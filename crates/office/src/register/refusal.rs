//! Why an act is refused, in words that say what to do next.

use serde::Serialize;

/// One field that is wrong, with what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Key of the field (`attendees`, inside rows `deliverables[2].name`).
    pub field: String,
    /// Label of the field for people.
    pub label_ja: String,
    /// What is wrong and what would be right.
    pub message_ja: String,
}

impl FieldProblem {
    /// A problem with one field.
    pub fn new(field: &str, label_ja: &str, message_ja: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            label_ja: label_ja.to_owned(),
            message_ja: message_ja.into(),
        }
    }
}

/// An act the rules do not allow. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fields are missing or wrong; all of them at once.
    #[error("{}", join_fields(.0))]
    Fields(Vec<FieldProblem>),
    /// The act is not possible in the item's present state.
    #[error(
        "{number} は「{state_ja}」なので「{act_ja}」はできません。いまできること: {possible_ja}"
    )]
    State {
        /// The item's number.
        number: String,
        /// Its state, for people.
        state_ja: String,
        /// The act that was asked for.
        act_ja: String,
        /// What can be done instead.
        possible_ja: String,
    },
    /// An approval or consultation that the contract asks for first does not exist.
    #[error("{act_ja}の前に「{gate_ja}」（仕様書 {clause}）が必要です。{missing_ja}")]
    Gate {
        /// The act that was asked for.
        act_ja: String,
        /// The gate's key in the contract.
        gate: String,
        /// The gate's name for people.
        gate_ja: String,
        /// Where the contract asks for it.
        clause: String,
        /// What is missing, and how to get it.
        missing_ja: String,
    },
    /// The contract forbids it.
    #[error("仕様書 {clause} により認められていません: {text_ja}。{advice_ja}")]
    Prohibited {
        /// Where the contract forbids it.
        clause: String,
        /// What it says.
        text_ja: String,
        /// What can be done instead.
        advice_ja: String,
    },
}

impl Refusal {
    /// Stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fields(_) => "invalid_fields",
            Self::State { .. } => "wrong_state",
            Self::Gate { .. } => "gate_closed",
            Self::Prohibited { .. } => "prohibited",
        }
    }

    /// The wrong fields, if that is the reason.
    pub fn fields(&self) -> &[FieldProblem] {
        match self {
            Self::Fields(problems) => problems,
            _ => &[],
        }
    }
}

fn join_fields(problems: &[FieldProblem]) -> String {
    let parts: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.label_ja, problem.message_ja))
        .collect();
    parts.join("\n")
}

/// The nearest candidates to a mistyped word, best first: the "did you mean" of every register.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|word| (strsim::jaro_winkler(typed, word), word))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, word)| word).collect()
}
