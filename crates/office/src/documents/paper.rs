//! A document on its way to the city: draft → submitted → accepted, returned or replaced.
//!
//! 仕様書 13, 8, 10, 11(2) and 別紙2 ※ ask for papers; this register keeps where each stands. A
//! paper is never edited: a draft is rendered anew from evidence, a submitted one is replaced by
//! the next version. The digests of what was rendered are in the evidence, the files are its
//! attachments. What the papers say is the builder's business ([`super::build`]), not ours.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Count, Date as Day, File, Text};
use crate::register::{
    ActSpec, Context, Decision, FieldSpec, Item, Refusal, RegisterSpec, Side, may, must,
};

/// A document and its newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// Key of the contract's deliverable (`monthly-report`).
    pub document: String,
    /// Period it covers (`2026-10`), or the item it is about (`approval:…`).
    pub period: String,
    /// Title as printed.
    pub title: String,
    /// Day by which the city must have it; none when the contract sets none.
    #[serde(default)]
    pub due: Option<Date>,
    /// Version, from 1; a submitted version is replaced by the next.
    #[serde(default = "first")]
    pub version: u32,
    /// Day of rendering.
    pub rendered_on: Date,
    /// Why this version replaces the one before.
    #[serde(default)]
    pub replaced_reason: Option<String>,
    /// Sequence number of the last record the text rests on.
    pub ledger_seq: u32,
    /// The record: PDF/UA-1.
    pub pdf: FileRef,
    /// Same content as Word.
    #[serde(default)]
    pub docx: Option<FileRef>,
    /// Same tables as Excel.
    #[serde(default)]
    pub xlsx: Option<FileRef>,
    /// The typed model it was rendered from, as JSON.
    pub model: FileRef,
    /// Day of submission of this version.
    #[serde(default)]
    pub submitted_on: Option<Date>,
    /// How it was submitted.
    #[serde(default)]
    pub how: Option<String>,
    /// Receipt: number or remark.
    #[serde(default)]
    pub receipt: Option<String>,
    /// Day by which the city is to accept or return it.
    #[serde(default)]
    pub acceptance_due: Option<Date>,
    /// Day of return.
    #[serde(default)]
    pub returned_on: Option<Date>,
    /// What the city wants changed.
    #[serde(default)]
    pub returned_reason: Option<String>,
    /// Day of acceptance (検収).
    #[serde(default)]
    pub accepted_on: Option<Date>,
    /// Section or office that accepted or returned; no person's name.
    #[serde(default)]
    pub by: Option<String>,
    /// 所見: what the contractor thinks of the period.
    #[serde(default)]
    pub findings: Option<String>,
    /// 次の期間の予定.
    #[serde(default)]
    pub plans: Option<String>,
    /// 連絡事項.
    #[serde(default)]
    pub notices: Option<String>,
    /// Spans in which the city had the next word.
    #[serde(default)]
    pub city_waits: Vec<rules::CityWait>,
}

fn first() -> u32 {
    1
}

/// How a paper reaches the city.
pub const HOW: &[(&str, &str)] = &[
    ("mail", "メール"),
    ("portal", "ポータル"),
    ("paper", "書面"),
];

/// Words of people in a paper: field, heading as printed. Figures are never among them; those come
/// from evidence alone.
pub const WORDS: [(&str, &str); 3] = [
    ("findings", "所見"),
    ("plans", "次の期間の予定"),
    ("notices", "連絡事項"),
];
/// Longest of these texts.
pub const MOST_WORDS: usize = 4_000;
/// Characters of the reason why a paper is made again.
pub const MOST_REPLACED: usize = 2_000;
/// Characters of what the city wants mended.
pub const MOST_RETURNED: usize = 4_000;

impl Paper {
    /// The words under the headings of [`WORDS`]; empty where there are none.
    pub fn words(&self) -> [&str; 3] {
        [&self.findings, &self.plans, &self.notices].map(|text| text.as_deref().unwrap_or_default())
    }
}

const REMARKS: [FieldSpec; 3] = [
    may("findings", "所見", Text(MOST_WORDS)),
    may("plans", "次の期間の予定", Text(MOST_WORDS)),
    may("notices", "連絡事項", Text(MOST_WORDS)),
];

