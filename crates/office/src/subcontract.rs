//! The register of sub-contracts (再委託): 仕様書 12.
//!
//! Parts of the work may be sub-contracted after the city's written approval; the core never.
//! The approval is a gate of the contract that guards the act `subcontract.register`, so the
//! desk asks for it; the prohibition on the core is contract data too.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Bool, Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A sub-contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subcontract {
    /// Name of the company.
    pub party: String,
    /// What it does.
    pub scope: String,
    /// Whether that is core maintenance work.
    pub core: bool,
    /// First day.
    pub starts_on: Date,
    /// Last day, planned or actual.
    #[serde(default)]
    pub ends_on: Option<Date>,
    /// Whether it handles personal data.
    #[serde(default)]
    pub personal_data: Option<bool>,
    /// Person in charge there (personal).
    #[serde(default)]
    pub contact: Option<String>,
    /// Contract papers.
    #[serde(default)]
    pub file: Option<FileRef>,
}

static SPEC: RegisterSpec = RegisterSpec {
    key: "subcontract",
    title_ja: "再委託",
    number_ja: "再委託",
    id_field: "subcontract_id",
    states: &[("registered", "再委託中"), ("ended", "終了")],
    acts: &[
        ActSpec {
            name: "register",
            title_ja: "再委託の開始",
            from: &[],
            to: Some("registered"),
            kind: "subcontract.registered",
            kind_ja: "再委託の登録",
            side: Side::Contractor,
            fields: &[
                must("party", "再委託先", Text(200)),
                must("scope", "再委託する業務", Text(2000)),
                must("core", "根幹を成す保守管理業務を含む", Bool),
                must("starts_on", "開始日", Day),
                may("ends_on", "終了予定日", Day),
                may("personal_data", "個人情報を取り扱う", Bool),
                may("contact", "再委託先の担当者", Text(100)).personal(),
                may("file", "再委託の書類", File),
            ],
        },
        ActSpec {
            name: "end",
            title_ja: "再委託の終了",
            from: &["registered"],
            to: Some("ended"),
            kind: "subcontract.ended",
            kind_ja: "再委託の終了",
            side: Side::Contractor,
            fields: &[
                must("ends_on", "終了日", Day),
                may(
                    "end_note",
                    "終了時の確認（データの返却・消去など）",
                    Text(2000),
                ),
            ],
        },
    ],
    derived: &[
        ("approval_id", "開始を許した承認"),
        ("consultation_id", "開始を許した協議"),
    ],
};

impl Item for Subcontract {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        if act.name == "register" {
            if proposed.core
                && let Some(prohibition) = context.terms.prohibition("subcontract.core")
            {
                return Err(Refusal::Prohibited {
                    clause: prohibition.clause.clone(),
                    text_ja: prohibition.text_ja.clone(),
                    advice_ja: "根幹を成す保守管理業務を除いた範囲にしてください".to_owned(),
                });
            }
            rules::in_term(act, context, decision, "starts_on", proposed.starts_on);
            if proposed.personal_data == Some(true) {
                decision.warn("personal_data", "個人情報を取り扱う再委託です。再委託先の安全管理措置を「個人情報の措置」に登録してください");
            }
        } else {
            rules::past(act, context, decision, "ends_on", proposed.ends_on);
        }
        rules::not_before(
            act,
            decision,
            "ends_on",
            proposed.ends_on,
            "開始日",
            Some(proposed.starts_on),
        );
        Ok(())
    }

    fn gate_day(&self) -> Option<Date> {
        Some(self.starts_on)
    }

    fn title(&self) -> String {
        self.party.clone()
    }

    fn day(&self) -> Date {
        self.starts_on
    }

    fn search_text(&self) -> Vec<&str> {
        [Some(self.scope.as_str()), self.contact.as_deref()]
            .into_iter()
            .flatten()
            .collect()
    }
}
