//! A person's record for an obligation that only a person can vouch for (reach H): an invoice
//! addressed to the contractor, minutes, a pledge, a check of devices by eye.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A person's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonRecord {
    /// Obligation key (`O-009`).
    pub obligation: String,
    /// One line.
    pub title: String,
    /// What was found or done.
    #[serde(default)]
    pub note: Option<String>,
    /// Day it speaks of.
    pub day: Date,
    /// Who vouches (personal; the record's actor is who entered it).
    #[serde(default)]
    pub witness: Option<String>,
    /// Paper.
    #[serde(default)]
    pub file: Option<FileRef>,
}

static SPEC: RegisterSpec = RegisterSpec {
    key: "record",
    title_ja: "確認記録",
    number_ja: "確認",
    id_field: "record_id",
    states: &[("filed", "登録"), ("withdrawn", "取消し")],
    acts: &[
        ActSpec {
            name: "file",
            title_ja: "確認記録の登録",
            from: &[],
            to: Some("filed"),
            kind: "record.filed",
            kind_ja: "確認記録の登録",
            side: Side::Contractor,
            fields: &[
                must("obligation", "義務の番号", Text(32)),
                must("title", "確認したこと（氏名は書かない）", Text(300)),
                must("day", "確認した日", Day),
                may("note", "内容（氏名は書かない）", Text(4000)),
                may("witness", "確認した人", Text(100)).personal(),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取消し",
            from: &["filed"],
            to: Some("withdrawn"),
            kind: "record.withdrawn",
            kind_ja: "確認記録の取消し",
            side: Side::Contractor,
            fields: &[must("withdrawn_reason", "取消しの理由", Text(500))],
        },
    ],
    derived: &[],
};

impl Item for PersonRecord {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        if act.opens() {
            rules::known_obligation(act, context, decision, &proposed.obligation);
            rules::past(act, context, decision, "day", Some(proposed.day));
        }
        Ok(())
    }

    fn title(&self) -> String {
        format!("{} {}", self.obligation, self.title)
    }

    fn day(&self) -> Date {
        self.day
    }

    fn search_text(&self) -> Vec<&str> {
        self.note
            .iter()
            .chain(&self.witness)
            .map(String::as_str)
            .collect()
    }

    fn link(&self) -> Option<&str> {
        Some(&self.obligation)
    }
}
