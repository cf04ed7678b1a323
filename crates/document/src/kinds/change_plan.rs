//! サーバー変更計画書 (別紙2 ※, O-155, O-156): what is missing and the steps that close it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::date::date_in_words;
use crate::letter::Letterhead;
use crate::report::{Block, Fact, Report, Section};
use crate::table::{Align, Cell, Column, Table};

/// The plan handed in when requirements of 別紙2 are not met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePlan {
    /// Letter head.
    pub head: Letterhead,
    /// Why the plan is handed in, from the contract, e.g. the sentence of 別紙2 ※.
    pub basis: String,
    /// 契約締結日.
    #[serde(default)]
    pub contract_signed_on: Option<Date>,
    /// Day this plan is due.
    #[serde(default)]
    pub plan_due_on: Option<Date>,
    /// Day by which all gaps are to be closed.
    pub remedy_due_on: Date,
    /// Requirements not met. Empty: the paper says so.
    pub gaps: Vec<Gap>,
    /// Effect on the service during the change, safeguards.
    #[serde(default)]
    pub impact: String,
    /// Further sections.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// A requirement that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Obligation key, e.g. `O-122`.
    pub obligation: String,
    /// Place in the annex, e.g. `【電気設備】1`.
    pub clause: String,
    /// The requirement's text.
    pub requirement: String,
    /// 不足箇所.
    pub shortfall: String,
    /// 改善手順 in order.
    pub steps: Vec<String>,
    /// Planned end.
    pub due_on: Date,
    /// Who does it.
    pub in_charge: String,
}

impl ChangePlan {
    pub(crate) fn to_report(&self) -> Report {
        let mut facts = Vec::new();
        if let Some(day) = self.contract_signed_on {
            facts.push(Fact::new("契約締結日", date_in_words(day)));
        }
        if let Some(day) = self.plan_due_on {
            facts.push(Fact::new("本書の提出期限", date_in_words(day)));
        }
        facts.push(Fact::new("改善の期限", date_in_words(self.remedy_due_on)));
        facts.push(Fact::new("不足箇所の数", format!("{}件", self.gaps.len())));
        let opening = vec![Block::Paragraph(self.basis.clone()), Block::Facts(facts)];
        let mut summary = Section::new("1　不足箇所と改善の期限");
        if self.gaps.is_empty() {
            summary = summary.paragraph("要件を満たしていない箇所はない。");
        } else {
            let mut table = Table::new(
                "",
                vec![
                    Column::new("番号", 0.7, Align::Center),
                    Column::new("要件", 3.2, Align::Left),
                    Column::new("不足箇所", 3.2, Align::Left),
                    Column::new("完了予定日", 2.9, Align::Left),
                    Column::new("担当", 1.4, Align::Left),
                ],
            );
            for (i, gap) in self.gaps.iter().enumerate() {
                table = table.row(vec![
                    Cell::count(i as u64 + 1),
                    Cell::text(format!("{}\n{}", gap.clause, gap.requirement)),
                    Cell::text(&gap.shortfall),
                    Cell::Date(gap.due_on),
                    Cell::text(&gap.in_charge),
                ]);
            }
            summary = summary.table(table);
            let late = self
                .gaps
                .iter()
                .filter(|gap| gap.due_on > self.remedy_due_on)
                .count();
            if late > 0 {
                summary = summary.note(format!(
                    "※完了予定日が改善の期限（{}）を過ぎるものが{late}件ある。",
                    date_in_words(self.remedy_due_on)
                ));
            }
        }
        let mut sections = vec![summary];
        if !self.gaps.is_empty() {
            let mut steps = Section::new("2　改善手順");
            for (i, gap) in self.gaps.iter().enumerate() {
                steps = steps
                    .block(Block::Emphasis(format!(
                        "{}　{}（{}）",
                        i + 1,
                        gap.clause,
                        gap.obligation
                    )))
                    .block(Block::Steps(gap.steps.clone()));
            }
            sections.push(steps);
        }
        if !self.impact.is_empty() {
            let number = sections.len() + 1;
            sections.push(
                Section::new(format!("{number}　運用への影響と対策")).paragraph(&self.impact),
            );
        }
        sections.extend(self.sections.iter().cloned());
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: false,
        }
    }
}
