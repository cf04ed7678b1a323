//! Measures for personal data (個人情報の管理措置): 仕様書 15(2).
//!
//! The city may ask for a report on them at any time; the list of measures with their states is
//! that report.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A measure for personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// One line.
    pub title: String,
    /// Field of the measure.
    pub field: String,
    /// What is done.
    #[serde(default)]
    pub detail: Option<String>,
    /// Obligation it answers (`O-110`).
    #[serde(default)]
    pub obligation: Option<String>,
    /// Day it was planned.
    pub planned_on: Date,
    /// Day since which it is in place.
    #[serde(default)]
    pub in_place_on: Option<Date>,
    /// Day it was last confirmed.
    #[serde(default)]
    pub confirmed_on: Option<Date>,
    /// Day it ended.
    #[serde(default)]
    pub ended_on: Option<Date>,
    /// Paper.
    #[serde(default)]
    pub file: Option<FileRef>,
}

/// The four fields of the guideline on the law on personal information (安全管理措置).
const FIELDS: &[(&str, &str)] = &[
    ("organisational", "組織的"),
    ("human", "人的"),
    ("physical", "物理的"),
    ("technical", "技術的"),
];
const KIND: &str = "personal_data.measure";
const KIND_JA: &str = "個人情報の管理措置";

static SPEC: RegisterSpec = RegisterSpec {
    key: "measure",
    title_ja: "個人情報の管理措置",
    number_ja: "措置",
    id_field: "measure_id",
    states: &[
        ("planned", "予定"),
        ("in_place", "実施中"),
        ("ended", "終了"),
    ],
    acts: &[
        ActSpec {
            name: "plan",
            title_ja: "措置の登録",
            from: &[],
            to: Some("planned"),
            kind: KIND,
            kind_ja: KIND_JA,
            side: Side::Contractor,
            fields: &[
                must("title", "措置", Text(300)),
                must("field", "区分", Choice(FIELDS)),
                must("planned_on", "登録日", Day),
                may("detail", "内容", Text(4000)),
                may("obligation", "義務の番号", Text(32)),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "put_in_place",
            title_ja: "実施",
            from: &["planned"],
            to: Some("in_place"),
            kind: KIND,
            kind_ja: KIND_JA,
            side: Side::Contractor,
            fields: &[
                must("in_place_on", "実施日", Day),
                may("detail", "内容", Text(4000)),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "confirm",
            title_ja: "点検",
            from: &["in_place"],
            to: None,
            kind: KIND,
            kind_ja: KIND_JA,
            side: Side::Contractor,
            fields: &[
                must("confirmed_on", "点検日", Day),
                may("confirm_note", "点検の結果", Text(2000)),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "end",
            title_ja: "終了",
            from: &["planned", "in_place"],
            to: Some("ended"),
            kind: KIND,
            kind_ja: KIND_JA,
            side: Side::Contractor,
            fields: &[
                must("ended_on", "終了日", Day),
                must("end_reason", "終了の理由", Text(2000)),
            ],
        },
    ],
    derived: &[],
};

impl Item for Measure {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let (field, day) = match act.name {
            "plan" => ("planned_on", Some(proposed.planned_on)),
            "put_in_place" => ("in_place_on", proposed.in_place_on),
            "confirm" => ("confirmed_on", proposed.confirmed_on),
            _ => ("ended_on", proposed.ended_on),
        };
        rules::past(act, context, decision, field, day);
        let earlier = proposed.in_place_on.filter(|_| act.name != "put_in_place");
        rules::not_before(
            act,
            decision,
            field,
            day,
            "それまでの日",
            earlier.or(Some(proposed.planned_on)),
        );
        if let Some(obligation) = proposed.obligation.as_deref().filter(|_| act.opens()) {
            rules::known_obligation(act, context, decision, obligation);
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn day(&self) -> Date {
        self.planned_on
    }

    fn search_text(&self) -> Vec<&str> {
        self.detail
            .iter()
            .chain(&self.obligation)
            .map(String::as_str)
            .collect()
    }

    fn link(&self) -> Option<&str> {
        self.obligation.as_deref()
    }
}
