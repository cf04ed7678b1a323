//! Consultations with the city (協議): 仕様書 10(2)(5)(6), 15(1).
//!
//! A consultation may open a gate of the contract (協議の上) and may settle an ambiguity of the
//! text (A-01…). When an agreement settles one, the ledger also gets a `contract.reading` on
//! the ambiguity itself, so that the contract engine reads the text as agreed from that day.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::register::form::FileRef;
use crate::register::rules::{self, CityWait, HOW};
use crate::register::spec::FieldKind::{Bool, Choice, Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};
use crate::terms::{GateKind, Note};

/// A consultation with the city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consultation {
    /// What is to be agreed.
    pub topic: String,
    /// Day it was brought up.
    pub opened_on: Date,
    /// What the contractor proposes.
    #[serde(default)]
    pub proposal: Option<String>,
    /// Key of the contract's gate that an agreement opens.
    #[serde(default)]
    pub gate: Option<String>,
    /// Key of the ambiguity that an agreement settles (`A-07`).
    #[serde(default)]
    pub note: Option<String>,
    /// What was agreed.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Key of the candidate reading that was agreed.
    #[serde(default)]
    pub reading: Option<String>,
    /// Day from which the agreement holds; the day it was made when empty.
    #[serde(default)]
    pub effective_from: Option<Date>,
    /// Day of the agreement, or of the end without one.
    #[serde(default)]
    pub decided_on: Option<Date>,
    /// Form of the agreement.
    #[serde(default)]
    pub how: Option<String>,
    /// Whether the agreement is in writing.
    #[serde(default)]
    pub written: bool,
    /// Section that agreed; no person's name.
    #[serde(default)]
    pub by: Option<String>,
    /// Name of the person who agreed (personal).
    #[serde(default)]
    pub by_name: Option<String>,
    /// Why it was closed.
    #[serde(default)]
    pub closed_reason: Option<String>,
    /// The minutes.
    #[serde(default)]
    pub file: Option<FileRef>,
    /// Time the city took.
    #[serde(default)]
    pub city_waits: Vec<CityWait>,
}

