//! Hand-over of deliverables (成果品の引渡し): 仕様書 15(3). Gives the data of the 引渡書.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Count, Date as Day, File, Rows, Text};
use crate::register::{
    ActSpec, Context, Decision, FieldSpec, Item, Refusal, RegisterSpec, Side, may, must,
};

/// A hand-over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// What the hand-over is about.
    pub title: String,
    /// What was handed over.
    pub deliverables: Vec<Deliverable>,
    /// Day.
    pub handed_on: Date,
    /// How.
    pub how: String,
    /// Day the city confirmed the receipt.
    #[serde(default)]
    pub received_on: Option<Date>,
    /// Remarks.
    #[serde(default)]
    pub note: Option<String>,
    /// Paper.
    #[serde(default)]
    pub file: Option<FileRef>,
}

/// A deliverable in a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliverable {
    /// Name.
    pub name: String,
    /// Number of pieces.
    #[serde(default)]
    pub quantity: Option<u32>,
    /// Form (`PDF`, `紙`, `ソースコード一式`).
    #[serde(default)]
    pub form: Option<String>,
    /// Remarks.
    #[serde(default)]
    pub note: Option<String>,
    /// The file itself.
    #[serde(default)]
    pub file: Option<FileRef>,
}

const DELIVERABLE: &[FieldSpec] = &[
    must("name", "名称", Text(200)),
    may("quantity", "数量", Count),
    may("form", "形式", Text(100)),
    may("note", "備考", Text(500)),
    may("file", "ファイル", File),
];

const HOW: &[(&str, &str)] = &[
    ("portal", "ポータル"),
    ("mail", "メール"),
    ("media", "記録媒体"),
    ("paper", "紙"),
    ("server", "サーバ上で引渡し"),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "handover",
    title_ja: "成果品の引渡し",
    number_ja: "引渡",
    id_field: "handover_id",
    states: &[
        ("done", "引渡済（受領確認待ち）"),
        ("received", "受領確認済"),
        ("withdrawn", "取消し"),
    ],
    acts: &[
        ActSpec {
            name: "hand",
            title_ja: "引渡し",
            from: &[],
            to: Some("done"),
            kind: "handover.done",
            kind_ja: "成果品の引渡し",
            side: Side::Contractor,
            fields: &[
                must("title", "件名", Text(200)),
                must("deliverables", "成果品", Rows(DELIVERABLE)),
                must("handed_on", "引渡日", Day),
                must("how", "方法", Choice(HOW)),
                may("note", "備考", Text(2000)),
                may("file", "引渡書", File),
            ],
        },
        ActSpec {
            name: "receive",
            title_ja: "市の受領確認",
            from: &["done"],
            to: Some("received"),
            kind: "handover.received",
            kind_ja: "成果品の受領確認",
            side: Side::City,
            fields: &[
                must("received_on", "受領日", Day),
                may(
                    "received_by",
                    "受領した部署・職名（氏名は書かない）",
                    Text(100),
                ),
                may("received_by_name", "受領した人の氏名", Text(100)).personal(),
                may("receipt", "受領書", File),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取消し",
            from: &["done"],
            to: Some("withdrawn"),
            kind: "handover.withdrawn",
            kind_ja: "成果品の引渡しの取消し",
            side: Side::Contractor,
            fields: &[must("withdrawn_reason", "取消しの理由", Text(500))],
        },
    ],
    derived: &[],
};

impl Item for Handover {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        match act.name {
            "hand" => rules::past(
                act,
                context,
                decision,
                "handed_on",
                Some(proposed.handed_on),
            ),
            "receive" => {
                rules::past(act, context, decision, "received_on", proposed.received_on);
                rules::not_before(
                    act,
                    decision,
                    "received_on",
                    proposed.received_on,
                    "引渡日",
                    Some(proposed.handed_on),
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn day(&self) -> Date {
        self.handed_on
    }

    fn search_text(&self) -> Vec<&str> {
        self.deliverables
            .iter()
            .flat_map(|deliverable| [Some(deliverable.name.as_str()), deliverable.note.as_deref()])
            .chain([self.note.as_deref()])
            .flatten()
            .collect()
    }
}
