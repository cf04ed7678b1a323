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
use crate::terms::GateKind;

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
    /// Day of the agreement; empty when there is none.
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
    /// Day the matter was closed.
    #[serde(default)]
    pub closed_on: Option<Date>,
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
    states: &[("opened", "協議中"), ("agreed", "合意"), ("closed", "終了")],
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
                may("gate", "協議を要する契約上の関門", Text(64)),
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
                may("file", "協議記録", File),
            ],
        },
        ActSpec {
            name: "close",
            title_ja: "終了",
            from: &["opened", "agreed"],
            to: Some("closed"),
            kind: "consultation.closed",
            kind_ja: "協議の終了",
            side: Side::Contractor,
            fields: &[
                must("closed_on", "終了日", Day),
                may("closed_reason", "終了の理由", Text(2000)),
            ],
        },
    ],
    derived: &[("written", "書面による合意か"), ("city_waits", "市の回答を待った期間")],
};

impl Item for Consultation {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let note = proposed.note.as_deref();
        if let Some(note) = note
            && before.is_none_or(|before| before.note.as_deref() != Some(note))
            && !context.terms.notes().iter().any(|known| known == note)
        {
            let known = context.terms.notes().iter().map(|known| (known.as_str(), "疑義"));
            decision.problem(act, "note", rules::unknown(note, known));
        }
        match act.name {
            "open" => {
                rules::past(act, context, decision, "opened_on", Some(proposed.opened_on));
                if let Some(gate) = &proposed.gate {
                    rules::known_gate(act, context, decision, gate, GateKind::Consultation);
                }
            }
            "agree" => {
                let decided = proposed.decided_on;
                rules::heard(act, context, decision, "how", proposed.how.as_deref());
                rules::past(act, context, decision, "decided_on", decided);
                rules::not_before(act, decision, "decided_on", decided, "申入れ日", Some(proposed.opened_on));
                rules::waited(decision, &proposed.city_waits, "協議", proposed.opened_on, decided);
                decision.set("written", proposed.written || rules::is_writing(proposed.how.as_deref()));
                if let (Some(note), Some(decided)) = (note, decided) {
                    let mut reading = Map::new();
                    reading.insert("note".to_owned(), json!(note));
                    reading.insert("reading".to_owned(), json!(proposed.outcome));
                    reading.insert("decided_on".to_owned(), json!(decided));
                    reading.insert("consultation".to_owned(), json!(context.number));
                    decision.also("contract.reading", format!("note:{note}"), reading);
                }
            }
            _ => {
                rules::past(act, context, decision, "closed_on", proposed.closed_on);
                rules::not_before(act, decision, "closed_on", proposed.closed_on, "申入れ日", Some(proposed.opened_on));
                if proposed.decided_on.is_none() && proposed.closed_reason.is_none() {
                    decision.problem(act, "closed_reason", "合意なく終えるときは理由を書いてください");
                }
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
        [&self.proposal, &self.gate, &self.note, &self.outcome, &self.by, &self.by_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    fn link(&self) -> Option<&str> {
        self.gate.as_deref()
    }
}
