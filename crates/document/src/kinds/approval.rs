//! 承認願: 変更承認願 (6, 7(3), 7(4)), 再委託承認申請書 (12) and their like. What is asked, why, from
//! when; the city's answer has its own box at the foot.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::date::date_in_words;
use crate::letter::Letterhead;
use crate::report::{Block, Fact, Report, Section};

/// A request for the city's approval before an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Letter head.
    pub head: Letterhead,
    /// The asking sentence, e.g. `仕様書6に基づき、下記のとおり変更したいので、承認願います。`
    pub request: String,
    /// What is asked, label by label (変更前, 変更後, 理由, 費用負担…). Other cities, other labels.
    pub items: Vec<Fact>,
    /// Day from which the change or subcontract is wanted.
    #[serde(default)]
    pub wanted_from: Option<Date>,
    /// 添付書類.
    #[serde(default)]
    pub enclosures: Vec<String>,
    /// Tables and further text, e.g. the comparison of functions.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// The answer, once given.
    #[serde(default)]
    pub decision: Option<ApprovalDecision>,
}

/// What the city answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecision {
    /// Granted or not.
    pub granted: bool,
    /// Day of the decision.
    pub on: Date,
    /// Who answered.
    pub by: String,
    /// Conditions or reason.
    #[serde(default)]
    pub remarks: String,
}

impl ApprovalRequest {
    pub(crate) fn to_report(&self) -> Report {
        let mut facts = self.items.clone();
        if let Some(day) = self.wanted_from {
            facts.push(Fact::new("実施予定日", date_in_words(day)));
        }
        let mut opening = vec![
            Block::Paragraph(self.request.clone()),
            Block::Centered("記".into()),
            Block::Facts(facts),
        ];
        if !self.enclosures.is_empty() {
            opening.push(Block::Paragraph("添付書類".into()));
            opening.push(Block::Steps(self.enclosures.clone()));
        }
        opening.push(Block::Right("以上".into()));
        let mut sections = self.sections.clone();
        let answer = match &self.decision {
            Some(decision) => vec![
                Fact::new(
                    "回答",
                    if decision.granted {
                        "承認する"
                    } else {
                        "承認しない"
                    },
                ),
                Fact::new("回答日", date_in_words(decision.on)),
                Fact::new("回答者", &decision.by),
                Fact::new("条件・理由", &decision.remarks),
            ],
            None => vec![
                Fact::new("回答", "□ 承認する　　□ 承認しない"),
                Fact::new("回答日", "令和　　年　　月　　日"),
                Fact::new("回答者", ""),
                Fact::new("条件・理由", "\n"),
            ],
        };
        sections.push(Section::new("（回答欄）").block(Block::Facts(answer)));
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: false,
        }
    }
}
