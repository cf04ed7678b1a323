//! Approvals asked of the city (承認願): 仕様書 6, 7(3), 7(4), 12.
//!
//! An approval stands for one gate of the contract and one matter. The text asks for writing
//! only in clause 12; elsewhere the form is open, so the decision's form is recorded and
//! each gate says whether it needs writing. The days between asking and deciding are the
//! city's waiting time.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules::{self, CityWait, HOW};
use crate::register::spec::FieldKind::{Bool, Choice, Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};
use crate::terms::GateKind;

/// An approval asked of the city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Key of the contract's gate.
    pub gate: String,
    /// What is to be approved.
    pub about: String,
    /// Day of asking.
    pub requested_on: Date,
    /// Why it is asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether the decision is in writing.
    #[serde(default)]
    pub written: bool,
    /// Day of the city's decision.
    #[serde(default)]
    pub decided_on: Option<Date>,
    /// Form of the decision (paper, mail, portal, phone, meeting).
    #[serde(default)]
    pub how: Option<String>,
    /// Section or office that decided; no person's name.
    #[serde(default)]
    pub by: Option<String>,
    /// Name of the person who decided (personal).
    #[serde(default)]
    pub by_name: Option<String>,
    /// First day of validity.
    #[serde(default)]
    pub valid_from: Option<Date>,
    /// Last day of validity.
    #[serde(default)]
    pub valid_until: Option<Date>,
    /// Conditions of the approval, or why it was refused.
    #[serde(default)]
    pub conditions: Option<String>,
    /// The paper.
    #[serde(default)]
    pub file: Option<FileRef>,
    /// Time the city took.
    #[serde(default)]
    pub city_waits: Vec<CityWait>,
}

static SPEC: RegisterSpec = RegisterSpec {
    key: "approval",
    title_ja: "承認願",
    number_ja: "承認",
    id_field: "approval_id",
    states: &[
        ("requested", "回答待ち"),
        ("granted", "承認"),
        ("refused", "不承認"),
        ("withdrawn", "取下げ"),
    ],
    acts: &[
        ActSpec {
            name: "request",
            title_ja: "承認願の提出",
            from: &[],
            to: Some("requested"),
            kind: "approval.requested",
            kind_ja: "承認願の提出",
            side: Side::Contractor,
            fields: &[
                must("gate", "承認の種類", Text(64)),
                must("about", "承認を求める事項", Text(300)),
                must("requested_on", "提出日", Day),
                may("reason", "理由", Text(4000)),
                may("file", "承認願の写し", File),
            ],
        },
        ActSpec {
            name: "grant",
            title_ja: "承認",
            from: &["requested"],
            to: Some("granted"),
            kind: "approval.granted",
            kind_ja: "承認願の承認",
            side: Side::City,
            fields: &[
                must("decided_on", "承認日", Day),
                must("how", "方法", Choice(HOW)),
                may("written", "書面による", Bool),
                may("by", "承認した部署・職名（氏名は書かない）", Text(100)),
                may("by_name", "承認した人の氏名", Text(100)).personal(),
                may("valid_from", "有効期間の始め", Day),
                may("valid_until", "有効期間の終わり", Day),
                may("conditions", "条件", Text(2000)),
                may("file", "承認書の写し", File),
            ],
        },
        ActSpec {
            name: "confirm",
            title_ja: "書面の受領",
            from: &["granted"],
            to: None,
            kind: "approval.granted",
            kind_ja: "承認願の書面の受領",
            side: Side::City,
            fields: &[
                must("confirmed_on", "書面の日付", Day),
                must("file", "承認書の写し", File),
            ],
        },
        ActSpec {
            name: "refuse",
            title_ja: "不承認",
            from: &["requested"],
            to: Some("refused"),
            kind: "approval.refused",
            kind_ja: "承認願の不承認",
            side: Side::City,
            fields: &[
                must("decided_on", "回答日", Day),
                must("how", "方法", Choice(HOW)),
                may("by", "回答した部署・職名（氏名は書かない）", Text(100)),
                may("by_name", "回答した人の氏名", Text(100)).personal(),
                may("conditions", "不承認の理由", Text(2000)),
                may("file", "回答の写し", File),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取下げ",
            from: &["requested", "granted"],
            to: Some("withdrawn"),
            kind: "approval.withdrawn",
            kind_ja: "承認願の取下げ",
            side: Side::Contractor,
            fields: &[
                must("withdrawn_on", "取下げ日", Day),
                must("withdrawn_reason", "取下げの理由", Text(2000)),
            ],
        },
    ],
    derived: &[
        ("written", "書面による承認か"),
        ("city_waits", "市の回答を待った期間"),
    ],
};

impl Item for Approval {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let gate = if act.opens() {
            rules::known_gate(act, context, decision, &proposed.gate, GateKind::Approval)
        } else {
            context.terms.gate(&proposed.gate)
        };
        rules::past(
            act,
            context,
            decision,
            "requested_on",
            Some(proposed.requested_on),
        );
        if act.name == "request" {
            decision.set("written", false);
        }
        if matches!(act.name, "grant" | "refuse") {
            rules::heard(act, context, decision, "how", proposed.how.as_deref());
            rules::past(act, context, decision, "decided_on", proposed.decided_on);
            rules::not_before(
                act,
                decision,
                "decided_on",
                proposed.decided_on,
                "提出日",
                Some(proposed.requested_on),
            );
            rules::waited(
                decision,
                &proposed.city_waits,
                "承認",
                proposed.requested_on,
                proposed.decided_on,
            );
        }
        match act.name {
            "grant" => {
                rules::not_before(
                    act,
                    decision,
                    "valid_until",
                    proposed.valid_until,
                    "有効期間の始め",
                    proposed.valid_from.or(proposed.decided_on),
                );
                let written = proposed.written || rules::is_writing(proposed.how.as_deref());
                decision.set("written", written);
                if let Some(gate) = gate {
                    if gate.written && !written {
                        decision.warn("not_written", format!(
                            "「{}」は仕様書 {} により書面の承認が必要です。「書面の受領」を記録するまで先へ進めません",
                            gate.title_ja, gate.clause
                        ));
                    } else if gate.written && proposed.file.is_none() {
                        decision.warn(
                            "no_file",
                            "承認書の写しが添付されていません。検収で求められることがあります",
                        );
                    }
                }
            }
            "confirm" => decision.set("written", true),
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.about.clone()
    }

    fn day(&self) -> Date {
        self.requested_on
    }

    fn search_text(&self) -> Vec<&str> {
        [&self.reason, &self.by, &self.by_name, &self.conditions]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([self.gate.as_str()])
            .collect()
    }

    fn link(&self) -> Option<&str> {
        Some(&self.gate)
    }
}
