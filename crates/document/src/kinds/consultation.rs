//! 協議書 (15(1), O-108): what was unclear, what both sides said, what was agreed.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::date::date_in_words;
use crate::letter::Letterhead;
use crate::report::{Block, Fact, Report, Section};

/// Record of a consultation with the city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsultationRecord {
    /// Letter head.
    pub head: Letterhead,
    /// 協議事項.
    pub topic: String,
    /// Clause concerned.
    pub clause: String,
    /// Key of the ambiguity in the contract file, e.g. `A-07`.
    #[serde(default)]
    pub note: Option<String>,
    /// 協議日.
    pub held_on: Date,
    /// Phone, mail, meeting.
    pub method: String,
    /// Who took part, with side, e.g. `札幌市 経営支援係　見本主任`.
    pub participants: Vec<String>,
    /// Why it came up.
    pub background: String,
    /// 受託者の考え.
    pub proposal: String,
    /// 札幌市の考え. Empty: not yet stated.
    #[serde(default)]
    pub answer: String,
    /// 合意内容. None: open.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Day of the agreement.
    #[serde(default)]
    pub agreed_on: Option<Date>,
    /// Day from which the outcome applies.
    #[serde(default)]
    pub valid_from: Option<Date>,
    /// Further sections.
    #[serde(default)]
    pub sections: Vec<Section>,
}

impl ConsultationRecord {
    pub(crate) fn to_report(&self) -> Report {
        let mut facts = vec![
            Fact::new("協議事項", &self.topic),
            Fact::new("該当する条項", &self.clause),
        ];
        if let Some(note) = &self.note {
            facts.push(Fact::new("疑義の番号", note));
        }
        facts.push(Fact::new("協議日", date_in_words(self.held_on)));
        facts.push(Fact::new("協議の方法", &self.method));
        facts.push(Fact::new("出席者", self.participants.join("\n")));
        let open = || "（未定）".to_owned();
        let result = vec![
            Fact::new(
                "状態",
                if self.outcome.is_some() {
                    "合意済み"
                } else {
                    "協議中"
                },
            ),
            Fact::new("合意内容", self.outcome.clone().unwrap_or_else(open)),
            Fact::new("合意日", self.agreed_on.map_or_else(open, date_in_words)),
            Fact::new(
                "適用開始日",
                self.valid_from.map_or_else(open, date_in_words),
            ),
        ];
        let answer = if self.answer.is_empty() {
            "（回答待ち）"
        } else {
            &self.answer
        };
        let mut sections = vec![
            Section::new("1　協議に至った経緯").paragraph(&self.background),
            Section::new("2　受託者の考え").paragraph(&self.proposal),
            Section::new("3　発注者の考え").paragraph(answer),
            Section::new("4　協議の結果").block(Block::Facts(result)),
        ];
        sections.extend(self.sections.iter().cloned());
        Report {
            head: self.head.clone(),
            opening: vec![Block::Facts(facts)],
            sections,
            landscape: false,
        }
    }
}