const FILES: [FieldSpec; 5] = [
    must("ledger_seq", "証跡の最終番号", Count),
    must("pdf", "PDF", File),
    may("docx", "Word", File),
    may("xlsx", "Excel", File),
    must("model", "内容（JSON）", File),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "document",
    title_ja: "書類",
    number_ja: "書類",
    id_field: "document_id",
    states: &[
        ("draft", "案"),
        ("submitted", "提出済み"),
        ("returned", "差戻し"),
        ("accepted", "検収済み"),
    ],
    acts: &[
        ActSpec {
            name: "render",
            title_ja: "作成",
            from: &[],
            to: Some("draft"),
            kind: "document.rendered",
            kind_ja: "書類の作成",
            side: Side::Contractor,
            fields: &[
                must("document", "書類の種類", Text(64)),
                must("period", "対象", Text(120)),
                must("title", "表題", Text(300)),
                may("due", "提出期限", Day),
                must("rendered_on", "作成日", Day),
                FILES[0],
                FILES[1],
                FILES[2],
                FILES[3],
                FILES[4],
                REMARKS[0],
                REMARKS[1],
                REMARKS[2],
            ],
        },
        ActSpec {
            name: "refresh",
            title_ja: "案の作り直し",
            from: &["draft"],
            to: None,
            kind: "document.rendered",
            kind_ja: "書類の作成",
            side: Side::Contractor,
            fields: &[
                must("title", "表題", Text(300)),
                may("due", "提出期限", Day),
                must("rendered_on", "作成日", Day),
                FILES[0],
                FILES[1],
                FILES[2],
                FILES[3],
                FILES[4],
                REMARKS[0],
                REMARKS[1],
                REMARKS[2],
            ],
        },
        ActSpec {
            name: "replace",
            title_ja: "差替え",
            from: &["submitted", "returned"],
            to: Some("draft"),
            kind: "document.replaced",
            kind_ja: "書類の差替え",
            side: Side::Contractor,
            fields: &[
                must("replaced_reason", "差替えの理由", Text(MOST_REPLACED)),
                must("title", "表題", Text(300)),
                must("rendered_on", "作成日", Day),
                FILES[0],
                FILES[1],
                FILES[2],
                FILES[3],
                FILES[4],
            ],
        },
        ActSpec {
            name: "submit",
            title_ja: "提出",
            from: &["draft"],
            to: Some("submitted"),
            kind: "document.submitted",
            kind_ja: "書類の提出",
            side: Side::Contractor,
            fields: &[
                must("submitted_on", "提出日", Day),
                must("how", "提出方法", Choice(HOW)),
                may("receipt", "受付の控え", Text(300)),
                may("acceptance_due", "検収の期限", Day),
                FILES[0],
                FILES[1],
                FILES[2],
                FILES[3],
                FILES[4],
            ],
        },
        ActSpec {
            name: "receipt",
            title_ja: "受付の控えの記録",
            from: &["submitted", "accepted", "returned"],
            to: None,
            kind: "document.receipted",
            kind_ja: "受付の控え",
            // Nobody is asked for anything by it: no mail to the city.
            side: Side::Either,
            fields: &[must("receipt", "受付の控え", Text(300))],
        },
        ActSpec {
            name: "return",
            title_ja: "差戻し",
            from: &["submitted"],
            to: Some("returned"),
            kind: "document.returned",
            kind_ja: "書類の差戻し",
            side: Side::City,
            fields: &[
                must("returned_on", "差戻し日", Day),
                must("returned_reason", "直すところ", Text(MOST_RETURNED)),
                may("by", "差し戻した部署・職名（氏名は書かない）", Text(100)),
            ],
        },
        ActSpec {
            name: "accept",
            title_ja: "検収",
            from: &["submitted"],
            to: Some("accepted"),
            kind: "document.accepted",
            kind_ja: "書類の検収",
            side: Side::City,
            fields: &[
                must("accepted_on", "検収日", Day),
                may("by", "検収した部署・職名（氏名は書かない）", Text(100)),
                may("receipt", "検収の控え", Text(300)),
            ],
        },
    ],
    derived: &[("version", "版"), ("city_waits", "市の回答を待った期間")],
};

impl Item for Paper {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        rules::past(
            act,
            context,
            decision,
            "rendered_on",
            Some(proposed.rendered_on),
        );
        let version = match (act.name, before) {
            ("replace", Some(before)) => before.version + 1,
            (_, Some(before)) => before.version,
            (_, None) => 1,
        };
        decision.set("version", version);
        match act.name {
            "replace" => {
                for field in [
                    "submitted_on",
                    "how",
                    "receipt",
                    "acceptance_due",
                    "returned_on",
                    "returned_reason",
                    "by",
                ] {
                    decision.set(field, serde_json::Value::Null);
                }
            }
            "submit" => {
                rules::past(
                    act,
                    context,
                    decision,
                    "submitted_on",
                    proposed.submitted_on,
                );
                rules::not_before(
                    act,
                    decision,
                    "submitted_on",
                    proposed.submitted_on,
                    "作成日",
                    before.map(|paper| paper.rendered_on),
                );
                if let (Some(due), Some(on)) = (proposed.due, proposed.submitted_on)
                    && on > due
                {
                    decision.warn(
                        "late",
                        format!("提出期限（{due}）を過ぎた提出です。遅れは証跡に残ります"),
                    );
                }
            }
            "return" => {
                rules::past(act, context, decision, "returned_on", proposed.returned_on);
                self::answered(proposed, act, decision, "returned_on", proposed.returned_on);
            }
            "accept" => {
                rules::past(act, context, decision, "accepted_on", proposed.accepted_on);
                self::answered(proposed, act, decision, "accepted_on", proposed.accepted_on);
                if let (Some(due), Some(on)) = (proposed.acceptance_due, proposed.accepted_on)
                    && on > due
                {
                    decision.warn(
                        "city_late",
                        format!("検収の期限（{due}）を過ぎています。市の待ち時間として記録します"),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn day(&self) -> Date {
        self.submitted_on.or(self.due).unwrap_or(self.rendered_on)
    }

    fn search_text(&self) -> Vec<&str> {
        let mut texts = vec![self.document.as_str(), self.period.as_str()];
        texts.extend(self.returned_reason.as_deref());
        texts.extend(self.replaced_reason.as_deref());
        texts.extend(self.words().into_iter().filter(|text| !text.is_empty()));
        texts
    }

    fn link(&self) -> Option<&str> {
        Some(&self.document)
    }
}

/// The city answered a submission: its days are its own.
fn answered(paper: &Paper, act: &ActSpec, decision: &mut Decision, field: &str, on: Option<Date>) {
    rules::not_before(act, decision, field, on, "提出日", paper.submitted_on);
    if let Some(submitted) = paper.submitted_on {
        rules::waited(decision, &paper.city_waits, "検収", submitted, on);
    }
}
