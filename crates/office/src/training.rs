//! The register of trainings (研修): 仕様書 14(5) and trainings on security and personal data.
//!
//! The chain holds the number of attendees; their names are personal data.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Date as Day, File, Minutes, Names, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// What was taught.
    pub topic: String,
    /// Field of the training.
    pub field: String,
    /// Obligation it answers (`O-107`).
    #[serde(default)]
    pub obligation: Option<String>,
    /// Day.
    pub held_on: Date,
    /// Length in minutes.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// Number of attendees.
    #[serde(default)]
    pub attendees: u32,
    /// Their names (personal).
    #[serde(default)]
    pub attendee_names: Vec<String>,
    /// Who taught (personal).
    #[serde(default)]
    pub trainer: Option<String>,
    /// Material or record.
    #[serde(default)]
    pub file: Option<FileRef>,
}

const FIELDS: &[(&str, &str)] = &[
    ("environment", "環境"),
    ("security", "情報セキュリティ"),
    ("personal_data", "個人情報保護"),
    ("operation", "運用・操作"),
    ("other", "その他"),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "training",
    title_ja: "研修",
    number_ja: "研修",
    id_field: "training_id",
    states: &[("held", "実施"), ("withdrawn", "取消し")],
    acts: &[
        ActSpec {
            name: "hold",
            title_ja: "研修の記録",
            from: &[],
            to: Some("held"),
            kind: "training.held",
            kind_ja: "研修の実施",
            side: Side::Contractor,
            fields: &[
                must("topic", "研修の内容", Text(300)),
                must("field", "分野", Choice(FIELDS)),
                must("held_on", "実施日", Day),
                must("attendee_names", "受講者", Names).personal(),
                may("obligation", "義務の番号", Text(32)),
                may("minutes", "時間", Minutes),
                may("trainer", "講師", Text(100)).personal(),
                may("file", "資料・記録", File),
            ],
        },
        ActSpec {
            name: "correct",
            title_ja: "訂正",
            from: &["held"],
            to: None,
            kind: "training.corrected",
            kind_ja: "研修の記録の訂正",
            side: Side::Contractor,
            fields: &[
                may("topic", "研修の内容", Text(300)),
                may("held_on", "実施日", Day),
                may("attendee_names", "受講者", Names).personal(),
                may("obligation", "義務の番号", Text(32)),
                may("minutes", "時間", Minutes),
                may("file", "資料・記録", File),
                must("correction_reason", "訂正の理由", Text(500)),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取消し",
            from: &["held"],
            to: Some("withdrawn"),
            kind: "training.withdrawn",
            kind_ja: "研修の取消し",
            side: Side::Contractor,
            fields: &[must("withdrawn_reason", "取消しの理由", Text(500))],
        },
    ],
    derived: &[("attendees", "受講者数")],
};

impl Item for Training {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        rules::past(act, context, decision, "held_on", Some(proposed.held_on));
        if let Some(obligation) = &proposed.obligation
            && act.name != "withdraw"
        {
            rules::known_obligation(act, context, decision, obligation);
        }
        // After an erasure the names are gone and the number stands.
        if !proposed.attendee_names.is_empty() {
            decision.set("attendees", proposed.attendee_names.len());
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.topic.clone()
    }

    fn day(&self) -> Date {
        self.held_on
    }

    fn search_text(&self) -> Vec<&str> {
        self.attendee_names
            .iter()
            .chain(&self.trainer)
            .chain(&self.obligation)
            .map(String::as_str)
            .collect()
    }

    fn link(&self) -> Option<&str> {
        self.obligation.as_deref()
    }
}