static SPEC: RegisterSpec = RegisterSpec {
    key: "consultation",
    title_ja: "協議",
    number_ja: "協議",
    id_field: "consultation_id",
    states: &[
        ("opened", "協議中"),
        ("agreed", "合意"),
        ("closed", "合意なく終了"),
    ],
    acts: &[
        ActSpec {
            name: "open",
            title_ja: "協議の申入れ",
            from: &[],
            to: Some("opened"),
            kind: "consultation.opened",
            kind_ja: "協議の申入れ",
            side: Side::Contractor,
            fields: &[
                must("topic", "協議事項", Text(300)),
                must("opened_on", "申入れ日", Day),
                may("proposal", "提案", Text(4000)),
                may("gate", "協議を求める契約の定め", Text(64)),
                may("note", "仕様書の疑義の番号（A-07 など）", Text(32)),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "agree",
            title_ja: "合意",
            from: &["opened"],
            to: Some("agreed"),
            kind: "consultation.agreed",
            kind_ja: "協議の合意",
            side: Side::City,
            fields: &[
                must("decided_on", "合意日", Day),
                must("outcome", "合意内容", Text(4000)),
                must("how", "方法", Choice(HOW)),
                may("written", "書面による", Bool),
                may("by", "合意した部署・職名（氏名は書かない）", Text(100)),
                may("by_name", "合意した人の氏名", Text(100)).personal(),
                may("note", "仕様書の疑義の番号（A-07 など）", Text(32)),
                may("reading", "合意した読み方", Text(64)),
                may("effective_from", "適用の始め", Day),
                may("file", "協議記録", File),
            ],
        },
        ActSpec {
            name: "close",
            title_ja: "合意なく終了",
            from: &["opened"],
            to: Some("closed"),
            kind: "consultation.closed",
            kind_ja: "協議の終了（合意なし）",
            side: Side::Contractor,
            fields: &[
                must("decided_on", "終了日", Day),
                must("closed_reason", "終了の理由", Text(2000)),
            ],
        },
    ],
    derived: &[
        ("written", "書面による合意か"),
        ("city_waits", "市の回答を待った期間"),
    ],
};

impl Item for Consultation {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let note = settled_note(proposed, act, context, decision);
        match act.name {
            "open" => {
                rules::past(
                    act,
                    context,
                    decision,
                    "opened_on",
                    Some(proposed.opened_on),
                );
                if let Some(gate) = &proposed.gate {
                    rules::known_gate(act, context, decision, gate, GateKind::Consultation);
                }
            }
            "agree" => {
                let decided = proposed.decided_on;
                rules::heard(act, context, decision, "how", proposed.how.as_deref());
                rules::past(act, context, decision, "decided_on", decided);
                rules::not_before(
                    act,
                    decision,
                    "decided_on",
                    decided,
                    "申入れ日",
                    Some(proposed.opened_on),
                );
                rules::waited(
                    decision,
                    &proposed.city_waits,
                    "協議",
                    proposed.opened_on,
                    decided,
                );
                decision.set(
                    "written",
                    proposed.written || rules::is_writing(proposed.how.as_deref()),
                );
                if let (Some(note), Some(decided)) = (note, decided) {
                    settle(proposed, note, decided, act, context, decision);
                }
            }
            _ => {
                rules::past(act, context, decision, "decided_on", proposed.decided_on);
                rules::not_before(
                    act,
                    decision,
                    "decided_on",
                    proposed.decided_on,
                    "申入れ日",
                    Some(proposed.opened_on),
                );
            }
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.topic.clone()
    }

    fn day(&self) -> Date {
        self.opened_on
    }

    fn search_text(&self) -> Vec<&str> {
        [
            &self.proposal,
            &self.gate,
            &self.note,
            &self.outcome,
            &self.by,
            &self.by_name,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
    }

    fn link(&self) -> Option<&str> {
        self.gate.as_deref()
    }
}

/// The ambiguity that the consultation names, if the contract has it.
fn settled_note<'t>(
    proposed: &Consultation,
    act: &ActSpec,
    context: &Context<'t>,
    decision: &mut Decision,
) -> Option<&'t Note> {
    let key = proposed.note.as_deref()?;
    let notes = context.terms.notes();
    let note = notes.iter().find(|note| note.key == key);
    if note.is_none() {
        let known = notes
            .iter()
            .map(|note| (note.key.as_str(), note.title_ja.as_str()));
        decision.problem(act, "note", rules::unknown(key, known));
    }
    note
}

/// Appends how the text is read from now on; without a reading among the candidates there is
/// nothing that the contract engine could apply, and the person is told.
fn settle(
    proposed: &Consultation,
    note: &Note,
    decided: Date,
    act: &ActSpec,
    context: &Context<'_>,
    decision: &mut Decision,
) {
    let candidates = || {
        note.readings
            .iter()
            .map(|(key, title)| (key.as_str(), title.as_str()))
    };
    let Some(reading) = proposed.reading.as_deref() else {
        let list: Vec<String> = candidates()
            .map(|(key, title)| format!("{key}（{title}）"))
            .collect();
        decision.warn(
            "no_reading",
            format!(
                "{} の読み方が選ばれていないため、判定はこれまでどおりです。候補: {}",
                note.key,
                list.join("、")
            ),
        );
        return;
    };
    if candidates().all(|(key, _)| key != reading) {
        decision.problem(act, "reading", rules::unknown(reading, candidates()));
        return;
    }
    let mut payload = Map::new();
    payload.insert("note".to_owned(), json!(note.key));
    payload.insert("reading".to_owned(), json!(reading));
    payload.insert(
        "from".to_owned(),
        json!(proposed.effective_from.unwrap_or(decided)),
    );
    if let Some(by) = &proposed.by {
        payload.insert("by".to_owned(), json!(by));
    }
    payload.insert("decided_on".to_owned(), json!(decided));
    payload.insert("consultation".to_owned(), json!(context.number));
    decision.also("contract.reading", format!("note:{}", note.key), payload);
}
